package datadir

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/oisproject/ois/internal/vfs"
)

const (
	maxBallast   = 64 << 20 // bytes
	minBallast   = 8 << 20  // bytes: what it takes to open the metadata
	ballastShare = 100      // the part of a file system, between these

	maxMemTable = 16 << 20 // bytes
)

func ballastSize(total int64) int64 { return min(maxBallast, max(minBallast, total/ballastShare)) }

// memTable returns how many bytes of changes are gathered before they become a table. The ballast has room for two.
func memTable(ballast int64) int64 {
	if ballast == 0 {
		return maxMemTable
	}
	return min(maxMemTable, ballast/2)
}

// A ballast is a file that only takes room. When something else has filled the disk it is given up, so
// that the metadata can still be opened, and objects can be deleted.
type ballast struct {
	fs   vfs.FS
	name string
	size int64 // 0 if there is to be none
	held bool
}

// missing reports whether the ballast was given up, or could not be made yet.
func (b *ballast) missing() bool { return b.size > 0 && !b.held }

// find looks whether there is a file from another time.
func (b *ballast) find() {
	_, err := b.fs.Stat(b.name)
	b.held = err == nil
}

// make makes the file, or gives it its room again: a copy from a backup has none. That need not survive a
// crash, since the next start does it again.
func (b *ballast) make() error {
	p, err := b.fs.OpenPack(b.name)
	if errors.Is(err, fs.ErrNotExist) {
		p, err = b.fs.CreatePack(b.name, 0o600)
	}
	if err != nil {
		return err
	}
	if err := errors.Join(p.Preallocate(0, b.size), p.Close()); err != nil {
		return errors.Join(err, b.drop())
	}
	b.held = true
	return nil
}

// drop removes the file, if there is one. When it returns, the room can be used.
func (b *ballast) drop() error {
	b.held = false
	if err := b.fs.Remove(b.name); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return vfs.SyncDir(b.fs, b.fs.PathDir(b.name))
}

// A metaFS is the file system for the metadata, for which the ballast is given up when the disk is full.
type metaFS struct {
	vfs.FS
	space *space
}

// Create implements vfs.FS.
func (m metaFS) Create(name string, c vfs.Category) (vfs.File, error) {
	canWait := strings.HasPrefix(string(c), "pebble-compaction") || strings.HasPrefix(string(c), "pebble-blob")
	f, err := m.FS.Create(name, c)
	if err != nil && !canWait && m.space.makeRoom() {
		f, err = m.FS.Create(name, c)
	}
	return m.file(f, err, canWait)
}

// OpenReadWrite implements vfs.FS.
func (m metaFS) OpenReadWrite(name string, c vfs.Category, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := m.FS.OpenReadWrite(name, c, opts...)
	return m.file(f, err, false)
}

// ReuseForWrite implements vfs.FS.
func (m metaFS) ReuseForWrite(oldname, newname string, c vfs.Category) (vfs.File, error) {
	f, err := m.FS.ReuseForWrite(oldname, newname, c)
	return m.file(f, err, false)
}

func (m metaFS) file(f vfs.File, err error, canWait bool) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &metaFile{File: f, space: m.space, canWait: canWait}, nil
}

// A metaFile is a file that is written to.
type metaFile struct {
	vfs.File
	space   *space
	canWait bool // it is made by a compaction, which is tried again
}

// Write implements vfs.File. What a full disk has not taken is written when there is room.
func (f *metaFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	if err != nil && !f.canWait && f.space.makeRoom() {
		var more int
		more, err = f.File.Write(p[n:])
		n += more
	}
	return n, err
}

// Preallocate implements vfs.File. It is a hint, which is not taken when the room is needed for something else.
func (f *metaFile) Preallocate(off, n int64) error {
	if !f.space.spares(n) {
		return nil
	}
	return f.File.Preallocate(off, n)
}
