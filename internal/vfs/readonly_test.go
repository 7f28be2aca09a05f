package vfs_test

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/vfs"
)

func TestReadOnlyChangesNothing(t *testing.T) {
	for name, under := range map[string]vfs.FS{"memory": vfs.NewMem(), "disk": vfs.Disk} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.ToSlash(t.TempDir())
			file := dir + "/file"
			if err := errors.Join(under.MkdirAll(dir, 0o700), vfs.WriteFile(under, file, []byte("hello"), 0o600)); err != nil {
				t.Fatal(err)
			}
			fsys := vfs.ReadOnly(under)
			for call, do := range map[string]func() error{
				"Create":        func() error { _, err := fsys.Create(file, "test"); return err },
				"CreateNew":     func() error { _, err := fsys.CreateNew(dir+"/new", 0o600); return err },
				"CreatePack":    func() error { _, err := fsys.CreatePack(dir+"/new", 0o600); return err },
				"OpenReadWrite": func() error { _, err := fsys.OpenReadWrite(file, "test"); return err },
				"ReuseForWrite": func() error { _, err := fsys.ReuseForWrite(file, dir+"/new", "test"); return err },
				"Link":          func() error { return fsys.Link(file, dir+"/new") },
				"Rename":        func() error { return fsys.Rename(file, dir+"/new") },
				"Remove":        func() error { return fsys.Remove(file) },
				"RemoveAll":     func() error { return fsys.RemoveAll(dir) },
				"Lock":          func() error { _, err := fsys.Lock(dir + "/new"); return err },
				"MkdirAll":      func() error { return fsys.MkdirAll(dir+"/new", 0o700) },
				"MkdirAll file": func() error { return fsys.MkdirAll(file, 0o700) },
			} {
				if err := do(); err == nil {
					t.Errorf("%s = nil; want an error", call)
				}
			}
			if err := errors.Join(fsys.MkdirAll(dir, 0o700), vfs.SyncDir(fsys, dir)); err != nil {
				t.Errorf("MkdirAll of what is there, and its sync = %v; want nil", err)
			}
			if text, err := vfs.ReadFile(fsys, file, 10); err != nil || string(text) != "hello" {
				t.Errorf("ReadFile = %q, %v; want hello", text, err)
			}
			if names, err := under.List(dir); err != nil || len(names) != 1 {
				t.Errorf("there are %q, %v; want one file", names, err)
			}
			readOnlyFile(t, fsys, file)
			readOnlyPack(t, fsys, file)
		})
	}
}

func readOnlyFile(t *testing.T, fsys vfs.FS, name string) {
	t.Helper()
	f, err := fsys.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	_, write := f.Write([]byte("x"))
	_, writeAt := f.WriteAt([]byte("x"), 0)
	if write == nil || writeAt == nil || f.Preallocate(0, 10) == nil {
		t.Error("a file can be written; want errors")
	}
	_, syncTo := f.SyncTo(1)
	if err := errors.Join(f.Sync(), f.SyncData(), syncTo, f.Close()); err != nil {
		t.Errorf("syncs and Close = %v; want nil", err)
	}
}

func readOnlyPack(t *testing.T, fsys vfs.FS, name string) {
	t.Helper()
	p, err := fsys.OpenPack(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.WriteAt([]byte("x"), 0); err == nil || p.Preallocate(0, 10) == nil || p.PunchHole(0, 1) == nil {
		t.Error("a pack can be written; want errors")
	}
	var all bytes.Buffer
	view := p.View(1, 3, func(b []byte) error { _, err := all.Write(b); return err })
	if size, err := p.Size(); errors.Join(view, err) != nil || size != 5 || all.String() != "ell" {
		t.Errorf("Size = %d, View %q, %v; want 5 and ell", size, &all, errors.Join(view, err))
	}
	if err := p.View(3, 3, func([]byte) error { return nil }); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("View beyond the end = %v; want ErrUnexpectedEOF", err)
	}
	if err := errors.Join(p.SyncData(), p.Close()); err != nil {
		t.Errorf("SyncData and Close = %v; want nil", err)
	}
	if _, err := fsys.OpenPack(name + "no"); err == nil || !strings.Contains(err.Error(), "no") {
		t.Errorf("OpenPack of what is not there = %v; want an error", err)
	}
}
