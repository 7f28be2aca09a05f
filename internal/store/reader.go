package store

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/oisproject/ois/internal/blob"
)

// cut returns the extents that hold n bytes from off.
func cut(list []extent, off, n int64) []extent {
	var part []extent
	for _, e := range list {
		if n <= 0 {
			break
		}
		if off >= e.n {
			off -= e.n
			continue
		}
		m := min(e.n-off, n)
		part = append(part, extent{blob: e.blob, off: e.off + off, n: m})
		off, n = 0, n-m
	}
	return part
}

var errClosed = errors.New("reader is closed")

// An extentReader reads extents one after another.
type extentReader struct {
	ctx    context.Context // of the request: Read has none
	object *Object
	rest   []extent
	open   io.ReadCloser // over rest[0]; nil before its first byte
	left   int64         // bytes that are still to come
	err    error
}

func (r *extentReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, r.err
	}
	for r.err == nil {
		if len(r.rest) == 0 {
			r.end()
			break
		}
		if r.open == nil {
			r.openFirst()
			continue
		}
		n, err := r.open.Read(p)
		if errors.Is(err, io.EOF) {
			err = r.closeFirst()
		}
		if err != nil {
			r.fail(err)
		}
		if r.left -= int64(n); n > 0 {
			return n, nil
		}
	}
	return 0, r.err
}

// WriteTo implements io.WriterTo: bytes go from the blobs to w as directly as both can.
func (r *extentReader) WriteTo(w io.Writer) (written int64, err error) {
	for r.err == nil {
		if len(r.rest) == 0 {
			r.end()
			break
		}
		if r.open == nil {
			r.openFirst()
			continue
		}
		n, err := io.Copy(w, r.open)
		written, r.left = written+n, r.left-n
		if err == nil {
			err = r.closeFirst()
		}
		if err != nil {
			r.fail(err)
		}
	}
	if r.err == io.EOF { //nolint:errorlint // from end itself
		return written, nil
	}
	return written, r.err
}

// closeFirst closes the reader of the first extent, which has ended.
func (r *extentReader) closeFirst() error {
	err := r.open.Close()
	r.open, r.rest = nil, r.rest[1:]
	return err
}

// end ends the reader behind its last extent. An object whose extents hold less than its size is damaged.
func (r *extentReader) end() {
	if r.left > 0 {
		r.fail(fmt.Errorf("%w: its last %d bytes are nowhere", blob.ErrCorrupt, r.left))
		return
	}
	r.err = io.EOF
}

func (r *extentReader) openFirst() {
	e := r.rest[0]
	open, err := r.object.bucket.store.blobs.Open(r.ctx, e.blob, e.off, e.n)
	if err != nil {
		r.fail(err)
		return
	}
	r.open = open
}

// fail ends the reader; a corrupt or missing blob is the store's loss, so the object is named aloud.
func (r *extentReader) fail(err error) {
	o := r.object
	if errors.Is(err, blob.ErrCorrupt) || errors.Is(err, blob.ErrNotExist) {
		r.err = o.damaged(err)
		return
	}
	r.err = fmt.Errorf("object %s/%q: %w", o.bucket.name, o.key, err)
}

func (r *extentReader) Close() error {
	if r.err == nil {
		r.err = errClosed
	}
	if r.open == nil {
		return nil
	}
	err := r.open.Close()
	r.open = nil
	return err
}
