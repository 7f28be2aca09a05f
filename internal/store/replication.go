package store

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/op"
)

// A replicationDoc is a replication setting as it is stored.
type replicationDoc struct {
	Rules []op.ReplicationRule `json:"rules"`
	Since time.Time            `json:"since"` // when the setting was made
	Swept bool                 `json:"swept"` // the objects from before were marked
}

// backlogBatch is how many objects from before a setting are marked by one change.
const backlogBatch = 500

// PutBucketReplication replaces the replication rules of the bucket. Whether they are right has been checked before.
func (b *Bucket) PutBucketReplication(ctx context.Context, in *op.PutBucketReplicationInput) (*op.PutBucketReplicationOutput, error) {
	if err := b.store.admit(); err != nil {
		return nil, err
	}
	doc := replicationDoc{Rules: in.Rules, Since: b.store.now()}
	err := b.change(ctx, func(_ meta.Snapshot, row *bucketRow, c *change) error {
		if err := row.checkUnversioned("replication"); err != nil {
			return err
		}
		return row.put(c, settingReplication, doc)
	})
	if err != nil {
		return nil, err
	}
	return &op.PutBucketReplicationOutput{}, nil
}

// GetBucketReplication returns the replication rules of the bucket, none if none were set.
func (b *Bucket) GetBucketReplication(ctx context.Context, _ *op.GetBucketReplicationInput) (*op.GetBucketReplicationOutput, error) {
	doc := replicationDoc{Rules: []op.ReplicationRule{}}
	err := b.getSetting(ctx, settingReplication, &doc)
	return &op.GetBucketReplicationOutput{Rules: doc.Rules}, err
}

// DeleteBucketReplication ends the replication of the bucket. Copies that were made stay.
func (b *Bucket) DeleteBucketReplication(ctx context.Context, _ *op.DeleteBucketReplicationInput) (*op.DeleteBucketReplicationOutput, error) {
	return &op.DeleteBucketReplicationOutput{}, b.dropSetting(ctx, settingReplication)
}

// RuleFor returns the replication rule that an object falls under, nil if there is none.
func RuleFor(rules []op.ReplicationRule, key string) *op.ReplicationRule {
	for i := range rules {
		if r := &rules[i]; !strings.EqualFold(r.Status, "disabled") && strings.HasPrefix(key, r.Filters.Prefix) {
			return r
		}
	}
	return nil
}

// A replicaRow says that a copy of an object, or its absence, is to be sent to another zone.
type replicaRow struct{ since time.Time }

func (r *replicaRow) encode() []byte {
	return appendUint([]byte{recordVersion}, 1, uint64(r.since.UnixMilli()))
}

func decodeReplica(b []byte) (r replicaRow, err error) {
	s := scan(b)
	for s.next() {
		switch s.id {
		case 1:
			r.since = time.UnixMilli(int64(s.num))
		default:
			s.unknown()
		}
	}
	return r, s.done("replica row")
}

func replicaKey(bucket uint64, key string) []byte {
	return append(numberKey(kindReplica, bucket), key...)
}

// A Stale is a key whose copy in another zone is not, or may not be, what is here.
type Stale struct {
	Key   string
	Since time.Time // the last change that is not there yet

	bucket uint64
	rev    uint64
}

// StaleBuckets returns the ids of the buckets with anything to be replicated.
func (s *Store) StaleBuckets(ctx context.Context) (list []uint64, err error) {
	err = s.view(ctx, func(snap meta.Snapshot) error {
		var failed error
		err := snap.Walk([]byte{kindReplica}, []byte{kindReplica + 1}, func(r meta.Row) ([]byte, bool) {
			var id uint64
			if id, failed = bucketOf(r.Key); failed != nil {
				return nil, true
			}
			list = append(list, id)
			return successor(numberKey(kindReplica, id)), false
		})
		if failed != nil {
			return failed
		}
		return err
	})
	return list, err
}

// StaleIn returns up to n stale keys of a bucket, those after a key, and the bucket, nil if it is gone.
func (s *Store) StaleIn(ctx context.Context, bucket uint64, after string, n int) (b *Bucket, list []Stale, err error) {
	err = s.view(ctx, func(snap meta.Snapshot) error {
		if b, err = s.bucketByID(snap, bucket); err != nil {
			return err
		}
		from, to := numberKey(kindReplica, bucket), successor(numberKey(kindReplica, bucket))
		if after != "" {
			from = append(replicaKey(bucket, after), 0)
		}
		var failed error
		err := snap.Walk(from, to, func(r meta.Row) ([]byte, bool) {
			if len(list) == n {
				return nil, true
			}
			var row replicaRow
			if row, failed = decodeReplica(r.Val); failed != nil {
				return nil, true
			}
			list = append(list, Stale{Key: string(r.Key[9:]), Since: row.since, bucket: bucket, rev: r.Rev})
			return nil, false
		})
		if failed != nil {
			return failed
		}
		return err
	})
	return b, list, err
}

