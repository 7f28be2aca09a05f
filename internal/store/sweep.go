package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/meta"
)

const (
	sweepBatch    = 256              // garbage rows or parts of one change
	sweepInterval = 10 * time.Second // how often the sweeper looks when nobody wakes it
)

// wakeSweeper tells the sweeper that there may be garbage. It never blocks.
func (s *Store) wakeSweeper() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// sweepLoop first removes the orphans of earlier epochs, then gives back garbage as it comes.
func (s *Store) sweepLoop(ctx context.Context) {
	orphans := true
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		if orphans {
			if err := s.sweepOrphans(ctx); err == nil {
				orphans = false
			} else if ctx.Err() == nil {
				s.log.ErrorContext(ctx, "sweep orphans", slog.Any("error", err))
			}
		}
		if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "sweep", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-tick.C:
		}
	}
}

// Sweep gives back all garbage that no reader holds. It runs by itself; a test
// or an operator may call it to have it done now.
func (s *Store) Sweep(ctx context.Context) error {
	s.swept.Lock()
	defer s.swept.Unlock()
	for from := []byte{kindGarbage}; from != nil; {
		var err error
		if from, err = s.sweepSome(ctx, from); err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
	}
	return nil
}

// A dead ref is what a garbage row tells, with all the blobs its refs need.
type dead struct {
	ref     ref
	row     garbageRow
	holders []holder
	parts   [][]byte // keys of part rows that go with it
	rest    bool     // more part rows are left for another round
}

// A holder is a reference row that goes.
type holder struct {
	blob  blob.ID
	owner ref
}

// sweepSome takes up to sweepBatch garbage rows from a key on and returns the key to go on from, nil at the end.
//
// Blobs are deleted before the rows that name them: a crash in between repeats the deletion, and nothing leaks. That
// no other row refers to a blob is final once seen, for a reference is only ever made from a living one.
func (s *Store) sweepSome(ctx context.Context, from []byte) (next []byte, err error) {
	var list []dead
	var gone []blob.ID
	err = s.view(ctx, func(snap meta.Snapshot) error {
		list, next, err = s.readGarbage(snap, from)
		if err != nil {
			return err
		}
		gone, err = unreferenced(snap, list)
		return err
	})
	if err != nil || len(list) == 0 {
		return next, err
	}
	if err := s.blobs.Delete(ctx, gone...); err != nil {
		return nil, err
	}
	var c change
	for _, d := range list {
		for _, h := range d.holders {
			c.drop(refKey(h.blob, h.owner))
		}
		for _, k := range d.parts {
			c.drop(k)
		}
		if d.rest {
			next = garbageKey(d.ref)
		} else {
			c.drop(garbageKey(d.ref))
		}
	}
	return next, s.meta.Apply(ctx, c.done())
}

// readGarbage reads a batch of garbage rows that no reader holds.
func (s *Store) readGarbage(snap meta.Snapshot, from []byte) (list []dead, next []byte, err error) {
	var refs []ref
	var rows []garbageRow
	var failed error
	err = snap.Walk(from, []byte{kindGarbage + 1}, func(r meta.Row) ([]byte, bool) {
		if len(refs) == sweepBatch {
			next = append([]byte(nil), r.Key...)
			return nil, true
		}
		var id ref
		copy(id[:], r.Key[9:])
		g, err := decodeGarbage(r.Val)
		refs, rows, failed = append(refs, id), append(rows, g), err
		return nil, failed != nil
	})
	if err = errors.Join(failed, err); err != nil {
		return nil, nil, err
	}
	free := s.pins.unpinned(refs)
	budget := sweepBatch
	for i, id := range refs {
		if !free[id] {
			continue
		}
		d := dead{ref: id, row: rows[i]}
		if err := d.expand(snap, &budget); err != nil {
			return nil, nil, err
		}
		list = append(list, d)
		if d.rest {
			break
		}
	}
	return list, next, nil
}

