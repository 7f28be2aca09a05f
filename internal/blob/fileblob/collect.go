package fileblob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/oisproject/ois/internal/blob"
)

// Collect is that of blob.Engine. It removes nothing before it knows what to remove.
func (e *Engine) Collect(ctx context.Context, epoch uint32, live blob.Live, dry bool) (bytes int64, err error) {
	if err := e.gate.Enter(ctx); err != nil {
		return 0, err
	}
	defer e.gate.Leave()
	var dead []blob.ID
	at := cursor{live: live}
	err = e.enumerate(ctx, epoch, func(id blob.ID) error {
		if alive, err := at.reaches(id); alive || err != nil {
			return err
		}
		fi, err := e.fs.Stat(e.path(id))
		if errors.Is(err, fs.ErrNotExist) {
			return nil // deleted since it was listed
		}
		if err != nil {
			return err
		}
		dead = append(dead, id)
		bytes += fi.Size()
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("collect epoch %d: %w", epoch, err)
	}
	if dry {
		return bytes, nil
	}
	return bytes, e.removeAll(epoch, dead)
}

// removeAll removes blobs of an epoch. It syncs every directory, also for what a call before has removed that was
// cut short: nobody comes back for that.
func (e *Engine) removeAll(epoch uint32, dead []blob.ID) error {
	groups, err := e.numbers(e.epochDir(epoch), groupDigits)
	errs := []error{err}
	for _, id := range dead {
		errs = append(errs, e.remove(id))
	}
	for _, n := range groups {
		errs = append(errs, e.afterRemoval(blob.ID{Epoch: epoch, Seq: n << groupBits}))
	}
	return errors.Join(errs...)
}

// A cursor goes through the live blobs in their order.
type cursor struct {
	live  blob.Live
	asked bool
	next  blob.ID // the live blob it stands on
	ok    bool    // there is one
}

// reaches moves the cursor to the first live blob that is not before id, and reports whether that is id. It is called
// with ascending ids.
func (c *cursor) reaches(id blob.ID) (alive bool, err error) {
	if !c.asked || c.ok && c.next.Compare(id) < 0 {
		c.asked = true
		if c.next, c.ok, err = c.live(id); err != nil {
			return false, err
		}
	}
	return c.ok && c.next == id, nil
}
