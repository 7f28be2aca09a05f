package imaging

import (
	"encoding/binary"
	"errors"
)

// Frames are what the headers in a GIF say of its frames.
type frames struct {
	n           int
	pixels      int64 // of all together
	transparent bool
}

var errGIF = errors.New("a block of it is cut off")

// scanGIF walks over the blocks of a GIF without decoding any.
func scanGIF(b []byte) (frames, error) {
	var f frames
	if len(b) < 13 {
		return f, errGIF
	}
	rest := b[13:]
	if b[10]&0x80 != 0 {
		rest = skip(rest, 3<<(b[10]&7+1))
	}
	for len(rest) > 0 {
		switch rest[0] {
		case 0x3b: // the end
			return f, nil
		case 0x21: // an extension
			if len(rest) >= 8 && rest[1] == 0xf9 {
				f.transparent = f.transparent || rest[3]&1 != 0
			}
			rest = skipBlocks(skip(rest, 2))
		case 0x2c: // a frame
			if len(rest) < 10 {
				return f, errGIF
			}
			f.n++
			f.pixels += int64(binary.LittleEndian.Uint16(rest[5:])) * int64(binary.LittleEndian.Uint16(rest[7:]))
			colours := 0
			if rest[9]&0x80 != 0 {
				colours = 3 << (rest[9]&7 + 1)
			}
			rest = skipBlocks(skip(rest, 10+colours+1))
		default:
			return f, errGIF
		}
	}
	if f.n == 0 {
		return f, errGIF
	}
	return f, nil // without its last byte, which decoders may forgive
}

func skip(b []byte, n int) []byte { return b[min(n, len(b)):] }

// skipBlocks skips blocks of data up to the empty one.
func skipBlocks(b []byte) []byte {
	for len(b) > 0 && b[0] != 0 {
		b = skip(b, 1+int(b[0]))
	}
	return skip(b, 1)
}