// expand finds the reference rows and part rows that go with a garbage row, as
// many part rows as the budget allows.
func (d *dead) expand(snap meta.Snapshot, budget *int) error {
	for _, id := range blobsOf(d.row.extents) {
		d.holders = append(d.holders, holder{blob: id, owner: d.ref})
	}
	if !d.row.parts {
		return nil
	}
	var failed error
	prefix := partPrefix(d.ref)
	err := snap.Walk(prefix, successor(prefix), func(r meta.Row) ([]byte, bool) {
		if *budget == 0 {
			d.rest = true
			return nil, true
		}
		*budget--
		p, err := decodePart(r.Val)
		if failed = err; failed != nil {
			return nil, true
		}
		for _, id := range blobsOf(p.extents) {
			d.holders = append(d.holders, holder{blob: id, owner: p.ref})
		}
		d.parts = append(d.parts, append([]byte(nil), r.Key...))
		return nil, false
	})
	return errors.Join(failed, err)
}

// unreferenced returns the blobs that nothing but the dead refers to.
func unreferenced(snap meta.Snapshot, list []dead) ([]blob.ID, error) {
	dying := make(map[blob.ID]map[ref]bool)
	for _, d := range list {
		for _, h := range d.holders {
			if dying[h.blob] == nil {
				dying[h.blob] = make(map[ref]bool, 1)
			}
			dying[h.blob][h.owner] = true
		}
	}
	var gone []blob.ID
	for id, owners := range dying {
		alive := false
		prefix := blobPrefix(id)
		var failed error
		err := snap.Walk(prefix, successor(prefix), func(r meta.Row) ([]byte, bool) {
			owner, err := holderOf(r.Key)
			failed = err
			alive = alive || !owners[owner]
			return nil, alive || failed != nil
		})
		if err = errors.Join(failed, err); err != nil {
			return nil, err
		}
		if !alive {
			gone = append(gone, id)
		}
	}
	return gone, nil
}

// sweepOrphans deletes the blobs of ended epochs that no row refers to: what a crash left between writing the
// bytes and publishing them. An ended epoch cannot publish any more, so one look is final; any
// error ends it, and the next start looks again.
func (s *Store) sweepOrphans(ctx context.Context) error {
	epochs, err := s.blobs.Epochs(ctx)
	if err != nil {
		return fmt.Errorf("sweep orphans: %w", err)
	}
	for _, e := range epochs {
		if e >= s.epoch {
			continue
		}
		if err := s.sweepEpoch(ctx, e); err != nil {
			return fmt.Errorf("sweep orphans of epoch %d: %w", e, err)
		}
	}
	return nil
}

func (s *Store) sweepEpoch(ctx context.Context, epoch uint32) error {
	snap, err := s.meta.Snapshot(ctx)
	if err != nil {
		return err
	}
	orphans, done, err := s.findOrphans(ctx, snap, epoch)
	if err := errors.Join(err, snap.Close()); err != nil || done {
		return err
	}
	if len(orphans) > 0 {
		s.log.InfoContext(ctx, "delete orphans", slog.Uint64("epoch", uint64(epoch)), slog.Int("blobs", len(orphans)))
		if err := s.blobs.Delete(ctx, orphans...); err != nil {
			return err
		}
	}
	var c change
	c.set(epochKey(epoch), (&epochRow{swept: true}).encode())
	return s.meta.Apply(ctx, c.done())
}

// findOrphans returns the blobs of an epoch without a reference; done says that the epoch was swept before.
func (s *Store) findOrphans(ctx context.Context, snap meta.Snapshot, epoch uint32) (orphans []blob.ID, done bool, err error) {
	row, ok, err := snap.Get(epochKey(epoch))
	if err != nil {
		return nil, false, err
	}
	if ok {
		e, err := decodeEpoch(row.Val)
		if err != nil || e.swept {
			return nil, e.swept, err
		}
	}
	err = s.blobs.Enumerate(ctx, epoch, func(id blob.ID, _ int64) error {
		named := false
		prefix := blobPrefix(id)
		err := snap.Walk(prefix, successor(prefix), func(meta.Row) ([]byte, bool) {
			named = true
			return nil, true
		})
		if !named {
			orphans = append(orphans, id)
		}
		return err
	})
	return orphans, false, err
}
