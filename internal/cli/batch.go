package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/oisproject/ois/internal/client/entry"
	"github.com/oisproject/ois/internal/client/pool"
	"github.com/oisproject/ois/internal/client/progress"
	ois "github.com/oisproject/ois/sdk/go"
)

// batchFlags are of commands that do the same to many objects.
type batchFlags struct {
	json    bool
	quiet   bool
	verbose bool
	dryRun  bool
	single  bool // the command names one object: its error is that of the command
	watched bool // the line that shows how far the work is is there even if the batch is quiet
}

func (f *batchFlags) add(cmd *cobra.Command) {
	jsonFlag(cmd, &f.json)
	cmd.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "say nothing but errors")
	cmd.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "print a line for each object")
	cmd.Flags().BoolVarP(&f.dryRun, "dry-run", "n", false, "print what would be done, and do nothing")
}

// An action is something done to an object, as it is printed.
type action struct {
	Name   string `json:"action"`
	Source string `json:"source,omitempty"`
	Target string `json:"target,omitempty"`
	Size   int64  `json:"size"`
	DryRun bool   `json:"dry_run,omitempty"`
	Error  string `json:"error,omitempty"`
}

func (c action) String() string {
	if c.Target == "" {
		return c.Name + " " + printable(c.Source)
	}
	return c.Name + " " + printable(c.Source) + " -> " + printable(c.Target)
}

// A batch does things to objects, many at once, and tells what became of each. An error of one does not stop the others.
type batch struct {
	batchFlags
	a     *app
	group *pool.Group
	meter *progress.Meter
	out   io.Writer // standard output
	talk  io.Writer // standard error

	// whole says that all goes from one place to another, so that an error of the bucket or of the keys is one of the whole batch.
	whole bool

	mu       sync.Mutex
	end      error // of the whole batch; guarded by mu
	outErr   error // of writing to out; guarded by mu
	failed   int64 // guarded by mu
	first    error // that failed something; guarded by mu
	statuses map[int]bool
}

// newBatch begins a batch. finish must end it.
func (a *app) newBatch(f batchFlags) *batch {
	var screen io.Writer
	if a.Terminal && (!f.quiet || f.watched) && !f.json && a.Getenv("TERM") != "dumb" {
		screen = a.Stderr
	}
	m := progress.Start(screen, a.Columns)
	return &batch{
		batchFlags: f, a: a, group: a.house().pool.Group(), meter: m,
		out: m.Through(a.Stdout), talk: m.Through(a.Stderr), statuses: make(map[int]bool),
	}
}

// do does something to an object when a worker is free. With --dry-run it only prints it. The error is that nothing more can be done.
func (b *batch) do(ctx context.Context, c action, work func() error) error {
	if err := b.ended(); err != nil {
		return err
	}
	b.meter.Found(c.Size)
	if b.dryRun {
		c.DryRun = true
		b.meter.Done()
		return b.print(c)
	}
	return b.group.Go(ctx, func() { b.report(ctx, c, work()) })
}

// errSame is returned by work that has found nothing to do.
var errSame = errors.New("nothing to do")

// report tells what became of an action.
func (b *batch) report(ctx context.Context, c action, err error) {
	switch {
	case errors.Is(err, errSame):
		b.meter.Same()
	case err == nil:
		b.meter.Done()
		_ = b.print(c) // kept in outErr
	case ctx.Err() != nil:
		// The command as a whole was interrupted.
	default:
		b.fail(ctx, c, err)
	}
}

// fail notes that something did not work.
func (b *batch) fail(ctx context.Context, c action, err error) {
	b.meter.Failed()
	b.mu.Lock()
	b.failed++
	if b.first == nil {
		b.first = err
	}
	b.statuses[b.a.status(ctx, err)] = true
	hopeless := b.whole && isHopeless(err)
	if hopeless && b.end == nil {
		b.end = err
	}
	b.mu.Unlock()
	if hopeless {
		return // it is told once, in the end
	}
	if b.json {
		c.Error = err.Error()
		_ = b.printJSON(c) // kept in outErr
	}
	if !b.single {
		fmt.Fprintf(b.talk, "%s: %v\n", c, err)
	}
}

