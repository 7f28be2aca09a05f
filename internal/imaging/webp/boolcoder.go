package webp

import "math/bits"

// A boolCoder is the arithmetic coder of VP8 (RFC 6386, section 7): it writes single bits, each with
// the probability, in 256ths, that it is 0.
type boolCoder struct {
	out   []byte
	low   uint64 // lower end of the interval: 8 bits, n more, and a carry above them
	width uint32 // of the interval, 128 to 255
	n     uint   // bits of low that wait for a whole byte
}

func newBoolCoder() *boolCoder { return &boolCoder{width: 255} }

// even is the probability of bits that nothing is known of.
const even = 128

// bit writes a bit.
func (c *boolCoder) bit(prob uint8, one bool) {
	split := 1 + ((c.width-1)*uint32(prob))>>8
	if one {
		c.low += uint64(split)
		c.width -= split
	} else {
		c.width = split
	}
	if c.width < 128 {
		shift := uint(bits.LeadingZeros8(uint8(c.width)))
		c.width <<= shift
		c.low <<= shift
		if c.n += shift; c.n >= 8 {
			c.emit()
		}
	}
}

// emit moves the highest byte of low to the output.
func (c *boolCoder) emit() {
	high := c.low >> c.n
	c.low &= 1<<c.n - 1
	c.n -= 8
	if high > 0xff {
		c.carry()
	}
	c.out = append(c.out, byte(high))
}

func (c *boolCoder) carry() {
	i := len(c.out) - 1
	for c.out[i] == 0xff {
		c.out[i] = 0
		i--
	}
	c.out[i]++
}

// number writes the n low bits of v, the highest first.
func (c *boolCoder) number(v uint32, n int) {
	for n--; n >= 0; n-- {
		c.bit(even, v>>n&1 == 1)
	}
}

// end returns all that was written.
func (c *boolCoder) end() []byte {
	c.low <<= 16 - c.n
	c.n = 16
	c.emit()
	c.emit()
	return append(c.out, byte(c.low))
}
