package imaging

import (
	"context"
	"image"
)

// Orientations of EXIF that rotations are.
const (
	upright  = 1
	turned2  = 3 // by 180 degrees
	turned1  = 6 // by 90 degrees clockwise
	turned3  = 8 // by 270 degrees clockwise
	sideways = 5 // from here on width and height are exchanged
)

// turn makes an image of that orientation upright.
func turn(ctx context.Context, m *image.NRGBA, orientation int) (*image.NRGBA, error) {
	if orientation <= upright || orientation > turned3 {
		return m, nil
	}
	w, h := m.Rect.Dx(), m.Rect.Dy()
	size := image.Rect(0, 0, w, h)
	if orientation >= sideways {
		size = image.Rect(0, 0, h, w)
	}
	out := image.NewNRGBA(size)
	for y := range out.Rect.Dy() {
		if y%band == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		row := out.Pix[y*out.Stride:]
		for x := range out.Rect.Dx() {
			sx, sy := source(orientation, x, y, w, h)
			copy(row[4*x:4*x+4], m.Pix[sy*m.Stride+4*sx:])
		}
	}
	return out, nil
}

// source returns where the pixel at x, y comes from, in an image of w by h that has the orientation.
func source(orientation, x, y, w, h int) (sx, sy int) {
	switch orientation {
	case 2:
		return w - 1 - x, y
	case turned2:
		return w - 1 - x, h - 1 - y
	case 4:
		return x, h - 1 - y
	case sideways:
		return y, x
	case turned1:
		return y, h - 1 - x
	case 7:
		return w - 1 - y, h - 1 - x
	case turned3:
		return w - 1 - y, x
	}
	return x, y
}

// turns are the orientations that are made upright by turning clockwise.
var turns = map[int]int{90: turned1, 180: turned2, 270: turned3}

// size returns how large the result of a cut is, in an image of w by h.
func (s *cropStep) size(w, h int) (int, int) {
	if s.byOffset {
		w, h = w-s.left, h-s.top
	}
	if s.w > 0 {
		w = min(w, s.w)
	}
	if s.h > 0 {
		h = min(h, s.h)
	}
	return w, h
}

// automatic is the gravity that looks for the place where most is to be seen.
const automatic = 9

// gravities say for each gravity how much of what is cut off goes to the left and to the top, in halves.
var gravities = [automatic]image.Point{{1, 1}, {1, 0}, {2, 1}, {1, 2}, {0, 1}, {0, 0}, {2, 0}, {0, 2}, {2, 2}}

func (s *cropStep) run(ctx context.Context, m *image.NRGBA) (*image.NRGBA, error) {
	w, h := s.size(m.Rect.Dx(), m.Rect.Dy())
	at := image.Pt(s.left, s.top)
	switch {
	case s.byOffset:
	case s.gravity == automatic:
		var err error
		if at, err = busiest(ctx, m, w, h); err != nil {
			return nil, err
		}
	default:
		g := gravities[s.gravity]
		at = image.Pt((m.Rect.Dx()-w)*g.X/2, (m.Rect.Dy()-h)*g.Y/2)
	}
	if at == (image.Point{}) && image.Pt(w, h) == m.Rect.Size() {
		return m, nil
	}
	return cut(m, image.Rectangle{at, at.Add(image.Pt(w, h))}), nil
}

// cut copies a rectangle.
func cut(m *image.NRGBA, r image.Rectangle) *image.NRGBA {
	out := image.NewNRGBA(image.Rect(0, 0, r.Dx(), r.Dy()))
	for y := range r.Dy() {
		from := (r.Min.Y+y)*m.Stride + 4*r.Min.X
		copy(out.Pix[y*out.Stride:][:4*r.Dx()], m.Pix[from:])
	}
	return out
}

// overview is the greatest side of the small image in which busiest looks.
const overview = 128

// busiest returns where a rectangle of w by h lies best: where neighbouring pixels differ most. Of places that are
// alike it takes that which is nearest to the centre.
func busiest(ctx context.Context, m *image.NRGBA, w, h int) (image.Point, error) {
	mw, mh := m.Rect.Dx(), m.Rect.Dy()
	sw, sh := fit(mw, mh, min(mw, overview), min(mh, overview))
	small, err := resample(ctx, m, sw, sh)
	if err != nil {
		return image.Point{}, err
	}
	sums := edgeSums(small)
	bw, bh := max(1, w*sw/mw), max(1, h*sh/mh)
	var best image.Point
	most, nearest := int64(-1), 0
	for y := 0; y+bh <= sh; y++ {
		for x := 0; x+bw <= sw; x++ {
			row := sw + 1
			sum := sums[(y+bh)*row+x+bw] - sums[y*row+x+bw] - sums[(y+bh)*row+x] + sums[y*row+x]
			dx, dy := 2*x+bw-sw, 2*y+bh-sh
			if off := dx*dx + dy*dy; sum > most || sum == most && off < nearest {
				most, nearest, best = sum, off, image.Pt(x, y)
			}
		}
	}
	return image.Pt(min(best.X*mw/sw, mw-w), min(best.Y*mh/sh, mh-h)), nil
}

// edgeSums returns for each point the sum of all edges above and to the left of it.
func edgeSums(m *image.NRGBA) []int64 {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	luma := func(x, y int) int64 {
		p := m.Pix[y*m.Stride+4*x:]
		return (299*int64(p[0]) + 587*int64(p[1]) + 114*int64(p[2])) * int64(p[3]) / 255000
	}
	sums := make([]int64, (w+1)*(h+1))
	for y := range h {
		var row int64
		for x := range w {
			here := luma(x, y)
			dx, dy := luma(min(x+1, w-1), y)-here, luma(x, min(y+1, h-1))-here
			row += dx*dx + dy*dy
			sums[(y+1)*(w+1)+x+1] = sums[y*(w+1)+x+1] + row
		}
	}
	return sums
}
