// Package metatest is the suite that every metadata engine passes. It compares
// engines with a plain map.
package metatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/oisproject/ois/internal/meta"
)

// Run checks an engine. fresh makes an empty store and returns a function that opens it; the suite opens
// a store again only after it has closed it.
func Run(t *testing.T, fresh func(t *testing.T) (open func() (meta.Engine, error))) {
	for name, test := range map[string]func(*testing.T, *store){
		"SetGetDrop":           testSetGetDrop,
		"EmptyValue":           testEmptyValue,
		"MultiGet":             testMultiGet,
		"Walk":                 testWalk,
		"WalkSeek":             testWalkSeek,
		"WalkSeekBack":         testWalkSeekBack,
		"Guards":               testGuards,
		"GuardsOnCounters":     testGuardsOnCounters,
		"AllOrNothing":         testAllOrNothing,
		"Invalid":              testInvalid,
		"Limits":               testLimits,
		"Counters":             testCounters,
		"CounterOverflow":      testCounterOverflow,
		"AddToValue":           testAddToValue,
		"SnapshotIsStable":     testSnapshotIsStable,
		"SlicesLiveUntilClose": testSlicesLiveUntilClose,
		"CallerKeepsSlices":    testCallerKeepsSlices,
		"Revisions":            testRevisions,
		"Reopen":               testReopen,
		"Closed":               testClosed,
		"Context":              testContext,
		"ConcurrentCAS":        testConcurrentCAS,
		"ConcurrentCounters":   testConcurrentCounters,
		"ConcurrentCreate":     testConcurrentCreate,
		"ConcurrentPairs":      testConcurrentPairs,
		"ConcurrentCancel":     testConcurrentCancel,
		"Random":               testRandom,
	} {
		t.Run(name, func(t *testing.T) {
			s := &store{reopen: fresh(t)}
			s.open(t)
			test(t, s)
			s.close(t)
		})
	}
}

// A store is an engine that can be closed and opened again.
type store struct {
	meta.Engine
	reopen func() (meta.Engine, error)
}

func (s *store) open(t *testing.T) {
	t.Helper()
	e, err := s.reopen()
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	s.Engine = e
}

func (s *store) close(t *testing.T) {
	t.Helper()
	if s.Engine == nil {
		return
	}
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	s.Engine = nil
}

// apply makes a change that must succeed.
func (s *store) apply(t *testing.T, c *meta.Change) {
	t.Helper()
	if err := s.Apply(t.Context(), c); err != nil {
		t.Fatalf("Apply: %v", err)
	}
}

func (s *store) set(t *testing.T, key, val string) {
	t.Helper()
	s.apply(t, &meta.Change{Sets: []meta.KV{kv(key, val)}})
}

// view calls read with a snapshot of now.
func (s *store) view(t *testing.T, read func(meta.Snapshot)) {
	t.Helper()
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatalf("Snapshot: %v", err)
	}
	read(snap)
	if err := snap.Close(); err != nil {
		t.Fatalf("close snapshot: %v", err)
	}
}

// get returns a copy of the row at key.
func (s *store) get(t *testing.T, key string) (row meta.Row, ok bool) {
	t.Helper()
	s.view(t, func(snap meta.Snapshot) { row, ok = getRow(t, snap, key) })
	return row, ok
}

func getRow(t *testing.T, snap meta.Snapshot, key string) (meta.Row, bool) {
	t.Helper()
	row, ok, err := snap.Get([]byte(key))
	if err != nil {
		t.Fatalf("Get(%q): %v", key, err)
	}
	if ok && string(row.Key) != key {
		t.Fatalf("Get(%q) returned the row %q", key, row.Key)
	}
	return clone(row), ok
}

func clone(r meta.Row) meta.Row {
	return meta.Row{Key: bytes.Clone(r.Key), Val: bytes.Clone(r.Val), Rev: r.Rev}
}

// want checks the value at a key; "" with ok false means no row.
func (s *store) want(t *testing.T, key, val string, ok bool) {
	t.Helper()
	row, got := s.get(t, key)
	if got != ok || string(row.Val) != val {
		t.Fatalf("row %q = %q, %t; want %q, %t", key, row.Val, got, val, ok)
	}
}

// count returns the sum of a counter.
func (s *store) count(t *testing.T, key string) int64 {
	t.Helper()
	row, ok := s.get(t, key)
	if !ok {
		t.Fatalf("there is no counter %q", key)
	}
	n, err := meta.Counter(row)
	if err != nil || row.Rev != 0 {
		t.Fatalf("Counter(%q) = %v, revision %d; want nil, 0", key, err, row.Rev)
	}
	return n
}

// walk returns the keys and values of a range.
func walk(t *testing.T, snap meta.Snapshot, lo, hi []byte) (rows []string) {
	t.Helper()
	err := snap.Walk(lo, hi, func(r meta.Row) ([]byte, bool) {
		rows = append(rows, string(r.Key)+"="+string(r.Val))
		return nil, false
	})
	if err != nil {
		t.Fatalf("Walk(%q, %q): %v", lo, hi, err)
	}
	return rows
}

func kv(key, val string) meta.KV { return meta.KV{Key: []byte(key), Val: []byte(val)} }

func keys(ks ...string) (bs [][]byte) {
	for _, k := range ks {
		bs = append(bs, []byte(k))
	}
	return bs
}

func delta(key string, n int64) meta.Delta { return meta.Delta{Key: []byte(key), N: n} }

func absent(key string) meta.Guard { return meta.Guard{Key: []byte(key), Kind: meta.Absent} }

func live(key string) meta.Guard { return meta.Guard{Key: []byte(key), Kind: meta.Live} }

func revIs(key string, rev uint64) meta.Guard {
	return meta.Guard{Key: []byte(key), Kind: meta.RevIs, Rev: rev}
}

// cas reads a row and replaces its value by what next makes of it, until nobody was faster.
func cas(ctx context.Context, e meta.Engine, key string, next func(string) string) error {
	for {
		err := casOnce(ctx, e, key, next)
		if !errors.Is(err, meta.ErrGuard) {
			return err
		}
	}
}

func casOnce(ctx context.Context, e meta.Engine, key string, next func(string) string) error {
	snap, err := e.Snapshot(ctx)
	if err != nil {
		return err
	}
	row, ok, err := snap.Get([]byte(key))
	c := &meta.Change{Guards: []meta.Guard{absent(key)}}
	if ok {
		c.Guards[0] = revIs(key, row.Rev)
	}
	c.Sets = []meta.KV{kv(key, next(string(row.Val)))}
	if err := errors.Join(err, snap.Close()); err != nil {
		return fmt.Errorf("read %q: %w", key, err)
	}
	return e.Apply(ctx, c)
}
