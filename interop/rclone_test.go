package interop

import (
	"bytes"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRclone copies a tree up and down with rclone's qingstor backend. It is built with v3 of the Go SDK, which knows paths only.
func TestRclone(t *testing.T) {
	r := rclone{bin: buildRclone(t)}
	up, down := t.TempDir(), t.TempDir()
	files := map[string]int{"a.txt": 10, "empty": 0, "dir/b b.bin": 1 << 20, "dir/sub/中文.bin": 70 << 10, "big.bin": 9<<20 + 5}
	for name, size := range files {
		writeRandom(t, filepath.Join(up, name), size)
	}
	r.run(t, "mkdir", "ois:interop-rclone")
	r.run(t, "copy", up, "ois:interop-rclone/tree")
	r.run(t, "check", up, "ois:interop-rclone/tree") // fails if anything differs
	if out := r.run(t, "lsf", "-R", "--files-only", "ois:interop-rclone/tree"); strings.Count(out, "\n") != len(files) {
		t.Errorf("rclone lsf: %s; want %d files", out, len(files))
	}
	r.run(t, "copy", "ois:interop-rclone/tree", down)
	for name := range files {
		want, err := os.ReadFile(filepath.Join(up, name))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(down, name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s came back with %d bytes, %v; want %d", name, len(got), err, len(want))
		}
	}
	r.run(t, "moveto", "ois:interop-rclone/tree/a.txt", "ois:interop-rclone/tree/moved.txt")
	r.run(t, "deletefile", "ois:interop-rclone/tree/moved.txt")
	r.run(t, "purge", "ois:interop-rclone")
}

// rclone runs commands of an rclone that is configured by its environment.
type rclone struct{ bin string }

func (r rclone) run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := withNames(t, r.bin, append(args, "--retries", "1", "--qingstor-upload-cutoff", "4M", "--qingstor-chunk-size", "4M")...)
	cmd.Env = append(cmd.Env, "RCLONE_CONFIG_OIS_TYPE=qingstor", "RCLONE_CONFIG_OIS_ACCESS_KEY_ID="+keyID,
		"RCLONE_CONFIG_OIS_SECRET_ACCESS_KEY="+secret, "RCLONE_CONFIG_OIS_ZONE="+zone, "RCLONE_CONFIG_OIS_ENDPOINT=http://"+domain+":"+port)
	var talk strings.Builder
	cmd.Stderr = &talk
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("rclone %s: %v\n%s%s", strings.Join(args, " "), err, out, talk.String())
	}
	return string(out)
}

// buildRclone builds the rclone of the module in rclone/, once for all runs, and returns its name.
func buildRclone(t *testing.T) string {
	t.Helper()
	bin, err := filepath.Abs(filepath.Join("..", "bin", "rclone"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".")
	cmd.Dir, cmd.Env = "rclone", append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("rclone cannot be built here: %v\n%s", err, out)
	}
	return bin
}

func writeRandom(t *testing.T, name string, size int) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	_, _ = rand.Read(b) // it does not fail
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
