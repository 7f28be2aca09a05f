package admin

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/oisproject/ois/internal/store"
)

// A Bucket is what an operator sees of a bucket.
type Bucket struct {
	Name      string    `json:"name"`
	Owner     string    `json:"owner"` // user id
	Zone      string    `json:"zone"`
	Created   time.Time `json:"created"`
	Suspended bool      `json:"suspended"`
}

// Buckets implements Service.
func (l *Local) Buckets(ctx context.Context) ([]Bucket, error) {
	list, err := l.store.AllBuckets(ctx)
	buckets := make([]Bucket, 0, len(list))
	for i := range list {
		b := &list[i]
		buckets = append(buckets, Bucket{b.Name, b.Owner, b.Zone, b.Created, b.Suspended})
	}
	return buckets, err
}

// SuspendBucket implements Service.
func (l *Local) SuspendBucket(ctx context.Context, name string, suspended bool) error {
	return l.store.SuspendBucket(ctx, name, suspended)
}

// SetStanding implements Service.
func (l *Local) SetStanding(ctx context.Context, user string, to store.Standing) error {
	id, err := l.userID(ctx, user)
	if err != nil {
		return fmt.Errorf("suspend or resume user: %w", err)
	}
	return l.store.SetStanding(ctx, id, to)
}

const (
	pathBuckets  = "/v1/buckets"
	pathStanding = "/v1/standing"

	paramSuspended = "suspended"
	paramReason    = "reason"
)

// handleSuspend adds what this file is about to a handler.
func handleSuspend(mux *http.ServeMux, s Service) {
	mux.Handle("GET "+pathBuckets, answer(func(r *http.Request) (any, error) {
		return s.Buckets(r.Context())
	}))
	mux.Handle("POST "+pathBuckets, answer(func(r *http.Request) (any, error) {
		suspended, err := strconv.ParseBool(r.URL.Query().Get(paramSuspended))
		if err != nil {
			return nil, err
		}
		return nil, s.SuspendBucket(r.Context(), r.URL.Query().Get(paramName), suspended)
	}))
	mux.Handle("POST "+pathStanding, answer(func(r *http.Request) (any, error) {
		var to store.Standing
		if err := to.UnmarshalText([]byte(r.URL.Query().Get(paramReason))); err != nil {
			return nil, err
		}
		return nil, s.SetStanding(r.Context(), r.URL.Query().Get(paramUser), to)
	}))
}

// Buckets implements Service.
func (c *Client) Buckets(ctx context.Context) (buckets []Bucket, err error) {
	err = c.call(ctx, http.MethodGet, pathBuckets, nil, &buckets)
	return buckets, err
}

// SuspendBucket implements Service.
func (c *Client) SuspendBucket(ctx context.Context, name string, suspended bool) error {
	return c.call(ctx, http.MethodPost, pathBuckets, url.Values{paramName: {name}, paramSuspended: {strconv.FormatBool(suspended)}}, nil)
}

// SetStanding implements Service.
func (c *Client) SetStanding(ctx context.Context, user string, to store.Standing) error {
	return c.call(ctx, http.MethodPost, pathStanding, url.Values{paramUser: {user}, paramReason: {to.String()}}, nil)
}
