//go:build !darwin && !dragonfly && !freebsd && !illumos && !linux && !netbsd && !openbsd && !windows

package transfer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// lockFile makes a file that must not be there. A process that is killed leaves it behind,
// for the user to remove.
func lockFile(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s: %w, or was killed; remove the file then", name, errLocked)
	} else if err != nil {
		return nil, err
	}
	return &lock{f}, nil
}

type lock struct{ f *os.File }

// Close removes the file.
func (l *lock) Close() error { return errors.Join(l.f.Close(), os.Remove(l.f.Name())) }
