package ois

import (
	"context"
	"io"

	"github.com/oisproject/ois/sdk/go/api"
)

// AppendOptions tune an append. The zero value is the default.
type AppendOptions struct {
	ContentType  string // of the new object; "" means application/octet-stream
	StorageClass string // of the new object; "" means STANDARD

	ContentLength int64  // as in PutOptions
	ContentMD5    string // as in PutOptions
}

// Append adds what body yields to the end of an appendable object, and returns where the next
// append starts. The position is the size of the object; 0 makes a new one, which nobody else
// may have made before. Where an appendable object ends is Info.NextPosition of [Bucket.Head].
//
// Since a second append would not be harmless, an append is repeated only if the server cannot
// have carried out the first. After other errors, ask Head whether it has. Append knows no
// encryption key.
func (b *Bucket) Append(ctx context.Context, key string, position int64, body io.Reader, opts *AppendOptions) (next int64, err error) {
	in := api.AppendObjectInput{Zone: b.zone, Bucket: b.name, Key: key, Position: position, Body: body}
	if opts != nil {
		in.ContentType, in.StorageClass = opts.ContentType, opts.StorageClass
		in.ContentLength, in.ContentMD5 = opts.ContentLength, opts.ContentMD5
	}
	out, err := b.api.AppendObject(ctx, &in)
	if err != nil {
		return 0, b.error(err, api.OpAppendObject, key)
	}
	return out.NextAppendPosition, nil
}
