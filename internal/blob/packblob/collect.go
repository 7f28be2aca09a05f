package packblob

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/vfs"
)

// Collect implements blob.Engine. It looks only at what live names: other bytes of a pack may look like a blob, and be those of
// a user.
func (e *Engine) Collect(ctx context.Context, epoch uint32, live blob.Live, dry bool) (bytes int64, err error) {
	if err := e.gate.Enter(ctx); err != nil {
		return 0, err
	}
	defer e.gate.Leave()
	if e.written(epoch) != nil {
		return 0, fmt.Errorf("collect epoch %d: it has not ended", epoch)
	}
	bytes, err = e.collect(ctx, epoch, live, dry)
	if !dry {
		err = errors.Join(err, e.afterUnlink(epoch))
	}
	if err != nil {
		err = fmt.Errorf("collect epoch %d: %w", epoch, err)
	}
	return bytes, err
}

func (e *Engine) collect(ctx context.Context, epoch uint32, live blob.Live, dry bool) (bytes int64, err error) {
	keys, err := e.packs(epoch)
	if err != nil {
		return 0, err
	}
	for _, key := range keys {
		c := collector{ctx: ctx, e: e, key: key, live: live, dry: dry}
		err := c.run()
		bytes += c.bytes
		if err != nil {
			return bytes, fmt.Errorf("%s: %w", e.path(key), err)
		}
	}
	return bytes, nil
}

// A collector frees what is not live in one pack.
type collector struct {
	ctx  context.Context // of the Collect that it is part of
	e    *Engine
	key  packKey
	live blob.Live
	dry  bool

	pack  *pack
	bytes int64 // that were given back
}

func (c *collector) run() error {
	first, ok, err := c.next(c.key.id(0))
	if err != nil {
		return err
	}
	if !ok {
		return c.remove()
	}
	c.pack, err = c.e.files.acquire(c.key)
	if errors.Is(err, blob.ErrNotExist) {
		return nil // deleted since it was listed
	}
	if err != nil {
		return err
	}
	defer c.e.files.release(c.pack)
	if err := c.gaps(first); err != nil || c.dry {
		return err
	}
	return c.pack.SyncData()
}

// next returns the first live blob of the pack at or after from.
func (c *collector) next(from blob.ID) (id blob.ID, ok bool, err error) {
	if err := c.ctx.Err(); err != nil {
		return blob.ID{}, false, err
	}
	id, ok, err = c.live(from)
	return id, ok && packOf(id) == c.key, err
}

// remove removes the pack.
func (c *collector) remove() error {
	n, err := c.taken()
	switch {
	case errors.Is(err, blob.ErrNotExist):
		return nil // deleted since it was listed
	case c.ctx.Err() != nil:
		return c.ctx.Err()
	}
	err = nil // what cannot be counted goes all the same
	if !c.dry {
		err = c.e.unlink(c.key)
	}
	if err == nil {
		c.bytes += n
	}
	return err
}

// taken returns the bytes that the pack takes on the disk: many of its blobs may have been deleted before.
func (c *collector) taken() (int64, error) {
	p, err := c.e.files.acquire(c.key)
	if err != nil {
		return 0, err
	}
	defer c.e.files.release(p)
	size, err := p.Size()
	if err != nil || size > c.e.opt.PackLen {
		return size, err // one blob has it all, so there are no holes
	}
	return p.used(c.ctx, 0, size)
}

// gaps frees what lies between the live blobs, the first of which is id, and behind them. Where a live blob ends
// that cannot be found, nobody knows: all up to the next one stays.
func (c *collector) gaps(id blob.ID) error {
	size, err := c.pack.Size() // it may have lost its end, with blobs that should live
	if err != nil {
		return err
	}
	end := int64(0) // of the live blobs so far
	known := true   // whether they end there
	for ok := true; ok; {
		start := offsetOf(id)
		if known {
			if err := c.free(end, min(start, size)); err != nil {
				return err
			}
		}
		var n int64
		if n, known, err = c.pack.sizeOf(id); err != nil {
			return err
		}
		if known {
			end = max(end, start+roomFor(n))
		}
		if id, ok, err = c.next(after(id)); err != nil {
			return err
		}
	}
	if known {
		err = c.free(end, size)
	}
	if err == nil && !c.dry {
		_ = c.pack.PunchHole(wholePages(size), reserveStep) // what a crash has left reserved
	}
	return err
}

// free gives back the room of some pages.
func (c *collector) free(from, to int64) error {
	if from >= to {
		return nil
	}
	n, err := c.pack.used(c.ctx, from, to)
	if err == nil && !c.dry {
		err = c.pack.PunchHole(from, to-from)
	}
	if errors.Is(err, vfs.ErrNoHoles) {
		return nil
	}
	if err == nil {
		c.bytes += n
	}
	return err
}

var zeros [pageLen]byte

// used returns the bytes of the pages that hold anything but zeros, or cannot be read. The only error is that of ctx.
func (p *pack) used(ctx context.Context, from, to int64) (n int64, err error) {
	count := func(b []byte) error {
		for len(b) > 0 {
			page := b[:min(pageLen, len(b))]
			if !bytes.Equal(page, zeros[:len(page)]) {
				n += pageLen
			}
			b = b[len(page):]
		}
		return nil
	}
	for ; from < to; from += chunkLen {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		step := min(to-from, chunkLen)
		if p.View(from, step, count) != nil {
			n += wholePages(step)
		}
	}
	return n, nil
}
