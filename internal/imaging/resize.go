package imaging

import (
	"context"
	"image"
	"math"
)

// Modes of resize.
const (
	modeFixed     = 0 // keeps the shape, fills up to the size
	modeForce     = 1
	modeThumbnail = 2 // keeps the shape, within the size, never larger than it was
)

// sizes returns how large an image of w by h becomes, without and with what it is filled up with.
func (s *resizeStep) sizes(w, h int) (inner, outer image.Point) {
	tw, th := s.w, s.h
	if tw == 0 {
		tw = scale(th, w, h)
	}
	if th == 0 {
		th = scale(tw, h, w)
	}
	outer = image.Pt(tw, th)
	switch {
	case s.mode == modeForce || s.w == 0 || s.h == 0:
		inner = outer
	default:
		inner = image.Pt(fit(w, h, tw, th))
	}
	if s.mode == modeThumbnail {
		if inner.X > w || inner.Y > h {
			inner = image.Pt(w, h)
		}
		outer = inner
	}
	return inner, outer
}

// scale returns n times a / b, at least 1, rounded; huge values stay huge.
func scale(n, a, b int) int {
	return max(1, int(min((int64(n)*int64(a)+int64(b)/2)/int64(b), maxArgument)))
}

// fit returns the size of w by h scaled into a box.
func fit(w, h, bw, bh int) (int, int) {
	if int64(w)*int64(bh) > int64(h)*int64(bw) {
		return bw, min(scale(bw, h, w), bh)
	}
	return min(scale(bh, w, h), bw), bh
}

func (s *resizeStep) run(ctx context.Context, m *image.NRGBA, alpha bool) (*image.NRGBA, error) {
	inner, outer := s.sizes(m.Rect.Dx(), m.Rect.Dy())
	out, err := resample(ctx, m, inner.X, inner.Y)
	if err != nil || inner == outer {
		return out, err
	}
	return pad(out, outer, alpha), nil
}

// pad puts m into the middle of a larger image, which is white around it, or transparent if it may be.
func pad(m *image.NRGBA, size image.Point, alpha bool) *image.NRGBA {
	out := image.NewNRGBA(image.Rectangle{Max: size})
	if !alpha {
		for i := range out.Pix {
			out.Pix[i] = 255
		}
	}
	at := size.Sub(m.Rect.Size()).Div(2)
	for y := range m.Rect.Dy() {
		copy(out.Pix[(at.Y+y)*out.Stride+4*at.X:], m.Pix[y*m.Stride:][:4*m.Rect.Dx()])
	}
	return out
}

// resample returns m with another size. Each pixel is a mean of those that lie around its place, weighted by the
// curve of Catmull and Rom. Rows and columns are done one after the other, first what makes the image smaller.
func resample(ctx context.Context, m *image.NRGBA, w, h int) (*image.NRGBA, error) {
	mw, mh := m.Rect.Dx(), m.Rect.Dy()
	if w == mw && h == mh {
		return m, nil
	}
	// Colours count as much as they are opaque, so they are multiplied with alpha meanwhile.
	multiply := !m.Opaque()
	if multiply {
		m = multiplied(m)
	}
	steps := []func(context.Context, *image.NRGBA, int) (*image.NRGBA, error){resampleRows, resampleColumns}
	sizes := []int{w, h}
	if int64(w)*int64(mh) > int64(mw)*int64(h) {
		steps[0], steps[1] = steps[1], steps[0]
		sizes[0], sizes[1] = sizes[1], sizes[0]
	}
	for i, do := range steps {
		var err error
		if m, err = do(ctx, m, sizes[i]); err != nil {
			return nil, err
		}
	}
	if multiply {
		divide(m)
	}
	return m, nil
}

// multiplied returns m with its colours multiplied with alpha.
func multiplied(m *image.NRGBA) *image.NRGBA {
	out := image.NewNRGBA(m.Rect)
	for i := 0; i < len(m.Pix); i += 4 {
		p, a := m.Pix[i:i+4:i+4], uint32(m.Pix[i+3])
		for c := range 3 {
			out.Pix[i+c] = uint8((uint32(p[c])*a + 127) / 255)
		}
		out.Pix[i+3] = uint8(a)
	}
	return out
}

