package fileblob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/blob/fileblob"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

const root = "data/blobs"

func id(epoch uint32, seq uint64) blob.ID { return blob.ID{Epoch: epoch, Seq: seq} }

// content returns the bytes of a blob, which differ from those of others.
func content(id blob.ID, n int) []byte {
	b := make([]byte, n)
	rnd := rand.NewChaCha8([32]byte{byte(id.Epoch), byte(id.Seq), byte(id.Seq >> 8)})
	_, _ = rnd.Read(b) // never fails
	return b
}

func open(t *testing.T, fsys vfs.FS) *fileblob.Engine {
	t.Helper()
	e, err := fileblob.Open(fsys, root)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func put(ctx context.Context, e *fileblob.Engine, id blob.ID, b []byte) error {
	_, err := e.Put(ctx, id, int64(len(b)), bytes.NewReader(b))
	return err
}

// get returns a whole blob, read in one of two ways.
func get(ctx context.Context, e *fileblob.Engine, id blob.ID, writeTo bool) ([]byte, error) {
	r, err := e.Open(ctx, id, 0, -1)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	if writeTo {
		_, err = r.(io.WriterTo).WriteTo(&buf)
	} else {
		_, err = io.Copy(&buf, struct{ io.Reader }{r})
	}
	return buf.Bytes(), errors.Join(err, r.Close())
}

// faults calls test for n = 1, 2, … with a file system that fails call n, alone and with all later ones, until
// no call is failed any more.
func faults(t *testing.T, test func(t *testing.T, mem *vfs.Mem, fsys *errfs.FS, fail func())) {
	for _, rest := range []bool{false, true} {
		t.Run(fmt.Sprintf("rest=%t", rest), func(t *testing.T) {
			for n := int64(1); ; n++ {
				mem := vfs.NewCrashableMem()
				fsys := errfs.New(mem)
				var last int64
				test(t, mem, fsys, func() {
					last = fsys.Calls() + n
					fsys.SetHook(errfs.FailAt(last, rest))
				})
				if t.Failed() {
					t.Fatalf("when call %d failed", n)
				}
				if fsys.OpenFiles() != 0 {
					t.Fatalf("call %d failed: %d files stay open", n, fsys.OpenFiles())
				}
				if fsys.Calls() < last {
					return
				}
			}
		})
	}
}

// wantInjected checks that a call fails only when it was made to, and says so.
func wantInjected(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, errfs.ErrInjected) {
		t.Errorf("%s = %v; want nil or ErrInjected", what, err)
	}
}

func TestPutFault(t *testing.T) {
	for _, size := range []int{0, 100, 64<<10 + 1} {
		faults(t, func(t *testing.T, mem *vfs.Mem, fsys *errfs.FS, fail func()) {
			e := open(t, fsys)
			if err := put(t.Context(), e, id(1, 1), content(id(1, 1), 10)); err != nil {
				t.Fatal(err)
			}
			fail()
			b := content(id(1, 5000), size)
			err := put(t.Context(), e, id(1, 5000), b)
			wantInjected(t, "Put", err)
			fsys.SetHook(nil)
			got, openErr := get(t.Context(), e, id(1, 5000), false)
			switch {
			case err == nil && (openErr != nil || !bytes.Equal(got, b)):
				t.Errorf("after Put: read %d bytes, %v; want %d", len(got), openErr, len(b))
			case err != nil && !errors.Is(openErr, blob.ErrNotExist):
				t.Errorf("after failed Put: %v; want ErrNotExist", openErr)
			}
			if err := e.Delete(t.Context(), id(1, 5000)); err != nil {
				t.Errorf("Delete after Put = %v; want nil", err)
			}
			// What the failure left must not be in the way of others.
			if err := put(t.Context(), e, id(1, 5001), b); err != nil {
				t.Errorf("next Put = %v; want nil", err)
			}
			left := open(t, mem.PowerLoss(0, 0))
			for _, id := range []blob.ID{id(1, 1), id(1, 5001)} {
				if _, err := get(t.Context(), left, id, true); err != nil {
					t.Errorf("blob %s after power loss: %v", id, err)
				}
			}
		})
	}
}

