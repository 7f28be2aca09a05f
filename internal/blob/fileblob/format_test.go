package fileblob_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/blob/fileblob"
	"github.com/oisproject/ois/internal/vfs"
)

var update = flag.Bool("update", false, "write the files of the current format into testdata; for a new format only")

// formatBlobs are the blobs in testdata, by their sizes.
var formatBlobs = map[blob.ID]int{id(1, 0): 0, id(1, 1): 1, id(1, 4096): 300, id(2, 1<<63): 70_000}

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
		writeFormat(t, filepath.Join("testdata", "v1"))
	}
	for _, version := range []string{"v1"} {
		e, err := fileblob.Open(vfs.Disk, filepath.Join("testdata", version))
		if err != nil {
			t.Fatal(err)
		}
		for id, n := range formatBlobs {
			if got, err := get(t.Context(), e, id, false); err != nil || !bytes.Equal(got, pattern(n)) {
				t.Errorf("format %s, blob %s: read %d bytes, %v; want %d", version, id, len(got), err, n)
			}
		}
	}
}

// TestFormatIsAsWritten compares the files of today with those in testdata, byte by byte.
func TestFormatIsAsWritten(t *testing.T) {
	dir := t.TempDir()
	writeFormat(t, dir)
	for id := range formatBlobs {
		name := filepath.FromSlash(file(id)[len(root)+1:])
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join("testdata", "v1", name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("file of blob %s differs from that in testdata (%v)", id, err)
		}
	}
}

// writeFormat writes the blobs to a directory on the disk.
func writeFormat(t *testing.T, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	e, err := fileblob.Open(vfs.Disk, to)
	if err != nil {
		t.Fatal(err)
	}
	for id, n := range formatBlobs {
		if err := put(t.Context(), e, id, pattern(n)); err != nil {
			t.Fatal(err)
		}
	}
}
