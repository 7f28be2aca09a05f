package vfs

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// SyncData implements Pack.
func (p *diskPack) SyncData() error { return p.call("fdatasync", unix.Fdatasync) }

// Preallocate implements Pack. It asks for the free space first: a file system that has less would take all of it,
// and others would find no room, before it says so.
func (p *diskPack) Preallocate(off, n int64) error {
	if err := checkRange("preallocate", p.file.Name(), off, n); err != nil || n == 0 {
		return err
	}
	err := p.call("preallocate", func(fd int) error {
		if err := wantFree(fd, n); err != nil {
			return err
		}
		return unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, off, n)
	})
	switch {
	case unsupported(err):
		return nil
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return errors.Join(err, p.cutBack())
	}
	return err
}

// wantFree returns ENOSPC if fewer than n bytes are free for users without privileges. A file system that does not
// tell has to see for itself.
func wantFree(fd int, n int64) error {
	var s unix.Statfs_t
	if err := unix.Fstatfs(fd, &s); err == nil && s.Frsize > 0 && s.Bavail < uint64(n)/uint64(s.Frsize) {
		return unix.ENOSPC
	}
	return nil
}

// PunchHole implements Pack. Not every file system gives back by a hole what lies beyond the end.
func (p *diskPack) PunchHole(off, n int64) error {
	if err := checkRange("punch hole", p.file.Name(), off, n); err != nil || n == 0 {
		return err
	}
	err := p.call("punch hole", func(fd int) error {
		return unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
	})
	if unsupported(err) {
		return ErrNoHoles
	}
	if err != nil {
		return err
	}
	if p.check("punch hole", off, n) != nil {
		return p.cutBack()
	}
	return nil
}

// cutBack gives back what was preallocated beyond the end of the file.
func (p *diskPack) cutBack() error {
	p.grow.Lock()
	defer p.grow.Unlock()
	return p.call("cut back", func(fd int) error {
		var s unix.Stat_t
		if err := unix.Fstat(fd, &s); err != nil {
			return err
		}
		return unix.Ftruncate(fd, s.Size)
	})
}

// unsupported reports whether err means that the file system has no such call.
func unsupported(err error) bool {
	return errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS)
}

// call makes a system call with the file, again if a signal comes. The file stays open meanwhile.
func (p *diskPack) call(op string, call func(fd int) error) error {
	conn, err := p.file.SyscallConn()
	if err != nil {
		return err
	}
	failed := error(unix.EINTR)
	if err := conn.Control(func(fd uintptr) {
		for errors.Is(failed, unix.EINTR) {
			failed = call(int(fd))
		}
	}); err != nil {
		failed = fs.ErrClosed // there is no other reason
	}
	if failed != nil {
		return &fs.PathError{Op: op, Path: p.file.Name(), Err: failed}
	}
	return nil
}
