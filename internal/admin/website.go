package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/store"
)

// Errors about websites.
var (
	// ErrNoWebsite is matched by the error for a bucket without a website.
	ErrNoWebsite = errors.New("the bucket has no website")
)

// A WebsiteService sets how the domains of buckets show them, see store.Website. Its errors match store.ErrBucketNotExist and ErrNoWebsite.
type WebsiteService interface {
	// SetWebsite sets how a bucket is shown.
	SetWebsite(ctx context.Context, bucket string, w store.Website) error
	// Website returns how a bucket is shown.
	Website(ctx context.Context, bucket string) (store.Website, error)
	// DeleteWebsite takes away how a bucket is shown.
	DeleteWebsite(ctx context.Context, bucket string) error
}

// bucket looks a bucket up.
func (l *Local) bucket(ctx context.Context, name string) (*store.Bucket, error) {
	b, err := l.store.Bucket(ctx, name)
	if fault.CodeOf(err) == fault.BucketNotExists {
		return nil, fmt.Errorf("%q: %w", name, store.ErrBucketNotExist)
	}
	return b, err
}

// SetWebsite implements Service.
func (l *Local) SetWebsite(ctx context.Context, bucket string, w store.Website) error {
	b, err := l.bucket(ctx, bucket)
	if err != nil {
		return err
	}
	return b.PutWebsite(ctx, w)
}

// Website implements Service.
func (l *Local) Website(ctx context.Context, bucket string) (store.Website, error) {
	b, err := l.bucket(ctx, bucket)
	if err != nil {
		return store.Website{}, err
	}
	w, ok, err := b.Website(ctx)
	if err == nil && !ok {
		err = fmt.Errorf("%q: %w", bucket, ErrNoWebsite)
	}
	return w, err
}

// DeleteWebsite implements Service.
func (l *Local) DeleteWebsite(ctx context.Context, bucket string) error {
	if _, err := l.Website(ctx, bucket); err != nil {
		return err
	}
	b, err := l.bucket(ctx, bucket)
	if err != nil {
		return err
	}
	return b.DeleteWebsite(ctx)
}

const (
	pathWebsites = "/v1/websites"

	paramBucket = "bucket"
	paramIndex  = "index"
	paramError  = "error"
)

// handleWebsites answers on the socket for s.
func handleWebsites(mux *http.ServeMux, s WebsiteService) {
	mux.Handle("PUT "+pathWebsites, answer(func(r *http.Request) (any, error) {
		q := r.URL.Query()
		return nil, s.SetWebsite(r.Context(), q.Get(paramBucket), store.Website{Index: q.Get(paramIndex), Error: q.Get(paramError)})
	}))
	mux.Handle("GET "+pathWebsites, answer(func(r *http.Request) (any, error) {
		return s.Website(r.Context(), r.URL.Query().Get(paramBucket))
	}))
	mux.Handle("DELETE "+pathWebsites, answer(func(r *http.Request) (any, error) {
		return nil, s.DeleteWebsite(r.Context(), r.URL.Query().Get(paramBucket))
	}))
}

// SetWebsite implements Service.
func (c *Client) SetWebsite(ctx context.Context, bucket string, w store.Website) error {
	return c.call(ctx, http.MethodPut, pathWebsites, url.Values{paramBucket: {bucket}, paramIndex: {w.Index}, paramError: {w.Error}}, nil)
}

// Website implements Service.
func (c *Client) Website(ctx context.Context, bucket string) (w store.Website, err error) {
	err = c.call(ctx, http.MethodGet, pathWebsites, url.Values{paramBucket: {bucket}}, &w)
	return w, err
}

// DeleteWebsite implements Service.
func (c *Client) DeleteWebsite(ctx context.Context, bucket string) error {
	return c.call(ctx, http.MethodDelete, pathWebsites, url.Values{paramBucket: {bucket}}, nil)
}
