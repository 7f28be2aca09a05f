package store

import (
	"context"
	"io"
	"time"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/op"
)

// An Origin is what another server sends of an object. An error of its body that is a fault.Error is what the client is told.
type Origin struct {
	Body            io.Reader
	Length          int64
	ContentType     string
	ContentEncoding string // of the bytes, which are kept as they come
}

// put returns what stores o under a key.
func (o *Origin) put(key string) *op.PutObjectInput {
	return &op.PutObjectInput{Key: key, ContentType: o.ContentType, ContentEncoding: o.ContentEncoding, ContentLength: o.Length, Body: o.Body}
}

// CheckFetch says why FetchObject would refuse, before anything is fetched.
func (b *Bucket) CheckFetch(ctx context.Context, in *op.FetchObjectInput) error {
	if _, err := parseClass(in.StorageClass); err != nil {
		return err
	}
	if err := checkKey(in.Key); err != nil {
		return err
	}
	if err := b.store.admit(); err != nil {
		return err
	}
	if in.FetchIfUnmodifiedSince.IsZero() {
		return nil
	}
	return b.store.view(ctx, func(snap meta.Snapshot) error { return b.unmodified(snap, in) })
}

// unmodified demands that the object is there and as old as the fetch wants it to be.
func (b *Bucket) unmodified(snap meta.Snapshot, in *op.FetchObjectInput) error {
	o := &Object{bucket: b, key: in.Key}
	err := o.find(snap)
	if fault.CodeOf(err) == fault.ObjectNotExists {
		return fault.Newf(fault.PreconditionFailed, "object %q does not exist; x-qs-fetch-if-unmodified-since is for objects that do", in.Key)
	}
	if err != nil {
		return err
	}
	if o.row.modified.Truncate(time.Second).After(in.FetchIfUnmodifiedSince) {
		return fault.Newf(fault.PreconditionFailed, "object %q was modified after the time in x-qs-fetch-if-unmodified-since", in.Key)
	}
	return nil
}

// FetchObject stores what the origin sends, all of it or nothing.
func (b *Bucket) FetchObject(ctx context.Context, in *op.FetchObjectInput, from *Origin) (*op.FetchObjectOutput, error) {
	put := from.put(in.Key)
	put.StorageClass = in.StorageClass
	var demands []demand
	if !in.FetchIfUnmodifiedSince.IsZero() {
		demands = append(demands, func(snap meta.Snapshot, _ *change) error { return b.unmodified(snap, in) })
	}
	out, err := b.putObject(ctx, put, demands...)
	if err != nil {
		return nil, err
	}
	return &op.FetchObjectOutput{ETag: out.ETag, VersionID: out.VersionID}, nil
}
