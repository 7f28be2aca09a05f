package transfer

import (
	"context"
	"sync"
	"sync/atomic"
)

// A group runs functions until one fails; that one's error is the group's, and the
// others are told by their context to stop.
type group struct {
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu  sync.Mutex
	err error // of the first that failed; guarded by mu
}

func newGroup(ctx context.Context) *group {
	g := &group{}
	g.ctx, g.cancel = context.WithCancel(ctx)
	return g
}

// run runs f beside the caller.
func (g *group) run(f func(ctx context.Context) error) {
	g.wg.Add(1)
	go func() {
		defer g.wg.Done()
		g.fail(f(g.ctx))
	}()
}

// fail notes an error, unless it is nil or comes after another.
func (g *group) fail(err error) {
	if err == nil {
		return
	}
	g.mu.Lock()
	if g.err == nil {
		g.err = err
	}
	g.mu.Unlock()
	g.cancel()
}

// wait waits until all have ended.
func (g *group) wait() error {
	g.wg.Wait()
	g.cancel()
	return g.err
}

// slot waits for a worker. The caller frees it.
func (p *pool) slot(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		if ctx.Err() != nil {
			p.freeSlot()
			return context.Cause(ctx)
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *pool) freeSlot() { <-p.slots }

// each calls do for the parts from 0 to before n in their order, as many at once as there are
// workers, until one fails.
func (p *pool) each(ctx context.Context, n int, do func(ctx context.Context, part int) error) error {
	g := newGroup(ctx)
	var next atomic.Int64
	for range min(p.o.Concurrency, n) {
		g.run(func(ctx context.Context) error {
			for {
				if err := p.slot(ctx); err != nil {
					return err
				}
				part := int(next.Add(1)) - 1
				var err error
				if part < n {
					err = do(ctx, part)
				}
				p.freeSlot()
				if err != nil || part >= n {
					return err
				}
			}
		})
	}
	return g.wait()
}
