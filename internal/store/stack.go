package store

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/oisproject/ois/internal/meta"
)

// A stack is all versions of a key, the current one on top, and what a change makes of them: some are erased, one
// may be pushed on top. finish puts that into the change.
//
// Whatever is done to the top changes one of the two rows that the change is guarded by from the beginning; an older version
// becomes one, or ceases to be one, only with the top. So no other guards are needed than those of the rows that are read.
type stack struct {
	change *change
	snap   *view
	bucket uint64
	key    string

	top  version
	bare bool     // the top was erased
	gone []uint64 // numbers of older versions that were erased
}

// stack reads what is current under a key.
func (c *change) stack(snap *view, bucket uint64, key string) (s stack, err error) {
	s = stack{change: c, snap: snap, bucket: bucket, key: key}
	r, ok, err := s.guarded(objectKey(bucket, key))
	if !ok && err == nil && snap.live.versioning != unversioned {
		r, ok, err = s.guarded(markerKey(bucket, key))
	}
	if ok && err == nil {
		s.top, err = readVersion(r)
	}
	if err == nil && ok && s.top.row.marker() != (r.Key[0] == kindVersion) {
		err = errNoMarker
	}
	if err != nil {
		return s, fmt.Errorf("object %q: %w", key, err)
	}
	return s, nil
}

// guarded reads a row that must stay as it is.
func (s *stack) guarded(k []byte) (meta.Row, bool, error) {
	r, ok, err := s.snap.Get(k)
	if err == nil {
		s.change.unchanged(k, r, ok)
	}
	return r, ok, err
}

// find returns a version that was not erased. Without one, at is nil.
func (s *stack) find(name versionName) (version, error) {
	if s.top.at != nil && name.means(&s.top.row.versionFields) {
		if s.bare {
			return version{}, nil
		}
		return s.top, nil
	}
	if s.snap.live.versioning == unversioned {
		return version{}, nil
	}
	v, err := olderVersion(s.snap, s.bucket, s.key, name)
	if v.at != nil && slices.Contains(s.gone, v.row.number) {
		return version{}, nil
	}
	return v, err
}

// erase takes a version away for good.
func (s *stack) erase(v *version) {
	s.change.retire(s.bucket, &v.row)
	if bytes.Equal(v.at, s.top.at) {
		s.bare = true
		return
	}
	s.lift(v)
	s.gone = append(s.gone, v.row.number)
}

// lift drops the row of an older version, and the note of it.
func (s *stack) lift(v *version) {
	s.change.still(v.at, v.rev)
	s.change.drop(v.at)
	if v.row.noted() {
		s.change.drop(versionKey(s.bucket, s.key, 0))
	}
}

// push prepares a version for the top, where finish puts it. Unless versioning is enabled it is called null, and replaces the one that was
// called so.
func (s *stack) push(o *objectRow) error {
	state := s.snap.live.versioning
	o.number, o.flags, o.since = 0, o.flags&flagMarker, time.Time{}
	if state != unversioned {
		o.number = max(s.snap.store.newVersion(), s.top.row.number+1) // the sequence may have come round
	}
	if state == suspended {
		o.flags |= flagNull
	}
	if state != enabled {
		v, err := s.find(versionName{})
		if err != nil {
			return fmt.Errorf("object %q: %w", s.key, err)
		}
		if v.at != nil {
			s.erase(&v)
		}
	}
	s.change.count(s.bucket, o.class, o.size, 1)
	return nil
}

// newVersion draws the number of a version. It is greater than those that were drawn before.
func (s *Store) newVersion() uint64 { return uint64(s.epoch)<<40 | s.seq.Add(1)&(1<<40-1) }

