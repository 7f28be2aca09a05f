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

	mu      sync.Mutex
	ready   bool             // the directory is durable, and next is known; guarded by mu
	next    uint64           // number of the next pack; guarded by mu
	current *tail            // the shared pack that is not full, or nil; guarded by mu
	tails   map[uint64]*tail // packs, by number, that must stay whatever Live says; guarded by mu
	open    map[uint64]*tail // where blobs lie, by sequence number, whose fate is not known yet; guarded by mu
}

// A tail is the end of a pack that this process has made.
//
// It must stay while blobs may be added, while Puts are under way, and while the store has not said what becomes of each
// blob in it. From then on Live decides.
type tail struct {
	w    *writer
	pack *pack

	end    int64 // next free byte; guarded by w.mu
	ahead  int64 // where that ends which is reserved on the disk; guarded by w.mu
	limit  int64 // nothing is reserved from there on; guarded by w.mu
	sealed bool  // no blob will be added; guarded by w.mu
	busy   int   // Puts under way; guarded by w.mu
	stored int   // Puts that have succeeded; guarded by w.mu
	open   int   // blobs in w.open; guarded by w.mu

	named   bool       // the name of the file is durable; guarded by syncing
	syncing sync.Mutex // held during a sync
	group   *group     // those whose sync has not begun; guarded by w.mu
	err     error      // of a sync that has failed: none is tried after it; guarded by w.mu
}

// writer returns the writer of an epoch.
func (e *Engine) writer(epoch uint32) *writer {
	e.mu.Lock()
	defer e.mu.Unlock()
	w := e.writers[epoch]
	if w == nil {
		w = &writer{e: e, epoch: epoch, tails: make(map[uint64]*tail), open: make(map[uint64]*tail)}
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
	w.mu.Lock()
	var full *tail
	if t := w.current; t != nil && t.end > 0 && t.end+n > w.e.opt.PackLen && w.seal(t) {
		full = t
	}
	p := place{room: n}
	t, err := w.currentOrNew()
	if err == nil {
		p.t, p.id = t, t.take(n)
	}
	w.mu.Unlock()
	if full != nil {
		_ = full.retire() // what was put in it is durable
	}
	return p, err
}

// own takes a pack for one blob of at most n bytes.
func (w *writer) own(n int64) (place, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, err := w.make()
	if err != nil {
		return place{}, err
	}
	t.sealed, t.limit = true, n
	return place{t: t, id: t.take(0)}, nil
}

// take hands out the next n bytes, for a Put that calls done in the end. It is called with w.mu held.
func (t *tail) take(n int64) blob.ID {
	id := t.pack.key.id(t.end)
	t.end += n
	t.busy++
	t.open++
	t.w.open[id.Seq] = t
	return id
}

// currentOrNew returns the current pack. It is called with mu held.
func (w *writer) currentOrNew() (*tail, error) {
	if w.current != nil {
		return w.current, nil
	}
	t, err := w.make()
	if err == nil {
		w.current = t
	}
	return t, err
}

// make makes a pack. It is called with mu held.
func (w *writer) make() (*tail, error) {
	if err := w.prepare(); err != nil {
		return nil, err
	}
	if w.next > maxPack {
		return nil, fmt.Errorf("epoch %d has no number left for a pack", w.epoch)
	}
	key := packKey{w.epoch, w.next}
	w.next++
	p, err := w.e.files.create(key)
	if err != nil {
		return nil, err
	}
	t := &tail{w: w, pack: p, limit: w.e.opt.PackLen}
	w.tails[key.n] = t
	return t, nil
}

// prepare makes the directory and finds the number of the first pack. It is called with mu held.
func (w *writer) prepare() error {
	if w.ready {
		return nil
	}
	if err := vfs.Mkdir(w.e.fs, w.e.epochDir(w.epoch), dirMode); err != nil {
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

// done ends a Put, which has failed or not.
func (t *tail) done(id blob.ID, failed bool) {
	w := t.w
	w.mu.Lock()
	if failed {
		w.close(id)
	} else {
		t.stored++
	}
	w.mu.Unlock()
	t.leave()
}

// leave ends the use of a pack by one who writes to it.
func (t *tail) leave() {
	t.w.mu.Lock()
	t.busy--
	retire := t.sealed && t.busy == 0
	t.w.mu.Unlock()
	if retire {
		_ = t.retire() // what was put in it is durable
	}
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
	if t.sealed && t.busy == 0 && t.open == 0 {
		delete(w.tails, t.pack.key.n)
	}
}

// retire ends the writing to a pack. A pack with nothing in it goes.
func (t *tail) retire() error {
	w := t.w
	t.giveBack()
	w.e.files.release(t.pack)
	w.mu.Lock()
	w.tidy(t)
	empty := t.stored == 0
	w.mu.Unlock()
	if empty {
		return w.e.unlink(t.pack.key)
	}
	return nil
}

// reserveStep is how many bytes of the disk are reserved ahead of those that are written. That makes the
// syncs of small blobs cheaper by a sixth, and what is written to several packs at once does not mix on the disk.
const reserveStep = 16 << 20

// reserve is called before something is written that ends at an offset. It takes room on the disk from time to time.
func (t *tail) reserve(end int64) {
	t.w.mu.Lock()
	t.end = max(t.end, end)
	from, to := t.ahead, min(end+reserveStep, t.limit)
	if end <= from || to <= from {
		t.w.mu.Unlock()
		return
	}
	t.ahead = to
	t.w.mu.Unlock()
	if t.pack.Preallocate(from, to-from) == nil {
		return
	}
	t.w.mu.Lock() // room is short; writing tells whether it is too short
	defer t.w.mu.Unlock()
	t.limit = 0
}

// giveBack ends the reservation, when nobody writes any more.
func (t *tail) giveBack() {
	end := (t.end + pageLen - 1) / pageLen * pageLen
	if t.ahead > end {
		_ = t.pack.PunchHole(end, t.ahead-end) // it is only room
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

// A group is Puts that share a sync.
type group struct {
	n    int // how many they are; guarded by writer.mu
	done sync.WaitGroup
	err  error
}

// sync makes durable what was written to the pack before. The first who asks does it for all who ask while
// the sync before is going on.
func (t *tail) sync() error {
	w := t.w
	w.mu.Lock()
	if g := t.group; g != nil {
		g.n++
		w.mu.Unlock()
		g.done.Wait()
		return g.err
	}
	g := &group{n: 1}
	g.done.Add(1)
	t.group = g
	w.mu.Unlock()

	t.syncing.Lock()
	w.mu.Lock()
	t.group = nil // who asks from now on has written too late for this sync
	g.err = t.err
	w.mu.Unlock()
	if g.err == nil {
		g.err = t.syncNow()
	}
	t.syncing.Unlock()
	g.done.Done()
	return g.err
}

// syncNow makes data and name of the pack durable. If it cannot, the pack is sealed, since nobody knows what the
// disk has kept of what was written.
func (t *tail) syncNow() error {
	err := t.pack.SyncData()
	if err == nil && !t.named {
		err = vfs.SyncDir(t.w.e.fs, t.w.e.epochDir(t.w.epoch))
		t.named = err == nil
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("sync %s: %w", t.pack.name, err)
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	t.err = err
	t.w.seal(t) // those who wait retire it
	return err
}

// breaks seals the pack after a failed write.
func (t *tail) breaks() {
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	t.w.seal(t)
}
