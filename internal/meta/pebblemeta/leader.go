package pebblemeta

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"

	"github.com/oisproject/ois/internal/invariants"
	"github.com/oisproject/ois/internal/meta"
)

// dropsToFlush is after how many drops a table is written, though the memory for rows is not full. Only what
// has reached a table gives space back.
const dropsToFlush = 4096

// maxSums bounds the counters whose sums a leader keeps at hand.
const maxSums = 4096

// A leader turns a group of changes into one batch. Who leads uses it alone; it passes from one
// leader to the next together with the lead.
type leader struct {
	db    *pebble.DB
	cache *rowCache
	group []*write
	batch *pebble.Batch
	read  pebble.Reader // what is committed, and what the batch has so far
	rev   uint64        // the last revision given
	began uint64        // rev at the beginning of the batch
	wrote bool          // the last batch was not empty
	drops int           // since tables were written for their sake

	changed [][]byte            // keys that the batch sets and drops
	hashes  map[uint64]struct{} // of changed; what is not in it is as it was before the batch

	// sums holds the sums of counters as they are after the batch. What is in it is stored,
	// or stands in dirty and is put into the batch at the end.
	sums  map[string]*sum
	dirty []*sum

	pending []addition // of the change being added
}

// A sum is the state of a counter.
type sum struct {
	key   string
	n     int64
	dirty bool
}

// An addition is a delta that was found to be possible.
type addition struct {
	to *sum
	n  int64 // the new sum
}

func (l *leader) init(db *pebble.DB, cache *rowCache, rev uint64) {
	l.db, l.cache, l.rev = db, cache, rev
	l.hashes = make(map[uint64]struct{})
	l.sums = make(map[string]*sum)
}

// begin starts a batch for n changes. A lone change needs no index: nothing before it is in the batch.
func (l *leader) begin(n int) {
	l.began = l.rev
	l.changed = l.changed[:0]
	clear(l.hashes)
	if n == 1 {
		l.batch, l.read = l.db.NewBatch(), l.db
		return
	}
	l.batch = l.db.NewIndexedBatch()
	l.read = l.batch
}

// add puts a change into the batch, or returns an error and leaves the batch as it is.
func (l *leader) add(c *meta.Change) error {
	for i := range c.Guards {
		if err := l.check(&c.Guards[i]); err != nil {
			return err
		}
	}
	if err := l.prepare(c.Adds); err != nil {
		return err
	}
	if len(c.Sets) > 0 {
		l.rev++
	}
	for i := range c.Sets {
		l.change(c.Sets[i].Key)
		l.set(c.Sets[i].Key, c.Sets[i].Val)
	}
	l.drops += len(c.Drops)
	for _, k := range c.Drops {
		l.change(k)
		must(l.batch.Delete(k, nil))
	}
	for _, a := range l.pending {
		l.note(a)
	}
	return nil
}

// check returns an error matching meta.ErrGuard if g does not hold.
func (l *leader) check(g *meta.Guard) error {
	rev, ok, err := l.revision(g.Key)
	if err != nil {
		return err
	}
	switch {
	case g.Kind == meta.Absent && ok:
		return fmt.Errorf("%w: row %q exists", meta.ErrGuard, g.Key)
	case g.Kind != meta.Absent && !ok:
		return fmt.Errorf("%w: row %q does not exist", meta.ErrGuard, g.Key)
	case g.Kind == meta.RevIs && rev != g.Rev:
		return fmt.Errorf("%w: row %q has revision %d, not %d", meta.ErrGuard, g.Key, rev, g.Rev)
	}
	return nil
}

// revision returns the revision of the row at key, which is 0 for a counter; ok is false if there is none.
func (l *leader) revision(key []byte) (rev uint64, ok bool, err error) {
	if _, ok := l.sums[string(key)]; ok {
		return 0, true, nil
	}
	decode := func(stored []byte) (err error) {
		rev, _, err = decodeValue(stored)
		return err
	}
	if stored, known := l.known(key); known {
		if stored == nil {
			return 0, false, nil
		}
		return rev, true, decode(stored)
	}
	ok, err = view(l.read, key, decode)
	return rev, ok, err
}

// known returns what is stored at key, if the cache can tell and the batch has not changed it.
func (l *leader) known(key []byte) (stored []byte, known bool) {
	if _, changed := l.hashes[l.cache.hash(key)]; changed {
		return nil, false
	}
	return l.cache.get(key, l.cache.commit.Load())
}

