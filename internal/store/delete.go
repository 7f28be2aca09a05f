package store

import (
	"context"
	"maps"
	"slices"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/op"
)

// DeleteObject deletes an object, or erases a version of it; that it does not exist is no error.
func (b *Bucket) DeleteObject(ctx context.Context, in *op.DeleteObjectInput) (*op.DeleteObjectOutput, error) {
	if !canExist(in.Key) { // it gets no delete marker
		return &op.DeleteObjectOutput{}, nil
	}
	if in.IfMatch != "" && in.VersionID != "" {
		return nil, fault.Newf(fault.InvalidArgument, "If-Match is about the current version of an object; want it without version_id")
	}
	demands := b.demands(in.Key, in.IfMatch, "")
	var gone removal
	err := b.write(ctx, func(snap *view) (*meta.Change, error) {
		var c change
		if err := c.meet(snap, demands); err != nil {
			return nil, err
		}
		s, err := c.stack(snap, b.row.id, in.Key)
		if err != nil {
			return nil, err
		}
		var marker *objectRow
		if in.VersionID == "" {
			marker, err = s.remove()
			gone = removalBy(marker)
		} else {
			gone, err = s.eraseNamed(in.VersionID)
		}
		if err != nil {
			return nil, err
		}
		if err := s.finish(marker); err != nil {
			return nil, err
		}
		return c.unlessEmpty(snap, b.row.id), nil
	})
	if err != nil {
		return nil, err
	}
	return &op.DeleteObjectOutput{VersionID: gone.id, DeleteMarker: gone.marker}, nil
}

// canExist reports whether there can be an object of a key.
func canExist(key string) bool { return checkKey(key) == nil }

// unlessEmpty returns the finished change of what is in a bucket, or nil if it changes nothing.
func (c *change) unlessEmpty(snap *view, bucket uint64) *meta.Change {
	if len(c.Sets)+len(c.Drops) == 0 {
		return nil
	}
	c.still(liveKey(bucket), snap.live.rev)
	return c.done()
}

// doomed is what is to be deleted under one key.
type doomed struct {
	current  bool     // what is current
	versions []string // ids
}

// DeleteMultipleObjects deletes up to MaxDeletes objects and versions, and tells what became of each.
func (b *Bucket) DeleteMultipleObjects(ctx context.Context, in *op.DeleteMultipleObjectsInput) (*op.DeleteMultipleObjectsOutput, error) {
	keys, err := doomedKeys(in.Objects)
	if err != nil {
		return nil, err
	}
	err = b.write(ctx, func(snap *view) (*meta.Change, error) {
		var c change
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			if err := c.removeAll(snap, b.row.id, key, keys[key]); err != nil {
				return nil, err
			}
		}
		return c.unlessEmpty(snap, b.row.id), nil
	})
	if err != nil {
		return nil, err
	}
	out := &op.DeleteMultipleObjectsOutput{}
	if !in.Quiet {
		for _, o := range in.Objects {
			out.Deleted = append(out.Deleted, op.DeletedObject(o))
		}
	}
	return out, nil
}

// doomedKeys gathers by key what is to be deleted. What cannot exist is left out: it is already gone.
func doomedKeys(list []op.ObjectToDelete) (map[string]doomed, error) {
	if len(list) > MaxDeletes {
		return nil, fault.Newf(fault.TooManyObjects, "objects has %d entries; allowed: %d", len(list), MaxDeletes)
	}
	if len(list) == 0 {
		return nil, fault.Newf(fault.InvalidRequest, "objects is empty; allowed: 1 to %d entries", MaxDeletes)
	}
	keys := make(map[string]doomed, len(list))
	for i, o := range list {
		if o.Key == "" {
			return nil, fault.Newf(fault.InvalidRequest, "objects[%d] has no key", i)
		}
		if !canExist(o.Key) {
			continue
		}
		d := keys[o.Key]
		if o.VersionID == "" {
			d.current = true
		} else {
			d.versions = append(d.versions, o.VersionID)
		}
		keys[o.Key] = d
	}
	return keys, nil
}

// removeAll deletes under one key. Versions go first, so that a delete marker that is added is what is current then, in whatever order
// they were named.
func (c *change) removeAll(snap *view, bucket uint64, key string, d doomed) error {
	s, err := c.stack(snap, bucket, key)
	if err != nil {
		return err
	}
	for _, id := range d.versions {
		if _, err := s.eraseNamed(id); err != nil {
			return err
		}
	}
	var marker *objectRow
	if d.current {
		if marker, err = s.remove(); err != nil {
			return err
		}
	}
	return s.finish(marker)
}
