package pebblemeta

import (
	"context"
	"slices"

	"github.com/oisproject/ois/internal/meta"
)

// Limits of a group. A larger group would gain little and make its first writers wait.
const (
	maxGroupChanges = 1024
	maxGroupBytes   = 4 << 20
)

// A write is one call of Apply on its way through the queue.
type write struct {
	change *meta.Change
	bytes  int
	err    error     // the outcome; the leader writes it before it sends on wake
	wake   chan bool // true: lead; false: there is an outcome. It holds one, so a send never waits

	leads bool // was told to lead; guarded by Engine.mu
}

// newWrite returns a write that no other call of Apply uses. Each engine keeps its own.
func (e *Engine) newWrite() *write {
	if w, ok := e.writes.Get().(*write); ok {
		return w
	}
	return &write{wake: make(chan bool, 1)}
}

// Apply implements meta.Engine.
func (e *Engine) Apply(ctx context.Context, c *meta.Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.Check(traits); err != nil {
		return err
	}
	w := e.newWrite()
	w.change, w.bytes, w.err, w.leads = c, c.Bytes(), nil, false
	lead, err := e.enqueue(w)
	if err != nil {
		return err
	}
	defer e.active.Done()
	if !lead {
		var done bool
		if lead, done, err = e.await(ctx, w); !done {
			return err // w may still be in the leader's hands: it is not used again
		}
	}
	if lead {
		e.lead()
	}
	err = w.err
	w.change = nil
	e.writes.Put(w)
	return err
}

// enqueue appends w to the queue and reports whether it has to lead.
func (e *Engine) enqueue(w *write) (lead bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false, meta.ErrClosed
	}
	if err := e.failure.err(); err != nil {
		return false, err
	}
	e.active.Add(1)
	e.queue = append(e.queue, w)
	w.leads = !e.leading
	e.leading = true
	return w.leads, nil
}

// await waits until w has an outcome or has to lead. done is false if it gave up, with the
// error to return.
func (e *Engine) await(ctx context.Context, w *write) (lead, done bool, err error) {
	select {
	case lead = <-w.wake:
		return lead, true, nil
	case <-e.failure.done:
	case <-ctx.Done():
		if e.withdraw(w) {
			return false, false, ctx.Err()
		}
		select { // w has its place in the order, so it has an outcome soon
		case lead = <-w.wake:
			return lead, true, nil
		case <-e.failure.done:
		}
	}
	if e.withdraw(w) {
		return false, false, e.failure.err()
	}
	return false, false, e.failure.unknown()
}

// withdraw takes w out of the queue; it reports false if w is not there any more, or has to lead.
func (e *Engine) withdraw(w *write) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := slices.Index(e.queue, w)
	if i < 0 || w.leads {
		return false
	}
	e.queue = slices.Delete(e.queue, i, i+1)
	return true
}

// lead commits one group and passes the lead on. The caller's own write is the first of the group.
func (e *Engine) lead() {
	group := e.take()
	e.commit(group)
	for _, w := range group[1:] {
		w.wake <- false
	}
	e.passOn()
}

// take removes the next group from the queue.
func (e *Engine) take() []*write {
	e.mu.Lock()
	defer e.mu.Unlock()
	n, bytes := 0, 0
	for n < len(e.queue) && n < maxGroupChanges {
		bytes += e.queue[n].bytes
		if n > 0 && bytes > maxGroupBytes {
			break
		}
		n++
	}
	e.leader.group = append(e.leader.group[:0], e.queue[:n]...)
	e.queue = slices.Delete(e.queue, 0, n)
	return e.leader.group
}

// passOn tells the first of the queue to lead.
func (e *Engine) passOn() {
	clear(e.leader.group)
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.queue) == 0 {
		e.leading = false
		return
	}
	next := e.queue[0]
	next.leads = true
	next.wake <- true
}

// commit decides about a group, makes durable and visible what holds, and sets the outcomes.
func (e *Engine) commit(group []*write) {
	l := &e.leader
	l.begin(len(group))
	for _, w := range group {
		w.err = l.add(w.change)
	}
	if !l.end(&e.failure) {
		for _, w := range group {
			if w.err == nil {
				w.err = e.failure.unknown()
			} else {
				w.err = e.failure.err()
			}
		}
		return
	}
	e.figures.changes.Add(int64(len(group)))
	if l.wrote {
		e.figures.groups.Add(1)
		n := e.cache.committed(l.changed)
		e.current.publish(e.db.NewSnapshot(), n) // commit: from here on the group is visible
	}
}
