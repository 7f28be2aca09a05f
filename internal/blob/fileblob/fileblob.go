// Package fileblob reads and removes blobs that lie in a file each.
//
// Data directories of format 1 keep their blobs so. Nothing is written in this way any more: new blobs go to
// internal/blob/packblob, those that are here are read where they are until they are deleted. So an Engine has
// the calls of blob.Engine but Put and Settle.
//
// # Files
//
// A blob lies in EPOCH/GROUP/ID: the epoch of its id in 8 hexadecimal digits, the sequence divided by 4096
// in 13, the id in 24. So names sort as ids do, and a directory has at most 4096 files. docs/format.md describes
// what is in a file.
//
// A directory goes with the last blob in it, that of the engine, too. A name that is not of this form
// makes Collect and Epochs return an error: a scan that is not complete must not call anything an orphan.
package fileblob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/vfs"
)

// An Engine reads and removes blobs. Its calls keep the promises of blob.Engine.
type Engine struct {
	fs        vfs.FS
	root      string
	separator byte // between the elements of a name

	gate blob.Gate
}

// Open opens the engine in a directory. If there is none, that is an error matching fs.ErrNotExist.
func Open(fsys vfs.FS, dir string) (*Engine, error) {
	fi, err := fsys.Stat(dir)
	if err == nil && !fi.IsDir() {
		err = &fs.PathError{Op: "open", Path: dir, Err: errors.New("not a directory")}
	}
	if err != nil {
		return nil, fmt.Errorf("open blobs of format 1: %w", err)
	}
	return &Engine{
		fs:        fsys,
		root:      fsys.PathJoin(dir), // cleaned
		separator: fsys.PathJoin("a", "b")[1],
	}, nil
}

// Close is that of blob.Engine.
func (e *Engine) Close() error { return e.gate.Close() }

// Delete is that of blob.Engine. It tries all ids, also after an error. Since each has a file of
// its own, nobody is asked what else lives.
func (e *Engine) Delete(ctx context.Context, _ blob.Live, ids ...blob.ID) error {
	if err := e.gate.Enter(ctx); err != nil {
		return err
	}
	defer e.gate.Leave()
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
	return nil
}

// afterRemoval makes removals from the directory of id durable, and removes what is empty then. That need not be
// durable.
func (e *Engine) afterRemoval(id blob.ID) error {
	dirs := []string{e.groupDir(id), e.epochDir(id.Epoch), e.root}
	// A missing directory is as good as a synced one if its own removal is durable.
	for _, dir := range append(dirs, e.fs.PathDir(e.root)) {
		err := vfs.SyncDir(e.fs, dir)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("delete blob %s: %w", id, err)
		}
	}
	for _, dir := range dirs {
		if err := e.fs.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			break // not empty, or a file system of its own
		}
	}
	return nil
}
