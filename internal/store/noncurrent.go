package store

import (
	"fmt"
	"time"

	"github.com/oisproject/ois/internal/lifecycle"
	"github.com/oisproject/ois/internal/meta"
)

// What a pass of the lifecycle does to versions, and delete markers, that are not current any more.

func versionSpan(bucket uint64, prefix string) (lo, hi []byte) {
	lo = appendEscaped(numberKey(kindVersion, bucket), prefix)
	return lo, successor(lo)
}

// dueVersion judges a row of versions. Notes, and a delete marker that is current, have not ceased to be current: they stay.
func dueVersion(p *lifecycle.Plan, r meta.Row) (deed, string, error) {
	key, _, err := splitVersionKey(r.Key)
	if err != nil {
		return "", "", err
	}
	o, err := decodeObject(r.Val)
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

// doVersion needs no guard but that of the row: who makes the version current again drops it.
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
