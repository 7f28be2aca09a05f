package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/oisproject/ois/internal/job"
	"github.com/oisproject/ois/internal/meta"
)

// A jobRow is the last run of a job. The name of the job is in the row's key.
type jobRow struct{ job.Run }

func (r *jobRow) encode() []byte {
	b := appendText([]byte{recordVersion}, 1, r.Error)
	b = appendUint(b, 4, uint64(r.Begun.UnixMilli()))
	b = appendUint(b, 5, uint64(r.Ended.UnixMilli()))
	for _, c := range r.Counts {
		b = appendItem(b, 6, fmt.Sprintf("%s\x00%d", c.Name, c.N))
	}
	return b
}

func decodeJob(b []byte) (r jobRow, err error) {
	s := scan(b)
	for s.next() {
		switch s.id {
		case 1:
			r.Error = string(s.text)
		case 4:
			r.Begun = time.UnixMilli(int64(s.num)).UTC()
		case 5:
			r.Ended = time.UnixMilli(int64(s.num)).UTC()
		case 6:
			r.count(s)
		default:
			s.unknown()
		}
	}
	return r, s.done("job row")
}

// count reads a count.
func (r *jobRow) count(s *scanner) {
	name, number, ok := strings.Cut(string(s.text), "\x00")
	n, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil {
		s.fail(errors.New("count without a number"))
		return
	}
	r.Counts = append(r.Counts, job.Count{Name: name, N: n})
}

// LastRun returns the last run of a job, the zero Run if there is none.
func (s *Store) LastRun(ctx context.Context, name string) (run job.Run, err error) {
	err = s.view(ctx, func(snap meta.Snapshot) error {
		r, ok, err := snap.Get(jobKey(name))
		if !ok || err != nil {
			return err
		}
		row, err := decodeJob(r.Val)
		if err != nil {
			s.log.WarnContext(ctx, "the last run of a job is forgotten", slog.String("job", name), slog.Any("error", err))
			return nil // it is only when to run again
		}
		run = row.Run
		return nil
	})
	return run, err
}

// KeepRun remembers the last run of a job.
func (s *Store) KeepRun(ctx context.Context, name string, run job.Run) error {
	var c change
	c.set(jobKey(name), (&jobRow{run}).encode())
	return s.meta.Apply(ctx, c.done())
}
