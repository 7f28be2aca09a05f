package oisobjstore

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/thanos-io/objstore"

	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/transfer"
)

// Provider is what [Bucket.Provider] returns.
const Provider objstore.ObjProvider = "OIS"

// A Bucket is a bucket of the SDK as objstore wants it. It is safe for concurrent use.
type Bucket struct {
	b *ois.Bucket
	m *transfer.Manager
}

var _ objstore.Bucket = (*Bucket)(nil)

// New returns a bucket of objstore. Nothing is sent; the bucket need not exist.
func New(b *ois.Bucket) *Bucket { return &Bucket{b, transfer.New(b, transfer.Options{})} }

// Provider implements objstore.Bucket.
func (b *Bucket) Provider() objstore.ObjProvider { return Provider }

// Name implements objstore.Bucket.
func (b *Bucket) Name() string { return b.b.Name() }

// Close implements objstore.Bucket. It leaves the client as it is.
func (b *Bucket) Close() error { return nil }

// Upload implements objstore.Bucket. Objects of any size are sent in parts, several at once. Files are
// read where the parts are; other readers are streams, for which all uploads together have 72 MiB.
// An upload that fails leaves nothing.
func (b *Bucket) Upload(ctx context.Context, name string, r io.Reader, opts ...objstore.ObjectUploadOption) error {
	o := &transfer.UploadOptions{}
	o.ContentType = objstore.ApplyObjectUploadOptions(opts...).ContentType
	_, err := b.m.Upload(ctx, name, r, o)
	return err
}

// Delete implements objstore.Bucket, which wants an error if there is no such object. To the service
// that counts as deleted, so it is asked first.
func (b *Bucket) Delete(ctx context.Context, name string) error {
	if _, err := b.b.Head(ctx, name, nil); err != nil {
		return err
	}
	return b.b.Remove(ctx, name, nil)
}

// Get implements objstore.BucketReader. The reader goes on where a connection broke, and knows its size.
func (b *Bucket) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	return b.GetRange(ctx, name, 0, -1)
}

// GetRange implements objstore.BucketReader. A length of -1 is the rest of the object. A range that ends
// behind the object is cut short; one that starts there is [ois.ErrRange].
func (b *Bucket) GetRange(ctx context.Context, name string, off, length int64) (io.ReadCloser, error) {
	switch {
	case off < 0:
		return nil, fmt.Errorf("read %q: offset %d is negative", name, off)
	case length < -1:
		return nil, fmt.Errorf("read %q: length %d; want -1 for the rest, or a length", name, length)
	case length == 0: // the service knows no empty ranges
		if _, err := b.b.Head(ctx, name, nil); err != nil {
			return nil, err
		}
		return nothing{}, nil
	}
	r, err := b.b.Get(ctx, name, &ois.GetOptions{Offset: off, Length: max(length, 0)})
	if err != nil {
		return nil, err
	}
	return reader{r}, nil
}

// A reader knows how many bytes it yields.
type reader struct{ *ois.Reader }

// ObjectSize implements objstore.ObjectSizer.
func (r reader) ObjectSize() (int64, error) {
	if r.Length < 0 {
		return 0, errors.New("the service does not tell the size")
	}
	return r.Length, nil
}

// nothing has no bytes.
type nothing struct{}

func (nothing) Read([]byte) (int, error)   { return 0, io.EOF }
func (nothing) Close() error               { return nil }
func (nothing) ObjectSize() (int64, error) { return 0, nil }

// Exists implements objstore.BucketReader.
func (b *Bucket) Exists(ctx context.Context, name string) (bool, error) {
	_, err := b.b.Head(ctx, name, nil)
	if b.IsObjNotFoundErr(err) {
		return false, nil
	}
	return err == nil, err
}

// Attributes implements objstore.BucketReader.
func (b *Bucket) Attributes(ctx context.Context, name string) (objstore.ObjectAttributes, error) {
	info, err := b.b.Head(ctx, name, nil)
	if err != nil {
		return objstore.ObjectAttributes{}, err
	}
	return objstore.ObjectAttributes{Size: info.Size, LastModified: info.Modified}, nil
}

// IsObjNotFoundErr implements objstore.BucketReader. A bucket that is not there is no object that
// is not there, where the service tells them apart: the answer to HEAD does not.
func (b *Bucket) IsObjNotFoundErr(err error) bool {
	var e *ois.Error
	if errors.As(err, &e) && e.Code == "bucket_not_exists" {
		return false
	}
	return errors.Is(err, ois.ErrNotFound)
}

// IsAccessDeniedErr implements objstore.BucketReader.
func (b *Bucket) IsAccessDeniedErr(err error) bool { return errors.Is(err, ois.ErrPermission) }
