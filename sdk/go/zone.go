package ois

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/oisproject/ois/sdk/go/api"
)

// BucketZone asks the endpoint which zone a bucket is in. It needs no credentials.
// The zone is empty if the endpoint serves the bucket itself, whatever its zone;
// that is so for endpoints that are IP addresses. The error is [ErrNotFound] if
// there is no such bucket.
func (c *Client) BucketZone(ctx context.Context, bucket string) (string, error) {
	k := &call{c: c, req: &api.Request{Op: api.OpHeadBucket, Bucket: bucket}, unsigned: true}
	_, err := k.do(ctx)
	var redirect *RedirectError
	switch {
	case err == nil, errors.Is(err, ErrPermission):
		return "", nil
	case errors.As(err, &redirect) && redirect.Zone != "":
		return redirect.Zone, nil
	}
	return "", err
}

// zoneOf finds the zone in the address of a bucket: ZONE.ENDPOINT/BUCKET or
// BUCKET.ZONE.ENDPOINT. It is empty if location is something else.
func (c *Client) zoneOf(location, bucket string) string {
	u, err := url.Parse(location)
	if err != nil || bucket == "" {
		return ""
	}
	host := strings.ToLower(u.Hostname())
	host, inHost := strings.CutPrefix(host, bucket+".")
	if first, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/"); !inHost && first != bucket {
		return ""
	}
	zone, base, _ := strings.Cut(host, ".")
	if isFixedHost(host) || host == c.end.name || base == "" || !isLabel(zone) {
		return ""
	}
	// The endpoint may be another zone's: then what is right of that zone is the same.
	if c.end.name != base && !strings.HasSuffix(c.end.name, "."+base) {
		return ""
	}
	return zone
}