func TestOpenFault(t *testing.T) {
	for _, size := range []int{0, 100, 200_000} {
		faults(t, func(t *testing.T, _ *vfs.Mem, fsys *errfs.FS, fail func()) {
			e := open(t, fsys)
			b := content(id(1, 1), size)
			if err := put(t.Context(), e, id(1, 1), b); err != nil {
				t.Fatal(err)
			}
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

func TestDeleteFault(t *testing.T) {
	faults(t, func(t *testing.T, mem *vfs.Mem, fsys *errfs.FS, fail func()) {
		e := open(t, fsys)
		ids := []blob.ID{id(1, 1), id(1, 2), id(1, 5000), id(2, 1)}
		for _, id := range ids {
			if err := put(t.Context(), e, id, content(id, 10)); err != nil {
				t.Fatal(err)
			}
		}
		e = open(t, fsys) // which has not made the directories and may remove them
		fail()
		err := e.Delete(t.Context(), ids...)
		wantInjected(t, "Delete", err)
		fsys.SetHook(nil)
		if err != nil {
			err = e.Delete(t.Context(), ids...)
		}
		if err != nil {
			t.Errorf("Delete again = %v; want nil", err)
		}
		left := open(t, mem.PowerLoss(0, 0))
		for _, id := range ids {
			if _, err := get(t.Context(), left, id, false); !errors.Is(err, blob.ErrNotExist) {
				t.Errorf("deleted blob %s after power loss = %v; want ErrNotExist", id, err)
			}
		}
	})
}

func TestEnumerateFault(t *testing.T) {
	faults(t, func(t *testing.T, _ *vfs.Mem, fsys *errfs.FS, fail func()) {
		e := open(t, fsys)
		want := []blob.ID{id(1, 1), id(1, 2), id(1, 5000)}
		for _, id := range want {
			if err := put(t.Context(), e, id, nil); err != nil {
				t.Fatal(err)
			}
		}
		fail()
		epochs, err := e.Epochs(t.Context())
		wantInjected(t, "Epochs", err)
		if err == nil && !slices.Equal(epochs, []uint32{1}) {
			t.Errorf("Epochs = %v, nil; want 1", epochs)
		}
		var got []blob.ID
		err = e.Enumerate(t.Context(), 1, func(id blob.ID, _ int64) error { got = append(got, id); return nil })
		wantInjected(t, "Enumerate", err)
		if err == nil && !slices.Equal(got, want) {
			t.Errorf("Enumerate = %v, nil; want all of %v or an error", got, want)
		}
		fsys.SetHook(nil)
	})
}

func TestEngineOpenFault(t *testing.T) {
	faults(t, func(t *testing.T, mem *vfs.Mem, fsys *errfs.FS, fail func()) {
		fail()
		_, err := fileblob.Open(fsys, root)
		wantInjected(t, "Open", err)
		fsys.SetHook(nil)
		if err := put(t.Context(), open(t, fsys), id(1, 1), nil); err != nil {
			t.Fatal(err)
		}
		if _, err := get(t.Context(), open(t, mem.PowerLoss(0, 0)), id(1, 1), false); err != nil {
			t.Errorf("blob after power loss: %v", err)
		}
	})
}

// A step puts or deletes a blob.
type step struct {
	id  blob.ID
	del bool
}

// A script of steps; seq 4096 begins another directory.
var script = []step{
	{id: id(1, 4090)},
	{id: id(1, 4095)},
	{id: id(1, 4096)},
	{id: id(1, 4095), del: true},
	{id: id(2, 1)},
	{id: id(1, 4090), del: true},
	{id: id(2, 5000)},
	{id: id(1, 4096), del: true},
	{id: id(3, 1)},
	{id: id(2, 1), del: true},
}

func scriptSize(id blob.ID) int { return int(id.Seq) * 17 }

// play runs the script with an engine of its own for each half, and counts the steps.
func play(ctx context.Context, fsys vfs.FS, started, acked *atomic.Int64) error {
	var e *fileblob.Engine
	for i, s := range script {
		if i%(len(script)/2) == 0 {
			var err error
			if e, err = fileblob.Open(fsys, root); err != nil {
				return err
			}
		}
		started.Store(int64(i + 1))
		var err error
		if s.del {
			err = e.Delete(ctx, s.id)
		} else {
			err = put(ctx, e, s.id, content(s.id, scriptSize(s.id)))
		}
		if err != nil {
			return err
		}
		acked.Store(int64(i + 1))
	}
	return nil
}

// wantScript checks that a store holds what it should when so many steps were acknowledged, and
// one more perhaps started.
func wantScript(t *testing.T, when string, fsys vfs.FS, acked, started int64) {
	t.Helper()
	e := open(t, fsys)
	known := make(map[blob.ID]bool)
	for i, s := range script {
		known[s.id] = known[s.id] || int64(i) < started
		must := int64(i) < acked && !slices.ContainsFunc(script[i+1:started], func(later step) bool { return later.id == s.id })
		got, err := get(t.Context(), e, s.id, i%2 == 0)
		want := content(s.id, scriptSize(s.id))
		switch {
		case must && s.del && !errors.Is(err, blob.ErrNotExist):
			t.Errorf("%s: deleted blob %s: %v; want ErrNotExist", when, s.id, err)
		case must && !s.del && (err != nil || !bytes.Equal(got, want)):
			t.Errorf("%s: blob %s: read %d bytes, %v; want %d", when, s.id, len(got), err, len(want))
		case err == nil && !bytes.Equal(got, want):
			t.Errorf("%s: blob %s: read %d wrong bytes", when, s.id, len(got))
		case err != nil && !errors.Is(err, blob.ErrNotExist) && !errors.Is(err, blob.ErrCorrupt):
			t.Errorf("%s: blob %s: %v; want ErrNotExist or ErrCorrupt", when, s.id, err)
		}
	}
	wantSweepable(t, when, e, known)
}

// wantSweepable checks that all that is left is known, and can be found and deleted.
func wantSweepable(t *testing.T, when string, e *fileblob.Engine, known map[blob.ID]bool) {
	t.Helper()
	epochs, err := e.Epochs(t.Context())
	if err != nil {
		t.Errorf("%s: Epochs: %v", when, err)
	}
	for _, epoch := range epochs {
		err := e.Enumerate(t.Context(), epoch, func(id blob.ID, _ int64) error {
			if !known[id] {
				t.Errorf("%s: blob %s was never put", when, id)
			}
			return e.Delete(t.Context(), id)
		})
		if err != nil {
			t.Errorf("%s: Enumerate(%d): %v", when, epoch, err)
		}
	}
	if epochs, err := e.Epochs(t.Context()); err != nil || len(epochs) != 0 {
		t.Errorf("%s: Epochs after all is deleted = %v, %v; want none", when, epochs, err)
	}
}

// TestPowerLossAtEveryCall loses power before every call of the file system.
func TestPowerLossAtEveryCall(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	mem := vfs.NewCrashableMem()
	fsys := errfs.New(mem)
	var started, acked atomic.Int64
	check := func(op errfs.Op) error {
		for _, percent := range []int{0, 10, 40, 70, 100} {
			when := fmt.Sprintf("call %d (%s %s), %d %% of unsynced data left", op.N, op.Kind, op.Path, percent)
			wantScript(t, when, mem.PowerLoss(percent, seed+uint64(op.N)), acked.Load(), started.Load())
		}
		return nil
	}
	fsys.SetHook(check)
	if err := play(t.Context(), fsys, &started, &acked); err != nil {
		t.Fatal(err)
	}
	_ = check(errfs.Op{Kind: "end"}) // always nil
}

// TestKillThenPowerLoss kills the process before every call. The next one starts where the first was: what
// it puts and deletes must survive a loss of power, whatever the first left unsynced.
func TestKillThenPowerLoss(t *testing.T) {
	for n := int64(1); ; n++ {
		mem := vfs.NewCrashableMem()
		fsys := errfs.New(mem)
		if !playUntil(t, fsys, n) {
			return
		}
		e := open(t, mem)
		fresh := id(1, 4097)
		if err := put(t.Context(), e, fresh, content(fresh, 10)); err != nil {
			t.Fatalf("call %d: %v", n, err)
		}
		for _, s := range script {
			if err := e.Delete(t.Context(), s.id); err != nil {
				t.Fatalf("call %d: %v", n, err)
			}
		}
		left := open(t, mem.PowerLoss(0, 0))
		if got, err := get(t.Context(), left, fresh, false); err != nil || !bytes.Equal(got, content(fresh, 10)) {
			t.Errorf("call %d: blob put after the kill: %v", n, err)
		}
		for _, s := range script {
			if _, err := get(t.Context(), left, s.id, false); !errors.Is(err, blob.ErrNotExist) {
				t.Errorf("call %d: blob deleted after the kill: %v; want ErrNotExist", n, err)
			}
		}
	}
}

// playUntil plays the script up to call n, which and all after which never return. It reports
// false if there is no call n.
func playUntil(t *testing.T, fsys *errfs.FS, n int64) (killed bool) {
	t.Helper()
	dead := make(chan struct{})
	var once sync.Once
	fsys.SetHook(func(op errfs.Op) error {
		if op.N >= n {
			once.Do(func() { close(dead) })
			select {}
		}
		return nil
	})
	ended := make(chan error, 1)
	go func() { ended <- play(t.Context(), fsys, new(atomic.Int64), new(atomic.Int64)) }()
	select {
	case err := <-ended:
		if err != nil {
			t.Fatal(err)
		}
		return false
	case <-dead:
		return true
	}
}

// TestCallsOfPut is the price of a small blob in a directory that is in use. More calls need a reason.
func TestCallsOfPut(t *testing.T) {
	fsys := errfs.New(vfs.NewMem())
	e := open(t, fsys)
	if err := put(t.Context(), e, id(1, 1), nil); err != nil {
		t.Fatal(err)
	}
	var calls []string
	fsys.SetHook(func(op errfs.Op) error {
		calls = append(calls, op.Kind)
		return nil
	})
	if err := put(t.Context(), e, id(1, 2), content(id(1, 2), 64<<10)); err != nil {
		t.Fatal(err)
	}
	want := "createnew write syncdata close opendir sync close"
	if got := strings.Join(calls, " "); got != want {
		t.Errorf("calls of Put are %s; want %s", got, want)
	}
	calls = nil
	if _, err := get(t.Context(), e, id(1, 2), false); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(calls, " "), "open filestat readat close"; got != want {
		t.Errorf("calls of a read are %s; want %s", got, want)
	}
}
