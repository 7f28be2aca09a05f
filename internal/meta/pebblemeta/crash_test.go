package pebblemeta_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/meta/pebblemeta"
	"github.com/oisproject/ois/internal/simtest/sample"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

// The workload of these tests: steps of sets, drops and counters, large enough for the
// small memtable to be written out and the log to be changed a few times, yet never so much that Pebble stops
// writes until it has written.
const (
	steps    = 40
	memTable = 16 << 10
	dir      = "data/meta"
)

// rows is the content of a store: values and sums by key.
type rows map[string]string

// payload returns how much a step stores: every other value lies in a table, the rest in a file of values.
func payload(i int) int { return 300 + i%2*800 }

func stepChange(i int) *meta.Change { return changeWith(i, payload(i)) }

// changeWith returns the change of a step that stores n bytes.
func changeWith(i, n int) *meta.Change {
	c := &meta.Change{
		Sets: []meta.KV{
			{Key: []byte("step"), Val: fmt.Append(nil, i)},
			{Key: fmt.Appendf(nil, "row%03d", i), Val: fmt.Appendf(nil, "%d %s", i, strings.Repeat("x", n))},
		},
		Adds: []meta.Delta{{Key: []byte("total"), N: int64(i)}},
	}
	if i > 0 {
		c.Guards = append(c.Guards, meta.Guard{Key: []byte("step"), Kind: meta.Live})
	}
	if i >= 5 {
		c.Drops = append(c.Drops, fmt.Appendf(nil, "row%03d", i-5))
	}
	return c
}

// after returns the content after a change.
func (r rows) after(c *meta.Change) rows {
	next := maps.Clone(r)
	if next == nil {
		next = rows{}
	}
	for _, kv := range c.Sets {
		next[string(kv.Key)] = string(kv.Val)
	}
	for _, k := range c.Drops {
		delete(next, string(k))
	}
	for _, d := range c.Adds {
		n, _ := meta.Counter(meta.Row{Val: []byte(next[string(d.Key)])}) // 0 if there is none
		next[string(d.Key)] = string(meta.AppendCounter(nil, n+d.N))
	}
	return next
}

// read returns what an engine holds.
func read(ctx context.Context, e meta.Engine) (rows, error) {
	s, err := e.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	r := rows{}
	err = s.Walk(nil, nil, func(row meta.Row) ([]byte, bool) {
		r[string(row.Key)] = string(row.Val)
		return nil, false
	})
	return r, errors.Join(err, s.Close())
}

// recover opens a store after a crash and returns what it holds.
func recovered(t *testing.T, fsys vfs.FS) (rows, error) {
	t.Helper()
	e, err := pebblemeta.Open(pebblemeta.Options{FS: fsys, Dir: dir, MemTableBytes: memTable})
	if err != nil {
		return nil, err
	}
	r, err := read(t.Context(), e)
	return r, errors.Join(err, e.Close())
}

// history returns the content after each number of steps that store so much.
func history(payload func(int) int) []rows {
	h := []rows{{}}
	for i := range steps {
		h = append(h, h[i].after(changeWith(i, payload(i))))
	}
	return h
}

// wantSteps checks that a content is that after some number of steps, from at least to at most.
func wantSteps(t *testing.T, when string, got rows, atLeast, atMost int64) {
	t.Helper()
	h := history(payload)
	for n := atLeast; n <= atMost; n++ {
		if maps.Equal(got, h[n]) {
			return
		}
	}
	t.Errorf("%s: rows are %q, step %s; want those after %d to %d steps",
		when, slices.Sorted(maps.Keys(got)), got["step"], atLeast, atMost)
}

// A process runs the workload on a file system and counts.
type process struct {
	fs             *errfs.FS
	started, acked atomic.Int64
	fatal          atomic.Int64
	engine         *pebblemeta.Engine
}

func (p *process) open() (err error) {
	p.engine, err = pebblemeta.Open(pebblemeta.Options{
		FS: p.fs, Dir: dir, MemTableBytes: memTable, Fatal: func(error) { p.fatal.Add(1) },
	})
	return err
}

// run opens the store and makes steps until one fails. After half of them it closes
// the store and opens it again.
func (p *process) run(ctx context.Context) error {
	for i := range steps {
		if i == steps/2 {
			if err := p.engine.Close(); err != nil {
				return err
			}
		}
		if i == 0 || i == steps/2 {
			if err := p.open(); err != nil {
				return err
			}
		}
		p.started.Store(int64(i + 1))
		if err := p.engine.Apply(ctx, stepChange(i)); err != nil {
			return err
		}
		p.acked.Store(int64(i + 1))
	}
	return p.engine.Close()
}

