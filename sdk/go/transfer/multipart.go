package transfer

import (
	"context"
	"crypto/md5" // what parts are compared by
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
	"github.com/oisproject/ois/sdk/go/internal/header"
)

// abortTimeout is how long the removal of a failed upload may take. The context of the
// transfer has often ended by then.
const abortTimeout = 30 * time.Second

// initiateGrace is how long the answer to the beginning of an upload is waited for when the context has
// ended: nothing else tells the id by which the upload can be removed.
const initiateGrace = 5 * time.Second

// An upload is a multipart upload.
type upload struct {
	b   *ois.Bucket
	api *api.Client
	key string
	id  string

	algorithm, customerKey, customerSum string
}

// upload returns the handle of an upload without sending anything.
func (m *Manager) upload(key, id string, encryptionKey []byte) (*upload, error) {
	u := &upload{b: m.b, api: m.b.Client().API(), key: key, id: id}
	var err error
	u.algorithm, u.customerKey, u.customerSum, err = header.CustomerKey(encryptionKey)
	return u, err
}

// initiate begins an upload.
func (m *Manager) initiate(ctx context.Context, key string, o *ois.PutOptions) (*upload, error) {
	u, err := m.upload(key, "", o.EncryptionKey)
	if err == nil {
		err = header.CheckMetadata(o.Metadata)
	}
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	patient, cancel := outlive(ctx, initiateGrace)
	defer cancel()
	out, err := u.api.InitiateMultipartUpload(patient, &api.InitiateMultipartUploadInput{
		Zone: u.b.Zone(), Bucket: u.b.Name(), Key: key,
		ContentType: o.ContentType, CacheControl: o.CacheControl, ContentDisposition: o.ContentDisposition,
		ContentEncoding: o.ContentEncoding, Expires: o.Expires, StorageClass: o.StorageClass, Metadata: o.Metadata,
		EncryptionCustomerAlgorithm: u.algorithm, EncryptionCustomerKey: u.customerKey, EncryptionCustomerKeyMD5: u.customerSum,
	})
	if end := context.Cause(ctx); err != nil && end != nil && !errors.Is(err, end) {
		err = fmt.Errorf("%w: %w", end, err)
	}
	if err != nil {
		return nil, err
	}
	if out.UploadID == "" {
		return nil, errors.New("the service gives the upload no id")
	}
	u.id = out.UploadID
	return u, nil // also if the context has ended: whoever sends the parts removes it
}

// outlive returns a context that ends some time after ctx.
func outlive(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	timer := time.AfterFunc(by, cancel)
	timer.Stop()
	unhook := context.AfterFunc(ctx, func() { timer.Reset(by) })
	return longer, func() {
		unhook()
		timer.Stop()
		cancel()
	}
}

// part sends a part. It returns the part's ETag, and whether it was compared.
func (u *upload) part(ctx context.Context, n int, b *body) (etag string, verified bool, err error) {
	out, err := u.api.UploadMultipart(ctx, &api.UploadMultipartInput{
		Zone: u.b.Zone(), Bucket: u.b.Name(), Key: u.key, UploadID: u.id, PartNumber: int64(n), Body: b, ContentLength: b.size,
		EncryptionCustomerAlgorithm: u.algorithm, EncryptionCustomerKey: u.customerKey, EncryptionCustomerKeyMD5: u.customerSum,
	})
	if err != nil {
		return "", false, fmt.Errorf("part %d: %w", n, err)
	}
	if u.algorithm == "" { // nobody says what the ETag of encrypted bytes is
		if verified, err = b.check(out.ETag); err != nil {
			return "", verified, fmt.Errorf("part %d: %w", n, err)
		}
	}
	return out.ETag, verified, nil
}

// parts lists the parts that are there, by number.
func (u *upload) parts(ctx context.Context) (map[int64]api.ObjectPart, error) {
	list := make(map[int64]api.ObjectPart)
	in := api.ListMultipartInput{Zone: u.b.Zone(), Bucket: u.b.Name(), Key: u.key, UploadID: u.id}
	limit := int64(1000)
	in.Limit = &limit
	for {
		out, err := u.api.ListMultipart(ctx, &in)
		if err != nil {
			return nil, err
		}
		for _, p := range out.ObjectParts {
			list[p.PartNumber] = p
		}
		if len(out.ObjectParts) == 0 || int64(len(list)) >= out.Count {
			return list, nil
		}
		last := out.ObjectParts[len(out.ObjectParts)-1].PartNumber
		if in.PartNumberMarker != nil && last <= *in.PartNumberMarker {
			return nil, fmt.Errorf("the list of parts does not go on behind part %d", last)
		}
		in.PartNumberMarker = &last
	}
}

