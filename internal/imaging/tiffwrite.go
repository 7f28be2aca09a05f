package imaging

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"image"
	"io"
)

// encodeTIFF writes m as one strip, compressed by Deflate. The library that TIFF is read with would write
// alpha even where there is none, and no profile.
func encodeTIFF(ctx context.Context, m *image.NRGBA, profile []byte) ([]byte, error) {
	samples := 3
	if !m.Opaque() {
		samples = 4
	}
	strip := &boundedWriter{ctx: ctx}
	if err := deflateRows(strip, m, samples); err != nil {
		return nil, err
	}
	d := &directory{}
	d.long(0x100, m.Rect.Dx()) // width
	d.long(0x101, m.Rect.Dy())
	d.data(0x102, 3, samples, bytes.Repeat([]byte{8, 0}, samples)) // bits of each sample
	d.short(0x103, 8)                                              // Deflate
	d.short(0x106, 2)                                              // RGB
	at := d.long(0x111, 0)                                         // where the strip is
	d.short(0x115, samples)
	d.long(0x116, m.Rect.Dy()) // rows of the strip
	d.long(0x117, strip.b.Len())
	d.short(0x13d, 2) // differences to the pixel before
	if samples == 4 {
		d.short(0x152, 2) // alpha, which the colours are not multiplied with
	}
	if len(profile) > 0 {
		d.data(0x8773, 7, len(profile), profile)
	}
	return append(d.bytes(at), strip.b.Bytes()...), nil
}

// deflateRows writes the pixels, each as the difference to the one on its left.
func deflateRows(w io.Writer, m *image.NRGBA, samples int) error {
	z := zlib.NewWriter(w)
	row := make([]byte, m.Rect.Dx()*samples)
	for y := range m.Rect.Dy() {
		from := m.Pix[y*m.Stride:]
		for x := range m.Rect.Dx() {
			for c := range samples {
				v := from[4*x+c]
				if x > 0 {
					v -= from[4*x-4+c]
				}
				row[x*samples+c] = v
			}
		}
		if _, err := z.Write(row); err != nil {
			return err
		}
	}
	return z.Close()
}

// A directory is that of a TIFF: entries, in the order of their tags, and the data that is too long for them.
type directory struct {
	entries [][12]byte
	tails   []tail
}

type tail struct {
	entry int
	b     []byte
}

func (d *directory) add(tag, kind uint16, n int, value uint32) int {
	var e [12]byte
	binary.LittleEndian.PutUint16(e[:], tag)
	binary.LittleEndian.PutUint16(e[2:], kind)
	binary.LittleEndian.PutUint32(e[4:], uint32(n))
	binary.LittleEndian.PutUint32(e[8:], value)
	d.entries = append(d.entries, e)
	return len(d.entries) - 1
}

func (d *directory) short(tag uint16, v int) { d.add(tag, 3, 1, uint32(v)) }

func (d *directory) long(tag uint16, v int) int { return d.add(tag, 4, 1, uint32(v)) }

// data adds n values that have more than 4 bytes.
func (d *directory) data(tag, kind uint16, n int, b []byte) {
	d.tails = append(d.tails, tail{d.add(tag, kind, n, 0), b})
}

// bytes returns the file up to the strip, whose place goes into the entry strip.
func (d *directory) bytes(strip int) []byte {
	at := 8 + 2 + 12*len(d.entries) + 4
	var data []byte
	for _, t := range d.tails {
		binary.LittleEndian.PutUint32(d.entries[t.entry][8:], uint32(at+len(data)))
		data = append(data, t.b...)
		data = append(data, make([]byte, len(t.b)&1)...)
	}
	binary.LittleEndian.PutUint32(d.entries[strip][8:], uint32(at+len(data)))
	b := []byte("II*\x00\x08\x00\x00\x00")
	b = binary.LittleEndian.AppendUint16(b, uint16(len(d.entries)))
	for _, e := range d.entries {
		b = append(b, e[:]...)
	}
	return append(append(b, 0, 0, 0, 0), data...)
}
