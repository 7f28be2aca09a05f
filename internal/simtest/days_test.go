package simtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/simtest/sample"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

// TestPowerLoss cuts the power at a random call of the file system, while all workers are at work. What was not
// synced is lost or not, block by block. Half of the stores die once more while they start again.
func TestPowerLoss(t *testing.T) {
	eachDay(t, func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 99))
		s := setupOf(seed)
		lost, saved := s.powerLoss(t, seed, func(_ *store.Store, b *store.Bucket, l *ledger) error {
			return work(t.Context(), b, l, seed, 50)
		})
		if r.IntN(2) == 0 {
			lost = s.dieStarting(t, lost, seed)
		}
		s.evening(t, lost, saved)
		s.evening(t, lost, saved) // and once more after a clean day
	})
}

// powerLoss runs a day and returns what the disk holds after a loss of power in the midst of it, and what
// was promised until then.
func (s setup) powerLoss(t *testing.T, seed uint64, day func(*store.Store, *store.Bucket, *ledger) error) (lost *vfs.Mem, saved *ledger) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 98))
	disk, l := vfs.NewCrashableMem(), newLedger()
	fsys := errfs.New(disk)
	percent := []int{0, 50, 100}[r.IntN(3)]
	hook, now := cutAt(1+r.Int64N(900), func() {
		saved = l.copy() // before the copy of the disk: what was told by now must be in it
		lost = disk.PowerLoss(percent, seed)
		count(t, "losses of power", 1)
	})
	fsys.SetHook(hook)
	h, b, err := s.morning(t.Context(), fsys)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(day(h.Store, b, l), h.close()); err != nil {
		t.Error(err)
	}
	now()
	count(t, "calls of the file system", int(fsys.Calls()))
	return lost, saved
}

// dieStarting opens the store and lets it die on the way, by a loss of power or a kill. It returns what the disk holds then.
func (s setup) dieStarting(t *testing.T, disk *vfs.Mem, seed uint64) *vfs.Mem {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 97))
	fsys, at := errfs.New(disk), 1+r.Int64N(120)
	lost := disk
	hook, now := cutAt(at, func() { lost = disk.PowerLoss(50, seed+1) })
	if kill := r.IntN(2) == 0; kill {
		hook = errfs.FailAt(at, true)
		now = disk.Kill
	}
	fsys.SetHook(hook)
	if h, _, err := s.morning(t.Context(), fsys); err == nil {
		_ = h.Store.Sweep(t.Context()) // it may not get far
		_ = h.close()                  // nor this
	}
	now()
	count(t, "deaths while starting", 1)
	return lost
}

// TestClockJumps has days on which the clock is set back and forth by years.
func TestClockJumps(t *testing.T) {
	eachDay(t, func(t *testing.T, seed uint64) {
		s := setupOf(seed)
		s.clock = jumping(seed)
		lost, saved := s.powerLoss(t, seed, func(_ *store.Store, b *store.Bucket, l *ledger) error {
			return work(t.Context(), b, l, seed, 25)
		})
		s.evening(t, lost, saved)
	})
}

// jumping returns a clock of which each fifth look shows another time between 1971 and 2169.
func jumping(seed uint64) func() time.Time {
	r := rand.New(rand.NewPCG(seed, 95))
	var mu sync.Mutex
	now := time.Now()
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		if r.IntN(5) == 0 {
			now = time.Unix(1<<25+r.Int64N(198*365*24*3600), r.Int64N(1e9))
		}
		return now
	}
}

// TestDiskErrors fails one call of the file system, or all from one on, while all workers are at work. Then the
// process is killed, and in half of the cases power is lost with it.
func TestDiskErrors(t *testing.T) {
	eachDay(t, func(t *testing.T, seed uint64) {
		s, r := setupOf(seed), rand.New(rand.NewPCG(seed, 94))
		disk := vfs.NewCrashableMem()
		fsys := errfs.New(disk)
		l := newLedger()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		h, b, err := s.morning(ctx, fsys)
		if err != nil {
			t.Fatal(err)
		}
		fsys.SetHook(errfs.FailAt(fsys.Calls()+1+r.Int64N(700), r.IntN(2) == 0))
		if err := work(ctx, b, l, seed, 40); errors.Is(err, errWrong) {
			t.Error(err)
		}
		count(t, "faults", 1)
		count(t, "calls of the file system", int(fsys.Calls()))
		after := disk.PowerLoss([]int{0, 100}[r.IntN(2)], seed)
		abandon(h, disk)
		s.evening(t, after, l)
	})
}

// abandon closes a store whose disk has failed, and which may not close cleanly: what a failed engine holds, it holds until the
// process ends. So the disk is emptied, lest many days take all memory.
func abandon(h *house, disk *vfs.Mem) {
	_ = h.close()
	_ = disk.RemoveAll(dataDir)
}

// shortDay lets one worker do a few steps. It is the same each time, but for what the engines do in the
// background.
func shortDay(ctx context.Context, b *store.Bucket, l *ledger, steps int) error {
	w := newWorker(b, l, 7, 0)
	w.modest = true
	for range steps {
		if err := w.step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// eachSetup runs a test with each setup.
func eachSetup(t *testing.T, test func(t *testing.T, s setup)) {
	tell(t)
	for name, s := range map[string]setup{"usual": {}, "small": {small: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, s)
		})
	}
}

