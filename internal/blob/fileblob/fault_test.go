package fileblob_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/blob/fileblob"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

func TestOpenFault(t *testing.T) {
	for _, size := range []int{0, 100, 200_000} {
		faults(t, func(t *testing.T, _ *vfs.Mem, fsys *errfs.FS, fail func()) {
			e := open(t, fsys)
			b := content(id(1, 1), size)
			put(t, fsys, id(1, 1), b)
			fail()
			got, err := get(t.Context(), e, id(1, 1), size > 100)
			wantInjected(t, "read", err)
			if err == nil && len(got) != len(b) || !bytes.HasPrefix(b, got) {
				t.Errorf("read %d bytes, %v; want all of %d, or an error after right ones", len(got), err, len(b))
			}
			fsys.SetHook(nil)
		})
	}
}

func TestEngineOpenFault(t *testing.T) {
	faults(t, func(t *testing.T, _ *vfs.Mem, fsys *errfs.FS, fail func()) {
		open(t, fsys)
		fail()
		_, err := fileblob.Open(fsys, root)
		wantInjected(t, "Open", err)
		fsys.SetHook(nil)
	})
}

// victims are the blobs that tests remove, in more than one directory; survivor stays.
var (
	victims  = []blob.ID{id(1, 1), id(1, 2), id(1, 5000), id(2, 1)}
	survivor = id(1, 3)
)

func fill(t *testing.T, fsys vfs.FS) {
	t.Helper()
	for _, id := range append([]blob.ID{survivor}, victims...) {
		put(t, fsys, id, content(id, 10))
	}
}

// wantRemoved checks that the victims are gone and the survivor is there.
func wantRemoved(t *testing.T, when string, fsys vfs.FS) {
	t.Helper()
	e := open(t, fsys)
	for _, id := range victims {
		if _, err := get(t.Context(), e, id, false); !errors.Is(err, blob.ErrNotExist) {
			t.Errorf("%s: removed blob %s: %v; want ErrNotExist", when, id, err)
		}
	}
	if got, err := get(t.Context(), e, survivor, false); err != nil || !bytes.Equal(got, content(survivor, 10)) {
		t.Errorf("%s: blob that was not removed: %d bytes, %v", when, len(got), err)
	}
}

func TestDeleteFault(t *testing.T) {
	faults(t, func(t *testing.T, mem *vfs.Mem, fsys *errfs.FS, fail func()) {
		e := open(t, fsys)
		fill(t, fsys)
		fail()
		err := e.Delete(t.Context(), nil, victims...)
		wantInjected(t, "Delete", err)
		fsys.SetHook(nil)
		if err != nil {
			err = e.Delete(t.Context(), nil, victims...)
		}
		if err != nil {
			t.Errorf("Delete again = %v; want nil", err)
		}
		wantRemoved(t, "after power loss", mem.PowerLoss(0, 0))
	})
}

func TestCollectFault(t *testing.T) {
	faults(t, func(t *testing.T, mem *vfs.Mem, fsys *errfs.FS, fail func()) {
		e := open(t, fsys)
		fill(t, fsys)
		fail()
		epochs, err := e.Epochs(t.Context())
		wantInjected(t, "Epochs", err)
		if err == nil && !slices.Equal(epochs, []uint32{1, 2}) {
			t.Errorf("Epochs = %v, nil; want 1 and 2", epochs)
		}
		for _, epoch := range []uint32{1, 2} {
			_, err := e.Collect(t.Context(), epoch, alive(survivor), false)
			wantInjected(t, "Collect", err)
			fsys.SetHook(nil)
			if err != nil {
				_, err = e.Collect(t.Context(), epoch, alive(survivor), false)
			}
			if err != nil {
				t.Errorf("Collect again = %v; want nil", err)
			}
		}
		wantRemoved(t, "after power loss", mem.PowerLoss(0, 0))
	})
}

// TestPowerLossAtEveryCall loses power before every call of the file system while blobs are deleted.
func TestPowerLossAtEveryCall(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	mem := vfs.NewCrashableMem()
	fsys := errfs.New(mem)
	e := open(t, fsys)
	fill(t, fsys)
	gone := 0 // victims whose Delete has returned
	check := func(op errfs.Op) error {
		for _, percent := range []int{0, 10, 40, 70, 100} {
			when := fmt.Sprintf("call %d (%s %s), %d %% of unsynced data left", op.N, op.Kind, op.Path, percent)
			left := open(t, mem.PowerLoss(percent, seed+uint64(op.N)))
			for i, id := range append(slices.Clone(victims), survivor) {
				got, err := get(t.Context(), left, id, false)
				switch {
				case err == nil && !bytes.Equal(got, content(id, 10)):
					t.Errorf("%s: blob %s has wrong bytes", when, id)
				case i < gone && !errors.Is(err, blob.ErrNotExist):
					t.Errorf("%s: deleted blob %s: %v; want ErrNotExist", when, id, err)
				case i > gone && err != nil:
					t.Errorf("%s: blob %s, which nobody deletes: %v", when, id, err)
				}
			}
			if _, err := left.Epochs(t.Context()); err != nil {
				t.Errorf("%s: Epochs = %v; want nil", when, err)
			}
		}
		return nil
	}
	fsys.SetHook(check)
	for _, id := range victims {
		if err := e.Delete(t.Context(), nil, id); err != nil {
			t.Fatal(err)
		}
		gone++
	}
	_ = check(errfs.Op{Kind: "end"}) // always nil
}

// TestConcurrentDeletesAreDurable deletes the blobs of a directory at the same time, each of which may be the one
// that removes the directory.
func TestConcurrentDeletesAreDurable(t *testing.T) {
	for range 50 {
		mem := vfs.NewCrashableMem()
		e := open(t, mem)
		var all sync.WaitGroup
		for seq := range uint64(4) {
			put(t, mem, id(1, seq), nil)
		}
		for seq := range uint64(4) {
			all.Go(func() {
				if err := e.Delete(t.Context(), nil, id(1, seq)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		left := open(t, mem.PowerLoss(0, 0))
		for seq := range uint64(4) {
			if _, err := get(t.Context(), left, id(1, seq), false); !errors.Is(err, blob.ErrNotExist) {
				t.Fatalf("deleted blob %d after power loss: %v; want ErrNotExist", seq, err)
			}
		}
	}
}

// TestCallsOfRead is the price of a small blob. More calls need a reason.
func TestCallsOfRead(t *testing.T) {
	fsys := errfs.New(vfs.NewMem())
	e := open(t, fsys)
	put(t, fsys, id(1, 2), content(id(1, 2), 64<<10))
	var calls []string
	fsys.SetHook(func(op errfs.Op) error {
		calls = append(calls, op.Kind)
		return nil
	})
	if _, err := get(t.Context(), e, id(1, 2), false); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(calls, " "), "open filestat readat close"; got != want {
		t.Errorf("calls of a read are %s; want %s", got, want)
	}
}
