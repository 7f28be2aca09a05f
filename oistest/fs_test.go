package oistest_test

import (
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/oisproject/ois/oistest"
	ois "github.com/oisproject/ois/sdk/go"
)

// TestBucketIsAFileSystem: the file system of the SDK holds what package fs demands, at a real server.
func TestBucketIsAFileSystem(t *testing.T) {
	bucket := oistest.New(t).Client().Bucket("file-system", "")
	if err := bucket.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(bucket.FS(t.Context())); err != nil {
		t.Errorf("empty bucket: %v", err)
	}
	for _, key := range []string{
		"index.html", "a/b/c.txt", "a/b-c", "a/b.d/e", "a/empty", "folder/", "日本語/🎉", "a//b", "a/../b", "..", ".", `back\slash`, "a/./z", "file", "file-1", "file/below",
	} {
		if _, err := bucket.Put(t.Context(), key, strings.NewReader(strings.Repeat(key, len(key)%3)), nil); err != nil {
			t.Fatalf("Put %q: %v", key, err)
		}
	}
	fsys := bucket.FS(t.Context())
	if err := fstest.TestFS(fsys, "index.html", "a/b/c.txt", "a/b-c", "a/b.d/e", "a/empty", "folder", "日本語/🎉", "file", "file-1"); err != nil {
		t.Error(err)
	}
	if list, err := fs.ReadDir(fsys, "a"); err != nil || len(list) != 4 {
		t.Errorf("a: %v, %v; want b, b-c, b.d and empty", list, err)
	}
}

// TestFileOfAnObjectThatChanges: all reads of a file are of the object that was opened.
func TestFileOfAnObjectThatChanges(t *testing.T) {
	bucket := oistest.New(t).Client().Bucket("changing-files", "")
	if err := bucket.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	key := []byte(strings.Repeat("k", 32))
	put := func(text string) {
		t.Helper()
		if _, err := bucket.Put(t.Context(), "k", strings.NewReader(text), &ois.PutOptions{EncryptionKey: key}); err != nil {
			t.Fatal(err)
		}
	}
	put("0123456789")
	f, err := bucket.File(t.Context(), "k", &ois.FileOptions{EncryptionKey: key})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, 4)
	if _, err := f.ReadAt(p, 3); err != nil || string(p) != "3456" {
		t.Errorf("ReadAt: %q, %v", p, err)
	}
	put("9876543210")
	if n, err := f.ReadAt(p, 3); n != 0 || !errors.Is(err, ois.ErrPrecondition) {
		t.Errorf("ReadAt of a replaced object: %d bytes, %v; want ErrPrecondition", n, err)
	}
	if err := bucket.Remove(t.Context(), "k", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(f); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Read of a deleted object: %v; want fs.ErrNotExist", err)
	}
}
