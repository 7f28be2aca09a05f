package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/op"
)

// A Bucket is a bucket as it was when it was looked up. Writes through it fail with bucket_not_exists once it is
// deleted, also if another bucket has taken its name.
type Bucket struct {
	store *Store
	name  string
	rev   uint64
	row   bucketRow

	policy Document
}

// A BucketInfo tells about a bucket what the decision on a request needs.
type BucketInfo struct {
	Name    string
	Zone    string
	Owner   string // user id
	Created time.Time
	Grants  []Grant

	Suspended bool // by the operator
}

// A Grant gives READ, WRITE or FULL_CONTROL to a user, or to everybody if User is empty.
type Grant struct {
	User       string
	Permission string
}

// Bucket looks a bucket up.
func (s *Store) Bucket(ctx context.Context, name string) (*Bucket, error) {
	var b *Bucket
	err := s.view(ctx, func(snap meta.Snapshot) (err error) {
		b, err = s.bucketIn(snap, name)
		return err
	})
	return b, err
}

func (s *Store) bucketIn(snap meta.Snapshot, name string) (*Bucket, error) {
	row, ok, err := snap.Get(bucketKey(name))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, noBucket(name)
	}
	r, err := decodeBucket(row.Val)
	if err != nil {
		return nil, fmt.Errorf("bucket %q: %w", name, err)
	}
	b := &Bucket{store: s, name: name, rev: row.Rev, row: r}
	if r.set.has(settingPolicy) { // every request needs it
		b.policy, err = b.document(snap, settingPolicy)
	}
	return b, err
}

func noBucket(name string) error {
	return fault.Newf(fault.BucketNotExists, "bucket %q does not exist", name)
}

// isGone reports whether err says that there is no such bucket.
func isGone(err error) bool { return fault.CodeOf(err) == fault.BucketNotExists }

// Info returns what is known of the bucket.
func (b *Bucket) Info() BucketInfo {
	info := BucketInfo{Name: b.name, Zone: b.row.zone, Owner: b.row.owner, Created: b.row.created, Suspended: b.row.suspended}
	for _, g := range b.row.grants {
		info.Grants = append(info.Grants, Grant{User: g.user, Permission: g.permission})
	}
	return info
}

// errSettling is returned while a deletion decides whether the bucket is empty.
var errSettling = errors.New("bucket is being closed")

// write is Store.retry for changes that need the bucket to be alive. Once it is gone they
// fail with bucket_not_exists; while a deletion is deciding they wait for it.
func (b *Bucket) write(ctx context.Context, decide func(*view) (*meta.Change, error)) error {
	for {
		err := b.store.retry(ctx, func(snap meta.Snapshot) (*meta.Change, error) {
			live, err := b.live(snap)
			if err != nil {
				return nil, err
			}
			v := &view{Snapshot: snap, store: b.store, live: live}
			c, err := decide(v)
			if c == nil || err != nil {
				return nil, err
			}
			return c, b.tell(ctx, v, c)
		})
		if !errors.Is(err, errSettling) {
			return err
		}
		if err := sleep(ctx, time.Millisecond); err != nil {
			return err
		}
	}
}

// live returns the live row of the bucket, or the error of a write to one that has none.
func (b *Bucket) live(snap meta.Snapshot) (liveRow, error) {
	row, ok, err := snap.Get(liveKey(b.row.id))
	if err != nil {
		return liveRow{}, err
	}
	if ok {
		return decodeLive(row)
	}
	now, err := b.store.bucketIn(snap, b.name)
	if err != nil {
		return liveRow{}, err
	}
	if now.row.id == b.row.id {
		return liveRow{}, errSettling
	}
	return liveRow{}, noBucket(b.name)
}

