package packblob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/vfs"
)

// Delete implements blob.Engine. It tries all ids, also after an error. A blob whose header cannot be read keeps its
// room until its pack goes.
func (e *Engine) Delete(ctx context.Context, live blob.Live, ids ...blob.ID) error {
	if err := e.enter(ctx); err != nil {
		return err
	}
	defer e.leave()
	ids = slices.SortedFunc(slices.Values(ids), blob.ID.Compare) // those of a pack together
	var errs []error
	for len(ids) > 0 {
		if err := ctx.Err(); err != nil {
			return errors.Join(append(errs, err)...)
		}
		epoch := ids[0].Epoch
		n := 1
		for n < len(ids) && ids[n].Epoch == epoch {
			n++
		}
		if err := e.deleteIn(ctx, epoch, live, ids[:n]); err != nil {
			errs = append(errs, fmt.Errorf("delete blobs of epoch %d: %w", epoch, err))
		}
		ids = ids[n:]
	}
	return errors.Join(errs...)
}

// deleteIn deletes blobs of one epoch.
func (e *Engine) deleteIn(ctx context.Context, epoch uint32, live blob.Live, ids []blob.ID) error {
	var errs []error
	unlinked := false
	for len(ids) > 0 {
		key := packOf(ids[0])
		n := 1
		for n < len(ids) && packOf(ids[n]) == key {
			n++
		}
		whole, err := e.deleteFrom(key, live, ids[:n])
		unlinked = unlinked || whole
		errs = append(errs, err, ctx.Err())
		if ids = ids[n:]; ctx.Err() != nil {
			break
		}
	}
	if unlinked {
		errs = append(errs, e.afterUnlink(epoch))
	}
	return errors.Join(errs...)
}

// deleteFrom deletes blobs of one pack, and reports whether the whole pack went.
func (e *Engine) deleteFrom(key packKey, live blob.Live, ids []blob.ID) (whole bool, err error) {
	free := true
	if w := e.written(key.epoch); w != nil {
		free = w.closeAll(key, ids)
	}
	// In this order: what was settled before is what live knows.
	if free {
		next, ok, err := live(key.id(0))
		if err != nil {
			return false, err
		}
		if !ok || packOf(next) != key {
			return true, e.unlink(key)
		}
	}
	return false, e.punch(key, ids)
}

// closeAll notes that the fate of blobs of one pack is known, and reports whether Live decides about the pack.
func (w *writer) closeAll(key packKey, ids []blob.ID) (free bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		w.close(id)
	}
	return w.tails[key.n] == nil
}

// punch gives back the room of blobs of one pack.
func (e *Engine) punch(key packKey, ids []blob.ID) error {
	p, err := e.files.acquire(key)
	if errors.Is(err, blob.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer e.files.release(p)
	var errs []error
	for _, id := range ids {
		errs = append(errs, p.erase(id))
	}
	return errors.Join(append(errs, e.syncPack(p))...)
}

// erase makes a hole of a blob, so that it is not there any more.
func (p *pack) erase(id blob.ID) error {
	size, err := p.sizeOf(id)
	if errors.Is(err, blob.ErrNotExist) || errors.Is(err, blob.ErrCorrupt) {
		return nil
	}
	if err != nil {
		return err
	}
	err = p.PunchHole(offsetOf(id), roomFor(size))
	if errors.Is(err, vfs.ErrNoHoles) {
		_, err = p.WriteAt(make([]byte, headerLen), offsetOf(id)) // its data stays until the pack goes
	}
	return err
}

// syncPack makes durable what was changed in a pack. If Puts are writing to it, the sync is theirs too: should it fail, the
// system may tell only one of us.
func (e *Engine) syncPack(p *pack) error {
	w := e.written(p.key.epoch)
	if w == nil {
		return p.SyncData()
	}
	t := w.join(p.key)
	if t == nil {
		return p.SyncData()
	}
	defer t.leave()
	return t.sync()
}

// join returns the tail of a pack if there are Puts that write to it or may begin to; it stays one until the caller calls leave.
func (w *writer) join(key packKey) *tail {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.tails[key.n]
	if t == nil || t.err != nil || t.sealed && t.busy == 0 {
		return nil
	}
	t.busy++
	return t
}

// afterUnlink makes removals from the directory of an epoch durable, and removes it if it is empty and
// was not used for writing.
func (e *Engine) afterUnlink(epoch uint32) error {
	dir := e.epochDir(epoch)
	err := vfs.SyncDir(e.fs, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return vfs.SyncDir(e.fs, e.root) // a missing directory is as good as a synced one if its own removal is durable
	}
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.writers[epoch] == nil {
		_ = e.fs.Remove(dir) // fails if it is not empty
	}
	return nil
}
