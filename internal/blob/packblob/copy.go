package packblob

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/vfs"
)

// CopyTo copies the blobs that live names to a directory of dst, under the same ids, and checks every byte on the way.
// When it returns nil, the copy survives a power failure. A pack that is there already is an error matching
// fs.ErrExist; one that is left by an error has part of the blobs.
func (e *Engine) CopyTo(ctx context.Context, dst vfs.FS, dir string, live blob.Live) error {
	if err := e.gate.Enter(ctx); err != nil {
		return err
	}
	defer e.gate.Leave()
	to, err := Open(dst, dir, e.opt)
	if err != nil {
		return err
	}
	c := copier{ctx: ctx, from: e, to: to, live: live}
	if err := errors.Join(c.run(), to.Close()); err != nil {
		return fmt.Errorf("copy blobs to %s: %w", dir, err)
	}
	return nil
}

// A copier copies live blobs to another engine.
type copier struct {
	ctx      context.Context // of the CopyTo that it is part of
	from, to *Engine
	live     blob.Live

	id blob.ID // the next to copy
	ok bool    // there is one
}

func (c *copier) run() error {
	if err := c.advance(blob.ID{}); err != nil {
		return err
	}
	for c.ok {
		epoch := c.id.Epoch
		dir := c.to.epochDir(epoch)
		if err := vfs.Mkdir(c.to.fs, dir, dirMode); err != nil {
			return err
		}
		for c.ok && c.id.Epoch == epoch {
			if err := c.pack(); err != nil {
				return err
			}
		}
		if err := vfs.SyncDir(c.to.fs, dir); err != nil {
			return err
		}
	}
	return nil
}

// advance finds the first blob at or after id.
func (c *copier) advance(id blob.ID) (err error) {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	c.id, c.ok, err = c.live(id)
	return err
}

// pack copies the blobs of the pack of the next one.
func (c *copier) pack() error {
	key := packOf(c.id)
	from, err := c.from.files.acquire(key)
	if err != nil {
		return fmt.Errorf("blob %s: %w", c.id, err)
	}
	defer c.from.files.release(from)
	to, err := c.to.files.create(key)
	if err != nil {
		return err
	}
	defer c.to.files.release(to)
	for c.ok && packOf(c.id) == key {
		if err := c.blob(from, to); err != nil {
			return err
		}
		next := after(c.id)
		if c.ok = next.Compare(c.id) > 0; !c.ok {
			break // that was the last id there is
		}
		if err := c.advance(next); err != nil {
			return err
		}
	}
	return to.SyncData()
}

// after returns the id that follows; after the last one, the first.
func after(id blob.ID) blob.ID {
	if id.Seq++; id.Seq == 0 {
		id.Epoch++
	}
	return id
}

// blob copies the next blob.
func (c *copier) blob(from, to *pack) error {
	r, err := c.from.open(c.id, 0, -1)
	if err != nil {
		return fmt.Errorf("blob %s: %w", c.id, err)
	}
	defer r.Close()
	base := offsetOf(c.id)
	if _, err := r.WriteTo(io.NewOffsetWriter(to, base+headerLen)); err != nil {
		return err
	}
	// The table has proved to be right, and the header too.
	put := func(off int64) func([]byte) error {
		return func(b []byte) error {
			_, err := to.WriteAt(b, base+off)
			return err
		}
	}
	table := headerLen + r.size
	if err := from.View(base+table, blobLen(r.size)-table, put(table)); err != nil {
		return err
	}
	return from.View(base, headerLen, put(0))
}
