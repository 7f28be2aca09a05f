package webp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
)

// MaxSize is the greatest width and height of an image.
const MaxSize = 16383

// maxPixels bounds an image so that no field of a frame overflows, whatever the pixels are.
const maxPixels = 1 << 26

// Options tune an encoder. The zero value is the default.
type Options struct {
	// Profile is an ICC profile that tells what the colours mean; empty means sRGB.
	Profile []byte
}

// quantizer is the quantizer index of all images, of 0 to 127.
const quantizer = 22

// Encode writes m. It gives up soon after ctx has ended.
func Encode(ctx context.Context, w io.Writer, m *image.NRGBA, o *Options) error {
	size := m.Rect.Size()
	if size.X < 1 || size.Y < 1 || size.X > MaxSize || size.Y > MaxSize || size.X*size.Y > maxPixels {
		return fmt.Errorf("webp: an image of %dx%d pixels cannot be written", size.X, size.Y)
	}
	if o == nil {
		o = &Options{}
	}
	var chunks []chunk
	if len(o.Profile) > 0 {
		chunks = append(chunks, chunk{"ICCP", o.Profile})
	}
	opaque := m.Opaque()
	if !opaque {
		plane, err := encodeAlpha(ctx, m)
		if err != nil {
			return err
		}
		chunks = append(chunks, chunk{"ALPH", plane})
	}
	frame, err := encodeFrame(ctx, m)
	if err != nil {
		return err
	}
	chunks = append(chunks, chunk{"VP8 ", frame})
	if len(chunks) > 1 {
		head := extended(size, len(o.Profile) > 0, !opaque)
		chunks = append([]chunk{{"VP8X", head}}, chunks...)
	}
	return writeChunks(w, chunks)
}

// extended returns what a file with more than a frame says first.
func extended(size image.Point, profile, alpha bool) []byte {
	b := make([]byte, 10)
	if profile {
		b[0] |= 1 << 5
	}
	if alpha {
		b[0] |= 1 << 4
	}
	put24(b[4:], size.X-1)
	put24(b[7:], size.Y-1)
	return b
}

func put24(b []byte, v int) { b[0], b[1], b[2] = byte(v), byte(v>>8), byte(v>>16) }

// A chunk is a part of a file.
type chunk struct {
	name string // 4 letters
	data []byte
}

func writeChunks(w io.Writer, chunks []chunk) error {
	total := len("WEBP")
	for _, c := range chunks {
		total += 8 + len(c.data) + len(c.data)&1
	}
	if uint64(total) > 1<<32-10 {
		return errors.New("webp: the image is too large for a file")
	}
	head := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(total))
	if _, err := w.Write(append(head, "WEBP"...)); err != nil {
		return err
	}
	for _, c := range chunks {
		if _, err := w.Write(binary.LittleEndian.AppendUint32([]byte(c.name), uint32(len(c.data)))); err != nil {
			return err
		}
		if _, err := w.Write(c.data); err != nil {
			return err
		}
		if len(c.data)&1 == 1 {
			if _, err := w.Write([]byte{0}); err != nil {
				return err
			}
		}
	}
	return nil
}
