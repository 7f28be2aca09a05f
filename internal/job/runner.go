package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	// startDelay leaves the first minute after a start to others.
	startDelay = time.Minute
	// lookEvery is how often the clock is asked, which may be set meanwhile.
	lookEvery = time.Minute
	// retryDelay is how long after a run that failed the next one begins.
	retryDelay = 10 * time.Minute
)

// Options of a runner. The zero value is the default.
type Options struct {
	Memory Memory           // nil remembers nothing over restarts
	Now    func() time.Time // the clock; nil is time.Now
	Logger *slog.Logger     // nil means no log
}

// A Runner runs jobs. It is safe for concurrent use.
type Runner struct {
	memory Memory
	now    func() time.Time
	log    *slog.Logger
	jobs   []*entry

	ctx    context.Context // ends with Stop
	cancel context.CancelFunc
	worker sync.WaitGroup

	mu      sync.Mutex
	stopped bool // guarded by mu
}

// New returns a runner of jobs with different names. It runs nothing by itself before Start.
func New(o Options, jobs ...Job) *Runner {
	r := &Runner{memory: o.Memory, now: o.Now, log: o.Logger}
	if r.now == nil {
		r.now = time.Now
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	for _, j := range jobs {
		r.jobs = append(r.jobs, &entry{Job: j, sums: Figures{Job: j.Name}})
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// Start begins to run jobs by the clock. It is called once at most.
func (r *Runner) Start() {
	for _, e := range r.jobs {
		e.putOff(r.now().Add(startDelay))
		if r.begin() {
			go func() {
				defer r.worker.Done()
				r.loop(e)
			}()
		}
	}
}

// begin takes part in what Stop waits for, unless that has been called. Who began calls worker.Done.
func (r *Runner) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.stopped {
		r.worker.Add(1)
	}
	return !r.stopped
}

// Stop ends all runs and waits until they have ended. It may be called again.
func (r *Runner) Stop() {
	r.mu.Lock()
	r.stopped = true
	r.mu.Unlock()
	r.cancel()
	r.worker.Wait()
}

// loop runs a job whenever it is due.
func (r *Runner) loop(e *entry) {
	for r.pause(e) {
		next, err := r.next(r.ctx, e)
		if err == nil && r.now().Before(next) {
			continue
		}
		if err == nil {
			_, err = r.run(r.ctx, e, Task{}, true)
		}
		if err != nil && r.ctx.Err() == nil {
			r.log.WarnContext(r.ctx, "job has not begun", slog.String("job", e.Name), slog.Any("error", err))
			e.putOff(r.now().Add(lookEvery))
		}
	}
}

// pause waits until the clock is to be asked again. It returns false if the runner has stopped.
func (r *Runner) pause(e *entry) bool {
	wait := lookEvery
	if next, err := r.next(r.ctx, e); err == nil {
		wait = max(0, min(wait, next.Sub(r.now())))
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-r.ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// next returns when a job is due by the clock.
func (r *Runner) next(ctx context.Context, e *entry) (time.Time, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := r.recall(ctx, e); err != nil {
		return time.Time{}, err
	}
	next := e.due(e.last.Begun)
	if retry := e.last.Ended.Add(retryDelay); e.last.Error != "" && retry.Before(next) {
		next = retry
	}
	if next.Before(e.soonest) {
		next = e.soonest
	}
	return next, nil
}

// recall reads the last run of a job, once. It is called with e.mu held.
func (r *Runner) recall(ctx context.Context, e *entry) error {
	if e.known || r.memory == nil {
		return nil
	}
	last, err := r.memory.LastRun(ctx, e.Name)
	if err != nil {
		return fmt.Errorf("job %s: %w", e.Name, err)
	}
	if now := r.now(); last.Begun.After(now) {
		last.Begun = now // the clock was wrong then, or is now: it must not keep the job from running
	}
	e.last, e.known = last, true
	return nil
}

// Run runs a job at once and returns what came of it, a failure included. The error says why it has not begun, and then matches
// ErrUnknown, ErrBusy or ErrStopped, or that ctx has ended. A time of zero is now. A run as of another time, and a
// dry one, changes nothing about when the job is due by the clock.
func (r *Runner) Run(ctx context.Context, name string, t Task) (*Report, error) {
	for _, e := range r.jobs {
		if e.Name != name {
			continue
		}
		if !r.begin() {
			return nil, ErrStopped
		}
		defer r.worker.Done()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(r.ctx, cancel)()
		return r.run(ctx, e, t, t.AsOf.IsZero() && !t.DryRun)
	}
	return nil, fmt.Errorf("job %q: %w", name, ErrUnknown)
}

// run runs a job. A regular run is one that counts for when the next is due.
func (r *Runner) run(ctx context.Context, e *entry, t Task, regular bool) (*Report, error) {
	begun := r.now()
	if !e.take() {
		return nil, fmt.Errorf("job %s: %w", e.Name, ErrBusy)
	}
	defer e.release()
	if t.AsOf.IsZero() {
		t.AsOf = begun
	}
	report := &Report{Job: e.Name, AsOf: t.AsOf.UTC(), DryRun: t.DryRun}
	err := e.work(ctx, t, &report.Result)
	switch {
	case err != nil && r.ctx.Err() != nil:
		return nil, ErrStopped
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		report.Error = err.Error()
	}
	last := Run{Begun: begun, Ended: r.now(), Error: report.Error, Counts: report.Counts}
	if regular && r.memory != nil {
		if kept := r.memory.KeepRun(ctx, e.Name, last); kept != nil {
			report.Error = errors.Join(err, fmt.Errorf("remember the run: %w", kept)).Error()
		}
	}
	e.note(last, regular, !t.DryRun)
	r.tell(ctx, report, last)
	return report, nil
}

// tell logs what came of a run.
func (r *Runner) tell(ctx context.Context, report *Report, last Run) {
	level, text := slog.LevelInfo, "job is done"
	line := []slog.Attr{slog.String("job", report.Job), slog.Duration("duration", last.Ended.Sub(last.Begun))}
	if !report.AsOf.Equal(last.Begun) {
		line = append(line, slog.Time("as_of", report.AsOf))
	}
	if report.DryRun {
		line = append(line, slog.Bool("dry_run", true))
	}
	for _, c := range report.Counts {
		line = append(line, slog.Int64(c.Name, c.N))
	}
	if report.Error != "" {
		level, text = slog.LevelError, "job has failed"
		line = append(line, slog.String("error", report.Error))
	}
	r.log.LogAttrs(ctx, level, text, line...)
}

// List tells about all jobs.
func (r *Runner) List(ctx context.Context) ([]Status, error) {
	list := make([]Status, 0, len(r.jobs))
	for _, e := range r.jobs {
		next, err := r.next(ctx, e)
		if err != nil {
			return nil, err
		}
		list = append(list, e.status(next))
	}
	return list, nil
}

// Figures returns the sums over all runs since the start, a job each.
func (r *Runner) Figures() []Figures {
	var list []Figures
	for _, e := range r.jobs {
		e.mu.Lock()
		f := e.sums
		f.Counts = slices.Clone(f.Counts)
		e.mu.Unlock()
		list = append(list, f)
	}
	return list
}
