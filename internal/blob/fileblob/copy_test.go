package fileblob_test

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/blob/fileblob"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

// copyIDs are blobs of several directories, with their sizes.
var copyIDs = map[blob.ID]int{id(1, 1): 0, id(1, 2): 70_000, id(1, 5000): 100, id(2, 1): 200_000}

func putAll(t *testing.T, fsys vfs.FS) (ids []blob.ID) {
	t.Helper()
	for id, n := range copyIDs {
		put(t, fsys, id, content(id, n))
		ids = append(ids, id)
	}
	return ids
}

func TestCopyHasAllThatLives(t *testing.T) {
	fsys, to := vfs.NewMem(), vfs.NewCrashableMem()
	ids := putAll(t, fsys)
	put(t, fsys, id(1, 3), []byte("dead"))
	e := open(t, fsys)
	if err := e.CopyTo(t.Context(), to, root, alive(ids...)); err != nil {
		t.Fatal(err)
	}
	left := open(t, to.PowerLoss(0, 0))
	for id, n := range copyIDs {
		if b, err := get(t.Context(), left, id, true); err != nil || !bytes.Equal(b, content(id, n)) {
			t.Errorf("copy of %s: %d bytes, %v; want %d", id, len(b), err, n)
		}
	}
	if _, err := left.Open(t.Context(), id(1, 3), 0, -1); !errors.Is(err, blob.ErrNotExist) {
		t.Errorf("copy of a dead blob: %v; want ErrNotExist", err)
	}
	if err := e.CopyTo(t.Context(), to, root, alive(ids...)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("CopyTo for the second time = %v; want ErrExist", err)
	}
	if err := e.CopyTo(t.Context(), to, "nothing", alive()); err != nil {
		t.Errorf("CopyTo of nothing = %v; want nil", err)
	}
	if _, err := to.Stat("nothing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat of a copy of nothing = %v; want that there is none", err)
	}
}

func TestCopyFindsDamage(t *testing.T) {
	fsys := vfs.NewMem()
	b := fileblob.Encode(id(1, 1), content(id(1, 1), 100_000))
	b[80_000] ^= 1
	overwrite(t, fsys, id(1, 1), b)
	e := open(t, fsys)
	if err := e.CopyTo(t.Context(), vfs.NewMem(), root, alive(id(1, 1))); !errors.Is(err, blob.ErrCorrupt) {
		t.Errorf("CopyTo of a damaged blob = %v; want ErrCorrupt", err)
	}
	if err := e.CopyTo(t.Context(), vfs.NewMem(), root, alive(id(1, 2))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("CopyTo of what is not there = %v; want ErrNotExist", err)
	}
}

func TestCopyFault(t *testing.T) {
	for n, done := int64(1), false; !done; n++ {
		mem := vfs.NewMem()
		ids := putAll(t, mem)
		to := vfs.NewCrashableMem()
		fsys := errfs.New(to)
		fsys.SetHook(errfs.FailAt(n, false))
		err := open(t, mem).CopyTo(t.Context(), fsys, root, alive(ids...))
		done = fsys.Calls() < n
		if fsys.OpenFiles() != 0 {
			t.Errorf("call %d fails: %d files are left open", n, fsys.OpenFiles())
		}
		if err != nil {
			if !errors.Is(err, errfs.ErrInjected) {
				t.Errorf("call %d fails: CopyTo = %v; want the error of the call", n, err)
			}
			continue
		}
		left := open(t, to.PowerLoss(0, 0))
		for id, n := range copyIDs {
			if b, err := get(t.Context(), left, id, true); err != nil || len(b) != n {
				t.Errorf("call %d failed, CopyTo = nil, and %s has %d bytes, %v; want %d", n, id, len(b), err, n)
			}
		}
	}
}
