package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	ois "github.com/oisproject/ois/sdk/go"
)

// TestServeOnAFullDisk fills small file systems, by requests and then from outside to the last byte. Requests that need room
// get 503 and nothing else, all others are answered, and nothing that was acknowledged is lost.
func TestServeOnAFullDisk(t *testing.T) {
	for name, c := range map[string]struct {
		mount   func(*testing.T) string
		minFree string
	}{
		"ext4":  {mountExt4, "13MiB"}, // more than the ballast, as on a large disk
		"tmpfs": {mountTmpfs, ""},
	} {
		for _, reopened := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/reopened=%t", name, reopened), func(t *testing.T) {
				f := &full{data: c.mount(t), minFree: c.minFree, acked: make(map[string]int)}
				f.serve(t)
				f.putSmall(t)
				f.fill(t)
				f.takeAll(t)
				f.wantRefused(t)
				if reopened {
					f.end(t)
					f.takeAll(t) // what it has given back
					f.serve(t)
				}
				f.verify(t)
				f.removeSome(t)
				f.giveBack(t)
				f.putAgain(t)

				f.fill(t)
				f.removeSome(t)
				f.putAgain(t)
				f.verify(t)
				f.end(t)
				f.check(t)
			})
		}
	}
}

func mountExt4(t *testing.T) string {
	t.Helper()
	image := filepath.Join(t.TempDir(), "image")
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 96<<20)); err != nil {
		t.Fatal(err)
	}
	mkfs, err := exec.LookPath("mkfs.ext4")
	if err != nil {
		t.Skip("there is no mkfs.ext4")
	}
	if out, err := exec.CommandContext(t.Context(), mkfs, "-q", "-F", image).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4: %v\n%s", err, out)
	}
	return mount(t, "-t", "ext4", "-o", "loop", image)
}

func mountTmpfs(t *testing.T) string {
	t.Helper()
	return mount(t, "-t", "tmpfs", "-o", "size=96m", "ois")
}

