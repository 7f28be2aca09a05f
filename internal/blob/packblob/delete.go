package packblob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/vfs"
)

// Delete implements blob.Engine. It tries all ids, also after an error. A blob whose header is damaged, or of a format that is
// not known, keeps its room until its pack goes: only the header says how much that is. Where the disk cannot read the
// header, that is an error, since it may another time.
func (e *Engine) Delete(ctx context.Context, live blob.Live, ids ...blob.ID) error {
	if err := e.gate.Enter(ctx); err != nil {
		return err
	}
	defer e.gate.Leave()
	dead := e.past()
	for _, id := range ids {
		dead[packOf(id)] = append(dead[packOf(id)], id)
	}
	var errs []error
	unlinked := make(map[uint32]bool)
	for _, key := range slices.SortedFunc(maps.Keys(dead), packKey.compare) {
		if err := ctx.Err(); err != nil {
			errs = append(errs, err)
			break
		}
		whole, err := e.deleteFrom(key, live, dead[key])
		if err != nil {
			errs = append(errs, fmt.Errorf("delete from %s: %w", e.path(key), err))
		}
		unlinked[key.epoch] = unlinked[key.epoch] || whole
	}
	for epoch, some := range unlinked {
		if some {
			errs = append(errs, e.afterUnlink(epoch))
		}
	}
	return errors.Join(errs...)
}

// past returns the packs that are full by now, where all may have been deleted before they were.
func (e *Engine) past() map[packKey][]blob.ID {
	e.mu.Lock()
	defer e.mu.Unlock()
	packs := make(map[packKey][]blob.ID)
	for _, w := range e.writers {
		w.mu.Lock()
		for key := range w.past {
			packs[key] = nil
		}
		w.mu.Unlock()
	}
	return packs
}

// deleteFrom deletes blobs of one pack, and reports whether the whole pack went.
func (e *Engine) deleteFrom(key packKey, live blob.Live, ids []blob.ID) (whole bool, err error) {
	w := e.written(key.epoch)
	if w == nil || w.closeAll(key, ids) {
		// Live is asked after that: what was settled before is what it knows.
		next, ok, err := live(key.id(0))
		if err != nil {
			return false, err
		}
		whole = !ok || packOf(next) != key
	}
	if whole {
		err = e.unlink(key)
	} else if len(ids) > 0 {
		err = e.punch(key, ids)
	}
	if w != nil && err == nil {
		w.checked(key)
	}
	return whole, err
}

// checked notes that a pack of the past was found to have something in it, or was removed.
func (w *writer) checked(key packKey) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.past, key)
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
	size, known, err := p.sizeOf(id)
	if !known || err != nil {
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
	if t == nil || t.pack == nil || t.err != nil || t.sealed && t.busy == 0 {
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
	e.dirs.Lock()
	defer e.dirs.Unlock()
	if e.written(epoch) == nil {
		_ = e.fs.Remove(dir) // fails if it is not empty
	}
	return nil
}
