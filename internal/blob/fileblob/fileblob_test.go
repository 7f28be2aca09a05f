package fileblob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/blob/blobtest"
	"github.com/oisproject/ois/internal/blob/fileblob"
	"github.com/oisproject/ois/internal/vfs"
)

const root = "data/blobs"

// What the tests of engines share.
var (
	faults       = blobtest.Faults
	wantInjected = blobtest.WantInjected
	get          = blobtest.Get
	alive        = blobtest.Alive
)

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
	if err := fsys.MkdirAll(root, 0o700); err != nil {
		t.Fatal(err)
	}
	e, err := fileblob.Open(fsys, root)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// file returns the name of a blob's file.
func file(id blob.ID) string {
	return fmt.Sprintf("%s/%08x/%013x/%s", root, id.Epoch, id.Seq>>12, id)
}

// put makes the file of a blob, durably.
func put(t testing.TB, fsys vfs.FS, id blob.ID, b []byte) {
	t.Helper()
	overwrite(t, fsys, id, fileblob.Encode(id, b))
}

// overwrite replaces the bytes of a blob's file, or makes it.
func overwrite(t testing.TB, fsys vfs.FS, id blob.ID, b []byte) {
	t.Helper()
	name := file(id)
	if err := errors.Join(vfs.MkdirAll(fsys, fsys.PathDir(name), 0o700), vfs.WriteFile(fsys, name, b, 0o600)); err != nil {
		t.Fatal(err)
	}
}

func TestOpenWantsADirectory(t *testing.T) {
	fsys := vfs.NewMem()
	if _, err := fileblob.Open(fsys, root); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open of what is not there = %v; want fs.ErrNotExist", err)
	}
	if err := vfs.WriteFile(fsys, "file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := fileblob.Open(fsys, "file"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open of a file = %v; want an error that says what it is", err)
	}
}

