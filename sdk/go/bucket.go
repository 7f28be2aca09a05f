package ois

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/oisproject/ois/sdk/go/api"
)

// A BucketInfo is a bucket in the list of buckets.
type BucketInfo struct {
	Name    string
	Zone    string
	URL     string
	Created time.Time
}

// ListBucketsOptions tune ListBuckets. The zero value is the default.
type ListBucketsOptions struct {
	Zone string // only buckets of this zone; empty means all zones
}

// ListBuckets returns the buckets of the caller, of all zones unless opts say otherwise.
func (c *Client) ListBuckets(ctx context.Context, opts *ListBucketsOptions) ([]BucketInfo, error) {
	in := api.ListBucketsInput{Limit: 1000}
	if opts != nil {
		in.Location = strings.ToLower(opts.Zone)
	}
	var list []BucketInfo
	for {
		out, err := c.API().ListBuckets(ctx, &in)
		if err != nil {
			return nil, asError(err, api.OpListBuckets, "", "")
		}
		for _, b := range out.Buckets {
			list = append(list, BucketInfo{Name: b.Name, Zone: b.Location, URL: b.URL, Created: b.Created})
		}
		in.Offset += int64(len(out.Buckets))
		if len(out.Buckets) == 0 || in.Offset >= out.Count {
			return list, nil
		}
	}
}

// A Bucket is a handle for one bucket. Making one sends nothing; the bucket need
// not exist. It is safe for concurrent use.
type Bucket struct {
	c    *Client
	api  *api.Client
	name string
	zone string
}

// Bucket returns the handle of a bucket in a zone. An empty zone means the zone of
// the configuration; without one there, requests go to the endpoint as it is. See
// [Client.BucketZone] for finding out.
//
// The zone travels in the host name and nowhere else. An endpoint that is an IP address
// or localhost has no room for it: the server does not see the zone.
func (c *Client) Bucket(name, zone string) *Bucket {
	if zone == "" {
		zone = c.cfg.Zone
	}
	return &Bucket{c: c, api: c.API(), name: name, zone: strings.ToLower(zone)}
}

// Name returns the bucket's name.
func (b *Bucket) Name() string { return b.name }

// Zone returns the zone that requests go to; it may be empty.
func (b *Bucket) Zone() string { return b.zone }

// Client returns the client that the bucket was opened with.
func (b *Bucket) Client() *Client { return b.c }

// Create creates the bucket in its zone. At an endpoint that is an IP address or
// localhost the zone is not sent, and the bucket is made in the server's default zone.
//
// Create fails with [ErrExist] if somebody has a bucket of that name, be it the caller.
// That can also happen if an earlier attempt has created it and its answer got lost:
// see Error.Attempts.
func (b *Bucket) Create(ctx context.Context) error {
	_, err := b.api.PutBucket(ctx, &api.PutBucketInput{Zone: b.zone, Bucket: b.name})
	return b.error(err, api.OpPutBucket, "")
}

// Exists reports whether the bucket exists. If it does and the caller may not read
// it, the error is [ErrPermission].
func (b *Bucket) Exists(ctx context.Context) (bool, error) {
	_, err := b.api.HeadBucket(ctx, &api.HeadBucketInput{Zone: b.zone, Bucket: b.name})
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, b.error(err, api.OpHeadBucket, "")
}

// Delete deletes the bucket, which must be empty, also of unfinished uploads: else
// it fails with [ErrNotEmpty]. Objects are deleted by Remove and RemoveAll.
func (b *Bucket) Delete(ctx context.Context) error {
	_, err := b.api.DeleteBucket(ctx, &api.DeleteBucketInput{Zone: b.zone, Bucket: b.name})
	return b.error(err, api.OpDeleteBucket, "")
}

// Statistics tell what is in a bucket.
type Statistics struct {
	Zone    string
	Status  string // "active" if the bucket can be used
	Created time.Time
	Count   int64                      // objects
	Size    int64                      // their bytes
	Classes map[string]ClassStatistics // the same by storage class
}

// ClassStatistics tell what is in a bucket in one storage class.
type ClassStatistics struct {
	Count       int64
	Size        int64
	BillingSize int64 // bytes to pay for
}

// Statistics counts what is in the bucket.
func (b *Bucket) Statistics(ctx context.Context) (*Statistics, error) {
	out, err := b.api.GetBucketStatistics(ctx, &api.GetBucketStatisticsInput{Zone: b.zone, Bucket: b.name})
	if err != nil {
		return nil, b.error(err, api.OpGetBucketStatistics, "")
	}
	s := &Statistics{
		Zone: out.Location, Status: out.BucketStatus, Created: out.Created, Count: out.Count, Size: out.Size,
	}
	if len(out.StorageClasses) > 0 {
		s.Classes = make(map[string]ClassStatistics, len(out.StorageClasses))
		for name, class := range out.StorageClasses {
			s.Classes[name] = ClassStatistics{class.Count, class.Size, class.BillingSize}
		}
	}
	return s, nil
}

// error makes an [*Error] of err.
func (b *Bucket) error(err error, op *api.Operation, key string) error {
	return asError(err, op, b.name, key)
}

// asError makes an [*Error] of what the layer of package api finds wrong.
func asError(err error, op *api.Operation, bucket, key string) error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	e = &Error{Op: op.Name, Bucket: bucket, Key: key, Err: err}
	var odd *api.UnexpectedAnswerError
	if errors.As(err, &odd) {
		e.Status, e.RequestID, e.Message = odd.Status, odd.RequestID, excerpt([]byte(odd.Start))
		e.Err = odd.Err
	}
	return e
}
