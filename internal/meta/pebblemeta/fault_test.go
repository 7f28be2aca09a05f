package pebblemeta_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/meta/pebblemeta"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

// failWhen returns a hook that fails the calls that match.
func failWhen(match func(errfs.Op) bool) errfs.Hook {
	return func(op errfs.Op) error {
		if match(op) {
			return errfs.ErrInjected
		}
		return nil
	}
}

func onLog(op errfs.Op) bool { return strings.HasSuffix(op.Path, ".log") }

func onTable(op errfs.Op) bool { return strings.HasSuffix(op.Path, ".sst") }

// TestFailedLogEndsEngine fails the sync of the log, once.
func TestFailedLogEndsEngine(t *testing.T) {
	mem := vfs.NewCrashableMem()
	fsys := errfs.New(mem)
	var fatal []error
	e, err := pebblemeta.Open(pebblemeta.Options{FS: fsys, Dir: dir, Fatal: func(err error) { fatal = append(fatal, err) }})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Apply(t.Context(), stepChange(0)); err != nil {
		t.Fatal(err)
	}
	before, err := e.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var failed atomic.Bool
	fsys.SetHook(failWhen(func(op errfs.Op) bool { return onLog(op) && op.IsSync() && !failed.Swap(true) }))
	err = e.Apply(t.Context(), stepChange(1))
	if !errors.Is(err, meta.ErrUnknown) || !errors.Is(err, errfs.ErrInjected) || !strings.Contains(err.Error(), ".log") {
		t.Errorf("Apply whose sync failed = %v; want ErrUnknown with the cause and the file", err)
	}
	if len(fatal) != 1 || !errors.Is(fatal[0], errfs.ErrInjected) {
		t.Errorf("Fatal was called with %v; want the cause once", fatal)
	}
	wantRefusals(t, "log failed", e)
	if row, ok, err := before.Get([]byte("step")); err != nil || !ok || string(row.Val) != "0" {
		t.Errorf("snapshot from before the failure holds %q, %t, %v; want 0", row.Val, ok, err)
	}
	if err := before.Close(); err != nil {
		t.Error(err)
	}
	calls := fsys.Calls()
	left, err := recovered(t, mem.PowerLoss(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	wantSteps(t, "after restart", left, 1, 2)
	if fsys.Calls() != calls {
		t.Errorf("engine that has failed made %d more calls", fsys.Calls()-calls)
	}
}

// TestNoFatalNeeded checks that an engine refuses calls also when nobody listens.
func TestNoFatalNeeded(t *testing.T) {
	fsys := errfs.New(vfs.NewMem())
	e, err := pebblemeta.Open(pebblemeta.Options{FS: fsys, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	fsys.SetHook(failWhen(onLog))
	if err := e.Apply(t.Context(), stepChange(0)); !errors.Is(err, meta.ErrUnknown) {
		t.Errorf("Apply = %v; want ErrUnknown", err)
	}
	wantRefusals(t, "log failed", e)
}

// TestTransientTableErrors fails the first attempts to write a table. Nobody may notice.
func TestTransientTableErrors(t *testing.T) {
	p := &process{fs: errfs.New(vfs.NewMem())}
	var failures atomic.Int64
	p.fs.SetHook(failWhen(func(op errfs.Op) bool { return onTable(op) && op.Kind == "write" && failures.Add(1) <= 5 }))
	if err := p.open(); err != nil {
		t.Fatal(err)
	}
	for i := range steps {
		if err := p.engine.Apply(t.Context(), stepChange(i)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := read(t.Context(), p.engine)
	if err := errors.Join(err, p.engine.Close()); err != nil {
		t.Fatal(err)
	}
	wantSteps(t, "after transient errors", got, steps, steps)
	if failures.Load() == 0 || p.fatal.Load() != 0 {
		t.Errorf("%d writes failed, Fatal was called %d times; want some and none", failures.Load(), p.fatal.Load())
	}
}

// TestUnfinishedValuesEndEngine fails each kind of call that finishes a file of values. Pebble would panic; the engine ends, says why, and nothing is lost.
func TestUnfinishedValuesEndEngine(t *testing.T) {
	for _, kind := range []string{"write", "sync", "close"} {
		t.Run(kind, func(t *testing.T) {
			mem := vfs.NewCrashableMem()
			p := &process{fs: errfs.New(mem)}
			var failed atomic.Bool
			p.fs.SetHook(failWhen(func(op errfs.Op) bool {
				return strings.HasSuffix(op.Path, ".blob") && strings.HasPrefix(op.Kind, kind) && !failed.Swap(true)
			}))
			err := p.run(t.Context())
			if !failed.Load() {
				t.Fatalf("no %s of a file of values was made", kind)
			}
			if p.fatal.Load() != 1 || !errors.Is(err, errfs.ErrInjected) {
				t.Errorf("run = %v, Fatal was called %d times; want the cause, and one call", err, p.fatal.Load())
			}
			checkFault(t, kind, p, mem, err)
		})
	}
}

// TestTablesThatCannotBeWritten fails all attempts to write a table. The engine must say so, since its log grows for ever.
func TestTablesThatCannotBeWritten(t *testing.T) {
	fsys := errfs.New(vfs.NewMem())
	failed := make(chan error, 1)
	e, err := pebblemeta.Open(pebblemeta.Options{
		FS: fsys, Dir: dir, MemTableBytes: memTable, Fatal: func(err error) { failed <- err },
	})
	if err != nil {
		t.Fatal(err)
	}
	fsys.SetHook(failWhen(func(op errfs.Op) bool { return onTable(op) && op.Kind == "write" }))
	for i := range steps {
		if err := e.Apply(t.Context(), stepChange(i)); err != nil {
			break // it has failed by now
		}
	}
	if err := <-failed; !errors.Is(err, errfs.ErrInjected) {
		t.Errorf("Fatal was called with %v; want the cause", err)
	}
	wantRefusals(t, "no table can be written", e)
}

func TestSecondEngineIsRefused(t *testing.T) {
	for name, o := range map[string]pebblemeta.Options{
		"mem":  {FS: vfs.NewMem(), Dir: dir},
		"disk": {FS: vfs.Disk, Dir: t.TempDir()},
	} {
		e, err := pebblemeta.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pebblemeta.Open(o); !errors.Is(err, vfs.ErrLocked) || !strings.Contains(err.Error(), o.Dir) {
			t.Errorf("%s: second Open = %v; want ErrLocked with the directory", name, err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestDamagedTable damages a block of a table. What is read is right or an error, and the engine goes on.
func TestDamagedTable(t *testing.T) {
	mem := vfs.NewMem()
	want := fill(t, mem, 300)
	damage(t, mem)
	var fatal atomic.Int64
	e, err := pebblemeta.Open(pebblemeta.Options{FS: mem, Dir: dir, Fatal: func(error) { fatal.Add(1) }})
	if err != nil {
		t.Fatal(err)
	}
	s, err := e.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for key, val := range want {
		row, ok, err := s.Get([]byte(key))
		if err != nil {
			found++
		} else if !ok || string(row.Val) != val {
			t.Errorf("row %q of a damaged table is %t, %q; want an error or the truth", key, ok, row.Val)
		}
	}
	if err := s.Walk(nil, nil, func(meta.Row) ([]byte, bool) { return nil, false }); err == nil {
		t.Error("Walk over damage = nil; want an error")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if found == 0 || found > len(want)/2 || fatal.Load() != 0 {
		t.Errorf("%d of %d rows were found damaged, Fatal was called %d times; want those of a block, and none",
			found, len(want), fatal.Load())
	}
	if err := e.Apply(t.Context(), &meta.Change{Sets: []meta.KV{{Key: []byte("new")}}}); err != nil {
		t.Errorf("Apply beside damage = %v; want nil", err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}

// fill makes a store of n rows that do not compress, all of them in tables.
func fill(t *testing.T, mem *vfs.Mem, n int) rows {
	t.Helper()
	e, err := pebblemeta.Open(pebblemeta.Options{FS: mem, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.NewChaCha8([32]byte{1})
	c := &meta.Change{}
	for i := range n {
		val := make([]byte, 700)
		_, _ = rnd.Read(val) // never fails
		c.Sets = append(c.Sets, meta.KV{Key: fmt.Appendf(nil, "row%03d", i), Val: val})
	}
	if err := errors.Join(e.Apply(t.Context(), c), e.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := recovered(t, mem); err != nil { // writes the log out to tables
		t.Fatal(err)
	}
	return rows{}.after(c)
}

// damage flips a bit in the middle of every table.
func damage(t *testing.T, mem *vfs.Mem) {
	t.Helper()
	names, err := mem.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	tables := 0
	for _, name := range names {
		if !strings.HasSuffix(name, ".sst") {
			continue
		}
		tables++
		name = mem.PathJoin(dir, name)
		b, err := vfs.ReadFile(mem, name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/2] ^= 0x10
		if err := vfs.WriteFile(mem, name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if tables == 0 {
		t.Fatal("there are no tables to damage")
	}
}

// TestFilesAreClosed checks that snapshots and walks, also those that end early or fail, leave no file open.
func TestFilesAreClosed(t *testing.T) {
	p := &process{fs: errfs.New(vfs.NewMem())}
	if err := p.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.open(); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		s, err := p.engine.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = s.Walk(nil, nil, func(r meta.Row) ([]byte, bool) {
			if i == 1 {
				return []byte("a"), false // backwards, which is an error
			}
			return nil, i == 0
		})
		if (err != nil) != (i == 1) {
			t.Errorf("Walk %d = %v", i, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := p.engine.Close(); err != nil { // Pebble would complain of iterators that are open
		t.Error(err)
	}
	if n := p.fs.OpenFiles(); n != 0 {
		t.Errorf("%d files are open after Close; want 0", n)
	}
}

// TestReadErrors fails single reads of tables. What is read is right or an error.
func TestReadErrors(t *testing.T) {
	mem := vfs.NewMem()
	if err := (&process{fs: errfs.New(mem)}).run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := history(payload)[steps]
	for n := int64(1); n < 20; n++ {
		fsys := errfs.New(mem)
		e, err := pebblemeta.Open(pebblemeta.Options{FS: fsys, Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		var reads atomic.Int64
		fsys.SetHook(failWhen(func(op errfs.Op) bool { return onTable(op) && reads.Add(1) == n }))
		for range 2 {
			if got, err := read(t.Context(), e); err == nil && !maps.Equal(got, want) {
				t.Errorf("read with failed call %d on a table = %d rows and no error; want %d", n, len(got), len(want))
			}
		}
		fsys.SetHook(nil)
		if got, err := read(t.Context(), e); err != nil || !maps.Equal(got, want) {
			t.Errorf("read after failed call %d = %d rows, %v; want %d", n, len(got), err, len(want))
		}
		if err := e.Close(); err != nil {
			t.Error(fmt.Errorf("call %d: %w", n, err))
		}
	}
}

// TestNoOutcomeBeforeFatalKnows lets the sync of the log fail while another change waits for its turn: neither has an outcome before Fatal has returned.
func TestNoOutcomeBeforeFatalKnows(t *testing.T) {
	fsys := errfs.New(vfs.NewMem())
	var told atomic.Bool
	slow := func(error) {
		time.Sleep(50 * time.Millisecond)
		told.Store(true)
	}
	e, err := pebblemeta.Open(pebblemeta.Options{FS: fsys, Dir: dir, Fatal: slow})
	if err != nil {
		t.Fatal(err)
	}
	syncing, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	fsys.SetHook(failWhen(func(op errfs.Op) bool {
		if !onLog(op) || !op.IsSync() {
			return false
		}
		once.Do(func() { close(syncing) })
		<-release
		return true
	}))
	var writers sync.WaitGroup
	write := func(key string) {
		writers.Go(func() {
			err := e.Apply(t.Context(), &meta.Change{Sets: []meta.KV{{Key: []byte(key)}}})
			if err == nil || !told.Load() {
				t.Errorf("Apply of %q = %v, and Fatal has returned: %t; want an error, and true", key, err, told.Load())
			}
		})
	}
	write("leads")
	<-syncing
	write("waits")
	time.Sleep(20 * time.Millisecond) // for its place in the queue
	close(release)
	writers.Wait()
}

// TestOpenWhereFilesAreGoneAlready: what is to be removed at the start may be gone when its turn comes.
func TestOpenWhereFilesAreGoneAlready(t *testing.T) {
	fsys := errfs.New(vfs.NewMem())
	for range 3 { // each removes what the last one has left
		fsys.SetHook(nil)
		e, err := pebblemeta.Open(pebblemeta.Options{FS: fsys, Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(e.Apply(t.Context(), stepChange(0)), e.Close()); err != nil {
			t.Fatal(err)
		}
	}
	var removals atomic.Int64
	fsys.SetHook(func(op errfs.Op) error {
		if op.Kind != "remove" {
			return nil
		}
		removals.Add(1)
		return fs.ErrNotExist
	})
	e, err := pebblemeta.Open(pebblemeta.Options{FS: fsys, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if removals.Load() == 0 {
		t.Error("nothing was removed")
	}
}