// isHopeless reports whether err would be that of all that is done with a bucket.
func isHopeless(err error) bool {
	e, ok := errors.AsType[*ois.Error](err)
	return ok && slices.Contains([]string{"bucket_not_exists", "invalid_access_key_id", "signature_not_matched"}, e.Code)
}

// ended is why nothing more need be tried.
func (b *batch) ended() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.end
}

// bad notes the error of an entry of a list.
func (b *batch) bad(ctx context.Context, name string, err error) {
	if bad, ok := errors.AsType[*entry.Bad](err); ok {
		err = bad.Err
	}
	b.fail(ctx, action{Name: "read", Source: name}, err)
}

// print prints an action that is done.
func (b *batch) print(c action) error {
	switch {
	case b.json:
		return b.printJSON(c)
	case c.DryRun:
		return b.println("(dry run) " + c.String())
	case b.verbose:
		return b.println(c.String())
	}
	return b.broken()
}

func (b *batch) println(line string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.outErr == nil {
		_, b.outErr = io.WriteString(b.out, line+"\n")
	}
	return b.outErr
}

func (b *batch) printJSON(v any) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.outErr == nil {
		b.outErr = printJSON(b.out, v)
	}
	return b.outErr
}

// broken is why nothing more can be printed.
func (b *batch) broken() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.outErr
}

// failures returns how many actions have failed.
func (b *batch) failures() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed
}

// finish waits for the work, prints the sum of it and returns what the command fails with. Err is what has ended the batch early.
func (b *batch) finish(ctx context.Context, err error) error {
	b.group.Wait()
	b.meter.Stop()
	sum := b.meter.Sum()
	b.sum(sum)
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case b.outErr != nil:
		return b.outErr
	case b.end != nil:
		return b.end
	case b.failed == 0:
		return nil
	case b.single:
		return b.first
	}
	return &itemsError{failed: b.failed, done: sum.Done + sum.Same, status: b.commonStatus(sum), first: b.first}
}

// commonStatus is the status of all failures, if nothing worked and they agree.
func (b *batch) commonStatus(sum progress.Sum) int {
	if sum.Done+sum.Same == 0 && len(b.statuses) == 1 {
		for status := range b.statuses {
			return status
		}
	}
	return exitFailed
}

// A summary is the last line of a batch in JSON.
type summary struct {
	Summary struct {
		Done    int64   `json:"done"`
		Failed  int64   `json:"failed"`
		Same    int64   `json:"same"`
		Bytes   int64   `json:"bytes"`
		Seconds float64 `json:"seconds"`
		DryRun  bool    `json:"dry_run,omitempty"`
	} `json:"summary"`
}

func (b *batch) sum(sum progress.Sum) {
	if b.json {
		var s summary
		s.Summary.Done, s.Summary.Failed, s.Summary.Same, s.Summary.Bytes = sum.Done, sum.Failed, sum.Same, sum.Bytes
		s.Summary.Seconds, s.Summary.DryRun = sum.Time.Round(time.Millisecond).Seconds(), b.dryRun
		_ = b.printJSON(s) // kept in outErr
		return
	}
	if b.quiet || b.single && sum.Failed > 0 {
		return
	}
	b.sayf("%d done, %d up to date, %d failed, %s in %s", sum.Done, sum.Same, sum.Failed, progress.Size(sum.Bytes), sum.Time.Round(time.Millisecond))
}

// sayf tells a person something, above the line that shows how far the work is.
func (b *batch) sayf(format string, args ...any) {
	fmt.Fprintf(b.talk, b.a.text(format)+"\n", args...)
}

// An itemsError says that some of many things did not work. Each was told before.
type itemsError struct {
	failed, done int64
	status       int
	first        error // that was told
}

// Unwrap returns the first error, by which a hint may be found.
func (e *itemsError) Unwrap() error { return e.first }

func (e *itemsError) Error() string { return fmt.Sprintf("%d of %d failed", e.failed, e.failed+e.done) }
