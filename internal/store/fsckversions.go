package store

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/oisproject/ois/internal/meta"
)

// A pile is the key whose versions were met last.
type pile struct {
	prefix []byte
	top    version // what is current; at is nil if nothing is
}

// version checks a row of an older version, a current delete marker or a note.
func (c *checker) version(r meta.Row) error {
	key, number, err := splitVersionKey(r.Key)
	if err != nil {
		return err
	}
	o, err := decodeObject(r.Val)
	if err != nil {
		return err
	}
	if isNote(number, &o) {
		if c.first {
			return c.note(r, key, o.number)
		}
		return nil
	}
	h := o.holding()
	h.claims(c.list.add)
	if !c.first {
		return nil
	}
	bucket, err := bucketOf(r.Key)
	if err != nil {
		return err
	}
	c.report.Versions++
	c.counts[string(counterKey(bucket, o.class, countObjects))]++
	c.counts[string(counterKey(bucket, o.class, countBytes))] += o.size
	c.owned(r.Key)
	c.alive(r, &h)
	for _, err := range []error{c.place(r, bucket, key, number, &o), c.named(r, bucket, key, &o)} {
		if err != nil {
			c.problem("row %q: %v", r.Key, err)
		}
	}
	return nil
}

// place checks that a version is where it belongs: behind what is current, and behind what is newer.
func (c *checker) place(r meta.Row, bucket uint64, key string, number uint64, o *objectRow) error {
	if prefix := r.Key[:len(r.Key)-8]; !bytes.Equal(prefix, c.pile.prefix) {
		c.pile = pile{prefix: bytes.Clone(prefix)}
		row, ok, err := c.snap.Get(objectKey(bucket, key))
		if err != nil {
			return err
		}
		if top, err := readVersion(row); ok && err == nil { // else it is reported where objects are
			c.pile.top = top
		}
		if !ok && number != math.MaxUint64 {
			return c.topless(r, bucket, key, o)
		}
	}
	if number == math.MaxUint64 {
		if c.pile.top.at != nil {
			return errors.New("a delete marker is current, and an object, too")
		}
		if !o.marker() {
			return errNoMarker
		}
		c.pile.top = version{at: bytes.Clone(r.Key), row: *o}
		return nil
	}
	if o.number != number {
		return fmt.Errorf("has the number %d, in the place of %d", o.number, number)
	}
	if c.pile.top.at != nil && number >= c.pile.top.row.number {
		return fmt.Errorf("has the number %d, and what is current %d", number, c.pile.top.row.number)
	}
	if c.pile.top.at != nil && o.null() && c.pile.top.row.null() {
		return errors.New("is called null, and what is current, too")
	}
	return nil
}

// topless is about the newest of versions of which none is current.
func (c *checker) topless(r meta.Row, bucket uint64, key string, o *objectRow) error {
	var fix change
	s := stack{change: &fix, bucket: bucket, key: key}
	fix.guard(meta.Absent, objectKey(bucket, key))
	fix.guard(meta.Absent, markerKey(bucket, key))
	s.lift(&version{at: bytes.Clone(r.Key), rev: r.Rev, row: *o})
	top := *o
	top.versionFields = versionFields{number: o.number, flags: o.flags}
	s.put(&top)
	c.repairable(fix, fmt.Sprintf("made the newest version of %s/%q current", c.buckets[bucket], key))
	return errors.New("no version of the key is current")
}

// named checks that the version null can be found.
func (c *checker) named(r meta.Row, bucket uint64, key string, o *objectRow) error {
	_, number, err := splitVersionKey(r.Key)
	if err != nil || !o.noted() || number == math.MaxUint64 {
		return err
	}
	at := versionKey(bucket, key, 0)
	row, ok, err := c.snap.Get(at)
	if err != nil {
		return err
	}
	if ok {
		n, err := decodeObject(row.Val)
		if err == nil && n.number != o.number {
			err = errors.New("another version of the key is called null, too")
		}
		return err
	}
	var fix change
	fix.still(bytes.Clone(r.Key), r.Rev)
	fix.guard(meta.Absent, at)
	fix.set(at, (&noteRow{o.number}).encode())
	c.repairable(fix, fmt.Sprintf("noted which version of %s/%q is called null", c.buckets[bucket], key))
	return errors.New("nothing notes that it is called null")
}

// note checks that a note is about a version.
func (c *checker) note(r meta.Row, key string, number uint64) error {
	c.owned(r.Key)
	bucket, err := bucketOf(r.Key)
	if err != nil {
		return err
	}
	row, ok, err := c.snap.Get(versionKey(bucket, key, number))
	if err != nil {
		return err
	}
	if ok {
		if o, err := decodeObject(row.Val); err != nil || o.noted() {
			return err
		}
	}
	fix := dropped(r)
	if !ok {
		fix.guard(meta.Absent, versionKey(bucket, key, number))
	}
	c.repairable(fix, fmt.Sprintf("dropped a note about version %d of %s/%q, which is not called null", number, c.buckets[bucket], key))
	c.problem("row %q: the version %d that it notes is not called null", r.Key, number)
	return nil
}
