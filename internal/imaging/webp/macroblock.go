package webp

// How a block is predicted, from the row above and the column to the left: RFC 6386, 12.2.
const (
	average    = 0
	vertical   = 1 // the row above, again and again
	horizontal = 2 // the column to the left, again and again
	motion     = 3 // above and left, less the corner
)

// skip in the mode of a macroblock says that it has no coefficients.
const skip = 1 << 4

// A macroblock is 16 by 16 pixels at work.
type macroblock struct {
	y    [256]uint8 // what is to be written
	u, v [64]uint8

	py     [256]uint8 // prediction, then what the decoder has
	pu, pv [64]uint8

	levels [25][16]int16 // quantized, in zigzag order: 1 block of first coefficients, 16 luma, 4 u, 4 v
}

// macroblock encodes the macroblock at x and y.
func (f *frame) macroblock(x, y int) {
	b := &f.now
	f.load(x, y)
	mode := f.predict(x, y)
	f.luma()
	f.chroma(&b.u, &b.pu, 17)
	f.chroma(&b.v, &b.pv, 21)
	f.keep(x)
	if b.empty() {
		f.modes = append(f.modes, mode|skip)
		f.marks.left, f.marks.above[x] = mark{}, mark{}
		return
	}
	f.modes = append(f.modes, mode)
	f.levels = appendLevels(f.levels, &b.levels)
	f.marks.walk(&b.levels, x, &f.counts)
}

func (b *macroblock) empty() bool { return b.levels == [25][16]int16{} }

// load converts the pixels of the macroblock. Beyond the image the last pixels go on.
func (f *frame) load(mx, my int) {
	b := &f.now
	right, bottom := f.m.Rect.Dx()-1, f.m.Rect.Dy()-1
	var sum [64][3]int32 // of 4 pixels each
	for y := range 16 {
		row := f.m.Pix[min(16*my+y, bottom)*f.m.Stride:]
		for x := range 16 {
			p := row[4*min(16*mx+x, right):]
			r, g, bl := int32(p[0]), int32(p[1]), int32(p[2])
			// BT.601 with luma from 16 to 235, in 65536ths.
			b.y[16*y+x] = uint8((16839*r + 33059*g + 6420*bl + 16<<16 + 1<<15) >> 16)
			s := &sum[y/2*8+x/2]
			s[0], s[1], s[2] = s[0]+r, s[1]+g, s[2]+bl
		}
	}
	for i, s := range sum {
		b.u[i] = clip((-9719*s[0] - 19081*s[1] + 28800*s[2] + 128<<18 + 1<<17) >> 18)
		b.v[i] = clip((28800*s[0] - 24116*s[1] - 4684*s[2] + 128<<18 + 1<<17) >> 18)
	}
}

// predict fills the predictions that come closest and returns their mode.
func (f *frame) predict(x, y int) byte {
	b := &f.now
	luma := edges{above: f.above.y[16*x : 16*x+16], left: f.left.y[:], corner: f.corner.y, hasAbove: y > 0, hasLeft: x > 0}
	u := edges{above: f.above.u[8*x : 8*x+8], left: f.left.u[:], corner: f.corner.u, hasAbove: y > 0, hasLeft: x > 0}
	v := edges{above: f.above.v[8*x : 8*x+8], left: f.left.v[:], corner: f.corner.v, hasAbove: y > 0, hasLeft: x > 0}
	var bestY, bestC byte
	leastY, leastC := int32(1<<30), int32(1<<30)
	var try [256]uint8
	var tryU, tryV [64]uint8
	for mode := byte(average); mode <= motion; mode++ {
		luma.fill(try[:], mode)
		if d := distance(b.y[:], try[:]); d < leastY {
			leastY, bestY, b.py = d, mode, try
		}
		u.fill(tryU[:], mode)
		v.fill(tryV[:], mode)
		if d := distance(b.u[:], tryU[:]) + distance(b.v[:], tryV[:]); d < leastC {
			leastC, bestC, b.pu, b.pv = d, mode, tryU, tryV
		}
	}
	return bestY | bestC<<2
}

