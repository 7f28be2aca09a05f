package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/big"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/meta"
)

// A damage is what was found wrong with rows and blobs before anybody knows whose they are.
type damage struct {
	rows  map[place]flaw
	blobs map[blob.ID]blobFlaw
	gaps  []gap
}

// A flaw is what is wrong with what a row claims.
type flaw struct {
	what    string
	missing bool // it is a reference row that is missing
	lost    bool // bytes of an object are lost
}

// A blobFlaw is what a blob turned out to be.
type blobFlaw struct {
	err  error
	size int64 // if there is no error
}

// A gap is a range of rows that cannot be read.
type gap struct {
	lo, hi []byte
	err    error
}

func (g *gap) String() string {
	return fmt.Sprintf("rows from %q to %q cannot be read: %v", g.lo, g.hi, g.err)
}

// none reports whether nothing is wrong.
func (d *damage) none() bool { return len(d.rows)+len(d.blobs)+len(d.gaps) == 0 }

func (d *damage) addRow(p place, f flaw) {
	if d.rows == nil {
		d.rows = make(map[place]flaw)
	}
	d.rows[p] = f
}

func (d *damage) addBlob(id blob.ID, f blobFlaw) {
	if d.blobs == nil {
		d.blobs = make(map[blob.ID]blobFlaw)
	}
	d.blobs[id] = f
}

// unseen returns the gap in which rows of a place may be, or nil.
func (d *damage) unseen(p *place) *gap {
	if len(d.gaps) == 0 {
		return nil
	}
	lo := p.prefix()
	hi := successor(lo)
	for i := range d.gaps {
		if g := &d.gaps[i]; bytes.Compare(g.lo, hi) < 0 && bytes.Compare(lo, g.hi) < 0 {
			return g
		}
	}
	return nil
}

// of calls found with what is wrong with a claim.
func (d *damage) of(snap meta.Snapshot, c *claim, found func(flaw)) {
	if f, ok := d.rows[c.place]; ok {
		found(f)
	}
	if c.kind == kindRef {
		f, ok := d.blobs[c.blob()]
		if ok && f.err == nil && f.size < c.n {
			f.err = fmt.Errorf("has %d bytes, an extent ends at %d", f.size, c.n)
		}
		if ok && f.err != nil && !c.dead {
			found(flaw{what: fmt.Sprintf("blob %s: %v", c.blob(), f.err), lost: true})
		}
		return
	}
	if g := d.unseen(&c.place); g != nil && !c.dead {
		if err := readable(snap, &c.place); err != nil {
			found(flaw{what: fmt.Sprintf("its %s: %v", nameOf(c.kind), err), lost: true})
		}
	}
}

// nameOf returns how messages call what a place holds.
func nameOf(kind byte) string {
	if kind == kindData {
		return "data row"
	}
	return "part rows"
}

// readable returns an error if the rows of a place cannot be read.
func readable(snap meta.Snapshot, p *place) error {
	if p.kind == kindData {
		_, _, err := snap.Get(p.prefix()) // a walk might look at the next row, too
		return err
	}
	return snap.Walk(p.prefix(), successor(p.prefix()), func(meta.Row) ([]byte, bool) { return nil, false })
}

// An owner says whose something is.
type owner struct {
	bucket string
	key    string
	upload string // id, if it is an upload
	part   int64  // number, or -1
	dead   bool   // it is garbage, and key is that of the row

	version string // id, if it is an older version
}

func (o owner) String() string {
	what := fmt.Sprintf("object %s/%q", o.bucket, o.key)
	switch {
	case o.dead:
		what = fmt.Sprintf("garbage row %q", o.key)
	case o.version != "":
		what = fmt.Sprintf("version %s of %s", o.version, what)
	case o.upload != "":
		what = fmt.Sprintf("upload %s of %s/%q", o.upload, o.bucket, o.key)
	}
	if o.part >= 0 {
		what = fmt.Sprintf("part %d of %s", o.part, what)
	}
	return what
}

// blame calls found for each flaw of d and each row that claims what is damaged. It walks over all
// of them, which only damage makes necessary. What nobody names any more was given back since, and is no loss.
func (s *Store) blame(ctx context.Context, d *damage, found func(owner, *holding, *claim, flaw)) error {
	if d.none() {
		return nil
	}
	return s.view(ctx, func(snap meta.Snapshot) error {
		b := blamer{ctx: ctx, snap: snap, damage: d, found: found}
		return b.run()
	})
}

// A blamer is one run of blame.
type blamer struct {
	ctx    context.Context // of the call that it is part of
	snap   meta.Snapshot
	damage *damage
	found  func(owner, *holding, *claim, flaw)
	names  map[uint64]string
}

func (b *blamer) run() error {
	b.names = make(map[uint64]string)
	if err := b.walk([]byte{kindBucket}, func(r meta.Row) {
		if row, err := decodeBucket(r.Val); err == nil {
			b.names[row.id] = string(r.Key[1:])
		}
	}); err != nil {
		return err
	}
	return errors.Join(
		b.walk([]byte{kindObject}, b.object), b.walk([]byte{kindVersion}, b.version),
		b.walk([]byte{kindUpload}, b.upload), b.walk([]byte{kindGarbage}, b.garbage),
	)
}

// walk visits what can be read; what cannot was reported before.
func (b *blamer) walk(prefix []byte, visit func(meta.Row)) error {
	return walkOver(b.ctx, b.snap, prefix, successor(prefix), func(r meta.Row) ([]byte, bool) {
		visit(r)
		return nil, false
	}, func(gap) {})
}

