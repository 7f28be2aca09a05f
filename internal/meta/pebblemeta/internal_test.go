package pebblemeta

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

func openIn(t *testing.T, fsys vfs.FS) *Engine {
	t.Helper()
	e, err := Open(Options{FS: fsys, Dir: "meta"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func closeEngine(t *testing.T, e *Engine) {
	t.Helper()
	if err := e.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func set(key, val string) *meta.Change {
	return &meta.Change{Sets: []meta.KV{{Key: []byte(key), Val: []byte(val)}}}
}

func guarded(c *meta.Change, kind meta.GuardKind, key string) *meta.Change {
	c.Guards = append(c.Guards, meta.Guard{Key: []byte(key), Kind: kind})
	return c
}

// value returns what an engine shows at a key; "-" if there is no row.
func value(t *testing.T, e *Engine, key string) string {
	t.Helper()
	s, err := e.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	row, ok, err := s.Get([]byte(key))
	val := string(row.Val)
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	if !ok {
		return "-"
	}
	return val
}

// all returns all rows of an engine with their revisions.
func all(t *testing.T, e *Engine) (rows []string) {
	t.Helper()
	s, err := e.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = s.Walk(nil, nil, func(r meta.Row) ([]byte, bool) {
		rows = append(rows, fmt.Sprintf("%q=%q@%d", r.Key, r.Val, r.Rev))
		return nil, false
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestGroupIsLikeOneByOne commits random changes in groups in one engine and one by one in another:
// outcomes and rows must be the same.
func TestGroupIsLikeOneByOne(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	grouped, single := openIn(t, vfs.NewMem()), openIn(t, vfs.NewMem())
	for range 150 {
		var group []*write
		for range 1 + rnd.IntN(8) {
			group = append(group, &write{change: randomChange(rnd)})
		}
		grouped.commit(group)
		for i, w := range group {
			err := single.Apply(t.Context(), w.change)
			if fmt.Sprint(err) != fmt.Sprint(w.err) {
				t.Fatalf("change %d of %d in a group = %v; alone = %v", i, len(group), w.err, err)
			}
		}
		if g, s := all(t, grouped), all(t, single); !slices.Equal(g, s) {
			t.Fatalf("rows after groups are\n%s\nand one by one\n%s", strings.Join(g, "\n"), strings.Join(s, "\n"))
		}
	}
	closeEngine(t, grouped)
	closeEngine(t, single)
}

// randomChange returns a change of few keys, which serve as values and as counters.
func randomChange(rnd *rand.Rand) *meta.Change {
	c := &meta.Change{}
	keys := rnd.Perm(6)
	next := func() []byte {
		k := fmt.Appendf(nil, "k%d", keys[0])
		keys = keys[1:]
		return k
	}
	for range rnd.IntN(2) {
		c.Guards = append(c.Guards, meta.Guard{
			Key: fmt.Appendf(nil, "k%d", rnd.IntN(6)), Kind: meta.Absent + meta.GuardKind(rnd.IntN(3)), Rev: 1 + rnd.Uint64N(100),
		})
	}
	for range rnd.IntN(3) {
		c.Sets = append(c.Sets, meta.KV{Key: next(), Val: fmt.Append(nil, rnd.IntN(1000))})
	}
	for range rnd.IntN(2) {
		c.Drops = append(c.Drops, next())
	}
	for range rnd.IntN(3) {
		c.Adds = append(c.Adds, meta.Delta{Key: next(), N: rnd.Int64N(100)})
	}
	return c
}

// stalled returns an engine whose log cannot be synced before release is called, and waits until a
// change that sets a to 1 hangs in its sync. done yields the outcome of that change.
func stalled(t *testing.T) (e *Engine, done chan error, release func()) {
	t.Helper()
	fsys := errfs.New(vfs.NewCrashableMem())
	e = openIn(t, fsys)
	hook, syncs, release := errfs.Stall(func(op errfs.Op) bool { return op.IsSync() && isLog(op.Path) })
	fsys.SetHook(hook)
	done = make(chan error, 1)
	go func() { done <- e.Apply(t.Context(), set("a", "1")) }()
	<-syncs
	return e, done, release
}

// queued waits until n changes are in the queue.
func queued(e *Engine, n int) {
	for {
		e.mu.Lock()
		now := len(e.queue)
		e.mu.Unlock()
		if now == n {
			return
		}
		runtime.Gosched()
	}
}

func TestReadersNeitherSeeNorAwaitPendingChange(t *testing.T) {
	e, done, release := stalled(t)
	read := make(chan string)
	go func() { read <- value(t, e, "a") }()
	select {
	case v := <-read:
		if v != "-" {
			t.Errorf("row whose change is not durable is %q; want none", v)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("reader waits for the sync")
	}
	select {
	case err := <-done:
		t.Fatalf("Apply = %v before its sync", err)
	default:
	}
	release()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if v := value(t, e, "a"); v != "1" {
		t.Errorf("row after its change = %q; want 1", v)
	}
	closeEngine(t, e)
}

func TestGuardThatPendingChangeBreaksWaits(t *testing.T) {
	e, done, release := stalled(t)
	second := make(chan error, 1)
	go func() { second <- e.Apply(t.Context(), guarded(set("b", "2"), meta.Absent, "a")) }()
	queued(e, 1)
	select {
	case err := <-second:
		t.Fatalf("Apply = %v, which rests on a change that is not durable", err)
	default:
	}
	release()
	if err := <-second; !errors.Is(err, meta.ErrGuard) {
		t.Errorf("Apply = %v; want ErrGuard", err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	closeEngine(t, e)
}

func TestContextEndsWait(t *testing.T) {
	e, done, release := stalled(t)
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error, 1)
	go func() { waiting <- e.Apply(ctx, set("b", "2")) }()
	queued(e, 1)
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("Apply in the queue whose context ends = %v; want Canceled", err)
	}
	release()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if a, b := value(t, e, "a"), value(t, e, "b"); a != "1" || b != "-" {
		t.Errorf("rows are a = %q, b = %q; want 1 and none", a, b)
	}
	closeEngine(t, e)
}

func TestContextDoesNotEndChangeUnderWay(t *testing.T) {
	fsys := errfs.New(vfs.NewCrashableMem())
	e := openIn(t, fsys)
	hook, syncs, release := errfs.Stall(func(op errfs.Op) bool { return op.IsSync() && isLog(op.Path) })
	fsys.SetHook(hook)
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- e.Apply(t.Context(), set("a", "1")) }()
	<-syncs
	ctx, cancel := context.WithCancel(t.Context())
	// Two changes in one group: the second follows, and its context ends while the group syncs.
	leader := make(chan error, 1)
	go func() { leader <- e.Apply(t.Context(), set("b", "2")) }()
	queued(e, 1)
	go func() { second <- e.Apply(ctx, set("c", "3")) }()
	queued(e, 2)
	next, nextSyncs, releaseNext := errfs.Stall(func(op errfs.Op) bool { return op.IsSync() && isLog(op.Path) })
	fsys.SetHook(next)
	release()
	<-nextSyncs
	cancel()
	select {
	case err := <-second:
		t.Fatalf("Apply = %v while its group syncs", err)
	default:
	}
	releaseNext()
	for i, done := range []chan error{first, leader, second} {
		if err := <-done; err != nil {
			t.Errorf("change %d = %v; want nil", i, err)
		}
	}
	if v := value(t, e, "c"); v != "3" {
		t.Errorf("row = %q; want 3", v)
	}
	closeEngine(t, e)
}

func TestCloseWaitsForChanges(t *testing.T) {
	e, done, release := stalled(t)
	waiting, closed := make(chan error, 1), make(chan error, 1)
	go func() { waiting <- e.Apply(t.Context(), set("b", "2")) }()
	queued(e, 1)
	go func() { closed <- e.Close() }()
	<-e.closing
	if err := e.Apply(t.Context(), set("c", "3")); !errors.Is(err, meta.ErrClosed) {
		t.Errorf("Apply after Close has begun = %v; want ErrClosed", err)
	}
	select {
	case err := <-closed:
		t.Fatalf("Close = %v while changes are under way", err)
	default:
	}
	release()
	for _, ch := range []chan error{done, waiting, closed} {
		if err := <-ch; err != nil {
			t.Error(err)
		}
	}
}

func TestWaitingChangesLearnOfFailure(t *testing.T) {
	e, done, release := stalled(t)
	waiting := make(chan error, 3)
	for range 3 {
		go func() { waiting <- e.Apply(t.Context(), set("b", "2")) }()
	}
	queued(e, 3)
	cause := errors.New("disk is gone")
	e.failure.set(cause)
	for range 3 {
		if err := <-waiting; !errors.Is(err, cause) || errors.Is(err, meta.ErrUnknown) {
			t.Errorf("waiting Apply = %v; want the failure, and that nothing was changed", err)
		}
	}
	release()
	if err := <-done; !errors.Is(err, cause) || !errors.Is(err, meta.ErrUnknown) {
		t.Errorf("Apply under way = %v; want the failure as ErrUnknown", err)
	}
	if err := e.Close(); !errors.Is(err, cause) {
		t.Errorf("Close = %v; want the failure", err)
	}
}

func TestGroupIsBounded(t *testing.T) {
	e := openIn(t, vfs.NewMem())
	e.queue = []*write{{bytes: 3 << 20}, {bytes: 1 << 20}, {bytes: 1}, {bytes: 9 << 20}, {bytes: 1}}
	for i, want := range []int{2, 1, 1, 1} { // bytes: 4 MiB, 1 B, 9 MiB, 1 B
		if n := len(e.take()); n != want {
			t.Errorf("group %d has %d changes; want %d", i, n, want)
		}
	}
	for range maxGroupChanges + 1 {
		e.queue = append(e.queue, &write{})
	}
	if n := len(e.take()); n != maxGroupChanges || len(e.queue) != 1 {
		t.Errorf("group has %d changes and leaves %d; want %d and 1", n, len(e.queue), maxGroupChanges)
	}
	e.queue = nil
	closeEngine(t, e)
}

func TestCloseWithOpenSnapshot(t *testing.T) {
	e := openIn(t, vfs.NewMem())
	if err := e.Apply(t.Context(), set("a", "1")); err != nil {
		t.Fatal(err)
	}
	s, err := e.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err == nil || !strings.Contains(err.Error(), "1 snapshots are open") {
		t.Errorf("Close with an open snapshot = %v; want an error that says so", err)
	}
	if row, ok, err := s.Get([]byte("a")); err != nil || !ok || string(row.Val) != "1" {
		t.Errorf("Get = %q, %t, %v; want 1", row.Val, ok, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	closeEngine(t, e)
	if err := e.Close(); !errors.Is(err, meta.ErrClosed) {
		t.Errorf("third Close = %v; want ErrClosed", err)
	}
}

func TestManyCountersAreForgotten(t *testing.T) {
	e := openIn(t, vfs.NewMem())
	for i := range maxSums + 10 {
		c := &meta.Change{Adds: []meta.Delta{{Key: fmt.Appendf(nil, "n%d", i), N: 1}, {Key: []byte("n"), N: 1}}}
		if err := e.Apply(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(e.leader.sums); n > maxSums+2 {
		t.Errorf("%d sums are kept at hand; want at most %d", n, maxSums)
	}
	if got, want := value(t, e, "n"), string(meta.AppendCounter(nil, maxSums+10)); got != want {
		t.Errorf("counter = %x; want %x", got, want)
	}
	closeEngine(t, e)
}

func TestForeignDatabaseIsRefused(t *testing.T) {
	for name, change := range map[string]func(*pebble.DB) error{
		"no format row":       func(db *pebble.DB) error { return db.Delete(formatKey, pebble.Sync) },
		"newer format":        func(db *pebble.DB) error { return db.Set(formatKey, encodeNumber(formatVersion+1), pebble.Sync) },
		"broken format row":   func(db *pebble.DB) error { return db.Set(formatKey, []byte("1"), pebble.Sync) },
		"broken revision row": func(db *pebble.DB) error { return db.Set(revisionKey, nil, pebble.Sync) },
	} {
		mem := vfs.NewMem()
		e := openIn(t, mem)
		if err := errors.Join(e.Apply(t.Context(), set("a", "1")), change(e.db)); err != nil {
			t.Fatal(err)
		}
		closeEngine(t, e)
		for range 2 {
			if _, err := Open(Options{FS: mem, Dir: "meta"}); err == nil || errors.Is(err, vfs.ErrLocked) {
				t.Errorf("%s: Open = %v; want an error", name, err)
			}
		}
	}
}

func TestCorruptRowIsAnError(t *testing.T) {
	e := openIn(t, vfs.NewMem())
	if err := e.Apply(t.Context(), set("a", "1")); err != nil {
		t.Fatal(err)
	}
	for key, stored := range map[string]string{"short": "1234567", "counter": strings.Repeat("\x00", 15)} {
		if err := e.db.Set([]byte(key), []byte(stored), pebble.Sync); err != nil {
			t.Fatal(err)
		}
		e.current.publish(e.db.NewSnapshot(), 0)
		s, err := e.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Get([]byte(key)); !errors.Is(err, errRow) {
			t.Errorf("Get of a %s row = %v; want an error", key, err)
		}
		visit := func(meta.Row) ([]byte, bool) { return nil, false }
		if err := s.Walk([]byte(key), nil, visit); !errors.Is(err, errRow) {
			t.Errorf("Walk over a %s row = %v; want an error", key, err)
		}
		if err := e.Apply(t.Context(), guarded(set("b", "2"), meta.Live, key)); !errors.Is(err, errRow) {
			t.Errorf("Apply with a guard on a %s row = %v; want an error", key, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if v := value(t, e, "b"); v != "-" {
		t.Errorf("refused change was made: %q", v)
	}
	closeEngine(t, e)
}

func FuzzDecodeValue(f *testing.F) {
	for _, b := range [][]byte{nil, []byte("1234567"), make([]byte, 8), make([]byte, 16), append(encodeNumber(7), "value"...)} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		rev, val, err := decodeValue(b)
		if err != nil {
			if len(b) >= revLen && !bytes.Equal(b[:revLen], make([]byte, revLen)) {
				t.Errorf("decodeValue(%x) = %v, though it has a revision", b, err)
			}
			return
		}
		if again := append(encodeNumber(rev), val...); !bytes.Equal(again, b) {
			t.Errorf("decodeValue(%x) = %d, %x, which encodes to %x", b, rev, val, again)
		}
		if rev == 0 {
			if _, err := meta.Counter(meta.Row{Val: val}); err != nil {
				t.Errorf("counter from %x: %v", b, err)
			}
		}
	})
}
