package ois

import (
	"context"
	"errors"
	"time"

	"github.com/oisproject/ois/sdk/go/api"
)

// SourceConditions make a copy or a move depend on its source. If one does not
// hold, the error is [ErrPrecondition].
type SourceConditions struct {
	IfMatch           string // an ETag, in double quotes
	IfNoneMatch       string
	IfModifiedSince   time.Time
	IfUnmodifiedSince time.Time
}

// CopyOptions tune a copy. The zero value is the default.
type CopyOptions struct {
	SourceBucket  string // "" means the same bucket; it must be in the same zone
	SourceVersion string // "" means the current one
	Source        SourceConditions

	// Replace gives the copy the metadata below; without it, it has those of its source.
	Replace            bool
	ContentType        string
	CacheControl       string
	ContentDisposition string
	ContentEncoding    string
	Expires            string
	Metadata           map[string]string

	StorageClass string // "" means STANDARD, whatever the source has

	IfMatch     string // as in PutOptions, about the target
	IfNoneMatch string

	EncryptionKey       []byte // encrypts the copy; it is not taken from the source
	SourceEncryptionKey []byte // needed if the source is encrypted
}

// Copy makes key a copy of the object source, without sending its bytes. The source
// has at most 5 GiB. A copy onto itself changes the storage class or, with Replace,
// the metadata.
func (b *Bucket) Copy(ctx context.Context, key, source string, opts *CopyOptions) (*Written, error) {
	in := api.CopyObjectInput{Zone: b.zone, Bucket: b.name, Key: key}
	var o CopyOptions
	if opts != nil {
		o = *opts
	}
	from, err := b.source(o.SourceBucket, source)
	if err == nil {
		err = o.fill(&in)
	}
	if err != nil {
		return nil, b.error(err, api.OpCopyObject, key)
	}
	if in.CopySource = from; o.SourceVersion != "" {
		in.CopySource += "?version_id=" + o.SourceVersion
	}
	out, err := b.api.CopyObject(ctx, &in)
	if err != nil {
		return nil, b.error(err, api.OpCopyObject, key)
	}
	return &Written{out.ETag, out.VersionID, out.RequestID}, nil
}

func (o *CopyOptions) fill(in *api.CopyObjectInput) error {
	in.StorageClass, in.IfMatch, in.IfNoneMatch = o.StorageClass, o.IfMatch, o.IfNoneMatch
	in.CopySourceIfMatch, in.CopySourceIfNoneMatch = o.Source.IfMatch, o.Source.IfNoneMatch
	in.CopySourceIfModifiedSince, in.CopySourceIfUnmodifiedSince = o.Source.IfModifiedSince, o.Source.IfUnmodifiedSince
	if o.Replace {
		in.MetadataDirective = "REPLACE"
	} else if len(o.Metadata) > 0 || o.ContentType+o.CacheControl+o.ContentDisposition+o.ContentEncoding+o.Expires != "" {
		return errors.New("new metadata have no effect without Replace")
	}
	in.ContentType, in.CacheControl, in.ContentDisposition = o.ContentType, o.CacheControl, o.ContentDisposition
	in.ContentEncoding, in.Expires, in.Metadata = o.ContentEncoding, o.Expires, o.Metadata
	k, err := customerKey(o.EncryptionKey)
	if err != nil {
		return err
	}
	in.EncryptionCustomerAlgorithm, in.EncryptionCustomerKey, in.EncryptionCustomerKeyMD5 = k.algorithm, k.key, k.sum
	if k, err = customerKey(o.SourceEncryptionKey); err != nil {
		return err
	}
	in.CopySourceEncryptionCustomerAlgorithm, in.CopySourceEncryptionCustomerKey = k.algorithm, k.key
	in.CopySourceEncryptionCustomerKeyMD5 = k.sum
	return checkMetadata(o.Metadata)
}

// MoveOptions tune a move. The zero value is the default.
type MoveOptions struct {
	SourceBucket string // "" means the same bucket; it must be in the same zone
	Source       SourceConditions
}

// Move gives the object source the name key. Everything else about it stays, and
// an object that was at key is replaced. It happens in one step, and is repeated
// only if the first attempt cannot have done it.
func (b *Bucket) Move(ctx context.Context, key, source string, opts *MoveOptions) (*Written, error) {
	in := api.MoveObjectInput{Zone: b.zone, Bucket: b.name, Key: key}
	var o MoveOptions
	if opts != nil {
		o = *opts
	}
	var err error
	if in.MoveSource, err = b.source(o.SourceBucket, source); err != nil {
		return nil, b.error(err, api.OpMoveObject, key)
	}
	in.MoveSourceIfMatch, in.MoveSourceIfNoneMatch = o.Source.IfMatch, o.Source.IfNoneMatch
	in.MoveSourceIfModifiedSince, in.MoveSourceIfUnmodifiedSince = o.Source.IfModifiedSince, o.Source.IfUnmodifiedSince
	out, err := b.api.MoveObject(ctx, &in)
	if err != nil {
		return nil, b.error(err, api.OpMoveObject, key)
	}
	return &Written{out.ETag, out.VersionID, out.RequestID}, nil
}

// source is the header that names the source of a copy or a move. It is always
// encoded: a key that looks encoded by itself must not be decoded twice.
func (b *Bucket) source(bucket, key string) (string, error) {
	if key == "" {
		return "", errors.New("the key of the source is empty")
	}
	if bucket == "" {
		bucket = b.name
	}
	return escapePath(bucket, key), checkBucket(bucket)
}
