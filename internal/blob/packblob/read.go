package packblob

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/oisproject/ois/internal/blob"
)

// viewChunks is how many chunks are read at once. Over a connection, one costs a fifth more than two, and four cost
// the same as two.
const viewChunks = 2

const viewLen = viewChunks * chunkLen

// tableChunks is how many checksums of a long table are read at once.
const tableChunks = 16

// Open implements blob.Engine. The reader implements io.WriterTo, too.
func (e *Engine) Open(ctx context.Context, id blob.ID, off, n int64) (io.ReadCloser, error) {
	if err := e.gate.Enter(ctx); err != nil {
		return nil, err
	}
	defer e.gate.Leave()
	r, err := e.open(id, off, n)
	if err != nil {
		return nil, fmt.Errorf("open blob %s: %w", id, err)
	}
	return r, nil
}

func (e *Engine) open(id blob.ID, off, n int64) (*reader, error) {
	p, err := e.files.acquire(packOf(id))
	if err != nil {
		return nil, err
	}
	r := newReader(e, p, id)
	if err := r.init(off, n); err != nil {
		e.files.release(p)
		return nil, err
	}
	return r, nil
}

// A reader yields a range of a blob. It holds no bytes of it: each call views the chunks it needs, checks them, and hands
// bytes out of the same view, so that none leaves that was not checked in that very place. A small Read pays for
// a whole chunk.
type reader struct {
	e    *Engine
	pack *pack // nil when closed
	id   blob.ID
	size int64 // of the blob
	next int64 // offset of the next byte to hand out
	end  int64 // offset of the end of the range
	err  error // what every further Read returns

	sums   summer
	table  [tableChunks * sumLen]byte // checksums of the chunks of tabled
	tabled span

	// What a view is for. It is kept here, so that views need no memory of their own.
	use    func([]byte) error // r.see
	part   part               // what is seen
	chunks span               // those that r.next is in or before
	dst    []byte             // where bytes are handed out to, if not nil
	w      io.Writer          // or there
	took   int                // bytes that were
	fault  error              // what went wrong in our hands
}

// A span is the chunks from the first up to, and without, the last.
type span struct{ first, last int64 }

// A part is what a reader sees of a blob.
type part uint8

const (
	partHeader part = iota
	partTable
	partChunks
	partChunksAndTable // all up to the checksum of the last one
)

func newReader(e *Engine, p *pack, id blob.ID) *reader {
	r := &reader{e: e, pack: p, id: id}
	r.sums.reset(id)
	r.use = r.see
	return r
}

// init reads the header and prepares for n bytes from off.
func (r *reader) init(off, n int64) error {
	if err := r.readHeader(); err != nil {
		return err
	}
	if n < 0 {
		n = r.size - off
	}
	if off < 0 || n < 0 || off > r.size || n > r.size-off {
		return fmt.Errorf("%w: %d bytes from %d do not lie within its %d", blob.ErrCorrupt, n, off, r.size)
	}
	r.next, r.end = off, off+n
	return nil
}

// readHeader sets the size. It returns an error matching blob.ErrNotExist if nothing was written there.
func (r *reader) readHeader() error {
	r.part, r.fault = partHeader, nil
	err := r.pack.View(offsetOf(r.id), headerLen, r.use)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %s ends before it", blob.ErrNotExist, r.pack.name)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", r.pack.name, err)
	}
	return nil
}

// sizeOf returns the bytes of a blob, if there is a header that says it. An error is one of the disk.
func (p *pack) sizeOf(id blob.ID) (size int64, known bool, err error) {
	r := newReader(nil, p, id)
	err = r.readHeader()
	known = err == nil
	if r.fault != nil || errors.Is(err, blob.ErrNotExist) {
		err = nil // the disk has done what it could
	}
	return r.size, known, err
}

