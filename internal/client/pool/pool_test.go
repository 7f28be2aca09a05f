package pool

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestWorkersAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(3)
		var running, most, done atomic.Int64
		task := func() {
			most.Store(max(most.Load(), running.Add(1)))
			time.Sleep(time.Second)
			running.Add(-1)
			done.Add(1)
		}
		start := time.Now()
		a, b := p.Group(), p.Group()
		for range 6 {
			for _, g := range []*Group{a, b} {
				if err := g.Go(t.Context(), task); err != nil {
					t.Fatal(err)
				}
			}
		}
		a.Wait()
		b.Wait()
		if most.Load() != 3 || done.Load() != 12 || time.Since(start) != 4*time.Second {
			t.Errorf("at most %d at once, %d done in %v; want 3, 12, 4s", most.Load(), done.Load(), time.Since(start))
		}
	})
}

func TestTheEndOfTheContextEndsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(1).Group()
		if err := g.Go(t.Context(), func() { time.Sleep(time.Minute) }); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := g.Go(ctx, func() { t.Error("the task has run") })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		g.Wait()
		if err := g.Go(ctx, func() { t.Error("the task has run") }); err == nil {
			t.Error("a free worker takes a task though the context has ended")
		}
	})
}
