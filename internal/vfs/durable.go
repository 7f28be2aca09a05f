package vfs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// tempSuffix ends the name of a file that WriteFile has not finished.
const tempSuffix = ".tmp"

// WriteFile makes data the content of the named file. When it returns nil, that survives
// a power failure. When it fails, the file holds its former content or the new one, never a mixture, and which of
// them may be settled by a crash only. A new file has the mode from its first byte on.
//
// The order of its calls is the whole point: create NAME.tmp, write, sync, close, rename to NAME, sync
// the directory. Two calls for one name must not run at once.
func WriteFile(fsys FS, name string, data []byte, mode fs.FileMode) error {
	temp := name + tempSuffix
	f, err := createTemp(fsys, temp, mode)
	if err != nil {
		return err
	}
	if err := writeAndClose(f, data); err != nil {
		_ = fsys.Remove(temp) // a leftover does no harm: the next WriteFile replaces it
		return fmt.Errorf("write %s: %w", temp, err)
	}
	if err := fsys.Rename(temp, name); err != nil {
		_ = fsys.Remove(temp) // as above
		return err
	}
	return SyncDir(fsys, fsys.PathDir(name))
}

// createTemp creates a temporary file, in the place of one that a crash has left.
func createTemp(fsys FS, name string, mode fs.FileMode) (File, error) {
	f, err := fsys.CreateNew(name, mode)
	if !errors.Is(err, fs.ErrExist) {
		return f, err
	}
	if err := fsys.Remove(name); err != nil {
		return nil, err
	}
	return fsys.CreateNew(name, mode)
}

func writeAndClose(f File, data []byte) error {
	_, err := f.Write(bytes.Clone(data)) // Write may scribble, and data is the caller's
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// SyncDir makes the names in a directory durable: files and directories created, renamed and removed.
func SyncDir(fsys FS, dir string) error {
	d, err := fsys.OpenDir(dir)
	if err != nil {
		return err
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

// Mkdir makes a directory, if there is none, in one that exists. When it returns nil, the name of the
// directory survives a power failure, also if a process that was killed has made it and not synced it.
func Mkdir(fsys FS, dir string, mode fs.FileMode) error {
	fi, missing := fsys.Stat(dir)
	if missing == nil && !fi.IsDir() {
		return &fs.PathError{Op: "mkdir", Path: dir, Err: errors.New("not a directory")}
	}
	if err := fsys.MkdirAll(dir, mode); err != nil {
		return err
	}
	err := SyncDir(fsys, fsys.PathDir(dir))
	if missing == nil && errors.Is(err, fs.ErrPermission) {
		return nil // whoever may not read the parent has not made dir
	}
	return err
}

// MkdirAll makes a directory and all above it as Mkdir does.
func MkdirAll(fsys FS, dir string, mode fs.FileMode) error {
	parent := fsys.PathDir(dir)
	if parent == dir {
		return nil // the root, or the working directory
	}
	if err := MkdirAll(fsys, parent, mode); err != nil {
		return err
	}
	return Mkdir(fsys, dir, mode)
}

// IsFull reports whether a call has failed because the disk, or what a user may have of it, is full.
func IsFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }
