package packblob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/blob/blobtest"
	"github.com/oisproject/ois/internal/blob/packblob"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

// A ledger is what a store knows about its blobs.
type ledger struct {
	mu      sync.Mutex
	live    map[blob.ID]stored // put, and not even begun to be deleted; guarded by mu
	deleted map[blob.ID]bool   // guarded by mu
}

// A stored blob is content of a seed.
type stored struct {
	seed uint64
	size int
}

func newLedger() *ledger {
	return &ledger{live: make(map[blob.ID]stored), deleted: make(map[blob.ID]bool)}
}

// copy returns a copy.
func (l *ledger) copy() *ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &ledger{live: maps.Clone(l.live), deleted: maps.Clone(l.deleted)}
}

// of is the Live of the ledger.
func (l *ledger) of() blob.Live {
	return func(from blob.ID) (blob.ID, bool, error) {
		return alive(slices.Collect(maps.Keys(l.copy().live))...)(from)
	}
}

// put puts a blob. A third of them have no size.
func (l *ledger) put(ctx context.Context, e *packblob.Engine, epoch uint32, s stored) (blob.ID, error) {
	b := content(s.seed, s.size)
	size := int64(s.size)
	if s.seed%3 == 0 {
		size = -1
	}
	id, _, err := e.Put(ctx, epoch, size, blob.Read(bytes.NewReader(b)))
	if err != nil {
		return id, err
	}
	l.mu.Lock()
	l.live[id] = s
	l.mu.Unlock()
	e.Settle(id)
	return id, nil
}

func (l *ledger) delete(ctx context.Context, e *packblob.Engine, ids ...blob.ID) error {
	l.mu.Lock()
	for _, id := range ids {
		delete(l.live, id)
	}
	l.mu.Unlock()
	if err := e.Delete(ctx, l.of(), ids...); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		l.deleted[id] = true
	}
	return nil
}

// openTiny opens an engine with limits that the blobs of play reach. They are as small as can be, since each test does it all again
// for each call.
func openTiny(fsys vfs.FS) (*packblob.Engine, error) {
	e, err := packblob.Open(fsys, root, packblob.Options{PackLen: 144 << 10, OwnLen: 72 << 10, OpenPacks: 3})
	if err == nil {
		packblob.SetFlushStep(e, 64<<10)
	}
	return e, err
}

