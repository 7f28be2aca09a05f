package store

import (
	"fmt"
	"math"
	"time"

	"github.com/oisproject/ois/internal/lifecycle"
	"github.com/oisproject/ois/internal/meta"
)

// What a pass of the lifecycle does to versions, and delete markers, that are not current any more, or of which nothing else is left.

func versionSpan(bucket uint64, prefix string) (lo, hi []byte) {
	lo = appendEscaped(numberKey(kindVersion, bucket), prefix)
	return lo, successor(lo)
}

// dueVersion judges a row of versions. Notes have not ceased to be current: they stay.
func dueVersion(p *lifecycle.Plan, snap meta.Snapshot, r meta.Row) (deed, string, error) {
	key, number, err := splitVersionKey(r.Key)
	if err != nil {
		return "", "", err
	}
	o, err := decodeObject(r.Val)
	if err == nil && number == math.MaxUint64 {
		return dueMarker(p, snap, r, key, &o)
	}
	if err != nil || o.since.IsZero() {
		return "", "", err
	}
	d := deed("")
	switch {
	case p.Due(lifecycle.ExpireNoncurrent, key, o.since):
		d = erased
	case o.class != standardIA && !o.marker() && p.Due(lifecycle.TransitionNoncurrent, key, o.since):
		d = transitioned
	default:
		return "", "", nil
	}
	return d, fmt.Sprintf("%q, version %s, not current since %s", key, o.id(), o.since.UTC().Format(time.RFC3339)), nil
}

// dueMarker judges a delete marker that is current. It expires as an object does, but not as long as it hides older versions: they would
// be there again.
func dueMarker(p *lifecycle.Plan, snap meta.Snapshot, r meta.Row, key string, o *objectRow) (deed, string, error) {
	if !p.Due(lifecycle.Expire, key, o.modified) {
		return "", "", nil
	}
	bucket, err := bucketOf(r.Key)
	if err != nil {
		return "", "", err
	}
	hidden, err := newestOlder(snap, bucket, key, nil)
	if err != nil || hidden.at != nil {
		return "", "", err
	}
	return erased, fmt.Sprintf("%q, delete marker %s, which hides nothing, made %s", key, o.id(), o.modified.UTC().Format(time.RFC3339)), nil
}

// doVersion needs no guard but that of the row: who makes the version current again drops it, and nothing gets below a delete marker
// that is current.
func doVersion(c *change, snap *view, bucket uint64, r meta.Row, d deed) error {
	key, _, err := splitVersionKey(r.Key)
	if err != nil {
		return err
	}
	v, err := readVersion(r)
	if err != nil {
		return err
	}
	if d == erased {
		s := stack{change: c, snap: snap, bucket: bucket, key: key}
		s.erase(&v)
		return nil
	}
	c.reclass(bucket, &v)
	return nil
}

// reclass moves a version to STANDARD_IA. Nothing else changes, also not when it was modified.
func (c *change) reclass(bucket uint64, v *version) {
	c.count(bucket, v.row.class, v.row.size, -1)
	v.row.class = standardIA
	c.count(bucket, v.row.class, v.row.size, 1)
	c.still(v.at, v.rev)
	c.set(v.at, v.row.encode())
}
