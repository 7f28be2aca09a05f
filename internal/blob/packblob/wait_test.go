package packblob_test

import (
	"errors"
	"io"
	"io/fs"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/blob/packblob"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

// atOnce fails the test if do waits for something.
func atOnce(t *testing.T, what string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatalf("%s waits", what)
	}
}

// TestStalledCreateIsInNobodysWay has the disk take its time over the file of a new pack.
func TestStalledCreateIsInNobodysWay(t *testing.T) {
	for name, size := range map[string]int{"one of its own": 140 << 10, "the next shared one": 130 << 10} {
		fsys := errfs.New(vfs.NewMem())
		e := open(t, fsys)
		ids := mustPut(t, e, 1, 10, 5000)
		unsettled, _, err := e.Put(t.Context(), 1, 5, blob.Read(strings.NewReader("first")))
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		slow := &gated{left: 2, asked: make(chan struct{}), gate: make(chan struct{})}
		wg.Go(func() {
			if _, _, err := e.Put(t.Context(), 1, 2*blob.PieceLen, slow); err != nil {
				t.Error(err)
			}
		})
		slow.lend()
		<-slow.asked // it has its room
		hook, stalled, release := errfs.Stall(func(op errfs.Op) bool { return op.Kind == "createpack" })
		fsys.SetHook(hook)
		wg.Go(func() {
			id, err := put(t.Context(), e, 1, content(7, size))
			if err != nil {
				t.Error(err)
			}
			wantBlob(t, e, id, 7, size)
		})
		<-stalled
		what := "while the disk makes " + name + ", "
		atOnce(t, what+"the end of a Put", func() {
			slow.gate <- struct{}{}
			slow.lend()
		})
		atOnce(t, what+"Settle", func() { e.Settle(unsettled) })
		atOnce(t, what+"a read", func() { wantBlob(t, e, ids[1], 1, 5000) })
		atOnce(t, what+"Delete", func() {
			if err := e.Delete(t.Context(), alive(ids[1:]...), ids[0]); err != nil {
				t.Error(err)
			}
		})
		if size > int(small.OwnLen) {
			atOnce(t, what+"a Put that needs none", func() { mustPut(t, e, 1, 10) })
		}
		release()
		wg.Wait()
		closeEngine(t, e)
	}
}

// TestPutsThatNeedAPackShareIt has several Puts begin while there is no pack.
func TestPutsThatNeedAPackShareIt(t *testing.T) {
	fsys := errfs.New(vfs.NewMem())
	e := open(t, fsys)
	hook, stalled, release := errfs.Stall(func(op errfs.Op) bool { return op.Kind == "createpack" })
	fsys.SetHook(hook)
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() { mustPut(t, e, 1, 10) })
	}
	<-stalled
	for range 1000 {
		runtime.Gosched() // the others go as far as they can
	}
	release()
	wg.Wait()
	if got := packs(t, fsys); len(got) != 1 {
		t.Errorf("packs after 5 Puts at once: %v; want one", got)
	}
	closeEngine(t, e)
}

// TestDirectoryGoesBesideItsFirstPut has something put in an epoch for the first time, while its empty directory is removed.
func TestDirectoryGoesBesideItsFirstPut(t *testing.T) {
	mem := vfs.NewCrashableMem()
	fsys := errfs.New(mem)
	e := open(t, fsys)
	old := mustPut(t, e, 1, 10)
	closeEngine(t, e)
	e = open(t, fsys)
	other := mustPut(t, e, 2, 10)[0]
	const dir = root + "/00000001"
	removed := make(chan struct{})
	var id blob.ID
	var wg sync.WaitGroup
	fsys.SetHook(func(op errfs.Op) error {
		switch {
		case op.Kind == "remove" && op.Path == dir:
			wg.Go(func() {
				var err error
				if id, err = put(t.Context(), e, 1, content(0, 10)); err != nil {
					t.Errorf("Put while the directory goes: %v", err)
				}
			})
			atOnce(t, "while a directory is removed, what has to do with others", func() {
				packblob.WaitForWriter(e, 1)
				for range 1000 {
					runtime.Gosched() // the Put goes as far as it can
				}
				wantBlob(t, e, other, 0, 10)
				mustPut(t, e, 2, 10)
			})
		case op.Kind == "createpack" && strings.HasPrefix(op.Path, dir):
			<-removed
		}
		return nil
	})
	if err := e.Delete(t.Context(), alive(other), old...); err != nil {
		t.Error(err)
	}
	close(removed)
	wg.Wait()
	fsys.SetHook(nil)
	left := open(t, mem.PowerLoss(0, 0))
	wantBlob(t, left, id, 0, 10)
	closeEngine(t, e)
	closeEngine(t, left)
}

