package webp

// The transforms of VP8 (RFC 6386, section 14). The decoder's direction is exact, since what is predicted later
// rests on it; ours is its inverse, up to rounding.

// Square root of 2 times cosine and sine of pi/8, in 65536ths.
const (
	cos8 = 85627
	sin8 = 35468
)

// dct transforms a block of differences.
func dct(b *[16]int32) {
	var t [16]int32
	for i := range 4 {
		r := b[4*i : 4*i+4 : 4*i+4]
		s, u, v, w := r[0]+r[3], r[1]+r[2], r[1]-r[2], r[0]-r[3]
		t[4*i] = (s + u) << 3
		t[4*i+1] = (w*cos8 + v*sin8 + 1<<12) >> 13
		t[4*i+2] = (s - u) << 3
		t[4*i+3] = (w*sin8 - v*cos8 + 1<<12) >> 13
	}
	for i := range 4 {
		s, u, v, w := t[i]+t[12+i], t[4+i]+t[8+i], t[4+i]-t[8+i], t[i]-t[12+i]
		b[i] = (s + u + 8) >> 4
		b[4+i] = int32((int64(w)*cos8 + int64(v)*sin8 + 1<<19) >> 20)
		b[8+i] = (s - u + 8) >> 4
		b[12+i] = int32((int64(w)*sin8 - int64(v)*cos8 + 1<<19) >> 20)
	}
}

// addInverse adds what the decoder makes of the coefficients c to the 4x4 samples at p, whose rows are
// stride apart.
func addInverse(c *[16]int32, p []uint8, stride int) {
	var t [16]int32
	for i := range 4 {
		a, b := c[i]+c[8+i], c[i]-c[8+i]
		e := c[4+i]*sin8>>16 - c[12+i]*cos8>>16
		d := c[4+i]*cos8>>16 + c[12+i]*sin8>>16
		t[4*i], t[4*i+1], t[4*i+2], t[4*i+3] = a+d, b+e, b-e, a-d
	}
	for i := range 4 {
		a, b := t[i]+4+t[8+i], t[i]+4-t[8+i]
		e := t[4+i]*sin8>>16 - t[12+i]*cos8>>16
		d := t[4+i]*cos8>>16 + t[12+i]*sin8>>16
		row := p[i*stride : i*stride+4]
		row[0] = clip(int32(row[0]) + (a+d)>>3)
		row[1] = clip(int32(row[1]) + (b+e)>>3)
		row[2] = clip(int32(row[2]) + (b-e)>>3)
		row[3] = clip(int32(row[3]) + (a-d)>>3)
	}
}

// walsh transforms the first coefficients of the 16 luma blocks of a macroblock.
func walsh(b *[16]int32) {
	hadamard(b)
	for i, v := range b {
		b[i] = v / 2
	}
}

// inverseWalsh is what the decoder makes of them.
func inverseWalsh(b *[16]int32) {
	hadamard(b)
	for i, v := range b {
		b[i] = (v + 3) >> 3
	}
}

// hadamard adds and subtracts, along the columns and then the rows. It is its own inverse but for a factor of 16.
func hadamard(b *[16]int32) {
	for i := range 4 {
		hadamard4(&b[i], &b[4+i], &b[8+i], &b[12+i])
	}
	for i := range 4 {
		hadamard4(&b[4*i], &b[4*i+1], &b[4*i+2], &b[4*i+3])
	}
}

func hadamard4(p0, p1, p2, p3 *int32) {
	a, b, c, d := *p0+*p3, *p1+*p2, *p1-*p2, *p0-*p3
	*p0, *p1, *p2, *p3 = a+b, d+c, a-b, d-c
}

func clip(v int32) uint8 { return uint8(min(max(v, 0), 255)) }
