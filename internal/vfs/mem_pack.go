package vfs

import (
	"io"
	"io/fs"
	"sync"
	"syscall"

	pvfs "github.com/cockroachdb/pebble/v2/vfs"
)

// CreatePack implements FS.
func (m *Mem) CreatePack(name string, mode fs.FileMode) (Pack, error) {
	f, err := m.CreateNew(name, mode)
	if err != nil {
		return nil, err
	}
	return m.pack(name, f)
}

// OpenPack implements FS.
func (m *Mem) OpenPack(name string) (Pack, error) {
	f, err := m.openExisting(name)
	if err != nil {
		return nil, err
	}
	return m.pack(name, f)
}

// openExisting opens a file for reading and writing, and makes none if it is missing.
func (m *Mem) openExisting(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	fi, err := m.MemFS.Stat(name)
	if err != nil {
		return nil, err
	}
	if fi.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errIsDir}
	}
	return m.MemFS.OpenReadWrite(name, pvfs.WriteCategoryUnspecified)
}

// pack makes a Pack of an open file.
func (m *Mem) pack(name string, f File) (Pack, error) {
	end, err := m.openExisting(name)
	if err != nil {
		_ = f.Close() // it was not written
		return nil, err
	}
	return &memPack{m: m, name: name, file: f, end: end}, nil
}

// A memPack is a Pack in memory.
type memPack struct {
	m    *Mem
	name string

	mu   sync.RWMutex // held for reading by calls, so that Close waits for them
	file File         // nil if closed; guarded by mu
	end  File         // the same file, to append; guarded by m.growth
}

// with calls do with the file, which stays open meanwhile.
func (p *memPack) with(op string, do func(File) error) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.file == nil {
		return &fs.PathError{Op: op, Path: p.name, Err: fs.ErrClosed}
	}
	return do(p.file)
}

// Close implements Pack.
func (p *memPack) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file == nil {
		return &fs.PathError{Op: "close", Path: p.name, Err: fs.ErrClosed}
	}
	_, _ = p.file.Close(), p.end.Close()
	p.file = nil
	return nil
}

// WriteAt implements Pack.
func (p *memPack) WriteAt(b []byte, off int64) (n int, err error) {
	if err := checkRange("write", p.name, off, int64(len(b))); err != nil {
		return 0, err
	}
	err = p.with("write", func(f File) error {
		if err := p.growTo(off + int64(len(b))); err != nil {
			return err
		}
		n, err = f.WriteAt(b, off)
		return err
	})
	return n, err
}

// growTo appends zeros until the file has n bytes, because WriteAt of a MemFS would append them one by one.
func (p *memPack) growTo(n int64) error {
	p.m.growth.Lock()
	defer p.m.growth.Unlock()
	fi, err := p.end.Stat()
	if err != nil || n <= fi.Size() {
		return err
	}
	if _, err := io.Copy(io.Discard, p.end); err != nil { // to the end, which may be farther than we have brought it
		return err
	}
	_, err = p.end.Write(make([]byte, n-fi.Size()))
	return err
}

// SyncData implements Pack.
func (p *memPack) SyncData() error { return p.with("sync", File.Sync) }

// Preallocate implements Pack: it fails if so much is not free.
func (p *memPack) Preallocate(off, n int64) error {
	if err := checkRange("preallocate", p.name, off, n); err != nil {
		return err
	}
	return p.with("preallocate", func(File) error {
		if u, err := p.m.GetDiskUsage(p.name); err == nil && uint64(n) > u.AvailBytes {
			return &fs.PathError{Op: "preallocate", Path: p.name, Err: syscall.ENOSPC}
		}
		return nil
	})
}

// PunchHole implements Pack: it writes zeros, which are not synced.
func (p *memPack) PunchHole(off, n int64) error {
	if err := checkRange("punch hole", p.name, off, n); err != nil {
		return err
	}
	return p.with("punch hole", func(f File) error {
		fi, err := f.Stat()
		if err != nil || off >= fi.Size() {
			return err
		}
		_, err = f.WriteAt(make([]byte, min(n, fi.Size()-off)), off)
		return err
	})
}

// Size implements Pack.
func (p *memPack) Size() (size int64, err error) {
	err = p.with("stat", func(f File) error {
		fi, err := f.Stat()
		if err == nil {
			size = fi.Size()
		}
		return err
	})
	return size, err
}

// check returns an error if the file has not n bytes from off.
func (p *memPack) check(off, n int64) error {
	if err := checkRange("view", p.name, off, n); err != nil {
		return err
	}
	size, err := p.Size()
	if err == nil && !inside(off, n, size) {
		err = outside("view", p.name, off, n)
	}
	return err
}

// View implements Pack. The bytes of a crashable file are gone afterwards.
func (p *memPack) View(off, n int64, use func([]byte) error) error {
	if err := p.check(off, n); err != nil {
		return err
	}
	return viewCopy(p, p.name, off, n, func(b []byte) error {
		defer p.m.scribble(b)
		return use(b)
	})
}

// ReadAt implements io.ReaderAt.
func (p *memPack) ReadAt(b []byte, off int64) (n int, err error) {
	err = p.with("read", func(f File) error {
		n, err = f.ReadAt(b, off)
		return err
	})
	return n, err
}
