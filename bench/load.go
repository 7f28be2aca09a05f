package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A limit says how large a run is: it ends with whichever comes first.
type limit struct {
	streams int
	calls   int64
	wall    time.Duration
	calm    time.Duration // of the server, after which the run counts as over; 0 means 200 ms
}

// A result is what one run took.
type result struct {
	calls     int64
	wall      time.Duration // of the load
	cpu       float64       // seconds of the server, until it was quiet again
	latencies []time.Duration
}

// perThousand is the CPU of 1,000 calls.
func (r *result) perThousand() float64 { return r.cpu / float64(r.calls) * 1000 }

func (r *result) rate() float64 { return float64(r.calls) / r.wall.Seconds() }

func (r *result) latency(q float64) float64 { return milliseconds(quantile(r.latencies, q)) }

// load makes calls with the numbers from first on, from as many goroutines as there are streams, each over
// a connection of its own. Every number up to the last is called once.
func (s *server) load(ctx context.Context, l limit, first int64, call func(*conn, int64) error) (*result, error) {
	r := &result{}
	before, err := cpuSeconds(s.pid())
	if err != nil {
		return nil, fmt.Errorf("%s is gone: %w; its log ends:\n%s", s.name, err, s.logTail())
	}
	began := time.Now()
	if err := r.drive(ctx, s, l, first, call); err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	r.wall = time.Since(began)
	if r.calls == 0 {
		return nil, fmt.Errorf("%s: no call within %v", s.name, l.wall)
	}
	calm := l.calm
	if calm == 0 {
		calm = 200 * time.Millisecond
	}
	if _, err := quiet(ctx, s.pid(), calm, 60*calm); err != nil {
		return nil, err
	}
	after, err := cpuSeconds(s.pid())
	r.cpu = max(after-before, tick/2)
	slices.Sort(r.latencies)
	return r, err
}

func (r *result) drive(ctx context.Context, s *server, l limit, first int64, call func(*conn, int64) error) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	deadline := time.Now().Add(l.wall)
	latencies, errs := make([][]time.Duration, l.streams), make([]error, l.streams)
	for n := range l.streams {
		wg.Go(func() {
			c, err := dial(ctx, s)
			if err != nil {
				errs[n] = err
				return
			}
			defer c.close()
			for ctx.Err() == nil && errs[n] == nil {
				began := time.Now()
				i := int64(0)
				if began.Before(deadline) {
					i = next.Add(1)
				}
				if i == 0 || i > l.calls {
					return
				}
				errs[n] = call(c, first+i-1)
				latencies[n] = append(latencies[n], time.Since(began))
			}
		})
	}
	wg.Wait()
	r.latencies = slices.Concat(latencies...)
	r.calls = min(next.Load(), l.calls)
	return errors.Join(append(errs, context.Cause(ctx))...)
}