// look hands bytes out to dst or w, at most n of them.
func (r *reader) look(n int64, dst []byte, w io.Writer) error {
	r.dst, r.w, r.took = dst, w, 0
	c := span{first: r.next / chunkLen}
	c.last = min(c.first+viewChunks, chunks(r.next+min(n, r.end-r.next)))
	r.chunks = c
	start, end := c.first*chunkLen, min(c.last*chunkLen, r.size)
	if behind := r.size + c.last*sumLen; behind-start <= viewLen {
		return r.view(partChunksAndTable, start, behind-start)
	}
	if t := &r.tabled; c.first < t.first || c.last > t.last {
		t.first, t.last = c.first, min(c.first+tableChunks, chunks(r.size))
		if err := r.view(partTable, r.size+t.first*sumLen, (t.last-t.first)*sumLen); err != nil {
			return err
		}
	}
	return r.view(partChunks, start, end-start)
}

// view sees n bytes from off, counted from the start of the data.
func (r *reader) view(what part, off, n int64) error {
	r.part, r.fault = what, nil
	err := r.pack.View(offsetOf(r.id)+headerLen+off, n, r.use)
	switch {
	case r.fault != nil:
		return r.fault
	case errors.Is(err, io.ErrUnexpectedEOF):
		r.err = fmt.Errorf("blob %s: %w: %s ends within it", r.id, blob.ErrCorrupt, r.pack.name)
	case err != nil:
		r.err = fmt.Errorf("blob %s in %s: %w", r.id, r.pack.name, err)
	}
	return r.err
}

// see is called with what a view is for.
func (r *reader) see(b []byte) error {
	switch c := r.chunks; r.part {
	case partHeader:
		r.size, r.fault = readHeader(b, r.id)
	case partTable:
		copy(r.table[:], b)
	case partChunks:
		r.fault = r.handOut(b, r.table[(c.first-r.tabled.first)*sumLen:])
	case partChunksAndTable:
		data := b[:min(c.last*chunkLen, r.size)-c.first*chunkLen]
		r.fault = r.handOut(data, b[int64(len(b))-(c.last-c.first)*sumLen:])
	}
	return r.fault
}

// handOut hands out what is wanted of r.chunks, if all of them match their checksums.
func (r *reader) handOut(data, table []byte) (err error) {
	n := r.chunks.first
	for rest := data; len(rest) > 0; n++ {
		chunk := rest[:min(chunkLen, len(rest))]
		if r.sums.sum(n, chunk) != binary.BigEndian.Uint32(table) {
			r.err = fmt.Errorf("blob %s in %s, chunk %d: %w: checksum does not match", r.id, r.pack.name, n, blob.ErrCorrupt)
			return r.err
		}
		rest, table = rest[len(chunk):], table[sumLen:]
	}
	start := r.chunks.first * chunkLen
	wanted := data[r.next-start : min(int64(len(data)), r.end-start)]
	if r.dst != nil {
		r.took = copy(r.dst, wanted)
	} else if r.took, err = r.w.Write(wanted); err == nil && r.took < len(wanted) {
		err = io.ErrShortWrite
	}
	r.next += int64(r.took)
	return err
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	switch {
	case len(p) == 0 || r.err != nil:
		return 0, r.err
	case r.next == r.end:
		return 0, io.EOF
	}
	err := r.look(int64(len(p)), p, nil)
	return r.took, err
}

// WriteTo implements io.WriterTo. While w waits, there is a view.
func (r *reader) WriteTo(w io.Writer) (written int64, err error) {
	for r.err == nil && r.next < r.end {
		err := r.look(viewLen, nil, w)
		written += int64(r.took)
		if err != nil {
			return written, err
		}
	}
	return written, r.err
}

// Close implements io.Closer.
func (r *reader) Close() error {
	if r.pack == nil {
		return blob.ErrClosed
	}
	r.e.files.release(r.pack)
	r.pack, r.err = nil, blob.ErrClosed
	return nil
}
