package ois

import (
	"errors"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestImageAction(t *testing.T) {
	tests := []struct {
		steps []ImageStep
		want  string // of the error if it begins with "!"
	}{
		{[]ImageStep{ImageResizeStep{Width: 300, Height: 400}, ImageRotateStep{Angle: 90}}, "resize:w_300,h_400|rotate:a_90"},
		{[]ImageStep{ImageResizeStep{Height: 4, Mode: ImageThumbnail}}, "resize:h_4,m_2"},
		{[]ImageStep{ImageRotateStep{}}, "rotate:a_0"},
		{[]ImageStep{ImageCropStep{Width: 1, Height: 2, Gravity: ImageAuto}}, "crop:w_1,h_2,g_9"},
		{[]ImageStep{ImageCropStep{Left: 3, Top: 4}}, "crop:l_3,t_4"},
		{[]ImageStep{ImageTextStep{Text: "OIS ©", Size: 200, Opacity: 0.5, Colour: "#ff0000"}}, "watermark:t_T0lTIMKp,d_200,p_0.5,c_I2ZmMDAwMA"},
		{[]ImageStep{ImageOverlayStep{URL: "http://a/?>>", Left: 1, Top: 2, Opacity: 1}}, "watermark_image:u_aHR0cDovL2EvPz4-,l_1,t_2,p_1"},
		{[]ImageStep{ImageFormatStep{Format: "webp"}, ImageSaveStep{Bucket: "b", Key: "a_b/c.webp"}}, "format:t_webp|save:b_b,k_a_b/c.webp"},
		{nil, "!0 steps; allowed: 1 to 10"},
		{slices.Repeat([]ImageStep{ImageRotateStep{}}, 11), "!11 steps"},
		{[]ImageStep{ImageRotateStep{Angle: 45}}, "!rotate: angle 45; allowed: 0, 90, 180 and 270"},
		{[]ImageStep{ImageResizeStep{}}, "!resize: width and height are 0"},
		{[]ImageStep{ImageResizeStep{Width: -1}}, "!resize: w is -1"},
		{[]ImageStep{ImageResizeStep{Width: 1, Mode: 3}}, "!resize: mode 3; allowed: 0 to 2"},
		{[]ImageStep{ImageCropStep{Gravity: 10}}, "!crop: gravity 10; allowed: 0 to 9"},
		{[]ImageStep{ImageCropStep{Gravity: ImageNorth, Top: 1}}, "!crop: gravity does not go together"},
		{[]ImageStep{ImageTextStep{}}, "!watermark: the text is empty"},
		{[]ImageStep{ImageTextStep{Text: "x", Colour: "red"}}, `!watermark: colour "red"; allowed: one such as #ff0000`},
		{[]ImageStep{ImageTextStep{Text: "x", Opacity: 1.5}}, "!watermark: opacity 1.5"},
		{[]ImageStep{ImageTextStep{Text: "x", Opacity: math.NaN()}}, "!watermark: opacity NaN"},
		{[]ImageStep{ImageOverlayStep{}}, "!watermark_image: the URL is empty"},
		{[]ImageStep{ImageFormatStep{Format: "bmp"}}, `!format: format "bmp"; allowed: jpeg, png, webp, tiff`},
		{[]ImageStep{ImageSaveStep{Bucket: "b"}}, "!save: the key is empty"},
		{[]ImageStep{ImageSaveStep{Bucket: "b", Key: "a,k_b"}}, `!save: key "a,k_b" has`},
	}
	for _, test := range tests {
		got, err := ImageAction(test.steps...)
		if want, bad := strings.CutPrefix(test.want, "!"); bad {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %q, %v; want the error %q", test.steps, got, err, want)
			}
			continue
		}
		if err != nil || got != test.want {
			t.Errorf("%+v: %q, %v; want %q", test.steps, got, err, test.want)
		}
	}
}

func TestImageInfoIsTheLastStep(t *testing.T) {
	b := answering(t, 200, `{"width":4,"make":"C"}`, "Content-Type", "application/json", "Content-Length", "22")
	var e *Error
	if _, err := b.ImageInfo(t.Context(), "p.jpg", slices.Repeat([]ImageStep{ImageRotateStep{}}, 10)...); !errors.As(err, &e) || !strings.Contains(err.Error(), "a step too many") {
		t.Errorf("eleven steps: %v", err)
	}
	if info, err := b.ImageInfo(t.Context(), "p.jpg"); err != nil || info.Width != 4 || info.Make != "C" {
		t.Errorf("got %+v, %v", info, err)
	}
	if _, err := answering(t, 200, `[`).ImageInfo(t.Context(), "p.jpg"); !errors.As(err, &e) {
		t.Errorf("bad answer: %v; want an *Error", err)
	}
	if _, err := b.Image(t.Context(), "p.jpg"); !errors.As(err, &e) || e.Attempts != 0 {
		t.Errorf("no steps: %v; want an *Error before anything is sent", err)
	}
}

// TestImageAddressIsSigned: what is done with an image is part of an address, though not of its signature.
func TestImageAddressIsSigned(t *testing.T) {
	action, err := ImageAction(ImageResizeStep{Width: 300, Height: 400}, ImageRotateStep{Angle: 90})
	if err != nil {
		t.Fatal(err)
	}
	b := client(t, nil, nil).Bucket("photos-1", "jn1")
	link, err := b.PresignGet(t.Context(), "p.jpg", &PresignOptions{Query: url.Values{"image": {""}, "action": {action}}})
	if want := "/photos-1/p.jpg?action=resize%3Aw_300%2Ch_400%7Crotate%3Aa_90&image&access_key_id="; err != nil || !strings.Contains(link, want) {
		t.Errorf("got %q, %v; want %q in it", link, err, want)
	}
}
