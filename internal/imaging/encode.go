package imaging

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/jpeg"
	"image/png"
	"io"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/imaging/webp"
)

// MaxResult is how many bytes a result may have.
const MaxResult = 64 << 20

// jpegQuality is that of all JPEGs that are written.
const jpegQuality = 85

// encode writes an image, with the ICC profile of the one that it was made of.
func encode(ctx context.Context, m *image.NRGBA, format Format, profile []byte) ([]byte, error) {
	w := &boundedWriter{ctx: ctx}
	var err error
	switch format {
	case JPEG:
		m = flat(m)
		err = jpeg.Encode(w, &image.RGBA{Pix: m.Pix, Stride: m.Stride, Rect: m.Rect}, &jpeg.Options{Quality: jpegQuality})
	case PNG:
		err = (&png.Encoder{CompressionLevel: png.DefaultCompression}).Encode(w, m)
	case WebP:
		err = webp.Encode(ctx, w, m, &webp.Options{Profile: profile})
	case TIFF:
		return encodeTIFF(ctx, m, profile)
	case GIF, SVG, PDF:
		err = fmt.Errorf("%s is not written", format)
	}
	if err != nil {
		return nil, err
	}
	b := w.b.Bytes()
	if len(profile) == 0 {
		return b, nil
	}
	switch format {
	case JPEG:
		return insert(b, 2, jpegProfile(profile)), nil
	case PNG:
		return insert(b, 33, pngProfile(profile)), nil
	}
	return b, nil
}

// A boundedWriter keeps what is written, up to MaxResult bytes and until its context ends.
type boundedWriter struct {
	ctx context.Context
	b   bytes.Buffer
}

func (w *boundedWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	if w.b.Len()+len(p) > MaxResult {
		return 0, fault.Newf(fault.InvalidArgument, "the result has more than %d bytes; ask for a smaller image or another format", MaxResult)
	}
	return w.b.Write(p)
}

// flat returns m without transparency, over white.
func flat(m *image.NRGBA) *image.NRGBA {
	if m.Opaque() {
		return m
	}
	out := image.NewNRGBA(m.Rect)
	for i := 0; i < len(m.Pix); i += 4 {
		p, a := m.Pix[i:i+4:i+4], uint32(m.Pix[i+3])
		for c := range 3 {
			out.Pix[i+c] = mix(255, p[c], a)
		}
		out.Pix[i+3] = 255
	}
	return out
}

func insert(b []byte, at int, part []byte) []byte {
	out := make([]byte, 0, len(b)+len(part))
	return append(append(append(out, b[:at]...), part...), b[at:]...)
}

// jpegProfile returns the segments that hold a profile.
func jpegProfile(profile []byte) []byte {
	const most = 65535 - 2 - 14
	n := (len(profile) + most - 1) / most
	var b []byte
	for i := range n {
		part := profile[i*most : min((i+1)*most, len(profile))]
		b = append(b, 0xff, 0xe2)
		b = binary.BigEndian.AppendUint16(b, uint16(2+14+len(part)))
		b = append(b, "ICC_PROFILE\x00"...)
		b = append(b, byte(i+1), byte(n))
		b = append(b, part...)
	}
	return b
}

// pngProfile returns the chunk that holds a profile.
func pngProfile(profile []byte) []byte {
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	_, _ = io.Copy(w, bytes.NewReader(profile)) // to memory
	_ = w.Close()                               // likewise
	data := append([]byte("iCCPICC\x00\x00"), z.Bytes()...)
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)-4))
	b = append(b, data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(data))
}
