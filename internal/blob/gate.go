package blob

import (
	"context"
	"sync"
)

// A Gate counts the calls of an engine, so that Close can wait for those under way. The zero value is open.
type Gate struct {
	mu     sync.Mutex
	closed bool // guarded by mu
	active sync.WaitGroup
}

// Enter begins a call, which calls Leave in the end. It returns an error if ctx has ended or the gate is closed.
func (g *Gate) Enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return ErrClosed
	}
	g.active.Add(1)
	return nil
}

// Leave ends a call.
func (g *Gate) Leave() { g.active.Done() }

// Close lets no call begin any more, and waits for those under way. If the gate is closed already, that is ErrClosed.
func (g *Gate) Close() error {
	g.mu.Lock()
	again := g.closed
	g.closed = true
	g.mu.Unlock()
	if again {
		return ErrClosed
	}
	g.active.Wait()
	return nil
}
