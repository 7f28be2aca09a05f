package packblob_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/blob/packblob"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

func TestPutFault(t *testing.T) {
	for _, size := range []int{0, 100, 64<<10 + 1, 140 << 10} { // the last one has a pack of its own
		for _, warm := range []bool{true, false} {
			t.Run(fmt.Sprintf("%d,warm=%t", size, warm), func(t *testing.T) {
				faults(t, func(t *testing.T, mem *vfs.Mem, fsys *errfs.FS, fail func()) {
					e := open(t, fsys)
					var before []blob.ID
					if warm {
						before = mustPut(t, e, 1, 10, 5000)
					}
					fail()
					b := content(99, size)
					id, err := put(t.Context(), e, 1, b)
					wantInjected(t, "Put", err)
					fsys.SetHook(nil)
					// What the failure left must not be in the way of others.
					next := mustPut(t, e, 1, 10, 5000)
					left := open(t, mem.PowerLoss(0, 0))
					for _, e := range []*packblob.Engine{e, left} {
						for i, id := range append(before, next...) {
							wantBlob(t, e, id, uint64(i%2), []int{10, 5000}[i%2])
						}
						if err == nil {
							wantBlob(t, e, id, 99, size)
						}
						closeEngine(t, e)
					}
				})
			})
		}
	}
}

func TestOpenFault(t *testing.T) {
	for _, size := range []int{0, 100, 200_000, 1200 << 10} {
		full := vfs.NewMem()
		e := open(t, full)
		id := mustPut(t, e, 1, size)[0]
		closeEngine(t, e)
		faults(t, func(t *testing.T, _ *vfs.Mem, fsys *errfs.FS, fail func()) {
			fsys.FS = full // who only reads can share it
			e := open(t, fsys)
			fail()
			got, err := get(t.Context(), e, id, true)
			wantInjected(t, "read", err)
			if err == nil && len(got) != size || !bytes.HasPrefix(content(0, size), got) {
				t.Errorf("read %d bytes, %v; want all of %d, or an error after right ones", len(got), err, size)
			}
			fsys.SetHook(nil)
			wantBlob(t, e, id, 0, size)
			closeEngine(t, e)
		})
	}
}

func TestDeleteFault(t *testing.T) {
	sizes := []int{10, 140 << 10, 100_000, 100_000, 100_000, 5000} // a pack of its own, one that is full, and the current one
	for _, again := range []bool{false, true} {
		faults(t, func(t *testing.T, mem *vfs.Mem, fsys *errfs.FS, fail func()) {
			e := open(t, fsys)
			ids := mustPut(t, e, 1, sizes...)
			if again { // an engine that has not made the packs
				closeEngine(t, e)
				e = open(t, fsys)
			}
			stay := []blob.ID{ids[2], ids[5]}
			gone := slices.DeleteFunc(slices.Clone(ids), func(id blob.ID) bool { return slices.Contains(stay, id) })
			fail()
			err := e.Delete(t.Context(), alive(stay...), gone...)
			wantInjected(t, "Delete", err)
			fsys.SetHook(nil)
			if err != nil {
				err = e.Delete(t.Context(), alive(stay...), gone...)
			}
			if err != nil {
				t.Errorf("Delete again = %v; want nil", err)
			}
			left := open(t, mem.PowerLoss(0, 0))
			for _, e := range []*packblob.Engine{e, left} {
				for _, id := range gone {
					wantAbsent(t, e, id)
				}
				wantBlob(t, e, ids[2], 2, sizes[2])
				wantBlob(t, e, ids[5], 5, sizes[5])
				closeEngine(t, e)
			}
		})
	}
}

func TestCollectFault(t *testing.T) {
	sizes := []int{10, 140 << 10, 100_000, 100_000, 100_000, 5000}
	faults(t, func(t *testing.T, mem *vfs.Mem, fsys *errfs.FS, fail func()) {
		e := open(t, fsys)
		ids := mustPut(t, e, 1, sizes...)
		closeEngine(t, e)
		e = open(t, fsys)
		fail()
		_, err := e.Epochs(t.Context())
		wantInjected(t, "Epochs", err)
		_, err = e.Collect(t.Context(), 1, alive(ids[2], ids[5]), true)
		wantInjected(t, "dry Collect", err)
		_, err = e.Collect(t.Context(), 1, alive(ids[2], ids[5]), false)
		wantInjected(t, "Collect", err)
		fsys.SetHook(nil)
		if err != nil {
			_, err = e.Collect(t.Context(), 1, alive(ids[2], ids[5]), false)
		}
		if err != nil {
			t.Errorf("Collect again = %v; want nil", err)
		}
		left := open(t, mem.PowerLoss(0, 0))
		for _, e := range []*packblob.Engine{e, left} {
			for i, id := range ids {
				if i == 2 || i == 5 {
					wantBlob(t, e, id, uint64(i), sizes[i])
				} else {
					wantAbsent(t, e, id)
				}
			}
			closeEngine(t, e)
		}
	})
}

