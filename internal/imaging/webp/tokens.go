package webp

import (
	"context"
	"encoding/binary"
	"math"
)

// A mark tells of a macroblock which blocks at its right or lower edge have coefficients: what a block's
// neighbours have says how likely it has some itself.
type mark struct {
	dc   uint8
	y    [4]uint8
	u, v [2]uint8
}

// Marks are those of the macroblocks around the one at work.
type marks struct {
	above []mark
	left  mark
}

// A sink takes the bits of coefficients: those with a probability from the tree of tokens, and the others.
type sink interface {
	node(p place, i int, one bool)
	plain(prob uint8, one bool)
}

// A place selects the probabilities of a token.
type place struct{ kind, band, neighbours uint8 }

// walk hands the coefficients of the macroblock in column x to s.
func (m *marks) walk(levels *[25][16]int16, x int, s sink) {
	above, left := &m.above[x], &m.left
	has := walkBlock(&levels[0], lumaDC, above.dc+left.dc, s)
	above.dc, left.dc = has, has
	for i := range 16 {
		a, l := &above.y[i%4], &left.y[i/4]
		has := walkBlock(&levels[1+i], lumaAfterDC, *a+*l, s)
		*a, *l = has, has
	}
	for i := range 4 {
		a, l := &above.u[i%2], &left.u[i/2]
		has := walkBlock(&levels[17+i], chroma, *a+*l, s)
		*a, *l = has, has
	}
	for i := range 4 {
		a, l := &above.v[i%2], &left.v[i/2]
		has := walkBlock(&levels[21+i], chroma, *a+*l, s)
		*a, *l = has, has
	}
}

// walkBlock hands the coefficients of a block to s and returns 1 if there are some: RFC 6386, section 13.
func walkBlock(levels *[16]int16, kind, neighbours uint8, s sink) uint8 {
	n := 0
	if kind == lumaAfterDC {
		n = 1
	}
	last := lastLevel(levels)
	p := place{kind, bands[n], neighbours}
	s.node(p, 0, last >= n)
	if last < n {
		return 0
	}
	for n <= last {
		v := int32(levels[n])
		n++
		s.node(p, 1, v != 0)
		if v == 0 {
			p = place{kind, bands[n], 0}
			continue
		}
		size := max(v, -v)
		walkSize(size, p, s)
		s.plain(even, v < 0)
		p = place{kind, bands[n], uint8(min(size, 2))}
		if n < 16 {
			s.node(p, 0, n <= last)
		}
	}
	return 1
}

// lastLevel returns where the last coefficient is that is not 0, -1 if none is.
func lastLevel(levels *[16]int16) int {
	last := 15
	for last >= 0 && levels[last] == 0 {
		last--
	}
	return last
}

// walkSize hands over a value without its sign.
func walkSize(v int32, p place, s sink) {
	s.node(p, 2, v > 1)
	if v == 1 {
		return
	}
	s.node(p, 3, v > 4)
	if v <= 4 {
		s.node(p, 4, v > 2)
		if v > 2 {
			s.node(p, 5, v == 4)
		}
		return
	}
	s.node(p, 6, v > 10)
	if v <= 10 {
		s.node(p, 7, v > 6)
		if v <= 6 {
			walkTail(v-5, 0, s)
		} else {
			walkTail(v-7, 1, s)
		}
		return
	}
	r := 0 // of 11, 19, 35 and 67, which the range begins with
	for r < 3 && v >= 3+8<<(r+1) {
		r++
	}
	s.node(p, 8, r >= 2)
	s.node(p, 9+r/2, r&1 == 1)
	walkTail(v-(3+8<<r), 2+r, s)
}

// walkTail hands over where in its range a value is.
func walkTail(v int32, tail int, s sink) {
	for i, prob := range tails[tail] {
		s.plain(prob, v>>(len(tails[tail])-1-i)&1 == 1)
	}
}

// Counts tell how often each node of the tree of tokens went each way.
type counts [types][8][3][11][2]uint32

func (c *counts) node(p place, i int, one bool) {
	way := 0
	if one {
		way = 1
	}
	c[p.kind][p.band][p.neighbours][i][way]++
}

func (c *counts) plain(uint8, bool) {}

// probabilities returns those that the frame is written with: the defaults, but where others save more than
// it takes to tell them.
func (c *counts) probabilities() probabilities {
	probs := defaults
	for t := range c {
		for b := range c[t] {
			for n := range c[t][b] {
				for i, ways := range c[t][b][n] {
					p := &probs[t][b][n][i]
					better := probability(int(ways[0]), int(ways[1]))
					u := updates[t][b][n][i]
					told := 8 + bitsOf(256-int(u)) - bitsOf(int(u))
					if cost(ways, better)+told < cost(ways, *p) {
						*p = better
					}
				}
			}
		}
	}
	return probs
}

// probability returns the probability of 0, in 256ths, of bits that were 0 and 1 so often.
func probability(zeros, ones int) uint8 {
	if zeros+ones == 0 {
		return 255
	}
	return uint8(min(max(256*zeros/(zeros+ones), 1), 255))
}

// cost returns how many bits it takes to write bits with a probability.
func cost(ways [2]uint32, p uint8) float64 {
	return float64(ways[0])*bitsOf(int(p)) + float64(ways[1])*bitsOf(256-int(p))
}

// bitsOf returns what a bit costs whose probability is p 256ths.
func bitsOf(p int) float64 { return 8 - math.Log2(float64(p)) }

// A tokenWriter writes coefficients.
type tokenWriter struct {
	*boolCoder
	probs *probabilities
}

func (w *tokenWriter) node(p place, i int, one bool) {
	w.bit(w.probs[p.kind][p.band][p.neighbours][i], one)
}

func (w *tokenWriter) plain(prob uint8, one bool) { w.bit(prob, one) }

// writeLevels writes the coefficients of all macroblocks, the rows dealt out to the partitions in turn.
func (f *frame) writeLevels(ctx context.Context, probs *probabilities) ([][]byte, error) {
	writers := make([]*tokenWriter, 1<<f.partitions())
	for i := range writers {
		writers[i] = &tokenWriter{newBoolCoder(), probs}
	}
	clear(f.marks.above)
	rest := f.levels
	var levels [25][16]int16
	for i, mode := range f.modes {
		x, y := i%f.mw, i/f.mw
		if x == 0 {
			f.marks.left = mark{}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		if mode&skip != 0 {
			f.marks.left, f.marks.above[x] = mark{}, mark{}
			continue
		}
		rest = readLevels(rest, &levels)
		f.marks.walk(&levels, x, writers[y%len(writers)])
	}
	parts := make([][]byte, len(writers))
	for i, w := range writers {
		parts[i] = w.end()
	}
	return parts, nil
}

// appendLevels keeps the coefficients of a macroblock: of each block the number of those up to the last that is
// not 0, and these.
func appendLevels(b []byte, levels *[25][16]int16) []byte {
	for i := range levels {
		n := lastLevel(&levels[i]) + 1
		b = append(b, byte(n))
		for _, v := range levels[i][:n] {
			b = binary.AppendVarint(b, int64(v))
		}
	}
	return b
}

// readLevels reads what appendLevels has written, and returns the rest.
func readLevels(b []byte, levels *[25][16]int16) []byte {
	for i := range levels {
		levels[i] = [16]int16{}
		n := int(b[0])
		b = b[1:]
		for j := range n {
			v, size := binary.Varint(b)
			levels[i][j] = int16(v)
			b = b[size:]
		}
	}
	return b
}
