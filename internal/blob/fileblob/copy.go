package fileblob

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/vfs"
)

// CopyTo copies the blobs that live names to a directory of dst, under the same ids, and reads each copy, which checks every byte.
// When it returns nil, the copy survives a power failure. The directory is made if anything is copied. A file that is there
// already is an error matching fs.ErrExist.
func (e *Engine) CopyTo(ctx context.Context, dst vfs.FS, dir string, live blob.Live) error {
	if err := e.gate.Enter(ctx); err != nil {
		return err
	}
	defer e.gate.Leave()
	to := &Engine{fs: dst, root: dst.PathJoin(dir), separator: dst.PathJoin("a", "b")[1]}
	last := "" // directory of the blob before
	err := each(ctx, live, func(id blob.ID) error {
		if in := to.groupDir(id); in != last {
			if err := errors.Join(to.synced(last), vfs.MkdirAll(dst, in, 0o700)); err != nil {
				return err
			}
			last = in
		}
		return e.copyBlob(to, id)
	})
	if err = errors.Join(err, to.synced(last)); err != nil {
		return fmt.Errorf("copy blobs to %s: %w", dir, err)
	}
	return nil
}

// each calls do for all blobs that live names.
func each(ctx context.Context, live blob.Live, do func(blob.ID) error) error {
	id, ok, err := live(blob.ID{})
	for ok && err == nil {
		if err := errors.Join(ctx.Err(), do(id)); err != nil {
			return err
		}
		next := id
		if next.Seq++; next.Seq == 0 {
			next.Epoch++
		}
		if next.Compare(id) < 0 {
			break // that was the last id there is
		}
		id, ok, err = live(next)
	}
	return err
}

// synced makes the names in a directory durable; none is no error.
func (e *Engine) synced(dir string) error {
	if dir == "" {
		return nil
	}
	return vfs.SyncDir(e.fs, dir)
}

// copyBlob copies the file of a blob and checks the copy.
func (e *Engine) copyBlob(to *Engine, id blob.ID) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("blob %s: %w", id, err)
		}
	}()
	src, err := e.fs.Open(e.path(id))
	if err != nil {
		return err
	}
	defer src.Close()
	f, err := to.fs.CreateNew(to.path(id), 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, src)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	r, err := to.open(id, 0, -1)
	if err != nil {
		return err
	}
	_, err = r.WriteTo(io.Discard)
	return errors.Join(err, r.Close())
}