func TestRangesAreRead(t *testing.T) {
	for _, size := range []int64{0, 1, 4096, 64<<10 - 1, 64 << 10, 64<<10 + 1, 200_000} {
		fsys := vfs.NewMem()
		e := open(t, fsys)
		b := content(id(1, 1), int(size))
		put(t, fsys, id(1, 1), b)
		for _, off := range []int64{-1, 0, 1, 65535, 65536, 65537, 131072, size - 1, size, size + 1} {
			for _, n := range []int64{-1, 0, 1, 65536, 65537, size - off, size - off + 1, 1 << 62} {
				end := off + n
				if n < 0 {
					end = size
				}
				r, err := e.Open(t.Context(), id(1, 1), off, n)
				if off < 0 || off > size || end > size || end < off {
					if !errors.Is(err, blob.ErrCorrupt) {
						t.Errorf("Open(off %d, n %d) of %d = %v; want ErrCorrupt", off, n, size, err)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(r)
				if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, b[off:end]) {
					t.Errorf("Open(off %d, n %d) of %d: read %d bytes, %v; want %d", off, n, size, len(got), err, end-off)
				}
			}
		}
	}
}

func TestMissingBlobIsToldFromOthers(t *testing.T) {
	fsys := vfs.NewMem()
	e := open(t, fsys)
	put(t, fsys, id(1, 1), nil)
	for _, id := range []blob.ID{id(1, 2), id(2, 1), id(1, 4097)} {
		if _, err := e.Open(t.Context(), id, 0, -1); !errors.Is(err, blob.ErrNotExist) {
			t.Errorf("Open of %s, which is not there, = %v; want ErrNotExist", id, err)
		}
	}
}

func TestCollectRemovesWhatIsNotAlive(t *testing.T) {
	fsys := vfs.NewMem()
	e := open(t, fsys)
	var ids []blob.ID
	for _, seq := range []uint64{0, 1, 7, 4095, 4096, 9000, 1 << 40, 1<<64 - 1} {
		ids = append(ids, id(2, seq))
	}
	ids = append(ids, id(1, 3), id(3, 3))
	var want int64
	for i, id := range ids {
		put(t, fsys, id, content(id, 100*i))
		if id.Epoch == 2 && i%2 == 0 {
			want += int64(len(bytesOf(t, fsys, id)))
		}
	}
	live := alive(ids[1], ids[3], ids[5], ids[7], id(2, 2), id(1, 1), id(4, 1))
	for _, dry := range []bool{true, false} {
		if got, err := e.Collect(t.Context(), 2, live, dry); err != nil || got != want {
			t.Errorf("Collect(dry %t) = %d, %v; want %d", dry, got, err, want)
		}
		for i, id := range ids {
			_, err := get(t.Context(), e, id, false)
			if gone := !dry && id.Epoch == 2 && i%2 == 0; errors.Is(err, blob.ErrNotExist) != gone || !gone && err != nil {
				t.Errorf("blob %s after Collect(dry %t): %v; want that it is gone: %t", id, dry, err, gone)
			}
		}
	}
	for _, epoch := range []uint32{2, 9} {
		if got, err := e.Collect(t.Context(), epoch, live, false); err != nil || got != 0 {
			t.Errorf("Collect(%d) where nothing is dead = %d, %v; want 0", epoch, got, err)
		}
	}
	if got, err := e.Epochs(t.Context()); err != nil || !slices.Equal(got, []uint32{1, 2, 3}) {
		t.Errorf("Epochs = %v, %v; want 1, 2 and 3", got, err)
	}
}

func TestCollectRemovesNothingWhenItCannotTell(t *testing.T) {
	fsys := vfs.NewMem()
	e := open(t, fsys)
	for seq := range uint64(4) {
		put(t, fsys, id(1, seq), nil)
	}
	broken := errors.New("broken")
	known := alive(id(1, 1))
	got, err := e.Collect(t.Context(), 1, func(from blob.ID) (blob.ID, bool, error) {
		if from.Seq > 1 {
			return blob.ID{}, false, broken
		}
		return known(from)
	}, false)
	if !errors.Is(err, broken) || got != 0 {
		t.Errorf("Collect = %d, %v; want 0 and the error of live", got, err)
	}
	for seq := range uint64(4) {
		if _, err := get(t.Context(), e, id(1, seq), false); err != nil {
			t.Errorf("blob %d after it: %v; want that it stays", seq, err)
		}
	}
}

func TestCallsEndWithContextAndClose(t *testing.T) {
	fsys := vfs.NewMem()
	e := open(t, fsys)
	put(t, fsys, id(1, 1), []byte("x"))
	r, err := e.Open(t.Context(), id(1, 1), 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("Close of a reader = %v; want nil", err)
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, blob.ErrClosed) {
		t.Errorf("Read of a closed reader = %d, %v; want 0, ErrClosed", n, err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx  context.Context
		want error
	}{{over, context.Canceled}, {t.Context(), blob.ErrClosed}} {
		if c.want == blob.ErrClosed { //nolint:errorlint // the very one of the table
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
		}
		_, opened := e.Open(c.ctx, id(1, 1), 0, -1)
		deleted := e.Delete(c.ctx, nil, id(1, 1))
		_, collected := e.Collect(c.ctx, 1, alive(), false)
		_, listed := e.Epochs(c.ctx)
		for name, err := range map[string]error{"Open": opened, "Delete": deleted, "Collect": collected, "Epochs": listed} {
			if !errors.Is(err, c.want) {
				t.Errorf("%s = %v; want %v", name, err, c.want)
			}
		}
	}
	if err := e.Close(); !errors.Is(err, blob.ErrClosed) {
		t.Errorf("second Close = %v; want ErrClosed", err)
	}
	if _, err := get(t.Context(), open(t, fsys), id(1, 1), false); err != nil {
		t.Errorf("blob after all that: %v; want that it is there", err)
	}
}
