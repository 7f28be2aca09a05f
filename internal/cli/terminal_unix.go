//go:build unix

package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// columns returns how wide a terminal is. It is false for what is no terminal, such as /dev/null.
func columns(f *os.File) (int, bool) {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, false
	}
	return int(size.Col), true
}
