package admin

import (
	"fmt"
	"os"
	"path/filepath"
)

// throughDir names a socket by the open directory it lies in, which is short however long
// the name of the directory is.
func throughDir(socket string, use func(name string) error) error {
	dir, err := os.Open(filepath.Dir(socket))
	if err != nil {
		return err
	}
	defer dir.Close()
	name := fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(socket))
	if len(name) > maxSocketName {
		return &nameError{len(socket)}
	}
	return use(name)
}
