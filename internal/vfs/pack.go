package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
)

// ErrNoHoles is returned by Pack.PunchHole where the file system cannot give back a part of a file. Nothing
// was changed.
var ErrNoHoles = errors.New("file system cannot punch holes")

// A Pack is a file that many goroutines write to and read from at once. The rule of one Write at a
// time does not hold for it: WriteAt may run at the same time for ranges that do not overlap, also
// with SyncData, and does not scribble. What was written before SyncData is called is durable when it returns nil.
//
// A Pack that is written to is the only one of its file.
type Pack interface {
	io.Closer
	io.WriterAt

	// SyncData makes data, holes and length of the file durable.
	SyncData() error

	// Preallocate reserves n bytes of the disk from off, without a change of the length. It is a hint where that cannot be done; an
	// error means that there is no room, and then all that was preallocated beyond the end may be lost.
	Preallocate(off, n int64) error

	// PunchHole gives back n bytes from off, which then read as zeros; the length of the file stays. Whole pages come back to
	// the file system. It may reach beyond the end of the file, where it gives back what was preallocated, and maybe more of it
	// than was asked for.
	PunchHole(off, n int64) error

	// Size returns the length of the file in bytes.
	Size() (int64, error)

	// View calls use with n bytes from off, which are valid only during the call and not to be changed. A range that
	// is not in the file is io.ErrUnexpectedEOF, and a disk that fails to read is an error of its own; use is not called then.
	//
	// A view takes n bytes of memory as long as it lasts. 64 KiB are enough for the full speed.
	View(off, n int64, use func([]byte) error) error
}

// inside reports whether n bytes from off are in a file of size bytes.
func inside(off, n, size int64) bool { return off >= 0 && n >= 0 && off <= size && n <= size-off }

// outside is the error for a range that is not in a file.
func outside(op, name string, off, n int64) error {
	return &fs.PathError{Op: op, Path: name, Err: fmt.Errorf("%d bytes from %d: %w", n, off, io.ErrUnexpectedEOF)}
}

// checkRange returns an error if no file can have n bytes from off.
func checkRange(op, name string, off, n int64) error {
	if inside(off, n, math.MaxInt64) {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: fmt.Errorf("%d bytes from %d: %w", n, off, fs.ErrInvalid)}
}
