package transfer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// lockFile opens a file, which it makes, that nobody else can open until it is closed or
// the process ends.
func lockFile(name string) (io.Closer, error) {
	const sharingViolation = syscall.Errno(32)
	path, err := syscall.UTF16PtrFromString(name)
	if err != nil {
		return nil, err
	}
	h, err := syscall.CreateFile(path, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, sharingViolation) {
		err = errLocked
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &lock{os.NewFile(uintptr(h), name)}, nil
}

type lock struct{ f *os.File }

// Close removes the file, unless somebody else has it already.
func (l *lock) Close() error {
	err := l.f.Close()
	_ = os.Remove(l.f.Name()) // as above
	return err
}
