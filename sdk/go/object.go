package ois

import (
	"context"
	"io"
	"time"

	"github.com/oisproject/ois/sdk/go/api"
)

// Info is what the service knows about an object.
type Info struct {
	Key          string
	Size         int64  // bytes of the whole object; -1 if the answer does not tell
	ETag         string // in double quotes, as conditions want it
	ContentType  string
	Modified     time.Time // to the second
	StorageClass string
	VersionID    string            // if the bucket has versions
	Metadata     map[string]string // by lower-case name, without the prefix x-qs-meta-

	CacheControl       string
	ContentDisposition string
	ContentEncoding    string
	ContentLanguage    string
	Expires            string

	Appendable   bool
	NextPosition int64 // where the next append starts, if it is appendable

	Encrypted bool // with a customer's key
}

// PutOptions tune a write. The zero value is the default.
type PutOptions struct {
	ContentType        string // "" means application/octet-stream
	CacheControl       string
	ContentDisposition string
	ContentEncoding    string
	Expires            string // an HTTP date
	StorageClass       string // "" means STANDARD
	Metadata           map[string]string

	// ContentLength is the length of a body that cannot tell; 0 means unknown. A
	// body of another length is an error.
	ContentLength int64
	// ContentMD5 is the base64 of the MD5 of the body, for the service to check.
	ContentMD5 string

	// IfMatch and IfNoneMatch make the write depend on the object that is there:
	// IfNoneMatch "*" writes only if there is none, IfMatch with an ETag only if it is
	// still that one. If not, the error is ErrPrecondition. Only servers that announce
	// the extension conditional-write know that; to others nothing is sent, and
	// the error is ErrUnsupported.
	IfMatch     string
	IfNoneMatch string

	// EncryptionKey has 32 bytes. The service encrypts with it and forgets it: every
	// read needs it again.
	EncryptionKey []byte
}

// Written is what a write has made.
type Written struct {
	ETag      string // in double quotes
	VersionID string // if the bucket has versions
	RequestID string
}

// Put stores what body yields, from where it stands, as one object; nil means no
// bytes. An object that was there is replaced when all has arrived; if anything
// fails it stays as it was.
//
// Every io.Reader will do. If it is an io.Seeker or in memory, its length is found
// out, a failed attempt is repeated, and after an error it stands where it stood. Other
// readers are sent as they come, once. The reader is never closed, and no Read begins
// after Put has returned. When the context ends while a Read is blocked, Put returns
// after that Read.
//
// Put does not hash the bytes: that would cost every caller an MD5, and TLS guards them on the way. Who wants to know gives
// ContentMD5, which the service checks before there is an object, or uses package transfer, which compares
// the MD5 of what it sends and reads with the ETag.
func (b *Bucket) Put(ctx context.Context, key string, body io.Reader, opts *PutOptions) (*Written, error) {
	in := api.PutObjectInput{Zone: b.zone, Bucket: b.name, Key: key, Body: body}
	if opts != nil {
		if err := opts.fill(&in); err != nil {
			return nil, b.error(err, api.OpPutObject, key)
		}
	}
	out, err := b.api.PutObject(ctx, &in)
	if err != nil {
		return nil, b.error(err, api.OpPutObject, key)
	}
	return &Written{out.ETag, out.VersionID, out.RequestID}, nil
}

func (o *PutOptions) fill(in *api.PutObjectInput) error {
	in.ContentType, in.StorageClass, in.Metadata = o.ContentType, o.StorageClass, o.Metadata
	in.CacheControl, in.ContentDisposition = o.CacheControl, o.ContentDisposition
	in.ContentEncoding, in.Expires = o.ContentEncoding, o.Expires
	in.ContentLength, in.ContentMD5 = o.ContentLength, o.ContentMD5
	in.IfMatch, in.IfNoneMatch = o.IfMatch, o.IfNoneMatch
	k, err := customerKey(o.EncryptionKey)
	in.EncryptionCustomerAlgorithm, in.EncryptionCustomerKey, in.EncryptionCustomerKeyMD5 = k.algorithm, k.key, k.sum
	if err != nil {
		return err
	}
	return checkMetadata(o.Metadata)
}

// HeadOptions tune Head. The zero value is the default.
type HeadOptions struct {
	VersionID         string
	IfMatch           string    // if not: ErrPrecondition
	IfNoneMatch       string    // if not: ErrNotModified
	IfModifiedSince   time.Time // if not: ErrNotModified
	IfUnmodifiedSince time.Time // if not: ErrPrecondition
	EncryptionKey     []byte    // need not be given; it is checked then
}

// Head tells about an object without reading it. The error is [ErrNotFound] if
// there is none.
func (b *Bucket) Head(ctx context.Context, key string, opts *HeadOptions) (*Info, error) {
	in := api.HeadObjectInput{Zone: b.zone, Bucket: b.name, Key: key}
	if opts != nil {
		in.VersionID, in.IfMatch, in.IfNoneMatch = opts.VersionID, opts.IfMatch, opts.IfNoneMatch
		in.IfModifiedSince, in.IfUnmodifiedSince = opts.IfModifiedSince, opts.IfUnmodifiedSince
		k, err := customerKey(opts.EncryptionKey)
		if err != nil {
			return nil, b.error(err, api.OpHeadObject, key)
		}
		in.EncryptionCustomerAlgorithm, in.EncryptionCustomerKey, in.EncryptionCustomerKeyMD5 = k.algorithm, k.key, k.sum
	}
	out, err := b.api.HeadObject(ctx, &in)
	if err != nil {
		return nil, b.error(err, api.OpHeadObject, key)
	}
	return headInfo(key, out), nil
}

func headInfo(key string, out *api.HeadObjectOutput) *Info {
	info := &Info{
		Key: key, Size: out.ContentLength, ETag: out.ETag, ContentType: out.ContentType, Modified: out.LastModified,
		StorageClass: out.StorageClass, VersionID: out.VersionID, Metadata: out.Metadata,
		CacheControl: out.CacheControl, ContentDisposition: out.ContentDisposition, ContentEncoding: out.ContentEncoding,
		ContentLanguage: out.ContentLanguage, Expires: out.Expires,
		Appendable: out.ObjectType == "appendable", Encrypted: out.EncryptionCustomerAlgorithm != "",
	}
	if out.NextAppendPosition != nil {
		info.NextPosition = *out.NextAppendPosition
	}
	return info
}

// RemoveOptions tune Remove. The zero value is the default.
type RemoveOptions struct {
	VersionID string // erases that version for good
}

// Remove deletes an object. One that does not exist counts as deleted; the error is
// [ErrNotFound] if there is no such bucket.
func (b *Bucket) Remove(ctx context.Context, key string, opts *RemoveOptions) error {
	in := api.DeleteObjectInput{Zone: b.zone, Bucket: b.name, Key: key}
	if opts != nil {
		in.VersionID = opts.VersionID
	}
	_, err := b.api.DeleteObject(ctx, &in)
	return b.error(err, api.OpDeleteObject, key)
}
