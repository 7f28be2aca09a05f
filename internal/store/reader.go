package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

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

// An extentReader reads extents one after another.
type extentReader struct {
	ctx    context.Context
	object *Object
	rest   []extent
	open   io.ReadCloser // over rest[0]; nil before its first byte
	err    error
}

func (r *extentReader) Read(p []byte) (int, error) {
	for r.err == nil {
		if len(r.rest) == 0 {
			return 0, io.EOF
		}
		if r.open == nil {
			r.openFirst()
			continue
		}
		n, err := r.open.Read(p)
		if errors.Is(err, io.EOF) {
			err = r.open.Close()
			r.open, r.rest = nil, r.rest[1:]
		}
		if err != nil {
			r.fail(err)
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, r.err
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
	r.err = fmt.Errorf("object %s/%q: %w", o.bucket.name, o.key, err)
	if errors.Is(err, blob.ErrCorrupt) || errors.Is(err, blob.ErrNotExist) {
		o.bucket.store.log.ErrorContext(r.ctx, "object is damaged", slog.String("bucket", o.bucket.name), slog.String("key", o.key),
			slog.String("blob", r.rest[0].blob.String()), slog.Any("error", err))
	}
}

func (r *extentReader) Close() error {
	r.rest = nil
	if r.open == nil {
		return nil
	}
	err := r.open.Close()
	r.open = nil
	return err
}