// prepare finds the new sums of counters, without changing any.
func (l *leader) prepare(adds []meta.Delta) error {
	l.pending = l.pending[:0]
	for i := range adds {
		s, err := l.sum(adds[i].Key)
		if err != nil {
			return err
		}
		n := s.n + adds[i].N
		if (adds[i].N > 0) != (n > s.n) && adds[i].N != 0 {
			return fmt.Errorf("%w: counter %q holds %d, adding %d overflows it", meta.ErrInvalid, s.key, s.n, adds[i].N)
		}
		l.pending = append(l.pending, addition{s, n})
	}
	return nil
}

// sum returns the state of the counter at key. One that does not exist is 0 and not kept in l.sums yet.
func (l *leader) sum(key []byte) (*sum, error) {
	if s, ok := l.sums[string(key)]; ok {
		return s, nil
	}
	s := &sum{key: string(key)}
	_, err := view(l.read, key, func(stored []byte) error {
		rev, val, err := decodeValue(stored)
		if err != nil {
			return err
		}
		if rev != 0 {
			return fmt.Errorf("%w: key %q holds a value, not a counter", meta.ErrInvalid, key)
		}
		s.n = int64(binary.BigEndian.Uint64(val))
		return nil
	})
	return s, err
}

// note makes a prepared sum the state of its counter.
func (l *leader) note(a addition) {
	a.to.n = a.n
	l.sums[a.to.key] = a.to
	if !a.to.dirty {
		a.to.dirty = true
		l.dirty = append(l.dirty, a.to)
	}
}

// change notes that a key is set or dropped.
func (l *leader) change(key []byte) {
	l.changed = append(l.changed, key)
	l.hashes[l.cache.hash(key)] = struct{}{}
	if s, ok := l.sums[string(key)]; ok {
		s.dirty = false
		delete(l.sums, s.key)
	}
}

// set puts a value into the batch, under the revision of the change.
func (l *leader) set(key, val []byte) {
	op := l.batch.SetDeferred(len(key), revLen+len(val))
	copy(op.Key, key)
	binary.BigEndian.PutUint64(op.Value, l.rev)
	copy(op.Value[revLen:], val)
	must(op.Finish())
}

// end commits the batch. It reports false if the engine has failed.
func (l *leader) end(f *failure) bool {
	l.finish()
	l.wrote = !l.batch.Empty()
	if l.wrote {
		l.write(f)
	}
	if f.err() != nil {
		return false
	}
	must(l.batch.Close())
	l.batch, l.read = nil, nil
	if len(l.sums) > maxSums {
		clear(l.sums)
	}
	return l.reclaim(f)
}

// reclaim begins to give back the space of rows that were dropped, in the background.
func (l *leader) reclaim(f *failure) bool {
	if l.drops < dropsToFlush {
		return true
	}
	l.drops = 0
	if _, err := l.db.AsyncFlush(); err != nil {
		f.set(fmt.Errorf("flush: %w", err))
	}
	return f.err() == nil
}

// finish puts into the batch what belongs to the group as a whole.
func (l *leader) finish() {
	for _, s := range l.dirty {
		if s.dirty { // else its key was set or dropped later on
			s.dirty = false
			l.changed = append(l.changed, []byte(s.key))
			op := l.batch.SetDeferred(len(s.key), revLen+counterLen)
			copy(op.Key, s.key)
			binary.BigEndian.PutUint64(op.Value, 0)
			binary.BigEndian.PutUint64(op.Value[revLen:], uint64(s.n))
			must(op.Finish())
		}
	}
	clear(l.dirty)
	l.dirty = l.dirty[:0]
	if l.rev != l.began {
		invariants.Check(l.rev < math.MaxUint64/2, "revisions run out")
		must(l.batch.Set(revisionKey, encodeNumber(l.rev), nil))
	}
}

// write makes the batch durable, or ends the engine. Pebble returns nil from a failed
// commit, too: only the failure counts.
func (l *leader) write(f *failure) {
	if err := l.db.Apply(l.batch, pebble.Sync); err != nil {
		f.set(fmt.Errorf("commit: %w", err))
	}
}

// must stops at errors of a batch, which only a bug of ours causes: batches are in memory.
func must(err error) {
	if err != nil {
		panic(fmt.Errorf("pebblemeta: %w", err))
	}
}
