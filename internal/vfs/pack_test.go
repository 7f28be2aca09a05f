package vfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

// eachPack runs a test with a new pack on every file system, and on each behind errfs.
func eachPack(t *testing.T, test func(t *testing.T, fsys vfs.FS, name string, p vfs.Pack)) {
	run := func(t *testing.T, fsys vfs.FS, name string) {
		p := newPack(t, fsys, name)
		defer func() {
			if err := p.Close(); err != nil && !errors.Is(err, fs.ErrClosed) {
				t.Errorf("Close = %v; want nil", err)
			}
		}()
		test(t, fsys, name, p)
	}
	each(t, func(t *testing.T, fsys vfs.FS, dir string) {
		run(t, fsys, fsys.PathJoin(dir, "p"))
		t.Run("errfs", func(t *testing.T) { run(t, errfs.New(fsys), fsys.PathJoin(dir, "errfs")) })
	})
}

func newPack(t testing.TB, fsys vfs.FS, name string) vfs.Pack {
	t.Helper()
	p, err := fsys.CreatePack(name, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func writeAt(t testing.TB, p vfs.Pack, b []byte, off int64) {
	t.Helper()
	if n, err := p.WriteAt(b, off); n != len(b) || err != nil {
		t.Fatalf("WriteAt %d bytes to %d = %d, %v", len(b), off, n, err)
	}
}

// viewOf returns a copy of a view.
func viewOf(t testing.TB, p vfs.Pack, off, n int64) []byte {
	t.Helper()
	var got []byte
	if err := p.View(off, n, func(b []byte) error {
		got = bytes.Clone(b)
		return nil
	}); err != nil {
		t.Fatalf("View of %d bytes from %d = %v", n, off, err)
	}
	return got
}

// pattern returns n bytes in which each place looks different.
func pattern(n int, seed uint64) []byte {
	b := make([]byte, n)
	r := rand.NewPCG(seed, 0)
	for i := 0; i < n; i += 8 {
		copy(b[i:], strconv.AppendUint(make([]byte, 0, 20), r.Uint64()|1<<63, 10)[:8])
	}
	return b
}

func TestPack(t *testing.T) {
	eachPack(t, func(t *testing.T, fsys vfs.FS, name string, p vfs.Pack) {
		b := []byte("hello")
		writeAt(t, p, b, 10)
		if string(b) != "hello" {
			t.Errorf("WriteAt has changed the bytes to %q", b)
		}
		writeAt(t, p, []byte("ab"), 3)
		if err := errors.Join(p.Preallocate(15, 1<<16), p.SyncData()); err != nil {
			t.Errorf("Preallocate and SyncData = %v; want nil", err)
		}
		if size, err := p.Size(); size != 15 || err != nil {
			t.Errorf("Size = %d, %v; want 15", size, err)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		want := "\x00\x00\x00ab\x00\x00\x00\x00\x00hello"
		wantFile(t, fsys, name, want)
		p, err := fsys.OpenPack(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := viewOf(t, p, 0, 15); string(got) != want {
			t.Errorf("View of all = %q; want %q", got, want)
		}
		writeAt(t, p, []byte("!"), 15)
		if got := viewOf(t, p, 9, 7); string(got) != "\x00hello!" {
			t.Errorf("View of 7 bytes from 9 = %q; want them with what was appended", got)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestPackIsCreatedOnceAndOpenedIfItIsThere(t *testing.T) {
	eachPack(t, func(t *testing.T, fsys vfs.FS, name string, _ vfs.Pack) {
		if _, err := fsys.CreatePack(name, 0o600); !errors.Is(err, fs.ErrExist) {
			t.Errorf("second CreatePack = %v; want ErrExist", err)
		}
		for range 2 { // OpenPack makes no file
			if _, err := fsys.OpenPack(name + "x"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("OpenPack of a missing file = %v; want ErrNotExist", err)
			}
		}
		if _, err := fsys.CreatePack(fsys.PathJoin(name+"x", "p"), 0o600); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("CreatePack in a missing directory = %v; want ErrNotExist", err)
		}
		if _, err := fsys.OpenPack(fsys.PathDir(name)); err == nil {
			t.Error("OpenPack of a directory = nil; want an error")
		}
	})
}

func TestPackRefusesRangesOutsideOfTheFile(t *testing.T) {
	eachPack(t, func(t *testing.T, _ vfs.FS, name string, p vfs.Pack) {
		writeAt(t, p, []byte("0123456789"), 0)
		for _, r := range []struct {
			off, n int64
			want   error
		}{
			{0, 10, nil},
			{10, 0, nil},
			{3, 0, nil},
			{0, 11, io.ErrUnexpectedEOF},
			{10, 1, io.ErrUnexpectedEOF},
			{11, 0, io.ErrUnexpectedEOF},
			{1 << 40, 1 << 40, io.ErrUnexpectedEOF},
			{5, math.MaxInt64 - 5, io.ErrUnexpectedEOF},
			{6, math.MaxInt64 - 5, fs.ErrInvalid},
			{-1, 5, fs.ErrInvalid},
			{5, -1, fs.ErrInvalid},
		} {
			used, got := false, int64(0)
			err := p.View(r.off, r.n, func(b []byte) error {
				used, got = true, int64(len(b))
				return nil
			})
			if !errors.Is(err, r.want) {
				t.Errorf("View of %d bytes from %d = %v; want %v", r.n, r.off, err, r.want)
			}
			if r.want != nil && (used || got != 0 || err == nil || !strings.Contains(err.Error(), name)) {
				t.Errorf("View of %d bytes from %d touched %d bytes, %v; want none, an error with the name", r.n, r.off, got, err)
			}
			if r.want == nil && got != r.n {
				t.Errorf("View of %d bytes from %d has given %d", r.n, r.off, got)
			}
		}
	})
}

func TestPackRefusesImpossibleRanges(t *testing.T) {
	eachPack(t, func(t *testing.T, _ vfs.FS, name string, p vfs.Pack) {
		for _, r := range [][2]int64{{-1, 1}, {1, -1}, {2, math.MaxInt64 - 1}} {
			for call, err := range map[string]error{
				"Preallocate": p.Preallocate(r[0], r[1]),
				"PunchHole":   p.PunchHole(r[0], r[1]),
			} {
				if !errors.Is(err, fs.ErrInvalid) || !strings.Contains(err.Error(), name) {
					t.Errorf("%s(%d, %d) = %v; want ErrInvalid with the name", call, r[0], r[1], err)
				}
			}
		}
		if _, err := p.WriteAt([]byte("x"), -1); err == nil {
			t.Error("WriteAt(-1) = nil; want an error")
		}
		if err := errors.Join(p.Preallocate(5, 0), p.PunchHole(5, 0)); err != nil {
			t.Errorf("Preallocate and PunchHole of nothing = %v; want nil", err)
		}
		if size, err := p.Size(); size != 0 || err != nil {
			t.Errorf("Size = %d, %v; want 0", size, err)
		}
	})
}

func TestErrorOfTheUserOfAViewIsReturned(t *testing.T) {
	eachPack(t, func(t *testing.T, _ vfs.FS, _ string, p vfs.Pack) {
		writeAt(t, p, pattern(100, 1), 0)
		mine := errors.New("mine")
		if err := p.View(0, 100, func([]byte) error { return mine }); err != mine { //nolint:errorlint // it is not wrapped
			t.Errorf("View = %v; want the error of use", err)
		}
		defer func() {
			if r := recover(); r != "mine" {
				t.Errorf("recovered %v; want the panic of use", r)
			}
		}()
		_ = p.View(0, 100, func([]byte) error { panic("mine") })
	})
}

func TestClosedPackFailsEveryCall(t *testing.T) {
	eachPack(t, func(t *testing.T, _ vfs.FS, name string, p vfs.Pack) {
		writeAt(t, p, []byte("0123456789"), 0)
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		_, write := p.WriteAt([]byte("x"), 0)
		_, size := p.Size()
		calls := map[string]error{
			"WriteAt": write, "Size": size,
			"SyncData": p.SyncData(),
			"View":     p.View(0, 10, func([]byte) error { return nil }),
			"Close":    p.Close(),
		}
		if runtime.GOOS == "linux" { // others do nothing there
			calls["Preallocate"], calls["PunchHole"] = p.Preallocate(0, 10), p.PunchHole(0, 10)
		}
		for call, err := range calls {
			if !errors.Is(err, fs.ErrClosed) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s after Close = %v; want ErrClosed with the name", call, err)
			}
		}
	})
}

func TestPunchedHoleReadsAsZeros(t *testing.T) {
	eachPack(t, func(t *testing.T, _ vfs.FS, _ string, p vfs.Pack) {
		want := pattern(5*4096+100, 1)
		writeAt(t, p, want, 0)
		for _, r := range [][2]int64{{4096, 8192}, {16000, 100}, {5 * 4096, 4096}, {1 << 20, 4096}} {
			err := p.PunchHole(r[0], r[1])
			if errors.Is(err, vfs.ErrNoHoles) {
				t.Skip("the file system of the temporary directory has no holes")
			}
			if err != nil {
				t.Fatalf("PunchHole(%d, %d) = %v", r[0], r[1], err)
			}
			clear(want[min(r[0], int64(len(want))):min(r[0]+r[1], int64(len(want)))])
		}
		if got := viewOf(t, p, 0, int64(len(want))); !bytes.Equal(got, want) {
			t.Error("bytes in the holes are not zeros, or others are")
		}
		if size, err := p.Size(); size != int64(len(want)) || err != nil {
			t.Errorf("Size = %d, %v; want %d", size, err, len(want))
		}
	})
}

func TestPackGrowsByAWriteFarAway(t *testing.T) {
	eachPack(t, func(t *testing.T, fsys vfs.FS, name string, p vfs.Pack) {
		const far = 8 << 20
		writeAt(t, p, []byte("near"), 0)
		writeAt(t, p, []byte("far"), far)
		if got := viewOf(t, p, 0, 8); string(got) != "near\x00\x00\x00\x00" {
			t.Errorf("beginning is %q", got)
		}
		if got := viewOf(t, p, far-1, 4); string(got) != "\x00far" {
			t.Errorf("end is %q", got)
		}
		again, err := fsys.OpenPack(name)
		if err != nil {
			t.Fatal(err)
		}
		writeAt(t, again, []byte("farther"), far+10)
		if got := viewOf(t, p, far, 17); string(got) != "far\x00\x00\x00\x00\x00\x00\x00farther" {
			t.Errorf("end is %q after a write by another pack", got)
		}
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestPackServesManyAtOnce has writers of neighbouring ranges, each of which syncs and
// reads back what it has written, while holes are punched around them.
func TestPackServesManyAtOnce(t *testing.T) {
	const writers, rounds, piece = 6, 12, 4096 + 512
	eachPack(t, func(t *testing.T, _ vfs.FS, _ string, p vfs.Pack) {
		want := pattern(writers*rounds*piece, 3)
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for r := range rounds {
					off := (r*writers + w) * piece
					if err := writeAndCheck(p, want[off:off+piece], int64(off)); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		all.Go(func() {
			for range rounds { // where nothing is yet, or never will be
				if err := p.PunchHole(writers*rounds*piece, 1<<20); err != nil && !errors.Is(err, vfs.ErrNoHoles) {
					t.Error(err)
				}
			}
		})
		all.Wait()
		if got := viewOf(t, p, 0, int64(len(want))); !bytes.Equal(got, want) {
			t.Error("the file does not hold what was written")
		}
	})
}

func writeAndCheck(p vfs.Pack, b []byte, off int64) error {
	_, err := p.WriteAt(b, off)
	if err := errors.Join(err, p.SyncData()); err != nil {
		return err
	}
	return p.View(off, int64(len(b)), func(got []byte) error {
		if !bytes.Equal(got, b) {
			return fmt.Errorf("View from %d: not what was written", off)
		}
		return nil
	})
}

func TestPackThatWasCutIsAnError(t *testing.T) {
	name := vfs.Disk.PathJoin(t.TempDir(), "p")
	p := newPack(t, vfs.Disk, name)
	writeAt(t, p, pattern(4<<20, 1), 0)
	if err := os.Truncate(name, 3<<20); err != nil {
		t.Fatal(err)
	}
	err := p.View(3<<20-10, 20, func([]byte) error { return errors.New("used") })
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), name) {
		t.Errorf("View of what was cut off = %v; want ErrUnexpectedEOF with the name", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestPowerLossOfPack(t *testing.T) {
	const pages, page = 64, 4096
	mem := vfs.NewCrashableMem()
	p := newPack(t, mem, "p")
	if err := vfs.SyncDir(mem, "/"); err != nil {
		t.Fatal(err)
	}
	want := pattern(pages*page, 1)
	for i := range pages / 2 {
		writeAt(t, p, want[i*2*page:(i*2+1)*page], int64(i*2*page)) // even pages
	}
	if err := p.SyncData(); err != nil {
		t.Fatal(err)
	}
	for i := range pages / 2 {
		writeAt(t, p, want[(i*2+1)*page:(i*2+2)*page], int64((i*2+1)*page)) // odd pages, not synced
	}
	kept := 0
	for seed := range uint64(4) {
		b, err := vfs.ReadFile(mem.PowerLoss(50, seed), "p", 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for i := range len(b) / page {
			got, zeros := b[i*page:(i+1)*page], make([]byte, page)
			is := bytes.Equal(got, want[i*page:(i+1)*page])
			if i%2 == 1 && is {
				kept++
			}
			if !is && (i%2 == 0 || !bytes.Equal(got, zeros)) {
				t.Errorf("seed %d: page %d is broken after power loss; want all of it, or zeros if it was not synced", seed, i)
			}
		}
		if len(b) < (pages-1)*page {
			t.Errorf("seed %d: %d bytes are left; want all synced pages", seed, len(b))
		}
	}
	if kept == 0 || kept == 4*pages/2 {
		t.Errorf("%d of %d pages that were not synced are left; want some", kept, 4*pages/2)
	}
}

func TestPowerLossMayUndoAHole(t *testing.T) {
	mem := vfs.NewCrashableMem()
	p := newPack(t, mem, "p")
	writeAt(t, p, []byte("secret"), 0)
	if err := errors.Join(p.SyncData(), vfs.SyncDir(mem, "/"), p.PunchHole(0, 100)); err != nil {
		t.Fatal(err)
	}
	wantFile(t, mem.PowerLoss(0, 0), "p", "secret")
	wantFile(t, mem.PowerLoss(100, 0), "p", "\x00\x00\x00\x00\x00\x00")
	if err := p.SyncData(); err != nil {
		t.Fatal(err)
	}
	wantFile(t, mem.PowerLoss(0, 0), "p", "\x00\x00\x00\x00\x00\x00")
}

func TestPowerLossAsPacksAreWritten(t *testing.T) {
	mem := vfs.NewCrashableMem()
	p := newPack(t, mem, "p")
	if err := vfs.SyncDir(mem, "/"); err != nil {
		t.Fatal(err)
	}
	const writers, rounds, page = 4, 10, 4096
	want := pattern(writers*rounds*page, 1)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for r := range rounds {
				off := (r*writers + w) * page
				if err := writeAndCheck(p, want[off:off+page], int64(off)); err != nil {
					t.Error(err)
					return
				}
				b, err := vfs.ReadFile(mem.PowerLoss(0, 0), "p", 1<<20)
				if err != nil || len(b) < off+page || !bytes.Equal(b[off:off+page], want[off:off+page]) {
					t.Errorf("synced page %d is not there after power loss, %v", off/page, err)
				}
			}
		})
	}
	all.Wait()
}

func TestViewOfACrashableFileEndsWithTheCall(t *testing.T) {
	p := newPack(t, vfs.NewCrashableMem(), "p")
	writeAt(t, p, []byte("secret"), 0)
	var kept []byte
	if err := p.View(0, 6, func(b []byte) error {
		kept = b
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if string(kept) == "secret" {
		t.Error("a view that was kept still shows the bytes")
	}
	if got := viewOf(t, p, 0, 6); string(got) != "secret" {
		t.Errorf("the next view shows %q; want secret", got)
	}
}

func TestDiskUsage(t *testing.T) {
	each(t, func(t *testing.T, fsys vfs.FS, dir string) {
		u, err := fsys.GetDiskUsage(dir)
		if err != nil || u.AvailBytes == 0 || u.TotalBytes < u.AvailBytes || u.TotalBytes < u.UsedBytes {
			t.Errorf("GetDiskUsage = %+v, %v; want free space of some total", u, err)
		}
	})
}

func TestMemHasAsMuchFreeSpaceAsATestWants(t *testing.T) {
	mem := vfs.NewCrashableMem()
	mem.SetFree(1000, 5000)
	for _, m := range []*vfs.Mem{mem, mem.PowerLoss(0, 0)} {
		u, err := m.GetDiskUsage("/")
		if want := (vfs.DiskUsage{AvailBytes: 1000, TotalBytes: 5000, UsedBytes: 4000}); err != nil || u != want {
			t.Errorf("GetDiskUsage = %+v, %v; want %+v", u, err, want)
		}
		p := newPack(t, m, "p")
		if err := p.Preallocate(1<<30, 1000); err != nil {
			t.Errorf("Preallocate of what is free = %v; want nil", err)
		}
		if err := p.Preallocate(0, 1001); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Preallocate of more than is free = %v; want ENOSPC", err)
		}
	}
}
