package job

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// An entry is a job of a runner.
type entry struct {
	Job

	mu      sync.Mutex
	running bool      // guarded by mu, as all below
	last    Run       // the last regular one
	known   bool      // last is what the memory holds
	soonest time.Time // before which no run begins by the clock
	sums    Figures
}

// take begins a run, unless one is under way.
func (e *entry) take() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	free := !e.running
	e.running = true
	return free
}

// release ends a run.
func (e *entry) release() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.running = false
}

// putOff lets no run begin by the clock before t.
func (e *entry) putOff(t time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.soonest = t
}

// work does the work. A panic is a bug, which costs this run and not the server.
func (e *entry) work(ctx context.Context, t Task, r *Result) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return e.Do(ctx, t, r)
}

// note keeps what came of a run.
func (e *entry) note(last Run, regular, counts bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if regular {
		e.last, e.known = last, true
	}
	if !counts {
		return
	}
	e.sums.Runs++
	if last.Error != "" {
		e.sums.Failures++
	}
	e.sums.Busy += last.Ended.Sub(last.Begun)
	sum := Result{Counts: e.sums.Counts}
	for _, c := range last.Counts {
		sum.Add(c.Name, c.N)
	}
	e.sums.Counts = sum.Counts
}

// status tells about the job.
func (e *entry) status(next time.Time) Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	return Status{
		Job: e.Name, About: e.About, Running: e.running, Begun: e.last.Begun, Ended: e.last.Ended, Next: next.UTC(),
		Counts: slices.Clone(e.last.Counts), Error: e.last.Error,
	}
}
