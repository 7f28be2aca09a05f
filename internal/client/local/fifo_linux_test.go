package local

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestOnlyFilesAreReplaced wants pipes, folders and links to them to stay.
func TestOnlyFilesAreReplaced(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pipe", "folder", "nothing"} {
		if err := os.Symlink(name, filepath.Join(dir, "to-"+name)); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	for _, name := range []string{"pipe", "folder", "to-pipe", "to-folder"} {
		if f, err := tree.Write(name); err == nil || !strings.Contains(err.Error(), "cannot take its place") {
			t.Errorf("Write %s: %v", name, err)
			if err == nil {
				f.Discard()
			}
		}
		if _, err := tree.Path(name); err == nil {
			t.Errorf("Path %s: no error", name)
		}
	}
	f, err := tree.Write("to-nothing")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(time.Time{}); err != nil {
		t.Error(err)
	}
}
