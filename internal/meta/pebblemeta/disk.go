package pebblemeta

import (
	"errors"
	"io/fs"
	"strings"
	"sync/atomic"
	"time"

	pvfs "github.com/cockroachdb/pebble/v2/vfs"

	"github.com/oisproject/ois/internal/metrics"
	"github.com/oisproject/ois/internal/vfs"
)

// A disk is the file system as Pebble gets it. It differs from what is below it in three things.
//
// The first error of a vital call ends the engine: one that changes a log, syncs a directory or finishes a file of
// values, and until the database is open any that changes or lists something. Pebble itself would panic at some of
// them, holding and releasing locks in a way that nobody can recover from, or in a goroutine of its own.
//
// Once the engine has failed the disk is frozen: calls that would change it do nothing and succeed. So Pebble comes
// to rest without a panic, and a restart finds the disk as the failure has left it.
//
// Pebble makes a new manifest and then the marker file that names it, and syncs the directory
// once, afterwards. A loss of power in between may keep the marker and lose the manifest, and the database
// can never be opened again. So the directory is synced before the marker, too.
type disk struct {
	vfs.FS
	failure *failure
	opened  atomic.Bool
	syncs   metrics.Histogram     // of logs
	aside   atomic.Pointer[aside] // of a backup under way; what is written there is none of the above
}

func (d *disk) frozen() bool { return d.failure.err() != nil }

// check returns the error of a call; that of a vital one ends the engine and is hidden from Pebble.
func (d *disk) check(err error, vital bool) error {
	if err != nil && (vital || !d.opened.Load()) {
		d.failure.set(err)
		return nil
	}
	return err
}

// change makes a call that changes the disk, unless that is frozen.
func (d *disk) change(vital bool, call func() error) error {
	if d.frozen() {
		return nil
	}
	return d.check(call(), vital)
}

// isLog reports whether a file is a write-ahead log.
func isLog(name string) bool { return strings.HasSuffix(name, ".log") }

// isValues reports whether a file holds values that do not lie in tables.
func isValues(name string) bool { return strings.HasSuffix(name, ".blob") }

// create makes a file by a call of the file system below.
func (d *disk) create(name string, call func() (vfs.File, error)) (vfs.File, error) {
	if d.frozen() {
		return discard(name)
	}
	f, err := call()
	if err != nil {
		if err := d.check(err, isLog(name)); err != nil {
			return nil, err
		}
		return discard(name)
	}
	return &diskFile{File: f, disk: d, vital: isLog(name), ends: isLog(name) || isValues(name), log: isLog(name)}, nil
}

// discard returns a file that takes what is written, for nobody.
func discard(name string) (vfs.File, error) {
	m := vfs.NewMem()
	return m.Create(m.PathBase(name), pvfs.WriteCategoryUnspecified)
}

// Create implements vfs.FS.
func (d *disk) Create(name string, c vfs.Category) (vfs.File, error) {
	if a := d.aside.Load(); a.has(name) {
		return a.Create(name, c)
	}
	if strings.HasPrefix(d.PathBase(name), "marker.manifest.") {
		err := d.change(true, func() error { return vfs.SyncDir(d.FS, d.PathDir(name)) })
		if err != nil {
			return nil, err
		}
	}
	return d.create(name, func() (vfs.File, error) { return d.FS.Create(name, c) })
}

// OpenReadWrite implements vfs.FS.
func (d *disk) OpenReadWrite(name string, c vfs.Category, opts ...vfs.OpenOption) (vfs.File, error) {
	return d.create(name, func() (vfs.File, error) { return d.FS.OpenReadWrite(name, c, opts...) })
}

// ReuseForWrite implements vfs.FS.
func (d *disk) ReuseForWrite(oldname, newname string, c vfs.Category) (vfs.File, error) {
	return d.create(newname, func() (vfs.File, error) { return d.FS.ReuseForWrite(oldname, newname, c) })
}

// OpenDir implements vfs.FS.
func (d *disk) OpenDir(name string) (vfs.File, error) {
	if a := d.aside.Load(); a.has(name) {
		return a.OpenDir(name)
	}
	f, err := d.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &diskFile{File: f, disk: d, vital: true, ends: true}, nil
}

// Link implements vfs.FS.
func (d *disk) Link(oldname, newname string) error {
	if a := d.aside.Load(); a.has(newname) {
		return a.Link(oldname, newname)
	}
	return d.change(false, func() error { return d.FS.Link(oldname, newname) })
}

