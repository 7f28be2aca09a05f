package imaging

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/imaging/exif"
)

// Facts are what the header of an image says, before a pixel is decoded.
type facts struct {
	format      Format
	w, h        int
	orientation int // 1 to 8, as in EXIF
	alpha       bool
	space       string
	camera      exif.Data
	profile     []byte // ICC, of RGB images

	decoding int64 // how many bytes it takes to decode the pixels, at most
	frames   int   // of an animation
}

// maxProfile is the size of the greatest ICC profile that is kept.
const maxProfile = 1 << 20

// readFacts reads the header of an image.
func readFacts(b []byte) (*facts, error) {
	format, err := formatOf(b)
	if err != nil {
		return nil, err
	}
	f := &facts{format: format, orientation: 1, space: "srgb"}
	switch format {
	case JPEG:
		err = f.readJPEG(b)
	case PNG:
		err = f.readPNG(b)
	case WebP:
		err = f.readWebP(b)
	case TIFF:
		err = f.readTIFF(b)
	case GIF:
		err = f.readGIF(b)
	case SVG:
		err = f.readSVG(b)
	case PDF: // whose pages are not looked for
	}
	if err != nil {
		return nil, damaged(format, err)
	}
	if f.camera.Orientation > 0 {
		f.orientation = f.camera.Orientation
	}
	if len(f.profile) > maxProfile || len(f.profile) < 20 || string(f.profile[16:20]) != "RGB " {
		f.profile = nil
	}
	return f, nil
}

func damaged(format Format, err error) error {
	return fault.Newf(fault.InvalidArgument, "the object is not a whole %s image, or of a kind that is not supported: %w", format, err)
}

// take takes what a decoder says of a header.
func (f *facts) take(c image.Config, err error) error {
	f.w, f.h = c.Width, c.Height
	switch c.ColorModel {
	case color.GrayModel:
		f.space = "b-w"
	case color.Gray16Model:
		f.space = "grey16"
	case color.RGBA64Model, color.NRGBA64Model:
		f.space = "rgb16"
	case color.CMYKModel:
		f.space = "cmyk"
	}
	return err
}

// pixels returns the bytes of all pixels with so many each.
func (f *facts) pixels(bytes int64) int64 { return int64(f.w) * int64(f.h) * bytes }

func (f *facts) readJPEG(b []byte) error {
	if err := f.take(jpeg.DecodeConfig(bytes.NewReader(b))); err != nil {
		return err
	}
	var h jpegHeader
	for rest := b[2:]; len(rest) >= 4 && rest[0] == 0xff; {
		if rest[1] == 0xff { // a fill byte
			rest = rest[1:]
			continue
		}
		marker, n := rest[1], int(binary.BigEndian.Uint16(rest[2:]))
		if n < 2 || n+2 > len(rest) || marker == 0xda {
			break
		}
		f.jpegSegment(&h, marker, rest[4:n+2])
		rest = rest[n+2:]
	}
	f.decoding = f.pixels(4*5 + 4) // where the header has a form that we do not follow, but the decoder does
	if len(h.components) > 0 {
		f.decoding = h.memory(f)
	}
	return nil
}

// A jpegHeader says how the pixels of a JPEG arrive.
type jpegHeader struct {
	components  []byte // 3 bytes for each
	progressive bool
	rgb         bool // and not luma and chroma
}

// jpegSegment takes what stands before the pixels of a JPEG.
func (f *facts) jpegSegment(h *jpegHeader, marker byte, s []byte) {
	switch {
	case marker == 0xe1 && bytes.HasPrefix(s, []byte("Exif\x00\x00")):
		f.camera = exif.Parse(s[6:])
	case marker == 0xe2 && bytes.HasPrefix(s, []byte("ICC_PROFILE\x00")) && len(s) > 14 && len(f.profile) <= maxProfile:
		f.profile = append(f.profile, s[14:]...)
	case marker == 0xee && bytes.HasPrefix(s, []byte("Adobe")) && len(s) >= 12:
		h.rgb = s[11] == 0
	case marker >= 0xc0 && marker <= 0xc2 && len(s) >= 6:
		h.components, h.progressive = s[6:], marker == 0xc2
	}
}

// memory returns what a decoder needs: the samples, if they arrive bit by bit also their coefficients, and if the colours
// are not luma and chroma the result of their conversion.
func (h *jpegHeader) memory(f *facts) int64 {
	var samples, most, n int64
	for c := h.components; len(c) >= 3 && n < 4; c = c[3:] {
		s := int64(c[1]>>4) * int64(c[1]&0xf)
		samples, most = samples+s, max(most, s)
		n++
	}
	each := int64(1)
	if h.progressive {
		each = 5
	}
	memory := f.pixels(samples*each)/max(most, 1) + 1<<20
	if n == 4 || n == 3 && (h.rgb || h.components[0] == 'R') {
		memory += f.pixels(4)
	}
	return memory
}

