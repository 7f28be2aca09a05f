package webp

import (
	"context"
	"encoding/binary"
	"errors"
	"image"
)

// A frame is an image on its way to a key frame of VP8.
type frame struct {
	m      *image.NRGBA
	mw, mh int // in macroblocks
	steps  steps

	// What the decoder has of the neighbours, before its loop filter.
	above struct{ y, u, v []uint8 } // the last rows of the macroblocks above
	left  struct {                  // the last columns of the macroblock to the left
		y    [16]uint8
		u, v [8]uint8
	}
	corner struct{ y, u, v uint8 } // above the left column

	now   macroblock
	marks marks

	modes  []byte // one of each macroblock, see macroblock.mode
	levels []byte // of the macroblocks that are not skipped, see appendLevels
	counts counts
}

// Steps are the quantizer steps of each kind of block, for the first coefficient and for the others.
type steps struct{ luma, dc, chroma [2]int32 }

func stepsOf(q int) steps {
	return steps{
		luma:   [2]int32{dcSteps[q], acSteps[q]},
		dc:     [2]int32{2 * dcSteps[q], max(8, acSteps[q]*155/100)},
		chroma: [2]int32{min(dcSteps[q], 132), acSteps[q]},
	}
}

// encodeFrame returns the frame of m, as it stands in the chunk "VP8 ".
func encodeFrame(ctx context.Context, m *image.NRGBA) ([]byte, error) {
	f := &frame{m: m, mw: (m.Rect.Dx() + 15) / 16, mh: (m.Rect.Dy() + 15) / 16, steps: stepsOf(quantizer)}
	f.above.y, f.above.u, f.above.v = make([]uint8, 16*f.mw), make([]uint8, 8*f.mw), make([]uint8, 8*f.mw)
	f.marks.above = make([]mark, f.mw)
	f.modes = make([]byte, 0, f.mw*f.mh)
	for y := range f.mh {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f.beginRow(y)
		for x := range f.mw {
			f.macroblock(x, y)
		}
	}
	return f.write(ctx)
}

// beginRow sets what the decoder takes for the macroblocks outside of the image.
func (f *frame) beginRow(y int) {
	f.marks.left = mark{}
	fill(f.left.y[:], 129)
	fill(f.left.u[:], 129)
	fill(f.left.v[:], 129)
	f.corner.y, f.corner.u, f.corner.v = 129, 129, 129
	if y == 0 {
		f.corner.y, f.corner.u, f.corner.v = 127, 127, 127
		fill(f.above.y, 127)
		fill(f.above.u, 127)
		fill(f.above.v, 127)
	}
}

func fill(p []uint8, v uint8) {
	for i := range p {
		p[i] = v
	}
}

// partitions returns the binary logarithm of how many parts the coefficients are written in: a decoder may
// refuse one of 16 MiB.
func (f *frame) partitions() int {
	if f.mw*f.mh < 1<<12 {
		return 0
	}
	return 3
}

// write writes the frame after all macroblocks are done.
func (f *frame) write(ctx context.Context) ([]byte, error) {
	probs := f.counts.probabilities()
	skipProb := f.skipProbability()
	first := f.header(&probs, skipProb)
	for i, mode := range f.modes {
		if i%f.mw == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		writeMode(first, mode, skipProb)
	}
	head := first.end()
	parts, err := f.writeLevels(ctx, &probs)
	if err != nil {
		return nil, err
	}
	if len(head) >= 1<<19 {
		return nil, errors.New("webp: the image is too large for a frame")
	}
	out := make([]byte, 10)
	put24(out, 1<<4|len(head)<<5) // a key frame that is shown
	copy(out[3:], "\x9d\x01\x2a")
	binary.LittleEndian.PutUint16(out[6:], uint16(f.m.Rect.Dx()))
	binary.LittleEndian.PutUint16(out[8:], uint16(f.m.Rect.Dy()))
	out = append(out, head...)
	for _, p := range parts[:len(parts)-1] {
		out = append(out, 0, 0, 0)
		put24(out[len(out)-3:], len(p))
	}
	for _, p := range parts {
		out = append(out, p...)
	}
	return out, nil
}

// header begins the first partition.
func (f *frame) header(probs *probabilities, skipProb uint8) *boolCoder {
	c := newBoolCoder()
	c.number(0, 2)           // colour space, clamping
	c.number(0, 1)           // no segments
	c.number(0, 1)           // the normal loop filter
	c.number(quantizer/4, 6) // its level
	c.number(0, 3)           // its sharpness
	c.number(0, 1)           // no other levels
	c.number(uint32(f.partitions()), 2)
	c.number(quantizer, 7)
	c.number(0, 5) // no other quantizers
	c.number(0, 1) // the probabilities are for this frame
	for t := range probs {
		for b := range probs[t] {
			for n := range probs[t][b] {
				for i, p := range probs[t][b][n] {
					changed := p != defaults[t][b][n][i]
					c.bit(updates[t][b][n][i], changed)
					if changed {
						c.number(uint32(p), 8)
					}
				}
			}
		}
	}
	c.number(1, 1) // macroblocks without coefficients are marked
	c.number(uint32(skipProb), 8)
	return c
}

// skipProbability returns the probability that a macroblock has coefficients.
func (f *frame) skipProbability() uint8 {
	var skipped int
	for _, mode := range f.modes {
		if mode&skip != 0 {
			skipped++
		}
	}
	return probability(len(f.modes)-skipped, skipped)
}

// writeMode says how a macroblock is predicted: RFC 6386, 11.2.
func writeMode(c *boolCoder, mode byte, skipProb uint8) {
	c.bit(skipProb, mode&skip != 0)
	c.bit(145, true) // as a whole
	luma, chroma := mode&3, mode>>2&3
	c.bit(156, luma >= horizontal)
	if luma >= horizontal {
		c.bit(128, luma == motion)
	} else {
		c.bit(163, luma == vertical)
	}
	if c.bit(142, chroma != average); chroma == average {
		return
	}
	if c.bit(114, chroma != vertical); chroma == vertical {
		return
	}
	c.bit(183, chroma != horizontal)
}
