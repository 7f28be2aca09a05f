package conformance

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"net/http"
	"strings"
	"testing"
)

// The quarters of the picture that is processed.
var (
	red   = color.NRGBA{220, 30, 30, 255}
	green = color.NRGBA{30, 200, 30, 255}
	blue  = color.NRGBA{30, 30, 220, 255}
	white = color.NRGBA{255, 255, 255, 255}
)

// quarters returns a picture of red, green, blue and white quarters.
func quarters(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetNRGBA(x, y, []color.NRGBA{red, green, blue, white}[2*x/w+2*(2*y/h)])
		}
	}
	return m
}

// encoded returns m as a file of that format.
func encoded(t *testing.T, format string, m image.Image) string {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch format {
	case "jpeg":
		err = jpeg.Encode(&b, m, &jpeg.Options{Quality: 95})
	case "gif":
		err = gif.Encode(&b, m, nil)
	default:
		err = png.Encode(&b, m)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// image asks for a pipeline on an object.
func (b *bucket) image(key, action string, header ...string) *answer {
	b.t.Helper()
	return b.send("GET", "/"+escapePath(key)+"?image&action="+escape(action), "", header...)
}

// picture decodes the image in an answer, which must be of that format and say so.
func (a *answer) picture(format string) image.Image {
	a.t.Helper()
	a.want(http.StatusOK).wantHeader("Content-Type", "image/"+format)
	m, got, err := image.Decode(strings.NewReader(a.text))
	if err != nil || got != format {
		a.t.Fatalf("%s: got a %q of %d bytes, %v; want a %s", a.to, got, len(a.text), err, format)
	}
	return m
}

// imageInfo is what the operation info tells.
type imageInfo struct {
	Width, Height, Orientation int
	Alpha                      bool
	Type, Space                string
}

func (a *answer) info() imageInfo {
	a.t.Helper()
	var i imageInfo
	a.want(http.StatusOK).json(&i)
	return i
}

func wantColour(t *testing.T, m image.Image, x, y int, want color.NRGBA) {
	t.Helper()
	r, g, b, _ := m.At(m.Bounds().Min.X+x, m.Bounds().Min.Y+y).RGBA()
	for i, v := range []uint32{r >> 8, g >> 8, b >> 8} {
		if d := int(v) - int([]uint8{want.R, want.G, want.B}[i]); d > 40 || d < -40 {
			t.Errorf("the pixel at %d,%d is %d, %d, %d; want about %v", x, y, r>>8, g>>8, b>>8, want)
			return
		}
	}
}

func TestImageInfo(t *testing.T) {
	b := start(t).newBucket()
	see := quarters(30, 20)
	see.Pix[3] = 0
	for key, c := range map[string]struct {
		body string
		want imageInfo
	}{
		"a.jpg":   {encoded(t, "jpeg", quarters(40, 30)), imageInfo{40, 30, 1, false, "jpeg", "srgb"}},
		"a.png":   {encoded(t, "png", quarters(40, 30)), imageInfo{40, 30, 1, false, "png", "srgb"}},
		"see.png": {encoded(t, "png", see), imageInfo{30, 20, 1, true, "png", "srgb"}},
		"a.gif":   {encoded(t, "gif", quarters(40, 30)), imageInfo{40, 30, 1, false, "gif", "srgb"}},
	} {
		b.put(key, c.body).want(http.StatusCreated)
		if got := b.image(key, "info").info(); got != c.want {
			t.Errorf("%s: got %+v; want %+v", key, got, c.want)
		}
	}
	if got := b.image("a.jpg", "resize:w_20|rotate:a_90|format:t_png|info").info(); got.Width != 15 || got.Height != 20 || got.Type != "png" {
		t.Errorf("of a result: got %+v; want a png of 15x20", got)
	}
	var raw map[string]json.RawMessage
	b.image("a.jpg", "info").json(&raw)
	if _, has := raw["make"]; has {
		t.Errorf("a camera that was none is named: %s", raw)
	}
}

func TestImageResize(t *testing.T) {
	b := start(t).newBucket()
	b.put("a.png", encoded(t, "png", quarters(400, 200))).want(http.StatusCreated)
	for action, want := range map[string]image.Point{
		"resize:w_200":                 {200, 100},
		"resize:h_50":                  {100, 50},
		"resize:w_200,h_0":             {200, 100},
		"resize:w_200,h_200":           {200, 200},
		"resize:w_100,h_300,m_1":       {100, 300},
		"resize:w_100,h_300,m_2":       {100, 50},
		"resize:w_100|resize:w_10":     {10, 5},
		"resize:w_200,h_200,m_2|":      {200, 100},
		"resize:w_300,m_0|rotate:a_90": {150, 300},
	} {
		if m := b.image("a.png", action).picture("png"); m.Bounds().Size() != want {
			t.Errorf("%s: got %v; want %v", action, m.Bounds(), want)
		}
	}
	m := b.image("a.png", "resize:w_200,h_200").picture("png")
	wantColour(t, m, 50, 75, red) // the shape is kept, in the middle
	wantColour(t, m, 150, 75, green)
	wantColour(t, m, 50, 125, blue)
	b.put("a.gif", encoded(t, "gif", quarters(40, 20))).want(http.StatusCreated)
	if m := b.image("a.gif", "resize:w_10").picture("gif"); m.Bounds().Size() != image.Pt(10, 5) {
		t.Errorf("the gif is %v", m.Bounds())
	}
}

func TestImageCrop(t *testing.T) {
	b := start(t).newBucket()
	b.put("a.png", encoded(t, "png", quarters(40, 20))).want(http.StatusCreated)
	for _, c := range []struct {
		args string
		size image.Point
		left color.NRGBA // of the upper left pixel
	}{
		{"w_10,h_6,g_5", image.Pt(10, 6), red},
		{"w_10,h_6,g_6", image.Pt(10, 6), green},
		{"w_10,h_6,g_7", image.Pt(10, 6), blue},
		{"w_10,h_6,g_8", image.Pt(10, 6), white},
		{"w_10,h_6,g_2", image.Pt(10, 6), green},
		{"w_10,h_6", image.Pt(10, 6), red},
		{"w_10,g_6", image.Pt(10, 20), green},
		{"l_20,t_10", image.Pt(20, 10), white},
		{"l_20,t_5,w_4,h_3", image.Pt(4, 3), green},
	} {
		m := b.image("a.png", "crop:"+c.args).picture("png")
		if m.Bounds().Size() != c.size {
			t.Errorf("%s: got %v; want %v", c.args, m.Bounds(), c.size)
		}
		wantColour(t, m, 0, 0, c.left)
	}
	if m := b.image("a.png", "crop:w_10,h_6,g_9").picture("png"); m.Bounds().Size() != image.Pt(10, 6) {
		t.Errorf("automatic: got %v", m.Bounds())
	}
}

func TestImageRotate(t *testing.T) {
	b := start(t).newBucket()
	b.put("a.png", encoded(t, "png", quarters(40, 20))).want(http.StatusCreated)
	for angle, want := range map[int]color.NRGBA{0: red, 90: blue, 180: white, 270: green} {
		m := b.image("a.png", fmt.Sprintf("rotate:a_%d", angle)).picture("png")
		if size := m.Bounds().Size(); (size == image.Pt(20, 40)) != (angle%180 != 0) {
			t.Errorf("%d: got %v", angle, size)
		}
		wantColour(t, m, 0, 0, want)
	}
}

func TestImageFormat(t *testing.T) {
	b := start(t).newBucket()
	b.put("a.png", encoded(t, "png", quarters(64, 64))).want(http.StatusCreated)
	wantColour(t, b.image("a.png", "format:t_jpeg").picture("jpeg"), 8, 8, red)
	wantColour(t, b.image("a.png", "format:t_jpeg|format:t_png").picture("png"), 8, 56, blue)
	for format, start := range map[string]string{"webp": "RIFF", "tiff": ""} {
		a := b.image("a.png", "format:t_"+format).want(http.StatusOK).wantHeader("Content-Type", "image/"+format)
		if !strings.HasPrefix(a.text, start) {
			t.Errorf("%s: begins with %.16q", format, a.text)
		}
		b.put("a."+format, a.text).want(http.StatusCreated)
		if got, want := b.image("a."+format, "info").info(), (imageInfo{64, 64, 1, false, format, "srgb"}); got != want {
			t.Errorf("got %+v; want %+v", got, want)
		}
		wantColour(t, b.image("a."+format, "format:t_png").picture("png"), 8, 8, red)
	}
}

func TestImageWatermark(t *testing.T) {
	b := start(t).newBucket()
	m := image.NewNRGBA(image.Rect(0, 0, 300, 200))
	for i := range m.Pix {
		m.Pix[i] = 255
	}
	b.put("a.jpg", encoded(t, "jpeg", m)).want(http.StatusCreated)
	for _, text := range []string{"OIS", "山河"} {
		action := "watermark:t_" + base64.RawStdEncoding.EncodeToString([]byte(text)) + ",d_800,p_1,c_"
		dark := 0
		got := b.image("a.jpg", action).picture("jpeg")
		for y := range 200 {
			for x := range 300 {
				if r, _, _, _ := got.At(x, y).RGBA(); r < 0x8000 {
					dark++
				}
			}
		}
		if dark < 100 {
			t.Errorf("%s: %d pixels are dark; want letters", text, dark)
		}
	}
}

func TestImageIsSaved(t *testing.T) {
	s := start(t)
	b, other := s.newBucket(), s.newBucket()
	b.put("a.png", encoded(t, "png", quarters(40, 20))).want(http.StatusCreated)
	a := b.image("a.png", "resize:w_20|save:b_"+other.name+",k_dir/small_one.png")
	if m := a.picture("png"); m.Bounds().Size() != image.Pt(20, 10) {
		t.Errorf("got %v", m.Bounds())
	}
	other.get("dir/small_one.png").want(http.StatusOK).wantBody(a.text).wantHeader("Content-Type", "image/png")
	b.image("a.png", "save:b_"+freshName()+",k_x").wantFault(http.StatusNotFound, "bucket_not_exists")
	if s.other == nil {
		return
	}
	b.grant(toUser(s.otherID(), "READ"))
	b.as(s.other).image("a.png", "save:b_"+other.name+",k_x.png").wantFault(http.StatusForbidden, "permission_denied")
	other.wantMissing("x.png")
	other.grant(toUser(s.otherID(), "WRITE"))
	b.as(s.other).image("a.png", "save:b_"+other.name+",k_x.png").want(http.StatusOK)
	other.get("x.png").want(http.StatusOK)
}

func TestImageErrors(t *testing.T) {
	b := start(t).newBucket()
	b.put("a.png", encoded(t, "png", quarters(40, 20))).want(http.StatusCreated)
	b.put("a.gif", encoded(t, "gif", quarters(40, 20))).want(http.StatusCreated)
	b.put("a.txt", "no image").want(http.StatusCreated)
	b.put("cut.png", encoded(t, "png", quarters(40, 20))[:60]).want(http.StatusCreated)
	for _, action := range []string{
		"", "explode", "resize", "resize:w_-1", "resize:w_x", "resize:w_1,m_7", "rotate", "rotate:a_45", "crop:g_1,l_5,t_5", "crop:g_11",
		"format", "format:t_bmp", "watermark", "watermark:t_!", "watermark_image", "save", "info|rotate:a_90",
		"resize:w_1000000,h_1000000,m_1", strings.Repeat("rotate:a_90|", 10) + "rotate:a_90", "format:t_webp|resize:w_20000",
	} {
		b.image("a.png", action).wantFault(http.StatusBadRequest, "invalid_argument")
	}
	b.image("a.png", strings.Repeat("rotate:a_90|", 9)+"rotate:a_90").want(http.StatusOK)
	b.image("a.gif", "rotate:a_90").wantFault(http.StatusBadRequest, "invalid_argument")
	b.image("a.txt", "info").wantFault(http.StatusBadRequest, "invalid_argument")
	b.image("cut.png", "rotate:a_90").wantFault(http.StatusBadRequest, "invalid_argument")
	b.image("missing.png", "info").wantFault(http.StatusNotFound, "object_not_exists")
	b.send("GET", "/a.png?image", "").wantFault(http.StatusBadRequest, "invalid_argument")
	b.as(nil).image("a.png", "info").wantFault(http.StatusForbidden, "permission_denied")
}

func TestImageConditionsAndOverrides(t *testing.T) {
	b := start(t).newBucket()
	b.put("a.png", encoded(t, "png", quarters(40, 20)), "Cache-Control: max-age=9").want(http.StatusCreated)
	a := b.image("a.png", "resize:w_20").want(http.StatusOK).wantHeader("Cache-Control", "max-age=9")
	modified := a.header.Get("Last-Modified")
	if same := b.get("a.png").header.Get("Last-Modified"); modified != same {
		t.Errorf("Last-Modified is %q; want %q, as of the object", modified, same)
	}
	b.image("a.png", "resize:w_20", "If-Modified-Since: "+modified).want(http.StatusNotModified).wantBody("")
	b.image("a.png", "resize:w_20", "If-Modified-Since: Mon, 02 Jan 2006 15:04:05 GMT").want(http.StatusOK)
	overrides := "&response-content-type=" + escape("video/mp4; charset=utf8") + "&response-content-disposition=attachment"
	target := "/a.png?image&action=" + escape("resize:w_20") + overrides
	b.send("GET", target, "").want(http.StatusOK).wantHeader("Content-Type", "video/mp4; charset=utf8").wantHeader("Content-Disposition", "attachment")
	b.grant(toAll("READ"))
	b.as(nil).image("a.png", "resize:w_20").want(http.StatusOK)
	b.as(nil).send("GET", target, "").wantFault(http.StatusForbidden, "permission_denied")
	b.get("a.png").want(http.StatusOK).wantBody(encoded(t, "png", quarters(40, 20))) // it stays as it is
}

func TestLargeImageIsRefused(t *testing.T) {
	b := start(t).newBucket()
	b.put("a.png", encoded(t, "png", quarters(40, 20))+strings.Repeat("x", 10<<20)).want(http.StatusCreated)
	b.image("a.png", "info").wantFault(http.StatusBadRequest, "invalid_argument")
}
