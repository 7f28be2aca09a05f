package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
	"github.com/oisproject/ois/sdk/go/internal/header"
)

// copyPart is the size of parts that the service copies by itself: small enough for an answer in time.
const copyPart = 512 << 20

// CopyOptions tune a copy. The zero value is the default.
type CopyOptions struct {
	// CopyOptions name the bucket and the version of the source, which must be in the same zone, and what
	// the copy is to be.
	ois.CopyOptions

	Size int64 // of the source, if the caller knows it: that saves a request; 0 means unknown
}

// Copy makes key a copy of the object source within the service, without its bytes coming here.
// Up to 5 GiB it takes one request, more is copied in parts, several at once. The ETag of the
// copy is that of the source.
func (m *Manager) Copy(ctx context.Context, key, source string, opts *CopyOptions) (*Result, error) {
	if m.err != nil {
		return nil, m.err
	}
	c := &copying{Manager: m, key: key, source: source}
	if opts != nil {
		c.o = *opts
	}
	c.t = m.track(Copy, key, "", cmp.Or(c.o.Size, -1))
	res, err := c.run(ctx)
	if err != nil {
		err = fail("copy", key, err)
		c.t.done(err)
		return nil, err
	}
	res.Bucket, res.Key = m.b.Name(), key
	c.t.done(nil)
	return res, nil
}

// A copying is a copy within the service.
type copying struct {
	*Manager
	key, source string
	o           CopyOptions
	t           *tracker
	info        *ois.Info // of the source; nil if nobody has asked
}

func (c *copying) run(ctx context.Context) (*Result, error) {
	size := c.o.Size
	if size == 0 || size > c.copyLimit {
		if err := c.head(ctx); err != nil {
			return nil, err
		}
		size = c.info.Size
	}
	if size > c.copyLimit {
		return c.parts(ctx, size)
	}
	c.t.size(size, 1)
	if err := c.slot(ctx); err != nil {
		return nil, err
	}
	defer c.freeSlot()
	w, err := c.b.Copy(ctx, c.key, c.source, &c.o.CopyOptions)
	if err != nil {
		return nil, err
	}
	c.t.add(size)
	c.t.part(0)
	res := written(w)
	res.Size, res.Parts = size, 1
	return res, nil
}

// head asks about the source.
func (c *copying) head(ctx context.Context) (err error) {
	from := c.b
	if c.o.SourceBucket != "" {
		from = c.b.Client().Bucket(c.o.SourceBucket, c.b.Zone())
	}
	c.info, err = from.Head(ctx, c.source, &ois.HeadOptions{
		VersionID: c.o.SourceVersion, EncryptionKey: c.o.SourceEncryptionKey,
		IfMatch: c.o.Source.IfMatch, IfUnmodifiedSince: c.o.Source.IfUnmodifiedSince,
	})
	return err
}

// parts copies in parts. All are of the object that head has found.
func (c *copying) parts(ctx context.Context, size int64) (*Result, error) {
	in, err := c.input()
	if err != nil {
		return nil, err
	}
	part, err := c.pool.o.partSize(min(copyPart, c.copyLimit), size)
	if err != nil {
		return nil, err
	}
	o, err := c.target()
	if err != nil {
		return nil, err
	}
	u, err := c.initiate(ctx, c.key, o)
	if err != nil {
		return nil, err
	}
	n := int((size + part - 1) / part)
	c.t.size(size, n)
	f := &finish{etags: make([]string, n), size: size, ifMatch: c.o.IfMatch, ifNoneMatch: c.o.IfNoneMatch}
	if !c.info.Encrypted && o.EncryptionKey == nil {
		f.etag = c.info.ETag
	}
	err = c.each(ctx, n, func(ctx context.Context, i int) error {
		this, first := *in, int64(i)*part
		last := min(first+part, size) - 1
		this.PartNumber, this.CopyRange = int64(i), fmt.Sprintf("bytes=%d-%d", first, last)
		etag, err := u.copyPart(ctx, &this)
		if err != nil {
			return err
		}
		f.etags[i] = etag
		c.t.add(last + 1 - first)
		c.t.part(i)
		return nil
	})
	var w *ois.Written
	if err == nil {
		w, err = u.complete(ctx, f)
	}
	if err != nil {
		return nil, u.abort(ctx, err)
	}
	res := written(w)
	res.Size, res.Parts = size, n
	return res, nil
}

// input is what all parts ask for.
func (c *copying) input() (*api.CopyPartInput, error) {
	if !strong(c.info.ETag) {
		return nil, errors.New("the source has no ETag to tell whether parts belong together")
	}
	in := &api.CopyPartInput{
		CopySource:        "/" + escape(cmp.Or(c.o.SourceBucket, c.b.Name())) + "/" + strings.ReplaceAll(escape(c.source), "%2F", "/"),
		CopySourceIfMatch: c.info.ETag, CopySourceIfNoneMatch: c.o.Source.IfNoneMatch,
		CopySourceIfModifiedSince: c.o.Source.IfModifiedSince, CopySourceIfUnmodifiedSince: c.o.Source.IfUnmodifiedSince,
	}
	if c.o.SourceVersion != "" {
		in.CopySource += "?version_id=" + c.o.SourceVersion
	}
	var err error
	in.CopySourceEncryptionCustomerAlgorithm, in.CopySourceEncryptionCustomerKey, in.CopySourceEncryptionCustomerKeyMD5, err = header.CustomerKey(c.o.SourceEncryptionKey)
	return in, err
}

// escape escapes all that a server could take for something else. Some read + as a blank.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// target is what the copy is to be.
func (c *copying) target() (*ois.PutOptions, error) {
	o, i := &c.o, c.info
	p := &ois.PutOptions{StorageClass: o.StorageClass, EncryptionKey: o.EncryptionKey}
	if o.Replace {
		p.ContentType, p.CacheControl, p.ContentDisposition = o.ContentType, o.CacheControl, o.ContentDisposition
		p.ContentEncoding, p.Expires, p.Metadata = o.ContentEncoding, o.Expires, o.Metadata
		return p, nil
	}
	if len(o.Metadata) > 0 || o.ContentType+o.CacheControl+o.ContentDisposition+o.ContentEncoding+o.Expires != "" {
		return nil, errors.New("new metadata have no effect without Replace")
	}
	p.ContentType, p.CacheControl, p.ContentDisposition = i.ContentType, i.CacheControl, i.ContentDisposition
	p.ContentEncoding, p.Expires, p.Metadata = i.ContentEncoding, i.Expires, i.Metadata
	return p, nil
}

// copyPart has the service copy a part. in names what to copy.
func (u *upload) copyPart(ctx context.Context, in *api.CopyPartInput) (etag string, err error) {
	in.Zone, in.Bucket, in.Key, in.UploadID = u.b.Zone(), u.b.Name(), u.key, u.id
	in.EncryptionCustomerAlgorithm, in.EncryptionCustomerKey, in.EncryptionCustomerKeyMD5 = u.algorithm, u.customerKey, u.customerSum
	out, err := u.api.CopyPart(ctx, in)
	if errors.Is(err, ois.ErrPrecondition) {
		return "", fmt.Errorf("part %d: the source was replaced while it was copied, or a condition does not hold: %w", in.PartNumber, err)
	} else if err != nil {
		return "", fmt.Errorf("part %d: %w", in.PartNumber, err)
	}
	return out.ETag, nil
}
