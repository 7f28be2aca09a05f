package accesslog

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"github.com/oisproject/ois/internal/job"
	"github.com/oisproject/ois/internal/vfs"
)

// Deliver delivers the pieces of the hours that are over at the time of the task. What cannot be delivered now is kept for the next
// time; what never can be is dropped, and the log says so.
func (l *Log) Deliver(ctx context.Context, to Target, t job.Task, r *job.Result) error {
	for _, name := range []string{"logs", "lines", "dropped"} {
		r.Add(name, 0)
	}
	l.flush()
	if !t.DryRun {
		l.cut(hourOf(t.AsOf))
	}
	names, err := l.over(t.AsOf)
	if err != nil {
		return err
	}
	var failed []error
	for _, name := range names {
		err := l.deliver(ctx, to, name, t.DryRun, r)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// cut makes pieces of the hours before one: lines of them that come later go to others.
func (l *Log) cut(hour int64) {
	l.spool.mu.Lock()
	defer l.spool.mu.Unlock()
	l.spool.forget(hour)
}

// over returns the names of the pieces of hours that are over at a time, in order.
func (l *Log) over(at time.Time) ([]string, error) {
	names, err := l.fs.List(l.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		hour, ok := parseName(name)
		return !ok || hourOf(hour) >= hourOf(at)
	})
	slices.Sort(names)
	return names, nil
}

// deliver delivers a piece and removes its file.
func (l *Log) deliver(ctx context.Context, to Target, name string, dry bool, r *job.Result) error {
	path := l.fs.PathJoin(l.dir, name)
	f, err := l.fs.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	p, lines, err := open(name, f)
	key := ""
	switch {
	case err != nil: // it is no piece, and will never be one
	case !lines.more():
		err = errEmpty
	case dry:
		r.Add("logs", 1)
		r.Note("log of bucket %s for %s, to bucket %s", p.Source, p.Hour.Format(time.RFC3339), p.Target)
		return nil
	default:
		key, err = to.PutLog(ctx, p, lines)
	}
	final := errors.Is(err, errEmpty) || errors.Is(err, errDamaged) || errors.Is(err, ErrNoTarget)
	if err != nil && !final {
		return fmt.Errorf("log of bucket %s for %s: %w", p.Source, p.Hour.Format(time.RFC3339), err)
	}
	switch {
	case err == nil:
		r.Add("logs", 1)
		r.Add("lines", lines.n)
		r.Note("log of bucket %s, %s/%q", p.Source, p.Target, key)
	case !errors.Is(err, errEmpty):
		r.Add("dropped", 1)
		l.log.WarnContext(ctx, "an access log is dropped", slog.String("file", name), slog.Any("error", err))
	}
	if dry {
		return nil
	}
	return l.fs.Remove(path)
}

// What a spool file may turn out to be.
var (
	errEmpty   = errors.New("there are no lines")
	errDamaged = errors.New("the first line of the file is damaged")
)

// open reads the first line of a spool file.
func open(name string, f vfs.File) (*Piece, *reader, error) {
	p := &Piece{Name: name}
	p.Hour, _ = parseName(name) // which is why it was found
	r := &reader{in: bufio.NewReaderSize(f, MaxLine+1)}
	first, err := r.in.ReadSlice('\n')
	if errors.Is(err, io.EOF) && len(first) == 0 {
		return p, r, errEmpty
	}
	if err == nil {
		err = json.Unmarshal(first, &p.Destination)
	}
	if err != nil || p.Source == "" || p.Target == "" {
		return p, r, errDamaged
	}
	return p, r, nil
}

// A reader yields the lines of a spool file that are whole. After a loss of power there may be others.
type reader struct {
	in   *bufio.Reader
	rest []byte // of the present line; it lies in the buffer of in
	n    int64  // lines that were begun
	err  error
}

// more reports whether there is a byte to read.
func (r *reader) more() bool {
	for r.err == nil && len(r.rest) == 0 {
		line, err := r.in.ReadSlice('\n')
		whole := err == nil
		for errors.Is(err, bufio.ErrBufferFull) { // no line is that long
			_, err = r.in.ReadSlice('\n')
		}
		if r.err = err; whole && sound(line) {
			r.rest = line
			r.n++
		}
	}
	return len(r.rest) > 0
}

// sound reports whether a line may be one of ours.
func sound(line []byte) bool {
	text := line[:len(line)-1]
	return len(text) > 0 && !bytes.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' })
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if !r.more() {
		return 0, r.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
