package vfs

import (
	"errors"
	"io"
	"io/fs"

	pvfs "github.com/cockroachdb/pebble/v2/vfs"
)

// errReadOnly is what a call that would change something gets from [ReadOnly].
var errReadOnly = errors.New("opened for reading only")

// ReadOnly returns fsys without the calls that change something: those fail, and syncs do nothing. It needs no permission
// to write, and works on a file system that cannot be written to.
func ReadOnly(fsys FS) FS { return readOnly{fsys} }

type readOnly struct{ FS }

func refuse(op, name string) error { return &fs.PathError{Op: op, Path: name, Err: errReadOnly} }

// Create implements FS.
func (readOnly) Create(name string, _ Category) (File, error) { return nil, refuse("create", name) }

// CreateNew implements FS.
func (readOnly) CreateNew(name string, _ fs.FileMode) (File, error) {
	return nil, refuse("create", name)
}

// CreatePack implements FS.
func (readOnly) CreatePack(name string, _ fs.FileMode) (Pack, error) {
	return nil, refuse("create", name)
}

// OpenReadWrite implements FS.
func (readOnly) OpenReadWrite(name string, _ Category, _ ...OpenOption) (File, error) {
	return nil, refuse("open", name)
}

// ReuseForWrite implements FS.
func (readOnly) ReuseForWrite(oldname, _ string, _ Category) (File, error) {
	return nil, refuse("open", oldname)
}

// Link implements FS.
func (readOnly) Link(_, newname string) error { return refuse("link", newname) }

// Rename implements FS.
func (readOnly) Rename(oldname, _ string) error { return refuse("rename", oldname) }

// Remove implements FS.
func (readOnly) Remove(name string) error { return refuse("remove", name) }

// RemoveAll implements FS.
func (readOnly) RemoveAll(name string) error { return refuse("remove", name) }

// Lock implements FS.
func (readOnly) Lock(name string) (io.Closer, error) { return nil, refuse("lock", name) }

// MkdirAll implements FS. A directory that is there needs no making.
func (r readOnly) MkdirAll(dir string, _ fs.FileMode) error {
	if fi, err := r.Stat(dir); err != nil || fi.IsDir() {
		return err
	}
	return refuse("mkdir", dir)
}

// Open implements FS.
func (r readOnly) Open(name string, opts ...OpenOption) (File, error) {
	return readOnlyOpened(r.FS.Open(name, opts...))
}

// OpenDir implements FS.
func (r readOnly) OpenDir(name string) (File, error) { return readOnlyOpened(r.FS.OpenDir(name)) }

func readOnlyOpened(f File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return &readOnlyFile{f}, nil
}

// OpenPack implements FS.
func (r readOnly) OpenPack(name string) (Pack, error) {
	f, err := r.FS.Open(name)
	if err != nil {
		return nil, err
	}
	return &readOnlyPack{f, name}, nil
}

// Unwrap implements FS.
func (r readOnly) Unwrap() pvfs.FS { return r.FS }

// A readOnlyFile is a file or a directory that is not changed.
type readOnlyFile struct{ File }

// Write implements File.
func (*readOnlyFile) Write([]byte) (int, error) { return 0, errReadOnly }

// WriteAt implements File.
func (*readOnlyFile) WriteAt([]byte, int64) (int, error) { return 0, errReadOnly }

// Preallocate implements File.
func (*readOnlyFile) Preallocate(int64, int64) error { return errReadOnly }

// Sync implements File. There is nothing of ours to make durable.
func (*readOnlyFile) Sync() error { return nil }

// SyncData implements File as Sync does.
func (*readOnlyFile) SyncData() error { return nil }

// SyncTo implements File as Sync does.
func (*readOnlyFile) SyncTo(int64) (fullSync bool, err error) { return true, nil }

// A readOnlyPack is a Pack that is not changed.
type readOnlyPack struct {
	file File
	name string
}

// Close implements Pack.
func (p *readOnlyPack) Close() error { return p.file.Close() }

// WriteAt implements Pack.
func (p *readOnlyPack) WriteAt([]byte, int64) (int, error) { return 0, refuse("write", p.name) }

// Preallocate implements Pack.
func (p *readOnlyPack) Preallocate(int64, int64) error { return refuse("preallocate", p.name) }

// PunchHole implements Pack.
func (p *readOnlyPack) PunchHole(int64, int64) error { return refuse("punch", p.name) }

// SyncData implements Pack. There is nothing of ours to make durable.
func (*readOnlyPack) SyncData() error { return nil }

// Size implements Pack.
func (p *readOnlyPack) Size() (int64, error) {
	fi, err := p.file.Stat()
	if err != nil {
		return 0, err
	}
	return fi.Size(), nil
}

// View implements Pack.
func (p *readOnlyPack) View(off, n int64, use func([]byte) error) error {
	size, err := p.Size()
	if err != nil {
		return err
	}
	if !inside(off, n, size) {
		return outside("view", p.name, off, n)
	}
	return viewCopy(p.file, p.name, off, n, use)
}