// mount mounts a file system until the test ends.
func mount(t *testing.T, args ...string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may mount file systems")
	}
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", append(args, dir)...).CombinedOutput(); err != nil {
		t.Skipf("file systems cannot be mounted here: mount: %v: %s", err, bytes.TrimSpace(out))
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil { // a server may be stopping
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// A full is a server on a file system that gets full.
type full struct {
	data    string // the root of the file system
	minFree string
	server  *serving
	client  *ois.Client
	bucket  *ois.Bucket
	n       int            // objects that were tried
	acked   map[string]int // sizes of those that must be there
}

func (f *full) serve(t *testing.T) {
	t.Helper()
	f.server = serve(t, nil, "--data", f.data, "--min-free", f.minFree)
	var err error
	f.client, err = ois.New(ois.Config{
		Endpoint: f.server.url, AccessKeyID: "id", SecretAccessKey: "secret", Retry: ois.RetryPolicy{MaxAttempts: 100},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.bucket = f.client.Bucket("test-bucket", "")
	if f.n > 0 {
		return // the bucket is there
	}
	if err := f.bucket.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// end stops the server, which was sound all the time.
func (f *full) end(t *testing.T) {
	t.Helper()
	f.client.CloseIdleConnections()
	f.server.end(t)
	if log := f.server.stderr.String(); strings.Contains(log, "status=500") {
		t.Errorf("a request was answered with 500:\n%s", log)
	}
}

// fullSizes are those of objects beside the metadata, in a shared pack, in one of their own, and of one that is sent without
// its length.
var fullSizes = []int{100, 10_000, 100_000, 1 << 20, 5 << 20, 17 << 20, -300_000}

// fullNoise is what all objects are cut from, each from its own place on: with the race detector much fresh memory takes much time.
var fullNoise = sync.OnceValue(func() []byte {
	b := make([]byte, 18<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b) // never fails
	return b
})

// fullContent returns n bytes of the object of that number.
func fullContent(object, n int) []byte { return fullNoise()[object:][:n] }

// put puts the next object of a size, negative to send it without its length.
func (f *full) put(ctx context.Context, size int) error {
	key := fmt.Sprintf("object-%05d", f.n)
	var body io.Reader = bytes.NewReader(fullContent(f.n, max(size, -size)))
	f.n++
	if size < 0 {
		body = struct{ io.Reader }{body}
	}
	_, err := f.bucket.Put(ctx, key, body, nil)
	if err == nil {
		f.acked[key] = max(size, -size)
	}
	return err
}

// wantNoRoom checks that an error is the one that tells of a full disk.
func wantNoRoom(t *testing.T, err error) {
	t.Helper()
	e, ok := errors.AsType[*ois.Error](err)
	if !ok || e.Status != 503 || e.Code != "service_unavailable" || !strings.Contains(e.Message, "the disk of the server") {
		t.Fatalf("Put = %v; want 503 service_unavailable that tells of the disk", err)
	}
}

// fill puts objects of all sizes until each was refused.
func (f *full) fill(t *testing.T) {
	t.Helper()
	ctx := ois.WithoutRetry(t.Context())
	refused := make(map[int]bool)
	for len(refused) < len(fullSizes) {
		size := fullSizes[f.n%len(fullSizes)]
		if err := f.put(ctx, size); err != nil {
			wantNoRoom(t, err)
			refused[size] = true
		}
	}
	if log := f.server.stderr.String(); !strings.Contains(log, "the disk is full: writes are refused") {
		t.Errorf("the log does not tell that the disk is full:\n%s", log)
	}
}

// putSmall puts objects into the log of the metadata, which the next start has to write out.
func (f *full) putSmall(t *testing.T) {
	t.Helper()
	for range 200 {
		if err := f.put(t.Context(), 10_000); err != nil {
			t.Fatal(err)
		}
	}
}

func (f *full) wantRefused(t *testing.T) {
	t.Helper()
	for _, size := range fullSizes {
		if err := f.put(ois.WithoutRetry(t.Context()), size); err == nil {
			t.Errorf("Put of %d bytes on a full disk = nil; want 503", size)
		} else {
			wantNoRoom(t, err)
		}
	}
}

// takeAll takes all that is free from outside.
func (f *full) takeAll(t *testing.T) {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(f.data, "foreign"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for piece := make([]byte, 1<<20); len(piece) > 0; {
		if _, err = file.Write(piece); err != nil {
			piece = piece[:len(piece)/2]
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("write = %v; want that the disk is full", err)
	}
}

// giveBack gives back what takeAll took.
func (f *full) giveBack(t *testing.T) {
	t.Helper()
	if err := os.Remove(filepath.Join(f.data, "foreign")); err != nil {
		t.Fatal(err)
	}
}

// removeSome deletes every other object.
func (f *full) removeSome(t *testing.T) {
	t.Helper()
	for i, key := range slices.Sorted(maps.Keys(f.acked)) {
		if i%2 > 0 {
			continue
		}
		if err := f.bucket.Remove(ois.WithoutRetry(t.Context()), key, nil); err != nil {
			t.Fatalf("Remove(%q) on a full disk = %v; want nil", key, err)
		}
		delete(f.acked, key)
	}
}

// putAgain puts objects where there is room again. The client repeats them until the server has noticed.
func (f *full) putAgain(t *testing.T) {
	t.Helper()
	for _, size := range []int{100, 10_000, 100_000} {
		if err := f.put(t.Context(), size); err != nil {
			t.Fatalf("Put of %d bytes where there is room = %v; want nil", size, err)
		}
	}
}

// verify reads all objects.
func (f *full) verify(t *testing.T) {
	t.Helper()
	seen := 0
	for o, err := range f.bucket.Objects(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		seen++
		if n, ok := f.acked[o.Key]; !ok || o.Size != int64(n) {
			t.Errorf("object %q of %d bytes is listed; want it not, or of %d", o.Key, o.Size, n)
		}
	}
	if seen != len(f.acked) {
		t.Errorf("%d objects are listed; want %d", seen, len(f.acked))
	}
	for key, n := range f.acked {
		var object int
		if _, err := fmt.Sscanf(key, "object-%d", &object); err != nil {
			t.Fatal(err)
		}
		r, err := f.bucket.Get(t.Context(), key, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := comparison{want: fullContent(object, n)}
		_, err = io.Copy(&got, r)
		if err := errors.Join(err, r.Close()); err != nil || got.n != n {
			t.Errorf("object %q: %d of its bytes, %v; want %d", key, got.n, err, n)
		}
	}
}

// A comparison is a writer that takes the bytes it wants, and no others.
type comparison struct {
	want []byte
	n    int // bytes taken
}

func (c *comparison) Write(p []byte) (int, error) {
	if !bytes.HasPrefix(c.want[c.n:], p) {
		return 0, errors.New("other bytes than were put")
	}
	c.n += len(p)
	return len(p), nil
}

// check wants that nothing is wrong.
func (f *full) check(t *testing.T) {
	t.Helper()
	a, stdout, stderr := newApp("fsck", "--data", f.data)
	if got := a.run(t.Context()); got != exitOK {
		t.Errorf("ois fsck = %d; want 0\n%s%s", got, stdout, stderr)
	}
}
