package vfs

import "golang.org/x/sys/unix"

// SyncData implements File: data and size, without times.
func (f *diskFile) SyncData() error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return err
		}
	}
}

// Preallocate implements File. The size of the file stays as it is.
func (f *diskFile) Preallocate(off, n int64) error {
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, off, n)
}
