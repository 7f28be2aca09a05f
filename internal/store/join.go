package store

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"

	"github.com/oisproject/ois/internal/meta"
)

// A join walks over claims and rows together.
type join struct {
	*checker
	next  int   // of the claims
	bytes int64 // of the part rows of that claim
	parts int64 // their number
}

// join compares the claims of this portion with the rows that are there.
func (c *checker) join(ctx context.Context) error {
	c.distinct()
	j := &join{checker: c}
	for _, kind := range []byte{kindData, kindPart, kindRef} {
		lo, hi := []byte{kind}, []byte{kind + 1}
		if from := c.list.from; from.kind == kind {
			lo = from.prefix()
		}
		if to := c.list.to; c.list.cut && to.kind == kind {
			hi = to.prefix()
		}
		if c.list.from.kind > kind || c.list.cut && c.list.to.kind < kind {
			continue
		}
		err := walkOver(ctx, c.snap, lo, hi, func(r meta.Row) ([]byte, bool) {
			if err := j.row(r); err != nil {
				c.problem("row %q: %v", r.Key, err)
			}
			return nil, false
		}, func(g gap) {
			c.problem("%v", &g)
			c.damage.gaps = append(c.damage.gaps, g)
		})
		if err != nil {
			return err
		}
	}
	for j.next < len(c.list.list) {
		j.pass()
	}
	return nil
}

// distinct makes one claim of several of one place, which exclude each other.
func (c *checker) distinct() {
	l := c.list.list
	kept := l[:0]
	for i := range l {
		if i > 0 && kept[len(kept)-1].place == l[i].place {
			last := &kept[len(kept)-1]
			last.dead, last.n = last.dead && l[i].dead, max(last.n, l[i].n)
			c.damage.addRow(l[i].place, flaw{what: fmt.Sprintf("another row has the ref %s, too", l[i].owner())})
			continue
		}
		kept = append(kept, l[i])
	}
	c.list.list = kept
}

// row finds the claim that a row meets.
func (j *join) row(r meta.Row) error {
	p, err := placeOf(r.Key)
	if err != nil {
		return err
	}
	l := j.list.list
	for j.next < len(l) && l[j.next].compare(&p) < 0 {
		j.pass()
	}
	if j.next == len(l) || l[j.next].place != p {
		return j.superfluous(r, &p)
	}
	c := &l[j.next]
	c.met = true
	switch p.kind {
	case kindData:
		j.data(c, r.Val)
	case kindPart:
		j.parts++
		if part, err := decodePart(r.Val); err == nil { // else it was reported before
			j.bytes += part.size
		}
	}
	return nil
}

// superfluous is about a row that nothing claims.
func (j *join) superfluous(r meta.Row, p *place) error {
	if j.blind {
		j.ownerless++
		return nil
	}
	j.repairable(dropped(r), fmt.Sprintf("dropped row %q, which nothing needs", r.Key))
	switch p.kind {
	case kindData:
		return errors.New("belongs to no object")
	case kindPart:
		return errors.New("belongs to no upload and no object")
	}
	return errors.New("nothing needs this reference")
}

// data compares the bytes of a small object with what its row says.
func (j *join) data(c *claim, data []byte) {
	j.report.Bytes += int64(len(data))
	switch {
	case int64(len(data)) != c.n:
		j.damage.addRow(c.place, flaw{what: fmt.Sprintf("its data row has %d bytes, want %d", len(data), c.n), lost: true})
	case c.summed && md5.Sum(data) != c.sum:
		j.damage.addRow(c.place, flaw{what: "the bytes in its data row are not those of its ETag", lost: true})
	}
}

// pass goes on to the next claim. All rows that meet this one have been seen.
func (j *join) pass() {
	c := &j.list.list[j.next]
	bytes, parts := j.bytes, j.parts
	j.next, j.bytes, j.parts = j.next+1, 0, 0
	if j.damage.unseen(&c.place) != nil {
		return // blame looks again
	}
	switch {
	case c.kind == kindPart && c.n >= 0 && bytes != c.n:
		j.damage.addRow(c.place, flaw{what: fmt.Sprintf("has %d bytes in its part rows, want %d", bytes, c.n), lost: true})
	case c.kind == kindPart && c.summed && parts != c.pieces():
		j.damage.addRow(c.place, flaw{what: fmt.Sprintf("has %d part rows, want %d", parts, c.pieces())})
	case c.kind == kindData && !c.met:
		j.damage.addRow(c.place, flaw{what: "its data row is missing", lost: true})
	case c.kind == kindRef && !c.met:
		j.damage.addRow(c.place, flaw{what: fmt.Sprintf("its reference to blob %s is missing", c.blob()), missing: true})
	}
}
