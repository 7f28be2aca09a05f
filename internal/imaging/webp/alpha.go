package webp

import (
	"cmp"
	"context"
	"image"
	"math/bits"
	"slices"
)

// encodeAlpha returns the alpha values of m, as they stand in the chunk "ALPH": without loss, as the green of an
// image of VP8L whose other colours are empty. Values that repeat those to the left or those above are
// written as copies.
func encodeAlpha(ctx context.Context, m *image.NRGBA) ([]byte, error) {
	p := &plane{m: m, w: m.Rect.Dx(), n: m.Rect.Dx() * m.Rect.Dy()}
	if err := p.split(ctx); err != nil {
		return nil, err
	}
	var green [greens]uint32
	var distances [2]uint32
	for _, c := range p.copies {
		symbol, _, _ := prefix(c.n)
		green[literals+symbol]++
		distances[c.distance-1]++
	}
	p.eachLiteral(func(v uint8) { green[v]++ })
	w := &bitWriter{out: []byte{1}} // compressed, not filtered
	w.bits(0, 1)                    // no transforms
	w.bits(0, 1)                    // no colour cache
	w.bits(0, 1)                    // one set of codes
	code := newCode(green[:])
	code.write(w)
	for range 3 { // red, blue, alpha: always 0
		w.bits(0b0001, 4)
	}
	far := newCode(append(distances[:], make([]uint32, 38)...))
	far.write(w)
	p.write(w, &code, &far)
	return w.end(), nil
}

const (
	literals = 256
	greens   = literals + 24
	maxCopy  = 4096
	minCopy  = 4
)

// A plane is the alpha values of an image, and which of them are copies.
type plane struct {
	m      *image.NRGBA
	w, n   int
	copies []run // in order
}

// A run is n values from at on that are those before, at one of two distances: 1 is the value
// above, 2 the value to the left. These numbers are those of VP8L.
type run struct{ at, n, distance int }

func (p *plane) at(i int) uint8 { return p.m.Pix[i/p.w*p.m.Stride+i%p.w*4+3] }

// split finds the copies.
func (p *plane) split(ctx context.Context) error {
	for i := 0; i < p.n; {
		if i&0xfff == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		left, above := p.match(i, 1), p.match(i, p.w)
		switch n := max(left, above); {
		case n < minCopy:
			i++
		case above >= left:
			p.copies = append(p.copies, run{i, n, 1})
			i += n
		default:
			p.copies = append(p.copies, run{i, n, 2})
			i += n
		}
	}
	return ctx.Err()
}

// match returns how many values from i on are those a distance before.
func (p *plane) match(i, distance int) int {
	if i < distance {
		return 0
	}
	n, most := 0, min(p.n-i, maxCopy)
	for n < most && p.at(i+n) == p.at(i+n-distance) {
		n++
	}
	return n
}

// eachLiteral calls f with the values that are no copies.
func (p *plane) eachLiteral(f func(uint8)) {
	i := 0
	for _, c := range append(p.copies, run{at: p.n}) {
		for ; i < c.at; i++ {
			f(p.at(i))
		}
		i += c.n
	}
}

// write writes values and copies.
func (p *plane) write(w *bitWriter, green, far *code) {
	i := 0
	for _, c := range append(p.copies, run{at: p.n}) {
		for ; i < c.at; i++ {
			green.put(w, int(p.at(i)))
		}
		if c.n == 0 {
			return
		}
		symbol, extra, n := prefix(c.n)
		green.put(w, literals+symbol)
		w.bits(extra, n)
		far.put(w, c.distance-1) // the prefix codes of 1 and 2
		i += c.n
	}
}

// prefix returns how a length is written: a symbol and n more bits.
func prefix(length int) (symbol int, extra uint32, n int) {
	v := length - 1
	if v < 4 {
		return v, 0, 0
	}
	high := bits.Len(uint(v)) - 1
	n = high - 1
	return 2*high + v>>n&1, uint32(v & (1<<n - 1)), n
}

