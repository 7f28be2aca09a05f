package packblob

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/vfs"
)

// A writer makes the packs of an epoch, and hands out room in them.
type writer struct {
	e     *Engine
	epoch uint32

	making sync.Mutex // held while the disk makes a pack; who holds mu does not take it
	ready  bool       // the directory is durable, and next is known; guarded by making
	next   uint64     // number of the next pack; guarded by making

	mu      sync.Mutex       // never held while the disk works
	current *tail            // the shared pack that is not full, or nil; guarded by mu
	tails   map[uint64]*tail // packs, by number, that must stay whatever Live says; guarded by mu
	open    map[uint64]*tail // where blobs lie, by sequence number, whose fate is not known yet; guarded by mu
	past    map[packKey]bool // shared packs that were tails, and may have become empty meanwhile; guarded by mu
}

// writer returns the writer of an epoch.
func (e *Engine) writer(epoch uint32) *writer {
	e.mu.Lock()
	defer e.mu.Unlock()
	w := e.writers[epoch]
	if w == nil {
		w = &writer{e: e, epoch: epoch, tails: make(map[uint64]*tail), open: make(map[uint64]*tail), past: make(map[packKey]bool)}
		e.writers[epoch] = w
	}
	return w
}

// written returns the writer of an epoch, nil if nothing was put in it.
func (e *Engine) written(epoch uint32) *writer {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.writers[epoch]
}

// share takes n bytes of a shared pack.
func (w *writer) share(n int64) (place, error) {
	if p, ok := w.shareCurrent(n); ok {
		return p, nil
	}
	w.making.Lock()
	defer w.making.Unlock()
	if p, ok := w.shareCurrent(n); ok { // somebody else has made one
		return p, nil
	}
	return w.make(&tail{w: w, shared: true, limit: w.e.opt.PackLen}, n)
}

// shareCurrent takes n bytes of the current pack, if there is one that has them.
func (w *writer) shareCurrent(n int64) (p place, ok bool) {
	w.mu.Lock()
	t := w.current
	retire := t != nil && t.end > 0 && t.end+n > w.e.opt.PackLen && w.seal(t)
	if w.current != nil {
		p, ok = place{t: t, id: t.take(n), room: n}, true
	}
	w.mu.Unlock()
	if retire {
		_ = t.retire() // what was put in it is durable
	}
	return p, ok
}

// own takes a pack for one blob of at most n bytes.
func (w *writer) own(n int64) (place, error) {
	w.making.Lock()
	defer w.making.Unlock()
	return w.make(&tail{w: w, sealed: true, limit: n}, 0)
}

// make makes the pack of a tail, and takes its first n bytes. It is called with making held: the
// others go on while the disk works.
func (w *writer) make(t *tail, n int64) (place, error) {
	if err := w.prepare(); err != nil {
		return place{}, err
	}
	if w.next > maxPack {
		return place{}, fmt.Errorf("epoch %d has no number left for a pack", w.epoch)
	}
	key := packKey{w.epoch, w.next}
	w.next++
	w.mu.Lock()
	w.tails[key.n] = t // so that nobody removes the file when it is there
	w.mu.Unlock()
	p, err := w.e.files.create(key)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		delete(w.tails, key.n)
		return place{}, err
	}
	t.pack = p
	if t.shared {
		w.current = t
	}
	return place{t: t, id: t.take(n), room: n}, nil
}

// prepare makes the directory and finds the number of the first pack. It is called with making held.
func (w *writer) prepare() error {
	if w.ready {
		return nil
	}
	if err := w.mkdir(); err != nil {
		return err
	}
	keys, err := w.e.packs(w.epoch)
	if err != nil {
		return err
	}
	if len(keys) > 0 {
		w.next = keys[len(keys)-1].n + 1
	}
	w.ready = true
	return nil
}

// mkdir makes the directory. Who removes empty ones looks for a writer first, and there is one by now.
func (w *writer) mkdir() error {
	w.e.dirs.Lock()
	defer w.e.dirs.Unlock()
	return vfs.Mkdir(w.e.fs, w.e.epochDir(w.epoch), dirMode)
}

// seal ends the adding of blobs to a pack, and reports whether it is to be retired now. It is called with mu held.
func (w *writer) seal(t *tail) (retire bool) {
	if t.sealed {
		return false
	}
	t.sealed = true
	w.current = nil
	return t.busy == 0
}

// takeCurrent seals the current pack and returns it if it is to be retired now.
func (w *writer) takeCurrent() *tail {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t := w.current; t != nil && w.seal(t) {
		return t
	}
	return nil
}

// close notes that the fate of a blob is known. It is called with mu held.
func (w *writer) close(id blob.ID) {
	if t := w.open[id.Seq]; t != nil {
		delete(w.open, id.Seq)
		t.open--
		w.tidy(t)
	}
}

// tidy forgets a tail that is one no more. It is called with mu held.
func (w *writer) tidy(t *tail) {
	key := t.pack.key
	if !t.sealed || t.busy > 0 || t.open > 0 || w.tails[key.n] == nil {
		return
	}
	delete(w.tails, key.n)
	if t.shared && t.stored > 0 {
		w.past[key] = true
	}
}

// Settle implements blob.Engine.
func (e *Engine) Settle(id blob.ID) {
	if w := e.written(id.Epoch); w != nil {
		w.settle(id)
	}
}

func (w *writer) settle(id blob.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.close(id)
}

// unlink removes the file of a pack, if there is one. That is not durable yet.
func (e *Engine) unlink(key packKey) error {
	e.files.forget(key, nil) // there are systems that do not remove a file that is open
	err := e.fs.Remove(e.path(key))
	e.files.forget(key, nil) // an open file keeps its room
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
