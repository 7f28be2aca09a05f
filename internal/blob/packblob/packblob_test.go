package packblob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/blob/blobtest"
	"github.com/oisproject/ois/internal/blob/packblob"
	"github.com/oisproject/ois/internal/vfs"
)

// small are options by which a few blobs reach every limit.
var small = packblob.Options{PackLen: 256 << 10, OwnLen: 136 << 10, OpenPacks: 3}

// TestEngineInMemory runs the suite in a memory that scribbles on what it lends, with limits that its blobs reach.
func TestEngineInMemory(t *testing.T) {
	runSuite(t, small, func(*testing.T) (vfs.FS, string) { return vfs.NewCrashableMem(), root })
}

func TestEngineOnDisk(t *testing.T) {
	for name, opt := range map[string]packblob.Options{"default": {}, "small": small} {
		t.Run(name, func(t *testing.T) {
			runSuite(t, opt, func(t *testing.T) (vfs.FS, string) {
				return vfs.Disk, vfs.Disk.PathJoin(t.TempDir(), "data", "blobs")
			})
		})
	}
}

func runSuite(t *testing.T, opt packblob.Options, place func(*testing.T) (vfs.FS, string)) {
	blobtest.Run(t, func(t *testing.T) func() (blob.Engine, error) {
		fsys, dir := place(t)
		return func() (blob.Engine, error) {
			e, err := packblob.Open(fsys, dir, opt)
			if err == nil && opt.PackLen > 0 {
				packblob.SetFlushStep(e, 128<<10)
			}
			return e, err
		}
	})
}

const root = "data/blobs"

// What the tests of engines share.
var (
	faults       = blobtest.Faults
	wantInjected = blobtest.WantInjected
	get          = blobtest.Get
	alive        = blobtest.Alive
)

// noise is what content takes its bytes from.
var noise = sync.OnceValue(func() []byte {
	b := make([]byte, 18<<20)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(b) // never fails
	return b
})

// content returns n bytes, 17 MiB at most, that differ from those of other seeds. They are not to be changed.
func content(seed uint64, n int) []byte { return noise()[seed*7919%(1<<20):][:n:n] }

func open(t testing.TB, fsys vfs.FS) *packblob.Engine {
	t.Helper()
	e, err := packblob.Open(fsys, root, small)
	if err != nil {
		t.Fatal(err)
	}
	packblob.SetFlushStep(e, 128<<10)
	return e
}

func closeEngine(t testing.TB, e *packblob.Engine) {
	t.Helper()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

// put puts a blob and settles it.
func put(ctx context.Context, e *packblob.Engine, epoch uint32, b []byte) (blob.ID, error) {
	id, _, err := e.Put(ctx, epoch, int64(len(b)), blob.Read(bytes.NewReader(b)))
	if err == nil {
		e.Settle(id)
	}
	return id, err
}

// mustPut puts blobs of a seed each.
func mustPut(t testing.TB, e *packblob.Engine, epoch uint32, sizes ...int) (ids []blob.ID) {
	t.Helper()
	for i, n := range sizes {
		id, err := put(t.Context(), e, epoch, content(uint64(i), n))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// wantBlob checks that a blob is what mustPut has put with a seed.
func wantBlob(t testing.TB, e *packblob.Engine, id blob.ID, seed uint64, n int) {
	t.Helper()
	if err := blobtest.Compare(t.Context(), e, id, seed%2 == 0, content(seed, n)); err != nil {
		t.Errorf("blob %s: %v; want the %d bytes that were put", id, err, n)
	}
}

func wantAbsent(t testing.TB, e *packblob.Engine, id blob.ID) {
	t.Helper()
	if _, err := get(t.Context(), e, id, false); !errors.Is(err, blob.ErrNotExist) {
		t.Errorf("blob %s: %v; want ErrNotExist", id, err)
	}
}

// file returns the name of the pack that has a blob.
func file(id blob.ID) string { return fmt.Sprintf("%s/%08x/%09x.pack", root, id.Epoch, id.Seq>>28) }

// packs returns the names of the packs of epoch 1.
func packs(t testing.TB, fsys vfs.FS) []string {
	t.Helper()
	names, err := fsys.List(root + "/00000001")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}
