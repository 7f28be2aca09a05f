// Package errfs stands between a program under test and a file system: it counts
// calls, fails them, or makes them wait.
//
// What happens at a call is decided by a hook: [FailAt] and [Stall] make the usual ones, and a
// test may bring its own, for instance one that takes a copy of the disk before each call.
package errfs

import (
	"errors"
	"io"
	"io/fs"
	"sync/atomic"

	pvfs "github.com/cockroachdb/pebble/v2/vfs"

	"github.com/oisproject/ois/internal/vfs"
)

// Errors that a hook fails calls with. A hook may return others, too.
var (
	// ErrInjected makes a call fail as calls of a bad disk do: a write leaves half of its bytes.
	ErrInjected = errors.New("injected error")
	// ErrKilled makes a call of a process that a test has declared dead fail: nothing happens.
	ErrKilled = errors.New("process was killed")
)

// An Op is one call of the file system, of a file or of a pack.
type Op struct {
	Kind string // the method in lower case: create, createnew, write, syncdata, rename, …
	Path string // what it acts on; the old name of two
	N    int64  // the number of the call, from 1
}

// IsSync reports whether the call makes something durable.
func (o Op) IsSync() bool { return o.Kind == "sync" || o.Kind == "syncdata" || o.Kind == "syncto" }

// A Hook is called before each call, concurrently. If it returns an error, the call fails with it and
// nothing happens, except that a close closes.
type Hook func(Op) error

// FS passes calls on to another file system. It is safe for concurrent use.
type FS struct {
	vfs.FS
	calls atomic.Int64
	files atomic.Int64
	hook  atomic.Pointer[Hook]
}

// New returns a file system over fsys that only counts, until a hook is set.
func New(fsys vfs.FS) *FS { return &FS{FS: fsys} }

// SetHook makes h decide about all further calls; nil lets them pass.
func (f *FS) SetHook(h Hook) {
	if h == nil {
		f.hook.Store(nil)
		return
	}
	f.hook.Store(&h)
}

// Calls returns the number of calls so far.
func (f *FS) Calls() int64 { return f.calls.Load() }

// OpenFiles returns the number of files and directories that are open.
func (f *FS) OpenFiles() int64 { return f.files.Load() }

// FailAt returns a hook that fails call n, and all later ones if rest is true.
func FailAt(n int64, rest bool) Hook {
	return func(op Op) error {
		if op.N == n || rest && op.N > n {
			return ErrInjected
		}
		return nil
	}
}

// Stall returns a hook that makes the calls that match wait. Each sends itself to stalled
// when it begins to wait. release lets all go, once and for all.
func Stall(match func(Op) bool) (hook Hook, stalled <-chan Op, release func()) {
	waiting := make(chan Op, 1024)
	gate := make(chan struct{})
	hook = func(op Op) error {
		if match(op) {
			waiting <- op
			<-gate
		}
		return nil
	}
	return hook, waiting, func() { close(gate) }
}

// step counts a call and asks the hook about it.
func (f *FS) step(kind, path string) error {
	n := f.calls.Add(1)
	h := f.hook.Load()
	if h == nil {
		return nil
	}
	if err := (*h)(Op{Kind: kind, Path: path, N: n}); err != nil {
		return &fs.PathError{Op: kind, Path: path, Err: err}
	}
	return nil
}

// open takes a step and wraps the file that open returns.
func (f *FS) open(kind, path string, open func() (vfs.File, error)) (vfs.File, error) {
	if err := f.step(kind, path); err != nil {
		return nil, err
	}
	under, err := open()
	if err != nil {
		return nil, err
	}
	f.files.Add(1)
	return &file{File: under, fs: f, path: path}, nil
}

// Create implements vfs.FS.
func (f *FS) Create(name string, c vfs.Category) (vfs.File, error) {
	return f.open("create", name, func() (vfs.File, error) { return f.FS.Create(name, c) })
}

// CreateNew implements vfs.FS.
func (f *FS) CreateNew(name string, mode fs.FileMode) (vfs.File, error) {
	return f.open("createnew", name, func() (vfs.File, error) { return f.FS.CreateNew(name, mode) })
}

// Open implements vfs.FS.
func (f *FS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.open("open", name, func() (vfs.File, error) { return f.FS.Open(name, opts...) })
}

// OpenReadWrite implements vfs.FS.
func (f *FS) OpenReadWrite(name string, c vfs.Category, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.open("openreadwrite", name, func() (vfs.File, error) { return f.FS.OpenReadWrite(name, c, opts...) })
}

// OpenDir implements vfs.FS.
func (f *FS) OpenDir(name string) (vfs.File, error) {
	return f.open("opendir", name, func() (vfs.File, error) { return f.FS.OpenDir(name) })
}

