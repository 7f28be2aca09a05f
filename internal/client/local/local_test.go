package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/client/entry"
)

// plant makes files below a new folder.
func plant(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// walked is what a walk yields: keys, and errors with a "!" before them.
func walked(t *testing.T, dir string, opts WalkOptions) (keys []string) {
	t.Helper()
	for e, err := range Walk(t.Context(), dir, opts) {
		var bad *entry.Bad
		switch {
		case errors.As(err, &bad):
			keys = append(keys, "!"+bad.Key)
		case err != nil:
			t.Fatal(err)
		default:
			keys = append(keys, e.Key)
			if e.Size != int64(len(e.Key)) && !opts.Follow || e.Modified.IsZero() {
				t.Errorf("%s: size %d, time %v", e.Key, e.Size, e.Modified)
			}
		}
	}
	return keys
}

func TestWalkIsInTheOrderOfKeys(t *testing.T) {
	want := []string{"a-b", "a.txt", "a/b", "a/c/d", "a/c0", "a0", "z/ü", "ä"}
	got := walked(t, plant(t, "ä", "a0", "a/c0", "a/c/d", "a/b", "a-b", "a.txt", "z/ü", temporary("x")), WalkOptions{})
	if !slices.Equal(got, want) || !slices.IsSorted(got) {
		t.Errorf("got %q; want %q", got, want)
	}
}

func TestWalkAndLinks(t *testing.T) {
	dir := plant(t, "a/b", "c")
	for from, to := range map[string]string{"link": "c", "a/up": "..", "gone": "nowhere", "folder": "a"} {
		if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
			t.Skip(err)
		}
	}
	var skipped []string
	got := walked(t, dir, WalkOptions{Skip: func(name, why string) { skipped = append(skipped, name) }})
	if want := []string{"a/b", "c"}; !slices.Equal(got, want) {
		t.Errorf("got %q; want %q", got, want)
	}
	slices.Sort(skipped)
	if want := []string{"a/up", "folder", "gone", "link"}; !slices.Equal(skipped, want) {
		t.Errorf("skipped %q; want %q", skipped, want)
	}
	got = walked(t, dir, WalkOptions{Follow: true})
	if want := []string{"!gone", "a/b", "!a/up", "c", "folder/b", "!folder/up", "link"}; !slices.Equal(got, want) {
		t.Errorf("with links: got %q; want %q", got, want)
	}
}

func TestWalkGoesOnAfterErrors(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("names are always text here")
	}
	got := walked(t, plant(t, "a\xff", "b"), WalkOptions{})
	if want := []string{"!a\xff", "b"}; !slices.Equal(got, want) {
		t.Errorf("got %q; want %q", got, want)
	}
	for _, err := range Walk(t.Context(), filepath.Join(t.TempDir(), "nosuch"), WalkOptions{}) {
		if !errors.Is(err, fs.ErrNotExist) || !entry.Ends(err) {
			t.Errorf("no folder: %v", err)
		}
	}
}

func TestWrite(t *testing.T) {
	dir := plant(t, "old")
	tree, err := Create(filepath.Join(dir, "new", "tree"))
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	then := time.Date(2020, 1, 2, 3, 4, 5, 6000, time.UTC)
	for range 2 { // the second replaces the first
		f, err := tree.Write("a/b/c")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Discard()
		fmt.Fprint(f, "text")
		if err := f.Commit(then); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "new", "tree", "a", "b", "c")
	info, err := os.Stat(path)
	if err != nil || info.Size() != 4 || !info.ModTime().Equal(then) {
		t.Errorf("%v, %v", info, err)
	}
	f, err := tree.Write("a/b/d")
	if err != nil {
		t.Fatal(err)
	}
	f.Discard()
	if _, err := tree.Write("a/b"); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("a file in the place of a folder: %v", err)
	}
	if _, err := tree.Write("a/b/c/d"); err == nil {
		t.Error("a file below a file is no error")
	}
	if items, err := os.ReadDir(filepath.Dir(path)); err != nil || len(items) != 1 {
		t.Errorf("%d files are there, %v; want 1", len(items), err)
	}
	if err := tree.Remove("a/b/c"); err != nil {
		t.Error(err)
	}
	if items, err := os.ReadDir(filepath.Join(dir, "new", "tree")); err != nil || len(items) != 0 {
		t.Errorf("%d folders are left, %v; want 0", len(items), err)
	}
	f, err = tree.Write("a/b/c") // its folder is made again
	if err != nil {
		t.Fatal(err)
	}
	f.Discard()
}

// TestNothingEscapes tries to write outside of the folder.
func TestNothingEscapes(t *testing.T) {
	outside := plant(t, "victim")
	tree, err := Create(filepath.Join(outside, "in"))
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	if err := os.Symlink("..", filepath.Join(outside, "in", "up")); err != nil {
		t.Skip(err)
	}
	for _, key := range []string{
		"../victim", "..", ".", "", "/", "//", "/victim", "a//b", "a/../../victim", "a/./b", "./a", "a/..", "up/victim", "up/../victim", "a\x00b", outside + "/victim",
	} {
		if f, err := tree.Write(key); err == nil {
			f.Discard()
			t.Errorf("%q can be written", key)
		}
		if name, err := tree.Path(key); err == nil {
			t.Errorf("%q can be written to %s", key, name)
		}
		if err := tree.Remove(key); err == nil {
			t.Errorf("%q can be removed", key)
		}
		if err := tree.Mkdir(key + "/"); err == nil {
			t.Errorf("%q can be made a folder", key)
		}
	}
	if _, err := os.Stat(filepath.Join(outside, "victim")); err != nil {
		t.Error(err)
	}
	if items, _ := os.ReadDir(outside); len(items) != 2 {
		t.Errorf("%d files are there; want 2", len(items))
	}
}

func FuzzCheckKey(f *testing.F) {
	for _, s := range []string{"a", "a/b", "../a", "a//b", "/a", "a/", "a/.../b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if CheckKey(key) != nil {
			return
		}
		name := filepath.Clean(filepath.FromSlash(key))
		if !filepath.IsLocal(name) || filepath.ToSlash(name) != strings.TrimSuffix(key, "/") {
			t.Errorf("%q would be written to %q", key, name)
		}
	})
}

// TestErrorsNameTheFile wants what goes wrong to name the file that is meant, not the one that is written for the time being.
func TestErrorsNameTheFile(t *testing.T) {
	dir := t.TempDir()
	tree, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	check := func(key string, err error) {
		t.Helper()
		want := "write " + filepath.Join(dir, key) + ": "
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v; want %s…", err, want)
		}
	}
	long := strings.Repeat("x", 300)
	for _, key := range []string{long, "gone/a"} {
		f, err := tree.Write(key)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(dir, "gone")); err != nil {
			t.Fatal(err)
		}
		check(key, f.Commit(time.Now()))
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"file/a", "file/a/b"} {
		if _, err := tree.Write(key); err == nil || err.Error() != filepath.Join(dir, "file")+" is a file: a folder cannot take its place" {
			t.Errorf("got %v", err)
		}
	}
	if err := tree.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = tree.Write("a")
	check("a", err)
}
