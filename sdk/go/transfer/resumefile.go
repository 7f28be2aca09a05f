package transfer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	ois "github.com/oisproject/ois/sdk/go"
)

// resumeFile reads into a temporary file what an earlier run has not read. n says what the transfer is about.
func (d *fetch) resumeFile(ctx context.Context, n *note, old fs.FileInfo) error {
	n.Size, n.PartSize, n.ETag = d.end-d.off, d.part, d.info.ETag
	n.Options = hashOf([]any{d.off, d.o.VersionID})
	c, err := openCheckpoint(d.pool.o.Checkpoint, n)
	if err != nil {
		return err
	}
	defer c.close()
	if !strong(n.ETag) {
		return errors.Join(d.file(ctx, old), c.remove())
	}
	f, done, err := d.earlier(c, n)
	if err != nil {
		return err
	}
	k := &keeper{c: c, n: n, f: f, done: slices.Clone(done), noted: slices.Clone(done)}
	d.have, d.done = func(part int) bool { return done[part] }, k.keep
	for part, there := range done {
		if there {
			d.t.resume(min(d.part, n.Size-int64(part)*d.part))
		}
	}
	if err := d.scatter(ctx, f); err != nil {
		_ = f.Close() // what counts of it is synced
		if errors.Is(err, ErrChecksum) || errors.Is(err, ois.ErrPrecondition) || errors.Is(err, ois.ErrNotFound) {
			return errors.Join(removed(f.Name(), err), c.remove()) // nothing of it will ever be of use
		}
		return &UnfinishedError{Checkpoint: c.path, Err: err}
	}
	return errors.Join(d.install(f, old), c.remove())
}

// earlier opens the temporary file, with what an earlier run has left in it if that
// is of use. done tells which parts are there.
func (d *fetch) earlier(c *checkpoint, n *note) (f *os.File, done []bool, err error) {
	name, err := c.temporary(n)
	if err != nil {
		return nil, nil, err
	}
	prev, err := c.read()
	reason := ""
	switch {
	case err != nil:
		reason = fmt.Sprintf("the checkpoint makes no sense: %v", err)
	case prev != nil:
		reason = prev.same(n)
	}
	done = make([]bool, d.n)
	if prev != nil && reason == "" {
		info, err := os.Lstat(name)
		if err == nil && info.Mode().IsRegular() && info.Size() == n.Size {
			for _, span := range prev.Done {
				for part := span[0]; part <= span[1]; part++ {
					done[part] = true
				}
			}
			f, err = os.OpenFile(name, os.O_RDWR, 0)
			return f, done, err
		}
		reason = "the temporary file is gone"
	}
	if reason != "" {
		d.t.restart(reason)
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	f, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, nil, err
	}
	if err = f.Truncate(n.Size); err == nil {
		err = c.write(n)
	}
	if err != nil {
		_ = f.Close() // it goes
		return nil, nil, removed(name, err)
	}
	return f, done, nil
}

// temporary is the name of the temporary file. It is that of the checkpoint's alone: the lock of one in another folder is another.
func (c *checkpoint) temporary(n *note) (string, error) {
	abs, err := filepath.Abs(c.path)
	return filepath.Join(filepath.Dir(n.Path), ".ois-"+hashOf(abs)+".part"), err
}

// A keeper notes which parts of a file are on the disk.
type keeper struct {
	c *checkpoint
	f *os.File

	mu   sync.Mutex
	done []bool // written; guarded by mu

	saving sync.Mutex
	n      *note  // guarded by saving
	noted  []bool // synced and in the note; guarded by saving
}

// keep notes that a part is written. What others have written meanwhile is noted with it, so
// that many workers do not wait for as many syncs.
func (k *keeper) keep(part int) error {
	k.mu.Lock()
	k.done[part] = true
	k.mu.Unlock()
	k.saving.Lock()
	defer k.saving.Unlock()
	if k.noted[part] {
		return nil
	}
	k.mu.Lock()
	done := slices.Clone(k.done)
	k.mu.Unlock()
	if err := k.f.Sync(); err != nil {
		return err
	}
	k.n.Done = spans(done)
	if err := k.c.write(k.n); err != nil {
		return err
	}
	k.noted = done
	return nil
}

// spans are the first and the last of the parts that are there, one after another.
func spans(done []bool) (list [][2]int64) {
	for i, there := range done {
		n := int64(i)
		switch {
		case !there:
		case len(list) > 0 && list[len(list)-1][1] == n-1:
			list[len(list)-1][1] = n
		default:
			list = append(list, [2]int64{n, n})
		}
	}
	return list
}
