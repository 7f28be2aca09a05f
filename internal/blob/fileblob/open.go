package fileblob

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"sync"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/invariants"
	"github.com/oisproject/ois/internal/vfs"
)

// tailLen is read at once from the end of a large file: the footer, and a table of up to 63 MiB of data.
const tailLen = 4 << 10

// A buffer holds a chunk and, for a blob of one chunk, all that comes after it.
type buffer [chunkSize + sumLen + footerLen]byte

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// Open is that of blob.Engine. The reader implements io.WriterTo, too.
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
	f, err := e.fs.Open(e.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, blob.ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	r := &reader{file: f, sums: newSummer(id)}
	if err := r.init(off, n); err != nil {
		r.release()
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

// A reader yields a range of a blob, chunk by chunk, each checked before its first byte is handed out.
type reader struct {
	file  vfs.File // nil when closed
	sums  summer
	size  int64   // of the blob
	table []byte  // checksums of the chunks from first on, as far as the range needs them
	first int64   // number of the chunk whose checksum is first in table
	next  int64   // offset of the next byte to hand out
	end   int64   // offset of the end of the range
	buf   *buffer // nil while no chunk is held
	chunk []byte  // what is left of the chunk in buf, up to end
	err   error   // what every further Read returns
}

// init reads and checks the end of the file and prepares for n bytes from off. A small file
// is read as a whole.
func (r *reader) init(off, n int64) error {
	r.buf = buffers.Get().(*buffer)
	foot, table, err := readEnd(r.file, r.buf)
	if err != nil {
		return err
	}
	if foot.id != r.sums.id {
		return fmt.Errorf("%w: file is that of blob %s", blob.ErrCorrupt, foot.id)
	}
	r.size = foot.size
	if n < 0 {
		n = r.size - off
	}
	if off < 0 || n < 0 || off > r.size || n > r.size-off {
		return fmt.Errorf("%w: %d bytes from %d do not lie within its %d", blob.ErrCorrupt, n, off, r.size)
	}
	r.next, r.end = off, off+n
	r.first = off / chunkSize
	r.table = bytes.Clone(table[r.first*sumLen : chunks(r.end)*sumLen]) // out of buf, which is for chunks now
	switch {
	case n == 0:
		r.release()
	case foot.fileLen() <= int64(len(r.buf)):
		return r.check(0, r.buf[:r.size])
	}
	return nil
}

// readEnd reads and checks footer and table of a file. It uses buf, and fills it with the whole
// file if there is room.
func readEnd(f vfs.File, buf *buffer) (footer, []byte, error) {
	fi, err := f.Stat()
	if err != nil {
		return footer{}, nil, err
	}
	size := fi.Size()
	tail := buf[:tailLen]
	if size <= int64(len(buf)) {
		tail = buf[:size]
	}
	if err := readAt(f, tail, size-int64(len(tail))); err != nil {
		return footer{}, nil, err
	}
	foot, err := decodeFooter(tail[max(0, len(tail)-footerLen):], size)
	if err != nil {
		return footer{}, nil, err
	}
	table := tail[:len(tail)-footerLen]
	if skip := int64(len(table)) - foot.tableLen(); skip >= 0 {
		table = table[skip:]
	} else {
		table = make([]byte, foot.tableLen())
		if err := readAt(f, table, foot.size); err != nil {
			return footer{}, nil, err
		}
	}
	if crc32.Checksum(table, castagnoli) != foot.tableSum {
		return footer{}, nil, fmt.Errorf("%w: checksum of the table does not match", blob.ErrCorrupt)
	}
	return foot, table, nil
}

// readAt fills b from off; a file that ends before is corrupt.
func readAt(f vfs.File, b []byte, off int64) error {
	if len(b) == 0 {
		return nil
	}
	n, err := f.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: file ends at %d", blob.ErrCorrupt, off+int64(n))
	}
	return err
}

// load makes r.chunk the next bytes of the range. It returns io.EOF at the end.
func (r *reader) load() error {
	switch {
	case r.err != nil:
		return r.err
	case len(r.chunk) > 0:
		return nil
	case r.next == r.end:
		return io.EOF
	}
	if r.buf == nil {
		r.buf = buffers.Get().(*buffer)
	}
	r.err = r.read(r.next / chunkSize)
	return r.err
}

// read reads and checks chunk n.
func (r *reader) read(n int64) error {
	b := r.buf[:min(chunkSize, r.size-n*chunkSize)]
	if err := readAt(r.file, b, n*chunkSize); err != nil {
		return fmt.Errorf("blob %s, chunk %d: %w", r.sums.id, n, err)
	}
	return r.check(n, b)
}

// check makes b, which is chunk n, what is handed out next, if its checksum matches.
func (r *reader) check(n int64, b []byte) error {
	want := binary.BigEndian.Uint32(r.table[(n-r.first)*sumLen:])
	if r.sums.sum(n, b) != want {
		return fmt.Errorf("blob %s, chunk %d: %w: checksum does not match", r.sums.id, n, blob.ErrCorrupt)
	}
	start := n * chunkSize
	r.chunk = b[r.next-start : min(int64(len(b)), r.end-start)]
	return nil
}

// took notes that n bytes of the chunk were handed out.
func (r *reader) took(n int) {
	r.next += int64(n)
	r.chunk = r.chunk[n:]
	if len(r.chunk) == 0 && r.next == r.end {
		r.release()
	}
}

func (r *reader) release() {
	if r.buf != nil {
		invariants.Scribble(r.buf[:])
		buffers.Put(r.buf)
		r.buf, r.chunk = nil, nil
	}
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, r.err
	}
	if err := r.load(); err != nil {
		return 0, err
	}
	n := copy(p, r.chunk)
	r.took(n)
	return n, nil
}

// WriteTo implements io.WriterTo.
func (r *reader) WriteTo(w io.Writer) (written int64, err error) {
	for {
		if err := r.load(); err != nil {
			if err == io.EOF { //nolint:errorlint // from load itself
				return written, nil
			}
			return written, err
		}
		n, err := w.Write(r.chunk)
		if err == nil && n < len(r.chunk) {
			err = io.ErrShortWrite
		}
		written += int64(n)
		r.took(n)
		if err != nil {
			return written, err
		}
	}
}

// Close implements io.Closer.
func (r *reader) Close() error {
	if r.file == nil {
		return blob.ErrClosed
	}
	r.release()
	f := r.file
	r.file, r.err = nil, blob.ErrClosed
	return f.Close()
}