// TestPackThatIsLookedForTooEarly opens a blob that is not there in a pack that is made meanwhile.
func TestPackThatIsLookedForTooEarly(t *testing.T) {
	fsys := errfs.New(vfs.NewMem())
	e := open(t, fsys)
	mustPut(t, e, 1, 10)
	hook, stalled, release := errfs.Stall(func(op errfs.Op) bool { return op.Kind == "openpack" })
	fsys.SetHook(hook)
	var wg sync.WaitGroup
	wg.Go(func() {
		r, err := e.Open(t.Context(), blob.ID{Epoch: 1, Seq: 1<<28 + 1}, 0, -1)
		if err == nil {
			err = r.Close()
		}
		if !errors.Is(err, blob.ErrNotExist) && !errors.Is(err, blob.ErrCorrupt) {
			t.Errorf("Open of a blob that is not there = %v; want ErrNotExist or ErrCorrupt", err)
		}
	})
	<-stalled
	id := mustPut(t, e, 1, 140<<10)[0]
	if packs := packs(t, fsys); id.Seq != 1<<28 || len(packs) != 2 {
		t.Fatalf("blob %s is not in the second pack of %v", id, packs)
	}
	release()
	wg.Wait()
	fsys.SetHook(nil)
	wantBlob(t, e, id, 0, 140<<10)
	closeEngine(t, e)
	if n := fsys.OpenFiles(); n != 0 {
		t.Errorf("%d files stay open; want none", n)
	}
}

// telling is a file system that tells when it has made a pack.
type telling struct {
	vfs.FS
	made func()
}

// CreatePack implements vfs.FS.
func (f telling) CreatePack(name string, mode fs.FileMode) (vfs.Pack, error) {
	p, err := f.FS.CreatePack(name, mode)
	f.made()
	return p, err
}

// TestPackIsSafeFromItsFirstMoment deletes a blob that is not there in a pack that was just made, and has nothing in it yet.
func TestPackIsSafeFromItsFirstMoment(t *testing.T) {
	for _, size := range []int{10, 140 << 10} {
		mem := vfs.NewMem()
		var e *packblob.Engine
		var wg sync.WaitGroup
		e = open(t, telling{mem, func() {
			wg.Go(func() {
				if err := e.Delete(t.Context(), alive(), blob.ID{Epoch: 1, Seq: 1}); err != nil {
					t.Errorf("Delete of a blob that is not there = %v; want nil", err)
				}
			})
			for range 1000 {
				runtime.Gosched() // it goes as far as it can
			}
		}})
		id := mustPut(t, e, 1, size)[0]
		wg.Wait()
		closeEngine(t, e)
		e = open(t, mem)
		wantBlob(t, e, id, 0, size)
		closeEngine(t, e)
	}
}

// reserving is a file system that tells what is reserved, and keeps no bytes.
type reserving struct {
	vfs.FS
	tell func(end int64)
}

type reservingPack struct {
	vfs.Pack
	tell func(end int64)
}

// CreatePack implements vfs.FS.
func (f reserving) CreatePack(name string, mode fs.FileMode) (vfs.Pack, error) {
	p, err := f.FS.CreatePack(name, mode)
	return reservingPack{p, f.tell}, err
}

// Preallocate implements vfs.Pack.
func (p reservingPack) Preallocate(off, n int64) error {
	p.tell(off + n)
	return nil
}

// WriteAt implements vfs.Pack.
func (reservingPack) WriteAt(b []byte, _ int64) (int, error) { return len(b), nil }

// A stalling source counts what it lends.
type stalling struct {
	lent, size int64
	before     func(lent int64)
}

// Next implements blob.Source.
func (s *stalling) Next() ([]byte, error) {
	s.before(s.lent)
	if s.lent == s.size {
		return nil, io.EOF
	}
	s.lent += blob.PieceLen
	return make([]byte, blob.PieceLen), nil
}

// TestOwnPackReservesAsMuchAsItHas looks, before each piece of a large blob, at what its pack would hold if its client stopped there.
func TestOwnPackReservesAsMuchAsItHas(t *testing.T) {
	const mib = 1 << 20
	for _, announced := range []int64{-1, 50 * mib} {
		var reserved int64
		times := 0
		fsys := reserving{vfs.NewMem(), func(end int64) {
			reserved = max(reserved, end)
			times++
		}}
		e, err := packblob.Open(fsys, root, packblob.Options{})
		if err != nil {
			t.Fatal(err)
		}
		src := &stalling{size: 50 * mib, before: func(lent int64) {
			if most := lent + min(max(lent, mib), 16*mib) + 4096; reserved > most {
				t.Errorf("%d bytes of %d are reserved for %d; want at most %d", reserved, announced, lent, most)
			}
		}}
		id, _, err := e.Put(t.Context(), 1, announced, src)
		if err != nil {
			t.Fatal(err)
		}
		if reserved < 50*mib || times > 8 {
			t.Errorf("in the end %d bytes are reserved, in %d steps; want 50 MiB, in 8 or fewer", reserved, times)
		}
		reserved = 0
		mustPut(t, e, 1, 10)
		if reserved < 16*mib {
			t.Errorf("for the first blob of a shared pack %d bytes are reserved; want 16 MiB", reserved)
		}
		if err := e.Delete(t.Context(), alive(), id); err != nil {
			t.Error(err)
		}
		closeEngine(t, e)
	}
}
