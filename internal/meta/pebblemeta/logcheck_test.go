package pebblemeta_test

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/meta/pebblemeta"
	"github.com/oisproject/ois/internal/simtest/sample"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

// files reads what is in the directory.
func files(t *testing.T, fsys vfs.FS) map[string][]byte {
	t.Helper()
	names, err := fsys.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string][]byte)
	for _, name := range names {
		if all[name], err = vfs.ReadFile(fsys, path.Join(dir, name), 1<<30); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// mounted returns a file system with files in a directory.
func mounted(t *testing.T, files map[string][]byte, dir string) *vfs.Mem {
	t.Helper()
	m := vfs.NewMem()
	if err := vfs.MkdirAll(m, dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		f, err := m.Create(path.Join(dir, name), "test")
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Write(slices.Clone(data))
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// TestFlippedBitInTheLogLosesNothing flips bits in the log that a process has left. Either the store does not open, with
// an error that says why, or it has all that was acknowledged. What cannot be told from a write that was
// cut off is lost: the last changes of all. There are up to three here: Pebble tells a writer that its record is synced before it
// says so in the log, and what it says leaves out what went to the file as a whole block.
func TestFlippedBitInTheLogLosesNothing(t *testing.T) {
	for _, starts := range []int{1, 2} {
		t.Run(fmt.Sprint("killed after start ", starts), func(t *testing.T) { testLogFlips(t, starts, false, 3) })
		t.Run(fmt.Sprint("closed after start ", starts), func(t *testing.T) { testLogFlips(t, starts, true, 0) })
	}
}

// testLogFlips flips bits after some starts, the last of which ends as closed says. Up to lost changes may vanish.
func testLogFlips(t *testing.T, starts int, closed bool, lost int) {
	const changes = 300
	m := vfs.NewMem()
	want := rows{}
	var e *pebblemeta.Engine
	for start := range starts {
		var err error
		if e, err = pebblemeta.Open(pebblemeta.Options{FS: m, Dir: dir}); err != nil {
			t.Fatal(err)
		}
		if start < starts-1 {
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range changes {
		c := &meta.Change{Sets: []meta.KV{{Key: fmt.Appendf(nil, "row%03d", i), Val: fmt.Appendf(nil, "%d %s", i, strings.Repeat("x", 7*(i%50)))}}}
		if err := e.Apply(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		want = want.after(c)
	}
	left := files(t, m)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if closed {
		left = files(t, m)
	}
	logs := slices.DeleteFunc(slices.Sorted(maps.Keys(left)), func(n string) bool { return !strings.HasSuffix(n, ".log") })
	log := logs[len(logs)-1]
	taken := sample.OneOf(5, t.Logf)
	for off := 0; off < len(left[log]); off += 97 {
		if !taken() {
			continue
		}
		flipped := maps.Clone(left)
		flipped[log] = slices.Clone(left[log])
		flipped[log][off] ^= 1 << (off % 8)
		got, err := recovered(t, mounted(t, flipped, dir))
		if err != nil && !strings.Contains(err.Error(), "log "+log+": it is damaged at offset ") {
			t.Errorf("a flipped bit in byte %d of %d: %v; want an error that says where the log is damaged", off, len(left[log]), err)
		}
		if err == nil && len(got) < changes-lost {
			t.Errorf("a flipped bit in byte %d of %d makes %d of %d changes vanish", off, len(left[log]), changes-len(got), changes)
		}
		if err == nil {
			for k, v := range got {
				if want[k] != v {
					t.Errorf("a flipped bit in byte %d: row %q is wrong", off, k)
				}
			}
		}
	}
}

// TestFlippedBitInTheManifestLosesNothing flips each byte of the manifest that a process has left. Either the store does not open, with an
// error that says why and no file changed, or it has all that was acknowledged.
func TestFlippedBitInTheManifestLosesNothing(t *testing.T) {
	m := vfs.NewMem()
	p := &process{fs: errfs.New(m)}
	if err := p.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	left := files(t, m)
	name := ""
	for n := range left {
		if strings.HasPrefix(n, "MANIFEST-") {
			name = max(name, n) // an older one may be there, too
		}
	}
	want := history(payload)[steps]
	refused := 0
	for off := range left[name] {
		flipped := maps.Clone(left)
		flipped[name] = slices.Clone(left[name])
		flipped[name][off] ^= 1 << (off % 8)
		disk := mounted(t, flipped, dir)
		got, err := recovered(t, disk)
		switch {
		case err == nil && !maps.Equal(got, want):
			t.Errorf("a flipped bit in byte %d of %d leaves %d rows of %d", off, len(left[name]), len(got), len(want))
		case err != nil && !strings.Contains(err.Error(), name+" at offset "):
			t.Errorf("a flipped bit in byte %d of %d: %v; want an error that says where the manifest is damaged", off, len(left[name]), err)
		case err != nil:
			refused++
			if now := files(t, disk); len(now) != len(flipped) {
				t.Errorf("a flipped bit in byte %d of %d: %d files of %d are left", off, len(left[name]), len(now), len(flipped))
			}
		}
	}
	if refused < len(left[name])*9/10 {
		t.Errorf("%d of %d flips were refused; want nearly all", refused, len(left[name]))
	}
}
