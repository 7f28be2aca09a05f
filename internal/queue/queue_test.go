package queue

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A house has queues with numbers of things in them.
type house struct {
	mu     sync.Mutex
	left   map[string]int
	away   map[string]bool // queues that cannot be served
	broken bool            // nobody can look
	looks  int
	now    map[string]int // servers of each queue
	most   int            // queues that were served at once
	log    []string       // what was served
	pauses map[string][]time.Duration
	wake   chan struct{}
}

func newHouse() *house {
	return &house{
		left: map[string]int{}, away: map[string]bool{}, now: map[string]int{}, pauses: map[string][]time.Duration{}, wake: make(chan struct{}, 1),
	}
}

// do changes the house and wakes who serves it.
func (h *house) do(change func()) {
	h.mu.Lock()
	change()
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

func (h *house) list(context.Context) ([]string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.looks++
	if h.broken {
		return nil, errors.New("the disk is gone")
	}
	return slices.Collect(maps.Keys(h.left)), nil
}

// serve takes one thing out of a queue, which takes a second.
func (h *house) serve(ctx context.Context, q string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.now[q]++; h.now[q] > 1 {
		panic("two serve the queue " + q)
	}
	h.most = max(h.most, len(h.now))
	h.mu.Unlock()
	select {
	case <-ctx.Done():
	case <-time.After(time.Second):
	}
	h.mu.Lock()
	delete(h.now, q)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if h.away[q] {
		return errors.New("nobody is there")
	}
	h.log = append(h.log, q)
	if h.left[q]--; h.left[q] <= 0 {
		delete(h.left, q)
	}
	return nil
}

// took returns what was served since it was called last, in order of the alphabet.
func (h *house) took() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	got := h.log
	h.log = nil
	slices.Sort(got)
	return got
}

func (h *house) run(t *testing.T) (r *Runner[string], stop func()) {
	r = New(Options[string]{
		List: h.list, Serve: h.serve, Wake: h.wake, Most: 3, First: 10 * time.Second, Longest: time.Minute,
		Paused: func(_ context.Context, q string, pause time.Duration, err error) {
			if err == nil {
				t.Errorf("queue %s pauses without an error", q)
			}
			h.mu.Lock()
			defer h.mu.Unlock()
			h.pauses[q] = append(h.pauses[q], pause)
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() { r.Run(ctx) })
	return r, func() { cancel(); ended.Wait() }
}

// after lets time pass, and a little more, so that what is due then has happened.
func after(d time.Duration) {
	time.Sleep(d + time.Millisecond)
	synctest.Wait()
}

// TestQueuesAreServed has more queues than may be served at once. Each is served until it is empty, by one at a time.
func TestQueuesAreServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		_, stop := h.run(t)
		defer stop()
		after(time.Hour)
		h.do(func() { h.left = map[string]int{"a": 1, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1} })
		after(2 * time.Second)
		if got := h.took(); len(got) != 6 {
			t.Errorf("after two seconds %q were served; want all, three in a second", got)
		}
		if h.most != 3 {
			t.Errorf("%d were served at the same time; want 3", h.most)
		}
		h.do(func() { h.left["a"] = 2 })
		h.do(func() { h.left["b"] = 1 })
		after(2 * time.Second)
		if got := h.took(); !slices.Equal(got, []string{"a", "a", "b"}) {
			t.Errorf("%q were served; want a twice, and b", got)
		}
	})
}

// TestPauses lets a queue fail again and again. No other waits for it, and nothing but time ends its pause.
func TestPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		h.left["a"], h.left["b"], h.away["a"] = 1, 2, true
		r, stop := h.run(t)
		defer stop()
		after(3 * time.Second)
		if got := h.took(); !slices.Equal(got, []string{"b", "b"}) || r.Waiting() != 1 {
			t.Errorf("%q were served, and %d wait; want b twice, and 1", got, r.Waiting())
		}
		h.do(func() { h.left["a"]++ })
		after(3 * time.Second)
		h.mu.Lock()
		if n := len(h.pauses["a"]); n != 1 {
			t.Errorf("something was queued in a pause, and now it is the %d. one", n)
		}
		h.mu.Unlock()
		after(5 * time.Minute)
		h.mu.Lock()
		want := []time.Duration{10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, time.Minute}
		if got := h.pauses["a"]; len(got) < 5 || !slices.Equal(got[:5], want) {
			t.Errorf("pauses of %v; want %v …", got, want)
		}
		h.away["a"] = false
		h.mu.Unlock()
		after(time.Minute + 2*time.Second)
		if got := h.took(); !slices.Equal(got, []string{"a", "a"}) || r.Waiting() != 0 {
			t.Errorf("when somebody was there again %q were served, and %d wait; want a twice, and none", got, r.Waiting())
		}
		// A queue that was served, or is empty, begins anew.
		h.do(func() { h.left["a"], h.away["a"], h.pauses["a"] = 3, true, nil })
		after(32 * time.Second) // in the midst of the third time
		h.do(func() { h.away["a"] = false })
		after(1500 * time.Millisecond)
		h.do(func() { h.away["a"] = true })
		after(time.Second)
		h.do(func() { clear(h.left) })
		after(0)
		if r.Waiting() != 0 {
			t.Errorf("%d queues wait when all are empty", r.Waiting())
		}
		h.do(func() { h.left["a"] = 1 })
		after(time.Second)
		h.mu.Lock()
		defer h.mu.Unlock()
		if got, want := h.pauses["a"], []time.Duration{10 * time.Second, 20 * time.Second, 10 * time.Second, 10 * time.Second}; !slices.Equal(got, want) {
			t.Errorf("pauses of %v; want %v", got, want)
		}
	})
}

// TestNobodyCanLook looks again after the shortest pause.
func TestNobodyCanLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		h.broken = true
		_, stop := h.run(t)
		defer stop()
		after(time.Minute)
		h.mu.Lock()
		if h.looks != 7 {
			t.Errorf("within a minute %d looks; want one every ten seconds", h.looks)
		}
		h.broken, h.left["a"] = false, 1
		h.mu.Unlock()
		after(11 * time.Second)
		if got := h.took(); !slices.Equal(got, []string{"a"}) {
			t.Errorf("%q were served; want a", got)
		}
	})
}

// TestStop cuts short what is under way, and takes that for no failure.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		h.left["a"], h.left["b"] = 1, 1
		r, stop := h.run(t)
		after(500 * time.Millisecond)
		begun := time.Now()
		stop()
		if took := time.Since(begun); took > 0 {
			t.Errorf("to stop took %s", took)
		}
		if len(h.now) > 0 || len(h.log) > 0 || len(h.pauses) > 0 || r.Waiting() > 0 {
			t.Errorf("after the end %v are served, %q were, %v pause, %d wait", h.now, h.log, h.pauses, r.Waiting())
		}
	})
}
