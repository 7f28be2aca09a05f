package vfs

import (
	"errors"
	"io"
	"math/bits"
	"sync"
)

// Logarithms of the sizes of the smallest and the largest buffer that is kept for the next view.
const (
	minBuffer = 12
	maxBuffer = 20
)

// buffers holds free buffers by the logarithm of their size.
var buffers [maxBuffer + 1]sync.Pool

// borrow returns a buffer of at least n bytes.
func borrow(n int64) *[]byte {
	class := max(minBuffer, bits.Len64(uint64(max(n, 1)-1)))
	if class > maxBuffer {
		return new(make([]byte, n))
	}
	if b, ok := buffers[class].Get().(*[]byte); ok {
		return b
	}
	return new(make([]byte, 1<<class))
}

// giveBack ends the use of a borrowed buffer.
func giveBack(b *[]byte) {
	if len(*b) <= 1<<maxBuffer {
		buffers[bits.Len(uint(len(*b)))-1].Put(b)
	}
}

// viewCopy calls use with a copy of n bytes of r from off. Who calls has checked that the file is so long.
func viewCopy(r io.ReaderAt, name string, off, n int64, use func([]byte) error) error {
	buf := borrow(n)
	defer giveBack(buf)
	b := (*buf)[:n]
	if got, err := r.ReadAt(b, off); got < len(b) {
		if errors.Is(err, io.EOF) {
			return outside("view", name, off, n)
		}
		return err
	}
	return use(b)
}
