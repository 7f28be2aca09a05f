package store

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/md5lanes"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/sse"
)

// maxInline is the size up to which the bytes of an object lie beside its row, so that one sync
// makes both durable. docs/decisions/0007 has the measurements.
const maxInline = 16 << 10

// A larger body is read, hashed and written piece by piece. While it arrives slowly it takes one short piece of
// memory; once it is fast it takes two long ones, so that one is hashed while the next one arrives.
const (
	shortPiece = blob.PieceLen
	longPiece  = 4 * blob.PieceLen
	fastFill   = 10 * time.Millisecond // within which the bytes of a piece arrive that is followed by a long one
	maxLong    = 512                   // long pieces of all bodies together: clients that are fast and then stop hold no more
)

// longTaken is how many long pieces are in use.
var longTaken atomic.Int64

var (
	smallBuffers = sync.Pool{New: func() any { return new([maxInline + 1]byte) }}
	shortPieces  = sync.Pool{New: func() any { return new([shortPiece]byte) }}
	longPieces   = sync.Pool{New: func() any { return new([longPiece]byte) }}
)

// A body is the bytes of a request: in memory if they are few, else durable in a blob that nothing names yet.
type body struct {
	blob   blob.ID
	stored bool // there is a blob
	size   int64
	md5    string // hexadecimal digits
	inline []byte // aliases buf, unless it is encrypted
	buf    *[maxInline + 1]byte

	sealing *sealing // nil: it is not encrypted
	recoded bool     // it comes from an object
}

func (b *body) extents() []extent {
	if !b.stored {
		return nil
	}
	n := b.size
	if b.sealing != nil {
		n = sse.SealedLen(n)
	}
	return []extent{{blob: b.blob, n: n}}
}

// release gives back the buffer of the body.
func (b *body) release() {
	if b.buf != nil {
		smallBuffers.Put(b.buf)
		b.buf, b.inline = nil, nil
	}
}

// receive reads the body of a request. Up to inline bytes of it stay in memory; more go to a fresh blob. length is the
// number of bytes announced, -1 if unknown; contentMD5 is checked if it is not empty. The caller calls release, and settle or
// forget.
func (s *Store) receive(ctx context.Context, r io.Reader, length int64, contentMD5 string, inline int) (*body, error) {
	return s.receiveSealed(ctx, nil, r, length, contentMD5, inline)
}

// receiveSealed is receive with a key to encrypt with, unless that is nil.
func (s *Store) receiveSealed(ctx context.Context, key *sse.Key, r io.Reader, length int64, contentMD5 string, inline int) (*body, error) {
	want, err := parseMD5(contentMD5)
	if err != nil {
		return nil, err
	}
	if length > MaxBody {
		return nil, tooLarge()
	}
	if err := s.admit(); err != nil {
		return nil, err
	}
	if r == nil || length == 0 {
		r, length = bytes.NewReader(nil), 0
	}
	in := &intake{r: r, left: MaxBody, length: length}
	b := &body{}
	if key != nil {
		b.sealing = &sealing{key: key, salt: sse.NewSalt()}
	}
	if length <= int64(inline) {
		if err := b.readSmall(in, inline); err != nil {
			b.release()
			return nil, in.fault(err)
		}
	}
	if !in.ended || in.front != nil {
		if err := s.stream(ctx, b, in); err != nil {
			return nil, in.fault(err)
		}
	}
	if b.sealing != nil && len(b.inline) > 0 {
		b.inline = key.Seal(b.sealing.salt, b.inline)
	}
	if b.md5 = fmt.Sprintf("%x", in.sum); want != nil && !bytes.Equal(in.sum[:], want) {
		err := fault.Newf(fault.BadDigest, "the body's MD5 is %x, Content-MD5 says %x", in.sum, want)
		s.forget(b, err)
		b.release()
		return nil, err
	}
	return b, nil
}

// readSmall reads up to inline bytes into memory. If the body has ended then, it is complete; else what was
// read is in front of what in yields.
func (b *body) readSmall(in *intake, inline int) error {
	b.buf = smallBuffers.Get().(*[maxInline + 1]byte)
	n, err := in.fill(b.buf[:inline+1])
	if err != nil {
		return err
	}
	if !in.ended || n > inline {
		in.front = b.buf[:n]
		return nil
	}
	b.inline, b.size = b.buf[:n], int64(n)
	in.sum = md5.Sum(b.inline)
	return nil
}

// stream stores what in yields in a fresh blob.
func (s *Store) stream(ctx context.Context, b *body, in *intake) (err error) {
	in.begin()
	defer in.end()
	defer b.release() // its bytes are in the blob
	if b.sealing == nil {
		b.blob, b.size, err = s.blobs.Put(ctx, s.epoch, in.length, in)
	} else {
		sealer, length := b.sealing.source(in)
		defer sealer.Close()
		b.blob, _, err = s.blobs.Put(ctx, s.epoch, length, sealer)
		b.size = in.n
	}
	b.stored = err == nil
	return err
}

