package packblob_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/blob/packblob"
	"github.com/oisproject/ois/internal/vfs"
)

var update = flag.Bool("update", false, "write the files of the current format into testdata; for a new format only")

// A fixture is a blob in testdata.
type fixture struct {
	id   blob.ID
	size int
}

// fixtures are the blobs in testdata, in the order in which they were put.
var fixtures = []fixture{
	{blob.ID{Epoch: 1, Seq: 0}, 0},
	{blob.ID{Epoch: 1, Seq: 1}, 1},
	{blob.ID{Epoch: 1, Seq: 2}, 300},
	{blob.ID{Epoch: 1, Seq: 3}, 70_000},
	{blob.ID{Epoch: 1, Seq: 1 << 28}, 71_005},
	{blob.ID{Epoch: 2, Seq: 0}, 5000},
}

// fixtureOptions make the fifth blob one with a pack of its own.
var fixtureOptions = packblob.Options{OwnLen: 70_500}

// pattern returns n bytes that are easy to make in any language.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return b
}

// TestOldFormatsOpen reads the files of every format that a released program has written. What
// is in testdata stays for ever.
func TestOldFormatsOpen(t *testing.T) {
	if *update {
		to := filepath.Join("testdata", "v1")
		if err := os.RemoveAll(to); err != nil {
			t.Fatal(err)
		}
		writeFormat(t, to)
	}
	for _, version := range []string{"v1"} {
		dir := t.TempDir() // opened for writing, so not those of the repository
		if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", version))); err != nil {
			t.Fatal(err)
		}
		e, err := packblob.Open(vfs.Disk, dir, packblob.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fixtures {
			if got, err := get(t.Context(), e, f.id, false); err != nil || !bytes.Equal(got, pattern(f.size)) {
				t.Errorf("format %s, blob %s: read %d bytes, %v; want %d", version, f.id, len(got), err, f.size)
			}
		}
		closeEngine(t, e)
	}
}

// TestFormatIsAsWritten compares the files of today with those in testdata, byte by byte.
func TestFormatIsAsWritten(t *testing.T) {
	dir := t.TempDir()
	writeFormat(t, dir)
	for _, f := range fixtures {
		name := filepath.FromSlash(file(f.id)[len(root)+1:])
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join("testdata", "v1", name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("pack of blob %s differs from that in testdata (%v)", f.id, err)
		}
	}
}

// writeFormat writes the blobs to a directory on the disk.
func writeFormat(t *testing.T, to string) {
	t.Helper()
	e, err := packblob.Open(vfs.Disk, to, fixtureOptions)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fixtures {
		id, err := put(t.Context(), e, f.id.Epoch, pattern(f.size))
		if err != nil || id != f.id {
			t.Fatalf("Put of %d bytes = %s, %v; want %s", f.size, id, err, f.id)
		}
	}
	closeEngine(t, e)
}
