package vfs

import (
	"fmt"
	"io"
	"io/fs"
	"os"

	pvfs "github.com/cockroachdb/pebble/v2/vfs"
)

// Disk is the file system of the operating system.
var Disk FS = disk{pvfs.Default}

type disk struct{ pvfs.FS }

// CreateNew implements FS.
func (disk) CreateNew(name string, mode fs.FileMode) (File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return nil, err
	}
	return &diskFile{f}, nil
}

// Lock implements FS.
func (d disk) Lock(name string) (io.Closer, error) {
	// Pebble would make a file that others can read, and whoever reads it can hold a lock that keeps us out.
	if f, err := d.CreateNew(name, 0o600); err == nil {
		_ = f.Close() // nothing was written
	}
	l, err := d.FS.Lock(name)
	if err != nil && isLocked(err) {
		return nil, fmt.Errorf("%s: %w", name, ErrLocked)
	}
	return l, err
}

// A diskFile adds what File has beyond *os.File.
type diskFile struct{ *os.File }

// SyncTo implements File by syncing everything, which is more than was asked for.
func (f *diskFile) SyncTo(int64) (fullSync bool, err error) { return true, f.SyncData() }

// Prefetch implements File; the operating system reads ahead by itself.
func (f *diskFile) Prefetch(int64, int64) error { return nil }

// Stat implements File.
func (f *diskFile) Stat() (FileInfo, error) {
	fi, err := f.File.Stat()
	if err != nil {
		return nil, err
	}
	return fileInfo{fi}, nil
}

// A fileInfo is a FileInfo of a file whose device nobody asks for.
type fileInfo struct{ fs.FileInfo }

// DeviceID implements FileInfo.
func (fileInfo) DeviceID() pvfs.DeviceID { return pvfs.DeviceID{} }
