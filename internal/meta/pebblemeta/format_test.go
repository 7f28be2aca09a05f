package pebblemeta_test

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/meta/pebblemeta"
	"github.com/oisproject/ois/internal/vfs"
)

var update = flag.Bool("update", false, "write the files of the current format into testdata; for a new format only")

// TestOldFormatsOpen opens the files of every format that a released program has written. What
// is in testdata stays for ever.
func TestOldFormatsOpen(t *testing.T) {
	if *update {
		writeFormat(t, filepath.Join("testdata", "v2"))
	}
	for version, payload := range map[string]func(int) int{
		"v1": func(int) int { return 700 }, // all values in tables
		"v2": payload,
	} {
		want := history(payload)[steps]
		mem := vfs.NewMem()
		copyIn(t, mem, filepath.Join("testdata", version))
		for range 2 { // as it was, and as this program has left it
			got, err := recovered(t, mem)
			if err != nil || !maps.Equal(got, want) {
				t.Fatalf("format %s holds %d rows, %v; want %d", version, len(got), err, len(want))
			}
		}
		e, err := pebblemeta.Open(pebblemeta.Options{FS: mem, Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Apply(t.Context(), &meta.Change{Sets: []meta.KV{{Key: []byte("step"), Val: []byte("new")}}}); err != nil {
			t.Error(err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

// copyIn copies the files of a directory on the disk to where the tests have their store.
func copyIn(t *testing.T, mem *vfs.Mem, from string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := vfs.MkdirAll(mem, dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		b, err := os.ReadFile(filepath.Join(from, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := vfs.WriteFile(mem, mem.PathJoin(dir, entry.Name()), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// writeFormat writes a store to a directory on the disk.
func writeFormat(t *testing.T, to string) {
	t.Helper()
	mem := vfs.NewMem()
	e, err := pebblemeta.Open(pebblemeta.Options{FS: mem, Dir: dir, MemTableBytes: memTable})
	if err != nil {
		t.Fatal(err)
	}
	for i := range steps {
		if err := e.Apply(t.Context(), stepChange(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := mem.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := vfs.ReadFile(mem, mem.PathJoin(dir, name), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if name == "LOCK" {
			continue
		}
		if err := os.WriteFile(filepath.Join(to, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
