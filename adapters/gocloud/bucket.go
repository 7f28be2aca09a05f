package oisblob

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"

	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
	"github.com/oisproject/ois/sdk/go/transfer"
)

// OpenBucket returns a bucket of the SDK as one of Go CDK. Nothing is sent; the bucket need not
// exist. Closing it leaves the client of b as it is.
func OpenBucket(b *ois.Bucket) *blob.Bucket { return blob.NewBucket(&bucket{b: b}) }

// bucket implements driver.Bucket.
type bucket struct {
	b     *ois.Bucket
	close func() // what Close ends; nil for nothing
}

// Close implements driver.Bucket.
func (b *bucket) Close() error {
	if b.close != nil {
		b.close()
	}
	return nil
}

// errorCodes are what errors of the SDK mean in Go CDK; the first that fits counts.
var errorCodes = []struct {
	err  error
	code gcerrors.ErrorCode
}{
	{ois.ErrNotFound, gcerrors.NotFound},
	{ois.ErrPermission, gcerrors.PermissionDenied},
	{ois.ErrExist, gcerrors.AlreadyExists},
	{ois.ErrPrecondition, gcerrors.FailedPrecondition},
	{ois.ErrNotModified, gcerrors.FailedPrecondition},
	{ois.ErrRange, gcerrors.InvalidArgument},
	{ois.ErrBusy, gcerrors.ResourceExhausted},
	{ois.ErrUnsupported, gcerrors.Unimplemented},
}

// ErrorCode implements driver.Bucket. Errors of contexts have their code before they come here.
func (b *bucket) ErrorCode(err error) gcerrors.ErrorCode {
	for _, c := range errorCodes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	var input *api.InputError
	var e *ois.Error
	if errors.As(err, &input) || errors.As(err, &e) && e.Status == http.StatusBadRequest {
		return gcerrors.InvalidArgument
	}
	return gcerrors.Unknown
}

// As implements driver.Bucket.
func (b *bucket) As(i any) bool { return as(i, b.b) }

// ErrorAs implements driver.Bucket.
func (b *bucket) ErrorAs(err error, i any) bool { return errors.As(err, i) }

// as hands v out if i is a pointer to its type.
func as[T any](i any, v T) bool {
	p, ok := i.(*T)
	if ok {
		*p = v
	}
	return ok
}

// asFunc is as for a single v.
func asFunc[T any](v T) func(any) bool { return func(i any) bool { return as(i, v) } }

// before calls a hook, which may change what v points to.
func before[T any](hook func(func(any) bool) error, v *T) error {
	if hook == nil {
		return nil
	}
	return hook(asFunc(v))
}

// Attributes implements driver.Bucket.
func (b *bucket) Attributes(ctx context.Context, key string) (*driver.Attributes, error) {
	info, err := b.b.Head(ctx, key, nil)
	if err != nil {
		return nil, err
	}
	metadata, language := decodeMetadata(info.Metadata)
	return &driver.Attributes{
		CacheControl:       info.CacheControl,
		ContentDisposition: info.ContentDisposition,
		ContentEncoding:    info.ContentEncoding,
		ContentLanguage:    cmp.Or(info.ContentLanguage, language),
		ContentType:        contentType(info.ContentType),
		Metadata:           metadata,
		ModTime:            info.Modified,
		Size:               info.Size,
		MD5:                md5Of(info.ETag, info.Encrypted),
		ETag:               info.ETag,
		AsFunc:             asFunc(*info),
	}, nil
}

// contentType is never empty, as Go CDK wants it.
func contentType(s string) string { return cmp.Or(s, "application/octet-stream") }

// md5Of is the MD5 that an ETag is, or nil: those of objects that were written in parts and of
// encrypted ones are something else.
func md5Of(etag string, encrypted bool) []byte {
	sum, err := hex.DecodeString(strings.Trim(etag, `"`))
	if err != nil || len(sum) != 16 || encrypted {
		return nil
	}
	return sum
}

// ListPaged implements driver.Bucket.
func (b *bucket) ListPaged(ctx context.Context, opts *driver.ListOptions) (*driver.ListPage, error) {
	o := &ois.ListOptions{
		Prefix: opts.Prefix, Delimiter: opts.Delimiter, Marker: string(opts.PageToken), PageSize: min(opts.PageSize, 1000),
	}
	if err := before(opts.BeforeList, o); err != nil {
		return nil, err
	}
	for page, err := range b.b.Pages(ctx, o) {
		if err != nil {
			return nil, err
		}
		return listPage(page), nil
	}
	return &driver.ListPage{}, nil // not reached: there is a page, or an error
}

// listPage puts objects and prefixes of a page into one order.
func listPage(page *ois.Page) *driver.ListPage {
	p := &driver.ListPage{
		Objects:       make([]*driver.ListObject, 0, len(page.Objects)+len(page.Prefixes)),
		NextPageToken: []byte(page.NextMarker),
	}
	for _, o := range page.Objects {
		p.Objects = append(p.Objects, &driver.ListObject{
			Key: o.Key, ModTime: o.Modified, Size: o.Size, MD5: md5Of(o.ETag, o.Encrypted), AsFunc: asFunc(o),
		})
	}
	for _, prefix := range page.Prefixes {
		p.Objects = append(p.Objects, &driver.ListObject{Key: prefix, IsDir: true})
	}
	slices.SortFunc(p.Objects, func(a, b *driver.ListObject) int { return strings.Compare(a.Key, b.Key) })
	return p
}

// Copy implements driver.Bucket.
func (b *bucket) Copy(ctx context.Context, dstKey, srcKey string, opts *driver.CopyOptions) error {
	o := new(transfer.CopyOptions)
	if err := before(opts.BeforeCopy, o); err != nil {
		return err
	}
	_, err := transfer.New(b.b, transfer.Options{}).Copy(ctx, dstKey, srcKey, o)
	return err
}

// Delete implements driver.Bucket. To the service an object that does not exist counts as
// deleted, so it is asked first.
func (b *bucket) Delete(ctx context.Context, key string, opts *driver.DeleteOptions) error {
	if _, err := b.b.Head(ctx, key, nil); err != nil {
		return err
	}
	o := new(ois.RemoveOptions)
	if err := before(opts.BeforeDelete, o); err != nil {
		return err
	}
	return b.b.Remove(ctx, key, o)
}

// SignedURL implements driver.Bucket. The Content-Type of a PUT is part of the signature, also if
// it is to have none.
func (b *bucket) SignedURL(ctx context.Context, key string, opts *driver.SignedURLOptions) (string, error) {
	o := &ois.PresignOptions{Expires: opts.Expiry}
	switch opts.Method {
	case http.MethodGet, http.MethodPut, http.MethodDelete:
	default:
		return "", fmt.Errorf("method %q; want GET, PUT or DELETE", opts.Method)
	}
	if opts.ContentType != "" {
		o.Header = http.Header{"Content-Type": {opts.ContentType}}
	}
	if err := before(opts.BeforeSign, o); err != nil {
		return "", err
	}
	return b.b.Presign(ctx, opts.Method, key, o)
}
