package ois

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/oisproject/ois/sdk/go/api"
)

// An ImageStep is one operation on an image: one of the types of this package whose names begin with
// Image and end with Step.
type ImageStep interface {
	// action is the step as the service reads it.
	action() (string, error)
}

// An ImageCropStep cuts a rectangle out of the image: by gravity or, with Left or Top, from there.
type ImageCropStep struct {
	Width, Height int // pixels; 0 means that of the image or, with Left or Top, to its end
	Gravity       ImageGravity
	Left, Top     int // pixels; not together with Gravity
}

// An ImageGravity says where in an image a rectangle lies.
type ImageGravity int

// The gravities.
const (
	ImageCentre ImageGravity = iota
	ImageNorth
	ImageEast
	ImageSouth
	ImageWest
	ImageNorthWest
	ImageNorthEast
	ImageSouthWest
	ImageSouthEast
	ImageAuto // wherever most is to be seen
)

func (s ImageCropStep) action() (string, error) {
	a := newImageAction("crop")
	a.pixels("w", s.Width)
	a.pixels("h", s.Height)
	switch {
	case s.Gravity < ImageCentre || s.Gravity > ImageAuto:
		a.fail("gravity %d; allowed: %d to %d", s.Gravity, ImageCentre, ImageAuto)
	case s.Gravity != 0 && (s.Left != 0 || s.Top != 0):
		a.fail("gravity does not go together with left and top")
	}
	a.pixels("g", int(s.Gravity))
	a.pixels("l", s.Left)
	a.pixels("t", s.Top)
	return a.done()
}

// An ImageRotateStep turns the image clockwise.
type ImageRotateStep struct {
	Angle int // degrees: 0, 90, 180 or 270
}

func (s ImageRotateStep) action() (string, error) {
	a := newImageAction("rotate")
	if !slices.Contains([]int{0, 90, 180, 270}, s.Angle) {
		a.fail("angle %d; allowed: 0, 90, 180 and 270", s.Angle)
	}
	a.add("a", strconv.Itoa(s.Angle))
	return a.done()
}

// An ImageResizeStep changes the size. If width or height is 0, the shape is kept.
type ImageResizeStep struct {
	Width, Height int // pixels
	Mode          ImageResizeMode
}

// An ImageResizeMode says what becomes of the shape of an image.
type ImageResizeMode int

// The modes.
const (
	ImagePad       ImageResizeMode = iota // keeps the shape and fills up to the size
	ImageForce                            // forces the size
	ImageThumbnail                        // fits into the size and is not larger than the image
)

func (s ImageResizeStep) action() (string, error) {
	a := newImageAction("resize")
	if s.Width == 0 && s.Height == 0 {
		a.fail("width and height are 0; one must be more")
	}
	if s.Mode < ImagePad || s.Mode > ImageThumbnail {
		a.fail("mode %d; allowed: %d to %d", s.Mode, ImagePad, ImageThumbnail)
	}
	a.pixels("w", s.Width)
	a.pixels("h", s.Height)
	a.pixels("m", int(s.Mode))
	return a.done()
}

// An ImageTextStep writes text over the image, again and again: a watermark.
type ImageTextStep struct {
	Text    string
	Size    int     // of the letters, in twentieths of a point; 0 means 150
	Opacity float64 // up to 1; 0 means 0.25
	Colour  string  // such as "#ff0000"; "" means black
}

func (s ImageTextStep) action() (string, error) {
	a := newImageAction("watermark")
	if s.Text == "" {
		a.fail("the text is empty")
	}
	if s.Colour != "" && !isColour(s.Colour) {
		a.fail("colour %q; allowed: one such as #ff0000", s.Colour)
	}
	a.text("t", s.Text)
	a.pixels("d", s.Size)
	a.opacity(s.Opacity)
	a.text("c", s.Colour)
	return a.done()
}

func isColour(s string) bool {
	hex, ok := strings.CutPrefix(s, "#")
	_, err := strconv.ParseUint(hex, 16, 24)
	return ok && len(hex) == len("rrggbb") && err == nil
}

// An ImageOverlayStep lays another image over the image.
type ImageOverlayStep struct {
	URL       string  // of the other image
	Left, Top int     // pixels
	Opacity   float64 // up to 1; 0 means 0.25
}

func (s ImageOverlayStep) action() (string, error) {
	a := newImageAction("watermark_image")
	if s.URL == "" {
		a.fail("the URL is empty")
	}
	a.text("u", s.URL)
	a.pixels("l", s.Left)
	a.pixels("t", s.Top)
	a.opacity(s.Opacity)
	return a.done()
}

// An ImageFormatStep changes the format.
type ImageFormatStep struct {
	Format string // "jpeg", "png", "webp" or "tiff"
}

func (s ImageFormatStep) action() (string, error) {
	a := newImageAction("format")
	if formats := []string{"jpeg", "png", "webp", "tiff"}; !slices.Contains(formats, s.Format) {
		a.fail("format %q; allowed: %s", s.Format, strings.Join(formats, ", "))
	}
	a.add("t", s.Format)
	return a.done()
}

// An ImageSaveStep also stores the result, in a bucket of the same zone that the caller may write to.
type ImageSaveStep struct {
	Bucket string
	Key    string // without "," and "|", which part steps
}

func (s ImageSaveStep) action() (string, error) {
	a := newImageAction("save")
	for name, value := range map[string]string{"bucket": s.Bucket, "key": s.Key} {
		switch {
		case value == "":
			a.fail("the %s is empty", name)
		case strings.ContainsAny(value, ",|"):
			a.fail(`%s %q has "," or "|", which part steps`, name, value)
		}
	}
	a.add("b", s.Bucket)
	a.add("k", s.Key)
	return a.done()
}

