package errfs

import (
	"errors"
	"io/fs"

	"github.com/oisproject/ois/internal/vfs"
)

// CreatePack implements vfs.FS.
func (f *FS) CreatePack(name string, mode fs.FileMode) (vfs.Pack, error) {
	return f.pack("createpack", name, func() (vfs.Pack, error) { return f.FS.CreatePack(name, mode) })
}

// OpenPack implements vfs.FS.
func (f *FS) OpenPack(name string) (vfs.Pack, error) {
	return f.pack("openpack", name, func() (vfs.Pack, error) { return f.FS.OpenPack(name) })
}

// pack takes a step and wraps the pack that open returns.
func (f *FS) pack(kind, path string, open func() (vfs.Pack, error)) (vfs.Pack, error) {
	if err := f.step(kind, path); err != nil {
		return nil, err
	}
	under, err := open()
	if err != nil {
		return nil, err
	}
	f.files.Add(1)
	return &pack{under: under, fs: f, path: path}, nil
}

// A pack is an open pack whose calls are counted too.
type pack struct {
	under vfs.Pack
	fs    *FS
	path  string
}

// Close implements vfs.Pack. It closes also when it fails, as close does on Linux.
func (p *pack) Close() error {
	p.fs.files.Add(-1)
	return errors.Join(p.fs.step("close", p.path), p.under.Close())
}

// WriteAt implements vfs.Pack.
func (p *pack) WriteAt(b []byte, off int64) (int, error) {
	if err := p.fs.step("writeat", p.path); err != nil {
		return half(err, b, func(b []byte) (int, error) { return p.under.WriteAt(b, off) }), err
	}
	return p.under.WriteAt(b, off)
}

// SyncData implements vfs.Pack.
func (p *pack) SyncData() error {
	if err := p.fs.step("syncdata", p.path); err != nil {
		return err
	}
	return p.under.SyncData()
}

// Preallocate implements vfs.Pack.
func (p *pack) Preallocate(off, n int64) error {
	if err := p.fs.step("preallocate", p.path); err != nil {
		return err
	}
	return p.under.Preallocate(off, n)
}

// PunchHole implements vfs.Pack.
func (p *pack) PunchHole(off, n int64) error {
	if err := p.fs.step("punchhole", p.path); err != nil {
		return err
	}
	return p.under.PunchHole(off, n)
}

// Size implements vfs.Pack.
func (p *pack) Size() (int64, error) {
	if err := p.fs.step("size", p.path); err != nil {
		return 0, err
	}
	return p.under.Size()
}

// View implements vfs.Pack.
func (p *pack) View(off, n int64, use func([]byte) error) error {
	if err := p.fs.step("view", p.path); err != nil {
		return err
	}
	return p.under.View(off, n, use)
}
