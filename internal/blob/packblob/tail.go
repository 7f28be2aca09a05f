package packblob

import (
	"fmt"
	"sync"
	"time"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/vfs"
)

// A tail is the end of a pack that this process has made.
//
// It must stay while blobs may be added, while Puts are under way, and while the store has not said what becomes of each
// blob in it. From then on Live decides.
//
// Puts share syncs. One that has written joins the group that waits for the next sync; the first of a group is its leader:
//
//	wait until the sync before has ended
//	close the group: who comes later has maybe written too late
//	sync, for all of the group
//
// So there is no timer and nothing waits that could go on: a Put that is alone syncs at once, and those that come while it does share
// the next one. If a sync fails, nobody knows what the disk has kept, and the system may tell that once only. So
// all Puts of the pack that are under way fail, nothing is added to it any more, and what was synced before stays.
type tail struct {
	w    *writer
	pack *pack // nil while the file is made, and guarded by w.mu until then

	end    int64 // next free byte; guarded by w.mu
	ahead  int64 // where that ends which is reserved on the disk; guarded by w.mu
	limit  int64 // nothing is reserved from there on; guarded by w.mu
	shared bool  // it is for many blobs
	sealed bool  // no blob will be added; guarded by w.mu
	busy   int   // Puts under way; guarded by w.mu
	stored int   // Puts that have succeeded; guarded by w.mu
	open   int   // blobs in w.open; guarded by w.mu

	named   bool       // the name of the file is durable; guarded by syncing
	syncing sync.Mutex // held during a sync
	group   *group     // those whose sync has not begun; guarded by w.mu
	err     error      // of a sync that has failed: none is tried after it; guarded by w.mu
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
// syncs of small blobs cheaper by a sixth, and what is written to several packs at once does not mix on the disk. A pack of its
// own starts with reserveLeast: a client that stops sending holds about as much room as it has filled.
const (
	reserveStep  = 16 << 20
	reserveLeast = 1 << 20
)

// reserve is called before something is written that ends at an offset. It takes room on the disk from time to time.
func (t *tail) reserve(end int64) {
	t.w.mu.Lock()
	t.end = max(t.end, end)
	step := int64(reserveStep)
	if !t.shared {
		step = min(max(end, reserveLeast), reserveStep)
	}
	from, to := t.ahead, min(end+step, t.limit)
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
	end := wholePages(t.end)
	if t.ahead > end {
		_ = t.pack.PunchHole(end, t.ahead-end) // it is only room
	}
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
	began := time.Now()
	err := t.pack.SyncData()
	t.w.e.figures.syncs.Observe(time.Since(began))
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