// play has workers put and delete at the same time, each by a script of its own.
func (l *ledger) play(ctx context.Context, e *packblob.Engine, epoch uint32) error {
	const workers = 3
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			sizes := []int{0, 100, 66_000, 5000, 74_000, 64 << 10, 30_000}
			var mine []blob.ID
			for i := range 6 {
				seed := uint64(epoch)*100 + uint64(w*10+i)
				id, err := l.put(ctx, e, epoch, stored{seed, sizes[(w+i)%len(sizes)]})
				if err == nil && i%3 == 2 {
					err = l.delete(ctx, e, mine[0], id)
					mine = mine[1:]
				} else {
					mine = append(mine, id)
				}
				if err != nil {
					errs[w] = err
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// check checks that a file system has what a store knew before power was lost, except for what it has begun to
// delete after it.
func (l *ledger) check(t *testing.T, when string, fsys vfs.FS, after *ledger) {
	t.Helper()
	e := open(t, fsys)
	var live []blob.ID
	for id := range l.live {
		if _, still := after.live[id]; !still {
			continue
		}
		live = append(live, id)
	}
	for id := range l.deleted {
		if _, err := get(t.Context(), e, id, false); !errors.Is(err, blob.ErrNotExist) {
			t.Errorf("%s: deleted blob %s: %v; want ErrNotExist", when, id, err)
		}
	}
	wantCollectable(t, when, e, live)
	for _, id := range live {
		s := l.live[id]
		if err := blobtest.Compare(t.Context(), e, id, s.seed%2 == 0, content(s.seed, s.size)); err != nil {
			t.Errorf("%s: blob %s: %v; want the %d bytes that were put", when, id, err, s.size)
		}
	}
	closeEngine(t, e)
}

// wantCollectable checks that all that is not live can be removed.
func wantCollectable(t *testing.T, when string, e *packblob.Engine, live []blob.ID) {
	t.Helper()
	epochs, err := e.Epochs(t.Context())
	if err != nil {
		t.Errorf("%s: Epochs: %v", when, err)
	}
	for _, epoch := range epochs {
		if _, err := e.Collect(t.Context(), epoch, alive(live...), false); err != nil {
			t.Errorf("%s: Collect(%d): %v", when, epoch, err)
		}
		if n, err := e.Collect(t.Context(), epoch, alive(live...), true); err != nil || n != 0 {
			t.Errorf("%s: Collect(%d) again = %d, %v; want nothing left", when, epoch, n, err)
		}
	}
	if epochs, err := e.Epochs(t.Context()); err != nil || len(live) == 0 && len(epochs) != 0 {
		t.Errorf("%s: Epochs where nothing lives = %v, %v; want none", when, epochs, err)
	}
}

// TestPowerLossAtEveryCall loses power before every call of the file system, while several Puts and Deletes are going on.
func TestPowerLossAtEveryCall(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	mem := vfs.NewCrashableMem()
	fsys := errfs.New(mem)
	l := newLedger()
	check := func(op errfs.Op) error {
		percents := []int{0, 10, 40, 70, 100}
		percent := percents[op.N%int64(len(percents))]
		before := l.copy()
		left := mem.PowerLoss(percent, seed+uint64(op.N))
		after := l.copy()
		before.check(t, fmt.Sprintf("call %d (%s %s), %d %% of unsynced data left", op.N, op.Kind, op.Path, percent), left, after)
		return nil
	}
	fsys.SetHook(check)
	for epoch := uint32(1); epoch <= 2; epoch++ {
		e, err := openTiny(fsys)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.play(t.Context(), e, epoch); err != nil {
			t.Fatal(err)
		}
		if epoch > 1 {
			if _, err := e.Collect(t.Context(), epoch-1, l.of(), false); err != nil {
				t.Fatal(err)
			}
		}
		closeEngine(t, e)
	}
	_ = check(errfs.Op{Kind: "end"}) // always nil
	t.Logf("%d calls", fsys.Calls())
}

// TestKillThenPowerLoss kills the process before every call. The next one starts where the first was: what
// it puts, deletes and collects must survive a loss of power, whatever the first left unsynced.
func TestKillThenPowerLoss(t *testing.T) {
	for n := int64(1); ; n++ {
		mem := vfs.NewCrashableMem()
		fsys := errfs.New(mem)
		l := newLedger()
		if !playUntil(t, fsys, l, n) {
			return
		}
		l = l.copy() // nobody changes it any more, but for one who waits at the call
		e := open(t, mem)
		fresh := mustPut(t, e, 9, 10, 140<<10)
		gone := slices.Collect(maps.Keys(l.deleted))
		var stay []blob.ID
		for id := range l.live {
			if len(gone) < 3 {
				gone = append(gone, id)
			} else {
				stay = append(stay, id)
			}
		}
		live := alive(append(stay, fresh...)...)
		if err := e.Delete(t.Context(), live, gone...); err != nil {
			t.Fatalf("call %d: %v", n, err)
		}
		if _, err := e.Collect(t.Context(), 1, live, false); err != nil {
			t.Fatalf("call %d: %v", n, err)
		}
		left := open(t, mem.PowerLoss(0, 0))
		wantBlob(t, left, fresh[0], 0, 10)
		wantBlob(t, left, fresh[1], 1, 140<<10)
		for _, id := range gone {
			wantAbsent(t, left, id)
		}
		for _, id := range stay {
			wantBlob(t, left, id, l.live[id].seed, l.live[id].size)
		}
		closeEngine(t, e)
		closeEngine(t, left)
		if t.Failed() {
			t.Fatalf("killed at call %d", n)
		}
	}
}

// playUntil plays up to call n, which and all after which never return. It reports
// false if there is no call n.
func playUntil(t *testing.T, fsys *errfs.FS, l *ledger, n int64) (killed bool) {
	t.Helper()
	dead := make(chan struct{})
	var once sync.Once
	fsys.SetHook(func(op errfs.Op) error {
		if op.N >= n {
			once.Do(func() { close(dead) })
			select {}
		}
		return nil
	})
	ended := make(chan error, 1)
	go func() {
		e, err := openTiny(fsys)
		if err == nil {
			err = l.play(t.Context(), e, 1)
		}
		if err == nil {
			err = e.Close()
		}
		ended <- err
	}()
	select {
	case err := <-ended:
		if err != nil {
			t.Fatal(err)
		}
		return false
	case <-dead:
		return true
	}
}
