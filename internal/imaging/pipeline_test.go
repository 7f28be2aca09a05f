package imaging

import (
	"encoding/base64"
	"image/color"
	"reflect"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/fault"
)

// b64 writes text as arguments do.
func b64(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) }

func TestParse(t *testing.T) {
	black := color.NRGBA{A: 255}
	for _, c := range []struct {
		action string
		want   []step
	}{
		{"info", []step{infoStep{}}},
		{"info:", []step{infoStep{}}},
		{"resize:w_300,h_400|rotate:a_90", []step{resizeStep{w: 300, h: 400}, rotateStep{90}}},
		{"resize:w_300,h_0,m_2|", []step{resizeStep{w: 300, mode: 2}}},
		{"resize:w_300,,h_,m_", []step{resizeStep{w: 300}}},
		{"crop:w_0,h_0", []step{cropStep{}}},
		{"crop:w_10,g_9", []step{cropStep{w: 10, gravity: 9}}},
		{"crop:w_10,l_3", []step{cropStep{w: 10, left: 3, byOffset: true}}},
		{"crop:w_10,l_0,t_0", []step{cropStep{w: 10, byOffset: true}}},
		{"crop:w_10,l_0,t_0,g_0", []step{cropStep{w: 10}}},
		{"crop:w_10,l_0,t_0,g_5", []step{cropStep{w: 10, gravity: 5}}},
		{"rotate:a_0", []step{rotateStep{0}}},
		{"watermark:t_" + b64("山河"), []step{textStep{text: "山河", size: 150, opacity: 0.25, colour: black}}},
		{"watermark:t_5bGx5rKz,d_300,p_2,c_", []step{textStep{text: "山河", size: 300, opacity: 1, colour: black}}},
		{"watermark:t_" + b64("山河") + "==,p_0.5,c_" + b64("#ff8000"), []step{textStep{text: "山河", size: 150, opacity: 0.5, colour: color.NRGBA{255, 128, 0, 255}}}},
		{"watermark:t_YQ,c_#0000ff", []step{textStep{text: "a", size: 150, opacity: 0.25, colour: color.NRGBA{0, 0, 255, 255}}}},
		{"watermark:t_77 8", []step{textStep{text: "￼", size: 150, opacity: 0.25, colour: black}}}, // a "+" that became a space
		{
			"watermark_image:u_" + b64("http://example.com/a_b.png") + ",l_5,p_2",
			[]step{overlayStep{url: "http://example.com/a_b.png", left: 5, opacity: 1}},
		},
		{"format:t_webp", []step{formatStep{WebP}}},
		{"save:b_my-bucket,k_a_b/c_d.png", []step{saveStep{Target{"my-bucket", "a_b/c_d.png"}}}},
	} {
		p, err := Parse(c.action)
		if err != nil {
			t.Errorf("%s: %v", c.action, err)
			continue
		}
		if !reflect.DeepEqual(p.steps, c.want) {
			t.Errorf("%s: got %+v; want %+v", c.action, p.steps, c.want)
		}
	}
}

func TestParseNamesWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ action, want string }{
		{"", `operation "" is not known`},
		{"explode", `operation "explode" is not known; there are crop, format, info, resize, rotate, save, watermark, watermark_image`},
		{strings.Repeat("rotate:a_0|", 11), "action has 11 operations; allowed: 1 to 10"},
		{"info|rotate:a_90", "info is not the last"},
		{"info:w_1", `info: the argument "w" is not known; allowed: none`},
		{"resize:w", `resize: "w" is not an argument`},
		{"resize:w_1,w_2", "the argument w is there twice"},
		{"resize", "resize: w and h are missing"},
		{"resize:w_0,h_0", "resize: w and h are missing"},
		{"resize:w_-1", `resize: w is "-1"; allowed: a whole number of pixels from 0 to 2147483647`},
		{"resize:w_1.5", `resize: w is "1.5"`},
		{"resize:w_99999999999", `resize: w is "99999999999"`},
		{"resize:w_1,m_3", `resize: m is "3"; allowed: 0, 1, 2`},
		{"resize:w_1,x_1", `resize: the argument "x" is not known; allowed: w, h, m`},
		{"crop:g_10", `crop: g is "10"; allowed: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9`},
		{"crop:g_1,l_5", "crop: g and l or t do not go together"},
		{"rotate", "rotate: the argument a is missing"},
		{"rotate:a_45", `rotate: a is "45"; allowed: 0, 90, 180, 270`},
		{"watermark", "watermark: the argument t is missing"},
		{"watermark:t_!", `watermark: t is "!", which is not base64`},
		{"watermark:t_/w", `watermark: t is "/w", which is not base64 of text in UTF-8`},
		{"watermark:t_" + b64("a\nb"), "line breaks"},
		{"watermark:t_" + b64(strings.Repeat("a", 201)), "watermark: t has 201 letters; allowed: 1 to 200"},
		{"watermark:t_YQ,d_15001", "watermark: d is"},
		{"watermark:t_YQ,p_-1", `watermark: p is "-1"; allowed: a number above 0 and up to 1`},
		{"watermark:t_YQ,p_NaN", "watermark: p is"},
		{"watermark:t_YQ,c_" + b64("red"), `watermark: c is the colour "red"`},
		{"watermark:t_YQ,c_#fff", `watermark: c is the colour "#fff"`},
		{"watermark_image", "watermark_image: the argument u is missing"},
		{"watermark_image:u_" + b64("file:///etc/passwd"), "watermark_image: u is the address"},
		{"format", "format: the argument t is missing"},
		{"format:t_gif", `format: t is "gif"; allowed: jpeg, png, webp, tiff`},
		{"save:b_x", "save: the argument k is missing"},
	} {
		_, err := Parse(c.action)
		if fault.CodeOf(err) != fault.InvalidArgument || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60s: got %v; want invalid_argument: …%s", c.action, err, c.want)
		}
	}
}

func TestTargets(t *testing.T) {
	p, err := Parse("save:b_bucket1,k_a|rotate:a_90|save:b_bucket2,k_b")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.Targets(), []Target{{"bucket1", "a"}, {"bucket2", "b"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v; want %v", got, want)
	}
}

// FuzzParse checks that a pipeline is read or refused for a reason, and that what was read can be planned.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"info", "resize:w_300,h_400,m_0|rotate:a_90", "crop:w_10,l_3,t_4|format:t_webp", "save:b_b,k_k|info",
		"watermark:t_5bGx5rKz,d_300,p_0.5,c_I2ZmODAwMA", "watermark_image:u_aHR0cDovL2EvYg,l_1,t_2,p_2", "crop:g_9,w_1|",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, action string) {
		p, err := Parse(action)
		if err != nil {
			if fault.CodeOf(err) != fault.InvalidArgument {
				t.Errorf("%q: %v", action, err)
			}
			return
		}
		if len(p.steps) < 1 || len(p.steps) > MaxOperations {
			t.Errorf("%q has %d operations", action, len(p.steps))
		}
		s := &plan{f: &facts{format: PNG, w: 400, h: 300}, format: PNG, w: 400, h: 300, alpha: true}
		for _, next := range p.steps {
			if s.step(next) != nil {
				return
			}
			if s.w < 1 || s.h < 1 || area(s.w, s.h) > maxPixels {
				t.Errorf("%q makes an image of %dx%d", action, s.w, s.h)
			}
		}
	})
}
