package vfs

import (
	"errors"

	"golang.org/x/sys/windows"
)

// isLocked reports whether err of Pebble's Lock means that somebody holds the lock.
func isLocked(err error) bool { return errors.Is(err, windows.ERROR_SHARING_VIOLATION) }
