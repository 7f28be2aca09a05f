package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/oisproject/ois/internal/meta"
)

const (
	maxRepairs = 10_000 // of one round
	maxRounds  = 1000
)

// A repair is a change that ends a problem.
type repair struct {
	change
	what string
}

// Repair mends what can be mended without a guess, and checks the store again. The report is that of the check after it, and
// says what was done. The store must be open with Options.Still.
//
// What rows of objects, uploads, parts and buckets say is what counts; the rows that follow from them are made to
// agree: references, counters, live rows, and whatever belongs to nothing goes. While there are rows of
// objects, uploads or parts that cannot be read, nothing is dropped that might belong to them. Lost bytes cannot be repaired.
func (s *Store) Repair(ctx context.Context) (*Report, error) {
	if !s.still {
		return nil, errors.New("repair: the store is at work; it must be open for nothing else")
	}
	var done Report
	for round := 1; ; round++ {
		c := newChecker(s)
		c.repairs = true
		if err := c.run(ctx); err != nil {
			return nil, err
		}
		n, err := s.repair(ctx, c.repair, &done)
		if err != nil {
			return nil, err
		}
		if n == 0 && !c.blind {
			s.collectAgain(ctx, &done)
		}
		if n == 0 {
			break
		}
		if round == maxRounds {
			return nil, fmt.Errorf("repair: there is always more to do; the last was: %s", c.repair[0].what)
		}
	}
	report, err := s.Check(ctx)
	report.Repaired, report.MoreRepaired = done.Repaired, done.MoreRepaired
	return report, err
}

// repair makes changes and returns their number. One that is out of date is left to the next round.
func (s *Store) repair(ctx context.Context, list []repair, done *Report) (n int, err error) {
	for i := range list {
		err := s.meta.Apply(ctx, list[i].done())
		for errors.Is(err, meta.ErrBusy) {
			if err := sleep(ctx, 10*time.Millisecond); err != nil {
				return n, err
			}
			err = s.meta.Apply(ctx, list[i].done())
		}
		switch {
		case err == nil:
			n++
			done.repaired(list[i].what)
		case !errors.Is(err, meta.ErrGuard):
			return n, fmt.Errorf("repair: %s: %w", list[i].what, err)
		}
	}
	return n, nil
}

// repaired notes what was done.
func (r *Report) repaired(what string) {
	if len(r.Repaired) == maxProblems {
		r.MoreRepaired++
		return
	}
	r.Repaired = append(r.Repaired, what)
}

// collectAgain removes what has no name, also of epochs of which that was done before. What goes wrong is for the check to tell.
func (s *Store) collectAgain(ctx context.Context, done *Report) {
	epochs, _ := s.blobs.Epochs(ctx)
	for _, e := range epochs {
		if e == s.epoch {
			continue
		}
		n, err := s.blobs.Collect(ctx, e, s.liveBlobs(nil), false)
		if err == nil && n > 0 {
			done.repaired(fmt.Sprintf("removed %d bytes of epoch %d that had no name", n, e))
		}
	}
}

// repairable notes a change that ends a problem.
func (c *checker) repairable(fix change, what string) {
	if c.repairs && len(c.repair) < maxRepairs {
		c.repair = append(c.repair, repair{change: fix, what: what})
	}
}

// dropped drops a row that is still what was read.
func dropped(r meta.Row) (fix change) {
	k := bytes.Clone(r.Key)
	if r.Rev > 0 { // a counter has none
		fix.still(k, r.Rev)
	}
	fix.drop(k)
	return fix
}

// livened makes the live row agree with the row of a bucket.
func livened(r meta.Row, b *bucketRow) (fix change) {
	fix.still(bytes.Clone(r.Key), r.Rev)
	if b.closing {
		fix.drop(liveKey(b.id))
	} else {
		fix.set(liveKey(b.id), b.live(string(r.Key[1:])))
	}
	return fix
}

// recount makes a counter say what it should.
func (c *checker) recount(key []byte, n, want int64) {
	var fix change
	fix.add(bytes.Clone(key), want-n)
	c.repairable(fix, fmt.Sprintf("counter %q says %d again, not %d", key, want, n))
}

// deserted reports whether nothing is in a bucket that does not exist, and no row of a bucket might be that of it.
func (c *checker) deserted(bucket uint64) bool {
	if c.unnamed {
		return false
	}
	found := false
	for _, kind := range []byte{kindObject, kindVersion, kindUpload} {
		prefix := numberKey(kind, bucket)
		err := c.snap.Walk(prefix, successor(prefix), func(meta.Row) ([]byte, bool) {
			found = true
			return nil, true
		})
		found = found || err != nil
	}
	return !found
}
