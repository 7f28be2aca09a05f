package simtest

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/simtest/history"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

const (
	clients    = 6
	sharedKeys = 4
	patience   = 3           // errors after which a client gives up
	decision   = time.Minute // the time to decide about a history
)

// scuffle lets all clients of a world do steps, and returns their errors.
func (w *world) scuffle(ctx context.Context, seed uint64, steps int) error {
	var all sync.WaitGroup
	wrong := make([]error, clients)
	for n := range clients {
		all.Go(func() {
			c, failed := w.client(seed, n), 0
			for i := 0; i < steps && failed < patience; i++ {
				if err := c.step(ctx); err != nil {
					failed++
					wrong[n] = errors.Join(wrong[n], err)
				}
			}
		})
	}
	all.Wait()
	return errors.Join(wrong...)
}

// stalls returns a hook that makes some calls wait a little, so that clients meet in other places.
func stalls(seed uint64) errfs.Hook {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seed, 97))
	return func(o errfs.Op) error {
		mu.Lock()
		n := 0
		if o.IsSync() || r.IntN(8) == 0 {
			n = r.IntN(100)
		}
		mu.Unlock()
		yield(n)
		return nil
	}
}

// decide wants the history of a world to be possible.
func (w *world) decide(t *testing.T) {
	t.Helper()
	if err := w.history.Check(decision); err != nil {
		t.Error(err)
	}
	calls, unknown := w.history.Len()
	count(t, "noted operations", calls)
	count(t, "of unknown outcome", unknown)
}

// TestSharedKeys lets clients fight for a handful of keys, while the sweeper and fsck run. Whatever they were told, there
// is an order of their operations that explains it; in the end the store is clean and no byte too many is on the disk.
func TestSharedKeys(t *testing.T) {
	eachDay(t, func(t *testing.T, seed uint64) {
		fsys := errfs.New(vfs.NewCrashableMem())
		if seed%3 > 0 {
			fsys.SetHook(stalls(seed))
		}
		s := setupOf(seed)
		s.versioned = seed%5 < 2
		h, b, err := s.morning(t.Context(), fsys)
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(b, sharedKeys)
		ctx, stop := context.WithCancel(t.Context())
		var cleaner sync.WaitGroup
		cleaner.Go(func() {
			for ctx.Err() == nil {
				sweep(t, h.Store)
				yield(100)
			}
		})
		if err := w.scuffle(t.Context(), seed, 60); err != nil {
			t.Error(err)
		}
		stop()
		cleaner.Wait()
		if err := w.readAll(t.Context()); err != nil {
			t.Error(err)
		}
		w.decide(t)
		sweep(t, h.Store)
		if err := h.close(); err != nil {
			t.Error(err)
		}
	})
}

// TestSharedKeysInDisasters ends the life of a store three times while clients fight for keys: by a loss of power, by a
// kill, or by calls that fail. One history goes through all lives: what was acknowledged or read before a
// disaster counts after it, and what was under way has happened then or never will.
func TestSharedKeysInDisasters(t *testing.T) {
	eachDay(t, func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 96))
		disk := vfs.NewCrashableMem()
		w := newWorld(nil, sharedKeys)
		s := setupOf(seed)
		s.versioned = seed%5 < 2
		for n := range uint64(3) {
			l := &life{t: t, setup: s, world: w, disk: disk, seed: seed + n<<32, at: 1 + r.Int64N(900), percent: []int{0, 50, 100}[r.IntN(3)]}
			disk, w = []func() (*vfs.Mem, *world){l.powerLoss, l.kill, l.fault}[r.IntN(3)]()
		}
		h, b, err := s.morning(t.Context(), disk)
		if err != nil {
			t.Fatal(err)
		}
		w = w.after(b, w.history)
		if err := w.readAll(t.Context()); err != nil {
			t.Error(err)
		}
		w.decide(t)
		report(t, h.Store)
		sweep(t, h.Store)
		if err := h.close(); err != nil {
			t.Error(err)
		}
	})
}

// A life is that of a store on a disk, with clients, until its disaster.
type life struct {
	t       *testing.T
	setup   setup
	world   *world
	disk    *vfs.Mem
	seed    uint64
	at      int64 // the call of the file system at which it ends
	percent int   // of what was not synced that a loss of power leaves
}

// run opens the store, reads what is there, and lets clients work. It returns what went wrong on the way.
func (l *life) run(fsys vfs.FS) (*house, error) {
	h, b, err := l.setup.morning(l.t.Context(), fsys)
	if err != nil {
		return nil, err
	}
	w := l.world.after(b, l.world.history)
	if err := w.readAll(l.t.Context()); err != nil {
		return h, err
	}
	return h, w.scuffle(l.t.Context(), l.seed, 40)
}

// hook stalls some calls, and asks next about all of them.
func (l *life) hook(next errfs.Hook) errfs.Hook {
	stall := stalls(l.seed)
	return func(o errfs.Op) error {
		_ = stall(o) // it only waits
		return next(o)
	}
}

// powerLoss takes what the disk would hold at a call, and what clients know at that moment. Nobody notices.
func (l *life) powerLoss() (*vfs.Mem, *world) {
	var (
		lost *vfs.Mem
		fork *history.History
	)
	cut, now := cutAt(l.at, func() {
		fork = l.world.history.Fork() // before the copy of the disk: what was told by now must be in it
		lost = l.disk.PowerLoss(l.percent, l.seed)
	})
	fsys := errfs.New(l.disk)
	fsys.SetHook(l.hook(cut))
	h, err := l.run(fsys)
	if err != nil {
		l.t.Error(err)
	}
	now()
	if h != nil {
		if err := h.close(); err != nil {
			l.t.Error(err)
		}
	}
	count(l.t, "losses of power", 1)
	count(l.t, "calls of the file system", int(fsys.Calls()))
	fork.Crash()
	return lost, l.world.after(nil, fork)
}

// kill lets nothing reach the disk after a call; what has reached it stays, synced or not.
func (l *life) kill() (*vfs.Mem, *world) {
	l.fail(func(o errfs.Op) error {
		if o.N >= l.at {
			return errfs.ErrKilled
		}
		return nil
	})
	l.disk.Kill()
	count(l.t, "kills", 1)
	return l.disk, l.world
}

// fault fails a call, or all from there on, and ends in a loss of power.
func (l *life) fault() (*vfs.Mem, *world) {
	l.fail(errfs.FailAt(l.at, l.seed%2 == 0))
	count(l.t, "faults", 1)
	return l.disk.PowerLoss(l.percent, l.seed), l.world
}

// fail runs until calls fail by a hook and all is over. A store whose disk fails may
// fail, but must not answer what is wrong.
func (l *life) fail(hook errfs.Hook) {
	fsys := errfs.New(l.disk)
	fsys.SetHook(l.hook(hook))
	h, err := l.run(fsys)
	if errors.Is(err, errWrong) || err != nil && fsys.Calls() < l.at {
		l.t.Error(err)
	}
	if h != nil {
		_ = h.close() // a store whose disk has failed may not close cleanly
	}
	l.world.history.Crash()
	count(l.t, "calls of the file system", int(fsys.Calls()))
}
