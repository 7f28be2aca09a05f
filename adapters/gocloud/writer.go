package oisblob

import (
	"context"
	"encoding/base64"
	"errors"
	"io"

	"gocloud.dev/blob/driver"

	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/transfer"
)

// Parts of objects that are written: what the service allows, and how many go at once unless the
// options say otherwise. A writer has one part more than that in memory.
const (
	minPart            = 4 << 20
	maxPart            = 5 << 30
	defaultConcurrency = 4
)

// A writer implements driver.Writer and driver.Uploader. What is written goes through a pipe to an
// upload, which runs from the first Write to Close; the object comes about in Close.
type writer struct {
	ctx  context.Context
	m    *transfer.Manager
	key  string
	opts *transfer.UploadOptions

	pipe     *io.PipeWriter // nil before the first Write, and if Upload was called
	unhook   func() bool    // undoes what happens to pipe when ctx ends
	uploaded bool           // Upload was called
	done     chan struct{}  // closed when the upload behind pipe has ended
	err      error          // of that upload; set before done is closed
}

// NewTypedWriter implements driver.Bucket. Each writer has a manager of its own: a program that
// writes several objects in turns would wait for ever if they had to share memory.
func (b *bucket) NewTypedWriter(ctx context.Context, key, contentType string, opts *driver.WriterOptions) (driver.Writer, error) {
	metadata, err := encodeMetadata(opts.Metadata, opts.ContentLanguage)
	if err != nil {
		return nil, err
	}
	o := &transfer.UploadOptions{PutOptions: ois.PutOptions{
		ContentType:        contentType,
		CacheControl:       opts.CacheControl,
		ContentDisposition: opts.ContentDisposition,
		ContentEncoding:    opts.ContentEncoding,
		Metadata:           metadata,
	}}
	if len(opts.ContentMD5) > 0 {
		o.ContentMD5 = base64.StdEncoding.EncodeToString(opts.ContentMD5)
	}
	if opts.IfNotExist {
		o.IfNoneMatch = "*"
	}
	if err := before(opts.BeforeWrite, o); err != nil {
		return nil, err
	}
	t := transfer.Options{Concurrency: defaultConcurrency}
	if opts.MaxConcurrency > 0 {
		t.Concurrency = opts.MaxConcurrency
	}
	if opts.BufferSize > 0 {
		t.PartSize = min(max(int64(opts.BufferSize), minPart), maxPart)
	}
	return &writer{ctx: ctx, m: transfer.New(b.b, t), key: key, opts: o}, nil
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if w.pipe == nil {
		w.start()
	}
	n, err := w.pipe.Write(p)
	if end := w.ctx.Err(); end != nil && errors.Is(err, io.ErrClosedPipe) {
		err = end // which has closed it
	}
	return n, err
}

// start begins the upload. The end of the context ends it, also while it waits for bytes.
func (w *writer) start() {
	r, pipe := io.Pipe()
	w.pipe, w.done = pipe, make(chan struct{})
	w.unhook = context.AfterFunc(w.ctx, func() { _ = pipe.CloseWithError(w.ctx.Err()) }) // never fails
	go func() {
		defer close(w.done)
		_, w.err = w.m.Upload(w.ctx, w.key, r, w.opts)
		_ = r.CloseWithError(w.err) // never fails; the next Write has the error
	}()
}

// Upload implements driver.Uploader. Files are read where the parts are, without a pipe.
func (w *writer) Upload(r io.Reader) error {
	w.uploaded = true
	_, err := w.m.Upload(w.ctx, w.key, r, w.opts)
	return err
}

// Close implements io.Closer. If the context has ended there is no object, or the one that was there.
func (w *writer) Close() error {
	switch {
	case w.uploaded:
		return nil // Upload has returned what there is to say
	case w.pipe == nil:
		return w.Upload(nothing{})
	}
	w.unhook()
	if err := w.ctx.Err(); err != nil {
		_ = w.pipe.CloseWithError(err) // never fails
	} else {
		_ = w.pipe.Close() // never fails
	}
	<-w.done
	return w.err
}
