package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/meta"
)

const (
	sweepBatch    = 256                    // garbage rows of one change
	sweepRows     = 4096                   // part and reference rows of one change, and those of one part more
	sweepInterval = 10 * time.Second       // how often the sweeper looks when nobody wakes it
	sweepPause    = 100 * time.Millisecond // how long garbage gathers once it was woken
)

// wakeSweeper tells the sweeper that there may be garbage. It never blocks.
func (s *Store) wakeSweeper() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// noticeGarbage wakes the sweeper if a change has left something to it.
func (s *Store) noticeGarbage(c *meta.Change) {
	if slices.ContainsFunc(c.Sets, func(kv meta.KV) bool { return kv.Key[0] == kindGarbage }) {
		s.wakeSweeper()
	}
}

// sweepLoop gives back garbage as it comes. At its start, and again at its ticks until they succeed, it also removes
// the orphans of earlier epochs and ends deletions of buckets that were cut off.
func (s *Store) sweepLoop(ctx context.Context) {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	_ = s.attempt(ctx, "sweep", s.Sweep) // first: what a crash has left half done must not look alive to the search for orphans
	for orphans, ticked := true, true; ; {
		if orphans && ticked {
			orphans = s.attempt(ctx, "sweep orphans", s.sweepOrphans) != nil
		}
		if ticked {
			_ = s.attempt(ctx, "end deletions of buckets", s.settleClosing) // it is logged, and tried again
		}
		_ = s.attempt(ctx, "sweep", s.Sweep) // as above
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
			ticked = false
			_ = sleep(ctx, sweepPause) // the loop ends by itself
		case <-tick.C:
			ticked = true
		}
	}
}

// attempt does some work of the background and logs what goes wrong.
func (s *Store) attempt(ctx context.Context, what string, work func(context.Context) error) error {
	err := work(ctx)
	if err != nil && ctx.Err() == nil {
		s.log.ErrorContext(ctx, what, slog.Any("error", err))
	}
	return err
}

// Sweep gives back all garbage that no reader holds; what one holds is left for later, and all while a backup is made. It
// runs by itself; a test or an operator may call it to have it done now.
func (s *Store) Sweep(ctx context.Context) error {
	s.swept.Lock()
	defer s.swept.Unlock()
	if s.holds > 0 {
		return nil
	}
	var failed error
	for from := []byte{kindGarbage}; from != nil; {
		next, err := s.sweepSome(ctx, from)
		failed = errors.Join(failed, err)
		if next != nil && bytes.Equal(next, from) && err != nil || ctx.Err() != nil {
			break // the rest of this row fails again and again
		}
		from = next
	}
	s.figures.sweeps.Add(1)
	if failed != nil {
		s.figures.sweepErrors.Add(1)
		return fmt.Errorf("sweep: %w", failed)
	}
	return nil
}

// A dead ref is what a garbage row tells, with all that its refs need.
type dead struct {
	ref     ref
	row     garbageRow
	holders []holder
	parts   [][]byte // keys of part rows that go with it
	rest    bool     // more part rows are left for another round
}

