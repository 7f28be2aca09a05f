package imaging

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/image/tiff"

	"github.com/oisproject/ois/internal/fault"
)

var (
	red   = color.NRGBA{220, 30, 30, 255}
	green = color.NRGBA{30, 200, 30, 255}
	blue  = color.NRGBA{30, 30, 220, 255}
	white = color.NRGBA{255, 255, 255, 255}
	none  = color.NRGBA{}
)

// corners returns an image whose quarters are red, green, blue and white.
func corners(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := red
			switch {
			case x >= w/2 && y >= h/2:
				c = white
			case y >= h/2:
				c = blue
			case x >= w/2:
				c = green
			}
			m.SetNRGBA(x, y, c)
		}
	}
	return m
}

func pngOf(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegOf(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sourceOf returns bytes as a source.
func sourceOf(b []byte) Source {
	return Source{Size: int64(len(b)), Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b)), nil
	}}
}

func processor(t testing.TB, o Options) *Processor {
	t.Helper()
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// try runs a pipeline with a processor of its own.
func try(t testing.TB, o Options, src []byte, action string) (*Output, error) {
	t.Helper()
	pl, err := Parse(action)
	if err != nil {
		t.Fatalf("%s: %v", action, err)
	}
	p := processor(t, o)
	out, err := p.Process(t.Context(), sourceOf(src), pl)
	if err == nil {
		out.Close()
	}
	if held := p.held.Load(); held != 0 || len(p.slots) != 0 {
		t.Errorf("%s: %d bytes and %d slots stay taken", action, held, len(p.slots))
	}
	return out, err
}

func run(t testing.TB, src []byte, action string) *Output {
	t.Helper()
	out, err := try(t, Options{}, src, action)
	if err != nil {
		t.Fatalf("%s: %v", action, err)
	}
	return out
}

// pixels runs a pipeline and decodes its result.
func pixels(t testing.TB, src []byte, action string) *image.NRGBA {
	t.Helper()
	return decoded(t, run(t, src, action).Data)
}

func decoded(t testing.TB, b []byte) *image.NRGBA {
	t.Helper()
	f, err := readFacts(b)
	if err != nil {
		t.Fatal(err)
	}
	m, err := decode(t.Context(), b, f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func wantRefusal(t *testing.T, src []byte, action, why string) {
	t.Helper()
	_, err := try(t, Options{}, src, action)
	if fault.CodeOf(err) != fault.InvalidArgument || !strings.Contains(err.Error(), why) {
		t.Errorf("%s: got %v; want invalid_argument: …%s", action, err, why)
	}
}

// wantColour checks a pixel, up to a difference that lossy formats make.
func wantColour(t *testing.T, m *image.NRGBA, x, y int, want color.NRGBA, most int) {
	t.Helper()
	got := m.NRGBAAt(x, y)
	if want.A == 0 && got.A == 0 {
		return
	}
	for i, v := range [4]uint8{got.R, got.G, got.B, got.A} {
		if d := int(v) - int([4]uint8{want.R, want.G, want.B, want.A}[i]); d > most || d < -most {
			t.Errorf("the pixel at %d,%d is %v; want %v", x, y, got, want)
			return
		}
	}
}

func wantSize(t *testing.T, m image.Image, w, h int) {
	t.Helper()
	if got := m.Bounds(); got != image.Rect(0, 0, w, h) {
		t.Fatalf("the image is %v; want %dx%d", got, w, h)
	}
}

func TestResizeGeometry(t *testing.T) {
	src := pngOf(t, corners(40, 20))
	for _, c := range []struct {
		args string
		w, h int
	}{
		{"w_20", 20, 10},
		{"h_40", 80, 40},
		{"w_1", 1, 1},
		{"w_20,h_20", 20, 20},
		{"w_20,h_20,m_1", 20, 20},
		{"w_20,h_20,m_2", 20, 10},
		{"w_100,h_10,m_2", 20, 10},
		{"w_400,h_400,m_2", 40, 20}, // not larger than it was
		{"w_400,m_2", 40, 20},
		{"w_3,h_1000,m_1", 3, 1000},
	} {
		wantSize(t, pixels(t, src, "resize:"+c.args), c.w, c.h)
	}
	// The shape is kept, with white above and below.
	m := pixels(t, src, "resize:w_20,h_20")
	wantColour(t, m, 10, 2, white, 0)
	wantColour(t, m, 2, 7, red, 2)
	wantColour(t, m, 2, 12, blue, 2)
	wantColour(t, m, 10, 17, white, 0)
	// With transparency it is transparent there.
	see := corners(40, 20)
	see.Pix[3] = 200
	wantColour(t, pixels(t, pngOf(t, see), "resize:w_20,h_20"), 10, 2, none, 0)
}

func TestResizeKeepsColours(t *testing.T) {
	flat := image.NewNRGBA(image.Rect(0, 0, 301, 97))
	for i := range flat.Pix {
		flat.Pix[i] = []uint8{13, 200, 255, 255}[i%4]
	}
	for _, args := range []string{"w_7,h_5,m_1", "w_600,h_301,m_1", "w_301,h_1,m_1", "w_1,h_400,m_1"} {
		m := pixels(t, pngOf(t, flat), "resize:"+args)
		for i := range m.Pix {
			if m.Pix[i] != flat.Pix[i%4] {
				t.Fatalf("%s: byte %d of one colour became %d; want %d", args, i, m.Pix[i], flat.Pix[i%4])
			}
		}
	}
	wide := image.NewGray(image.Rect(0, 0, 30001, 1)) // of which each pixel counts next to nothing
	for i := range wide.Pix {
		wide.Pix[i] = 201
	}
	if c := pixels(t, pngOf(t, wide), "resize:w_1").NRGBAAt(0, 0); c.R != 201 {
		t.Errorf("30001 pixels of 201 became %v", c)
	}
	// The invisible colour of transparent pixels does not show.
	half := image.NewNRGBA(image.Rect(0, 0, 64, 64))
	for y := range 64 {
		for x := range 64 {
			half.SetNRGBA(x, y, color.NRGBA{0, 255, 0, 0})
			if x < 32 {
				half.SetNRGBA(x, y, red)
			}
		}
	}
	m := pixels(t, pngOf(t, half), "resize:w_9")
	for x := range 9 {
		if c := m.NRGBAAt(x, 4); c.A > 8 && c.G > 60 {
			t.Errorf("pixel %d is %v; want no green", x, c)
		}
	}
}

func TestCropGeometry(t *testing.T) {
	src := pngOf(t, corners(40, 20))
	for _, c := range []struct {
		args string
		w, h int
		at   image.Point // of the upper left corner
	}{
		{"w_10,h_10", 10, 10, image.Pt(15, 5)},
		{"w_10,h_10,g_1", 10, 10, image.Pt(15, 0)},
		{"w_10,h_10,g_2", 10, 10, image.Pt(30, 5)},
		{"w_10,h_10,g_3", 10, 10, image.Pt(15, 10)},
		{"w_10,h_10,g_4", 10, 10, image.Pt(0, 5)},
		{"w_10,h_10,g_5", 10, 10, image.Pt(0, 0)},
		{"w_10,h_10,g_6", 10, 10, image.Pt(30, 0)},
		{"w_10,h_10,g_7", 10, 10, image.Pt(0, 10)},
		{"w_10,h_10,g_8", 10, 10, image.Pt(30, 10)},
		{"h_10", 40, 10, image.Pt(0, 5)},
		{"w_100,h_10,g_5", 40, 10, image.Pt(0, 0)},
		{"l_30,t_15", 10, 5, image.Pt(30, 15)},
		{"l_5,w_7", 7, 20, image.Pt(5, 0)},
		{"t_15,h_100", 40, 5, image.Pt(0, 15)},
	} {
		whole := image.NewNRGBA(image.Rect(0, 0, 40, 20)) // each pixel says where it was
		for y := range 20 {
			for x := range 40 {
				whole.SetNRGBA(x, y, color.NRGBA{uint8(x), uint8(y), 7, 255})
			}
		}
		m := pixels(t, pngOf(t, whole), "crop:"+c.args)
		wantSize(t, m, c.w, c.h)
		wantColour(t, m, 0, 0, color.NRGBA{uint8(c.at.X), uint8(c.at.Y), 7, 255}, 0)
		wantColour(t, m, c.w-1, c.h-1, color.NRGBA{uint8(c.at.X + c.w - 1), uint8(c.at.Y + c.h - 1), 7, 255}, 0)
	}
	wantRefusal(t, src, "crop:l_40", "outside of the image of 40x20")
	wantRefusal(t, src, "crop:t_2000000000", "outside of the image")
}

func TestCropFindsWhereMostIsToBeSeen(t *testing.T) {
	m := image.NewNRGBA(image.Rect(0, 0, 600, 200))
	for i := range m.Pix {
		m.Pix[i] = 255
	}
	for y := 120; y < 180; y++ {
		for x := 480; x < 560; x++ {
			if (x/4+y/4)%2 == 0 {
				m.SetNRGBA(x, y, blue)
			}
		}
	}
	got := pixels(t, pngOf(t, m), "crop:w_120,h_80,g_9")
	wantSize(t, got, 120, 80)
	n := 0
	for y := range 80 {
		for x := range 120 {
			if got.NRGBAAt(x, y) == blue {
				n++
			}
		}
	}
	if n < 2200 { // of 2400
		t.Errorf("%d blue pixels are left; want nearly all of 2400", n)
	}
}

func TestRotate(t *testing.T) {
	src := pngOf(t, corners(40, 20))
	for angle, want := range map[int][4]color.NRGBA{ // upper left, upper right, lower left, lower right
		0: {red, green, blue, white}, 90: {blue, red, white, green}, 180: {white, blue, green, red}, 270: {green, white, red, blue},
	} {
		m := pixels(t, src, fmt.Sprintf("rotate:a_%d", angle))
		w, h := 40, 20
		if angle%180 != 0 {
			w, h = h, w
		}
		wantSize(t, m, w, h)
		for i, at := range []image.Point{{0, 0}, {w - 1, 0}, {0, h - 1}, {w - 1, h - 1}} {
			wantColour(t, m, at.X, at.Y, want[i], 0)
		}
	}
}

// withEXIF puts an orientation and a maker into a JPEG.
func withEXIF(b []byte, orientation byte) []byte {
	tiff := "MM\x00*\x00\x00\x00\x08" + "\x00\x02" +
		"\x01\x0f\x00\x02\x00\x00\x00\x04ois\x00" + "\x01\x12\x00\x03\x00\x00\x00\x01\x00" + string(orientation) + "\x00\x00" + "\x00\x00\x00\x00"
	s := "Exif\x00\x00" + tiff
	return insert(b, 2, append([]byte{0xff, 0xe1, 0, byte(len(s) + 2)}, s...))
}

// TestOrientation has images that are stored in eight ways and look the same.
func TestOrientation(t *testing.T) {
	up := corners(48, 32)
	for o := 1; o <= 8; o++ {
		w, h := 48, 32
		if o >= sideways {
			w, h = h, w
		}
		stored := image.NewNRGBA(image.Rect(0, 0, w, h))
		for y := range 32 {
			for x := range 48 {
				sx, sy := source(o, x, y, w, h)
				stored.SetNRGBA(sx, sy, up.NRGBAAt(x, y))
			}
		}
		src := withEXIF(jpegOf(t, stored), byte(o))
		var i info
		unmarshal(t, run(t, src, "info").Data, &i)
		if i.Orientation != o || i.Width != w || i.Height != h || i.Make != "ois" {
			t.Errorf("orientation %d: info is %+v", o, i)
		}
		m := pixels(t, src, "format:t_png")
		wantSize(t, m, 48, 32)
		for i, at := range []image.Point{{4, 4}, {44, 4}, {4, 28}, {44, 28}} {
			wantColour(t, m, at.X, at.Y, []color.NRGBA{red, green, blue, white}[i], 12)
		}
		unmarshal(t, run(t, src, "rotate:a_90|info").Data, &i)
		if i.Orientation != 1 || i.Width != 32 || i.Height != 48 {
			t.Errorf("orientation %d: after turning info is %+v", o, i)
		}
	}
	// Orientations as cameras write them: the first row is the right side of the picture.
	m := pixels(t, withEXIF(jpegOf(t, corners(48, 32)), 6), "format:t_png")
	for i, at := range []image.Point{{4, 4}, {28, 4}, {4, 44}, {28, 44}} {
		wantColour(t, m, at.X, at.Y, []color.NRGBA{blue, red, white, green}[i], 12)
	}
}

func unmarshal(t *testing.T, b []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
}

func TestInfo(t *testing.T) {
	see := corners(40, 20)
	see.Pix[3] = 0
	deep := image.NewRGBA64(image.Rect(0, 0, 3, 2))
	for i := range deep.Pix {
		deep.Pix[i] = 255
	}
	var tiffSee bytes.Buffer
	if err := tiff.Encode(&tiffSee, see, nil); err != nil {
		t.Fatal(err)
	}
	line := func(w, h int, alpha bool, kind Format, space string) string {
		return fmt.Sprintf(`{"width":%d,"height":%d,"orientation":1,"alpha":%v,"type":%q,"space":%q}`, w, h, alpha, kind, space)
	}
	for _, c := range []struct {
		name string
		src  []byte
		want string
	}{
		{"jpeg", jpegOf(t, corners(40, 20)), line(40, 20, false, JPEG, "srgb")},
		{"gray jpeg", jpegOf(t, image.NewGray(image.Rect(0, 0, 5, 6))), line(5, 6, false, JPEG, "b-w")},
		{"cmyk", testdata(t, "cmyk.jpg"), line(32, 16, false, JPEG, "cmyk")},
		{"progressive", testdata(t, "progressive.jpg"), line(32, 16, false, JPEG, "srgb")},
		{"png", pngOf(t, corners(40, 20)), line(40, 20, false, PNG, "srgb")},
		{"png with alpha", pngOf(t, see), line(40, 20, true, PNG, "srgb")},
		{"gray png", pngOf(t, image.NewGray(image.Rect(0, 0, 5, 6))), line(5, 6, false, PNG, "b-w")},
		{"deep png", pngOf(t, deep), line(3, 2, false, PNG, "rgb16")},
		{"deep gray png", pngOf(t, image.NewGray16(image.Rect(0, 0, 3, 2))), line(3, 2, false, PNG, "grey16")},
		{
			"png with a transparent colour", pngOf(t, image.NewPaletted(image.Rect(0, 0, 2, 2), color.Palette{none, red})),
			line(2, 2, true, PNG, "srgb"),
		},
		{"webp", testdata(t, "lossy.webp"), line(32, 16, false, WebP, "srgb")},
		{"webp with alpha", testdata(t, "lossy-alpha.webp"), line(32, 16, true, WebP, "srgb")},
		{"lossless webp", testdata(t, "lossless.webp"), line(32, 16, true, WebP, "srgb")},
		{"animated webp", testdata(t, "animated.webp"), line(32, 16, false, WebP, "srgb")},
		{"tiff", testdata(t, "lzw.tiff"), line(32, 16, false, TIFF, "srgb")},
		{"fax", testdata(t, "group4.tiff"), line(32, 16, false, TIFF, "b-w")},
		{"tiff with alpha", tiffSee.Bytes(), line(40, 20, true, TIFF, "srgb")},
		{"gif", animation(t), line(32, 16, false, GIF, "srgb")},
		{"svg", []byte(`<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg" width="2in" height="50.4px"/>`), line(192, 50, true, SVG, "srgb")},
		{"svg box", []byte("\xef\xbb\xbf <!-- x --><svg width='100%' viewBox='0 0 30,40'><g/></svg>"), line(30, 40, true, SVG, "srgb")},
		{"svg ratio", []byte("<svg width='60' viewBox='0 0 30 40'>"), line(60, 80, true, SVG, "srgb")},
	} {
		out := run(t, c.src, "info")
		if string(out.Data) != c.want || out.Type != "application/json" {
			t.Errorf("%s: got %s of %s; want %s", c.name, out.Data, out.Type, c.want)
		}
	}
	if out := run(t, pngOf(t, see), "resize:w_10|format:t_jpeg|info"); string(out.Data) != line(10, 5, false, JPEG, "srgb") {
		t.Errorf("of a result: got %s", out.Data)
	}
	wantRefusal(t, []byte("<svg/>"), "info", "tells no size")
	wantRefusal(t, []byte("%PDF-1.7\n"), "info", "info does not work on pdf; it does on jpeg, png, webp, tiff, gif, svg")
	wantRefusal(t, []byte("hello"), "info", "not an image of a known format")
	wantRefusal(t, nil, "info", "not an image of a known format")
}

func TestForeignImages(t *testing.T) {
	for name, most := range map[string]int{
		"cmyk.jpg": 12, "progressive.jpg": 6, "lossy.webp": 6, "lossy-alpha.webp": 6, "lossless.webp": 0, "lzw.tiff": 0, "profile.jpg": 12,
	} {
		m := pixels(t, testdata(t, name), "format:t_png|crop:g_0")
		wantSize(t, m, 32, 16)
		lower := uint8(255)
		if strings.Contains(name, "alpha") || strings.Contains(name, "lossless") {
			lower = 64
		}
		wantColour(t, m, 4, 2, red, most)
		wantColour(t, m, 27, 2, blue, most)
		wantColour(t, m, 4, 13, color.NRGBA{red.R, red.G, red.B, lower}, most)
	}
	wantRefusal(t, testdata(t, "animated.webp"), "rotate:a_90", "it is an animation")
	wantSize(t, pixels(t, testdata(t, "group4.tiff"), "rotate:a_90"), 16, 32)
}

func TestFormats(t *testing.T) {
	see := corners(40, 20)
	for i := 3; i < len(see.Pix); i += 4 {
		see.Pix[i] = 128
	}
	sources := map[Format][]byte{PNG: pngOf(t, corners(40, 20)), JPEG: jpegOf(t, corners(40, 20)), "see": pngOf(t, see)}
	for _, f := range []Format{WebP, TIFF} {
		sources[f] = run(t, sources[PNG], "format:t_"+string(f)).Data
	}
	for from, src := range sources {
		for _, to := range written {
			out := run(t, src, "rotate:a_180|format:t_"+string(to))
			if f, err := formatOf(out.Data); f != to || out.Type != "image/"+string(to) {
				t.Errorf("%s to %s is %s (%v) of type %s", from, to, f, err, out.Type)
			}
			m := decoded(t, out.Data)
			wantSize(t, m, 40, 20)
			want := white // was there
			if from == "see" {
				want = color.NRGBA{255, 255, 255, 128}
				if to == JPEG {
					want = white
				}
			}
			wantColour(t, m, 4, 4, want, 12)
			want = red
			if from == "see" {
				want.A = 128
				if to == JPEG {
					want = color.NRGBA{237, 142, 142, 255} // over white
				}
			}
			wantColour(t, m, 34, 14, want, 14)
		}
	}
}

func TestUnchangedImageComesBackByteForByte(t *testing.T) {
	for _, src := range [][]byte{
		jpegOf(t, corners(40, 20)), pngOf(t, corners(4, 4)), testdata(t, "animated.webp"), testdata(t, "lzw.tiff"), animation(t),
		[]byte("%PDF-1.7 and so on"), []byte("<svg width='1' height='1'/>"),
	} {
		out := run(t, src, "save:b_bucket1,k_x")
		if !bytes.Equal(out.Data, src) || len(out.Saved) != 1 || !bytes.Equal(out.Saved[0].Data, src) || out.Saved[0].Type != out.Type {
			t.Errorf("%.10q of %s was changed", src, out.Type)
		}
	}
	if src := jpegOf(t, corners(40, 20)); !bytes.Equal(run(t, src, "format:t_jpeg").Data, src) {
		t.Error("a jpeg was made anew to be a jpeg")
	}
}

func TestSaveTakesWhatStandsThere(t *testing.T) {
	out := run(t, pngOf(t, corners(40, 20)), "resize:w_20|save:b_bucket1,k_small|format:t_jpeg|save:b_bucket2,k_other|rotate:a_90|info")
	if len(out.Saved) != 2 {
		t.Fatalf("%d results are to be saved; want 2", len(out.Saved))
	}
	a, b := out.Saved[0], out.Saved[1]
	if a.Target != (Target{"bucket1", "small"}) || a.Type != "image/png" || b.Target != (Target{"bucket2", "other"}) || b.Type != "image/jpeg" {
		t.Errorf("saved are %v of %s and %v of %s", a.Target, a.Type, b.Target, b.Type)
	}
	wantSize(t, decoded(t, a.Data), 20, 10)
	wantSize(t, decoded(t, b.Data), 20, 10)
	if !strings.Contains(string(out.Data), `"width":10,"height":20`) {
		t.Errorf("info is %s", out.Data)
	}
}

func TestFormatsThatAnOperationDoesNotTake(t *testing.T) {
	for action, why := range map[string]string{
		"crop:w_1":           "crop does not work on gif; it does on jpeg, png, webp, tiff",
		"rotate:a_90":        "rotate does not work on gif",
		"format:t_png":       "format does not work on gif",
		"watermark:t_YQ":     "watermark does not work on gif",
		"resize:w_9|crop":    "crop does not work on gif",
		"save:b_b,k_k|crop:": "crop does not work on gif",
	} {
		wantRefusal(t, animation(t), action, why)
	}
	wantRefusal(t, []byte("<svg width='1' height='1'/>"), "resize:w_1", "resize does not work on svg; it does on jpeg, png, webp, tiff, gif")
	wantRefusal(t, []byte("%PDF-1.7"), "resize:w_1", "resize does not work on pdf")
}

func TestProfileGoesWithTheImage(t *testing.T) {
	src := testdata(t, "profile.jpg")
	f, err := readFacts(src)
	if err != nil || len(f.profile) != 128 {
		t.Fatalf("the profile has %d bytes, %v; want 128", len(f.profile), err)
	}
	for _, to := range written {
		out := run(t, src, "resize:w_10|format:t_"+string(to))
		got, err := readFacts(out.Data)
		if err != nil || !bytes.Equal(got.profile, f.profile) {
			t.Errorf("%s: the profile has %d bytes, %v", to, len(got.profile), err)
		}
		decoded(t, out.Data)
	}
}

// animation returns a GIF of two frames, the second one a part.
func animation(t testing.TB) []byte {
	t.Helper()
	pal := color.Palette{red, green, blue, white}
	whole := image.NewPaletted(image.Rect(0, 0, 32, 16), pal)
	part := image.NewPaletted(image.Rect(16, 0, 32, 16), pal)
	for i := range part.Pix {
		part.Pix[i] = 2
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, &gif.GIF{Image: []*image.Paletted{whole, part}, Delay: []int{5, 70}, LoopCount: 3}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAnimationIsResized(t *testing.T) {
	out := run(t, animation(t), "resize:w_16")
	g, err := gif.DecodeAll(bytes.NewReader(out.Data))
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Image) != 2 || !slices.Equal(g.Delay, []int{5, 70}) || g.LoopCount != 3 || g.Config.Width != 16 || g.Config.Height != 8 {
		t.Errorf("got %d frames, delays %v, %d loops, %dx%d; want 2 frames as before, 16x8", len(g.Image), g.Delay, g.LoopCount, g.Config.Width, g.Config.Height)
	}
	near := func(frame, x int, want color.NRGBA) {
		t.Helper()
		r, gr, bl, _ := g.Image[frame].At(x, 4).RGBA()
		m := image.NewNRGBA(image.Rect(0, 0, 1, 1))
		m.SetNRGBA(0, 0, color.NRGBA{uint8(r >> 8), uint8(gr >> 8), uint8(bl >> 8), 255})
		wantColour(t, m, 0, 0, want, 4)
	}
	near(0, 2, red)
	near(0, 13, red)
	near(1, 2, red) // what was there stays
	near(1, 13, blue)
	out = run(t, animation(t), "resize:w_16|resize:w_8|info")
	if !strings.Contains(string(out.Data), `"width":8,"height":4`) {
		t.Errorf("info of what was resized twice is %s", out.Data)
	}
}

func TestAnimationWithTransparency(t *testing.T) {
	pal := color.Palette{color.NRGBA{}, red, blue}
	frame := func(c uint8) *image.Paletted {
		m := image.NewPaletted(image.Rect(0, 0, 8, 8), pal)
		for i := range 32 {
			m.Pix[i] = c
		}
		return m
	}
	for _, disposal := range []byte{gif.DisposalBackground, gif.DisposalPrevious} {
		g := &gif.GIF{Image: []*image.Paletted{frame(1), frame(2), frame(0)}, Delay: make([]int, 3), Disposal: bytes.Repeat([]byte{disposal}, 3)}
		var b bytes.Buffer
		if err := gif.EncodeAll(&b, g); err != nil {
			t.Fatal(err)
		}
		got, err := gif.DecodeAll(bytes.NewReader(run(t, b.Bytes(), "resize:w_4").Data))
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []color.NRGBA{red, blue, none} {
			m := image.NewNRGBA(image.Rect(0, 0, 1, 1))
			m.Set(0, 0, got.Image[i].At(1, 0))
			wantColour(t, m, 0, 0, want, 4)
			if _, _, _, a := got.Image[i].At(1, 3).RGBA(); a != 0 {
				t.Errorf("frame %d is not transparent below", i)
			}
			if got.Disposal[i] != gif.DisposalBackground {
				t.Errorf("frame %d stays under the next one", i)
			}
		}
	}
}

// inked counts the pixels that are not white.
func inked(m *image.NRGBA) int {
	n := 0
	for i := 0; i < len(m.Pix); i += 4 {
		if m.Pix[i] < 250 || m.Pix[i+1] < 250 || m.Pix[i+2] < 250 {
			n++
		}
	}
	return n
}

func blank(t testing.TB, w, h int) []byte {
	m := image.NewGray(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = 255
	}
	return pngOf(t, m)
}

func TestTextWatermark(t *testing.T) {
	src := blank(t, 200, 100)
	plain := pixels(t, src, "watermark:t_"+b64("Hello"))
	if n := inked(plain); n < 100 {
		t.Errorf("%d pixels are written on; want some", n)
	}
	if large := pixels(t, src, "watermark:d_600,p_1,c_"+b64("#ff0000")+",t_"+b64("Hello")); inked(large) < 500 {
		t.Errorf("large letters cover %d pixels", inked(large))
	} else {
		pure := 0
		for i := 0; i < len(large.Pix); i += 4 {
			if large.Pix[i] != 255 || large.Pix[i+1] != large.Pix[i+2] {
				t.Fatalf("a pixel is %v; want a shade of red", large.Pix[i:i+4])
			}
			if large.Pix[i+1] == 0 {
				pure++
			}
		}
		if pure == 0 {
			t.Error("no pixel is red")
		}
	}
	darkest := uint8(255)
	for _, v := range pixels(t, src, "watermark:d_600,t_"+b64("Hello")).Pix {
		darkest = min(darkest, v)
	}
	if darkest < 185 || darkest > 197 {
		t.Errorf("the darkest pixel is %d; want 191, a quarter of black", darkest)
	}
	for _, text := range []string{"山河对象存储", "图片，水印。", "Köln №5", "混合 mixed 文字"} {
		if n := inked(pixels(t, src, "watermark:t_"+b64(text))); n < 100 {
			t.Errorf("%s: %d pixels are written on", text, n)
		}
	}
	if bytes.Equal(run(t, src, "watermark:t_"+b64("山")).Data, run(t, src, "watermark:t_"+b64("河")).Data) {
		t.Error("two characters look the same")
	}
	see := image.NewNRGBA(image.Rect(0, 0, 40, 20))
	wantRefusal(t, pngOf(t, see), "watermark:t_YQ", "watermark does not work on png with transparency")
	webp := run(t, pngOf(t, see), "format:t_webp").Data
	if m := pixels(t, webp, "watermark:p_1,t_"+b64("aaa")); m.Opaque() || slices.Max(m.Pix) == 0 {
		t.Error("a webp with transparency was not written on")
	}
}

// TestLetterThatNoFontHas checks that no boxes are written.
func TestLetterThatNoFontHas(t *testing.T) {
	src := blank(t, 200, 100)
	action := "watermark:t_" + b64("山門")
	wantRefusal(t, src, action, "no font of this server has the letter '門' (U+9580) of t")
	wantRefusal(t, src, "watermark:t_"+b64("😀"), "U+1F600")
	out, err := try(t, Options{Font: testdata(t, "traditional.ttf")}, src, action)
	if err != nil {
		t.Fatal(err)
	}
	if n := inked(decoded(t, out.Data)); n < 100 {
		t.Errorf("%d pixels are written on", n)
	}
	if _, err := New(Options{Font: []byte("no font")}); err == nil {
		t.Error("what is no font was taken for one")
	}
}

func TestImageWatermark(t *testing.T) {
	src := blank(t, 40, 20)
	logo := pngOf(t, corners(10, 10))
	asked := ""
	o := Options{Fetch: func(_ context.Context, url string, most int64) ([]byte, error) {
		asked = fmt.Sprint(url, " ", most)
		return logo, nil
	}}
	at := "watermark_image:u_" + b64("http://example.com/logo.png")
	do := func(args string) *image.NRGBA {
		t.Helper()
		out, err := try(t, o, src, at+args)
		if err != nil {
			t.Fatal(err)
		}
		return decoded(t, out.Data)
	}
	m := do(",l_30,t_5,p_2")
	if asked != "http://example.com/logo.png 10485760" {
		t.Errorf("asked for %s", asked)
	}
	wantColour(t, m, 29, 5, white, 0)
	wantColour(t, m, 31, 6, red, 0)
	wantColour(t, m, 38, 6, green, 0)
	wantColour(t, m, 31, 13, blue, 0)
	m = do(",l_36,t_15")
	wantColour(t, m, 37, 16, color.NRGBA{246, 199, 199, 255}, 1)
	wantColour(t, do(",l_4000000,t_1"), 39, 1, white, 0)

	wantRefusalOf := func(o Options, code fault.Code, why string) {
		t.Helper()
		if _, err := try(t, o, src, at); fault.CodeOf(err) != code || !strings.Contains(err.Error(), why) {
			t.Errorf("got %v; want %s: …%s", err, code, why)
		}
	}
	wantRefusalOf(Options{}, fault.NotImplemented, "watermark_image is not implemented")
	logo = []byte("<svg width='1' height='1'/>")
	wantRefusalOf(o, fault.InvalidArgument, "it is a svg")
	logo = huge(t, 20000, 20000)
	wantRefusalOf(o, fault.InvalidArgument, "it has 20000x20000 pixels")
	logo = pngOf(t, corners(10, 10))[:60]
	wantRefusalOf(o, fault.InvalidArgument, "cannot be used")
	o.Fetch = func(context.Context, string, int64) ([]byte, error) {
		return nil, fault.Newf(fault.UpstreamFailed, "no answer")
	}
	wantRefusalOf(o, fault.UpstreamFailed, "no answer")
}

// huge returns the header of a PNG of that size, and no pixels.
func huge(t testing.TB, w, h uint32) []byte {
	b := pngOf(t, image.NewRGBA(image.Rect(0, 0, 1, 1)))
	binary.BigEndian.PutUint32(b[16:], w)
	binary.BigEndian.PutUint32(b[20:], h)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return b
}

func TestBombs(t *testing.T) {
	wantRefusal(t, huge(t, 2<<20, 1), "rotate:a_90", "allowed: 1048576 for width and height")
	wantRefusal(t, huge(t, 9000, 9000), "rotate:a_90", "allowed: 67108864 pixels")
	if out := run(t, huge(t, 9000, 9000), "info"); !strings.Contains(string(out.Data), `"width":9000`) {
		t.Errorf("info is %s", out.Data)
	}
	j := jpegOf(t, corners(40, 20))
	at := bytes.Index(j, []byte{0xff, 0xc0})
	binary.BigEndian.PutUint16(j[at+5:], 65535)
	binary.BigEndian.PutUint16(j[at+7:], 65535)
	wantRefusal(t, j, "resize:w_1", "is too large")
	p := testdata(t, "progressive.jpg")
	at = bytes.Index(p, []byte{0xff, 0xc2})
	binary.BigEndian.PutUint16(p[at+5:], 8000)
	binary.BigEndian.PutUint16(p[at+7:], 8000)
	wantRefusal(t, p, "resize:w_1", "MiB to decode")

	src := pngOf(t, corners(40, 20))
	wantRefusal(t, src, "resize:w_2000000000,h_2000000000", "is too large")
	wantRefusal(t, src, "resize:w_100000,h_1000,m_1", "is too large")
	wantRefusal(t, src, "resize:w_16384,h_10,m_1|format:t_webp", "a webp of 16384x10 pixels is too large; allowed: 16383")
	wantRefusal(t, src, "resize:w_65536,h_10,m_1|format:t_jpeg", "a jpeg of 65536x10 pixels is too large; allowed: 65535")
	wantRefusal(t, src, "resize:w_8000,h_8000,m_1|resize:w_8192,h_8192,m_1", "MiB; allowed")
}

// chunk returns a chunk of a PNG.
func chunk(name string, data []byte) []byte {
	b := append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), name...)
	b = append(b, data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// TestBombsTakeLittleMemory: what is refused is refused before it is decoded, and what inflates to much more than an image
// can have is not inflated.
func TestBombsTakeLittleMemory(t *testing.T) {
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	_, _ = w.Write(make([]byte, 256<<20)) // to memory
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	small := pngOf(t, corners(40, 20))
	const header = 8 + 25 // of a PNG
	profile := slices.Insert(slices.Clone(small), header, chunk("iCCP", append([]byte("x\x00\x00"), z.Bytes()...))...)
	text := slices.Insert(slices.Clone(small), header, chunk("zTXt", append([]byte("x\x00\x00"), z.Bytes()...))...)
	pixels := slices.Concat(small[:header], chunk("IDAT", z.Bytes()), chunk("IEND", nil))
	vast := append([]byte(`<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30">`), bytes.Repeat([]byte("<g>"), 3<<20)...)
	laughs := []byte(`<!DOCTYPE svg [<!ENTITY a "` + strings.Repeat("ha", 1000) + `"><!ENTITY b "` + strings.Repeat("&a;", 1000) +
		`"><!ENTITY c "` + strings.Repeat("&b;", 1000) + `">]><svg width="40" height="30" id="&c;">&c;</svg>`)
	for _, tt := range []struct {
		name, action string
		src          []byte
		most         uint64
	}{
		{"size", "rotate:a_90", huge(t, 2<<20, 1), 1 << 20},
		{"area", "resize:w_1", huge(t, 9000, 9000), 1 << 20},
		{"profile", "resize:w_10", profile, 8 << 20},
		{"text", "resize:w_10", text, 8 << 20},
		{"pixels", "resize:w_10", pixels, 8 << 20},
		{"elements", "info", vast, 16 << 20},
		{"entities", "info", laughs, 8 << 20},
	} {
		p, err := Parse(tt.action)
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begin := time.Now()
		out, err := processor(t, Options{}).Process(t.Context(), sourceOf(tt.src), p)
		took := time.Since(begin)
		runtime.ReadMemStats(&after)
		if err == nil {
			out.Close()
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > tt.most || took > 5*time.Second {
			t.Errorf("%s: %v after %v with %d bytes of memory; want at most %d", tt.name, err, took, n, tt.most)
		}
	}
}

func TestAnimationBombs(t *testing.T) {
	g := animation(t)
	frame := g[bytes.IndexByte(g[13+3*4:], 0x2c)+13+3*4 : len(g)-1]
	many := append(slices.Clone(g[:len(g)-1]), bytes.Repeat(frame, 30000)...)
	many = append(many, 0x3b)
	wantRefusal(t, many, "resize:w_1000", "frames of 32x16 pixels are too many")
	binary.LittleEndian.PutUint16(g[6:], 65535)
	binary.LittleEndian.PutUint16(g[8:], 65535)
	wantRefusal(t, g, "resize:w_10", "too many")
}

// TestCutOffImages checks that no part of an image is taken for a whole one, and that none panics.
func TestCutOffImages(t *testing.T) {
	for name, src := range map[string][]byte{
		"jpeg": jpegOf(t, corners(40, 20)), "progressive": testdata(t, "progressive.jpg"), "png": pngOf(t, corners(40, 20)),
		"lossy": testdata(t, "lossy-alpha.webp"), "lossless": testdata(t, "lossless.webp"), "tiff": testdata(t, "lzw.tiff"), "gif": animation(t),
	} {
		for n := range len(src) - 1 {
			out, err := try(t, Options{}, src[:n], "resize:w_10")
			if err != nil && fault.CodeOf(err) != fault.InvalidArgument || err != nil && strings.Contains(err.Error(), "panic") {
				t.Fatalf("%s cut at %d: %v", name, n, err)
			}
			if err == nil && n < len(src)/2 {
				t.Errorf("%s cut at %d of %d is %d bytes", name, n, len(src), len(out.Data))
			}
		}
	}
}

func TestLargeSourceIsRefused(t *testing.T) {
	pl, err := Parse("info")
	if err != nil {
		t.Fatal(err)
	}
	_, err = processor(t, Options{}).Process(t.Context(), Source{Size: MaxSource + 1}, pl)
	if fault.CodeOf(err) != fault.InvalidArgument || !strings.Contains(err.Error(), "10485760 bytes are processed") {
		t.Errorf("got %v", err)
	}
}

func TestErrorOfTheSourceStays(t *testing.T) {
	broken := errors.New("broken disk")
	pl, err := Parse("info")
	if err != nil {
		t.Fatal(err)
	}
	src := Source{Size: 10, Open: func(context.Context) (io.ReadCloser, error) { return nil, broken }}
	if _, err := processor(t, Options{}).Process(t.Context(), src, pl); !errors.Is(err, broken) || fault.CodeOf(err) != fault.InternalError {
		t.Errorf("got %v", err)
	}
}

// TestQueue fills all slots and all places before them.
func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := processor(t, Options{Parallel: 2})
		pl, err := Parse("info")
		if err != nil {
			t.Fatal(err)
		}
		b := pngOf(t, corners(4, 4))
		proceed := make(chan struct{})
		src := Source{Size: int64(len(b)), Open: func(context.Context) (io.ReadCloser, error) {
			<-proceed
			return io.NopCloser(bytes.NewReader(b)), nil
		}}
		var mu sync.Mutex
		codes := map[fault.Code]int{}
		count := func(c fault.Code) int {
			mu.Lock()
			defer mu.Unlock()
			return codes[c]
		}
		var all sync.WaitGroup
		for range 2 + maxQueue {
			all.Go(func() {
				out, err := p.Process(t.Context(), src, pl)
				if err == nil {
					defer out.Close()
				}
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					codes["ok"]++
				} else {
					codes[fault.CodeOf(err)]++
				}
			})
		}
		synctest.Wait()
		if _, err := p.Process(t.Context(), src, pl); fault.CodeOf(err) != fault.ServiceUnavailable {
			t.Errorf("one too many: got %v; want service_unavailable", err)
		}
		for range 3 { // two at work, and the first who waits
			proceed <- struct{}{}
		}
		synctest.Wait()
		if n := count("ok"); n != 3 {
			t.Errorf("%d are done; want 3", n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := p.Process(ctx, src, pl); !errors.Is(err, context.Canceled) {
			t.Errorf("of one who has left: %v", err)
		}
		// The others wait until their patience ends, but for the two at work.
		start := time.Now()
		for count(fault.ServiceUnavailable) < maxQueue-3 {
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if waited := time.Since(start); waited > patience+time.Second {
			t.Errorf("they waited for %v", waited)
		}
		close(proceed)
		all.Wait()
		if held := p.held.Load(); held != 0 || len(p.slots) != 0 || p.waiting.Load() != 0 {
			t.Errorf("%d bytes, %d slots and %d who wait are left", held, len(p.slots), p.waiting.Load())
		}
	})
}

func TestResultsThatAreNotClosed(t *testing.T) {
	p := processor(t, Options{})
	pl, err := Parse("info")
	if err != nil {
		t.Fatal(err)
	}
	src := sourceOf(pngOf(t, corners(4, 4)))
	out, err := p.Process(t.Context(), src, pl)
	if err != nil {
		t.Fatal(err)
	}
	p.held.Add(maxHeld - 100)
	if _, err := p.Process(t.Context(), src, pl); fault.CodeOf(err) != fault.ServiceUnavailable {
		t.Errorf("got %v; want service_unavailable", err)
	}
	out.Close()
	out.Close()
	again, err := p.Process(t.Context(), src, pl)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if held := p.held.Load(); held != maxHeld-100 {
		t.Errorf("%d bytes are held", held-maxHeld+100)
	}
}

func TestTimeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := Source{Open: func(ctx context.Context) (io.ReadCloser, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		_, err := processor(t, Options{}).Process(t.Context(), never, parsed(t, "info"))
		if fault.CodeOf(err) != fault.InvalidArgument || !strings.Contains(err.Error(), "longer than 30s") {
			t.Errorf("got %v", err)
		}
	})
}

// TestDecodersStop checks that a decoder notices that its context has ended.
func TestDecodersStop(t *testing.T) {
	noise := image.NewNRGBA(image.Rect(0, 0, 300, 300))
	for i := range noise.Pix {
		noise.Pix[i] = uint8(i * i >> 3)
	}
	src := pngOf(t, noise)
	for _, to := range written {
		b := run(t, src, "rotate:a_90|format:t_"+string(to)).Data
		f, err := readFacts(b)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := decode(ctx, b, f); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", to, err)
		}
		if _, err := encode(ctx, noise, to, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: encode: got %v", to, err)
		}
	}
}

// TestPanicOfADecoderIsAnError lets something in the middle of a pipeline panic.
func TestPanicOfADecoderIsAnError(t *testing.T) {
	src := Source{Open: func(context.Context) (io.ReadCloser, error) { panic("a bug") }}
	_, err := processor(t, Options{}).Process(t.Context(), src, parsed(t, "info"))
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Code != fault.InvalidArgument || strings.Contains(f.Message, "bug") || !strings.Contains(err.Error(), "a bug") {
		t.Errorf("got %v", err)
	}
}

// FuzzProcess checks that bytes of others cost no more than they may, whatever they are: a result, or a refusal
// without a panic.
func FuzzProcess(f *testing.F) {
	for _, name := range []string{"cmyk.jpg", "progressive.jpg", "lossy-alpha.webp", "lossless.webp", "animated.webp", "lzw.tiff", "group4.tiff"} {
		f.Add(testdata(f, name), "resize:w_10|format:t_png")
	}
	f.Add(pngOf(f, corners(4, 4)), "crop:w_3,g_9|format:t_webp|save:b_b,k_k|info")
	f.Add(animation(f), "resize:w_3")
	f.Add(withEXIF(jpegOf(f, corners(8, 8)), 6), "rotate:a_90|format:t_tiff")
	f.Add([]byte("<svg width='1' height='1'/>"), "info")
	p := processor(f, Options{})
	f.Fuzz(func(t *testing.T, src []byte, action string) {
		pl, err := Parse(action)
		if err != nil {
			return
		}
		facts, err := readFacts(src)
		if err == nil && area(facts.w, facts.h) > 1<<20 {
			return // allowed, but slow
		}
		for _, s := range pl.steps {
			if r, ok := s.(resizeStep); ok && (r.w > 1000 || r.h > 1000) {
				return
			}
		}
		out, err := p.Process(t.Context(), sourceOf(src), pl)
		if err == nil {
			out.Close()
			return
		}
		if fault.CodeOf(err) != fault.InvalidArgument && fault.CodeOf(err) != fault.NotImplemented || strings.Contains(err.Error(), "panic:") {
			t.Errorf("%v", err)
		}
	})
}

func BenchmarkProcess(b *testing.B) {
	m := image.NewNRGBA(image.Rect(0, 0, 4000, 3000))
	for i := range m.Pix {
		m.Pix[i] = uint8(i*7>>10) | uint8(i&7)
	}
	src := jpegOf(b, m)
	p := processor(b, Options{})
	for _, action := range []string{"info", "resize:w_400", "rotate:a_90", "resize:w_400|format:t_webp", "format:t_webp", "format:t_png"} {
		pl, err := Parse(action)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(action, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				out, err := p.Process(b.Context(), sourceOf(src), pl)
				if err != nil {
					b.Fatal(err)
				}
				out.Close()
			}
		})
	}
}

