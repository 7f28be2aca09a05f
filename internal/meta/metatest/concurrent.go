package metatest

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/oisproject/ois/internal/meta"
)

// workers is how many goroutines the tests here have at once.
const workers = 8

// concurrently runs work in all workers at once and reports their errors.
func concurrently(t *testing.T, work func(w int) error) {
	t.Helper()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			if err := work(w); err != nil {
				t.Errorf("worker %d: %v", w, err)
			}
		})
	}
	wg.Wait()
}

func plusOne(s string) string {
	n, _ := strconv.Atoi(s) // "" is 0
	return strconv.Itoa(n + 1)
}

func testConcurrentCAS(t *testing.T, s *store) {
	const each = 50
	concurrently(t, func(int) error {
		for range each {
			if err := cas(t.Context(), s, "a", plusOne); err != nil {
				return err
			}
		}
		return nil
	})
	s.want(t, "a", strconv.Itoa(workers*each), true)
}

func testConcurrentCounters(t *testing.T, s *store) {
	const each = 50
	concurrently(t, func(w int) error {
		for i := range each {
			own := "own" + strconv.Itoa(w)
			c := &meta.Change{
				Sets: []meta.KV{kv(own+strconv.Itoa(i), "")},
				Adds: []meta.Delta{delta("all", int64(i-10)), delta(own, 1)},
			}
			if i%10 == 9 { // counters come and go
				c.Adds = append(c.Adds[:1], delta("gone", 1))
				c.Drops = keys(own)
			}
			if err := s.Apply(t.Context(), c); err != nil {
				return err
			}
		}
		return nil
	})
	if got, want := s.count(t, "all"), int64(workers*(each*(each-1)/2-10*each)); got != want {
		t.Errorf("common counter = %d; want %d", got, want)
	}
	if got, want := s.count(t, "gone"), int64(workers*each/10); got != want {
		t.Errorf("counter of drops = %d; want %d", got, want)
	}
	for w := range workers {
		s.want(t, "own"+strconv.Itoa(w), "", false) // dropped by the last change
	}
}

func testConcurrentCreate(t *testing.T, s *store) {
	const rounds = 40
	var won [rounds]atomic.Int32
	concurrently(t, func(w int) error {
		for i := range rounds {
			key := "k" + strconv.Itoa(i)
			err := s.Apply(t.Context(), &meta.Change{Guards: []meta.Guard{absent(key)}, Sets: []meta.KV{kv(key, strconv.Itoa(w))}})
			switch {
			case err == nil:
				won[i].Add(1)
			case !errors.Is(err, meta.ErrGuard):
				return err
			}
			// Whoever lost must see the row of the one who won.
			if _, ok := s.get(t, key); !ok {
				t.Errorf("Apply = %v, yet there is no row %q", err, key)
			}
		}
		return nil
	})
	for i := range won {
		if n := won[i].Load(); n != 1 {
			t.Errorf("row %d was created %d times; want 1", i, n)
		}
	}
}

// testConcurrentPairs checks that every snapshot holds both rows of a change or none, and all changes
// that were acknowledged before.
func testConcurrentPairs(t *testing.T, s *store) {
	const writers, each = workers / 2, 50
	var acked [writers]atomic.Int64
	concurrently(t, func(w int) error {
		if w >= writers {
			return readPairs(t, s, each, acked[:])
		}
		x, y := "x"+strconv.Itoa(w), "y"+strconv.Itoa(w)
		for i := 1; i <= each; i++ {
			v := strconv.Itoa(i)
			if err := s.Apply(t.Context(), &meta.Change{Sets: []meta.KV{kv(x, v), kv(y, v)}}); err != nil {
				return err
			}
			acked[w].Store(int64(i))
		}
		return nil
	})
}

func readPairs(t *testing.T, s *store, rounds int, acked []atomic.Int64) error {
	for range rounds {
		for w := range acked {
			atLeast := acked[w].Load()
			s.view(t, func(snap meta.Snapshot) {
				rows, err := snap.MultiGet(keys("x"+strconv.Itoa(w), "y"+strconv.Itoa(w)))
				if err != nil {
					t.Error(err)
					return
				}
				n, _ := strconv.ParseInt(string(rows[0].Val), 10, 64) // "" is 0
				if string(rows[0].Val) != string(rows[1].Val) || n < atLeast {
					t.Errorf("pair = %q, %q; want two equal, at least %d", rows[0].Val, rows[1].Val, atLeast)
				}
			})
		}
	}
	return nil
}

// testConcurrentCancel checks that a change whose context ended was made or not, as Apply says.
func testConcurrentCancel(t *testing.T, s *store) {
	const each = 50
	concurrently(t, func(w int) error {
		for i := range each {
			ctx, cancel := context.WithCancel(t.Context())
			go cancel()
			key := strconv.Itoa(w) + "-" + strconv.Itoa(i)
			err := s.Apply(ctx, &meta.Change{Sets: []meta.KV{kv(key, "")}})
			if err != nil && !errors.Is(err, context.Canceled) {
				return err
			}
			if _, ok := s.get(t, key); ok != (err == nil) {
				t.Errorf("Apply = %v, and the row exists: %t", err, ok)
			}
		}
		return nil
	})
}