// divide takes the multiplication back.
func divide(m *image.NRGBA) {
	for i := 0; i < len(m.Pix); i += 4 {
		p, a := m.Pix[i:i+4:i+4], uint32(m.Pix[i+3])
		if a == 0 || a == 255 {
			continue
		}
		for c := range 3 {
			p[c] = uint8(min((uint32(p[c])*255+a/2)/a, 255))
		}
	}
}

// unit is the sum of all weights of a pixel.
const unit = 1 << 14

// A mean says which pixels make one of the result: those from first on, with these weights.
type mean struct {
	first   int
	weights []int32
}

// means returns those of a row of n pixels that becomes one of size.
func means(n, size int) []mean {
	ratio := float64(n) / float64(size)
	wide := max(ratio, 1)
	all := make([]mean, size)
	for i := range all {
		centre := (float64(i) + 0.5) * ratio
		first, last := max(0, int(math.Floor(centre-2*wide))), min(n-1, int(math.Ceil(centre+2*wide)))
		all[i] = weigh(first, last, centre, wide)
	}
	return all
}

func weigh(first, last int, centre, wide float64) mean {
	curve := make([]float64, last-first+1)
	var sum float64
	for j := range curve {
		curve[j] = catmullRom(math.Abs(float64(first+j)+0.5-centre) / wide)
		sum += curve[j]
	}
	m := mean{first: first, weights: make([]int32, len(curve))}
	rest, heaviest := int32(unit), 0
	for j, v := range curve {
		m.weights[j] = int32(math.Round(v / sum * unit))
		rest -= m.weights[j]
		if m.weights[j] > m.weights[heaviest] {
			heaviest = j
		}
	}
	m.weights[heaviest] += rest // so that one colour stays what it is
	for len(m.weights) > 1 && m.weights[len(m.weights)-1] == 0 {
		m.weights = m.weights[:len(m.weights)-1]
	}
	return m
}

func catmullRom(x float64) float64 {
	switch {
	case x < 1:
		return (1.5*x-2.5)*x*x + 1
	case x < 2:
		return ((-0.5*x+2.5)*x-4)*x + 2
	}
	return 0
}

// resampleRows gives all rows another width.
func resampleRows(ctx context.Context, m *image.NRGBA, w int) (*image.NRGBA, error) {
	if w == m.Rect.Dx() {
		return m, nil
	}
	all := means(m.Rect.Dx(), w)
	out := image.NewNRGBA(image.Rect(0, 0, w, m.Rect.Dy()))
	for y := range m.Rect.Dy() {
		if y%band == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		from, to := m.Pix[y*m.Stride:], out.Pix[y*out.Stride:]
		for x := range all {
			var r, g, b, a int32 = unit / 2, unit / 2, unit / 2, unit / 2
			p := from[4*all[x].first:]
			for _, k := range all[x].weights {
				r, g, b, a = r+k*int32(p[0]), g+k*int32(p[1]), b+k*int32(p[2]), a+k*int32(p[3])
				if len(p) > 4 {
					p = p[4:]
				}
			}
			a8 := clip(a / unit)
			to[4*x], to[4*x+1], to[4*x+2], to[4*x+3] = min(clip(r/unit), a8), min(clip(g/unit), a8), min(clip(b/unit), a8), a8
		}
	}
	return out, nil
}

// resampleColumns gives all columns another height.
func resampleColumns(ctx context.Context, m *image.NRGBA, h int) (*image.NRGBA, error) {
	if h == m.Rect.Dy() {
		return m, nil
	}
	w := 4 * m.Rect.Dx()
	out := image.NewNRGBA(image.Rect(0, 0, m.Rect.Dx(), h))
	sums := make([]int32, w)
	for y, k := range means(m.Rect.Dy(), h) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for i := range sums {
			sums[i] = unit / 2
		}
		for j, weight := range k.weights {
			row := m.Pix[(k.first+j)*m.Stride:][:w]
			for i, v := range row {
				sums[i] += weight * int32(v)
			}
		}
		to := out.Pix[y*out.Stride:][:w]
		for i := 0; i < w; i += 4 {
			a := clip(sums[i+3] / unit)
			to[i], to[i+1], to[i+2], to[i+3] = min(clip(sums[i]/unit), a), min(clip(sums[i+1]/unit), a), min(clip(sums[i+2]/unit), a), a
		}
	}
	return out, nil
}
