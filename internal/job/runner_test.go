package job

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A memory keeps runs as a store does.
type memory struct {
	mu   sync.Mutex
	runs map[string]Run // guarded by mu
	fail error          // guarded by mu
}

func (m *memory) LastRun(_ context.Context, name string) (Run, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.runs[name], m.fail
}

func (m *memory) KeepRun(_ context.Context, name string, r Run) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.runs == nil {
		m.runs = make(map[string]Run)
	}
	m.runs[name] = r
	return m.fail
}

// A diary is a job that writes down when it ran.
type diary struct {
	mu    sync.Mutex
	tasks []Task // guarded by mu
	do    func(ctx context.Context) error
}

func (d *diary) job() Job {
	return Job{Name: "daily", Every: 24 * time.Hour, Offset: 18 * time.Hour, Do: func(ctx context.Context, t Task, r *Result) error {
		d.mu.Lock()
		d.tasks = append(d.tasks, t)
		d.mu.Unlock()
		r.Add("things", 2)
		r.Note("a thing of %s", t.AsOf.Format(time.DateOnly))
		if d.do != nil {
			return d.do(ctx)
		}
		return nil
	}}
}

func (d *diary) times() (list []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range d.tasks {
		list = append(list, t.AsOf.UTC().Format("02 15:04"))
	}
	return list
}

func wantTimes(t *testing.T, d *diary, want ...string) {
	t.Helper()
	synctest.Wait()
	if got := d.times(); !slices.Equal(got, want) {
		t.Errorf("ran at %q; want %q", got, want)
	}
}

// TestJobsRunAtTheirHours: virtual time begins at midnight, 1 January 2000 UTC.
func TestJobsRunAtTheirHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, d := &memory{}, &diary{}
		r := New(Options{Memory: m}, d.job())
		r.Start()
		time.Sleep(59 * time.Second)
		wantTimes(t, d)
		time.Sleep(time.Second)
		wantTimes(t, d, "01 00:01") // never before, so it is due at the start
		time.Sleep(18 * time.Hour)
		wantTimes(t, d, "01 00:01", "01 18:00")
		time.Sleep(48 * time.Hour)
		wantTimes(t, d, "01 00:01", "01 18:00", "02 18:00", "03 18:00")
		r.Stop()
		time.Sleep(50 * time.Hour)

		// A server that was off makes up for it once, a minute after its start, which is 5 January, 20:01.
		d = &diary{}
		r = New(Options{Memory: m}, d.job())
		r.Start()
		time.Sleep(time.Minute)
		wantTimes(t, d, "05 20:02")
		r.Stop()

		// One that was not keeps to the hours.
		d = &diary{}
		r = New(Options{Memory: m}, d.job())
		r.Start()
		time.Sleep(20 * time.Hour)
		wantTimes(t, d)
		time.Sleep(2 * time.Hour)
		wantTimes(t, d, "06 18:00")
		r.Stop()
	})
}

func TestFailedRunIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, d := &memory{}, &diary{}
		var log strings.Builder
		d.do = func(context.Context) error { return errors.New("the disk is full") }
		r := New(Options{Memory: m, Logger: slog.New(slog.NewTextHandler(&log, nil))}, d.job())
		r.Start()
		time.Sleep(15 * time.Minute)
		wantTimes(t, d, "01 00:01", "01 00:11")
		if list, err := r.List(t.Context()); err != nil || list[0].Error != "the disk is full" || !slices.Equal(list[0].Counts, []Count{{"things", 2}}) {
			t.Errorf("List = %+v, %v; want the error and what was done", list, err)
		}
		if f := r.Figures(); len(f) != 1 || f[0].Runs != 2 || f[0].Failures != 2 || f[0].Counts[0].N != 4 {
			t.Errorf("Figures = %+v; want 2 runs, both failed, and 4 things", f)
		}
		r.Stop()
		if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "the disk is full") {
			t.Errorf("the log is %s; want the error", &log)
		}
		d.do = func(context.Context) error { panic("a bug") }
		r = New(Options{Memory: m}, d.job())
		defer r.Stop()
		if report, err := r.Run(t.Context(), "daily", Task{}); err != nil || !strings.Contains(report.Error, "panic: a bug") {
			t.Errorf("a run that panics = %+v, %v; want a report that says so", report, err)
		}
	})
}

