package packblob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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

func TestEngineInMemory(t *testing.T) {
	runSuite(t, func(*testing.T) (vfs.FS, string) { return vfs.NewCrashableMem(), "data/blobs" })
}

func TestEngineOnDisk(t *testing.T) {
	runSuite(t, func(t *testing.T) (vfs.FS, string) {
		return vfs.Disk, vfs.Disk.PathJoin(t.TempDir(), "data", "blobs")
	})
}

// runSuite runs the suite with the default options, and with small packs.
func runSuite(t *testing.T, place func(*testing.T) (vfs.FS, string)) {
	for name, opt := range map[string]packblob.Options{"default": {}, "small": small} {
		t.Run(name, func(t *testing.T) {
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
		})
	}
}

const root = "data/blobs"

// noise is what content takes its bytes from.
var noise = sync.OnceValue(func() []byte {
	b := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(b) // never fails
	return b
})

// content returns n bytes that differ from those of other seeds.
func content(seed uint64, n int) []byte {
	from := noise()
	start := int(seed * 7919 % uint64(len(from)))
	b := make([]byte, 0, n)
	for len(b) < n {
		b = append(b, from[start:min(len(from), start+n-len(b))]...)
		start = 0
	}
	return b
}

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

// get returns a whole blob, read in one of two ways.
func get(ctx context.Context, e *packblob.Engine, id blob.ID, writeTo bool) ([]byte, error) {
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

// wantBlob checks that a blob is what mustPut has put with a seed.
func wantBlob(t testing.TB, e *packblob.Engine, id blob.ID, seed uint64, n int) {
	t.Helper()
	got, err := get(t.Context(), e, id, seed%2 == 0)
	if err != nil || !bytes.Equal(got, content(seed, n)) {
		t.Errorf("blob %s: read %d bytes, %v; want the %d that were put", id, len(got), err, n)
	}
}

func wantAbsent(t testing.TB, e *packblob.Engine, id blob.ID) {
	t.Helper()
	if _, err := get(t.Context(), e, id, false); !errors.Is(err, blob.ErrNotExist) {
		t.Errorf("blob %s: %v; want ErrNotExist", id, err)
	}
}

// alive returns a Live that names the ids.
func alive(ids ...blob.ID) blob.Live {
	ids = slices.SortedFunc(slices.Values(ids), blob.ID.Compare)
	return func(from blob.ID) (blob.ID, bool, error) {
		i, _ := slices.BinarySearchFunc(ids, from, blob.ID.Compare)
		if i == len(ids) {
			return blob.ID{}, false, nil
		}
		return ids[i], true, nil
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
