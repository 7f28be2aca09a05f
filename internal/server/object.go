package server

import (
	"cmp"
	"errors"
	"io"
	"net/http"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/wire"
)

// getObject opens an object, judges the conditions and reads the range that is asked for.
func (x *exchange) getObject(in *op.GetObjectInput) (*op.GetObjectOutput, error) {
	if err := x.query.CheckOverrides(); err != nil {
		return nil, err
	}
	o, err := x.bucket.Version(x.context(), in.Key, in.VersionID)
	if x.mayPull(err, in.VersionID) {
		out, pulled := x.pullObject(in)
		if out != nil || pulled != nil {
			return out, pulled
		}
		o, err = x.bucket.Version(x.context(), in.Key, in.VersionID)
	}
	if err != nil {
		return nil, x.tellMarker(err)
	}
	key, err := store.CustomerKey(store.KeyHeaders, in.EncryptionCustomerAlgorithm, in.EncryptionCustomerKey, in.EncryptionCustomerKeyMD5)
	if err == nil {
		err = o.Unlock(key)
	}
	if err != nil {
		o.Close()
		return nil, err
	}
	out, err := x.readObject(o, in)
	if err != nil || out.Body == nil {
		o.Close()
	}
	return out, err
}

// readObject answers with a part of o, which it closes with the body.
func (x *exchange) readObject(o *store.Object, in *op.GetObjectInput) (*op.GetObjectOutput, error) {
	info := o.Info()
	out := &op.GetObjectOutput{
		ETag: info.ETag, LastModified: info.LastModified, StorageClass: info.StorageClass, AcceptRanges: "bytes",
		ContentType:        cmp.Or(in.ResponseContentType, info.ContentType),
		CacheControl:       cmp.Or(in.ResponseCacheControl, info.CacheControl),
		ContentDisposition: cmp.Or(in.ResponseContentDisposition, info.ContentDisposition),
		ContentEncoding:    cmp.Or(in.ResponseContentEncoding, info.ContentEncoding),
		ContentLanguage:    in.ResponseContentLanguage,
		Expires:            cmp.Or(in.ResponseExpires, info.Expires),
		Metadata:           info.Metadata,
		VersionID:          info.VersionID,

		EncryptionCustomerAlgorithm: info.Encryption, EncryptionCustomerKeyMD5: in.EncryptionCustomerKeyMD5,
	}
	conditions := wire.Conditions{
		Match: in.IfMatch, NoneMatch: in.IfNoneMatch, ModifiedSince: in.IfModifiedSince, UnmodifiedSince: in.IfUnmodifiedSince,
	}
	switch conditions.Check(info.ETag, info.LastModified) {
	case wire.Failed:
		return nil, conditionFailed("the object")
	case wire.NotModified:
		out.Status = http.StatusNotModified
		return out, nil
	}
	span, err := wire.ParseRange(x.rangeOf(in.Range, &info), info.Size)
	if err != nil {
		return nil, err
	}
	if span.Partial {
		out.Status = http.StatusPartialContent
		out.ContentRange = span.ContentRange(info.Size)
	}
	r, err := o.Open(x.context(), span.Off, span.Len)
	if err != nil {
		return nil, err
	}
	out.ContentLength = span.Len
	out.Body = &objectBody{ReadCloser: r, object: o}
	return out, nil
}

// rangeOf returns the Range header, unless If-Range says that it was meant for another
// version of the object.
func (x *exchange) rangeOf(value string, info *store.ObjectInfo) string {
	if condition := x.r.Header.Get("If-Range"); condition != "" && !wire.SameVersion(condition, info.ETag, info.LastModified) {
		return ""
	}
	return value
}

// An objectBody lets go of the object when its reader is closed.
type objectBody struct {
	io.ReadCloser
	object *store.Object
}

// WriteTo implements io.WriterTo.
func (b *objectBody) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, b.ReadCloser) }

func (b *objectBody) Close() error {
	err := b.ReadCloser.Close()
	b.object.Close()
	return err
}

func (x *exchange) headObject(in *op.HeadObjectInput) (*op.HeadObjectOutput, error) {
	info, err := x.bucket.StatVersion(x.context(), in.Key, in.VersionID)
	if x.mayPull(err, in.VersionID) {
		if err := x.pulls.join(x, in.Key, nil).wait(x.context()); err != nil {
			return nil, err
		}
		info, err = x.bucket.StatVersion(x.context(), in.Key, in.VersionID)
	}
	if err != nil {
		return nil, x.tellMarker(err)
	}
	key, err := store.CustomerKey(store.KeyHeaders, in.EncryptionCustomerAlgorithm, in.EncryptionCustomerKey, in.EncryptionCustomerKeyMD5)
	if err != nil {
		return nil, err
	}
	if err := info.CheckKey(key); err != nil {
		return nil, err
	}
	out := &op.HeadObjectOutput{
		ETag: info.ETag, LastModified: info.LastModified, StorageClass: info.StorageClass, AcceptRanges: "bytes",
		ContentType: info.ContentType, ContentLength: info.Size, CacheControl: info.CacheControl,
		ContentDisposition: info.ContentDisposition, ContentEncoding: info.ContentEncoding, Expires: info.Expires,
		Metadata: info.Metadata, VersionID: info.VersionID, EncryptionCustomerAlgorithm: info.Encryption, EncryptionCustomerKeyMD5: key.MD5(),
	}
	if info.Appendable {
		out.ObjectType, out.NextAppendPosition = "appendable", &info.Size
	}
	conditions := wire.Conditions{
		Match: in.IfMatch, NoneMatch: in.IfNoneMatch, ModifiedSince: in.IfModifiedSince, UnmodifiedSince: in.IfUnmodifiedSince,
	}
	switch conditions.Check(info.ETag, info.LastModified) {
	case wire.Failed:
		return nil, conditionFailed("the object")
	case wire.NotModified:
		out.Status = http.StatusNotModified
	}
	return out, nil
}

// tellMarker names the delete marker that a read has met, in headers of the answer. err is the error of the read.
func (x *exchange) tellMarker(err error) error {
	if m, ok := errors.AsType[*store.MarkerError](err); ok {
		x.w.Header().Set("X-Qs-Delete-Marker", "true")
		x.w.Header().Set("X-Qs-Version-Id", m.VersionID)
	}
	return err
}

func conditionFailed(what string) error {
	return fault.Newf(fault.PreconditionFailed, "a condition of the request does not hold for %s", what)
}
