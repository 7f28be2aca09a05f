package store

import (
	"context"
	"sync"

	"github.com/oisproject/ois/internal/meta"
)

// pins hold what readers read: the sweeper leaves a pinned ref alone.
//
// A reader takes its snapshot and pins what it found there under one read lock. The sweeper takes its
// snapshot first and then asks under the write lock. So whoever saw a ref alive in
// an older snapshot has pinned it by the time the sweeper asks, and whoever comes
// later sees a snapshot in which the ref is dead.
type pins struct {
	gate   sync.RWMutex
	mu     sync.Mutex
	held   map[ref]int  // guarded by mu
	wanted map[ref]bool // held refs that the sweeper has asked for; guarded by mu
}

// look calls read with a snapshot; what it pins stays pinned.
func (p *pins) look(ctx context.Context, s *Store, read func(meta.Snapshot) error) error {
	p.gate.RLock()
	defer p.gate.RUnlock()
	return s.view(ctx, read)
}

func (p *pins) add(r ref) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		p.held = make(map[ref]int)
	}
	p.held[r]++
}

// remove takes one pin of r away and reports whether it was the last and the sweeper waits for it.
func (p *pins) remove(r ref) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held[r]--; p.held[r] > 0 {
		return false
	}
	delete(p.held, r)
	wanted := p.wanted[r]
	delete(p.wanted, r)
	return wanted
}

// unpinned returns the refs of list that nobody holds and, if list comes from
// a snapshot in which they are dead, nobody ever will.
func (p *pins) unpinned(list []ref) map[ref]bool {
	p.gate.Lock()
	defer p.gate.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	free := make(map[ref]bool, len(list))
	for _, r := range list {
		if free[r] = p.held[r] == 0; !free[r] {
			if p.wanted == nil {
				p.wanted = make(map[ref]bool)
			}
			p.wanted[r] = true
		}
	}
	return free
}
