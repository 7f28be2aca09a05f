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
	p.open.Do(func() {
		p.name = c.e.path(key)
		p.Pack, p.err = c.e.fs.OpenPack(p.name)
	})
	err := p.err
	if err == nil {
		return p, nil
	}
	c.forget(key, p)
	c.release(p)
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

// create makes the file of a new pack, for the caller to use until it calls release.
func (c *cache) create(key packKey) (*pack, error) {
	name := c.e.path(key)
	file, err := c.e.fs.CreatePack(name, fileMode)
	if err != nil {
		return nil, err
	}
	p := &pack{Pack: file, key: key, name: name, users: 1}
	p.open.Do(func() {})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.packs[key] = p
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
	known := c.packs[key]
	if known == nil || p != nil && p != known {
		c.mu.Unlock()
		return
	}
	delete(c.packs, key)
	known.gone = true
	unused := known.next != nil
	if unused {
		known.unlink()
	}
	c.mu.Unlock()
	if unused {
		_ = known.Close() // as in release
	}
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
