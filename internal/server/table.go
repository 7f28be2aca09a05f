package server

import (
	"context"

	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/wire"
)

// A handler does the operation of an exchange, whose caller may do it.
type handler func(*exchange) error

// table says what does each operation.
var table = [op.Count + 1]handler{
	op.ListBuckets:   does((*exchange).listBuckets),
	op.ListLocations: does((*exchange).listLocations),

	op.PutBucket:             does((*exchange).putBucket),
	op.HeadBucket:            bucketDoes((*store.Bucket).HeadBucket),
	op.DeleteBucket:          does((*exchange).deleteBucket),
	op.GetBucketStatistics:   does((*exchange).getBucketStatistics),
	op.ListObjects:           bucketDoes((*store.Bucket).ListObjects),
	op.PostObject:            (*exchange).postObject,
	op.ListObjectVersions:    bucketDoes((*store.Bucket).ListObjectVersions),
	op.DeleteMultipleObjects: does((*exchange).deleteMultipleObjects),
	op.PutBucketACL:          bucketDoes((*store.Bucket).PutBucketACL),
	op.GetBucketACL:          bucketDoes((*store.Bucket).GetBucketACL),
	op.PutBucketCORS:         does((*exchange).putBucketCORS),
	op.GetBucketCORS:         bucketDoes((*store.Bucket).GetBucketCORS),
	op.DeleteBucketCORS:      bucketDoes((*store.Bucket).DeleteBucketCORS),
	op.PutBucketPolicy:       does((*exchange).putBucketPolicy),
	op.GetBucketPolicy:       bucketDoes((*store.Bucket).GetBucketPolicy),
	op.DeleteBucketPolicy:    bucketDoes((*store.Bucket).DeleteBucketPolicy),
	op.PutBucketLogging:      bucketDoes((*store.Bucket).PutBucketLogging),
	op.GetBucketLogging:      bucketDoes((*store.Bucket).GetBucketLogging),
	op.DeleteBucketLogging:   bucketDoes((*store.Bucket).DeleteBucketLogging),
	op.PutBucketLifecycle:    bucketDoes((*store.Bucket).PutBucketLifecycle),
	op.GetBucketLifecycle:    bucketDoes((*store.Bucket).GetBucketLifecycle),
	op.DeleteBucketLifecycle: bucketDoes((*store.Bucket).DeleteBucketLifecycle),
	op.PutBucketCNAME:        does((*exchange).putBucketCNAME),
	op.GetBucketCNAME:        bucketDoes((*store.Bucket).GetBucketCNAME),
	op.DeleteBucketCNAME:     does((*exchange).deleteBucketCNAME),

	op.PutBucketExternalMirror:    does((*exchange).putBucketExternalMirror),
	op.GetBucketExternalMirror:    bucketDoes((*store.Bucket).GetBucketExternalMirror),
	op.DeleteBucketExternalMirror: bucketDoes((*store.Bucket).DeleteBucketExternalMirror),
	op.PutBucketVersioning:        bucketDoes((*store.Bucket).PutBucketVersioning),
	op.GetBucketVersioning:        bucketDoes((*store.Bucket).GetBucketVersioning),
	op.PutBucketNotification:      does((*exchange).putBucketNotification),
	op.GetBucketNotification:      bucketDoes((*store.Bucket).GetBucketNotification),
	op.DeleteBucketNotification:   bucketDoes((*store.Bucket).DeleteBucketNotification),
	op.PutBucketReplication:       does((*exchange).putBucketReplication),
	op.GetBucketReplication:       bucketDoes((*store.Bucket).GetBucketReplication),
	op.DeleteBucketReplication:    bucketDoes((*store.Bucket).DeleteBucketReplication),

	op.PutObject:     bucketDoes((*store.Bucket).PutObject),
	op.CopyObject:    does((*exchange).copyObject),
	op.MoveObject:    does((*exchange).moveObject),
	op.FetchObject:   does((*exchange).fetchObject),
	op.GetObject:     does((*exchange).getObject),
	op.HeadObject:    does((*exchange).headObject),
	op.AppendObject:  bucketDoes((*store.Bucket).AppendObject),
	op.DeleteObject:  bucketDoes((*store.Bucket).DeleteObject),
	op.OptionsObject: does((*exchange).preflight),
	op.ImageProcess:  does((*exchange).imageProcess),

	op.InitiateMultipartUpload: bucketDoes((*store.Bucket).InitiateMultipartUpload),
	op.UploadMultipart:         bucketDoes((*store.Bucket).UploadMultipart),
	op.CopyPart:                does((*exchange).copyPart),
	op.ListMultipart:           bucketDoes((*store.Bucket).ListMultipart),
	op.CompleteMultipartUpload: bucketDoes((*store.Bucket).CompleteMultipartUpload),
	op.AbortMultipartUpload:    bucketDoes((*store.Bucket).AbortMultipartUpload),
	op.ListMultipartUploads:    bucketDoes((*store.Bucket).ListMultipartUploads),
}

// does makes a handler of a function: it reads the input, runs f and writes the output.
func does[In, Out any](f func(*exchange, *In) (*Out, error)) handler {
	return func(x *exchange) error {
		codec := wire.CodecOf(x.operation)
		request := wire.NewRequest(x.r, &x.address, x.query)
		request.Body = &x.body
		in, err := codec.Decode(request)
		if err != nil {
			return err
		}
		out, err := f(x, in.(*In))
		if err != nil {
			return err
		}
		return codec.Encode(&x.w, out)
	}
}

// bucketDoes makes a handler of what the bucket of the exchange does.
func bucketDoes[In, Out any](f func(*store.Bucket, context.Context, *In) (*Out, error)) handler {
	return does(func(x *exchange, in *In) (*Out, error) { return f(x.bucket, x.context(), in) })
}
