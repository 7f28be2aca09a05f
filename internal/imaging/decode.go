package imaging

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// decoders decode the pixels of each format; of an animation the first frame.
var decoders = map[Format]func(io.Reader) (image.Image, error){
	JPEG: jpeg.Decode, PNG: png.Decode, WebP: webp.Decode, TIFF: tiff.Decode, GIF: gif.Decode,
}

// decode decodes the pixels of an image and turns it upright.
func decode(ctx context.Context, b []byte, f *facts) (*image.NRGBA, error) {
	if f.format == WebP && f.frames > 0 {
		return nil, damaged(WebP, errors.New("it is an animation"))
	}
	m, err := decoders[f.format](&patientReader{ctx, *bytes.NewReader(b)})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, damaged(f.format, err)
	}
	if size := m.Bounds().Size(); f.format != GIF && size != image.Pt(f.w, f.h) {
		return nil, damaged(f.format, fmt.Errorf("it has %v pixels and says %dx%d", size, f.w, f.h))
	}
	c, err := toNRGBA(ctx, m, f)
	if err != nil {
		return nil, err
	}
	return turn(ctx, c, f.orientation)
}

// A patientReader reads until its context has ended, which is how decoders are stopped.
type patientReader struct {
	ctx context.Context
	bytes.Reader
}

func (r *patientReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

func (r *patientReader) ReadAt(p []byte, off int64) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.ReadAt(p, off)
}

// ReadByte implements io.ByteReader; decoders that take single bytes would otherwise read ahead.
func (r *patientReader) ReadByte() (byte, error) {
	if r.Len()&0xfff == 0 && r.ctx.Err() != nil {
		return 0, r.ctx.Err()
	}
	return r.Reader.ReadByte()
}

// band is how many rows are converted between two looks at the context.
const band = 64

// toNRGBA converts an image to the one form that all operations work on: 8 bits each of red, green, blue and
// alpha, at 0,0, colours not multiplied with alpha.
func toNRGBA(ctx context.Context, m image.Image, f *facts) (*image.NRGBA, error) {
	b := m.Bounds()
	switch m := m.(type) {
	case *image.NRGBA:
		if b.Min == (image.Point{}) && m.Stride == 4*b.Dx() {
			return m, nil
		}
	case *image.YCbCr:
		if f.format == WebP {
			return fromWebP(ctx, m, nil)
		}
	case *image.NYCbCrA:
		return fromWebP(ctx, &m.YCbCr, m)
	}
	out := image.NewNRGBA(image.Rect(0, 0, f.w, f.h))
	at := b
	if f.format != GIF { // whose frame may be a part of it
		at = b.Sub(b.Min)
	}
	var dst draw.Image = out
	if opaque(m) { // then it is the same, and draw is faster
		dst = &image.RGBA{Pix: out.Pix, Stride: out.Stride, Rect: out.Rect}
	}
	for y := at.Min.Y; y < at.Max.Y; y += band {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r := image.Rect(at.Min.X, y, at.Max.X, min(y+band, at.Max.Y))
		draw.Draw(dst, r, m, b.Min.Add(image.Pt(0, y-at.Min.Y)), draw.Src)
	}
	return out, nil
}

func opaque(m image.Image) bool {
	o, ok := m.(interface{ Opaque() bool })
	return ok && o.Opaque()
}

// fromWebP converts the planes of a lossy WebP, whose luma goes from 16 to 235.
func fromWebP(ctx context.Context, m *image.YCbCr, alpha *image.NYCbCrA) (*image.NRGBA, error) {
	b := m.Rect
	out := image.NewNRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	for y := range b.Dy() {
		if y%band == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		row := out.Pix[y*out.Stride:]
		for x := range b.Dx() {
			p := row[4*x : 4*x+4 : 4*x+4]
			c := m.COffset(b.Min.X+x, b.Min.Y+y)
			l := 76309 * (int32(m.Y[m.YOffset(b.Min.X+x, b.Min.Y+y)]) - 16)
			u, v := int32(m.Cb[c])-128, int32(m.Cr[c])-128
			p[0] = clip((l + 104597*v + 1<<15) >> 16)
			p[1] = clip((l - 25675*u - 53279*v + 1<<15) >> 16)
			p[2] = clip((l + 132201*u + 1<<15) >> 16)
			p[3] = 255
			if alpha != nil {
				p[3] = alpha.A[alpha.AOffset(b.Min.X+x, b.Min.Y+y)]
			}
		}
	}
	return out, nil
}

func clip(v int32) uint8 { return uint8(min(max(v, 0), 255)) }