// A code is a prefix code over an alphabet.
type code struct {
	lengths []uint8
	words   []uint32 // in the order that they are written in
	single  int      // the only symbol there is, else -1
}

// maxLength is the greatest length of a word.
const maxLength = 15

// newCode returns the best code for symbols that occur so often.
func newCode(counts []uint32) code {
	c := code{lengths: make([]uint8, len(counts)), words: make([]uint32, len(counts)), single: -1}
	used := 0
	for s, n := range counts {
		if n > 0 {
			c.single = s
			used++
		}
	}
	if used < 2 {
		c.single = max(c.single, 0)
		return c
	}
	c.single = -1
	for !c.measure(counts) {
		counts = slices.Clone(counts) // flatter, so that the longest words become shorter
		for i, n := range counts {
			counts[i] = (n + 1) / 2
		}
	}
	c.assign()
	return c
}

// A knot of the tree of a code.
type knot struct {
	count       uint64
	symbol      int // -1 for an inner one
	left, right *knot
}

// measure finds the lengths of the words, and reports whether they are short enough.
func (c *code) measure(counts []uint32) bool {
	var knots []*knot
	for s, n := range counts {
		if n > 0 {
			knots = append(knots, &knot{count: uint64(n), symbol: s})
		}
	}
	rarest := func(a, b *knot) int { return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.symbol, b.symbol)) }
	slices.SortFunc(knots, rarest)
	for len(knots) > 1 {
		a, b := knots[len(knots)-1], knots[len(knots)-2]
		joined := &knot{count: a.count + b.count, symbol: -1, left: a, right: b}
		knots = knots[:len(knots)-2]
		at, _ := slices.BinarySearchFunc(knots, joined, rarest)
		knots = slices.Insert(knots, at, joined)
	}
	return c.descend(knots[0], 0)
}

func (c *code) descend(k *knot, depth uint8) bool {
	if k.symbol >= 0 {
		c.lengths[k.symbol] = depth
		return depth <= maxLength
	}
	return c.descend(k.left, depth+1) && c.descend(k.right, depth+1)
}

// assign gives the words: those of a length follow one another, the shorter ones come first.
func (c *code) assign() {
	var next uint32
	for length := uint8(1); length <= maxLength; length++ {
		next <<= 1
		for s, l := range c.lengths {
			if l == length {
				c.words[s] = bits.Reverse32(next) >> (32 - length)
				next++
			}
		}
	}
}

// write describes the code. The lengths are written with 4 bits each, by a code of 16 words as long.
func (c *code) write(w *bitWriter) {
	if c.single >= 0 && c.single < 256 {
		w.bits(0b101, 3) // one symbol of 8 bits
		w.bits(uint32(c.single), 8)
		return
	}
	w.bits(0, 1)
	w.bits(15, 4) // lengths of all 19 symbols for lengths follow
	for _, s := range []int{17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} {
		if s > maxLength {
			w.bits(0, 3) // repetitions, which are not used
		} else {
			w.bits(4, 3)
		}
	}
	w.bits(0, 1) // all lengths follow
	for _, l := range c.lengths {
		w.bits(bits.Reverse32(uint32(l))>>28, 4)
	}
}

// put writes a symbol. That of a code with one symbol takes no bits.
func (c *code) put(w *bitWriter, symbol int) {
	if c.single < 0 {
		w.bits(c.words[symbol], int(c.lengths[symbol]))
	}
}

// A bitWriter writes bits, the lowest first.
type bitWriter struct {
	out  []byte
	hold uint64
	n    int
}

func (w *bitWriter) bits(v uint32, n int) {
	w.hold |= uint64(v) << w.n
	for w.n += n; w.n >= 8; w.n -= 8 {
		w.out = append(w.out, byte(w.hold))
		w.hold >>= 8
	}
}

func (w *bitWriter) end() []byte {
	if w.n > 0 {
		w.out = append(w.out, byte(w.hold))
	}
	return w.out
}