// Remove implements vfs.FS. What is gone already is no error, which would end an engine that is being opened.
func (d *disk) Remove(name string) error {
	if a := d.aside.Load(); a.has(name) {
		return a.Remove(name)
	}
	return d.change(false, func() error {
		if err := d.FS.Remove(name); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// RemoveAll implements vfs.FS.
func (d *disk) RemoveAll(name string) error {
	if a := d.aside.Load(); a.has(name) {
		return a.RemoveAll(name)
	}
	return d.change(false, func() error { return d.FS.RemoveAll(name) })
}

// Rename implements vfs.FS.
func (d *disk) Rename(oldname, newname string) error {
	return d.change(false, func() error { return d.FS.Rename(oldname, newname) })
}

// MkdirAll implements vfs.FS. What Pebble makes is as private as the rest.
func (d *disk) MkdirAll(dir string, mode fs.FileMode) error {
	mode &= 0o700
	if a := d.aside.Load(); a.has(dir) {
		return a.MkdirAll(dir, mode)
	}
	return d.change(false, func() error { return d.FS.MkdirAll(dir, mode) })
}

// List implements vfs.FS.
func (d *disk) List(dir string) ([]string, error) {
	if a := d.aside.Load(); a.has(dir) {
		return a.List(dir)
	}
	names, err := d.FS.List(dir)
	return names, d.check(err, false)
}

// GetDiskUsage implements vfs.FS. Pebble only uses it to pace itself, and does without.
func (d *disk) GetDiskUsage(path string) (vfs.DiskUsage, error) {
	u, err := d.FS.GetDiskUsage(path)
	if err != nil {
		return vfs.DiskUsage{}, pvfs.ErrUnsupported
	}
	return u, nil
}

// Unwrap implements vfs.FS.
func (d *disk) Unwrap() pvfs.FS { return d.FS }

// A diskFile is a file that Pebble writes, or a directory.
type diskFile struct {
	vfs.File
	disk  *disk
	vital bool // every call is
	ends  bool // those that finish the file are: its last write, syncs and Close
	log   bool
}

// wholeBuffer is what Pebble's buffer of a file of values takes. A shorter write is the last one.
const wholeBuffer = 4 << 10

// vitalWrite reports whether a write of n bytes is vital.
func (f *diskFile) vitalWrite(n int) bool { return f.vital || f.ends && n < wholeBuffer }

// Write implements vfs.File.
func (f *diskFile) Write(p []byte) (n int, err error) {
	all := len(p)
	err = f.disk.change(f.vitalWrite(all), func() error { n, err = f.File.Write(p); return err })
	if err == nil {
		n = all
	}
	return n, err
}

// WriteAt implements vfs.File.
func (f *diskFile) WriteAt(p []byte, off int64) (n int, err error) {
	all := len(p)
	err = f.disk.change(f.vitalWrite(all), func() error { n, err = f.File.WriteAt(p, off); return err })
	if err == nil {
		n = all
	}
	return n, err
}

// Sync implements vfs.File.
func (f *diskFile) Sync() error { return f.timed(f.File.Sync) }

// SyncData implements vfs.File.
func (f *diskFile) SyncData() error { return f.timed(f.File.SyncData) }

// timed is change for a sync: those of logs, for which writers wait, are counted.
func (f *diskFile) timed(sync func() error) error {
	if !f.log {
		return f.disk.change(f.ends, sync)
	}
	began := time.Now()
	err := f.disk.change(f.ends, sync)
	f.disk.syncs.Observe(time.Since(began))
	return err
}

// SyncTo implements vfs.File.
func (f *diskFile) SyncTo(n int64) (fullSync bool, err error) {
	err = f.disk.change(f.ends, func() error { fullSync, err = f.File.SyncTo(n); return err })
	return fullSync, err
}

// Stat implements vfs.File. Pebble asks for the length of a log that it uses again, and panics if it is not told.
func (f *diskFile) Stat() (vfs.FileInfo, error) {
	fi, err := f.File.Stat()
	if err == nil {
		return fi, nil
	}
	if err := f.disk.check(err, f.vital); err != nil {
		return nil, err
	}
	empty, err := discard("empty")
	if err != nil {
		return nil, err
	}
	return empty.Stat()
}

// Close implements vfs.File. A frozen file is closed, too.
func (f *diskFile) Close() error {
	err := f.File.Close()
	if f.disk.frozen() {
		return nil
	}
	return f.disk.check(err, f.ends)
}
