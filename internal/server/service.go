package server

import (
	"slices"
	"strings"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
)

// listBuckets lists the caller's buckets: of the zone that the host names, else of the one that the
// Location header names, else of all.
func (x *exchange) listBuckets(in *op.ListBucketsInput) (*op.ListBucketsOutput, error) {
	zone := x.address.Zone
	if zone == "" {
		zone = strings.ToLower(in.Location)
	}
	if zone != "" && !slices.Contains(x.hosts.Zones, zone) {
		return nil, fault.Newf(fault.InvalidLocation, "the zone %q is unknown; there are %s", zone, strings.Join(x.hosts.Zones, ", "))
	}
	urlOf := func(bucket, zone string) string { return x.scheme() + "://" + x.bucketHost(bucket, zone) }
	return x.store.ListBuckets(x.context(), x.caller.UserID, zone, urlOf, in)
}

// bucketHost returns where the bucket of a request, or one of those it lists, is found by who
// asks as this request does: at a host of its own, or below the host of the
// request where that is no name of the service.
func (x *exchange) bucketHost(bucket, zone string) string {
	if x.address.Virtual {
		return x.r.Host
	}
	if host, ok := x.hosts.BucketHost(x.r.Host, bucket, zone); ok {
		return host
	}
	return x.r.Host + "/" + bucket
}

func (x *exchange) listLocations(in *op.ListLocationsInput) (*op.ListLocationsOutput, error) {
	name := "Zone "
	if strings.HasPrefix(strings.ToLower(in.Lang), "zh") {
		name = "可用区 "
	}
	out := &op.ListLocationsOutput{}
	for _, zone := range x.hosts.Zones {
		out.Locations = append(out.Locations, op.Location{ID: zone, Name: name + zone, Endpoint: zone + "." + x.hosts.Domain})
	}
	return out, nil
}

// putBucket creates a bucket in the zone that the host names, else in the default zone.
func (x *exchange) putBucket(in *op.PutBucketInput) (*op.PutBucketOutput, error) {
	if err := x.throttle.take(x.caller.UserID, x.now()); err != nil {
		return nil, err
	}
	zone := x.address.Zone
	if zone == "" {
		zone = x.hosts.Zones[0]
	}
	return x.store.PutBucket(x.context(), x.caller.UserID, zone, in)
}

func (x *exchange) getBucketStatistics(in *op.GetBucketStatisticsInput) (*op.GetBucketStatisticsOutput, error) {
	info := x.bucket.Info()
	return x.bucket.GetBucketStatistics(x.context(), x.bucketHost(info.Name, info.Zone), in)
}
