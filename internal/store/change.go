package store

import (
	"bytes"
	"slices"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/meta"
)

// A change builds a meta.Change in the words of this package.
type change struct{ meta.Change }

func (c *change) guard(kind meta.GuardKind, key []byte) {
	c.Guards = append(c.Guards, meta.Guard{Key: key, Kind: kind})
}

// unchanged demands that the row at key is still what was read: row, or absent if ok is false.
func (c *change) unchanged(key []byte, row meta.Row, ok bool) {
	if !ok {
		c.guard(meta.Absent, key)
		return
	}
	c.still(key, row.Rev)
}

// still demands that the row at key has the revision that was read.
func (c *change) still(key []byte, rev uint64) {
	c.Guards = append(c.Guards, meta.Guard{Key: key, Kind: meta.RevIs, Rev: rev})
}

// touch gives the row at key a new revision, so that of two changes that read it only one can happen.
func (c *change) touch(key []byte, row meta.Row) {
	c.unchanged(key, row, true)
	c.set(key, bytes.Clone(row.Val))
}

func (c *change) set(key, val []byte) { c.Sets = append(c.Sets, meta.KV{Key: key, Val: val}) }

func (c *change) drop(key []byte) { c.Drops = append(c.Drops, key) }

// count adds one object of the given size to a bucket's statistics, or takes
// it away if sign is -1.
func (c *change) count(bucket uint64, class storageClass, size, sign int64) {
	c.add(counterKey(bucket, class, countObjects), sign)
	c.add(counterKey(bucket, class, countBytes), sign*size)
}

// join adds what another change does, which is about other rows.
func (c *change) join(o *change) {
	c.Guards = append(c.Guards, o.Guards...)
	c.Sets = append(c.Sets, o.Sets...)
	c.Drops = append(c.Drops, o.Drops...)
	for _, d := range o.Adds {
		c.add(d.Key, d.N)
	}
}

// countBytes adds bytes to a bucket's statistics.
func (c *change) countBytes(bucket uint64, class storageClass, n int64) {
	c.add(counterKey(bucket, class, countBytes), n)
}

func (c *change) add(counter []byte, n int64) {
	i := slices.IndexFunc(c.Adds, func(d meta.Delta) bool { return bytes.Equal(d.Key, counter) })
	if i < 0 {
		c.Adds = append(c.Adds, meta.Delta{Key: counter, N: n})
		return
	}
	c.Adds[i].N += n
}

// refer notes that owner needs the blobs of the extents.
func (c *change) refer(owner ref, extents []extent) {
	for _, id := range blobsOf(extents) {
		c.set(refKey(id, owner), nil)
	}
}

// discard leaves what a ref held to the sweeper.
func (c *change) discard(r ref, g garbageRow) {
	c.set(garbageKey(r), g.encode())
}

// replace makes o what is current under a key. What is current in the snapshot becomes an older version, or goes.
func (c *change) replace(snap *view, bucket uint64, key string, o *objectRow) error {
	s, err := c.stack(snap, bucket, key)
	if err != nil {
		return err
	}
	if err := s.push(o); err != nil {
		return err
	}
	c.still(liveKey(bucket), snap.live.rev)
	return s.finish(o)
}

// retire leaves what an object holds to the sweeper; the caller changes the row.
func (c *change) retire(bucket uint64, old *objectRow) {
	c.count(bucket, old.class, old.size, -1)
	switch {
	case old.inline: // whoever reads it has its bytes already
		c.drop(dataKey(old.ref))
	case old.parts || len(old.extents) > 0:
		c.discard(old.ref, garbageRow{extents: old.extents, parts: old.parts})
	}
}

// done returns the finished change.
func (c *change) done() *meta.Change {
	c.Adds = slices.DeleteFunc(c.Adds, func(d meta.Delta) bool { return d.N == 0 })
	return &c.Change
}

// blobsOf returns the blobs that extents lie in, each once.
func blobsOf(extents []extent) []blob.ID {
	ids := make([]blob.ID, len(extents))
	for i, e := range extents {
		ids[i] = e.blob
	}
	slices.SortFunc(ids, blob.ID.Compare)
	return slices.Compact(ids)
}
