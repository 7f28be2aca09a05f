package imaging

import (
	"bytes"
	"cmp"
	"context"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"slices"
)

// maxFramePixels bounds the work on an animation: the pixels of all its frames, as they are seen.
const maxFramePixels = 1 << 28

// resizeGIF gives all frames of a GIF another size. Each frame of the result is whole, with colours of its own.
func resizeGIF(ctx context.Context, b []byte, f *facts, s *resizeStep) ([]byte, error) {
	g, err := gif.DecodeAll(&patientReader{ctx, *bytes.NewReader(b)})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, damaged(GIF, err)
	}
	out := &gif.GIF{Delay: g.Delay, LoopCount: g.LoopCount}
	_, size := s.sizes(f.w, f.h)
	out.Config = image.Config{Width: size.X, Height: size.Y}
	seen := image.NewNRGBA(image.Rect(0, 0, f.w, f.h))
	disposal := byte(gif.DisposalNone)
	for i, frame := range g.Image {
		g.Image[i] = nil // no longer needed, its memory is
		before := seen
		if g.Disposal[i] == gif.DisposalPrevious {
			before = &image.NRGBA{Pix: slices.Clone(seen.Pix), Stride: seen.Stride, Rect: seen.Rect}
		}
		draw.Draw(seen, frame.Rect, frame, frame.Rect.Min, draw.Over)
		m, err := s.run(ctx, seen, f.alpha)
		if err != nil {
			return nil, err
		}
		p, transparent := quantize(m)
		if transparent {
			disposal = gif.DisposalBackground
		}
		out.Image = append(out.Image, p)
		switch g.Disposal[i] {
		case gif.DisposalBackground:
			draw.Draw(seen, frame.Rect, image.Transparent, image.Point{}, draw.Src)
		case gif.DisposalPrevious:
			seen = before
		}
	}
	out.Disposal = bytes.Repeat([]byte{disposal}, len(out.Image))
	w := &boundedWriter{ctx: ctx}
	if err := gif.EncodeAll(w, out); err != nil {
		return nil, err
	}
	return w.b.Bytes(), nil
}

// A shade is the colours that are alike in the 5 high bits of red, green and blue.
type shade struct {
	sum [3]int64
	n   int64
}

func shadeOf(p []uint8) int { return int(p[0]>>3)<<10 | int(p[1]>>3)<<5 | int(p[2]>>3) }

func (s *shade) mean(c int) int64 { return s.sum[c] / s.n }

// quantize returns m in up to 256 colours, and whether one of them is transparency.
func quantize(m *image.NRGBA) (*image.Paletted, bool) {
	shades := make([]shade, 1<<15)
	transparent := false
	for i := 0; i < len(m.Pix); i += 4 {
		p := m.Pix[i : i+4 : i+4]
		if p[3] < 128 {
			transparent = true
			continue
		}
		s := &shades[shadeOf(p)]
		s.n++
		for c := range 3 {
			s.sum[c] += int64(p[c])
		}
	}
	out := image.NewPaletted(m.Rect, nil)
	if transparent {
		out.Palette = append(out.Palette, color.NRGBA{})
	}
	index := make([]uint8, len(shades))
	for _, box := range medianCut(shades, 256-len(out.Palette)) {
		for _, i := range box {
			index[i] = uint8(len(out.Palette))
		}
		out.Palette = append(out.Palette, colourOf(shades, box))
	}
	for i := range out.Pix {
		if p := m.Pix[4*i : 4*i+4 : 4*i+4]; p[3] >= 128 {
			out.Pix[i] = index[shadeOf(p)]
		}
	}
	return out, transparent
}

// medianCut deals the shades that occur out to boxes: the widest box is cut in two halves again and again.
func medianCut(shades []shade, most int) [][]int {
	var all []int
	for i := range shades {
		if shades[i].n > 0 {
			all = append(all, i)
		}
	}
	if len(all) == 0 {
		return nil
	}
	boxes := [][]int{all}
	for len(boxes) < most {
		widest, side, most := 0, 0, int64(0)
		for i, box := range boxes {
			if c, width := widestSide(shades, box); width > most {
				widest, side, most = i, c, width
			}
		}
		if most == 0 {
			break // every box is one shade
		}
		a, b := halves(shades, boxes[widest], side)
		boxes[widest] = a
		boxes = append(boxes, b)
	}
	return boxes
}

// widestSide returns in which colour the shades of a box differ most, and how much; boxes of many pixels count more.
func widestSide(shades []shade, box []int) (side int, width int64) {
	if len(box) < 2 {
		return 0, 0
	}
	var low, high [3]int64
	var n int64
	for j, i := range box {
		for c := range 3 {
			v := shades[i].mean(c)
			if j == 0 || v < low[c] {
				low[c] = v
			}
			high[c] = max(high[c], v)
		}
		n += shades[i].n
	}
	for c := range 3 {
		if d := high[c] - low[c]; d > width {
			side, width = c, d
		}
	}
	return side, max(width, 1) * (1 + n/64)
}

// halves cuts a box where half of its pixels are on each side.
func halves(shades []shade, box []int, side int) (a, b []int) {
	slices.SortFunc(box, func(i, j int) int { return cmp.Compare(shades[i].mean(side), shades[j].mean(side)) })
	var total, n int64
	for _, i := range box {
		total += shades[i].n
	}
	at := 1
	for ; at < len(box)-1; at++ {
		if n += shades[box[at-1]].n; n >= total/2 {
			break
		}
	}
	return box[:at], box[at:]
}

func colourOf(shades []shade, box []int) color.Color {
	var sum shade
	for _, i := range box {
		for c := range 3 {
			sum.sum[c] += shades[i].sum[c]
		}
		sum.n += shades[i].n
	}
	return color.NRGBA{uint8(sum.mean(0)), uint8(sum.mean(1)), uint8(sum.mean(2)), 255}
}
