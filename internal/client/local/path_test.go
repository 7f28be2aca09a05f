package local

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestJoinAndSplit(t *testing.T) {
	for _, test := range [][3]string{
		{"a", "b/c", "a/b/c"}, {"a/", "b", "a/b"}, {".", "b", "b"}, {"", "b", "b"}, {"/", "b", "/b"}, {"a/../c", "b", "a/../c/b"}, {"a/..", "", "a/.."},
	} {
		if got := Join(filepath.FromSlash(test[0]), test[1]); got != filepath.FromSlash(test[2]) {
			t.Errorf("Join %q, %q: got %q; want %q", test[0], test[1], got, test[2])
		}
	}
	for path, want := range map[string][2]string{"b": {".", "b"}, "a/../b": {"a/..", "b"}, "/b": {"/", "b"}} {
		if dir, name := Split(filepath.FromSlash(path)); dir != filepath.FromSlash(want[0]) || name != want[1] {
			t.Errorf("Split %q: got %q, %q", path, dir, name)
		}
	}
}

// TestLastingFiles wants a file to be synced before it gets its name, and its folder afterwards.
func TestLastingFiles(t *testing.T) {
	tree, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	defer func(before func(*os.File) error) { syncFile = before }(syncFile)
	for _, broken := range []bool{false, true} {
		var synced []string
		syncFile = func(f *os.File) error {
			_, err := tree.Stat("d/a")
			synced = append(synced, map[bool]string{true: "there", false: "not there"}[err == nil])
			if broken {
				return errors.New("the disk is broken")
			}
			return f.Sync()
		}
		f, err := tree.Write("d/a")
		if err != nil {
			t.Fatal(err)
		}
		f.Lasting = true
		if err := f.Commit(time.Time{}); (err != nil) != broken {
			t.Errorf("Commit: %v", err)
		}
		if broken {
			break
		}
		if len(synced) != 2 || synced[0] != "not there" || synced[1] != "there" {
			t.Errorf("synced: %q", synced)
		}
		if err := tree.Remove("d/a"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tree.Stat("d/a"); err == nil {
		t.Error("a file that could not be synced has its name")
	}
}
