package server

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oisproject/ois/internal/access"
	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/replicate"
	"github.com/oisproject/ois/internal/store"
)

// What a switch of a replication rule can be.
const (
	switchOn  = "enabled"
	switchOff = "disabled"
)

func (x *exchange) putBucketReplication(in *op.PutBucketReplicationInput) (*op.PutBucketReplicationOutput, error) {
	if err := checkReplication(in.Rules); err != nil {
		return nil, err
	}
	target := in.Rules[0].Destination.Bucket
	info := x.bucket.Info()
	if target == info.Name {
		return nil, fault.Newf(fault.InvalidRequest, "destination.bucket is the bucket itself; allowed: one of the same owner in another zone")
	}
	owner, err := x.store.UserName(x.context(), info.Owner)
	if err != nil {
		return nil, err
	}
	if x.replicator == nil {
		return nil, fault.Newf(fault.InvalidRequest, "this server knows no other zone; its operator names them by --peer")
	}
	zone, err := x.replicator.Find(x.context(), owner, target)
	if errors.Is(err, replicate.ErrNoDestination) {
		return nil, fault.Newf(fault.InvalidRequest, "destination.bucket: no other zone has a bucket %q of the same owner", target)
	}
	if err != nil {
		return nil, unsaid(fault.Newf(fault.ServiceUnavailable, "another zone cannot be asked whether it has bucket %q; try again", target), err)
	}
	for i := range in.Rules {
		in.Rules[i].Destination.Zone = zone
	}
	return x.bucket.PutBucketReplication(x.context(), in)
}

// checkReplication checks the rules and fills in what they leave out.
func checkReplication(rules []op.ReplicationRule) error {
	if n := len(rules); n < op.LimitReplicationRulesMin || n > op.LimitReplicationRulesMax {
		return fault.Newf(fault.InvalidRequest, "rules has %d entries; allowed: %d to %d", n, op.LimitReplicationRulesMin, op.LimitReplicationRulesMax)
	}
	ids := make(map[string]bool)
	prefixes := make([]string, 0, len(rules))
	for i := range rules {
		r := &rules[i]
		fail := func(format string, args ...any) error {
			return fault.Newf(fault.InvalidRequest, "rules[%d]: "+format, append([]any{i}, args...)...)
		}
		switch {
		case r.ID == "" || len(r.ID) > op.LimitReplicationIDMaxBytes:
			return fail("id has %d bytes; allowed: 1 to %d", len(r.ID), op.LimitReplicationIDMaxBytes)
		case ids[r.ID]:
			return fail("id %q stands there twice", r.ID)
		case len(r.Filters.Prefix) > op.LimitReplicationPrefixMaxBytes:
			return fail("filters.prefix has %d bytes; allowed: %d", len(r.Filters.Prefix), op.LimitReplicationPrefixMaxBytes)
		case r.Destination.Bucket == "":
			return fail("destination.bucket is missing")
		case r.Destination.Bucket != rules[0].Destination.Bucket:
			return fail("destination.bucket is %q, and %q in another rule; all rules of a bucket have the same", r.Destination.Bucket, rules[0].Destination.Bucket)
		}
		ids[r.ID] = true
		prefixes = append(prefixes, r.Filters.Prefix)
		for _, s := range []struct {
			name, def string
			value     *string
		}{{"status", switchOn, &r.Status}, {"delete_marker", switchOff, &r.DeleteMarker}, {"sync_marker", switchOff, &r.SyncMarker}} {
			switch v := strings.ToLower(*s.value); v {
			case "":
				*s.value = s.def
			case switchOn, switchOff:
				*s.value = v
			default:
				return fail("%s is %q; allowed: %s, %s", s.name, *s.value, switchOn, switchOff)
			}
		}
		class, err := store.StorageClass(r.Destination.StorageClass)
		if err != nil {
			return fail("destination.storage_class: %w", err)
		}
		r.Destination.StorageClass = class
	}
	slices.Sort(prefixes)
	for i := 1; i < len(prefixes); i++ { // what starts with a prefix comes right after it
		if strings.HasPrefix(prefixes[i], prefixes[i-1]) {
			return fault.Newf(fault.InvalidRequest, "the prefix %q of a rule covers %q of another", prefixes[i-1], prefixes[i])
		}
	}
	return nil
}

// peerMay are the operations that another zone needs.
var peerMay = []op.ID{
	op.HeadBucket, op.PutObject, op.DeleteObject, op.InitiateMultipartUpload, op.UploadMultipart, op.CompleteMultipartUpload,
	op.AbortMultipartUpload,
}

// actForOwner makes the peer that sends this request act for the user it names, as far as it needs to.
func (x *exchange) actForOwner() error {
	if !slices.Contains(peerMay, x.operation) {
		return fault.Newf(fault.PermissionDenied, "another zone may not use %s", x.operation)
	}
	h := x.r.Header
	name, err := url.QueryUnescape(h.Get(replicate.HeaderOwner))
	if err != nil || name == "" {
		return fault.Newf(fault.InvalidArgument, "header %s: got %q; want the name of a user", replicate.HeaderOwner, h.Get(replicate.HeaderOwner))
	}
	id, ok, err := x.store.UserNamed(x.r.Context(), name)
	if err != nil {
		return err
	}
	if !ok {
		return fault.Newf(fault.PermissionDenied, "there is no user %q in this zone", name)
	}
	x.caller = access.Caller{UserID: id, AccessKeyID: replicate.AccessKeyID}
	x.replica = &store.Replica{ETag: h.Get(replicate.HeaderETag)}
	if ms := h.Get(replicate.HeaderModified); ms != "" {
		n, err := strconv.ParseInt(ms, 10, 64)
		if err != nil || n < 0 {
			return fault.Newf(fault.InvalidArgument, "header %s: got %q; want a number of milliseconds", replicate.HeaderModified, ms)
		}
		x.replica.Modified = time.UnixMilli(n)
	}
	return nil
}

// ownsReplica refuses a peer that acts for somebody who does not own the bucket.
func (x *exchange) ownsReplica() error {
	if x.replica != nil && x.bucket != nil && x.bucket.Info().Owner != x.caller.UserID {
		return fault.Newf(fault.PermissionDenied, "the bucket does not belong to the user that the other zone acts for")
	}
	return nil
}

// peerKeys adds the key that the zones share to those of users.
type peerKeys struct {
	access.KeySource
	secret string
}

func (k peerKeys) Key(ctx context.Context, id string) (secret, user string, ok bool, err error) {
	if id == replicate.AccessKeyID {
		return k.secret, replicate.AccessKeyID, true, nil
	}
	return k.KeySource.Key(ctx, id)
}
