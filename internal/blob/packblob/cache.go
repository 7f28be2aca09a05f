package packblob

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/vfs"
)

// A cache keeps the files of packs open: those that are in use, and some that may be again.
type cache struct {
	e   *Engine
	max int

	mu    sync.Mutex
	packs map[packKey]*pack // guarded by mu
	idle  pack              // head of the ring of those in packs that nobody uses, the latest first; guarded by mu
}

// A pack is the open file of a pack, which all use together.
type pack struct {
	vfs.Pack
	key  packKey
	name string

	open sync.Once
	err  error // of opening

	users      int   // guarded by cache.mu
	gone       bool  // not in the cache any more: the last user closes it; guarded by cache.mu
	prev, next *pack // in the ring of the idle; guarded by cache.mu
}

func (c *cache) init(e *Engine, limit int) {
	c.e, c.max, c.packs = e, limit, make(map[packKey]*pack)
	c.idle.prev, c.idle.next = &c.idle, &c.idle
}

// acquire returns a pack for the caller to use until it calls release. It returns an error matching
// blob.ErrNotExist if there is no such pack.
func (c *cache) acquire(key packKey) (*pack, error) {
	p := c.use(key)
	err := c.opened(p, c.e.fs.OpenPack)
	if err == nil {
		return p, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: there is no %s", blob.ErrNotExist, c.e.path(key))
	}
	return nil, err
}

// use returns a pack that has one more user, and may not be open yet.
func (c *cache) use(key packKey) *pack {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.packs[key]
	if p == nil {
		p = &pack{key: key}
		c.packs[key] = p
	}
	if p.next != nil {
		p.unlink()
	}
	p.users++
	return p
}

// opened opens a pack that is not open yet. If that fails, it ends the use of it.
func (c *cache) opened(p *pack, open func(name string) (vfs.Pack, error)) error {
	p.open.Do(func() {
		p.name = c.e.path(p.key)
		p.Pack, p.err = open(p.name)
	})
	err := p.err
	if err != nil {
		c.forget(p.key, p)
		c.release(p)
	}
	return err
}

// create makes the file of a new pack, for the caller to use until it calls release. Who asks for the pack from now on waits for it.
func (c *cache) create(key packKey) (*pack, error) {
	p := &pack{key: key, users: 1}
	c.mu.Lock()
	unused := c.take(key, nil) // somebody may be looking for a file that is not there
	c.packs[key] = p
	c.mu.Unlock()
	if unused != nil {
		_ = unused.Close() // as in release
	}
	err := c.opened(p, func(name string) (vfs.Pack, error) { return c.e.fs.CreatePack(name, fileMode) })
	if err != nil {
		return nil, err
	}
	return p, nil
}

// release ends the use of a pack.
func (c *cache) release(p *pack) {
	if p := c.leave(p); p != nil && p.Pack != nil {
		_ = p.Close() // whoever has written to it has synced it
	}
}

// leave takes a user from a pack. It returns a pack that is to be closed now, or nil.
func (c *cache) leave(p *pack) *pack {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.users--; p.users > 0 {
		return nil
	}
	if p.gone {
		return p
	}
	p.prev, p.next = &c.idle, c.idle.next
	p.prev.next, p.next.prev = p, p
	if len(c.packs) <= c.max {
		return nil
	}
	old := c.idle.prev
	old.unlink()
	delete(c.packs, old.key)
	return old
}

// forget makes the next acquire open the file anew. If p is not nil, it is about that pack only.
func (c *cache) forget(key packKey, p *pack) {
	c.mu.Lock()
	unused := c.take(key, p)
	c.mu.Unlock()
	if unused != nil {
		_ = unused.Close() // as in release
	}
}

// take does what forget does, with mu held. It returns a pack that is to be closed now, or nil.
func (c *cache) take(key packKey, p *pack) (unused *pack) {
	known := c.packs[key]
	if known == nil || p != nil && p != known {
		return nil
	}
	delete(c.packs, key)
	known.gone = true
	if known.next == nil {
		return nil // its last user closes it
	}
	known.unlink()
	return known
}

// close closes the files that nobody uses; the others are closed when they are released.
func (c *cache) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for key, p := range c.packs {
		p.gone = true
		if p.next != nil {
			p.unlink()
			errs = append(errs, p.Close())
		}
		delete(c.packs, key)
	}
	return errors.Join(errs...)
}

// unlink takes a pack out of the ring of the idle.
func (p *pack) unlink() {
	p.prev.next, p.next.prev = p.next, p.prev
	p.prev, p.next = nil, nil
}
