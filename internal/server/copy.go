package server

import (
	"errors"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/wire"
)

// A source is the bucket that a copy or move reads from, and what its header can mean there.
type source struct {
	bucket *store.Bucket
	header string
	wire.Source
}

// findSource looks up the bucket in the source header of that name.
func (x *exchange) findSource(header string) (*source, error) {
	parsed, err := wire.ParseSource(header, x.r.Header.Get(header))
	if err != nil {
		return nil, err
	}
	b, err := x.store.Bucket(x.context(), parsed.Bucket)
	if err != nil {
		return nil, err
	}
	return &source{bucket: b, header: header, Source: parsed}, nil
}

// openSource opens the object that the source header means and judges the
// conditions. The caller closes it. What the caller may not read is not meant, unless nothing else is.
func (x *exchange) openSource(conditions wire.Conditions) (*store.Object, error) {
	var denied error
	for _, candidate := range x.source.Objects {
		if err := x.mayRead(candidate.Key); err != nil {
			denied = err
			continue
		}
		o, err := x.source.bucket.Version(x.context(), candidate.Key, candidate.VersionID)
		if fault.CodeOf(err) == fault.ObjectNotExists {
			continue
		}
		if err != nil {
			return nil, err
		}
		if info := o.Info(); !conditions.CheckSource(info.ETag, info.LastModified) {
			o.Close()
			return nil, conditionFailed("the source")
		}
		return o, nil
	}
	if denied != nil {
		return nil, denied
	}
	return nil, fault.Newf(fault.ObjectNotExists, "the object in %s, %q, does not exist", x.source.header, x.r.Header.Get(x.source.header))
}

// sourceTries is how often a copy begins again when its source is replaced under its hands.
const sourceTries = 10

// withSource opens the source, judges the conditions and calls do with it, from the beginning if
// the source has changed meanwhile.
func withSource[Out any](x *exchange, conditions wire.Conditions, do func(*store.Object) (*Out, error)) (*Out, error) {
	for try := 1; ; try++ {
		src, err := x.openSource(conditions)
		if err != nil {
			return nil, err
		}
		out, err := do(src)
		src.Close()
		if !errors.Is(err, store.ErrSourceChanged) {
			return out, err
		}
		if try == sourceTries {
			return nil, fault.Newf(fault.ServiceUnavailable, "the source is being written all the time; try again: %w", err)
		}
	}
}

func (x *exchange) copyObject(in *op.CopyObjectInput) (*op.CopyObjectOutput, error) {
	conditions := wire.Conditions{
		Match: in.CopySourceIfMatch, NoneMatch: in.CopySourceIfNoneMatch,
		ModifiedSince: in.CopySourceIfModifiedSince, UnmodifiedSince: in.CopySourceIfUnmodifiedSince,
	}
	return withSource(x, conditions, func(src *store.Object) (*op.CopyObjectOutput, error) {
		return x.bucket.CopyObject(x.context(), src, in)
	})
}

func (x *exchange) moveObject(in *op.MoveObjectInput) (*op.MoveObjectOutput, error) {
	conditions := wire.Conditions{
		Match: in.MoveSourceIfMatch, NoneMatch: in.MoveSourceIfNoneMatch,
		ModifiedSince: in.MoveSourceIfModifiedSince, UnmodifiedSince: in.MoveSourceIfUnmodifiedSince,
	}
	return withSource(x, conditions, func(src *store.Object) (*op.MoveObjectOutput, error) {
		return x.bucket.MoveObject(x.context(), src, in)
	})
}

func (x *exchange) copyPart(in *op.CopyPartInput) (*op.CopyPartOutput, error) {
	conditions := wire.Conditions{
		Match: in.CopySourceIfMatch, NoneMatch: in.CopySourceIfNoneMatch,
		ModifiedSince: in.CopySourceIfModifiedSince, UnmodifiedSince: in.CopySourceIfUnmodifiedSince,
	}
	return withSource(x, conditions, func(src *store.Object) (*op.CopyPartOutput, error) {
		span, err := wire.ParseRange(in.CopyRange, src.Info().Size)
		if err != nil {
			return nil, err
		}
		return x.bucket.CopyPart(x.context(), src, span.Off, span.Len, in)
	})
}