// Replicated says that a key is not stale any more. If it has changed meanwhile, it still is.
func (s *Store) Replicated(ctx context.Context, k *Stale) error {
	var c change
	row := replicaKey(k.bucket, k.Key)
	c.still(row, k.rev)
	c.drop(row)
	err := s.meta.Apply(ctx, c.done())
	if errors.Is(err, meta.ErrGuard) {
		return nil
	}
	return err
}

// MarkBacklogs marks the objects from before a replication setting as stale, where a rule asks for them and the setting is old
// enough at the time now. It returns how many there are.
func (s *Store) MarkBacklogs(ctx context.Context, now time.Time) (n int64, err error) {
	var due []*Bucket
	err = s.view(ctx, func(snap meta.Snapshot) error {
		return walk(snap, []byte{kindBucket}, func(r meta.Row) error {
			row, err := decodeBucket(r.Val)
			if err != nil || !row.set.has(settingReplication) {
				return err
			}
			b := &Bucket{store: s, name: string(bytes.Clone(r.Key[1:])), row: row}
			var doc replicationDoc
			if _, err := b.settingIn(snap, settingReplication, &doc); err != nil {
				return err
			}
			if !doc.Swept && !now.Before(doc.Since.Add(op.LimitReplicationBacklogDelay*time.Second)) {
				due = append(due, b)
			}
			return nil
		})
	})
	for _, b := range due {
		if err != nil {
			break
		}
		var m int64
		m, err = b.markBacklog(ctx)
		n += m
	}
	return n, err
}

// markBacklog marks all that the rules of the bucket ask for, and then says that this was done, unless the setting was changed.
func (b *Bucket) markBacklog(ctx context.Context) (n int64, err error) {
	var doc replicationDoc
	var rev uint64
	err = b.store.view(ctx, func(snap meta.Snapshot) (err error) {
		rev, err = b.settingIn(snap, settingReplication, &doc)
		return err
	})
	if err != nil || rev == 0 {
		return 0, err
	}
	for i := range doc.Rules {
		r := &doc.Rules[i]
		if !strings.EqualFold(r.SyncMarker, "enabled") || strings.EqualFold(r.Status, "disabled") {
			continue
		}
		for after, more := "", true; more; {
			var m int
			if after, m, err = b.markSome(ctx, r.Filters.Prefix, after); err != nil {
				return n, err
			}
			n += int64(m)
			more = after != ""
		}
	}
	doc.Swept = true
	err = b.change(ctx, func(snap meta.Snapshot, row *bucketRow, c *change) error {
		at, err := b.document(snap, settingReplication)
		if err != nil || at.Rev != rev {
			return err
		}
		c.still(settingKey(row.id, settingReplication), rev)
		return row.put(c, settingReplication, &doc)
	})
	return n, err
}

// markSome marks the next objects with a prefix and returns the last of them, empty if there are no more.
func (b *Bucket) markSome(ctx context.Context, prefix, after string) (last string, n int, err error) {
	now := b.store.now()
	err = b.write(ctx, func(snap *view) (*meta.Change, error) {
		var c change
		last, n = "", 0
		lo := objectKey(b.row.id, prefix)
		hi := successor(lo)
		if after != "" {
			lo = append(objectKey(b.row.id, after), 0)
		}
		if bytes.Compare(lo, hi) >= 0 {
			return nil, nil
		}
		err := snap.Walk(lo, hi, func(r meta.Row) ([]byte, bool) {
			if n++; n > backlogBatch {
				return nil, true
			}
			last = string(r.Key[9:])
			c.set(replicaKey(b.row.id, last), (&replicaRow{since: now}).encode())
			return nil, false
		})
		if err != nil || n == 0 {
			return nil, err
		}
		c.guard(meta.Live, liveKey(b.row.id))
		return c.done(), nil
	})
	if n <= backlogBatch {
		return "", n, err
	}
	return last, backlogBatch, err
}
