//go:build unix

package packblob_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/blob/packblob"
	"github.com/oisproject/ois/internal/vfs"
)

// cpuTime returns the processor time that this process has used.
func cpuTime() time.Duration {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// onDisk returns the bytes that the files below a directory take on the disk.
func onDisk(t *testing.T, dir string) (n int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		fi, err := os.Stat(name)
		if err == nil {
			n += fi.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestRoomComesBack measures what blobs take on the disk while they come and go.
func TestRoomComesBack(t *testing.T) {
	dir := t.TempDir()
	start := func() *packblob.Engine {
		e, err := packblob.Open(vfs.Disk, dir, packblob.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	atMost := func(when string, limit int64) {
		t.Helper()
		if n := onDisk(t, dir); n > limit {
			t.Errorf("%s: %d bytes on the disk; want at most %d", when, n, limit)
		}
	}
	e := start()
	const each = 1 << 20
	ids := mustPut(t, e, 1, each, each, each, each, each, each, each, each, 17<<20)
	closeEngine(t, e)
	const room = each + 8192
	atMost("after Close", 8*room+17<<20+64<<10)

	e = start()
	p, err := vfs.Disk.OpenPack(filepath.Join(dir, "00000001", "000000000.pack"))
	if err != nil {
		t.Fatal(err)
	}
	hole := p.PunchHole(0, 0)
	if err := p.Close(); err != nil || hole != nil {
		t.Skipf("the file system of the test has no holes: %v, %v", hole, err)
	}
	if err := e.Delete(t.Context(), alive(ids[1:8]...), ids[8]); err != nil {
		t.Fatal(err)
	}
	atMost("after a pack was deleted", 8*room)
	if err := e.Delete(t.Context(), alive(ids[1:8]...), ids[0]); err != nil {
		t.Fatal(err)
	}
	atMost("after a blob was deleted", 7*room)
	if n, err := e.Collect(t.Context(), 1, alive(ids[2], ids[5]), false); err != nil || n < 5*each {
		t.Errorf("Collect = %d, %v; want 5 MiB or more", n, err)
	}
	atMost("after Collect", 2*room)
	for _, i := range []int{2, 5} {
		wantBlob(t, e, ids[i], uint64(i), each)
	}
	closeEngine(t, e)
}

// TestCollectGivesBackWhatACrashHasLeft opens a second engine without a Close of the first.
func TestCollectGivesBackWhatACrashHasLeft(t *testing.T) {
	dir := t.TempDir()
	var engines [2]*packblob.Engine
	for i := range engines {
		var err error
		if engines[i], err = packblob.Open(vfs.Disk, dir, packblob.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	ids := mustPut(t, engines[0], 1, 1000, 1000)
	if n, err := engines[1].Collect(t.Context(), 1, alive(ids...), false); err != nil || n != 0 {
		t.Errorf("Collect where all lives = %d, %v; want 0 and nil", n, err)
	}
	if n := onDisk(t, dir); n > 16<<10 {
		t.Errorf("two blobs of 1000 bytes take %d bytes on the disk after Collect; want at most 16 KiB", n)
	}
	for _, e := range engines {
		wantBlob(t, e, ids[0], 0, 1000)
		closeEngine(t, e)
	}
}
