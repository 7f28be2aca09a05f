package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
)

var (
	syncKills = flag.Int("sync.kills", 4, "how often TestSyncOutlivesServers kills the server, each way")
	syncSeed  = flag.Uint64("sync.seed", 0, "seed of TestSyncOutlivesServers; 0 draws one")
)

const (
	syncStep  = 20      // files for each kill
	syncLarge = 9 << 20 // bytes of a file that goes in parts
	syncRuns  = 40      // of a sync in which nothing moves, before it is given up
)

// TestSyncOutlivesServers kills the server of a sync again and again, in the middle of whatever is under way, and begins the sync anew when it ends with an
// error. In the end both sides are alike, and nothing half done is left.
func TestSyncOutlivesServers(t *testing.T) {
	seed := *syncSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("repeat with -sync.seed=%d", seed)
	s := &syncTest{t: t, dir: t.TempDir(), rng: rand.New(rand.NewPCG(seed, 0))}
	s.fill("source")
	s.serve("127.0.0.1:0")
	defer func() { s.server.kill() }()
	if out, err := s.command("mb", "ois://sync-bucket").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.sync("source", "ois://sync-bucket/x")
	s.sync("ois://sync-bucket/x", "back")
	if out, err := s.command("diff", "--checksum", "source", "ois://sync-bucket/x").CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("ois diff: %v: %s; want no difference", err, out)
	}
	s.uploads()
	if source, back := s.read("source"), s.read("back"); len(source) != len(back) {
		t.Errorf("%d files have become %d", len(source), len(back))
	} else {
		for name, data := range source {
			if !bytes.Equal(back[name], data) {
				t.Errorf("%s is not what it was", name)
			}
		}
	}
	if notes := s.read("cache"); len(notes) > 0 {
		t.Errorf("%d notes about transfers are left", len(notes))
	}
	s.server.kill()
	if out, err := run(t.Context(), "fsck", "--data", filepath.Join(s.dir, "data")); err != nil || !fsckClean.MatchString(out) {
		t.Errorf("ois fsck prints\n%s%v; want no problem", out, err)
	}
}

// A syncTest is one run of TestSyncOutlivesServers.
type syncTest struct {
	t      *testing.T
	dir    string
	rng    *rand.Rand
	server *process
}

// fill makes a folder of files.
func (s *syncTest) fill(name string) {
	s.t.Helper()
	for i := range *syncKills * syncStep {
		size := s.rng.IntN(20 << 10)
		if i%(2*syncStep) == 0 {
			size += syncLarge
		}
		data := make([]byte, size)
		for j := range data {
			data[j] = byte(s.rng.Uint32())
		}
		file := filepath.Join(s.dir, name, fmt.Sprintf("%02d", i%7), fmt.Sprint(i))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, data, 0o600)); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *syncTest) serve(listen string) {
	s.t.Helper()
	env := append(os.Environ(), "OIS_ROOT_ACCESS_KEY_ID=root", "OIS_ROOT_SECRET_ACCESS_KEY=secret")
	p, err := serve(s.t.Context(), s.dir, env, "--data", "data", "--listen", listen)
	if err != nil {
		s.t.Fatal(err)
	}
	s.server = p
}

// restart kills the server and starts another one at its address.
func (s *syncTest) restart() {
	s.t.Helper()
	u, err := url.Parse(s.server.url)
	if err != nil {
		s.t.Fatal(err)
	}
	s.server.kill()
	s.serve(u.Host)
}

func (s *syncTest) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(s.t.Context(), "ois", args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "OIS_ENDPOINT="+s.server.url, "OIS_ACCESS_KEY_ID=root", "OIS_SECRET_ACCESS_KEY=secret",
		"XDG_CACHE_HOME="+filepath.Join(s.dir, "cache"))
	return cmd
}

// sync runs a sync until all is well. Whenever it has told of some files, which are few enough for all kills, the server is killed.
func (s *syncTest) sync(from, to string) {
	s.t.Helper()
	kills, left, runs := 0, 1+s.rng.IntN(syncStep), 0
	for {
		cmd := s.command("sync", "-v", "--continue", "--part-size", "4MiB", from, to)
		var talk bytes.Buffer
		cmd.Stderr = &talk
		out, err := cmd.StdoutPipe()
		if err != nil {
			s.t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			s.t.Fatal(err)
		}
		moved := 0
		for lines := bufio.NewScanner(out); lines.Scan(); moved++ {
			if left--; left == 0 && kills < *syncKills {
				kills, left = kills+1, 1+s.rng.IntN(syncStep)
				s.restart()
			}
		}
		if err := cmd.Wait(); err == nil {
			break
		}
		if runs++; moved > 0 {
			runs = 0
		}
		if status := cmd.ProcessState.ExitCode(); runs == syncRuns || status != 1 && status != 5 {
			s.t.Fatalf("ois sync %s %s: status %d\n%s", from, to, status, &talk)
		}
	}
	if kills == 0 {
		s.t.Errorf("the server of ois sync %s %s was never killed", from, to)
	}
	s.t.Logf("ois sync %s %s: %d kills", from, to, kills)
}

// uploads wants no parts to be left. An upload without parts may be there: if the server died before it told the name of it, nobody could use or abort it.
func (s *syncTest) uploads() {
	s.t.Helper()
	c, err := ois.New(ois.Config{Endpoint: s.server.url, AccessKeyID: "root", SecretAccessKey: "secret"})
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.CloseIdleConnections()
	list, err := c.API().ListMultipartUploads(s.t.Context(), &api.ListMultipartUploadsInput{Bucket: "sync-bucket"})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, u := range list.Uploads {
		out, err := c.API().ListMultipart(s.t.Context(), &api.ListMultipartInput{Bucket: "sync-bucket", Key: u.Key, UploadID: u.UploadID})
		if err != nil || len(out.ObjectParts) > 0 {
			s.t.Errorf("the upload %s of %s is left, with %d parts, %v", u.UploadID, u.Key, len(out.ObjectParts), err)
		}
	}
}

// read reads all files of a folder, if there is one.
func (s *syncTest) read(name string) map[string][]byte {
	s.t.Helper()
	files := make(map[string][]byte)
	root := filepath.Join(s.dir, name)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, root)] = data
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.t.Fatal(err)
	}
	return files
}
