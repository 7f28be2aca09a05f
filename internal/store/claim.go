package store

import (
	"bytes"
	"cmp"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/sse"
)

// A check holds what rows say against what is there. Rows of objects, uploads, parts and garbage say what their refs hold, so they
// claim other rows: a data row, part rows, reference rows. The claims are sorted as the rows are, and one walk over both finds what is
// missing and what is too much. At most 2 × maxClaims of them are in memory: a larger store is checked in several
// portions, each of which looks at all that claims, and keeps the claims of the next stretch of rows.

// maxClaims is how many claims a portion has. One takes 56 bytes.
const maxClaims = 1 << 20

// A holding is what one row says its ref holds.
type holding struct {
	row     string // key of the row
	rev     uint64
	ref     ref
	size    int64 // -1 if the row does not say
	inline  bool
	sum     []byte // MD5 of inline bytes; nil if the row does not say
	parts   bool
	pieces  int // number of part rows, -1 if the row does not say
	extents []extent
	sealed  bool // encrypted: what is stored is longer than size
	dead    bool // it is to be given back
}

func (o *objectRow) holding() holding {
	h := holding{ref: o.ref, size: o.size, inline: o.inline, parts: o.parts, pieces: -1, extents: o.extents, sealed: o.seal != nil}
	if sum, err := hex.DecodeString(o.etag); o.inline && !h.sealed && err == nil && len(sum) == md5.Size {
		h.sum = sum
	}
	if o.appendable {
		h.pieces = o.pieces
	}
	return h
}

func (p *partRow) holding() holding {
	return holding{ref: p.ref, size: p.size, pieces: -1, extents: p.extents, sealed: p.seal != nil}
}

func (g *garbageRow) holding(r ref) holding {
	return holding{ref: r, size: -1, parts: g.parts, pieces: -1, extents: g.extents, dead: true}
}

func uploadHolding(r ref) holding { return holding{ref: r, size: -1, parts: true, pieces: -1} }

// self is where a damage keeps what is wrong with the row of h itself. It is no place of a claim unless h has part rows.
func (h *holding) self() place { return ownPlace(kindPart, h.ref) }

// misfit returns what is wrong with the sum of the extents.
func (h *holding) misfit() (f flaw, wrong bool) {
	n := int64(0)
	for _, e := range h.extents {
		n += h.plainLen(e.n)
	}
	if h.parts || h.inline || h.size < 0 || n == h.size {
		return f, false
	}
	return flaw{what: fmt.Sprintf("has %d bytes in its extents, want %d", n, h.size), lost: true}, true
}

// plainLen returns how many bytes of an object a length of stored ones is; none if nothing encrypted is as long.
func (h *holding) plainLen(n int64) int64 {
	if !h.sealed {
		return n
	}
	plain, ok := sse.PlainLen(n)
	if !ok {
		return 0
	}
	return plain
}

// storedLen returns how long the data row is.
func (h *holding) storedLen() int64 {
	if h.sealed {
		return sse.SealedLen(h.size)
	}
	return h.size
}

// A place is where a data row, a reference row or the part rows of a ref stand.
type place struct {
	kind byte
	key  [blob.IDLen + refLen]byte // what follows in the row's key; the ref alone, unless it is a reference row
}

// placeOf returns the place of a row.
func placeOf(k []byte) (p place, err error) {
	p.kind = k[0]
	switch p.kind {
	case kindRef:
		_, err = holderOf(k)
	case kindPart:
		_, err = partNumber(k)
	case kindData:
		if len(k) != 1+refLen {
			err = fmt.Errorf("data row key %q: %d bytes, want %d", k, len(k), 1+refLen)
		}
	}
	copy(p.key[:p.length()], k[1:])
	return p, err
}

// refPlace returns the place of a reference row.
func refPlace(id blob.ID, owner ref) (p place) {
	p.kind = kindRef
	copy(id.Append(p.key[:0])[blob.IDLen:len(p.key)], owner[:])
	return p
}

