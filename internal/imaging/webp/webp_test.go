package webp

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"testing"

	"golang.org/x/image/webp"
)

// picture returns an image with soft and hard parts, and some noise.
func picture(w, h int, alpha bool) *image.NRGBA {
	r := rand.New(rand.NewPCG(1, uint64(w*h)))
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.NRGBA{uint8(x * 255 / w), uint8(y * 255 / h), uint8(128 + 100*math.Sin(float64(x+y)/20)), 255}
			if (x-w/2)*(x-w/2)+(y-h/2)*(y-h/2) < w*h/16 {
				c.R, c.G = 250, 20
			}
			c.B += uint8(r.IntN(8))
			if alpha && y > h/2 {
				c.A = uint8(x * 255 / w)
			}
			m.SetNRGBA(x, y, c)
		}
	}
	return m
}

// decode decodes with a decoder of others. Its planes hold luma from 16 to 235, which is not what its type says.
func decode(t *testing.T, data []byte) (*image.YCbCr, func(x, y int) uint8) {
	t.Helper()
	m, err := webp.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("decode %d bytes: %v", len(data), err)
	}
	switch m := m.(type) {
	case *image.YCbCr:
		return m, func(int, int) uint8 { return 255 }
	case *image.NYCbCrA:
		return &m.YCbCr, func(x, y int) uint8 { return m.A[m.AOffset(x, y)] }
	}
	t.Fatalf("the image is a %T", m)
	return nil, nil
}

func encode(t *testing.T, m *image.NRGBA, o *Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Encode(t.Context(), &b, m, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// rgb is what a reader of WebP makes of a pixel.
func rgb(m *image.YCbCr, x, y int) [3]float64 {
	l := 1.164 * (float64(m.Y[m.YOffset(x, y)]) - 16)
	u, v := float64(m.Cb[m.COffset(x, y)])-128, float64(m.Cr[m.COffset(x, y)])-128
	var c [3]float64
	for i, value := range []float64{l + 1.596*v, l - 0.392*u - 0.813*v, l + 2.017*u} {
		c[i] = min(max(value, 0), 255)
	}
	return c
}

// psnr returns how alike two images are, in decibels.
func psnr(m *image.NRGBA, got *image.YCbCr) float64 {
	var sum float64
	b := m.Bounds()
	for y := range b.Dy() {
		for x := range b.Dx() {
			c, g := m.NRGBAAt(x, y), rgb(got, x, y)
			for i, v := range []uint8{c.R, c.G, c.B} {
				sum += (float64(v) - g[i]) * (float64(v) - g[i])
			}
		}
	}
	return 10 * math.Log10(255*255*3*float64(b.Dx()*b.Dy())/(sum+1e-9))
}

func TestImageComesBack(t *testing.T) {
	for _, size := range []image.Point{{1, 1}, {2, 3}, {15, 17}, {16, 16}, {64, 48}, {33, 200}, {640, 427}, {1100, 1000}} {
		for _, alpha := range []bool{false, true} {
			m := picture(size.X, size.Y, alpha)
			data := encode(t, m, nil)
			got, a := decode(t, data)
			if got.Rect.Size() != size {
				t.Fatalf("%v came back as %v", size, got.Rect)
			}
			for y := range size.Y {
				for x := range size.X {
					if w := m.NRGBAAt(x, y).A; a(x, y) != w {
						t.Fatalf("%v: alpha at %d,%d is %d; want %d", size, x, y, a(x, y), w)
					}
				}
			}
			least := 16.0 // where most of it is the edge of the circle, whose colour has half the resolution
			if size.X > 600 {
				least = 34
			}
			if p := psnr(m, got); p < least {
				t.Errorf("%v, alpha %v: %.1f dB in %d bytes; want %.0f", size, alpha, p, len(data), least)
			}
		}
	}
}

// TestNoiseComesBack takes the values that are hardest: all sizes of coefficients, and carries in the coder.
func TestNoiseComesBack(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, kind := range []func() uint8{
		func() uint8 { return uint8(r.Uint32()) },
		func() uint8 { return uint8(r.IntN(2) * 255) },
	} {
		m := image.NewNRGBA(image.Rect(0, 0, 300, 200))
		for i := range m.Pix {
			m.Pix[i] = kind()
		}
		got, a := decode(t, encode(t, m, nil))
		for y := range 200 {
			for x := range 300 {
				if w := m.NRGBAAt(x, y).A; a(x, y) != w {
					t.Fatalf("alpha at %d,%d is %d; want %d", x, y, a(x, y), w)
				}
			}
		}
		var sum float64 // of luma, whose resolution is whole
		for y := range 200 {
			for x := range 300 {
				c := m.NRGBAAt(x, y)
				want := 16 + 0.257*float64(c.R) + 0.504*float64(c.G) + 0.098*float64(c.B)
				sum += math.Abs(want - float64(got.Y[got.YOffset(x, y)]))
			}
		}
		if mean := sum / 60000; mean > 12 {
			t.Errorf("luma is off by %.1f in the mean", mean)
		}
	}
}

func TestAlphaOfOneValue(t *testing.T) {
	for _, v := range []uint8{0, 1, 128} {
		m := image.NewNRGBA(image.Rect(0, 0, 40, 40))
		for i := range m.Pix {
			m.Pix[i] = v
		}
		_, a := decode(t, encode(t, m, nil))
		for i := range 1600 {
			if got := a(i%40, i/40); got != v {
				t.Fatalf("alpha is %d; want %d", got, v)
			}
		}
	}
}

func TestProfileIsKept(t *testing.T) {
	data := encode(t, picture(20, 20, true), &Options{Profile: []byte("a profile")})
	if !bytes.Contains(data, []byte("ICCP\x09\x00\x00\x00a profile\x00")) || data[20] != 0x30 {
		t.Errorf("the file begins with %q", data[:60])
	}
	decode(t, data)
}

func TestWhatCannotBeWritten(t *testing.T) {
	for _, size := range []image.Point{{0, 1}, {1, 0}, {MaxSize + 1, 1}, {1, MaxSize + 1}} {
		m := image.NewNRGBA(image.Rect(0, 0, size.X, size.Y))
		if err := Encode(t.Context(), new(bytes.Buffer), m, nil); err == nil {
			t.Errorf("%v was written", size)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Encode(ctx, new(bytes.Buffer), picture(100, 100, true), nil); err == nil {
		t.Error("an ended context does not end the encoder")
	}
}

func TestTransformsAreInverse(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 1000 {
		var b, c [16]int32
		for i := range b {
			b[i] = int32(r.IntN(256))
		}
		c = b
		dct(&c)
		var p [16]uint8
		addInverse(&c, p[:], 4)
		for i := range b {
			if d := b[i] - int32(p[i]); d < -2 || d > 2 {
				t.Fatalf("%v came back as %v", b, p)
			}
		}
		c = b
		walsh(&c)
		inverseWalsh(&c)
		for i := range b {
			if d := b[i] - c[i]; d < -2 || d > 2 {
				t.Fatalf("%v came back as %v", b, c)
			}
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	m := picture(1920, 1080, false)
	b.SetBytes(1920 * 1080)
	for b.Loop() {
		if err := Encode(b.Context(), new(bytes.Buffer), m, nil); err != nil {
			b.Fatal(err)
		}
	}
}
