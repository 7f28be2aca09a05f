//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package transfer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// lockFile locks a file, which it makes, until it is closed or the process ends.
func lockFile(name string) (io.Closer, error) {
	for {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			_ = f.Close() // nothing was written
			if errors.Is(err, syscall.EWOULDBLOCK) {
				err = errLocked
			}
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if isAt(f, name) {
			return &lock{f}, nil
		}
		_ = f.Close() // somebody has removed it in between
	}
}

// isAt reports whether f is the file of that name.
func isAt(f *os.File, name string) bool {
	ours, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(name)
	return err == nil && os.SameFile(ours, there)
}

type lock struct{ f *os.File }

// Close removes the file while it is still locked.
func (l *lock) Close() error {
	return errors.Join(os.Remove(l.f.Name()), l.f.Close())
}
