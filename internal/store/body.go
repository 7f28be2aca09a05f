package store

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/meta"
)

// A body is the bytes of a request, durable in a blob that nothing names yet.
type body struct {
	blob blob.ID
	size int64
	md5  string // hexadecimal digits
}

func (b *body) extents() []extent {
	if b.size == 0 {
		return nil
	}
	return []extent{{blob: b.blob, n: b.size}}
}

// receive stores what r yields in a fresh blob. length is the number of bytes announced, -1 if unknown;
// contentMD5 is checked if it is not empty. An empty body takes no blob.
func (s *Store) receive(ctx context.Context, r io.Reader, length int64, contentMD5 string) (*body, error) {
	want, err := parseMD5(contentMD5)
	if err != nil {
		return nil, err
	}
	if length > MaxBody {
		return nil, tooLarge()
	}
	if r == nil || length == 0 {
		r = bytes.NewReader(nil)
	}
	in := &intake{r: r, left: MaxBody, sum: md5.New()}
	first := make([]byte, 1)
	n, err := io.ReadFull(in, first)
	if n == 0 && errors.Is(err, io.EOF) && length <= 0 {
		return finish(&body{}, in, want)
	}
	if n == 0 {
		return nil, in.fault(fmt.Errorf("read body: %w", err))
	}
	b := &body{blob: s.newBlobID()}
	b.size, err = s.blobs.Put(ctx, b.blob, length, io.MultiReader(bytes.NewReader(first), in))
	if err != nil {
		return nil, in.fault(err)
	}
	done, err := finish(b, in, want)
	if err != nil {
		s.forget(b, err)
	}
	return done, err
}

// finish takes the checksum of a body that was read to its end.
func finish(b *body, in *intake, want []byte) (*body, error) {
	sum := in.sum.Sum(nil)
	if want != nil && !bytes.Equal(sum, want) {
		return nil, fault.Newf(fault.BadDigest, "the body's MD5 is %x, Content-MD5 says %x", sum, want)
	}
	b.md5 = md5Hex(sum)
	return b, nil
}

// forget deletes the blob of a body that was not published because of err. Where nobody knows whether it was, and
// where it cannot be deleted, the orphan scan of a later start decides.
func (s *Store) forget(b *body, err error) {
	if b.size == 0 || errors.Is(err, meta.ErrUnknown) {
		return
	}
	if err := s.blobs.Delete(context.Background(), b.blob); err != nil {
		s.log.Warn("delete unpublished blob", slog.String("blob", b.blob.String()), slog.Any("error", err))
	}
}

// An intake reads a request's body: it counts and hashes, and remembers the body's
// own error, which is the client's fault, apart from an engine's.
type intake struct {
	r    io.Reader
	left int64
	sum  interface {
		io.Writer
		Sum([]byte) []byte
	}
	err error
}

func (in *intake) Read(p []byte) (int, error) {
	n, err := in.r.Read(p)
	if in.left -= int64(n); in.left < 0 {
		in.err = tooLarge()
		return 0, in.err
	}
	_, _ = in.sum.Write(p[:n]) // a hash does not fail
	if err != nil && !errors.Is(err, io.EOF) {
		in.err = err
	}
	return n, err
}

// fault returns what to tell the client when storing its body failed with err.
func (in *intake) fault(err error) error {
	var f *fault.Error
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(in.err, &f):
		return f
	case errors.Is(err, blob.ErrShort), errors.Is(err, io.EOF), errors.Is(in.err, io.ErrUnexpectedEOF):
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
