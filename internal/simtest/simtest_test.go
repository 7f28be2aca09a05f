package simtest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/datadir"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

var (
	seed = flag.Uint64("seed", 0, "seed of the first day; 0 draws one")
	days = flag.Int("days", 40, "days of each kind to simulate")
)

const workers = 4

// eachDay runs a day of so many seeds.
func eachDay(t *testing.T, day func(t *testing.T, seed uint64)) {
	first := *seed
	if first == 0 {
		first = rand.Uint64() >> 32
	}
	for i := range uint64(*days) {
		t.Run(fmt.Sprintf("seed=%d", first+i), func(t *testing.T) { day(t, first+i) })
	}
}

// morning opens a store and its bucket on a file system.
func morning(ctx context.Context, fsys vfs.FS) (*datadir.Dir, *store.Bucket, error) {
	d, err := datadir.Open(ctx, fsys, "data", &datadir.Options{Create: true})
	if err != nil {
		return nil, nil, err
	}
	b, err := d.Store.Bucket(ctx, bucketName)
	if err == nil {
		return d, b, nil
	}
	if _, err := d.Store.PutBucket(ctx, store.RootUser, "jn1a", &op.PutBucketInput{Bucket: bucketName}); err != nil {
		return nil, nil, errors.Join(err, d.Close())
	}
	b, err = d.Store.Bucket(ctx, bucketName)
	return d, b, err
}

// work lets all workers do steps until each has done its number or met an error, and returns
// the errors.
func work(ctx context.Context, b *store.Bucket, l *ledger, seed uint64, steps int) error {
	var wg sync.WaitGroup
	wrong := make([]error, workers)
	for n := range workers {
		wg.Go(func() {
			w := newWorker(b, l, seed, n)
			for range steps {
				if wrong[n] = w.step(ctx); wrong[n] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(wrong...)
}

// evening opens the store again, sweeps it, and compares it with the ledger: every acknowledged state is there,
// nothing is there that nobody asked for, and fsck is clean.
func evening(t *testing.T, fsys vfs.FS, l *ledger) {
	t.Helper()
	ctx := t.Context()
	d, err := datadir.Open(ctx, fsys, "data", &datadir.Options{Create: true})
	if err != nil {
		t.Fatalf("open again: %v", err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	b, err := d.Store.Bucket(ctx, bucketName)
	if err != nil {
		if len(l.told) == 0 {
			return // the disaster came before there was anything to lose
		}
		t.Fatalf("bucket: %v", err)
	}
	for key, state := range l.told {
		states := []uint64{state}
		if s, ok := l.maybe[key]; ok {
			states = append(states, s)
		}
		if err := check(ctx, b, key, states...); err != nil {
			t.Error(err)
		}
	}
	for key, state := range l.maybe {
		if _, ok := l.told[key]; !ok {
			if err := check(ctx, b, key, absent, state); err != nil {
				t.Error(err)
			}
		}
	}
	report(t, d.Store)
	if err := d.Store.Sweep(ctx); err != nil {
		t.Errorf("sweep: %v", err)
	}
	report(t, d.Store)
}

func report(t *testing.T, s *store.Store) {
	t.Helper()
	r, err := s.Check(t.Context())
	if err != nil {
		t.Fatalf("fsck: %v", err)
	}
	for _, p := range r.Problems {
		t.Errorf("fsck: %s", p)
	}
}

// TestPowerLoss cuts the power at a random call of the file system, while all workers are at work. What was not
// synced is lost or not, block by block.
func TestPowerLoss(t *testing.T) {
	eachDay(t, func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 99))
		disk := vfs.NewCrashableMem()
		fsys := errfs.New(disk)
		l := newLedger()
		var (
			once    sync.Once
			saved   *ledger
			lost    *vfs.Mem
			calls   atomic.Int64
			at      = 1 + r.Int64N(2500)
			percent = []int{0, 50, 100}[r.IntN(3)]
		)
		fsys.SetHook(func(errfs.Op) error {
			if calls.Add(1) >= at {
				once.Do(func() {
					saved = l.copy() // before the copy of the disk: what was told by now must be in it
					lost = disk.PowerLoss(percent, seed)
				})
			}
			return nil
		})
		d, b, err := morning(t.Context(), fsys)
		if err != nil {
			t.Fatal(err)
		}
		wrong := work(t.Context(), b, l, seed, 60)
		if err := errors.Join(wrong, d.Close()); err != nil {
			t.Error(err)
		}
		if lost == nil {
			saved, lost = l.copy(), disk.PowerLoss(percent, seed)
		}
		evening(t, lost, saved)
		evening(t, lost, saved) // and once more after a clean day
	})
}

// TestDiskErrors fails one call of the file system, or all from one on, while all workers are at work. Then the
// process is killed, and in half of the cases power is lost with it.
func TestDiskErrors(t *testing.T) {
	eachDay(t, func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 98))
		disk := vfs.NewCrashableMem()
		fsys := errfs.New(disk)
		l := newLedger()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		d, b, err := morning(ctx, fsys)
		if err != nil {
			t.Fatal(err)
		}
		fsys.SetHook(errfs.FailAt(fsys.Calls()+1+r.Int64N(2000), r.IntN(2) == 0))
		if err := work(ctx, b, l, seed, 40); errors.Is(err, errWrong) {
			t.Error(err)
		}
		after := disk.PowerLoss([]int{0, 100}[r.IntN(2)], seed)
		_ = d.Close() // a store whose disk has failed may not close cleanly
		evening(t, after, l)
	})
}

// TestEachDiskCall fails each call of a short day in turn. (That of a store that is being opened is
// the business of the engines' own tests: nothing was acknowledged yet.)
func TestEachDiskCall(t *testing.T) {
	day := func(n int64) (calls int64) {
		disk := vfs.NewCrashableMem()
		fsys := errfs.New(disk)
		l := newLedger()
		d, b, err := morning(t.Context(), fsys)
		if err != nil {
			t.Fatal(err)
		}
		before := fsys.Calls()
		fsys.SetHook(errfs.FailAt(before+n, false))
		w := newWorker(b, l, 7, 0)
		for range 40 {
			if err := w.step(t.Context()); err != nil {
				if errors.Is(err, errWrong) || fsys.Calls() < before+n {
					t.Errorf("call %d failed: %v", n, err)
				}
				break
			}
		}
		calls = fsys.Calls() - before
		after := disk.PowerLoss(0, uint64(n))
		_ = d.Close() // as above
		evening(t, after, l)
		if t.Failed() {
			t.Fatalf("the day on which call %d failed ended badly", n)
		}
		return calls
	}
	total := day(1 << 40)
	if total < 100 {
		t.Fatalf("a day has %d calls; want more to fail", total)
	}
	for n := range total {
		day(n + 1)
	}
}
