// Package vfs is the only door to the disk. No other package of the server
// opens, writes, syncs or removes a file, so every failure and every loss of power
// can be staged in a test.
//
// FS is Pebble's vfs.FS and what it lacks. [Disk] is the real disk, [Mem] keeps files in memory
// and can lose what was not synced, package errfs fails or stalls single calls of either.
//
// Two rules come with the interface. At most one Write or Sync runs at a time
// for each file. And Write may scribble on the slice it is given: hash
// bytes before they are written, and write nothing that is still needed.
//
// A [Pack] is the exception to both: a file that many goroutines write, sync and read at once. Its rules are with
// its methods. For the name of a new Pack, [SyncDir] is needed as for that of any file.
package vfs

import (
	"errors"
	"io"
	"io/fs"

	pvfs "github.com/cockroachdb/pebble/v2/vfs"
)

// ErrLocked is matched by the error of FS.Lock when another process, or this one,
// holds the lock.
var ErrLocked = errors.New("locked by another process")

// The names of Pebble's package that our code and its tests need.
type (
	// A File is an open file or directory.
	File = pvfs.File
	// A FileInfo describes a file.
	FileInfo = pvfs.FileInfo
	// A Category names who writes, for accounting.
	Category = pvfs.DiskWriteCategory
	// An OpenOption gives advice about a file when it is opened.
	OpenOption = pvfs.OpenOption
	// DiskUsage tells the space of a file system.
	DiskUsage = pvfs.DiskUsage
)

// FS is a tree of files. It is safe for concurrent use. A missing file is an error matching fs.ErrNotExist.
type FS interface {
	pvfs.FS

	// CreateNew creates a file for reading and writing, with the mode from its first moment on.
	// It returns an error matching fs.ErrExist if there is one of that name.
	CreateNew(name string, mode fs.FileMode) (File, error)

	// CreatePack creates a file as CreateNew does, to be used as a Pack.
	CreatePack(name string, mode fs.FileMode) (Pack, error)

	// OpenPack opens a file that is there as a Pack, for reading and writing.
	OpenPack(name string) (Pack, error)
}

// ReadFile returns what a file holds. It returns an error if that is more than limit
// bytes: a file of ours that has grown without reason is not read into memory.
func ReadFile(fsys FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("file is too long")}
	}
	return b, nil
}
