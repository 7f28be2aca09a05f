package oisblob

import (
	"context"
	"errors"
	"io"

	"gocloud.dev/blob/driver"

	ois "github.com/oisproject/ois/sdk/go"
)

// reader implements driver.Reader.
type reader struct {
	io.ReadCloser
	r     *ois.Reader // nil if there is nothing to read
	attrs driver.ReaderAttributes
}

// Attributes implements driver.Reader.
func (r *reader) Attributes() *driver.ReaderAttributes { return &r.attrs }

// As implements driver.Reader.
func (r *reader) As(i any) bool { return r.r != nil && as(i, r.r) }

// NewRangeReader implements driver.Bucket. What begins behind the end of the object is empty.
func (b *bucket) NewRangeReader(ctx context.Context, key string, offset, length int64, opts *driver.ReaderOptions) (driver.Reader, error) {
	o := &ois.GetOptions{Offset: offset, Length: max(length, 0)}
	if err := before(opts.BeforeRead, o); err != nil {
		return nil, err
	}
	if length == 0 { // the service knows no empty ranges
		return b.emptyReader(ctx, key, o)
	}
	r, err := b.b.Get(ctx, key, o)
	if errors.Is(err, ois.ErrRange) {
		return b.emptyReader(ctx, key, o)
	} else if err != nil {
		return nil, err
	}
	return &reader{r, r, readerAttributes(&r.Info)}, nil
}

// emptyReader yields nothing of an object that exists.
func (b *bucket) emptyReader(ctx context.Context, key string, o *ois.GetOptions) (driver.Reader, error) {
	info, err := b.b.Head(ctx, key, &ois.HeadOptions{
		VersionID: o.VersionID, IfMatch: o.IfMatch, IfNoneMatch: o.IfNoneMatch,
		IfModifiedSince: o.IfModifiedSince, IfUnmodifiedSince: o.IfUnmodifiedSince, EncryptionKey: o.EncryptionKey,
	})
	if err != nil {
		return nil, err
	}
	return &reader{nothing{}, nil, readerAttributes(info)}, nil
}

func readerAttributes(info *ois.Info) driver.ReaderAttributes {
	return driver.ReaderAttributes{ContentType: contentType(info.ContentType), ModTime: info.Modified, Size: info.Size}
}

// nothing has no bytes.
type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, io.EOF }
func (nothing) Close() error             { return nil }
