package ois

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/oisproject/ois/sdk/go/api"
)

// An Object is what a listing tells about an object.
type Object struct {
	Key          string
	Size         int64     // bytes
	ETag         string    // in double quotes, as conditions want it
	ContentType  string    //
	Modified     time.Time // to the second
	StorageClass string    // "STANDARD", "STANDARD_IA"
	Encrypted    bool      // with a customer's key
}

// ListOptions select what is listed. The zero value is everything.
type ListOptions struct {
	Prefix    string // only keys that start with it
	Delimiter string // keys that are equal up to the first delimiter behind Prefix are folded into a prefix
	Marker    string // only keys behind it
	PageSize  int    // objects and prefixes asked for at once; 0 means 1000, which is the most
}

// A Page is a part of a listing.
type Page struct {
	Objects    []Object
	Prefixes   []string // that keys were folded into, with the delimiter at the end
	NextMarker string   // Marker of the rest; empty on the last page
}

// Objects lists the objects of the bucket in the byte order of their keys:
//
//	for o, err := range b.Objects(ctx, &ois.ListOptions{Prefix: "2026/"}) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(o.Key, o.Size)
//	}
//
// Pages are asked for as the loop needs them; leaving it stops that. An error
// ends the listing. With a delimiter, what is folded into prefixes is left out.
func (b *Bucket) Objects(ctx context.Context, opts *ListOptions) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		for page, err := range b.Pages(ctx, opts) {
			if err != nil {
				yield(Object{}, err)
				return
			}
			for i := range page.Objects {
				if !yield(page.Objects[i], nil) {
					return
				}
			}
		}
	}
}

// Prefixes lists the prefixes that keys are folded into, such as the folders of a
// bucket. Without a delimiter in opts it is "/".
func (b *Bucket) Prefixes(ctx context.Context, opts *ListOptions) iter.Seq2[string, error] {
	var o ListOptions
	if opts != nil {
		o = *opts
	}
	if o.Delimiter == "" {
		o.Delimiter = "/"
	}
	return func(yield func(string, error) bool) {
		for page, err := range b.Pages(ctx, &o) {
			if err != nil {
				yield("", err)
				return
			}
			for _, prefix := range page.Prefixes {
				if !yield(prefix, nil) {
					return
				}
			}
		}
	}
}

// Pages lists page by page: for those who keep markers, or want objects and
// prefixes of one listing. A page may be empty though others follow.
func (b *Bucket) Pages(ctx context.Context, opts *ListOptions) iter.Seq2[*Page, error] {
	in := api.ListObjectsInput{Zone: b.zone, Bucket: b.name, Limit: 1000}
	if opts != nil {
		in.Prefix, in.Delimiter, in.Marker = opts.Prefix, opts.Delimiter, opts.Marker
		if opts.PageSize > 0 {
			in.Limit = int64(opts.PageSize)
		}
	}
	return func(yield func(*Page, error) bool) {
		in := in // each range over the sequence starts anew
		for {
			out, err := b.api.ListObjects(ctx, &in)
			if err == nil && out.HasMore && (out.NextMarker == in.Marker || out.NextMarker == "") {
				err = fmt.Errorf("the answer says that there is more, and gives marker %q after %q", out.NextMarker, in.Marker)
			}
			if err != nil {
				yield(nil, b.error(err, api.OpListObjects, ""))
				return
			}
			page := newPage(out)
			if !yield(page, nil) || page.NextMarker == "" {
				return
			}
			in.Marker = page.NextMarker
		}
	}
}

func newPage(out *api.ListObjectsOutput) *Page {
	page := &Page{Objects: make([]Object, len(out.Keys)), Prefixes: out.CommonPrefixes}
	for i := range out.Keys {
		o := &out.Keys[i]
		page.Objects[i] = Object{
			Key:          o.Key,
			Size:         o.Size,
			ETag:         quoteETag(o.ETag),
			ContentType:  o.MimeType,
			Modified:     modified(o),
			StorageClass: o.StorageClass,
			Encrypted:    o.Encrypted,
		}
	}
	if out.HasMore {
		page.NextMarker = out.NextMarker
	}
	return page
}

