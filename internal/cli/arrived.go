package cli

import (
	"context"
	"errors"
	"time"

	"github.com/oisproject/ois/internal/client/pool"
	"github.com/oisproject/ois/internal/client/target"
	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
)

// An arrival is an object that is where it was to be moved.
type arrival struct {
	key           string
	etag          string // of the bytes that were moved
	encryptionKey []byte // that it is read with
}

// arrived notes that an object can be deleted, and deletes a thousand when there are so many.
func (c *courier) arrived(ctx context.Context, b *ois.Bucket, o arrival) {
	c.mu.Lock()
	c.gone[b] = append(c.gone[b], o)
	list := c.gone[b]
	if len(list) == maxDelete {
		delete(c.gone, b)
	}
	c.mu.Unlock()
	if len(list) == maxDelete {
		c.discard(ctx, b, list)
	}
}

// sweepTime is how long an interrupted command may still take to delete what has arrived.
const sweepTime = 10 * time.Second

// sweep deletes what has arrived, when all work is done or was interrupted: the source of what was moved should be gone.
func (c *courier) sweep(ctx context.Context) {
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), sweepTime)
		defer cancel()
	}
	for b, list := range c.gone {
		c.discard(ctx, b, list)
	}
	clear(c.gone)
}

func (c *courier) discard(ctx context.Context, b *ois.Bucket, arrivals []arrival) {
	list := c.unreplaced(ctx, b, arrivals)
	if len(list) == 0 {
		return
	}
	failed, err := deleteObjects(ctx, c.s, b, list)
	for _, o := range list {
		is := err
		if is == nil {
			is = failed[o]
		}
		c.kept(ctx, b, o.Key, is)
	}
}

// kept notes why an object that has arrived is still there; nil if it is not.
func (c *courier) kept(ctx context.Context, b *ois.Bucket, key string, err error) {
	if err != nil && ctx.Err() == nil {
		c.fail(ctx, action{Name: "delete", Source: target.Target{Remote: true, Bucket: b.Name(), Key: key}.String()}, err)
	}
}

// errReplaced says that an object is not the one that was moved.
var errReplaced = errors.New("the object was replaced after it was read: it is kept")

// unreplaced are the objects that are still those that were moved. Between the reading of one and its deletion may be hours, and somebody may
// have written another under its key.
func (c *courier) unreplaced(ctx context.Context, b *ois.Bucket, arrivals []arrival) []api.ObjectToDelete {
	same := make([]bool, len(arrivals))
	group := pool.New(min(workers, len(arrivals))).Group() // of their own: this may run in a worker of the others
	for i, o := range arrivals {
		err := group.Go(ctx, func() {
			info, err := b.Head(ctx, o.key, &ois.HeadOptions{EncryptionKey: o.encryptionKey})
			if err == nil && o.etag != "" && info.ETag != o.etag {
				err = errReplaced
			}
			if same[i] = err == nil; !errors.Is(err, ois.ErrNotFound) {
				c.kept(ctx, b, o.key, err)
			}
		})
		if err != nil {
			break // interrupted
		}
	}
	group.Wait()
	var list []api.ObjectToDelete
	for i, o := range arrivals {
		if same[i] {
			list = append(list, api.ObjectToDelete{Key: o.key})
		}
	}
	return list
}
