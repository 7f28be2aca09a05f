package server

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5"
	"fmt"
	"io"
	"net/http"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/imaging"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/wire"
)

// retryImages is after how many seconds a client may try again that was told that too many images are at work.
const retryImages = "2"

// imageProcess answers with what a pipeline makes of an image. Conditions about time are those of the object,
// and are judged before anything is done; an entity tag is that of the result.
func (x *exchange) imageProcess(in *op.ImageProcessInput) (*op.ImageProcessOutput, error) {
	if err := x.query.CheckOverrides(); err != nil {
		return nil, err
	}
	pipeline, err := imaging.Parse(in.Action)
	if err != nil {
		return nil, err
	}
	targets, err := x.saveTargets(pipeline)
	if err != nil {
		return nil, err
	}
	o, err := x.bucket.Version(x.context(), in.Key, x.query.Get("version_id"))
	if err != nil {
		return nil, x.tellMarker(err)
	}
	defer o.Close()
	info := o.Info()
	if info.Encryption != "" {
		return nil, fault.Newf(fault.InvalidArgument, "the object is encrypted with a key of the customer; such images are not processed")
	}
	conditions := x.imageConditions(in)
	if conditions.Match == "" && conditions.NoneMatch == "" {
		if out, err := judgeImage(&conditions, &info, ""); out != nil || err != nil {
			return out, err
		}
	}
	result, err := x.images.Process(x.context(), imageSource(o), pipeline)
	if err != nil {
		if fault.CodeOf(err) == fault.ServiceUnavailable {
			x.w.Header().Set("Retry-After", retryImages)
		}
		return nil, err
	}
	out, err := x.answerImage(in, &conditions, &info, result, targets)
	if err != nil || out.Body == nil {
		result.Close()
	}
	return out, err
}

// imageSource returns an object as an image to be processed.
func imageSource(o *store.Object) imaging.Source {
	size := o.Info().Size
	return imaging.Source{Size: size, Open: func(ctx context.Context) (io.ReadCloser, error) { return o.Open(ctx, 0, size) }}
}

// imageConditions returns the conditions of the request. Those that the contract does not name mean
// here what they do in HTTP.
func (x *exchange) imageConditions(in *op.ImageProcessInput) wire.Conditions {
	h := x.r.Header
	c := wire.Conditions{Match: h.Get("If-Match"), NoneMatch: h.Get("If-None-Match"), ModifiedSince: in.IfModifiedSince}
	if t, err := http.ParseTime(h.Get("If-Unmodified-Since")); err == nil {
		c.UnmodifiedSince = t
	}
	return c
}

// judgeImage returns the answer if the conditions decide it.
func judgeImage(c *wire.Conditions, info *store.ObjectInfo, etag string) (*op.ImageProcessOutput, error) {
	switch c.Check(etag, info.LastModified) {
	case wire.Failed:
		return nil, conditionFailed("the object")
	case wire.NotModified:
		return &op.ImageProcessOutput{Status: http.StatusNotModified, ETag: etag, LastModified: info.LastModified}, nil
	}
	return nil, nil
}

// answerImage judges the result, stores what is to be stored, and answers with the result.
func (x *exchange) answerImage(
	in *op.ImageProcessInput, c *wire.Conditions, info *store.ObjectInfo, result *imaging.Output, targets []*store.Bucket,
) (*op.ImageProcessOutput, error) {
	etag := fmt.Sprintf(`"%x"`, md5.Sum(result.Data))
	if out, err := judgeImage(c, info, etag); out != nil || err != nil {
		return out, err
	}
	for i, s := range result.Saved {
		_, err := targets[i].PutObject(x.context(), &op.PutObjectInput{
			Bucket: s.Bucket, Key: s.Key, ContentType: s.Type, ContentLength: int64(len(s.Data)), Body: bytes.NewReader(s.Data),
		})
		if err != nil {
			return nil, fmt.Errorf("save %s/%q: %w", s.Bucket, s.Key, err)
		}
	}
	return &op.ImageProcessOutput{
		ETag: etag, LastModified: info.LastModified, ContentLength: int64(len(result.Data)),
		ContentType:        cmp.Or(in.ResponseContentType, result.Type),
		CacheControl:       cmp.Or(in.ResponseCacheControl, info.CacheControl),
		ContentDisposition: cmp.Or(in.ResponseContentDisposition, info.ContentDisposition),
		ContentEncoding:    in.ResponseContentEncoding, // that of the object is gone
		ContentLanguage:    in.ResponseContentLanguage,
		Expires:            cmp.Or(in.ResponseExpires, info.Expires),
		Body:               &imageBody{bytes.NewReader(result.Data), result},
	}, nil
}

// saveTargets returns the buckets that results are to be stored in, in the order of the pipeline, and asks whether
// the caller may write there.
func (x *exchange) saveTargets(pipeline *imaging.Pipeline) ([]*store.Bucket, error) {
	zone := x.bucket.Info().Zone
	var buckets []*store.Bucket
	for _, target := range pipeline.Targets() {
		if err := store.CheckKey(target.Key); err != nil {
			return nil, err
		}
		b, err := x.store.Bucket(x.context(), target.Bucket)
		if err != nil {
			return nil, err
		}
		if err := x.mayWrite(b, target.Key); err != nil {
			return nil, err
		}
		if other := b.Info().Zone; other != zone {
			return nil, fault.Newf(fault.InvalidArgument, "action: save: the bucket %q is in zone %s; allowed: one in %s, as the image is", target.Bucket, other, zone)
		}
		buckets = append(buckets, b)
	}
	return buckets, nil
}

// An imageBody lets go of the result when it is closed.
type imageBody struct {
	*bytes.Reader
	result *imaging.Output
}

func (b *imageBody) Close() error {
	b.result.Close()
	return nil
}

// fetchImage reads the image of a watermark from another server.
func (s *Server) fetchImage(ctx context.Context, url string, most int64) ([]byte, error) {
	u, err := s.egress.Parse(url)
	if err != nil {
		return nil, fault.Newf(fault.InvalidArgument, "action: watermark_image: %w", err)
	}
	from, body, err := s.ask(ctx, u.String(), "the server of the watermark "+u.Host)
	if fault.CodeOf(err) == fault.ObjectNotExists {
		return nil, fault.Newf(fault.InvalidArgument, "action: watermark_image: %w", err)
	}
	if err != nil {
		return nil, err
	}
	defer body.Close()
	if from.Length > most {
		return nil, fault.Newf(fault.InvalidArgument, "action: watermark_image: the image has %d bytes; allowed: %d", from.Length, most)
	}
	b := make([]byte, from.Length)
	_, err = io.ReadFull(from.Body, b)
	return b, err
}
