package packblob_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/blob/packblob"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

// copySizes make some packs.
var copySizes = []int{0, 1, 70_000, 5000, 140 << 10, 1200 << 10, 100_000, 100_000, 100}

func TestCopyHasAllThatLives(t *testing.T) {
	e := open(t, vfs.NewMem())
	one, two := mustPut(t, e, 1, copySizes...), mustPut(t, e, 2, copySizes...)
	live := alive(append(one[3:], two[:6]...)...)
	mem := vfs.NewCrashableMem()
	if err := e.CopyTo(t.Context(), mem, root, live); err != nil {
		t.Fatal(err)
	}
	left := open(t, mem.PowerLoss(0, 0))
	for i, n := range copySizes {
		if i >= 3 {
			wantBlob(t, left, one[i], uint64(i), n)
		} else {
			wantAbsent(t, left, one[i])
		}
		if i < 6 {
			wantBlob(t, left, two[i], uint64(i), n)
		} else {
			wantAbsent(t, left, two[i])
		}
	}
	for epoch := range uint32(3) {
		if n, err := left.Collect(t.Context(), epoch, live, true); err != nil || n != 0 {
			t.Errorf("Collect(%d) of the copy = %d, %v; want nothing to collect", epoch, n, err)
		}
	}
	back := vfs.NewMem()
	if err := left.CopyTo(t.Context(), back, root, live); err != nil {
		t.Fatal(err)
	}
	restored := open(t, back)
	wantBlob(t, restored, one[4], 4, copySizes[4])
	for _, e := range []*packblob.Engine{e, left, restored} {
		closeEngine(t, e)
	}
}

func TestCopyOfNothing(t *testing.T) {
	e := open(t, vfs.NewMem())
	to := vfs.NewMem()
	if err := e.CopyTo(t.Context(), to, root, alive()); err != nil {
		t.Errorf("CopyTo of nothing = %v; want nil", err)
	}
	if names, err := to.List(root); err != nil || len(names) != 0 {
		t.Errorf("copy of nothing has %v, %v; want an empty directory", names, err)
	}
	closeEngine(t, e)
}

func TestCopyFindsDamage(t *testing.T) {
	for _, damage := range []int64{0, 20, 32, 32 + 50_000, 32 + 100_000} {
		fsys := vfs.NewMem()
		e := open(t, fsys)
		ids := mustPut(t, e, 1, 10, 100_000)
		at := place(ids[1]) + damage
		overwrite(t, fsys, ids[1], at, []byte{bytesOf(t, fsys, ids[1])[at] ^ 1})
		err := e.CopyTo(t.Context(), vfs.NewMem(), root, alive(ids...))
		if !errors.Is(err, blob.ErrCorrupt) || !strings.Contains(err.Error(), ids[1].String()) {
			t.Errorf("CopyTo of a blob with damage at %d = %v; want ErrCorrupt with its id", damage, err)
		}
		closeEngine(t, e)
	}
}

func TestCopyOverwritesNothing(t *testing.T) {
	fsys, to := vfs.NewMem(), vfs.NewMem()
	e := open(t, fsys)
	ids := mustPut(t, e, 1, 10)
	for i := range 2 {
		err := e.CopyTo(t.Context(), to, root, alive(ids...))
		if i == 1 && !errors.Is(err, fs.ErrExist) || i == 0 && err != nil {
			t.Errorf("CopyTo number %d = %v; want nil, then ErrExist", i+1, err)
		}
	}
	missing := blob.ID{Epoch: 1, Seq: 7 << 28}
	if err := e.CopyTo(t.Context(), vfs.NewMem(), root, alive(missing)); !errors.Is(err, blob.ErrNotExist) || !strings.Contains(err.Error(), missing.String()) {
		t.Errorf("CopyTo of a blob that is not there = %v; want ErrNotExist with its id", err)
	}
	closeEngine(t, e)
}

func TestCopyFault(t *testing.T) {
	for _, source := range []bool{true, false} {
		faults(t, func(t *testing.T, mem *vfs.Mem, fsys *errfs.FS, fail func()) {
			from, to := vfs.FS(fsys), vfs.FS(mem)
			if !source {
				from, to = vfs.NewMem(), fsys
			}
			e := open(t, from)
			sizes := []int{0, 70_000, 140 << 10, 5000, 100_000, 100_000}
			ids := mustPut(t, e, 1, sizes...)
			dst := "copy"
			fail()
			err := e.CopyTo(t.Context(), to, dst, alive(ids...))
			wantInjected(t, "CopyTo", err)
			fsys.SetHook(nil)
			if err == nil {
				left, err := packblob.Open(mem.PowerLoss(0, 0), dst, small)
				if err != nil {
					t.Fatal(err)
				}
				for i, id := range ids {
					wantBlob(t, left, id, uint64(i), sizes[i])
				}
				closeEngine(t, left)
			}
			closeEngine(t, e)
		})
	}
}
