package fileblob_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/blob/fileblob"
	"github.com/oisproject/ois/internal/vfs"
)

// bytesOf returns the bytes of a blob's file.
func bytesOf(t testing.TB, fsys vfs.FS, id blob.ID) []byte {
	t.Helper()
	b, err := vfs.ReadFile(fsys, file(id), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wantCorrupt checks that a blob is found corrupt, and that what is handed out before is right.
func wantCorrupt(t *testing.T, what string, e *fileblob.Engine, id blob.ID, right []byte) {
	t.Helper()
	for _, writeTo := range []bool{false, true} {
		got, err := get(t.Context(), e, id, writeTo)
		if !errors.Is(err, blob.ErrCorrupt) || !strings.Contains(err.Error(), id.String()) {
			t.Errorf("%s: %v; want ErrCorrupt with the id", what, err)
		}
		if !bytes.HasPrefix(right, got) || len(got)%(64<<10) != 0 {
			t.Errorf("%s: %d bytes were handed out that are not whole right chunks", what, len(got))
		}
	}
}

func TestFlippedBitIsFound(t *testing.T) {
	for _, size := range []int{0, 1, 300, 150_000} {
		fsys := vfs.NewMem()
		e := open(t, fsys)
		id := id(7, 77)
		b := content(id, size)
		put(t, fsys, id, b)
		whole := bytesOf(t, fsys, id)
		step := 1 + len(whole)/3000
		for i := 0; i < len(whole); i += step {
			if len(whole)-i < 200 {
				step = 1 // every byte of table and footer
			}
			damaged := bytes.Clone(whole)
			damaged[i] ^= 1 << (i % 8)
			overwrite(t, fsys, id, damaged)
			wantCorrupt(t, fmt.Sprintf("byte %d of %d of a blob of %d", i, len(whole), size), e, id, b)
			if _, err := e.Open(t.Context(), id, 0, 0); i >= size && !errors.Is(err, blob.ErrCorrupt) {
				t.Errorf("Open with damage at %d, behind the data, = %v; want ErrCorrupt", i, err)
			}
		}
	}
}

func TestWrongLengthIsFound(t *testing.T) {
	fsys := vfs.NewMem()
	e := open(t, fsys)
	id := id(7, 77)
	b := content(id, 70_000)
	put(t, fsys, id, b)
	whole := bytesOf(t, fsys, id)
	for n := 0; n < len(whole); n += 1 + n%997 {
		overwrite(t, fsys, id, whole[:n])
		wantCorrupt(t, fmt.Sprintf("file cut to %d of %d", n, len(whole)), e, id, b)
		overwrite(t, fsys, id, whole[n+1:])
		wantCorrupt(t, fmt.Sprintf("file without its first %d", n+1), e, id, b)
	}
	overwrite(t, fsys, id, append(bytes.Clone(whole), 0))
	wantCorrupt(t, "file with a byte more", e, id, b)
	overwrite(t, fsys, id, append(bytes.Clone(whole), whole...))
	wantCorrupt(t, "file twice", e, id, b)
}

func TestRightBytesInWrongPlaceAreFound(t *testing.T) {
	fsys := vfs.NewMem()
	e := open(t, fsys)
	a, b := id(7, 77), id(7, 78)
	same := content(a, 200_000)
	put(t, fsys, a, same)
	put(t, fsys, b, same)
	fileA, fileB := bytesOf(t, fsys, a), bytesOf(t, fsys, b)
	overwrite(t, fsys, a, fileB)
	wantCorrupt(t, "file of another blob", e, a, nil)
	_, err := get(t.Context(), e, a, false)
	if !strings.Contains(fmt.Sprint(err), b.String()) {
		t.Errorf("error %v does not name the other blob", err)
	}
	const chunk = 64 << 10
	swapped := bytes.Clone(fileA)
	copy(swapped, fileA[chunk:2*chunk])
	copy(swapped[chunk:], fileA[:chunk])
	overwrite(t, fsys, a, swapped)
	wantCorrupt(t, "chunks swapped", e, a, nil)
	tables := 200_000
	for i := range 4 { // sums go with their chunks
		copy(swapped[tables+4*i:], fileA[tables+4*(i^1):][:4])
	}
	overwrite(t, fsys, a, swapped)
	wantCorrupt(t, "chunks and their sums swapped", e, a, nil)
}

func TestRangeBesideDamageIsRead(t *testing.T) {
	fsys := vfs.NewMem()
	e := open(t, fsys)
	id := id(1, 1)
	b := content(id, 300_000)
	put(t, fsys, id, b)
	whole := bytesOf(t, fsys, id)
	whole[150_000] ^= 1 // chunk 2
	overwrite(t, fsys, id, whole)
	for _, test := range []struct {
		off, n int64
		ok     bool
	}{{0, 131_072, true}, {196_608, -1, true}, {0, 131_073, false}, {196_607, 1, false}, {131_072, 1, false}} {
		r, err := e.Open(t.Context(), id, test.off, test.n)
		if err != nil {
			t.Fatal(err)
		}
		var buf bytes.Buffer
		_, err = buf.ReadFrom(r)
		if (err == nil) != test.ok || err != nil && !strings.Contains(err.Error(), "chunk 2") {
			t.Errorf("range %d+%d = %v; want an error with chunk 2: %t", test.off, test.n, err, !test.ok)
		}
		if !bytes.HasPrefix(b[test.off:], buf.Bytes()) {
			t.Errorf("range %d+%d: wrong bytes", test.off, test.n)
		}
		if _, again := r.Read(make([]byte, 1)); again == nil {
			t.Errorf("range %d+%d: Read after its end or error = nil", test.off, test.n)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestNewerFormatIsRefused(t *testing.T) {
	fsys := vfs.NewMem()
	e := open(t, fsys)
	overwrite(t, fsys, id(1, 1), fileblob.WithVersion(id(1, 1), 2))
	_, err := get(t.Context(), e, id(1, 1), false)
	if err == nil || errors.Is(err, blob.ErrCorrupt) || !strings.Contains(err.Error(), "format 2") {
		t.Errorf("Open of a file of format 2 = %v; want an error that says so, and not ErrCorrupt", err)
	}
}

func TestStrayFilesStopScans(t *testing.T) {
	for _, stray := range []string{
		"0000001/x", "000000001/x", "0000000A/x", "1/x",
		"00000001/x/y", "00000001/000000000000/y", "00000001/00000000000000/y",
		"00000001/0000000000000/x", "00000001/0000000000000/00000001000000000000000",
		"00000001/0000000000000/000000010000000000001000", // of group 1
		"00000001/0000000000000/000000020000000000000001", // of epoch 2
		"00000001/0000000000000/00000001000000000000000A",
		"00000001/0000000000000/000000010000000000000001.tmp",
	} {
		fsys := vfs.NewMem()
		e := open(t, fsys)
		put(t, fsys, id(1, 2), nil)
		name := root + "/" + stray
		if err := errors.Join(fsys.MkdirAll(fsys.PathDir(name), 0o700), vfs.WriteFile(fsys, name, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		_, err := e.Epochs(t.Context())
		if err == nil {
			_, err = e.Collect(t.Context(), 1, alive(), false)
		}
		first, _, _ := strings.Cut(stray, "/")
		if err == nil || !strings.Contains(err.Error(), first) {
			t.Errorf("stray %s: Epochs and Collect = %v; want an error that names it", stray, err)
		}
		if _, err := get(t.Context(), e, id(1, 2), false); err != nil {
			t.Errorf("stray %s: the blob after it: %v; want that it stays", stray, err)
		}
	}
}

func TestRootOfAFileSystemIsTaken(t *testing.T) {
	fsys := vfs.NewMem()
	e := open(t, fsys)
	put(t, fsys, id(1, 2), nil)
	if err := fsys.MkdirAll(root+"/lost+found", 0o700); err != nil {
		t.Fatal(err)
	}
	if got, err := e.Epochs(t.Context()); err != nil || !slices.Equal(got, []uint32{1}) {
		t.Errorf("Epochs beside lost+found = %v, %v; want 1", got, err)
	}
	if err := e.Delete(t.Context(), nil, id(1, 2)); err != nil {
		t.Errorf("Delete = %v; want nil", err)
	}
	if names, err := fsys.List(root); err != nil || !slices.Equal(names, []string{"lost+found"}) {
		t.Errorf("directory holds %q, %v; want lost+found", names, err)
	}
}

func TestEmptyDirectoriesGo(t *testing.T) {
	fsys := vfs.NewMem()
	e := open(t, fsys)
	ids := []blob.ID{id(1, 1), id(1, 5000), id(2, 1)}
	for _, id := range ids {
		put(t, fsys, id, nil)
	}
	if err := e.Delete(t.Context(), nil, ids[:2]...); err != nil {
		t.Fatal(err)
	}
	if names, err := fsys.List(root); err != nil || !slices.Equal(names, []string{"00000002"}) {
		t.Errorf("directory holds %q, %v; want that of epoch 2", names, err)
	}
	if err := e.Delete(t.Context(), nil, ids[2]); err != nil {
		t.Fatal(err)
	}
	if _, err := fsys.Stat(root); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat of a directory without blobs = %v; want that it is gone", err)
	}
	if err := e.Delete(t.Context(), nil, ids...); err != nil {
		t.Errorf("Delete of what is gone = %v; want nil", err)
	}
	if got, err := e.Epochs(t.Context()); err != nil || len(got) > 0 {
		t.Errorf("Epochs = %v, %v; want none", got, err)
	}
}