func TestEngineOpenAndCloseFault(t *testing.T) {
	faults(t, func(t *testing.T, mem *vfs.Mem, fsys *errfs.FS, fail func()) {
		fail()
		e, err := packblob.Open(fsys, root, small)
		wantInjected(t, "Open", err)
		if err == nil {
			id, err := put(t.Context(), e, 1, content(0, 10))
			wantInjected(t, "Put", err)
			wantInjected(t, "Close", e.Close())
			if err == nil {
				left := open(t, mem.PowerLoss(0, 0))
				wantBlob(t, left, id, 0, 10)
				closeEngine(t, left)
			}
		}
		fsys.SetHook(nil)
		e = open(t, fsys)
		id := mustPut(t, e, 2, 10)[0]
		left := open(t, mem.PowerLoss(0, 0))
		wantBlob(t, left, id, 0, 10)
		closeEngine(t, e)
		closeEngine(t, left)
	})
}

// TestFailedWriteSealsThePack fails one write. What the pack holds stays, and the next blob goes elsewhere.
func TestFailedWriteSealsThePack(t *testing.T) {
	for _, kind := range []string{"writeat", "syncdata"} {
		fsys := errfs.New(vfs.NewMem())
		e := open(t, fsys)
		a := mustPut(t, e, 1, 100)[0]
		fsys.SetHook(func(op errfs.Op) error {
			if op.Kind == kind {
				return errfs.ErrInjected
			}
			return nil
		})
		_, err := put(t.Context(), e, 1, content(1, 100))
		if !errors.Is(err, errfs.ErrInjected) || !strings.Contains(err.Error(), file(a)) {
			t.Errorf("Put with a failed %s = %v; want that error with the name of the pack", kind, err)
		}
		fsys.SetHook(nil)
		b := mustPut(t, e, 1, 100)[0]
		if file(a) == file(b) {
			t.Errorf("blob went to %s, where a %s has failed", file(a), kind)
		}
		wantBlob(t, e, a, 0, 100)
		wantBlob(t, e, b, 0, 100)
		closeEngine(t, e)
	}
}

// TestFailedPutsLeaveNoPacks fills a disk.
func TestFailedPutsLeaveNoPacks(t *testing.T) {
	full := errors.New("no space left")
	for _, kind := range []string{"writeat", "syncdata", "preallocate"} {
		fsys := errfs.New(vfs.NewMem())
		e := open(t, fsys)
		mustPut(t, e, 1, 100)
		fsys.SetHook(func(op errfs.Op) error {
			if op.Kind == kind {
				return full
			}
			return nil
		})
		for range 5 {
			for _, n := range []int{10, 100_000, 1 << 20} {
				id, err := put(t.Context(), e, 1, content(0, n))
				if kind == "preallocate" {
					if err != nil {
						t.Errorf("Put where room cannot be reserved = %v; want nil, since there may be some", err)
					}
					err = e.Delete(t.Context(), alive(), id)
				} else if !errors.Is(err, full) {
					t.Errorf("Put on a full disk = %v; want its error", err)
				}
				if err != nil && !errors.Is(err, full) {
					t.Error(err)
				}
			}
		}
		fsys.SetHook(nil)
		if got := packs(t, fsys); len(got) > 2 {
			t.Errorf("packs after failed Puts: %v; want the one from before", got)
		}
		closeEngine(t, e)
	}
}

// TestCallsOfPutAndGet is the price of a blob in a pack that is in use. More calls need a reason.
func TestCallsOfPutAndGet(t *testing.T) {
	fsys := errfs.New(vfs.NewMem())
	e := open(t, fsys)
	mustPut(t, e, 1, 10)
	var calls []string
	fsys.SetHook(func(op errfs.Op) error {
		calls = append(calls, op.Kind)
		return nil
	})
	want := func(what, want string) {
		t.Helper()
		if got := strings.Join(calls, " "); got != want {
			t.Errorf("calls of %s are %s; want %s", what, got, want)
		}
		calls = nil
	}
	ids := mustPut(t, e, 1, 64<<10)
	want("Put", "writeat syncdata")
	if _, err := get(t.Context(), e, ids[0], true); err != nil {
		t.Fatal(err)
	}
	want("a read", "view view")
	packblob.SetFlushStep(e, 1<<20)
	big := mustPut(t, e, 1, 256<<10)
	want("the Put of a large blob", "createpack preallocate writeat writeat writeat writeat writeat writeat syncdata opendir sync close")
	if err := e.Delete(t.Context(), alive(), ids...); err != nil {
		t.Fatal(err)
	}
	want("Delete", "view punchhole syncdata")
	if err := e.Delete(t.Context(), alive(), big...); err != nil {
		t.Fatal(err)
	}
	want("Delete of all of a pack", "close remove opendir sync close")
	closeEngine(t, e)
}
