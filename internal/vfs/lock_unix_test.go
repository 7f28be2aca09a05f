//go:build unix

package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"
)

func TestFileThatCannotBeOpenedIsNotLocked(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{syscall.EAGAIN, true},
		{syscall.EACCES, true}, // some systems say this of a lock that is held
		{errors.New("lock held by current process"), true},
		{syscall.ENOLCK, false},
		{&fs.PathError{Op: "open", Path: "LOCK", Err: syscall.EACCES}, false},
		{&fs.PathError{Op: "open", Path: "LOCK", Err: syscall.EROFS}, false},
		{fmt.Errorf("lock: %w", &fs.PathError{Op: "open", Path: "LOCK", Err: syscall.EACCES}), false},
	} {
		if got := isLocked(c.err); got != c.want {
			t.Errorf("isLocked(%#v) = %v; want %v", c.err, got, c.want)
		}
	}
}