// imageAction is a step while it is written.
type imageAction struct {
	name string
	args []string
	err  error
}

func newImageAction(name string) *imageAction { return &imageAction{name: name} }

func (a *imageAction) fail(format string, args ...any) {
	if a.err == nil {
		a.err = fmt.Errorf("%s: %s", a.name, fmt.Sprintf(format, args...))
	}
}

func (a *imageAction) add(key, value string) { a.args = append(a.args, key+"_"+value) }

// pixels adds a number unless it is 0.
func (a *imageAction) pixels(key string, n int) {
	if n < 0 {
		a.fail("%s is %d; it must not be negative", key, n)
	}
	if n != 0 {
		a.add(key, strconv.Itoa(n))
	}
}

func (a *imageAction) opacity(p float64) {
	if !(p >= 0 && p <= 1) { // NaN, too
		a.fail("opacity %v; allowed: up to 1", p)
	}
	if p != 0 {
		a.add("p", strconv.FormatFloat(p, 'f', -1, 64))
	}
}

// text adds a text in base64, unless it is empty. The letters of URLs need no escape.
func (a *imageAction) text(key, text string) {
	if text != "" {
		a.add(key, base64.RawURLEncoding.EncodeToString([]byte(text)))
	}
}

func (a *imageAction) done() (string, error) {
	return a.name + ":" + strings.Join(a.args, ","), a.err
}

// maxImageSteps is how many steps the service takes.
const maxImageSteps = 10

// ImageAction is a sequence of steps as the service reads it: for the Action of
// [api.ImageProcessInput], for notifications, and for addresses that everybody can use:
//
//	action, err := ois.ImageAction(ois.ImageResizeStep{Width: 300})
//	link, err := bucket.PresignGet(ctx, "p.jpg", &ois.PresignOptions{
//		Query: url.Values{"image": {""}, "action": {action}},
//	})
func ImageAction(steps ...ImageStep) (string, error) {
	if len(steps) == 0 || len(steps) > maxImageSteps {
		return "", fmt.Errorf("ois: image of %d steps; allowed: 1 to %d", len(steps), maxImageSteps)
	}
	actions := make([]string, len(steps))
	for i, s := range steps {
		var err error
		if actions[i], err = s.action(); err != nil {
			return "", fmt.Errorf("ois: image: %w", err)
		}
	}
	return strings.Join(actions, "|"), nil
}

// An Image is the result of steps on an image. It must be closed.
type Image struct {
	io.ReadCloser

	Length      int64  // bytes; -1 if the answer does not tell
	ContentType string // such as "image/png"
	ETag        string // of the result, in double quotes
}

// Image reads an image after some steps, each on the result of the one before. The stored
// object stays as it is. It has at most 10 MB, and is not encrypted with a customer's key.
func (b *Bucket) Image(ctx context.Context, key string, steps ...ImageStep) (*Image, error) {
	action, err := ImageAction(steps...)
	if err != nil {
		return nil, b.error(err, api.OpImageProcess, key)
	}
	return b.image(ctx, key, action)
}

func (b *Bucket) image(ctx context.Context, key, action string) (*Image, error) {
	out, err := b.api.ImageProcess(ctx, &api.ImageProcessInput{Zone: b.zone, Bucket: b.name, Key: key, Action: action})
	if err != nil {
		return nil, b.error(err, api.OpImageProcess, key)
	}
	return &Image{ReadCloser: out.Body, Length: out.ContentLength, ContentType: out.ContentType, ETag: out.ETag}, nil
}

// An ImageInfo is what is known about an image.
type ImageInfo struct {
	Width       int    `json:"width"`
	Height      int    `json:"height"`
	Orientation int    `json:"orientation"`
	Alpha       bool   `json:"alpha"`
	Type        string `json:"type"`  // such as "jpeg"
	Space       string `json:"space"` // of colours, such as "srgb"

	// What the camera wrote, as it wrote it; empty if it did not.
	Make           string `json:"make"`
	Model          string `json:"model"`
	DateTime       string `json:"datetime"`
	EXIFVersion    string `json:"exifversion"`
	FocalLength    string `json:"focallength"`
	GPSLatitude    string `json:"gpslatitude"`
	GPSLatitudeRef string `json:"gpslatituderef"`

	GPSLongitude    string `json:"gpslongitude"`
	GPSLongitudeRef string `json:"gpslongituderef"`
	GPSAltitude     string `json:"gpsaltitude"`
	GPSAltitudeRef  string `json:"gpsaltituderef"`
}

// ImageInfo tells about an image or, with steps, about what they would make of it.
func (b *Bucket) ImageInfo(ctx context.Context, key string, steps ...ImageStep) (*ImageInfo, error) {
	action := "info"
	if len(steps) > 0 {
		before, err := ImageAction(steps...)
		if err == nil && len(steps) == maxImageSteps {
			err = errors.New("info is a step too many")
		}
		if err != nil {
			return nil, b.error(err, api.OpImageProcess, key)
		}
		action = before + "|" + action
	}
	image, err := b.image(ctx, key, action)
	if err != nil {
		return nil, err
	}
	defer image.Close()
	data, err := readAll(image, image.Length)
	var info ImageInfo
	if err == nil {
		err = json.Unmarshal(data, &info)
	}
	if err != nil {
		return nil, b.error(fmt.Errorf("answer: %w", err), api.OpImageProcess, key)
	}
	return &info, nil
}