// PutBucket creates a bucket of the user in a zone.
func (s *Store) PutBucket(ctx context.Context, user, zone string, in *op.PutBucketInput) (*op.PutBucketOutput, error) {
	if err := checkBucketName(in.Bucket); err != nil {
		return nil, err
	}
	if err := s.admit(); err != nil {
		return nil, err
	}
	row := bucketRow{owner: user, zone: zone, created: s.now()}
	err := s.retry(ctx, func(snap meta.Snapshot) (*meta.Change, error) {
		if _, ok, err := snap.Get(bucketKey(in.Bucket)); err != nil {
			return nil, err
		} else if ok {
			return nil, fault.Newf(fault.BucketAlreadyExists, "bucket %q exists", in.Bucket)
		}
		owner, ok, err := snap.Get(userKey(user))
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fault.Newf(fault.InvalidAccessKeyID, "user %q does not exist any more", user)
		}
		if err := s.checkQuota(snap, user); err != nil {
			return nil, err
		}
		var c change
		row.id = uint64(s.epoch)<<32 | s.seq.Add(1)&(1<<32-1)
		c.guard(meta.Absent, bucketKey(in.Bucket))
		c.guard(meta.Absent, liveKey(row.id)) // the sequence may have come round
		c.set(bucketKey(in.Bucket), row.encode())
		c.set(liveKey(row.id), row.live(in.Bucket))
		c.touch(userKey(user), owner) // so that the user cannot be deleted beside this
		return c.done(), nil
	})
	if err != nil {
		return nil, err
	}
	return &op.PutBucketOutput{}, nil
}

// HeadBucket confirms that the bucket exists.
func (b *Bucket) HeadBucket(context.Context, *op.HeadBucketInput) (*op.HeadBucketOutput, error) {
	return &op.HeadBucketOutput{}, nil
}

// ListBuckets lists the buckets of a user, in order of their names. zone restricts it to one zone; empty
// is all. urlOf makes the address of a bucket.
func (s *Store) ListBuckets(ctx context.Context, user, zone string, urlOf func(name, zone string) string, in *op.ListBucketsInput) (*op.ListBucketsOutput, error) {
	offset, limit, err := bucketPage(in)
	if err != nil {
		return nil, err
	}
	out := &op.ListBucketsOutput{Buckets: []op.BucketInfo{}}
	err = s.view(ctx, func(snap meta.Snapshot) error {
		return walk(snap, []byte{kindBucket}, func(r meta.Row) error {
			row, err := decodeBucket(r.Val)
			if err != nil || row.owner != user || zone != "" && row.zone != zone {
				return err
			}
			if n := out.Count; n >= offset && n-offset < limit {
				name := string(r.Key[1:])
				out.Buckets = append(out.Buckets, op.BucketInfo{Name: name, Location: row.zone, URL: urlOf(name, row.zone), Created: row.created})
			}
			out.Count++
			return nil
		})
	})
	return out, err
}

func bucketPage(in *op.ListBucketsInput) (offset, limit int64, err error) {
	if in.Offset < 0 {
		return 0, 0, negative("offset", in.Offset)
	}
	if in.Limit < 0 {
		return 0, 0, negative("limit", in.Limit)
	}
	if limit = in.Limit; limit == 0 {
		limit = defaultBuckets
	}
	return in.Offset, limit, nil
}

func negative(name string, n int64) error {
	return fault.Newf(fault.InvalidArgument, "%s is %d; allowed: 0 and more", name, n)
}

// DeleteBucket deletes an empty bucket.
//
// First the bucket is closed: from then on no write can pass its guard on the live row. Then a snapshot that has
// all writes from before shows whether it is empty; if not, it opens again.
func (b *Bucket) DeleteBucket(ctx context.Context, _ *op.DeleteBucketInput) (*op.DeleteBucketOutput, error) {
	if err := b.checkEmpty(ctx); err != nil {
		return nil, err
	}
	err := b.close(ctx)
	for errors.Is(err, errSettling) { // another deletion decides: it may yet find the bucket full
		if err = sleep(ctx, time.Millisecond); err == nil {
			err = b.close(ctx)
		}
	}
	if err != nil {
		return nil, err
	}
	// A closed bucket must not stay behind when the client goes away.
	if err := b.settle(context.WithoutCancel(ctx)); err != nil {
		return nil, err
	}
	return &op.DeleteBucketOutput{}, nil
}

func (b *Bucket) close(ctx context.Context) error {
	return b.store.retry(ctx, func(snap meta.Snapshot) (*meta.Change, error) {
		now, err := b.store.bucketIn(snap, b.name)
		if err != nil {
			return nil, err
		}
		if now.row.id != b.row.id {
			return nil, noBucket(b.name)
		}
		if now.row.closing {
			return nil, errSettling
		}
		var c change
		row := now.row
		row.closing = true
		c.still(bucketKey(b.name), now.rev)
		c.set(bucketKey(b.name), row.encode())
		c.drop(liveKey(row.id))
		return c.done(), nil
	})
}