// TestPowerLossAtEveryCall loses power before every call of the file system. All that was
// acknowledged must be there, and nothing in part.
func TestPowerLossAtEveryCall(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	mem := vfs.NewCrashableMem()
	p := &process{fs: errfs.New(mem)}
	taken := sample.OneOf(5, t.Logf)
	p.fs.SetHook(func(op errfs.Op) error {
		if !taken() {
			return nil
		}
		acked := p.acked.Load() // before the disk is copied
		for _, percent := range []int{0, 20, 70, 100} {
			left := mem.PowerLoss(percent, seed+uint64(op.N))
			got, err := recovered(t, left)
			when := fmt.Sprintf("call %d (%s %s), %d %% of unsynced data left", op.N, op.Kind, op.Path, percent)
			if err != nil {
				t.Errorf("%s: %v", when, err)
				continue
			}
			wantSteps(t, when, got, acked, p.started.Load())
		}
		return nil
	})
	if err := p.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p.fs.OpenFiles() != 0 {
		t.Errorf("%d files are open after Close; want 0", p.fs.OpenFiles())
	}
	t.Logf("%d calls", p.fs.Calls())
	got, err := recovered(t, mem.PowerLoss(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	wantSteps(t, "after all", got, steps, steps)
}

// TestKillThenPowerLoss kills the process before every call; what it wrote stays, synced or not. The next process
// shows what it finds. Then power is lost, and what was shown must still be there.
func TestKillThenPowerLoss(t *testing.T) {
	taken := sample.OneOf(5, t.Logf)
	for n := int64(1); ; n++ {
		if !taken() {
			continue
		}
		mem := vfs.NewCrashableMem()
		p := &process{fs: errfs.New(mem)}
		if !runUntil(t, p, n) {
			return // every call has had its turn
		}
		mem.Kill()
		e, err := pebblemeta.Open(pebblemeta.Options{FS: mem, Dir: dir, MemTableBytes: memTable})
		if err != nil {
			t.Fatalf("call %d: open after kill: %v", n, err)
		}
		shown, err := read(t.Context(), e)
		if err != nil {
			t.Fatalf("call %d: %v", n, err)
		}
		left := mem.PowerLoss(0, 0)
		wantSteps(t, fmt.Sprintf("killed at call %d", n), shown, p.acked.Load(), p.started.Load())
		got, err := recovered(t, left)
		if err != nil || !maps.Equal(got, shown) {
			t.Errorf("killed at call %d: step %s is left after power loss, %v; step %s was shown before",
				n, got["step"], err, shown["step"])
		}
		if err := e.Close(); err != nil {
			t.Errorf("killed at call %d: close: %v", n, err)
		}
	}
}

// runUntil runs a process up to call n, which and all after which never return: the process is dead. It
// reports false if the process has ended before.
func runUntil(t *testing.T, p *process, n int64) (killed bool) {
	t.Helper()
	dead := make(chan struct{})
	var once sync.Once
	p.fs.SetHook(func(op errfs.Op) error {
		if op.N >= n {
			once.Do(func() { close(dead) })
			select {}
		}
		return nil
	})
	ended := make(chan error, 1)
	go func() { ended <- p.run(t.Context()) }()
	select {
	case err := <-ended:
		if err != nil {
			t.Fatal(err)
		}
		return p.fs.Calls() >= n // a late call of Pebble's own
	case <-dead:
		return true
	}
}

// TestFault fails every call in turn, alone or with all later ones. No change that
// was refused may appear, and none that was acknowledged may get lost.
func TestFault(t *testing.T) {
	for _, rest := range []bool{false, true} {
		t.Run(fmt.Sprintf("rest=%t", rest), func(t *testing.T) {
			taken := sample.OneOf(5, t.Logf)
			for n := int64(1); ; n++ {
				if !taken() {
					continue
				}
				mem := vfs.NewCrashableMem()
				p := &process{fs: errfs.New(mem)}
				p.fs.SetHook(errfs.FailAt(n, rest))
				err := p.run(t.Context())
				if err == nil && p.fs.Calls() < n {
					return
				}
				checkFault(t, fmt.Sprintf("call %d failed", n), p, mem, err)
			}
		})
	}
}

// checkFault checks what is left by a process whose run returned err.
func checkFault(t *testing.T, when string, p *process, mem *vfs.Mem, err error) {
	t.Helper()
	atMost := p.acked.Load()
	if errors.Is(err, meta.ErrUnknown) {
		atMost = p.started.Load()
		if p.fatal.Load() != 1 {
			t.Errorf("%s: outcome is unknown, and Fatal was called %d times; want 1", when, p.fatal.Load())
		}
	}
	if p.fatal.Load() > 0 {
		wantRefusals(t, when, p.engine)
	}
	for _, percent := range []int{0, 50, 100} {
		got, err := recovered(t, mem.PowerLoss(percent, 1))
		if err != nil {
			t.Errorf("%s, %d %% left: %v", when, percent, err)
			continue
		}
		wantSteps(t, when, got, p.acked.Load(), atMost)
	}
}

// wantRefusals checks that an engine that has failed refuses every call.
func wantRefusals(t *testing.T, when string, e *pebblemeta.Engine) {
	t.Helper()
	if e == nil {
		return // it failed in Open
	}
	if err := e.Apply(t.Context(), stepChange(0)); err == nil || errors.Is(err, meta.ErrUnknown) {
		t.Errorf("%s: Apply after a failure = %v; want an error that says that nothing was changed", when, err)
	}
	if _, err := e.Snapshot(t.Context()); err == nil {
		t.Errorf("%s: Snapshot after a failure = nil; want an error", when)
	}
	if err := e.Close(); err == nil {
		t.Errorf("%s: Close after a failure = nil; want an error", when)
	}
}