// TestASlowWatermarkHoldsUpNoOtherImage lets the server of a watermark never answer.
func TestASlowWatermarkHoldsUpNoOtherImage(t *testing.T) {
	img := pngOf(t, corners(4, 4))
	synctest.Test(t, func(t *testing.T) {
		p, err := New(Options{Parallel: 1, Fetch: func(ctx context.Context, _ string, _ int64) ([]byte, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		if err != nil {
			t.Fatal(err)
		}
		slow := make(chan error, maxFetching)
		watermark := parsed(t, "watermark_image:u_aHR0cDovL2V4YW1wbGUuY29tLw")
		for range maxFetching {
			go func() {
				_, err := p.Process(t.Context(), sourceOf(img), watermark)
				slow <- err
			}()
		}
		synctest.Wait()
		began := time.Now()
		out, err := p.Process(t.Context(), sourceOf(img), parsed(t, "info"))
		if err != nil || time.Since(began) > 0 {
			t.Errorf("another image is held up for %v, %v", time.Since(began), err)
		}
		out.Close()
		if _, err := p.Process(t.Context(), sourceOf(img), watermark); fault.CodeOf(err) != fault.ServiceUnavailable {
			t.Errorf("one watermark more: %v; want service_unavailable", err)
		}
		for range maxFetching {
			if err := <-slow; fault.CodeOf(err) != fault.UpstreamFailed {
				t.Errorf("a server that does not answer: %v; want upstream_failed", err)
			}
		}
		if d := time.Since(began); d != fetchLimit {
			t.Errorf("they were given up after %v; want %v", d, fetchLimit)
		}
	})
}

func parsed(t *testing.T, action string) *Pipeline {
	t.Helper()
	pl, err := Parse(action)
	if err != nil {
		t.Fatal(err)
	}
	return pl
}