// TestEachDiskCall fails each call of a short day in turn. (That of a store that is being opened is
// the business of the engines' own tests: nothing was acknowledged yet.)
func TestEachDiskCall(t *testing.T) {
	eachSetup(t, func(t *testing.T, s setup) {
		total := s.failCall(t, 1<<40)
		if total < 100 {
			t.Fatalf("a day has %d calls; want more to fail", total)
		}
		taken := sample.OneOf(8, t.Logf)
		for n := range total {
			if !taken() {
				continue
			}
			if s.failCall(t, n+1); t.Failed() {
				t.Fatalf("the day on which call %d failed ended badly", n+1)
			}
			count(t, "failed calls", 1)
		}
	})
}

// failCall runs a short day on which call n fails, and returns how many calls there were.
func (s setup) failCall(t *testing.T, n int64) (calls int64) {
	t.Helper()
	disk := vfs.NewCrashableMem()
	fsys := errfs.New(disk)
	l := newLedger()
	h, b, err := s.morning(t.Context(), fsys)
	if err != nil {
		t.Fatal(err)
	}
	before := fsys.Calls()
	fsys.SetHook(errfs.FailAt(before+n, false))
	if err := shortDay(t.Context(), b, l, 30); err != nil && (errors.Is(err, errWrong) || fsys.Calls() < before+n) {
		t.Errorf("call %d failed: %v", n, err)
	}
	calls = fsys.Calls() - before
	after := disk.PowerLoss(0, uint64(n))
	abandon(h, disk)
	s.evening(t, after, l)
	return calls
}

// TestEachSync cuts the power before each call of a short day that makes something durable, and at the call after
// it, the start of the store included: once with nothing left of what was not synced, once with half of it, once with all.
func TestEachSync(t *testing.T) {
	eachSetup(t, func(t *testing.T, s setup) {
		disk, l := vfs.NewCrashableMem(), newLedger()
		fsys := errfs.New(disk)
		fsys.SetHook(s.cutAtSyncs(t, disk, l))
		h, b, err := s.morning(t.Context(), fsys)
		if err != nil {
			t.Fatal(err)
		}
		if err := shortDay(t.Context(), b, l, 16); err != nil {
			t.Error(err)
		}
		sweep(t, h.Store)
		if err := h.close(); err != nil {
			t.Error(err)
		}
		s.evening(t, disk, l)
	})
}

// cutAtSyncs returns a hook that looks what would be left if power were lost now.
func (s setup) cutAtSyncs(t *testing.T, disk *vfs.Mem, l *ledger) errfs.Hook {
	var mu sync.Mutex // one disaster at a time
	synced, taken := false, sample.OneOf(8, t.Logf)
	return func(o errfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		was := synced
		if synced = o.IsSync(); !synced && !was || !taken() {
			return nil
		}
		count(t, "calls at syncs", 1)
		saved := l.copy()
		for _, percent := range []int{0, 50, 100} {
			s.evening(t, disk.PowerLoss(percent, uint64(o.N)), saved)
			count(t, "losses of power", 1)
		}
		if t.Failed() {
			return fmt.Errorf("power was lost at call %d, %s %s, and the day ended badly", o.N, o.Kind, o.Path)
		}
		return nil
	}
}

// TestSpaceComesBack deletes everything at the end of a day, and wants the room of their bytes back, to the last page.
func TestSpaceComesBack(t *testing.T) {
	eachDay(t, func(t *testing.T, seed uint64) {
		s, disk := setupOf(seed), vfs.NewCrashableMem()
		h, b, err := s.morning(t.Context(), disk)
		if err != nil {
			t.Fatal(err)
		}
		if err := work(t.Context(), b, newLedger(), seed, 30); err != nil {
			t.Fatal(err)
		}
		sweep(t, h.Store)
		full := usage(t, disk, packsDir)
		if err := removeAll(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		sweep(t, h.Store)
		if left := usage(t, disk, packsDir); left > 0 {
			t.Errorf("packs take %d bytes, and %d when all objects are deleted; want none", full, left)
		}
		if err := h.close(); err != nil {
			t.Error(err)
		}
		count(t, "bytes that came back", int(full))
	})
}

// page is the unit in which room comes back.
const page = 4 << 10

// removeAll deletes all objects of a bucket, page by page.
func removeAll(ctx context.Context, b *store.Bucket) error {
	for {
		out, err := b.ListObjects(ctx, &op.ListObjectsInput{Limit: 10})
		if err != nil || len(out.Keys) == 0 {
			return err
		}
		in := &op.DeleteMultipleObjectsInput{}
		for _, o := range out.Keys {
			in.Objects = append(in.Objects, op.ObjectToDelete{Key: o.Key})
		}
		if _, err := b.DeleteMultipleObjects(ctx, in); err != nil {
			return err
		}
	}
}

// usage returns how many bytes of a directory tree take space: those of pages that are not holes, which
// in memory are pages of zeros.
func usage(t *testing.T, fsys vfs.FS, name string) (bytes int64) {
	t.Helper()
	fi, err := fsys.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if fi.IsDir() {
		names, err := fsys.List(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			bytes += usage(t, fsys, fsys.PathJoin(name, n))
		}
		return bytes
	}
	data, err := vfs.ReadFile(fsys, name, fi.Size())
	if err != nil {
		t.Fatal(err)
	}
	for len(data) > 0 {
		n := min(page, len(data))
		if [page]byte(append(make([]byte, page-n), data[:n]...)) != ([page]byte{}) {
			bytes += int64(n)
		}
		data = data[n:]
	}
	return bytes
}