// settle tells the blobs that the body was published.
func (s *Store) settle(b *body) {
	if b.stored {
		s.blobs.Settle(b.blob)
	}
}

// forget deletes the blob of a body that was not published because of err. Where nobody knows whether it was, and
// where it cannot be deleted, the orphan scan of a later start decides.
func (s *Store) forget(b *body, err error) {
	if !b.stored || errors.Is(err, meta.ErrUnknown) {
		return
	}
	if err := s.blobs.Delete(context.Background(), s.liveBlobs(nil), b.blob); err != nil {
		s.log.Warn("delete unpublished blob", slog.String("blob", b.blob.String()), slog.Any("error", err))
	}
}

// An intake reads a request's body. It counts and hashes, and remembers the body's
// own error, which is the client's fault, apart from an engine's. It is the blob.Source of bodies that
// are not small.
type intake struct {
	r      io.Reader
	length int64 // announced, -1 if unknown
	n      int64 // bytes read so far
	left   int64 // bytes that are still allowed
	ended  bool
	err    error

	front []byte // bytes that were read and not yielded
	short *[shortPiece]byte
	long  [2]*[longPiece]byte
	turn  int  // which of long is next
	fast  bool // the last piece arrived fast
	hash  *md5lanes.Hash
	sum   [md5.Size]byte // once it has ended
}

func (in *intake) begin() { in.hash = md5lanes.New() }

// end waits for the hash and gives the memory back.
func (in *intake) end() {
	in.sum = in.hash.Sum()
	in.release()
	if in.short != nil {
		shortPieces.Put(in.short)
	}
}

// release gives back the long pieces, which nobody reads any more.
func (in *intake) release() {
	for i, p := range in.long {
		if p != nil {
			longPieces.Put(p)
			longTaken.Add(-1)
			in.long[i] = nil
		}
	}
}

// piece returns memory for the next piece. That of the one before the last is free again: the hash has
// taken a piece after it.
func (in *intake) piece() []byte {
	if in.fast && in.takeLong() {
		return in.long[in.turn][:]
	}
	in.hash.Wait()
	in.release()
	if in.short == nil {
		in.short = shortPieces.Get().(*[shortPiece]byte)
	}
	return in.short[:]
}

// Next implements blob.Source.
func (in *intake) Next() ([]byte, error) {
	if in.ended && in.front == nil {
		return nil, io.EOF
	}
	buf := in.piece()
	n := copy(buf, in.front)
	in.front = nil
	if !in.ended {
		began := time.Now()
		m, err := in.fill(buf[n:])
		if err != nil {
			return nil, err
		}
		n += m
		in.fast = time.Since(began) < fastFill
	}
	if n == 0 {
		return nil, io.EOF
	}
	_, _ = in.hash.Write(buf[:n]) // a hash does not fail; buf stays as it is until the hash has taken the piece after it
	return buf[:n], nil
}

// takeLong makes long[turn] the piece that was not used last, unless too many are in use.
func (in *intake) takeLong() bool {
	if in.long[in.turn^1] == nil {
		if longTaken.Add(1) > maxLong {
			longTaken.Add(-1)
			return false
		}
		in.long[in.turn^1] = longPieces.Get().(*[longPiece]byte)
	}
	in.turn ^= 1
	return true
}

// fill reads until p is full or the body ends. A body that ends before its announced length is an error.
func (in *intake) fill(p []byte) (n int, err error) {
	if in.length >= 0 {
		p = p[:min(int64(len(p)), in.length-in.n)]
	}
	for idle := 0; n < len(p) && err == nil; idle++ {
		var m int
		if m, err = in.r.Read(p[n:]); m > 0 {
			n, idle = n+m, 0
		}
		if idle == 100 {
			err = io.ErrNoProgress
		}
	}
	in.n += int64(n)
	switch {
	case in.n > in.left:
		in.err = tooLarge()
	case err == io.EOF && in.n < in.length: // exactly: whoever wraps it means a failure
		in.err = fmt.Errorf("%w: %d of %d bytes", blob.ErrShort, in.n, in.length)
	case err == io.EOF || in.n == in.length: // as above
		in.ended = true
	case err != nil:
		in.err = err
	}
	return n, in.err
}

// fault returns what to tell the client when storing its body failed with err.
func (in *intake) fault(err error) error {
	var f *fault.Error
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(in.err, &f):
		return f
	case errors.Is(in.err, blob.ErrShort), errors.Is(in.err, io.ErrUnexpectedEOF):
		return fault.Newf(fault.IncompleteBody, "the body ends before its announced length")
	case errors.As(in.err, &timeout) && timeout.Timeout():
		return fault.Newf(fault.IncompleteBody, "the body did not arrive in time")
	case in.err != nil:
		return fault.Newf(fault.IncompleteBody, "the body could not be read: %w", in.err)
	}
	return err
}

func tooLarge() *fault.Error {
	return fault.Newf(fault.EntityTooLarge, "the body is larger than %d bytes", int64(MaxBody))
}
