// Package queue serves queues that are kept elsewhere: many at the same time, each by one goroutine. A queue that cannot be served is left
// alone for a while, longer each time, and no other waits for it.
//
// What a queue is and what is done with it, the caller says. Nothing is remembered over restarts but by the queues themselves.
package queue

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// Options say what a Runner works with. List, Serve and Wake are required, and so are the numbers.
type Options[Q comparable] struct {
	// List returns the queues that have anything in them.
	List func(ctx context.Context) ([]Q, error)

	// Serve does something about a queue, not necessarily all. It is not called for one queue at the same time, and ends soon after
	// ctx does. If it returns an error, the queue pauses.
	Serve func(ctx context.Context, q Q) error

	Wake <-chan struct{} // has something in it after something was queued

	Most    int           // queues that are served at the same time
	First   time.Duration // the pause after a first failure; each further one is twice as long,
	Longest time.Duration // up to this

	Paused func(ctx context.Context, q Q, pause time.Duration, err error) // is told of pauses; nil means nobody
	Now    func() time.Time                                               // the clock; nil is time.Now
	Logger *slog.Logger                                                   // nil means no log
}

// A Runner serves queues.
type Runner[Q comparable] struct {
	o     Options[Q]
	ended chan struct{} // has something in it after a queue was served

	mu    sync.Mutex
	busy  map[Q]bool  // served now; guarded by mu, as all below
	pause map[Q]pause // not to be served yet
}

// A pause is until a time, and long because of what went wrong before.
type pause struct {
	until time.Time
	last  time.Duration
}

// New returns a Runner.
func New[Q comparable](o Options[Q]) *Runner[Q] {
	if o.Paused == nil {
		o.Paused = func(context.Context, Q, time.Duration, error) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Runner[Q]{o: o, ended: make(chan struct{}, 1), busy: make(map[Q]bool), pause: make(map[Q]pause)}
}

// Waiting returns how many queues pause.
func (r *Runner[Q]) Waiting() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return int64(len(r.pause))
}

// Run serves queues until ctx ends, and then waits for what is under way.
func (r *Runner[Q]) Run(ctx context.Context) {
	var servers sync.WaitGroup
	defer servers.Wait()
	for {
		wait := r.begin(ctx, &servers)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-r.o.Wake:
		case <-r.ended:
		case <-timer.C:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// begin serves the queues that nobody serves, and returns when it is to be called again at the latest.
func (r *Runner[Q]) begin(ctx context.Context, servers *sync.WaitGroup) (wait time.Duration) {
	queues, err := r.o.List(ctx)
	if err != nil {
		if ctx.Err() == nil {
			r.o.Logger.ErrorContext(ctx, "look for what is queued", slog.Any("error", err))
		}
		return r.o.First
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(queues)
	now := r.o.Now()
	wait = r.o.Longest
	rand.Shuffle(len(queues), func(i, j int) { queues[i], queues[j] = queues[j], queues[i] }) // so that each has its turn
	for _, q := range queues {
		p, paused := r.pause[q]
		switch {
		case r.busy[q] || len(r.busy) == r.o.Most: // whoever ends calls again
		case paused && now.Before(p.until):
			wait = min(wait, p.until.Sub(now))
		default:
			r.busy[q] = true
			servers.Go(func() { r.serve(ctx, q) })
		}
	}
	return wait
}

// forget ends the pauses of queues that are empty now.
func (r *Runner[Q]) forget(queues []Q) {
	left := make(map[Q]pause)
	for _, q := range queues {
		if p, ok := r.pause[q]; ok {
			left[q] = p
		}
	}
	r.pause = left
}

// serve serves a queue once.
func (r *Runner[Q]) serve(ctx context.Context, q Q) {
	err := r.o.Serve(ctx, q)
	if ctx.Err() != nil {
		err = nil // it was cut short, which says nothing about the queue
	}
	if pause := r.end(q, err); pause > 0 {
		r.o.Paused(ctx, q, pause, err)
	}
	select {
	case r.ended <- struct{}{}:
	default:
	}
}

// end notes what came of serving a queue, and returns how long it pauses.
func (r *Runner[Q]) end(q Q, err error) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.busy, q)
	if err == nil {
		delete(r.pause, q)
		return 0
	}
	last := min(max(2*r.pause[q].last, r.o.First), r.o.Longest)
	r.pause[q] = pause{until: r.o.Now().Add(last), last: last}
	return last
}