// finish makes what is on top current: pushed, unless that is nil. What was there before becomes an older version or nothing.
func (s *stack) finish(pushed *objectRow) error {
	now := s.top.at
	switch {
	case pushed != nil:
		if s.top.at != nil && !s.bare {
			s.cover(pushed.modified)
		}
		now = s.put(pushed)
	case s.bare:
		v, err := s.next()
		if err != nil {
			return err
		}
		if now = nil; v.at != nil {
			s.lift(&v)
			v.row.since = time.Time{}
			now = s.put(&v.row)
		}
	}
	if s.top.at != nil && !bytes.Equal(s.top.at, now) {
		s.change.drop(s.top.at)
	}
	return nil
}

// put writes the row of what is current, and returns its key.
func (s *stack) put(o *objectRow) []byte {
	k := objectKey(s.bucket, s.key)
	if o.marker() {
		k = markerKey(s.bucket, s.key)
	}
	s.change.set(k, o.encode())
	return k
}

// cover makes an older version of the top, which ceases to be current when the new one was written.
func (s *stack) cover(since time.Time) {
	old := s.top.row
	old.since = since
	s.change.set(versionKey(s.bucket, s.key, old.number), old.encode())
	if old.noted() {
		s.change.set(versionKey(s.bucket, s.key, 0), (&noteRow{old.number}).encode())
	}
}

// next returns the newest of the older versions that stay. Without one, at is nil.
func (s *stack) next() (v version, err error) {
	if s.snap.live.versioning == unversioned {
		return v, nil
	}
	return newestOlder(s.snap, s.bucket, s.key, s.gone)
}

// newestOlder returns the newest version of a key among those that are not current, and not gone. Without one, at is nil.
func newestOlder(snap meta.Snapshot, bucket uint64, key string, gone []uint64) (v version, err error) {
	var failed error
	err = snap.Walk(versionKey(bucket, key, math.MaxUint64-1), successor(versionPrefix(bucket, key)), func(r meta.Row) ([]byte, bool) {
		_, number, err := splitVersionKey(r.Key)
		var found version
		if err == nil {
			found, err = readVersion(meta.Row{Key: bytes.Clone(r.Key), Val: r.Val, Rev: r.Rev})
		}
		if failed = err; err != nil {
			failed = fmt.Errorf("row %q: %w", r.Key, err)
			return nil, true
		}
		if isNote(number, &found.row) || slices.Contains(gone, number) {
			return nil, false
		}
		v = found
		return nil, true
	})
	if failed != nil {
		return v, failed
	}
	return v, err
}

// A removal is what became of a version, or of what was current.
type removal struct {
	id     string // of the version that was erased, or of the new delete marker; empty if there is none
	marker bool   // that is a delete marker
}

// remove deletes what is current under a key: for good, or by a delete marker.
func (c *change) remove(snap *view, bucket uint64, key string) error {
	s, err := c.stack(snap, bucket, key)
	if err != nil {
		return err
	}
	marker, err := s.remove()
	if err != nil {
		return err
	}
	return s.finish(marker)
}

// remove erases the top, or returns the delete marker that is to be pushed.
func (s *stack) remove() (*objectRow, error) {
	if s.snap.live.versioning == unversioned {
		if s.top.at != nil && !s.bare {
			s.erase(&s.top)
		}
		return nil, nil
	}
	marker := &objectRow{modified: s.snap.store.now()}
	marker.flags = flagMarker
	return marker, s.push(marker)
}

func removalBy(marker *objectRow) removal {
	if marker == nil {
		return removal{}
	}
	return removal{id: marker.id(), marker: true}
}

// eraseNamed erases the version with an id, if there is one.
func (s *stack) eraseNamed(id string) (removal, error) {
	name, ok := parseVersion(id)
	if !ok {
		return removal{}, nil
	}
	v, err := s.find(name)
	if err != nil {
		return removal{}, fmt.Errorf("object %q: %w", s.key, err)
	}
	if v.at == nil {
		return removal{}, nil
	}
	s.erase(&v)
	gone := removal{id: id, marker: v.row.marker()}
	if s.snap.live.versioning == unversioned {
		gone.id = ""
	}
	return gone, nil
}
