package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/oisproject/ois/oistest"
)

// TestSkippedLinksAreNotDeleted syncs links as what they lead to, and then without that: they are still there.
func TestSkippedLinksAreNotDeleted(t *testing.T) {
	srv := oistest.New(t)
	b := newBucket(t, srv)
	dir := t.TempDir()
	for _, name := range []string{"far/x", "far/y/z", "s/a"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, link := range [][2]string{{"far", "link"}, {"far/x", "file"}} {
		if err := os.Symlink(filepath.Join(dir, link[0]), filepath.Join(dir, "s", link[1])); err != nil {
			t.Skip(err)
		}
	}
	run := func(want, command string) {
		a, _, stderr := clientApp(t, srv, append(strings.Fields(command), filepath.Join(dir, "s"), "ois://my-bucket")...)
		if status, got := a.run(t.Context()), strings.ReplaceAll(contents(t, b), "=text", ""); status != exitOK || got != want {
			t.Errorf("%s: status %d, %s; want %s\n%s", command, status, got, want, stderr)
		}
	}
	run("a file link/x link/y/z", "sync --delete --follow-symlinks")
	for _, key := range []string{"link-2/x", "link.txt", "file/x", "zoo"} {
		write(t, b, key, "text")
	}
	run("a file file/x link/x link/y/z", "sync --delete")
	run("a file file/x link/x link/y/z", "diff")
}
