// Package job does work that comes again and again by the clock: each job at its hours, one run of it at a time, until
// the runner is stopped. An operator may have a run at once, as if it were another time, or only be told what it would do.
//
// What the work is, the jobs say. The runner remembers the last run of each over restarts, so that a
// server that was off at the hour makes up for it when it starts.
package job

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Errors of a run that has not begun.
var (
	ErrUnknown = errors.New("there is no such job")
	ErrBusy    = errors.New("the job is at work")
	ErrStopped = errors.New("the server is stopping")
)

// A Job is work that is done again and again.
type Job struct {
	Name  string
	About string // in a few words, for people

	// A run is due at each multiple of Every since 1970, UTC, and Offset more.
	Every, Offset time.Duration

	// Do does the work and notes what it does in the result, also if it fails half-way. It returns soon after ctx ends. What
	// was left undone is done by the next run.
	Do func(ctx context.Context, t Task, r *Result) error
}

// due returns when the run after one that began at last is due.
func (j *Job) due(last time.Time) time.Time {
	if last.IsZero() {
		return time.Time{} // long ago
	}
	return last.UTC().Add(-j.Offset).Truncate(j.Every).Add(j.Every + j.Offset)
}

// A Task says how a run is to be done.
type Task struct {
	AsOf   time.Time // the time that counts for the work
	DryRun bool      // nothing is changed; the result says what would be
}

// maxNotes is how many things a result spells out.
const maxNotes = 1000

// A Result is what a run has done. The zero value is that of nothing.
type Result struct {
	Counts  []Count  `json:"counts"`
	Notes   []string `json:"notes,omitempty"` // what was done to what, as far as that is spelled out
	Omitted int64    `json:"omitted,omitempty"`
}

// A Count is how much of something was done.
type Count struct {
	Name string `json:"name"`
	N    int64  `json:"n"`
}

// Add adds n to the count of that name. Adding 0 makes it appear.
func (r *Result) Add(name string, n int64) {
	for i := range r.Counts {
		if r.Counts[i].Name == name {
			r.Counts[i].N += n
			return
		}
	}
	r.Counts = append(r.Counts, Count{name, n})
}

// Note spells out one thing that was done.
func (r *Result) Note(format string, args ...any) {
	if len(r.Notes) == maxNotes {
		r.Omitted++
		return
	}
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// A Run is what is remembered of a run. The zero value is that of none.
type Run struct {
	Begun, Ended time.Time
	Error        string // empty if it went well
	Counts       []Count
}

// A Memory keeps the last run of each job over restarts.
type Memory interface {
	LastRun(ctx context.Context, job string) (Run, error)
	KeepRun(ctx context.Context, job string, r Run) error
}

// A Report is what came of a run that somebody asked for.
type Report struct {
	Job    string    `json:"job"`
	AsOf   time.Time `json:"as_of"`
	DryRun bool      `json:"dry_run"`
	Result
	Error string `json:"error,omitempty"` // what went wrong, although some was done
}

// A Status tells about a job.
type Status struct {
	Job     string    `json:"job"`
	About   string    `json:"about"`
	Running bool      `json:"running"`
	Begun   time.Time `json:"last_begun,omitzero"` // of the last run by the clock
	Ended   time.Time `json:"last_ended,omitzero"`
	Next    time.Time `json:"next,omitzero"` // when it is due by the clock; zero is as soon as a server runs
	Counts  []Count   `json:"counts"`
	Error   string    `json:"error,omitempty"`
}

// Figures are sums over all runs of a job since the start, without dry runs.
type Figures struct {
	Job      string
	Runs     int64
	Failures int64
	Busy     time.Duration // how long they took
	Counts   []Count
}
