// Package fileblob is the blob engine that keeps each blob in a file of its own.
//
// It is simple, and it keeps every promise of blob.Engine: a blob is durable when Put returns, and no byte
// leaves unchecked. It is not meant for very many tiny blobs, each of which costs a file and two syncs.
//
// # Files
//
// A blob lies in EPOCH/GROUP/ID: the epoch of its id in 8 hexadecimal digits, the sequence divided by 4096
// in 13, the id in 24. So names sort as ids do, a directory has at most 4096 files, and neighbours in time are
// neighbours on the disk. docs/format.md describes what is in a file.
//
// Empty directories are removed by Delete, if no blob was put into them since the engine was opened. A name that is not
// of this form makes Enumerate and Epochs return an error: a scan that is not complete must not
// call anything an orphan.
package fileblob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/vfs"
)

// dirMode and fileMode keep the bytes from other users of the machine.
const (
	dirMode  = 0o700
	fileMode = 0o600
)

// An Engine is a blob.Engine.
type Engine struct {
	fs        vfs.FS
	root      string
	separator byte // between the elements of a name

	mu     sync.Mutex
	closed bool           // guarded by mu
	active sync.WaitGroup // calls under way

	// dirs is held while a directory is made or removed.
	dirs sync.Mutex
	// made holds the directories, by name, that exist and are durable because a Put has seen to
	// it. They are not removed. Guarded by dirs.
	made map[string]bool

	// failed holds the ids whose Put failed and whose file could not be removed.
	failed sync.Map // of blob.ID to nothing
}

var _ blob.Engine = (*Engine)(nil)

// Open opens the engine in a directory, which it makes if there is none.
func Open(fsys vfs.FS, dir string) (*Engine, error) {
	if err := vfs.MkdirAll(fsys, dir, dirMode); err != nil {
		return nil, fmt.Errorf("open blobs in %s: %w", dir, err)
	}
	return &Engine{
		fs:        fsys,
		root:      fsys.PathJoin(dir), // cleaned
		separator: fsys.PathJoin("a", "b")[1],
		made:      make(map[string]bool),
	}, nil
}

// enter begins a call; leave ends it.
func (e *Engine) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return blob.ErrClosed
	}
	e.active.Add(1)
	return nil
}

func (e *Engine) leave() { e.active.Done() }

// Close implements blob.Engine.
func (e *Engine) Close() error {
	e.mu.Lock()
	again := e.closed
	e.closed = true
	e.mu.Unlock()
	if again {
		return blob.ErrClosed
	}
	e.active.Wait()
	return nil
}

// Delete implements blob.Engine. It tries all ids, also after an error.
func (e *Engine) Delete(ctx context.Context, ids ...blob.ID) error {
	if err := e.enter(ctx); err != nil {
		return err
	}
	defer e.leave()
	ids = slices.SortedFunc(slices.Values(ids), blob.ID.Compare) // those of a directory together
	var errs []error
	for i, id := range ids {
		if err := ctx.Err(); err != nil {
			return errors.Join(append(errs, err)...)
		}
		errs = append(errs, e.remove(id))
		if i+1 == len(ids) || groupOf(ids[i+1]) != groupOf(id) {
			errs = append(errs, e.afterRemoval(id))
		}
	}
	return errors.Join(errs...)
}

// remove removes the file of a blob, if there is one.
func (e *Engine) remove(id blob.ID) error {
	if err := e.fs.Remove(e.path(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete blob %s: %w", id, err)
	}
	e.failed.Delete(id)
	return nil
}

// afterRemoval makes removals from the directory of id durable, and removes it if it is empty and
// was not used for writing.
func (e *Engine) afterRemoval(id blob.ID) error {
	group, epoch := e.groupDir(id), e.epochDir(id.Epoch)
	// A missing directory is as good as a synced one if its own removal is durable.
	for _, dir := range []string{group, epoch, e.root} {
		err := vfs.SyncDir(e.fs, dir)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("delete blob %s: %w", id, err)
		}
	}
	e.dirs.Lock()
	defer e.dirs.Unlock()
	for _, dir := range []string{group, epoch} {
		if e.made[dir] || e.fs.Remove(dir) != nil {
			break // in use, not empty, or gone
		}
	}
	return nil
}
