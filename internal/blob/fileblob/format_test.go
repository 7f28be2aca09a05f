package fileblob_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/blob/fileblob"
	"github.com/oisproject/ois/internal/vfs"
)

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

// TestFilesOfThePastOpen reads what programs have written that wrote such files. What is in testdata stays for ever.
func TestFilesOfThePastOpen(t *testing.T) {
	e, err := fileblob.Open(vfs.Disk, filepath.Join("testdata", "v1"))
	if err != nil {
		t.Fatal(err)
	}
	for id, n := range formatBlobs {
		if got, err := get(t.Context(), e, id, false); err != nil || !bytes.Equal(got, pattern(n)) {
			t.Errorf("blob %s: read %d bytes, %v; want %d", id, len(got), err, n)
		}
	}
}

// TestTestsMakeRealFiles compares the files that tests make with those of the past.
func TestTestsMakeRealFiles(t *testing.T) {
	for id, n := range formatBlobs {
		want, err := os.ReadFile(filepath.Join("testdata", "v1", filepath.FromSlash(file(id)[len(root):])))
		if err != nil || !bytes.Equal(fileblob.Encode(id, pattern(n)), want) {
			t.Errorf("file of blob %s differs from that in testdata (%v)", id, err)
		}
	}
}
