package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/meta"
)

// maxProblems is how many problems a report spells out, and how many repairs and damaged objects.
const maxProblems = 1000

// A Report is what Check or Repair found.
type Report struct {
	Buckets     int64 `json:"buckets"`
	Objects     int64 `json:"objects"`
	Versions    int64 `json:"versions"` // older ones, and delete markers
	Uploads     int64 `json:"uploads"`
	Parts       int64 `json:"parts"`        // of uploads and of objects that were uploaded in parts, and appends
	Blobs       int64 `json:"blobs"`        // that something needs
	Bytes       int64 `json:"bytes"`        // read and compared with their checksums
	OrphanBytes int64 `json:"orphan_bytes"` // on the disk and without a name: harmless, the next start removes them

	Repaired     []string `json:"repaired,omitempty"` // what Repair has done
	MoreRepaired int64    `json:"more_repaired,omitempty"`
	Damaged      []Lost   `json:"damaged"` // what has lost bytes; the problems say how
	Problems     []string `json:"problems"`
	Omitted      int64    `json:"omitted"` // problems beyond those spelled out
}

// A Lost is an object or an upload some bytes of which cannot be read any more.
type Lost struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	Upload string `json:"upload_id,omitempty"` // if it is an upload

	Version string `json:"version_id,omitempty"` // if it is an older version
}

// Clean reports whether nothing is wrong.
func (r *Report) Clean() bool { return len(r.Problems) == 0 }

// Check looks at everything the store holds: that rows can be read and agree with
// each other, that every byte matches its checksum, and that nothing is missing. It changes
// nothing, and may run while the store serves. The error is about the check itself.
//
// Rows are compared within one snapshot; bytes are read afterwards, when the sweeper may have given some of them back. So whatever
// cannot be read is damage only if something that lives refers to it after that.
func (s *Store) Check(ctx context.Context) (*Report, error) {
	c := newChecker(s)
	err := c.run(ctx)
	if err == nil {
		err = c.orphans(ctx)
	}
	return c.report, err
}

func newChecker(s *Store) *checker {
	return &checker{store: s, report: &Report{Problems: []string{}, Damaged: []Lost{}}, portion: maxClaims, first: true}
}

// A checker is one run of Check, or one round of Repair.
type checker struct {
	store  *Store
	report *Report
	damage damage

	portion int      // claims of one
	repairs bool     // it looks for what can be repaired, and reads no blobs
	repair  []repair // what was found

	snap  meta.Snapshot // of this portion
	list  *claimList    // of this portion
	first bool          // this is the first portion: what is no matter of claims is checked, too

	blind     bool  // rows that claim others cannot be read: who knows what is too much, or how much there is?
	unnamed   bool  // something is wrong with the row of a bucket
	ownerless int64 // rows that might be those of rows which cannot be read

	buckets map[uint64]string
	counts  map[string]int64 // what the counters should say
	garbage map[ref]bool     // refs of garbage rows; true if their part rows go, too
	pile    pile
}

func (c *checker) problem(format string, args ...any) {
	if len(c.report.Problems) == maxProblems {
		c.report.Omitted++
		return
	}
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ") // one line, whatever engines say
	c.report.Problems = append(c.report.Problems, text)
}

// run checks one portion after another, and then says whose the damage is.
func (c *checker) run(ctx context.Context) error {
	list := &claimList{limit: c.portion}
	for more := true; more; more = list.cut {
		list.from, list.cut, list.list = list.to, false, list.list[:0]
		c.list = list
		if err := c.store.view(ctx, func(snap meta.Snapshot) error { return c.rows(ctx, snap) }); err != nil {
			return err
		}
		if err := c.blobs(ctx); err != nil {
			return err
		}
		c.first = false
	}
	if c.ownerless > 0 {
		c.problem("%d rows seem to belong to nothing; they may belong to those that cannot be read", c.ownerless)
	}
	return c.store.blame(ctx, &c.damage, c.accuse)
}

