package datadir

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/blob/blobtest"
	"github.com/oisproject/ois/internal/vfs"
)

// testBlobs opens the blobs of dir.
func testBlobs(t *testing.T, fsys vfs.FS) (*blobs, error) {
	t.Helper()
	for _, name := range []string{metaName, packsName} {
		if err := vfs.MkdirAll(fsys, dir+"/"+name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return openBlobs(t.Context(), fsys, dir, testSpace(fsys, 0, nil))
}

func TestBlobsAreAnEngine(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) func() (blob.Engine, error) {
		fsys := vfs.NewMem()
		if err := vfs.MkdirAll(fsys, dir+"/blobs/00000063", 0o700); err != nil { // without a blob, so that nothing is in the way
			t.Fatal(err)
		}
		return func() (blob.Engine, error) { return testBlobs(t, fsys) }
	})
}

// nothingLives is what a store without objects says.
func nothingLives(blob.ID) (blob.ID, bool, error) { return blob.ID{}, false, nil }

func readBlob(t *testing.T, b *blobs, id blob.ID) (string, error) {
	t.Helper()
	r, err := b.Open(t.Context(), id, 0, -1)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(r)
	return string(text), errors.Join(err, r.Close())
}

// TestBothKindsOfBlobsAreOneEngine uses blobs of format 1, of epochs 1 and 2, beside new ones of epoch 3.
func TestBothKindsOfBlobsAreOneEngine(t *testing.T) {
	fsys := vfs.NewMem()
	unpack(t, fsys)
	b, err := testBlobs(t, fsys)
	if err != nil {
		t.Fatal(err)
	}
	small, part := blob.ID{Epoch: 1, Seq: 4}, blob.ID{Epoch: 2, Seq: 6}
	fresh, _, err := b.Put(t.Context(), 3, 5, blob.Read(strings.NewReader("hello")))
	if err != nil {
		t.Fatal(err)
	}
	b.Settle(fresh)
	wantEpochs := func(want ...uint32) {
		t.Helper()
		if got, err := b.Epochs(t.Context()); err != nil || !slices.Equal(got, want) {
			t.Errorf("Epochs = %v, %v; want %v", got, err, want)
		}
	}
	wantEpochs(1, 2, 3)
	for id, want := range map[blob.ID]string{small: contentOf("small", 100), part: contentOf("unfinished", 5000), fresh: "hello"} {
		if got, err := readBlob(t, b, id); err != nil || got != want {
			t.Errorf("blob %s: %d bytes, %v; want %d", id, len(got), err, len(want))
		}
	}
	if err := b.Delete(t.Context(), nothingLives, fresh, small); err != nil {
		t.Fatal(err)
	}
	for _, id := range []blob.ID{fresh, small} {
		if _, err := readBlob(t, b, id); !errors.Is(err, blob.ErrNotExist) {
			t.Errorf("deleted blob %s: %v; want ErrNotExist", id, err)
		}
	}
	onlyPart := func(from blob.ID) (blob.ID, bool, error) { return part, from.Compare(part) <= 0, nil }
	for _, epoch := range []uint32{1, 2} {
		would, err := b.Collect(t.Context(), epoch, onlyPart, true)
		if err != nil {
			t.Fatal(err)
		}
		if did, err := b.Collect(t.Context(), epoch, onlyPart, false); err != nil || did == 0 || did != would {
			t.Errorf("Collect(%d) = %d, %v; want the %d bytes that a dry one tells", epoch, did, err, would)
		}
	}
	if _, err := readBlob(t, b, part); err != nil {
		t.Errorf("blob that lives: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if _, err := b.files.Epochs(t.Context()); !errors.Is(err, blob.ErrClosed) {
		t.Errorf("files of format 1 after Close: %v; want ErrClosed", err)
	}
}