func (b *blamer) bucket(k []byte) string {
	id, err := bucketOf(k)
	if name, ok := b.names[id]; ok && err == nil {
		return name
	}
	return fmt.Sprintf("(bucket number %d)", id)
}

func (b *blamer) object(r meta.Row) {
	o, err := decodeObject(r.Val)
	if _, known := bucketOf(r.Key); err == nil && known == nil {
		b.judge(r, owner{bucket: b.bucket(r.Key), key: string(r.Key[9:]), part: -1}, o.holding())
	}
}

func (b *blamer) version(r meta.Row) {
	o, err := decodeObject(r.Val)
	key, number, known := splitVersionKey(r.Key)
	if err == nil && known == nil && !isNote(number, &o) {
		b.judge(r, owner{bucket: b.bucket(r.Key), key: key, version: o.id(), part: -1}, o.holding())
	}
}

func (b *blamer) upload(r meta.Row) {
	if key, id, err := splitUploadKey(r.Key); err == nil {
		b.judge(r, owner{bucket: b.bucket(r.Key), key: key, upload: id.String(), part: -1}, uploadHolding(id))
	}
}

func (b *blamer) garbage(r meta.Row) {
	g, err := decodeGarbage(r.Val)
	if id, known := garbageOf(r.Key); err == nil && known == nil {
		b.judge(r, owner{key: string(r.Key), part: -1, dead: true}, g.holding(id))
	}
}

// judge looks whether what a row holds is damaged, and then at its part rows.
func (b *blamer) judge(r meta.Row, who owner, h holding) {
	h.row, h.rev = string(r.Key), r.Rev
	if f, ok := b.damage.rows[h.self()]; ok && !h.parts {
		b.found(who, &h, nil, f)
	}
	h.claims(func(c claim) {
		b.damage.of(b.snap, &c, func(f flaw) { b.found(who, &h, &c, f) })
	})
	if !h.parts {
		return
	}
	_ = b.walk(partPrefix(h.ref), func(r meta.Row) { // an end of ctx shows in the walk that has come here
		n, err := partNumber(r.Key)
		p, bad := decodePart(r.Val)
		if err == nil && bad == nil {
			who.part = int64(n)
			part := p.holding()
			part.dead = h.dead
			b.judge(r, who, part)
		}
	})
}

// walkOver calls visit for the rows with lo <= key < hi, as Snapshot.Walk does, and bad for what cannot be read, behind which it
// goes on. The error is that of ctx, or of an engine that is closed.
func walkOver(ctx context.Context, snap meta.Snapshot, lo, hi []byte, visit func(meta.Row) (seek []byte, stop bool), bad func(gap)) error {
	for lo != nil {
		at := bytes.Clone(lo) // where to go on from, if it ends here
		err := snap.Walk(lo, hi, func(r meta.Row) ([]byte, bool) {
			at = append(append(at[:0], r.Key...), 0)
			if ctx.Err() != nil {
				return nil, true
			}
			seek, stop := visit(r)
			if seek != nil {
				at = append(at[:0], seek...)
			}
			return seek, stop
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil || errors.Is(err, meta.ErrClosed) {
			return err
		}
		lo = readableFrom(snap, at, hi)
		g := gap{lo: at, hi: lo, err: err}
		if lo == nil {
			g.hi = hi
		}
		bad(g)
	}
	return nil
}

// readableFrom returns where rows can be read again behind at, where they cannot; nil if nowhere before hi. A look at a damaged
// block costs a lot, so there are few of them, and some rows behind the damage may be left out.
func readableFrom(snap meta.Snapshot, at, hi []byte) []byte {
	reads := func(k []byte) bool {
		return snap.Walk(k, hi, func(meta.Row) ([]byte, bool) { return nil, true }) == nil
	}
	// What begins with the first n bytes of at is damaged, and what is behind that is not: the most such bytes.
	n, end := 0, hi
	for lo, top := 1, len(at); lo <= top; {
		mid := (lo + top) / 2
		next := successor(at[:mid])
		beyond := next == nil || bytes.Compare(next, hi) >= 0
		switch {
		case beyond:
			n, lo = mid, mid+1
		case reads(next):
			n, end, lo = mid, next, mid+1
		default:
			top = mid - 1
		}
	}
	if end = between(at, end, max(n, len(at))+2, reads); bytes.Compare(end, hi) >= 0 {
		return nil
	}
	return end
}

// maxLooks is how many looks at damaged blocks between takes.
const maxLooks = 64

// between halves the way from lo, where rows cannot be read, to hi, where they can, as far as keys of n bytes tell.
func between(lo, hi []byte, n int, reads func([]byte) bool) []byte {
	number := func(k []byte) *big.Int {
		k = append(bytes.Clone(k), make([]byte, n)...)
		return new(big.Int).SetBytes(k[:n])
	}
	a, b := number(lo), number(hi)
	one, mid := big.NewInt(1), new(big.Int)
	for looks := 0; looks < maxLooks && mid.Sub(b, a).Cmp(one) > 0; {
		mid.Rsh(mid.Add(a, b), 1)
		if k := mid.FillBytes(make([]byte, n)); reads(k) {
			b.Set(mid)
			hi = k
		} else {
			a.Set(mid)
			looks++
		}
	}
	return hi
}