// settle ends the closing of a bucket: an empty one is dropped, another opens again and
// settle returns bucket_not_empty. Several may try at once: each decides by one snapshot, in which the bucket is
// closed, so that it has all writes there will be; and a decision that came too late fails its guard.
func (b *Bucket) settle(ctx context.Context) error {
	var full error
	err := b.store.retry(ctx, func(snap meta.Snapshot) (*meta.Change, error) {
		now, err := b.store.bucketIn(snap, b.name)
		if fault.CodeOf(err) == fault.BucketNotExists || err == nil && now.row.id != b.row.id {
			full = nil // somebody else has dropped it
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if !now.row.closing {
			full = fault.Newf(fault.BucketNotEmpty, "bucket %q is not empty", b.name) // somebody else has found it so
			return nil, nil
		}
		if full = b.checkEmptyIn(snap); full != nil && fault.CodeOf(full) != fault.BucketNotEmpty {
			return nil, full
		}
		var c change
		c.still(bucketKey(b.name), now.rev)
		if full == nil {
			c.drop(bucketKey(b.name))
			now.row.set.each(func(s setting) { c.drop(settingKey(b.row.id, s)) })
			err := errors.Join(b.unbindAll(snap, &c), dropCounters(snap, &c, b.row.id))
			return c.done(), err
		}
		row := now.row
		row.closing = false
		c.set(bucketKey(b.name), row.encode())
		c.set(liveKey(row.id), row.live(b.name))
		return c.done(), nil
	})
	if err != nil {
		return err
	}
	return full
}

func dropCounters(snap meta.Snapshot, c *change, bucket uint64) error {
	return walk(snap, numberKey(kindCounter, bucket), func(r meta.Row) error {
		c.drop(append([]byte(nil), r.Key...))
		return nil
	})
}

func (b *Bucket) checkEmpty(ctx context.Context) error {
	return b.store.view(ctx, b.checkEmptyIn)
}

func (b *Bucket) checkEmptyIn(snap meta.Snapshot) error {
	for _, rows := range []struct {
		kind byte
		what string
	}{{kindObject, "objects"}, {kindVersion, "versions of objects"}, {kindUpload, "unfinished uploads"}} {
		prefix := numberKey(rows.kind, b.row.id)
		found := false
		err := snap.Walk(prefix, successor(prefix), func(meta.Row) ([]byte, bool) {
			found = true
			return nil, true
		})
		if err != nil {
			return err
		}
		if found {
			return fault.Newf(fault.BucketNotEmpty, "bucket %q has %s", b.name, rows.what)
		}
	}
	return nil
}

// settleClosing ends the deletions of buckets that a crash interrupted.
func (s *Store) settleClosing(ctx context.Context) error {
	var closing []*Bucket
	err := s.view(ctx, func(snap meta.Snapshot) error {
		return walk(snap, []byte{kindBucket}, func(r meta.Row) error {
			row, err := decodeBucket(r.Val)
			if err == nil && row.closing {
				closing = append(closing, &Bucket{store: s, name: string(r.Key[1:]), row: row})
			}
			return err
		})
	})
	for _, b := range closing {
		if err := b.settle(ctx); err != nil && fault.CodeOf(err) != fault.BucketNotEmpty {
			return err
		}
	}
	return err
}

// GetBucketStatistics counts what the bucket holds, exact at once. host is the bucket's address without scheme.
func (b *Bucket) GetBucketStatistics(ctx context.Context, host string, _ *op.GetBucketStatisticsInput) (*op.GetBucketStatisticsOutput, error) {
	out := &op.GetBucketStatisticsOutput{
		Name: b.name, Location: b.row.zone, URL: host, Created: b.row.created, BucketStatus: "active",
		StorageClasses: map[string]op.StorageClassStatistics{},
	}
	err := b.store.view(ctx, func(snap meta.Snapshot) error {
		for class := range classes {
			n, err := counter(snap, counterKey(b.row.id, class, countObjects))
			if err != nil {
				return err
			}
			size, err := counter(snap, counterKey(b.row.id, class, countBytes))
			if err != nil {
				return err
			}
			out.Count += n
			out.Size += size
			out.StorageClasses[class.String()] = op.StorageClassStatistics{Count: n, Size: size, BillingSize: size}
		}
		return nil
	})
	return out, err
}

func counter(snap meta.Snapshot, key []byte) (int64, error) {
	row, ok, err := snap.Get(key)
	if !ok || err != nil {
		return 0, err
	}
	return meta.Counter(row)
}