// rows checks the rows of a portion in one snapshot.
func (c *checker) rows(ctx context.Context, snap meta.Snapshot) error {
	c.snap = snap
	c.counts, c.garbage = make(map[string]int64), make(map[ref]bool)
	if c.first {
		if err := c.singles(ctx); err != nil {
			return err
		}
	}
	for _, rows := range []struct {
		kind  byte
		check func(meta.Row) error
	}{{kindGarbage, c.garbageRow}, {kindObject, c.object}, {kindVersion, c.version}, {kindUpload, c.upload}, {kindPart, c.part}} {
		if err := c.gather(ctx, rows.kind, rows.check); err != nil {
			return err
		}
	}
	c.list.sort()
	if err := c.join(ctx); err != nil || !c.first {
		return err
	}
	return c.counters(ctx)
}

// walk checks the rows of a kind. An error of check is about one of them.
func (c *checker) walk(ctx context.Context, kind byte, check func(meta.Row) error) error {
	return walkOver(ctx, c.snap, []byte{kind}, []byte{kind + 1}, func(r meta.Row) ([]byte, bool) {
		if err := check(r); err != nil {
			c.problem("row %q: %v", r.Key, err)
			c.unnamed = c.unnamed || kind == kindBucket
		}
		return nil, false
	}, func(g gap) {
		c.problem("%v", &g)
		c.unnamed = c.unnamed || kind == kindBucket
	})
}

// gather checks the rows of a kind that claims others. An error of check says that one cannot be read. Later portions say
// nothing again.
func (c *checker) gather(ctx context.Context, kind byte, check func(meta.Row) error) error {
	fails := func(format string, args ...any) {
		c.blind = c.blind || kind != kindGarbage
		if c.first {
			c.problem(format, args...)
		}
	}
	return walkOver(ctx, c.snap, []byte{kind}, []byte{kind + 1}, func(r meta.Row) ([]byte, bool) {
		if err := check(r); err != nil {
			fails("row %q: %v", r.Key, err)
		}
		return nil, false
	}, func(g gap) { fails("%v", &g) })
}

// accuse reports what is wrong with what a row holds.
func (c *checker) accuse(who owner, h *holding, cl *claim, f flaw) {
	if f.lost {
		c.lost(who, f.what)
		return
	}
	c.problem("%v: %s", who, f.what)
	if f.missing {
		var fix change
		fix.still([]byte(h.row), h.rev)
		fix.guard(meta.Absent, cl.prefix())
		fix.set(cl.prefix(), nil)
		c.repairable(fix, fmt.Sprintf("added the reference of %v to blob %s", who, cl.blob()))
	}
}

// lost reports that bytes of an object or an upload are lost.
func (c *checker) lost(who owner, what string) {
	c.problem("%v: %s", who, what)
	l := Lost{Bucket: who.bucket, Key: who.key, Upload: who.upload, Version: who.version}
	n := len(c.report.Damaged)
	if who.dead || n == maxProblems || n > 0 && c.report.Damaged[n-1] == l {
		return
	}
	c.report.Damaged = append(c.report.Damaged, l)
}

// blobs reads the blobs of this portion that something needs, each once and whole.
func (c *checker) blobs(ctx context.Context) error {
	list := c.list.list
	for i := 0; i < len(list) && !c.repairs; {
		id, needed, met, end := list[i].blob(), false, false, int64(0)
		isRef := list[i].kind == kindRef
		for first := i; i < len(list) && (i == first || isRef && list[i].blob() == id); i++ {
			needed, met, end = needed || !list[i].dead, met || list[i].met, max(end, list[i].n)
		}
		if !isRef || !needed {
			continue
		}
		n, err := c.store.readBlob(ctx, id, met, nil)
		c.report.Bytes += n
		if ctx.Err() != nil || errors.Is(err, blob.ErrClosed) {
			return err
		}
		if errors.Is(err, errUnnamed) {
			continue
		}
		c.report.Blobs++
		if err != nil || n < end {
			c.damage.addBlob(id, blobFlaw{err: err, size: n})
		}
	}
	return nil
}

// orphans counts what nothing names.
func (c *checker) orphans(ctx context.Context) error {
	epochs, err := c.store.blobs.Epochs(ctx)
	for _, e := range epochs {
		if e == c.store.epoch {
			continue // its uploads are going on
		}
		n, failed := c.store.blobs.Collect(ctx, e, c.store.liveBlobs(nil), true)
		c.report.OrphanBytes += n
		err = errors.Join(err, failed)
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, blob.ErrClosed) {
		c.problem("what has no name cannot be told: %v", err)
		return nil
	}
	return err
}
