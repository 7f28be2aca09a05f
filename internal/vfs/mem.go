package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"strings"
	"sync"

	pvfs "github.com/cockroachdb/pebble/v2/vfs"
)

// errIsDir is the error of whoever opens a directory as a file.
var errIsDir = errors.New("is a directory")

// Mem keeps files in memory. One made by [NewCrashableMem] knows what was synced
// and can lose the rest; one made by [NewMem] is faster. Each sync of a crashable file copies all of it.
//
// Names are separated by slashes on every system.
type Mem struct {
	*pvfs.MemFS
	crashable bool

	mu    sync.Mutex
	modes map[string]fs.FileMode // of files made by CreateNew; guarded by mu
	locks map[string]*memLock    // guarded by mu
	usage DiskUsage              // guarded by mu

	growth sync.Mutex // held while a file is made longer by a Pack
}

// NewMem returns an empty file system for tests and demonstrations that do not crash.
func NewMem() *Mem { return newMem(pvfs.NewMem(), false) }

// NewCrashableMem returns an empty file system that can lose what was not synced. Its files
// scribble on what they are given to write, as files may.
func NewCrashableMem() *Mem { return newMem(pvfs.NewCrashableMem(), true) }

func newMem(m *pvfs.MemFS, crashable bool) *Mem {
	return &Mem{
		MemFS:     m,
		crashable: crashable,
		modes:     make(map[string]fs.FileMode),
		locks:     make(map[string]*memLock),
		usage:     DiskUsage{AvailBytes: 1 << 40, TotalBytes: 1 << 40},
	}
}

// SetFree makes GetDiskUsage say that so many bytes are free. Writes succeed all the same, but a Pack does not
// preallocate more than that. It is 1 TiB of 1 TiB at the beginning.
func (m *Mem) SetFree(avail, total uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.usage = DiskUsage{AvailBytes: avail, TotalBytes: total, UsedBytes: total - min(avail, total)}
}

// GetDiskUsage implements FS.
func (m *Mem) GetDiskUsage(string) (DiskUsage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.usage, nil
}

// PowerLoss returns what the disk holds if power is lost now. Synced bytes and names
// are there. Each block and each name that is not synced is there with a chance of
// percent in 100, drawn from a generator with the seed: bytes of one write may be there in part.
// A name that was removed and not synced is back. m itself goes on, as if nothing had happened;
// m must be crashable.
func (m *Mem) PowerLoss(percent int, seed uint64) *Mem {
	cfg := pvfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(seed, 0))}
	m.mu.Lock()
	defer m.mu.Unlock()
	left := newMem(m.CrashClone(cfg), true)
	maps.Copy(left.modes, m.modes)
	left.usage = m.usage
	return left
}

// Kill does what the death of the process does to the file system: locks are
// gone, bytes and names stay, synced or not.
func (m *Mem) Kill() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.locks)
}

// CreateNew implements FS.
func (m *Mem) CreateNew(name string, mode fs.FileMode) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.MemFS.Stat(name); err == nil {
		return nil, &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	}
	f, err := m.MemFS.Create(name, pvfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, err
	}
	m.modes[clean(name)] = mode.Perm()
	return m.file(name, f), nil
}

// Create implements FS.
func (m *Mem) Create(name string, c Category) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, err := m.MemFS.Create(name, c)
	if err != nil {
		return nil, err
	}
	delete(m.modes, clean(name))
	return m.file(name, f), nil
}

// OpenReadWrite implements FS.
func (m *Mem) OpenReadWrite(name string, c Category, opts ...OpenOption) (File, error) {
	return m.opened(name)(m.MemFS.OpenReadWrite(name, c, opts...))
}

// ReuseForWrite implements FS.
func (m *Mem) ReuseForWrite(oldname, newname string, c Category) (File, error) {
	f, err := m.opened(newname)(m.MemFS.ReuseForWrite(oldname, newname, c))
	if err == nil {
		m.copyMode(oldname, newname)
	}
	return f, err
}

// Open implements FS.
func (m *Mem) Open(name string, opts ...OpenOption) (File, error) {
	return m.opened(name)(m.MemFS.Open(name, opts...))
}

// OpenDir implements FS.
func (m *Mem) OpenDir(name string) (File, error) { return m.opened(name)(m.MemFS.OpenDir(name)) }

// Rename implements FS.
func (m *Mem) Rename(oldname, newname string) error {
	if err := m.MemFS.Rename(oldname, newname); err != nil {
		return err
	}
	m.copyMode(oldname, newname)
	return nil
}

// Stat implements FS.
func (m *Mem) Stat(name string) (FileInfo, error) {
	fi, err := m.MemFS.Stat(name)
	if err != nil {
		return nil, err
	}
	return memInfo{fi, m.mode(name)}, nil
}

// Lock implements FS. A lock that Kill has broken can be closed without harm.
func (m *Mem) Lock(name string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locks[clean(name)] != nil {
		return nil, fmt.Errorf("%s: %w", name, ErrLocked)
	}
	f, err := m.MemFS.Create(name, pvfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, err
	}
	l := &memLock{m: m, name: clean(name), file: f}
	m.locks[l.name] = l
	return l, nil
}

// Unwrap implements FS.
func (*Mem) Unwrap() pvfs.FS { return nil }

// opened returns a function that turns an open file of the MemFS into one of m.
func (m *Mem) opened(name string) func(File, error) (File, error) {
	return func(f File, err error) (File, error) {
		if err != nil {
			return nil, err
		}
		return m.file(name, f), nil
	}
}

func (m *Mem) file(name string, f File) File { return &memFile{File: f, m: m, name: name} }

// mode returns the permissions of a file.
func (m *Mem) mode(name string) fs.FileMode {
	m.mu.Lock()
	defer m.mu.Unlock()
	if mode, ok := m.modes[clean(name)]; ok {
		return mode
	}
	return 0o644
}

// copyMode gives newname the mode of oldname. A name that is gone keeps its mode, since a loss of
// power may bring it back.
func (m *Mem) copyMode(oldname, newname string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if mode, ok := m.modes[clean(oldname)]; ok {
		m.modes[clean(newname)] = mode
	} else {
		delete(m.modes, clean(newname))
	}
}

// clean returns the one spelling of a name; MemFS starts every name at its root.
func clean(name string) string { return path.Clean("/" + strings.TrimLeft(name, "/")) }

type memLock struct {
	m    *Mem
	name string
	file File
}

// Close releases the lock.
func (l *memLock) Close() error {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	if l.m.locks[l.name] == l {
		delete(l.m.locks, l.name)
	}
	return l.file.Close()
}

type memFile struct {
	File
	m    *Mem
	name string
}

// Write implements File and makes use of its right to scribble.
func (f *memFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	f.m.scribble(p)
	return n, err
}

// scribble overwrites b if m is crashable, so that tests notice who breaks the rules.
func (m *Mem) scribble(b []byte) {
	if !m.crashable || len(b) == 0 {
		return
	}
	b[0] = 0xdb
	for n := 1; n < len(b); n *= 2 {
		copy(b[n:], b[:n])
	}
}

// Stat implements File.
func (f *memFile) Stat() (FileInfo, error) {
	fi, err := f.File.Stat()
	if err != nil {
		return nil, err
	}
	return memInfo{fi, f.m.mode(f.name)}, nil
}

// A memInfo tells the mode that MemFS does not keep.
type memInfo struct {
	FileInfo
	perm fs.FileMode
}

// Mode implements fs.FileInfo.
func (i memInfo) Mode() fs.FileMode {
	if i.IsDir() {
		return fs.ModeDir | 0o755
	}
	return i.perm
}