// exists reports whether the service knows the upload.
func (u *upload) exists(ctx context.Context) (bool, error) {
	var none int64
	_, err := u.api.ListMultipart(ctx, &api.ListMultipartInput{
		Zone: u.b.Zone(), Bucket: u.b.Name(), Key: u.key, UploadID: u.id, Limit: &none,
	})
	if errors.Is(err, ois.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// A finish is what completing an upload takes.
type finish struct {
	etags                []string // of the parts, from 0
	size                 int64
	etag                 string // of the object; "" leaves it to be made of those of the parts
	ifMatch, ifNoneMatch string
}

// complete makes the object. An answer that got lost is no failure: then the upload
// is gone, and the object has the ETag that it was given here.
func (u *upload) complete(ctx context.Context, f *finish) (*ois.Written, error) {
	in := api.CompleteMultipartUploadInput{
		Zone: u.b.Zone(), Bucket: u.b.Name(), Key: u.key, UploadID: u.id, ETag: f.etag,
		IfMatch: f.ifMatch, IfNoneMatch: f.ifNoneMatch, ObjectParts: make([]api.CompletedPart, len(f.etags)),
	}
	if in.ETag == "" {
		in.ETag = etagOf(f.etags)
	}
	for i, etag := range f.etags {
		in.ObjectParts[i] = api.CompletedPart{PartNumber: int64(i), ETag: etag}
	}
	const tries = 4
	for try := 1; ; try++ {
		out, err := u.api.CompleteMultipartUpload(ctx, &in)
		if err == nil {
			return &ois.Written{ETag: out.ETag, VersionID: out.VersionID, RequestID: out.RequestID}, nil
		}
		if !unsure(err) || ctx.Err() != nil || try == tries {
			return nil, fmt.Errorf("complete the upload: %w", err)
		}
		switch there, perr := u.exists(ctx); {
		case perr != nil:
			return nil, fmt.Errorf("complete the upload: %w", err)
		case !there:
			return u.completed(ctx, &in, f.size, err)
		}
		if serr := sleep(ctx, time.Duration(try)*time.Second/4); serr != nil {
			return nil, fmt.Errorf("complete the upload: %w, after %w", serr, err)
		}
	}
}

// completed finds out whether the object is the one of the upload, after the answer err. Without an ETag nobody can tell.
func (u *upload) completed(ctx context.Context, in *api.CompleteMultipartUploadInput, size int64, err error) (*ois.Written, error) {
	info, herr := u.b.Head(ctx, u.key, nil)
	if herr != nil || info.Size != size || in.ETag == "" || info.ETag != in.ETag {
		return nil, fmt.Errorf("complete the upload: the upload is gone, and the object is not the one of it: %w", err)
	}
	return &ois.Written{ETag: info.ETag, VersionID: info.VersionID}, nil
}

// unsure reports whether a request may have been carried out although it failed.
func unsure(err error) bool {
	var e *ois.Error
	if !errors.As(err, &e) {
		return true // the answer is not what the contract says
	}
	return e.Status == 0 || e.Status >= http.StatusInternalServerError || e.Status == http.StatusRequestTimeout ||
		e.Status < http.StatusMultipleChoices || e.Status == http.StatusNotFound
}

// etagOf makes the ETag of an object out of those of its parts, or "" if these are no MD5s.
// It is the one that other services make, and does not look like an MD5.
func etagOf(etags []string) string {
	h := md5.New()
	for _, etag := range etags {
		sum, err := hex.DecodeString(md5Of(etag))
		if err != nil || len(sum) == 0 {
			return ""
		}
		h.Write(sum)
	}
	return `"` + hex.EncodeToString(h.Sum(nil)) + "-" + strconv.Itoa(len(etags)) + `"`
}

// abort removes the upload after err, even if the context of the transfer has ended.
func (u *upload) abort(ctx context.Context, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	_, aerr := u.api.AbortMultipartUpload(ctx, &api.AbortMultipartUploadInput{
		Zone: u.b.Zone(), Bucket: u.b.Name(), Key: u.key, UploadID: u.id,
	})
	if aerr != nil && err != nil && !errors.Is(aerr, ois.ErrNotFound) {
		return fmt.Errorf("%w; upload %s is left behind: %w", err, u.id, aerr)
	}
	return err
}

var _ io.ReadSeeker = (*body)(nil)