// sweepSome takes some garbage rows from a key on and returns the key to go on from, nil at the end. An error about
// some of them does not keep the others from being swept.
//
// Blobs are deleted before the rows that name them: a crash in between repeats the deletion, and nothing leaks. That
// no other row refers to a blob is final once seen, for a reference is only ever made from a living one.
func (s *Store) sweepSome(ctx context.Context, from []byte) (next []byte, err error) {
	var list []dead
	var bad error // about single rows
	err = s.view(ctx, func(snap meta.Snapshot) error {
		list, next, bad, err = s.readGarbage(snap, from)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return next, bad
	}
	if last := list[len(list)-1]; last.rest {
		next = garbageKey(last.ref)
	}
	err = s.bury(ctx, list)
	if err != nil && len(list) > 1 && ctx.Err() == nil { // one that fails must not keep the others
		err = nil
		for i := range list {
			err = errors.Join(err, s.bury(ctx, list[i:i+1]))
		}
	}
	return next, errors.Join(bad, err)
}

// bury deletes the blobs of the dead, and then their rows.
func (s *Store) bury(ctx context.Context, list []dead) error {
	var gone []blob.ID
	err := s.view(ctx, func(snap meta.Snapshot) (err error) {
		gone, err = unreferenced(snap, list)
		return err
	})
	if err == nil {
		err = s.blobs.Delete(ctx, s.liveBlobs(dyingOf(list)), gone...)
	}
	if err != nil {
		return err
	}
	var c change
	for _, d := range list {
		for _, h := range d.holders {
			c.drop(refKey(h.blob, h.owner))
		}
		for _, k := range d.parts {
			c.drop(k)
		}
		if !d.rest {
			c.drop(garbageKey(d.ref))
		}
	}
	err = s.meta.Apply(context.WithoutCancel(ctx), c.done()) // what was deleted is not to look missing
	if err == nil {
		s.figures.buried.Add(int64(len(list)))
	}
	return err
}

// readGarbage reads garbage rows from a key on, up to sweepBatch, and what goes with those that no reader holds,
// up to about sweepRows. bad is about rows that cannot be read and are left out.
func (s *Store) readGarbage(snap meta.Snapshot, from []byte) (list []dead, next []byte, bad, err error) {
	var found []dead
	var refs []ref
	err = snap.Walk(from, []byte{kindGarbage + 1}, func(r meta.Row) ([]byte, bool) {
		if len(found) == sweepBatch {
			next = bytes.Clone(r.Key)
			return nil, true
		}
		id, failed := garbageOf(r.Key)
		d := dead{ref: id}
		if failed == nil {
			d.row, failed = decodeGarbage(r.Val)
		}
		if failed != nil {
			bad = errors.Join(bad, fmt.Errorf("row %q: %w", r.Key, failed))
			return nil, false
		}
		found, refs = append(found, d), append(refs, d.ref)
		return nil, false
	})
	if err != nil {
		return nil, nil, bad, err
	}
	free := s.pins.unpinned(refs)
	budget := sweepRows
	for _, d := range found {
		if !free[d.ref] {
			continue
		}
		if budget <= 0 {
			return list, garbageKey(d.ref), bad, nil
		}
		if failed := d.expand(snap, &budget); failed != nil {
			bad = errors.Join(bad, failed)
			continue
		}
		list = append(list, d)
		if d.rest {
			break
		}
	}
	return list, next, bad, nil
}

// expand finds the reference rows and part rows that go with a garbage row, as
// many as the budget allows and those of one part more.
func (d *dead) expand(snap meta.Snapshot, budget *int) error {
	d.hold(d.ref, d.row.extents, budget)
	if !d.row.parts {
		return nil
	}
	var failed error
	prefix := partPrefix(d.ref)
	err := snap.Walk(prefix, successor(prefix), func(r meta.Row) ([]byte, bool) {
		if d.rest = *budget <= 0; d.rest {
			return nil, true
		}
		p, err := decodePart(r.Val)
		if failed = err; failed != nil {
			return nil, true
		}
		d.hold(p.ref, p.extents, budget)
		d.parts = append(d.parts, bytes.Clone(r.Key))
		return nil, false
	})
	return errors.Join(failed, err)
}

// hold notes the reference rows of owner.
func (d *dead) hold(owner ref, extents []extent, budget *int) {
	ids := blobsOf(extents)
	for _, id := range ids {
		d.holders = append(d.holders, holder{blob: id, owner: owner})
	}
	*budget -= 1 + len(ids)
}

// unreferenced returns the blobs that nothing but the dead refers to.
func unreferenced(snap meta.Snapshot, list []dead) ([]blob.ID, error) {
	dying := dyingOf(list)
	ids := make(map[blob.ID]bool, len(dying))
	for h := range dying {
		ids[h.blob] = true
	}
	var gone []blob.ID
	for id := range ids {
		_, alive, err := firstLive(snap, id, successor(blobPrefix(id)), dying)
		if err != nil {
			return nil, err
		}
		if !alive {
			gone = append(gone, id)
		}
	}
	return gone, nil
}

// dyingOf returns the reference rows that go with the dead.
func dyingOf(list []dead) map[holder]bool {
	dying := make(map[holder]bool)
	for _, d := range list {
		for _, h := range d.holders {
			dying[h] = true
		}
	}
	return dying
}

// liveBlobs tells which blobs have a reference that is not dying, each time by what is published then.
func (s *Store) liveBlobs(dying map[holder]bool) blob.Live {
	return func(from blob.ID) (id blob.ID, ok bool, err error) {
		err = s.view(context.Background(), func(snap meta.Snapshot) error {
			id, ok, err = firstLive(snap, from, []byte{kindRef + 1}, dying)
			return err
		})
		return id, ok, err
	}
}

// firstLive returns the first blob from one on, and below the reference rows from hi on, with a reference that is not dying.
func firstLive(snap meta.Snapshot, from blob.ID, hi []byte, dying map[holder]bool) (id blob.ID, ok bool, err error) {
	var failed error
	err = snap.Walk(blobPrefix(from), hi, func(r meta.Row) ([]byte, bool) {
		var h holder
		h, failed = holderOf(r.Key)
		if failed != nil || dying[h] {
			return nil, failed != nil
		}
		id, ok = h.blob, true
		return nil, true
	})
	return id, ok, errors.Join(failed, err)
}

// sweepOrphans deletes the blobs of ended epochs that no row refers to: what a crash left between writing the
// bytes and publishing them. An ended epoch cannot publish any more, so one look is final; any
// error ends it, and it is tried again later.
func (s *Store) sweepOrphans(ctx context.Context) error {
	epochs, err := s.blobs.Epochs(ctx)
	if err != nil {
		return fmt.Errorf("sweep orphans: %w", err)
	}
	var failed error
	for _, e := range epochs {
		if e >= s.epoch {
			continue
		}
		if err := s.sweepEpoch(ctx, e); err != nil {
			failed = errors.Join(failed, fmt.Errorf("sweep orphans of epoch %d: %w", e, err))
		}
	}
	return failed
}

func (s *Store) sweepEpoch(ctx context.Context, epoch uint32) error {
	snap, err := s.meta.Snapshot(ctx)
	if err != nil {
		return err
	}
	done, err := epochSwept(snap, epoch)
	if err := errors.Join(err, snap.Close()); err != nil || done {
		return err
	}
	n, err := s.blobs.Collect(ctx, epoch, s.liveBlobs(nil), false)
	if err != nil {
		return err
	}
	if n > 0 {
		s.log.InfoContext(ctx, "orphans removed", slog.Uint64("epoch", uint64(epoch)), slog.Int64("bytes", n))
	}
	var c change
	c.set(epochKey(epoch), (&epochRow{swept: true}).encode())
	return s.meta.Apply(ctx, c.done())
}

// epochSwept reports whether the orphans of an epoch were removed already.
func epochSwept(snap meta.Snapshot, epoch uint32) (bool, error) {
	row, ok, err := snap.Get(epochKey(epoch))
	if !ok || err != nil {
		return false, err
	}
	e, err := decodeEpoch(row.Val)
	return e.swept, err
}
