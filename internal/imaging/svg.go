package imaging

import (
	"bytes"
	"encoding/xml"
	"errors"
	"strconv"
	"strings"
)

// maxProlog is where the root element of an SVG must have begun.
const maxProlog = 64 << 10

// svgRoot returns the first element of an XML document.
func svgRoot(b []byte) (*xml.StartElement, error) {
	d := xml.NewDecoder(bytes.NewReader(b[:min(len(b), maxProlog)]))
	for {
		t, err := d.RawToken() // entities are not expanded
		if err != nil {
			return nil, err
		}
		if e, ok := t.(xml.StartElement); ok {
			return &e, nil
		}
	}
}

// isSVG reports whether b is an SVG document.
func isSVG(b []byte) bool {
	b = bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), " \t\r\n")
	if !bytes.HasPrefix(b, []byte("<")) {
		return false
	}
	root, err := svgRoot(b)
	return err == nil && root.Name.Local == "svg"
}

// readSVG takes the size from the root element: width and height, where they are absolute, else those of the viewBox.
func (f *facts) readSVG(b []byte) error {
	root, err := svgRoot(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")))
	if err != nil {
		return err
	}
	var w, h float64
	var box []string
	for _, a := range root.Attr {
		switch a.Name.Local {
		case "width":
			w = length(a.Value)
		case "height":
			h = length(a.Value)
		case "viewBox":
			box = strings.FieldsFunc(a.Value, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' })
		}
	}
	if len(box) == 4 {
		bw, bh := length(box[2]), length(box[3])
		switch {
		case w == 0 && h == 0:
			w, h = bw, bh
		case w == 0 && bh > 0:
			w = h * bw / bh
		case h == 0 && bw > 0:
			h = w * bh / bw
		}
	}
	if w < 0.5 || h < 0.5 || w > maxArgument || h > maxArgument {
		return errors.New("its root element tells no size")
	}
	f.w, f.h, f.alpha = int(w+0.5), int(h+0.5), true
	return nil
}

// units are what the units of lengths are in pixels.
var units = map[string]float64{"": 1, "px": 1, "pt": 4.0 / 3, "pc": 16, "in": 96, "cm": 96 / 2.54, "mm": 96 / 25.4}

// length reads a length, 0 if it is not absolute.
func length(s string) float64 {
	s = strings.TrimSpace(s)
	number := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ%")
	v, err := strconv.ParseFloat(number, 64)
	unit, known := units[strings.ToLower(s[len(number):])]
	if err != nil || !known || !(v > 0 && v < maxArgument) {
		return 0
	}
	return v * unit
}