// TestRunOnDemandLeavesTheClockAlone: a run as of another time, or a dry one, is none by the clock.
func TestRunOnDemandLeavesTheClockAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, d := &memory{}, &diary{}
		r := New(Options{Memory: m}, d.job())
		defer r.Stop()
		later := time.Date(2001, 2, 3, 4, 5, 0, 0, time.UTC)
		report, err := r.Run(t.Context(), "daily", Task{AsOf: later, DryRun: true})
		if err != nil || !report.AsOf.Equal(later) || !report.DryRun || report.Notes[0] != "a thing of 2001-02-03" || report.Counts[0].N != 2 {
			t.Errorf("Run = %+v, %v; want what the job has noted", report, err)
		}
		if _, err := r.Run(t.Context(), "daily", Task{AsOf: later}); err != nil {
			t.Error(err)
		}
		if len(m.runs) != 0 {
			t.Errorf("the memory has %+v; want nothing", m.runs)
		}
		if f := r.Figures(); f[0].Runs != 1 {
			t.Errorf("Figures = %+v; want the run that was not dry", f)
		}
		if report, err := r.Run(t.Context(), "daily", Task{}); err != nil || !report.AsOf.Equal(time.Now()) {
			t.Errorf("Run = %+v, %v; want one as of now", report, err)
		}
		list, err := r.List(t.Context())
		if err != nil || list[0].Begun.IsZero() || !list[0].Next.Equal(time.Date(2000, 1, 1, 18, 0, 0, 0, time.UTC)) {
			t.Errorf("List = %+v, %v; want a run, and the next at 18:00", list, err)
		}
		if _, err := r.Run(t.Context(), "weekly", Task{}); !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), `"weekly"`) {
			t.Errorf("Run of a job that is none = %v; want ErrUnknown", err)
		}
	})
}

// TestOneRunAtATime, and Stop ends it within moments.
func TestOneRunAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, d := &memory{}, &diary{}
		d.do = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		r := New(Options{Memory: m}, d.job())
		r.Start()
		time.Sleep(2 * time.Minute)
		if list, err := r.List(t.Context()); err != nil || !list[0].Running {
			t.Errorf("List = %+v, %v; want a run under way", list, err)
		}
		if _, err := r.Run(t.Context(), "daily", Task{}); !errors.Is(err, ErrBusy) {
			t.Errorf("Run beside another = %v; want ErrBusy", err)
		}
		begun := time.Now()
		r.Stop()
		if took := time.Since(begun); took != 0 {
			t.Errorf("Stop took %v", took)
		}
		if len(m.runs) != 0 {
			t.Errorf("a run that was broken off is remembered: %+v", m.runs)
		}
		if _, err := r.Run(t.Context(), "daily", Task{}); !errors.Is(err, ErrStopped) {
			t.Errorf("Run after Stop = %v; want ErrStopped", err)
		}
		r.Stop()

		r = New(Options{Memory: m}, d.job())
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := r.Run(ctx, "daily", Task{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run whose caller has gone = %v; want the error of its context", err)
		}
		go func() {
			time.Sleep(time.Minute)
			r.Stop()
		}()
		if _, err := r.Run(t.Context(), "daily", Task{}); !errors.Is(err, ErrStopped) {
			t.Errorf("Run while the runner stops = %v; want ErrStopped", err)
		}
	})
}

// TestBusyJobIsPutOff: what is due while somebody has it run by hand runs after that.
func TestBusyJobIsPutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		d.do = func(context.Context) error {
			time.Sleep(10*time.Minute + 30*time.Second) // and not when the clock is looked at
			return nil
		}
		r := New(Options{}, d.job())
		r.Start()
		defer r.Stop()
		if _, err := r.Run(t.Context(), "daily", Task{AsOf: time.Now()}); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Minute)
		wantTimes(t, d, "01 00:00", "01 00:11")
	})
}

// TestWrongClockKeepsNoJobFromRunning: the last run seems to be years ahead.
func TestWrongClockKeepsNoJobFromRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, d := &memory{runs: map[string]Run{"daily": {Begun: time.Now().AddDate(5, 0, 0)}}}, &diary{}
		r := New(Options{Memory: m}, d.job())
		r.Start()
		defer r.Stop()
		time.Sleep(19 * time.Hour)
		wantTimes(t, d, "01 18:00")
	})
}

func TestMemoryThatFailsIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, d := &memory{fail: errors.New("bad sector")}, &diary{}
		var log strings.Builder
		r := New(Options{Memory: m, Logger: slog.New(slog.NewTextHandler(&log, nil))}, d.job())
		r.Start()
		defer r.Stop()
		time.Sleep(10 * time.Minute)
		wantTimes(t, d)
		if n := strings.Count(log.String(), "bad sector"); n < 5 || n > 15 {
			t.Errorf("in 10 minutes the log says %d times that the memory fails; want about once a minute", n)
		}
		m.mu.Lock()
		m.fail = nil
		m.mu.Unlock()
		time.Sleep(2 * time.Minute)
		if n := len(d.times()); n != 1 {
			t.Errorf("%d runs once the memory works; want 1", n)
		}
	})
}

func TestResultSpellsOutSomeThings(t *testing.T) {
	var r Result
	r.Add("b", 0)
	for i := range maxNotes + 5 {
		r.Note("thing %d", i)
		r.Add("a", 1)
	}
	if len(r.Notes) != maxNotes || r.Omitted != 5 || !slices.Equal(r.Counts, []Count{{"b", 0}, {"a", maxNotes + 5}}) {
		t.Errorf("%d notes, %d omitted, %v; want %d, 5, and all counted", len(r.Notes), r.Omitted, r.Counts, maxNotes)
	}
}
