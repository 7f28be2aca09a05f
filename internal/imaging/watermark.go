package imaging

import (
	"context"
	"image"
	"image/color"
)

// pixelsPerTwip makes pixels of twentieths of a point, 96 to the inch.
const pixelsPerTwip = 96.0 / 72 / 20

// run writes the text over the whole image, again and again, so that no part of it is without.
func (s *textStep) run(ctx context.Context, m *image.NRGBA, all fonts) error {
	size := float64(s.size) * pixelsPerTwip
	l, err := all.line(s.text, size)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	mask := l.draw(m.Rect.Dx())
	edge := int(size/2) + 1
	dx, dy := mask.Rect.Dx()+6*edge, mask.Rect.Dy()+4*edge
	for row, y := 0, edge; row == 0 || y < m.Rect.Dy(); row, y = row+1, y+dy {
		if err := ctx.Err(); err != nil {
			return err
		}
		for x := edge - row%2*dx/2; x < m.Rect.Dx(); x += dx {
			stamp(m, mask, image.Pt(x, y), s.colour, s.opacity)
		}
	}
	return nil
}

// stamp lays a colour over m where the mask is.
func stamp(m *image.NRGBA, mask *image.Alpha, at image.Point, c color.NRGBA, opacity float64) {
	strength := uint32(opacity*256 + 0.5)
	r := mask.Rect.Add(at).Intersect(m.Rect)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := mask.Pix[(y-at.Y)*mask.Stride:]
		for x := r.Min.X; x < r.Max.X; x++ {
			if v := row[x-at.X]; v != 0 {
				over(m.Pix[y*m.Stride+4*x:], c, uint32(v)*strength/256)
			}
		}
	}
}

// over lays a colour over a pixel, with an alpha up to 255.
func over(p []uint8, c color.NRGBA, alpha uint32) {
	if p[3] == 255 {
		p[0], p[1], p[2] = mix(p[0], c.R, alpha), mix(p[1], c.G, alpha), mix(p[2], c.B, alpha)
		return
	}
	below := uint32(p[3]) * (255 - alpha)
	total := alpha*255 + below // of 255 squared
	if total == 0 {
		return
	}
	for i, v := range [3]uint8{c.R, c.G, c.B} {
		p[i] = uint8((uint32(v)*alpha*255 + uint32(p[i])*below + total/2) / total)
	}
	p[3] = uint8((total + 127) / 255)
}

func mix(below, above uint8, alpha uint32) uint8 {
	return uint8((uint32(below)*(255-alpha) + uint32(above)*alpha + 127) / 255)
}

// lay lays another image over m, as far as it is within.
func (s *overlayStep) lay(ctx context.Context, m, other *image.NRGBA) error {
	strength := uint32(s.opacity*256 + 0.5)
	r := other.Rect.Add(image.Pt(min(s.left, m.Rect.Dx()), min(s.top, m.Rect.Dy()))).Intersect(m.Rect)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		if y%band == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		row := other.Pix[(y-s.top)*other.Stride:]
		for x := r.Min.X; x < r.Max.X; x++ {
			p := row[4*(x-s.left):]
			over(m.Pix[y*m.Stride+4*x:], color.NRGBA{p[0], p[1], p[2], 255}, uint32(p[3])*strength/256)
		}
	}
	return nil
}
