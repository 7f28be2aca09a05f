//go:build unix

package vfs

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
)

// isLocked reports whether err of Pebble's Lock means that somebody holds the lock. A lock
// of this process has no error value of its own there.
func isLocked(err error) bool {
	if _, unopened := errors.AsType[*fs.PathError](err); unopened {
		return false // the file could not be opened, so the lock was not asked for
	}
	return errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) ||
		strings.Contains(err.Error(), "lock held by current process")
}