// ReuseForWrite implements vfs.FS.
func (f *FS) ReuseForWrite(oldname, newname string, c vfs.Category) (vfs.File, error) {
	return f.open("reuseforwrite", oldname, func() (vfs.File, error) { return f.FS.ReuseForWrite(oldname, newname, c) })
}

// Link implements vfs.FS.
func (f *FS) Link(oldname, newname string) error {
	if err := f.step("link", oldname); err != nil {
		return err
	}
	return f.FS.Link(oldname, newname)
}

// Remove implements vfs.FS.
func (f *FS) Remove(name string) error {
	if err := f.step("remove", name); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

// RemoveAll implements vfs.FS.
func (f *FS) RemoveAll(name string) error {
	if err := f.step("removeall", name); err != nil {
		return err
	}
	return f.FS.RemoveAll(name)
}

// Rename implements vfs.FS.
func (f *FS) Rename(oldname, newname string) error {
	if err := f.step("rename", oldname); err != nil {
		return err
	}
	return f.FS.Rename(oldname, newname)
}

// MkdirAll implements vfs.FS.
func (f *FS) MkdirAll(dir string, mode fs.FileMode) error {
	if err := f.step("mkdirall", dir); err != nil {
		return err
	}
	return f.FS.MkdirAll(dir, mode)
}

// Lock implements vfs.FS.
func (f *FS) Lock(name string) (io.Closer, error) {
	if err := f.step("lock", name); err != nil {
		return nil, err
	}
	return f.FS.Lock(name)
}

// List implements vfs.FS.
func (f *FS) List(dir string) ([]string, error) {
	if err := f.step("list", dir); err != nil {
		return nil, err
	}
	return f.FS.List(dir)
}

// Stat implements vfs.FS.
func (f *FS) Stat(name string) (vfs.FileInfo, error) {
	if err := f.step("stat", name); err != nil {
		return nil, err
	}
	return f.FS.Stat(name)
}

// GetDiskUsage implements vfs.FS.
func (f *FS) GetDiskUsage(path string) (vfs.DiskUsage, error) {
	if err := f.step("getdiskusage", path); err != nil {
		return vfs.DiskUsage{}, err
	}
	return f.FS.GetDiskUsage(path)
}

// Unwrap implements vfs.FS.
func (f *FS) Unwrap() pvfs.FS { return f.FS }

// A file is an open file whose calls are counted too.
type file struct {
	vfs.File
	fs   *FS
	path string
}

// Close implements vfs.File. It closes also when it fails, as close does on Linux.
func (f *file) Close() error {
	f.fs.files.Add(-1)
	return errors.Join(f.fs.step("close", f.path), f.File.Close())
}

// Read implements vfs.File.
func (f *file) Read(p []byte) (int, error) {
	if err := f.fs.step("read", f.path); err != nil {
		return 0, err
	}
	return f.File.Read(p)
}

// ReadAt implements vfs.File.
func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if err := f.fs.step("readat", f.path); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

// Write implements vfs.File.
func (f *file) Write(p []byte) (int, error) {
	if err := f.fs.step("write", f.path); err != nil {
		return half(err, p, f.File.Write), err
	}
	return f.File.Write(p)
}

// WriteAt implements vfs.File.
func (f *file) WriteAt(p []byte, off int64) (int, error) {
	if err := f.fs.step("writeat", f.path); err != nil {
		return half(err, p, func(p []byte) (int, error) { return f.File.WriteAt(p, off) }), err
	}
	return f.File.WriteAt(p, off)
}

// half writes half of p if err is that of a bad disk, and returns how much it wrote.
func half(err error, p []byte, write func([]byte) (int, error)) int {
	if !errors.Is(err, ErrInjected) {
		return 0
	}
	n, _ := write(p[:len(p)/2]) // the injected error is the one that counts
	return n
}

// Preallocate implements vfs.File.
func (f *file) Preallocate(off, n int64) error {
	if err := f.fs.step("preallocate", f.path); err != nil {
		return err
	}
	return f.File.Preallocate(off, n)
}

// Stat implements vfs.File.
func (f *file) Stat() (vfs.FileInfo, error) {
	if err := f.fs.step("filestat", f.path); err != nil {
		return nil, err
	}
	return f.File.Stat()
}

// Sync implements vfs.File.
func (f *file) Sync() error {
	if err := f.fs.step("sync", f.path); err != nil {
		return err
	}
	return f.File.Sync()
}

// SyncData implements vfs.File.
func (f *file) SyncData() error {
	if err := f.fs.step("syncdata", f.path); err != nil {
		return err
	}
	return f.File.SyncData()
}

// SyncTo implements vfs.File.
func (f *file) SyncTo(n int64) (fullSync bool, err error) {
	if err := f.fs.step("syncto", f.path); err != nil {
		return false, err
	}
	return f.File.SyncTo(n)
}