func modified(o *api.Object) time.Time {
	if o.Modified == 0 {
		return o.Created
	}
	return time.Unix(o.Modified, 0).UTC()
}

// quoteETag gives an ETag the quotes that some answers leave out.
func quoteETag(etag string) string {
	if etag == "" || strings.HasSuffix(etag, `"`) {
		return etag
	}
	return `"` + etag + `"`
}

// maxRemove is how many objects one request can delete.
const maxRemove = 1000

// A RemoveError tells which objects RemoveAll could not delete.
type RemoveError struct {
	Failed []*Error // the first thousand, in their order
	Count  int      // all
}

// Error names the first object and counts the others.
func (e *RemoveError) Error() string {
	switch e.Count {
	case 1:
		return e.Failed[0].Error()
	case 2:
		return fmt.Sprintf("%v, and 1 more object", e.Failed[0])
	}
	return fmt.Sprintf("%v, and %d more objects", e.Failed[0], e.Count-1)
}

// Unwrap returns the errors of the objects.
func (e *RemoveError) Unwrap() []error {
	errs := make([]error, len(e.Failed))
	for i, f := range e.Failed {
		errs[i] = f
	}
	return errs
}

// RemoveAll deletes objects, a thousand at a time; slices.Values makes a sequence of
// a slice. A key without an object counts as deleted. If some objects cannot be
// deleted it goes on with the others and returns a [*RemoveError], which counts them all:
// what is not in it is deleted.
//
// A request that the service refuses as a whole counts for each of its objects. Unless that
// is about what is in it, a 400, the next ones would fare no better: nothing more is
// sent then, and the remaining keys count as failed for the same reason.
func (b *Bucket) RemoveAll(ctx context.Context, keys iter.Seq[string]) error {
	r := removal{b: b, batch: make([]api.ObjectToDelete, 0, maxRemove)}
	for key := range keys {
		r.add(ctx, key)
	}
	r.send(ctx)
	if r.failed.Count == 0 {
		return nil
	}
	return &r.failed
}

// removal is the state of RemoveAll between two keys.
type removal struct {
	b      *Bucket
	batch  []api.ObjectToDelete
	failed RemoveError
	end    error // why nothing more is sent
}

func (r *removal) add(ctx context.Context, key string) {
	if r.end != nil {
		r.fail(key, r.end)
		return
	}
	if err := checkKey(key); err != nil {
		r.fail(key, err)
		return
	}
	if r.batch = append(r.batch, api.ObjectToDelete{Key: key}); len(r.batch) == maxRemove {
		r.send(ctx)
	}
}

// send deletes what has gathered.
func (r *removal) send(ctx context.Context) {
	if len(r.batch) == 0 {
		return
	}
	out, err := r.b.api.DeleteMultipleObjects(ctx, &api.DeleteMultipleObjectsInput{
		Zone: r.b.zone, Bucket: r.b.name, Objects: r.batch, Quiet: true,
	})
	if err != nil {
		for _, o := range r.batch {
			r.fail(o.Key, err)
		}
		var e *Error
		if !errors.As(err, &e) || e.Status != http.StatusBadRequest {
			r.end = err
		}
	} else {
		for _, f := range out.Errors {
			r.failed.add(&Error{
				Op: api.OpDeleteMultipleObjects.Name, Bucket: r.b.name, Key: f.Key,
				Code: f.Code, Message: f.Message, RequestID: out.RequestID,
			})
		}
	}
	r.batch = r.batch[:0]
}

// fail notes that a key was not deleted. An error of the whole request becomes the key's.
func (r *removal) fail(key string, err error) {
	var about Error
	var e *Error
	if errors.As(r.b.error(err, api.OpDeleteMultipleObjects, key), &e) {
		about = *e
	}
	about.Key = key
	r.failed.add(&about)
}

func (e *RemoveError) add(f *Error) {
	e.Count++
	if len(e.Failed) < 1000 {
		e.Failed = append(e.Failed, f)
	}
}
