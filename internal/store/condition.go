package store

import (
	"context"
	"fmt"

	"github.com/oisproject/ois/internal/etag"
	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/meta"
)

// A demand is what else must hold in the snapshot that a change is made from. It may add guards to the change.
type demand func(meta.Snapshot, *change) error

// meet checks what is demanded.
func (c *change) meet(snap meta.Snapshot, demands []demand) error {
	for _, d := range demands {
		if err := d(snap, c); err != nil {
			return err
		}
	}
	return nil
}

// demands returns the conditions of a write to a key, none if the request has none. Whoever writes the key guards its row, so that of
// all who saw the same object only one gets through, and the others judge anew.
func (b *Bucket) demands(key, match, noneMatch string) []demand {
	c := etag.Condition{Match: match, NoneMatch: noneMatch}
	if c.None() {
		return nil
	}
	return []demand{func(snap meta.Snapshot, _ *change) error { return b.judge(snap, key, c) }}
}

// Judge looks whether the conditions of a write hold as things are, before the write takes the trouble. What counts is the same look in
// the change.
func (b *Bucket) Judge(ctx context.Context, key string, c etag.Condition) error {
	if c.None() {
		return nil
	}
	return b.store.view(ctx, func(snap meta.Snapshot) error { return b.judge(snap, key, c) })
}

func (b *Bucket) judge(snap meta.Snapshot, key string, c etag.Condition) error {
	at, ok, err := snap.Get(objectKey(b.row.id, key))
	if err != nil {
		return err
	}
	if !ok {
		if c.Absent() {
			return nil
		}
		return fault.Newf(fault.PreconditionFailed, "If-Match does not hold: object %q does not exist", key)
	}
	row, err := decodeObject(at.Val)
	if err != nil {
		return fmt.Errorf("object %s/%q: %w", b.name, key, err)
	}
	if tag := quote(row.etag); !c.Holds(tag) {
		return fault.Newf(fault.PreconditionFailed, "a condition of the request does not hold: object %q has the ETag %s", key, tag)
	}
	return nil
}
