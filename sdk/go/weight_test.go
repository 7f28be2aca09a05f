package ois

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Programs that do the same: the first by hand, the second with this package.
const (
	bareProgram = `package main

import (
	"fmt"
	"net/http"
	"strings"
)

func main() {
	for _, method := range []string{"PUT", "GET"} {
		req, err := http.NewRequest(method, "https://jn1a.is.shanhe.com/photos-1/k", strings.NewReader("hello"))
		if err != nil {
			panic(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			panic(err)
		}
		fmt.Println(res.Status)
		res.Body.Close()
	}
}
`
	ourProgram = `package main

import (
	"context"
	"fmt"
	"strings"

	ois "github.com/oisproject/ois/sdk/go"
)

func main() {
	ctx := context.Background()
	client, err := ois.New(ois.Config{AccessKeyID: "id", SecretAccessKey: "secret"})
	if err != nil {
		panic(err)
	}
	bucket := client.Bucket("photos-1", "jn1a")
	if _, err := bucket.Put(ctx, "k", strings.NewReader("hello"), nil); err != nil {
		panic(err)
	}
	r, err := bucket.Get(ctx, "k", nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(r.Length)
	r.Close()
}
`
)

// TestWeightOfAProgram: putting and getting an object adds no more than 0.6 MB to a program that
// has net/http. (Reading the configuration file adds 33 KB to that.)
func TestWeightOfAProgram(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("builds programs")
	}
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := map[string]string{
		"bare/main.go": bareProgram, "ours/main.go": ourProgram,
		"go.mod": fmt.Sprintf("module example.com/weight\n\ngo 1.24\n\nrequire github.com/oisproject/ois/sdk/go v0.0.0\n\nreplace github.com/oisproject/ois/sdk/go => %s\n", here),
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sizes := make(map[string]int64)
	for _, name := range []string{"bare", "ours"} {
		goTool(t, dir, "build", "-trimpath", "-ldflags", "-s -w", "-o", name+".bin", "./"+name)
		info, err := os.Stat(filepath.Join(dir, name+".bin"))
		if err != nil {
			t.Fatal(err)
		}
		sizes[name] = info.Size()
	}
	t.Logf("net/http alone: %d bytes, with this package %d more", sizes["bare"], sizes["ours"]-sizes["bare"])
	if added := sizes["ours"] - sizes["bare"]; added > 600_000 {
		t.Errorf("this package adds %d bytes to a program; want at most 600000", added)
	}
}

// TestModuleStandsAlone: who requires this module gets no other.
func TestModuleStandsAlone(t *testing.T) {
	out := goTool(t, ".", "list", "-m", "all")
	if list := strings.Fields(out); len(list) != 1 {
		t.Errorf("the module graph is %q; want this module alone", list)
	}
}

func goTool(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOPROXY=off")
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, &errs)
	}
	return string(out)
}
