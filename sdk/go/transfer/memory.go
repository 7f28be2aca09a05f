package transfer

import (
	"container/list"
	"context"
	"io"
	"sync"

	"github.com/oisproject/ois/sdk/go/internal/reading"
)

// A budget hands out bytes, first come, first served. Whoever wants much is not
// overtaken by those who want little.
type budget struct {
	mu      sync.Mutex
	free    int64     // guarded by mu
	waiting list.List // of *claim; guarded by mu
}

type claim struct {
	n    int64
	done chan struct{} // closed when the claim is met
}

// take waits until n bytes are free. It is not for more than the whole budget.
func (b *budget) take(ctx context.Context, n int64) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	b.mu.Lock()
	if b.waiting.Len() == 0 && b.free >= n {
		b.free -= n
		b.mu.Unlock()
		return nil
	}
	c := &claim{n, make(chan struct{})}
	place := b.waiting.PushBack(c)
	b.mu.Unlock()
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-c.done:
		b.free += n
	default:
		b.waiting.Remove(place)
	}
	b.serve()
	return context.Cause(ctx)
}

// give returns n bytes.
func (b *budget) give(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free += n
	b.serve()
}

// serve meets the claims that can be met. The caller holds mu.
func (b *budget) serve() {
	for e := b.waiting.Front(); e != nil; e = b.waiting.Front() {
		c := e.Value.(*claim)
		if c.n > b.free {
			return
		}
		b.free -= c.n
		b.waiting.Remove(e)
		close(c.done)
	}
}

// A chunk is what buffers are made of. One size fits parts of any size, and a
// small object takes no more than one.
type chunk [32 << 10]byte

// A buffer holds bytes in chunks of its pool.
type buffer struct {
	pool   *pool
	chunks []*chunk
	size   int64
}

// fill appends what r yields, up to most bytes in all. It returns io.EOF if r ended.
func (b *buffer) fill(ctx context.Context, r io.Reader, most int64) error {
	for b.size < most {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		room := b.room()
		if left := most - b.size; int64(len(room)) > left {
			room = room[:left]
		}
		n, err := reading.Some(r, room)
		b.size += int64(n)
		if err != nil {
			return err
		}
	}
	return nil
}

// append appends p.
func (b *buffer) append(p []byte) {
	for len(p) > 0 {
		n := copy(b.room(), p)
		b.size += int64(n)
		p = p[n:]
	}
}

// room is what is left of the last chunk, which is a new one if that is full.
func (b *buffer) room() []byte {
	if b.size == int64(len(b.chunks))*int64(len(chunk{})) {
		b.chunks = append(b.chunks, b.pool.chunks.Get().(*chunk))
	}
	return b.chunks[len(b.chunks)-1][b.size%int64(len(chunk{})):]
}

// ReadAt implements io.ReaderAt.
func (b *buffer) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		if off >= b.size {
			return n, io.EOF
		}
		c := b.chunks[off/int64(len(chunk{}))]
		from := off % int64(len(chunk{}))
		to := min(int64(len(chunk{})), from+b.size-off)
		m := copy(p[n:], c[from:to])
		n, off = n+m, off+int64(m)
	}
	return n, nil
}

// WriteTo implements io.WriterTo.
func (b *buffer) WriteTo(w io.Writer) (int64, error) {
	var done int64
	for _, c := range b.chunks {
		n, err := w.Write(c[:min(int64(len(c)), b.size-done)])
		done += int64(n)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// free gives the chunks back. It may be called twice.
func (b *buffer) free() {
	for _, c := range b.chunks {
		b.pool.chunks.Put(c)
	}
	b.chunks, b.size = nil, 0
}