// Edges are what a block is predicted from.
type edges struct {
	above, left       []uint8
	corner            uint8
	hasAbove, hasLeft bool // lies within the image
}

// fill predicts a block.
func (e *edges) fill(p []uint8, mode byte) {
	n := len(e.left)
	switch mode {
	case average:
		fill(p, e.average())
	case vertical:
		for y := range n {
			copy(p[y*n:], e.above)
		}
	case horizontal:
		for y := range n {
			fill(p[y*n:y*n+n], e.left[y])
		}
	case motion:
		for y := range n {
			d := int32(e.left[y]) - int32(e.corner)
			for x, a := range e.above {
				p[y*n+x] = clip(d + int32(a))
			}
		}
	}
}

func (e *edges) average() uint8 {
	sum, n := 0, 0
	if e.hasAbove {
		for _, v := range e.above {
			sum += int(v)
		}
		n += len(e.above)
	}
	if e.hasLeft {
		for _, v := range e.left {
			sum += int(v)
		}
		n += len(e.left)
	}
	if n == 0 {
		return 128
	}
	return uint8((sum + n/2) / n)
}

// distance returns the sum of the squares of the differences.
func distance(a, b []uint8) int32 {
	var sum int32
	b = b[:len(a)]
	for i, v := range a {
		d := int32(v) - int32(b[i])
		sum += d * d
	}
	return sum
}

// luma quantizes the luma blocks and makes of the prediction what the decoder will have.
func (f *frame) luma() {
	b := &f.now
	var blocks [16][16]int32
	var dc [16]int32
	for i := range blocks {
		at := i/4*64 + i%4*4
		difference(&blocks[i], b.y[at:], b.py[at:], 16)
		dct(&blocks[i])
		dc[i] = blocks[i][0]
	}
	walsh(&dc)
	quantize(&dc, &b.levels[0], 0, f.steps.dc)
	inverseWalsh(&dc)
	for i := range blocks {
		quantize(&blocks[i], &b.levels[1+i], 1, f.steps.luma)
		blocks[i][0] = dc[i]
		addInverse(&blocks[i], b.py[i/4*64+i%4*4:], 16)
	}
}

// chroma does the same for one of the chroma planes, whose levels begin at first.
func (f *frame) chroma(p, predicted *[64]uint8, first int) {
	for i := range 4 {
		at := i/2*32 + i%2*4
		var block [16]int32
		difference(&block, p[at:], predicted[at:], 8)
		dct(&block)
		quantize(&block, &f.now.levels[first+i], 0, f.steps.chroma)
		addInverse(&block, predicted[at:], 8)
	}
}

func difference(d *[16]int32, a, b []uint8, stride int) {
	for y := range 4 {
		for x := range 4 {
			d[4*y+x] = int32(a[y*stride+x]) - int32(b[y*stride+x])
		}
	}
}

// quantize makes levels of the coefficients from first on, and of the coefficients what the decoder makes of the
// levels. Rounding is a little towards 0: small coefficients cost more than they show.
func quantize(c *[16]int32, levels *[16]int16, first int, step [2]int32) {
	levels[0] = 0
	for n := first; n < 16; n++ {
		z := zigzag[n]
		q := step[min(n, 1)]
		bias := q * 7 / 16
		if n > 0 {
			bias = q * 6 / 16
		}
		v := c[z]
		level := min((max(v, -v)+bias)/q, 2047)
		if v < 0 {
			level = -level
		}
		levels[n] = int16(level)
		c[z] = level * q
	}
}

// keep remembers the edges of the macroblock for those that follow.
func (f *frame) keep(x int) {
	b := &f.now
	f.corner.y, f.corner.u, f.corner.v = f.above.y[16*x+15], f.above.u[8*x+7], f.above.v[8*x+7]
	copy(f.above.y[16*x:16*x+16], b.py[240:])
	copy(f.above.u[8*x:8*x+8], b.pu[56:])
	copy(f.above.v[8*x:8*x+8], b.pv[56:])
	for i := range 16 {
		f.left.y[i] = b.py[16*i+15]
	}
	for i := range 8 {
		f.left.u[i], f.left.v[i] = b.pu[8*i+7], b.pv[8*i+7]
	}
}
