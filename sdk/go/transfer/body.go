package transfer

import (
	"context"
	"crypto/md5" // what the service tells
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"strings"

	ois "github.com/oisproject/ois/sdk/go"
)

// A body is a range of bytes on its way to the service. Reading it counts, slows
// down and hashes; going back to the start, as a repeated attempt does, undoes that.
type body struct {
	ctx   context.Context // of the transfer
	src   io.ReaderAt
	off   int64 // of the first byte in src
	size  int64
	limit *limiter
	t     *tracker
	hash  hash.Hash // nil if nobody will compare

	// whole is called before the last bytes are handed out, and can keep them back, so that nothing comes of the request; nil hands them out.
	whole func() error

	pos     int64
	counted int64
}

func (p *pool) body(ctx context.Context, src io.ReaderAt, off, size int64, t *tracker) *body {
	b := &body{ctx: ctx, src: src, off: off, size: size, limit: p.up, t: t}
	if !p.o.NoVerify {
		b.hash = md5.New()
	}
	return b
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.pos >= b.size {
		return 0, io.EOF
	}
	if b.pos == 0 {
		b.restart()
	}
	p = b.limit.piece(p[:min(int64(len(p)), b.size-b.pos)])
	n, err := b.src.ReadAt(p, b.off+b.pos)
	if n < 0 || n > len(p) {
		return n, nil // which ends the request
	}
	if n > 0 {
		err = nil // it comes again if it matters
	}
	if isEOF(err) {
		err = fmt.Errorf("the source has become shorter: %w", io.ErrUnexpectedEOF)
	}
	if err == nil && b.whole != nil && b.pos+int64(n) == b.size {
		if err := b.whole(); err != nil {
			return 0, err
		}
	}
	if err == nil {
		err = b.limit.wait(b.ctx, n)
	}
	if b.hash != nil {
		b.hash.Write(p[:n])
	}
	b.pos += int64(n)
	b.counted += int64(n)
	b.t.add(int64(n))
	return n, err
}

// isEOF reports whether a reader has come to its end. An error that wraps io.EOF is none.
func isEOF(err error) bool {
	return err == io.EOF //nolint:errorlint // see above
}

func (b *body) restart() {
	b.t.add(-b.counted)
	b.counted = 0
	if b.hash != nil {
		b.hash.Reset()
	}
}

// Seek implements io.Seeker.
func (b *body) Seek(off int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		off += b.pos
	case io.SeekEnd:
		off += b.size
	}
	if off < 0 {
		return 0, os.ErrInvalid
	}
	b.pos = off
	return off, nil
}

// check compares what was sent with the ETag that the service made of it. It reports
// whether the two could be compared.
func (b *body) check(etag string) (bool, error) {
	if b.hash == nil {
		return false, nil
	}
	return compare(b.hash, etag)
}

// compare compares a hash with an ETag, if that is an MD5.
func compare(h hash.Hash, etag string) (bool, error) {
	theirs := md5Of(etag)
	if theirs == "" {
		return false, nil
	}
	if ours := hex.EncodeToString(h.Sum(nil)); ours != theirs {
		return true, fmt.Errorf("%w: the bytes have the MD5 %s, the service says %s", ErrChecksum, ours, theirs)
	}
	return true, nil
}

// md5Of is the MD5 that an ETag is, in hexadecimal, or empty.
func md5Of(etag string) string {
	text := strings.ToLower(strings.Trim(etag, `"`))
	if sum, err := hex.DecodeString(text); err != nil || len(sum) != md5.Size {
		return ""
	}
	return text
}

// A source is an input whose bytes can be read anywhere and more than once.
type source struct {
	io.ReaderAt
	off, size int64
	seeker    io.Seeker // stands at off
}

// sourceOf looks at an input. It is nil for one that can only be read as a stream.
func sourceOf(r io.Reader) *source {
	at, ok := r.(io.ReaderAt)
	seeker, ok2 := r.(io.Seeker)
	if !ok || !ok2 {
		return nil
	}
	if f, ok := r.(*os.File); ok {
		if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
			return nil
		}
	}
	off, err := seeker.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil
	}
	end, err := seeker.Seek(0, io.SeekEnd)
	if err != nil {
		return nil
	}
	if _, err := seeker.Seek(off, io.SeekStart); err != nil {
		return nil
	}
	if end <= off {
		return nil // some files, of the kernel's for instance, hold more than they say
	}
	return &source{at, off, end - off, seeker}
}

// written makes a result of what Put has made.
func written(w *ois.Written) *Result { return &Result{ETag: w.ETag, VersionID: w.VersionID} }
