package cli

import (
	"os"

	"golang.org/x/sys/windows"
)

// columns returns how wide a terminal is. It is false for what is no terminal.
func columns(f *os.File) (int, bool) {
	var info windows.ConsoleScreenBufferInfo
	if err := windows.GetConsoleScreenBufferInfo(windows.Handle(f.Fd()), &info); err != nil {
		return 0, false
	}
	return int(info.Window.Right-info.Window.Left) + 1, true
}