// ownPlace returns the place of the data row or the part rows of a ref.
func ownPlace(kind byte, owner ref) (p place) {
	p.kind = kind
	copy(p.key[:], owner[:])
	return p
}

// length returns how much of key counts.
func (p *place) length() int {
	if p.kind == kindRef {
		return len(p.key)
	}
	return refLen
}

// prefix returns the key of the row, or the common prefix of the part rows.
func (p *place) prefix() []byte { return append([]byte{p.kind}, p.key[:p.length()]...) }

// blob returns the blob of a reference row.
func (p *place) blob() blob.ID {
	return blob.ID{Epoch: binary.BigEndian.Uint32(p.key[:]), Seq: binary.BigEndian.Uint64(p.key[4:])}
}

// owner returns the ref in the place.
func (p *place) owner() ref {
	if p.kind == kindRef {
		return ref(p.key[blob.IDLen:])
	}
	return ref(p.key[:refLen])
}

// begin returns the first place of what belongs together with p.
func (p *place) begin() place {
	first := *p
	if p.kind == kindRef {
		clear(first.key[blob.IDLen:])
	}
	return first
}

func (p *place) compare(o *place) int {
	return cmp.Or(cmp.Compare(p.kind, o.kind), bytes.Compare(p.key[:], o.key[:]))
}

// A claim is a row that there must be, or the part rows of a ref.
type claim struct {
	place
	dead   bool           // it is garbage that claims
	met    bool           // it is there
	summed bool           // sum counts
	n      int64          // bytes of the data row; of the parts together, or -1; of the blob, or more
	sum    [md5.Size]byte // MD5 of the data row; for part rows their number
}

// claims calls add with what h claims.
func (h *holding) claims(add func(claim)) {
	if h.inline {
		c := claim{place: ownPlace(kindData, h.ref), n: h.storedLen(), summed: h.sum != nil}
		copy(c.sum[:], h.sum)
		add(c)
	}
	if h.parts {
		c := claim{place: ownPlace(kindPart, h.ref), n: h.size, dead: h.dead, summed: h.pieces >= 0}
		if c.summed {
			binary.BigEndian.PutUint64(c.sum[:], uint64(h.pieces))
		}
		add(c)
	}
	if len(h.extents) == 0 {
		return
	}
	list := h.extents
	if len(list) > 1 {
		list = slices.SortedFunc(slices.Values(list), func(a, b extent) int { return a.blob.Compare(b.blob) })
	}
	end := int64(0)
	for i, e := range list {
		if end = max(end, e.off+e.n); i+1 < len(list) && list[i+1].blob == e.blob {
			continue
		}
		add(claim{place: refPlace(e.blob, h.ref), n: end, dead: h.dead})
		end = 0
	}
}

// pieces returns the number of part rows that are claimed.
func (c *claim) pieces() int64 { return int64(binary.BigEndian.Uint64(c.sum[:])) }

// A claimList gathers the first claims from a place on.
type claimList struct {
	from  place
	to    place // claims from there on are left out, if some are
	cut   bool
	limit int
	list  []claim
}

// add takes a claim, unless it is of another portion.
func (l *claimList) add(c claim) {
	if c.compare(&l.from) < 0 || l.cut && c.compare(&l.to) >= 0 {
		return
	}
	if l.list = append(l.list, c); len(l.list) >= 2*l.limit {
		l.prune()
	}
}

// prune leaves out the second half. Claims of one place stay together, and those of one blob.
func (l *claimList) prune() {
	l.sort()
	n := l.limit
	for to := l.list[n].begin(); n > 0 && l.list[n-1].compare(&to) >= 0; {
		n--
	}
	if n == 0 {
		l.limit *= 2 // all belong together
		return
	}
	l.to, l.cut = l.list[n].begin(), true
	l.list = l.list[:n]
}

func (l *claimList) sort() {
	slices.SortFunc(l.list, func(a, b claim) int { return a.compare(&b.place) })
}
