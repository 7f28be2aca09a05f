package pebblemeta

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	pvfs "github.com/cockroachdb/pebble/v2/vfs"

	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/vfs"
)

// Backup writes a copy of the rows as they are at one moment of the call to dir/name, which must not exist; dir must. It has every change
// that was acknowledged before, may be opened as an engine, and survives a power failure when Backup returns nil. When it
// fails, it has tried to remove what it made. The copy shares no file with the engine.
//
// The engine goes on meanwhile, and no failure of the disk under dir harms it.
func (e *Engine) Backup(ctx context.Context, dir, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := e.enter(); err != nil {
		return err
	}
	defer e.active.Done()
	d := e.disk
	aside := &aside{FS: d.FS, ctx: ctx, dir: d.PathJoin(dir)}
	if !d.aside.CompareAndSwap(nil, aside) {
		return errors.New("back up metadata: another backup is under way")
	}
	err := e.failure.guard(func() error {
		defer d.aside.Store(nil) // also if guard has returned
		err := e.db.Checkpoint(d.PathJoin(aside.dir, name))
		if failed := aside.hidden(); failed != nil {
			err = errors.Join(err, failed, aside.RemoveAll(d.PathJoin(aside.dir, name)))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("back up metadata: %w", err)
	}
	return nil
}

// enter begins a call for which Close waits.
func (e *Engine) enter() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return meta.ErrClosed
	}
	e.active.Add(1)
	return nil
}

// An aside is the file system for files that Pebble writes while it makes a backup. The engine does not depend on them, so their
// errors are told to who wants the backup, and to nobody else.
type aside struct {
	vfs.FS
	ctx context.Context // of the Backup
	dir string

	mu     sync.Mutex
	failed error // of the first sync of a directory that has failed; guarded by mu
}

// hidden returns what Pebble was not told.
func (a *aside) hidden() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failed
}

// OpenDir implements vfs.FS.
func (a *aside) OpenDir(name string) (vfs.File, error) {
	f, err := a.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &asideDir{File: f, aside: a}, nil
}

// An asideDir is a directory, the syncs of which never seem to fail: Pebble would end the process.
type asideDir struct {
	vfs.File
	aside *aside
}

// Sync implements vfs.File.
func (f *asideDir) Sync() error {
	err := f.File.Sync()
	f.aside.mu.Lock()
	defer f.aside.mu.Unlock()
	if f.aside.failed == nil {
		f.aside.failed = err
	}
	return nil
}

// has reports whether a name is that of something in the backup.
func (a *aside) has(name string) bool {
	if a == nil {
		return false
	}
	rest, ok := strings.CutPrefix(name, a.dir)
	return ok && (rest == "" || rest[0] == a.PathJoin("a", "b")[1])
}

// Create implements vfs.FS.
func (a *aside) Create(name string, c vfs.Category) (vfs.File, error) {
	f, err := a.FS.Create(name, c)
	if err != nil {
		return nil, err
	}
	return &asideFile{File: f, ctx: a.ctx}, nil
}

// errNoLink is what Pebble gets instead of a link, so that it copies.
var errNoLink = errors.New("a backup shares no file with what it is of")

// Link implements vfs.FS. A copy is read when it is made, so what cannot be read is not found too late; and damage of one
// file is not that of both.
func (*aside) Link(oldname, _ string) error {
	return &fs.PathError{Op: "link", Path: oldname, Err: errNoLink}
}

// Unwrap implements vfs.FS.
func (a *aside) Unwrap() pvfs.FS { return a.FS }

// An asideFile is a file that is written until the backup is no longer wanted.
type asideFile struct {
	vfs.File
	ctx context.Context // of the Backup
}

// Write implements vfs.File.
func (f *asideFile) Write(p []byte) (int, error) {
	if err := f.ctx.Err(); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}
