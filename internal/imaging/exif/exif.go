// Package exif reads what a camera has written into a picture: which way is up, and a dozen things that people ask
// for. It takes the bytes of a TIFF structure, wherever in a file they stand, and believes nothing of them: all
// reading is within these bytes, each of the three directories is read once, and texts are cut. It writes nothing and
// knows no thumbnails, maker notes or other directories.
package exif

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Data is what was found. Texts are empty where there is nothing.
type Data struct {
	Orientation int // 1 to 8; 0 if it is not told

	Make, Model, DateTime, Version, FocalLength string

	LatitudeRef, Latitude, LongitudeRef, Longitude, AltitudeRef, Altitude string

	// Profile is the ICC profile of a TIFF, which is part of what was parsed.
	Profile []byte

	// ExtraSamples says that pixels have more samples than colours, which in TIFF means alpha.
	ExtraSamples bool
}

// The tags that are read.
const (
	tagMake         = 0x010f
	tagModel        = 0x0110
	tagOrientation  = 0x0112
	tagDateTime     = 0x0132
	tagExtraSamples = 0x0152
	tagExif         = 0x8769
	tagProfile      = 0x8773
	tagGPS          = 0x8825

	tagVersion     = 0x9000
	tagFocalLength = 0x920a

	tagLatitudeRef  = 1
	tagLatitude     = 2
	tagLongitudeRef = 3
	tagLongitude    = 4
	tagAltitudeRef  = 5
	tagAltitude     = 6
)

// Types of values.
const (
	typeByte      = 1
	typeASCII     = 2
	typeShort     = 3
	typeLong      = 4
	typeRational  = 5
	typeUndefined = 7
)

var typeSizes = [...]int{typeByte: 1, typeASCII: 1, typeShort: 2, typeLong: 4, typeRational: 8, 6: 1, typeUndefined: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}

// maxText is how many bytes of a text are told.
const maxText = 256

// Parse reads a TIFF structure. What is damaged is left out.
func Parse(tiff []byte) Data {
	var d Data
	r := reader{b: tiff}
	if len(tiff) < 8 {
		return d
	}
	switch string(tiff[:4]) {
	case "II*\x00":
		r.order = binary.LittleEndian
	case "MM\x00*":
		r.order = binary.BigEndian
	default:
		return d
	}
	var camera, place uint32
	r.each(r.order.Uint32(tiff[4:]), func(tag uint16, v value) {
		switch tag {
		case tagMake:
			d.Make = v.text()
		case tagModel:
			d.Model = v.text()
		case tagDateTime:
			d.DateTime = v.text()
		case tagOrientation:
			if n := v.number(); n >= 1 && n <= 8 {
				d.Orientation = int(n)
			}
		case tagProfile:
			d.Profile = v.b
		case tagExtraSamples:
			d.ExtraSamples = true
		case tagExif:
			camera = v.number()
		case tagGPS:
			place = v.number()
		}
	})
	r.each(camera, d.camera)
	r.each(place, d.place)
	return d
}

// camera takes a tag of the directory about the camera.
func (d *Data) camera(tag uint16, v value) {
	switch tag {
	case tagVersion:
		if s := v.text(); len(s) == 4 { // such as 0230
			d.Version = fmt.Sprintf("%s.%s", strings.TrimPrefix(s[:2], "0"), strings.TrimSuffix(s[2:], "0"))
		}
	case tagFocalLength:
		d.FocalLength = v.rationals()
	}
}

// place takes a tag of the directory about the place.
func (d *Data) place(tag uint16, v value) {
	switch tag {
	case tagLatitudeRef:
		d.LatitudeRef = v.text()
	case tagLatitude:
		d.Latitude = v.rationals()
	case tagLongitudeRef:
		d.LongitudeRef = v.text()
	case tagLongitude:
		d.Longitude = v.rationals()
	case tagAltitudeRef:
		if v.kind == typeByte && len(v.b) > 0 {
			d.AltitudeRef = strconv.Itoa(int(v.b[0]))
		}
	case tagAltitude:
		d.Altitude = v.rationals()
	}
}

// A reader reads directories.
type reader struct {
	b     []byte
	order binary.ByteOrder
}

// each calls f for the entries of the directory at off; 0 means that there is none.
func (r *reader) each(off uint32, f func(tag uint16, v value)) {
	if off == 0 || uint64(off)+2 > uint64(len(r.b)) {
		return
	}
	n := int(r.order.Uint16(r.b[off:]))
	rest := r.b[off+2:]
	for ; n > 0 && len(rest) >= 12; n-- {
		if v, ok := r.value(rest[:12]); ok {
			f(r.order.Uint16(rest), v)
		}
		rest = rest[12:]
	}
}

// A value is what an entry holds.
type value struct {
	kind  int
	b     []byte
	order binary.ByteOrder
}

// value returns the value of an entry, which stands in it if it is short.
func (r *reader) value(entry []byte) (value, bool) {
	kind, n := int(r.order.Uint16(entry[2:])), uint64(r.order.Uint32(entry[4:]))
	if kind >= len(typeSizes) || typeSizes[kind] == 0 || n == 0 {
		return value{}, false
	}
	size := n * uint64(typeSizes[kind])
	if size <= 4 {
		return value{kind, entry[8 : 8+size], r.order}, true
	}
	off := uint64(r.order.Uint32(entry[8:]))
	if off+size > uint64(len(r.b)) {
		return value{}, false
	}
	return value{kind, r.b[off : off+size], r.order}, true
}

// number returns the first of numbers, 0 if there is none.
func (v value) number() uint32 {
	switch {
	case v.kind == typeShort && len(v.b) >= 2:
		return uint32(v.order.Uint16(v.b))
	case v.kind == typeLong && len(v.b) >= 4:
		return v.order.Uint32(v.b)
	}
	return 0
}

// text returns a text, which ends at its first 0.
func (v value) text() string {
	if v.kind != typeASCII && v.kind != typeUndefined {
		return ""
	}
	s, _, _ := strings.Cut(string(v.b[:min(len(v.b), maxText)]), "\x00")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return strings.TrimSpace(s)
}

// rationals returns up to three fractions, such as "31/1 15/1 3599/100".
func (v value) rationals() string {
	if v.kind != typeRational {
		return ""
	}
	var parts []string
	for b := v.b; len(b) >= 8 && len(parts) < 3; b = b[8:] {
		parts = append(parts, fmt.Sprintf("%d/%d", v.order.Uint32(b), v.order.Uint32(b[4:])))
	}
	return strings.Join(parts, " ")
}