func (f *facts) readPNG(b []byte) error {
	if err := f.take(png.DecodeConfig(bytes.NewReader(b))); err != nil {
		return err
	}
	if len(b) < 33 {
		return io.ErrUnexpectedEOF
	}
	depth, colours, interlaced := b[24], b[25], b[28] != 0
	f.alpha = colours&4 != 0
	rest := b[8:]
	for len(rest) >= 12 {
		n := int(binary.BigEndian.Uint32(rest))
		if n < 0 || n > len(rest)-12 {
			break
		}
		data := rest[8 : 8+n]
		switch string(rest[4:8]) {
		case "tRNS":
			f.alpha = true
		case "eXIf":
			f.camera = exif.Parse(data)
		case "iCCP":
			f.profile = inflateProfile(data)
		}
		rest = rest[12+n:]
	}
	each := int64(4)
	if depth == 16 {
		each = 8
	}
	if interlaced {
		each *= 2
	}
	if colours == 3 || colours == 4 || colours == 0 && !f.alpha {
		f.space = f.pngSpace(colours, depth)
	}
	f.decoding = f.pixels(each)
	return nil
}

func (f *facts) pngSpace(colours, depth byte) string {
	switch {
	case colours == 3:
		return "srgb"
	case depth == 16:
		return "grey16"
	}
	return "b-w"
}

// inflateProfile returns the ICC profile in a chunk of a PNG, nil if there is none or it is too large.
func inflateProfile(data []byte) []byte {
	name, rest, ok := bytes.Cut(data, []byte{0})
	if !ok || len(name) > 79 || len(rest) < 1 {
		return nil
	}
	z, err := zlib.NewReader(bytes.NewReader(rest[1:]))
	if err != nil {
		return nil
	}
	p, err := io.ReadAll(io.LimitReader(z, maxProfile+1))
	if err != nil {
		return nil
	}
	return p
}

func (f *facts) readWebP(b []byte) error {
	if err := f.take(webp.DecodeConfig(bytes.NewReader(b))); err != nil {
		return err
	}
	f.space = "srgb"
	f.decoding = f.pixels(12) // lossless
	for rest := b[12:]; len(rest) >= 8; {
		n := int(binary.LittleEndian.Uint32(rest[4:]))
		if n < 0 || n > len(rest)-8 {
			break
		}
		f.webpChunk(string(rest[:4]), rest[8:8+n])
		rest = rest[min(8+n+n&1, len(rest)):]
	}
	return nil
}

func (f *facts) webpChunk(name string, data []byte) {
	switch {
	case name == "VP8X" && len(data) > 0:
		f.alpha = data[0]&0x10 != 0
		if data[0]&0x02 != 0 {
			f.frames = 2 // or more
		}
	case name == "VP8L" && len(data) >= 5:
		f.alpha = data[4]&0x10 != 0
	case name == "VP8 ":
		f.decoding = f.pixels(2)
		if f.alpha {
			f.decoding = f.pixels(2 + 1 + 12)
		}
	case name == "EXIF":
		f.camera = exif.Parse(bytes.TrimPrefix(data, []byte("Exif\x00\x00")))
	case name == "ICCP" && len(data) <= maxProfile:
		f.profile = data
	}
}

func (f *facts) readTIFF(b []byte) error {
	c, err := tiff.DecodeConfig(bytes.NewReader(b))
	if err := f.take(c, err); err != nil {
		return err
	}
	f.camera = exif.Parse(b)
	f.alpha, f.profile = f.camera.ExtraSamples, f.camera.Profile
	f.decoding = f.pixels(2 * 8) // a strip may be the whole image
	return nil
}

func (f *facts) readGIF(b []byte) error {
	if err := f.take(gif.DecodeConfig(bytes.NewReader(b))); err != nil {
		return err
	}
	frames, err := scanGIF(b)
	if err != nil {
		return err
	}
	f.space, f.alpha, f.frames = "srgb", frames.transparent, frames.n
	f.decoding = frames.pixels
	if f.w == 0 || f.h == 0 {
		return fmt.Errorf("the size is %dx%d", f.w, f.h)
	}
	return nil
}

// info is the result of the operation info.
type info struct {
	Width       int    `json:"width"`
	Height      int    `json:"height"`
	Orientation int    `json:"orientation"`
	Alpha       bool   `json:"alpha"`
	Type        Format `json:"type"`
	Space       string `json:"space"`

	Make           string `json:"make,omitempty"`
	Model          string `json:"model,omitempty"`
	DateTime       string `json:"datetime,omitempty"`
	ExifVersion    string `json:"exifversion,omitempty"`
	FocalLength    string `json:"focallength,omitempty"`
	GPSLatitudeRef string `json:"gpslatituderef,omitempty"`
	GPSLatitude    string `json:"gpslatitude,omitempty"`

	GPSLongitudeRef string `json:"gpslongituderef,omitempty"`
	GPSLongitude    string `json:"gpslongitude,omitempty"`
	GPSAltitudeRef  string `json:"gpsaltituderef,omitempty"`
	GPSAltitude     string `json:"gpsaltitude,omitempty"`
}

func (f *facts) info() info {
	c := &f.camera
	return info{
		Width: f.w, Height: f.h, Orientation: f.orientation, Alpha: f.alpha, Type: f.format, Space: f.space,
		Make: c.Make, Model: c.Model, DateTime: c.DateTime, ExifVersion: c.Version, FocalLength: c.FocalLength,
		GPSLatitudeRef: c.LatitudeRef, GPSLatitude: c.Latitude, GPSLongitudeRef: c.LongitudeRef, GPSLongitude: c.Longitude,
		GPSAltitudeRef: c.AltitudeRef, GPSAltitude: c.Altitude,
	}
}
