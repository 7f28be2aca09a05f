package pebblemeta

import (
	"bytes"
	"fmt"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/oisproject/ois/internal/invariants"
	"github.com/oisproject/ois/internal/meta"
)

// A snapshot is a meta.Snapshot. What Get returns is shared with others who read the same row.
type snapshot struct {
	published *published
	cache     *rowCache
	closed    atomic.Bool
}

// Get implements meta.Snapshot.
func (s *snapshot) Get(key []byte) (row meta.Row, ok bool, err error) {
	if s.closed.Load() {
		return meta.Row{}, false, meta.ErrClosed
	}
	if isOwn(key) {
		return meta.Row{}, false, nil
	}
	n := s.published.n
	if stored, known := s.cache.get(key, n); known {
		if stored == nil {
			return meta.Row{}, false, nil
		}
		row, err = decodeRow(bytes.Clone(key), stored)
		return row, true, err
	}
	var keep []byte
	ok, err = view(s.published.snap, key, func(stored []byte) (err error) {
		keep = bytes.Clone(stored)
		row, err = decodeRow(bytes.Clone(key), keep)
		return err
	})
	if err == nil {
		s.cache.put(key, keep, n)
	}
	return row, ok, err
}

// isOwn reports whether the row at key is the engine's own business.
func isOwn(key []byte) bool { return bytes.Compare(key, firstKey) < 0 }

// MultiGet implements meta.Snapshot.
func (s *snapshot) MultiGet(keys [][]byte) ([]meta.Row, error) {
	rows := make([]meta.Row, len(keys))
	for i, k := range keys {
		row, _, err := s.Get(k)
		if err != nil {
			return nil, err
		}
		rows[i] = row
	}
	return rows, nil
}

// Walk implements meta.Snapshot.
func (s *snapshot) Walk(lo, hi []byte, visit func(meta.Row) (seek []byte, stop bool)) error {
	if s.closed.Load() {
		return meta.ErrClosed
	}
	if isOwn(lo) {
		lo = firstKey
	}
	if hi != nil && bytes.Compare(lo, hi) >= 0 {
		return nil
	}
	it, err := s.published.snap.NewIter(&pebble.IterOptions{LowerBound: lo, UpperBound: hi})
	if err != nil {
		return fmt.Errorf("walk from %q: %w", lo, err)
	}
	err = walk(it, visit)
	if closed := it.Close(); err == nil { // else Close only repeats it
		err = closed
	}
	return err
}

func walk(it *pebble.Iterator, visit func(meta.Row) (seek []byte, stop bool)) error {
	for more := it.First(); more; {
		seek, stop, err := visitRow(it, visit)
		if err != nil {
			return err
		}
		switch {
		case stop:
			return nil
		case seek == nil:
			more = it.Next()
		case bytes.Compare(seek, it.Key()) <= 0:
			return fmt.Errorf("walk: seek to %q from row %q does not lead on", seek, it.Key())
		default:
			more = it.SeekGE(seek)
		}
	}
	return it.Error()
}

// visitRow calls visit with the row at which it stands.
func visitRow(it *pebble.Iterator, visit func(meta.Row) (seek []byte, stop bool)) (seek []byte, stop bool, err error) {
	key := it.Key()
	stored, err := storedValue(it)
	if err != nil {
		return nil, false, fmt.Errorf("row %q: %w", key, err)
	}
	if invariants.Enabled { // the iterator needs its own bytes, so lend copies
		key, stored = bytes.Clone(key), bytes.Clone(stored)
	}
	row, err := decodeRow(key, stored)
	if err != nil {
		return nil, false, err
	}
	seek, stop = visit(row)
	if invariants.Enabled {
		seek = bytes.Clone(seek)
		invariants.Scribble(key)
		invariants.Scribble(stored)
	}
	return seek, stop, nil
}

// Close implements meta.Snapshot.
func (s *snapshot) Close() error {
	if s.closed.Swap(true) {
		return meta.ErrClosed
	}
	s.published.release()
	return nil
}
