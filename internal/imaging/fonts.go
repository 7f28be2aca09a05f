package imaging

import (
	_ "embed" // of a font
	"fmt"
	"image"
	"image/draw"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"

	"github.com/oisproject/ois/internal/fault"
)

//go:embed fonts/droid-gb2312.ttf
var chinese []byte

// Fonts write text: each letter by the first of them that has it.
type fonts []*sfnt.Font

// newFonts returns the fonts of a file, if there is one, and then those that are built in.
func newFonts(file []byte) (fonts, error) {
	var all fonts
	for _, data := range [][]byte{file, goregular.TTF, chinese} {
		if len(data) == 0 {
			continue
		}
		c, err := opentype.ParseCollection(data)
		if err != nil {
			return nil, fmt.Errorf("font: %w", err)
		}
		for i := range c.NumFonts() {
			f, err := c.Font(i)
			if err != nil {
				return nil, fmt.Errorf("font %d of the collection: %w", i, err)
			}
			all = append(all, f)
		}
	}
	return all, nil
}

// A line is text that is about to be written.
type line struct {
	letters         []letter
	ascent, descent fixed.Int26_6
	width           fixed.Int26_6
}

type letter struct {
	face font.Face
	r    rune
	at   fixed.Int26_6
}

// line lays text out, in letters of so many pixels.
func (all fonts) line(text string, size float64) (*line, error) {
	l := &line{}
	faces := make([]font.Face, len(all))
	last := letter{}
	for _, r := range text {
		i, err := all.find(r)
		if err != nil {
			return nil, err
		}
		if faces[i] == nil {
			if faces[i], err = opentype.NewFace(all[i], &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingNone}); err != nil {
				return nil, err
			}
			m := faces[i].Metrics()
			l.ascent, l.descent = max(l.ascent, m.Ascent), max(l.descent, m.Descent)
		}
		if last.face == faces[i] {
			l.width += faces[i].Kern(last.r, r)
		}
		last = letter{faces[i], r, l.width}
		l.letters = append(l.letters, last)
		advance, _ := faces[i].GlyphAdvance(r)
		l.width += advance
	}
	return l, nil
}

// find returns which font has a letter.
func (all fonts) find(r rune) (int, error) {
	for i, f := range all {
		if g, err := f.GlyphIndex(nil, r); err == nil && g != 0 {
			return i, nil
		}
	}
	return 0, fault.Newf(fault.InvalidArgument, "action: watermark: no font of this server has the letter %q (U+%04X) of t; "+
		"its operator can give it one that has, by ois serve --image-font", r, r)
}

// draw writes the line, as far as it fits into so many pixels.
func (l *line) draw(width int) *image.Alpha {
	h := (l.ascent + l.descent).Ceil()
	m := image.NewAlpha(image.Rect(0, 0, min(max(l.width.Ceil(), 1), width), max(h, 1)))
	for _, c := range l.letters {
		if c.at.Floor() > width {
			break
		}
		r, mask, at, _, ok := c.face.Glyph(fixed.Point26_6{X: c.at, Y: l.ascent}, c.r)
		if ok {
			draw.DrawMask(m, r, image.Opaque, image.Point{}, mask, at, draw.Over)
		}
	}
	return m
}
