package store_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/blob/packblob"
	"github.com/oisproject/ois/internal/meta/pebblemeta"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/simtest/sample"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
)

var flipStride = flag.Int("flip.stride", 61, "TestFlippedBit flips one bit in so many bytes of the metadata")

// An image is what lies on a disk: the content of files by their names.
type image map[string][]byte

// imageOf reads all files.
func imageOf(t *testing.T, fsys vfs.FS, dir string) image {
	t.Helper()
	img := image{}
	names, err := fsys.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		name := path.Join(dir, name)
		fi, err := fsys.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if fi.IsDir() {
			maps.Copy(img, imageOf(t, fsys, name))
			continue
		}
		if img[name], err = vfs.ReadFile(fsys, name, 1<<30); err != nil {
			t.Fatal(err)
		}
	}
	return img
}

// mount returns a file system with the files.
func (img image) mount(t *testing.T) *vfs.Mem {
	t.Helper()
	m := vfs.NewMem()
	for name, data := range img {
		if err := m.MkdirAll(path.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		f, err := m.Create(name, "test")
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

// A witness knows what a store held when it was whole.
type witness struct {
	image   image
	objects map[string]string
}

// newWitness fills a store with objects of all forms. Its rows are in tables if flushed is true, else in the log.
func newWitness(t *testing.T, flushed bool) *witness {
	t.Helper()
	w := &witness{objects: map[string]string{
		"small":  "some bytes that lie beside their row",
		"middle": string(noise(70_000, 1)),
		"large":  string(noise(200_000, 2)), // in several chunks
	}}
	for i := range 20 {
		w.objects[fmt.Sprintf("many/%03d", i)] = strings.Repeat(fmt.Sprint(i), i*200)
	}
	p := &patient{t: t, fs: vfs.NewMem()}
	s := p.open(store.Options{})
	b := makeBucket(t, s, "test-bucket")
	for key, data := range w.objects {
		put(t, b, key, data)
	}
	part := noise(100_000, 3)
	id := initiate(t, b, "parts")
	upload(t, b, "parts", id, 0, part)
	if _, err := complete(t, b, "parts", id, 0); err != nil {
		t.Fatal(err)
	}
	w.objects["parts"] = string(part)
	for at, text := range []string{0: "abc", 3: "def"} {
		if text != "" {
			in := &op.AppendObjectInput{Key: "log", Position: int64(at), Body: strings.NewReader(text), ContentLength: 3}
			if _, err := b.AppendObject(t.Context(), in); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.objects["log"] = "abcdef"
	p.close(s)
	if flushed {
		p.engines() // writes what the log holds into tables
		p.reopen()
		p.close(p.open(store.Options{}))
	}
	w.image = imageOf(t, p.fs, "")
	return w
}

// A verdict is what became of a flipped bit.
type verdict struct {
	opened  bool
	unread  int // objects that gave an error
	absent  int // objects that were said not to be there
	problem bool
}

// flip flips a bit and looks what becomes of the objects. None may have wrong bytes, and a damaged one must be found.
func (w *witness) flip(t *testing.T, name string, off int) (v verdict) {
	t.Helper()
	where := fmt.Sprintf("a flipped bit in byte %d of %s", off, name)
	img := maps.Clone(w.image)
	img[name] = slices.Clone(img[name])
	img[name][off] ^= 1 << (off % 8)
	fsys := img.mount(t)
	m, err := pebblemeta.Open(pebblemeta.Options{FS: fsys, Dir: "meta"})
	if err != nil {
		return v
	}
	b, err := packblob.Open(fsys, "blobs", packblob.Options{})
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	s, err := store.Open(t.Context(), store.Options{Meta: m, Blobs: b, Still: true})
	if err != nil {
		return v
	}
	v.opened = true
	v.unread, v.absent = w.read(t, where, s)
	r, err := s.Check(t.Context())
	v.problem = err != nil || !r.Clean()
	if v.unread > 0 && !v.problem {
		t.Errorf("%s: %d objects cannot be read, and fsck finds nothing", where, v.unread)
	}
	_ = s.Close() // it may have met the damage, too
	return v
}

// read compares all objects with what they held.
func (w *witness) read(t *testing.T, where string, s *store.Store) (unread, absent int) {
	t.Helper()
	b, err := s.Bucket(t.Context(), "test-bucket")
	if err != nil {
		return len(w.objects), 0
	}
	for key, want := range w.objects {
		switch got, err := get(t, b, key); {
		case err == nil && got != want:
			t.Errorf("%s: object %q has wrong bytes", where, key)
		case err != nil && strings.Contains(err.Error(), "does not exist"):
			absent++
		case err != nil:
			unread++
		}
	}
	out, err := b.ListObjects(t.Context(), &op.ListObjectsInput{Limit: 1000})
	if err == nil && len(out.Keys) != len(w.objects)-absent {
		t.Errorf("%s: a listing has %d keys; want %d or an error", where, len(out.Keys), len(w.objects))
	}
	return unread, absent
}

// files returns the names that end with suffix, sorted.
func (w *witness) files(suffix string) []string {
	names := slices.Sorted(maps.Keys(w.image))
	return slices.DeleteFunc(names, func(n string) bool { return !strings.HasSuffix(n, suffix) })
}

// TestFlippedBit flips bits all over the tables of the metadata and the packs. Whatever is read is right or an error.
func TestFlippedBit(t *testing.T) {
	t.Parallel()
	w, taken := newWitness(t, true), sample.OneOf(5, t.Logf)
	slack := 0
	for _, name := range slices.Concat(w.files(".sst"), w.files(".blob")) {
		for off := 0; off < len(w.image[name]); off += *flipStride {
			if !taken() {
				continue
			}
			v := w.flip(t, name, off)
			if v.absent > 0 {
				t.Errorf("a flipped bit in byte %d of %s hides %d objects", off, name, v.absent)
			}
			if v.opened && !v.problem {
				slack++
			}
		}
	}
	t.Logf("%d flips did no harm", slack)
	for _, name := range w.files(".pack") {
		w.flipPack(t, name, taken)
	}
}

// flipPack flips bits in a pack: in all bytes of some pages, and in some of the others.
func (w *witness) flipPack(t *testing.T, name string, taken func() bool) {
	t.Helper()
	data := w.image[name]
	for off := 0; off < len(data); off += 1 + off/20 {
		if !taken() {
			continue
		}
		v := w.flip(t, name, off)
		if !v.opened || v.absent > 0 {
			t.Errorf("a flipped bit in byte %d of %s: %+v; want the store open and all objects known", off, name, v)
		}
		if slack := data[off] == 0 && v.unread == 0; !v.problem && !slack {
			t.Errorf("a flipped bit in byte %d of %s is not found", off, name)
		}
	}
}

// TestDamagedTableIsCheckedAround: a table with a damaged block costs what is in that block, and no more.
func TestDamagedTableIsCheckedAround(t *testing.T) {
	t.Parallel()
	w := &witness{objects: map[string]string{}}
	p := &patient{t: t, fs: vfs.NewMem()}
	s := p.open(store.Options{})
	b := makeBucket(t, s, "test-bucket")
	for i := range 1000 {
		key := fmt.Sprintf("directory-%d/%04d", i%7, i)
		w.objects[key] = string(noise(200, uint64(i)))
		put(t, b, key, w.objects[key])
	}
	p.close(s)
	p.engines() // writes what the log holds into a table
	p.reopen()
	p.close(p.open(store.Options{}))
	w.image = imageOf(t, p.fs, "")
	table := w.image[w.files(".sst")[0]]
	for percent, kind := range map[int]byte{30: 'd', 85: 'o'} {
		off := len(table) * percent / 100
		table[off] ^= 1
		if got := w.around(t); got != kind {
			t.Errorf("at %d %% rows of the kind %c are damaged; want %c", percent, got, kind)
		}
		table[off] ^= 1
	}
}

// around checks a store with a damaged table, and returns the kind of the damaged rows.
func (w *witness) around(t *testing.T) (kind byte) {
	t.Helper()
	p := &patient{t: t, fs: w.image.mount(t)}
	s := p.open(store.Options{Still: true})
	defer s.Close() // it may have met the damage, too
	r, err := s.Repair(t.Context())
	if err != nil || r.Clean() {
		t.Fatalf("repair = %+v, %v; want problems", r, err)
	}
	if len(r.Repaired) > 0 {
		t.Errorf("repaired %s; want nothing", text(r.Repaired))
	}
	if _, err := fmt.Sscanf(r.Problems[0], `rows from "%c`, &kind); err != nil {
		t.Fatalf("the first problem is %s; want rows that cannot be read", r.Problems[0])
	}
	unread, absent := w.read(t, "a damaged block", s)
	switch {
	case kind == 'd' && (len(r.Damaged) != unread || unread == 0 || absent > 0):
		t.Errorf("%d objects cannot be read and %d are not there; fsck names %d", unread, absent, len(r.Damaged))
	case kind == 'o' && (int64(unread) != 1000-r.Objects || unread == 0 || absent > 0):
		t.Errorf("%d objects cannot be read and %d are not there; fsck has seen %d of 1000: %s", unread, absent, r.Objects, text(r.Problems))
	case unread > 100:
		t.Errorf("%d of 1000 objects are lost with one block", unread)
	}
	return kind
}

// TestWhatIsSweptDuringACheckIsNoProblem: the sweeper does not wait for the end of a check, and takes what it is about to read.
func TestWhatIsSweptDuringACheckIsNoProblem(t *testing.T) {
	p := &patient{t: t, fs: vfs.NewMem()}
	p.engines()
	g := &gate{Engine: p.blobs, reads: make(chan struct{}), open: make(chan struct{})}
	s, err := store.Open(t.Context(), store.Options{Meta: p.meta, Blobs: g})
	if err != nil {
		t.Fatal(err)
	}
	defer p.close(s)
	b := makeBucket(t, s, "test-bucket")
	put(t, b, "a", string(noise(3<<20, 1)))
	put(t, b, "b", string(noise(3<<20, 2)))
	found := make(chan *store.Report)
	go func() {
		r, err := s.Check(t.Context())
		if err != nil {
			t.Error(err)
		}
		found <- r
	}()
	<-g.reads // the first step of what is under a
	for _, key := range []string{"a", "b"} {
		if _, err := b.DeleteObject(t.Context(), &op.DeleteObjectInput{Key: key}); err != nil {
			t.Fatal(err)
		}
	}
	swept := make(chan error)
	go func() { swept <- s.Sweep(t.Context()) }()
	for done := false; !done; {
		select {
		case g.open <- struct{}{}:
		case <-g.reads: // the next step may come first
		case err := <-swept:
			if done = true; err != nil {
				t.Error(err)
			}
		}
	}
	for {
		select {
		case g.open <- struct{}{}:
		case <-g.reads:
		case r := <-found:
			if !r.Clean() || r.Objects != 2 {
				t.Errorf("check = %+v; want 2 objects and no problem", r)
			}
			return
		}
	}
}
