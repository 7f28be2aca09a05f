package store

import (
	"bytes"
	"context"
	"time"

	"github.com/oisproject/ois/internal/meta"
)

// A Noncurrent is a version, or a delete marker, that is not current any more.
type Noncurrent struct {
	Key          string
	VersionID    string
	Since        time.Time // when it ceased to be current
	Size         int64
	StorageClass string
	DeleteMarker bool

	at  []byte
	rev uint64
}

// NoncurrentVersions lists up to limit older versions of the keys with a prefix, from a place on; nil is the first one. next is the place to
// go on from, nil at the end.
func (b *Bucket) NoncurrentVersions(ctx context.Context, prefix string, from []byte, limit int) (list []Noncurrent, next []byte, err error) {
	versions := versionsOf(b.row.id)
	lo := versions.start(prefix)
	hi := successor(lo)
	if bytes.Compare(from, lo) > 0 {
		lo = from
	}
	var failed error
	err = b.store.view(ctx, func(snap meta.Snapshot) error {
		err := snap.Walk(lo, hi, func(r meta.Row) ([]byte, bool) {
			if len(list) == limit {
				next = bytes.Clone(r.Key)
				return nil, true
			}
			var v Noncurrent
			var ok bool
			if v, ok, failed = readNoncurrent(r); ok {
				list = append(list, v)
			}
			return nil, failed != nil
		})
		if failed != nil {
			return failed
		}
		return err
	})
	return list, next, err
}

// readNoncurrent reads a row, unless it is a note or what is current.
func readNoncurrent(r meta.Row) (v Noncurrent, ok bool, err error) {
	key, number, err := splitVersionKey(r.Key)
	if err != nil {
		return v, false, err
	}
	o, err := decodeObject(r.Val)
	if err != nil || o.since.IsZero() || isNote(number, &o) {
		return v, false, err
	}
	return Noncurrent{
		Key: key, VersionID: o.id(), Since: o.since, Size: o.size, StorageClass: o.class.String(), DeleteMarker: o.marker(),
		at: bytes.Clone(r.Key), rev: r.Rev,
	}, true, nil
}

// EraseNoncurrent erases an older version for good, unless something has become of it since it was listed.
func (b *Bucket) EraseNoncurrent(ctx context.Context, n *Noncurrent) error {
	return b.alterNoncurrent(ctx, n, func(s *stack, v *version) { s.erase(v) })
}

// TransitionNoncurrent gives an older version another storage class, unless something has become of it since it was listed.
func (b *Bucket) TransitionNoncurrent(ctx context.Context, n *Noncurrent, class string) error {
	to, err := parseClass(class)
	if err != nil {
		return err
	}
	return b.alterNoncurrent(ctx, n, func(s *stack, v *version) {
		s.change.count(s.bucket, v.row.class, v.row.size, -1)
		v.row.class = to
		s.change.count(s.bucket, v.row.class, v.row.size, 1)
		s.change.still(v.at, v.rev)
		s.change.set(v.at, v.row.encode())
	})
}

func (b *Bucket) alterNoncurrent(ctx context.Context, n *Noncurrent, alter func(*stack, *version)) error {
	return b.write(ctx, func(snap *view) (*meta.Change, error) {
		r, ok, err := snap.Get(n.at)
		if !ok || err != nil || r.Rev != n.rev {
			return nil, err
		}
		v, err := readVersion(r)
		if err != nil {
			return nil, err
		}
		var c change
		alter(&stack{change: &c, snap: snap, bucket: b.row.id, key: n.Key}, &v)
		return c.unlessEmpty(snap, b.row.id), nil
	})
}
