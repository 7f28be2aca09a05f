package packblob_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/blob/packblob"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

// bytesOf returns the bytes of the pack that has a blob.
func bytesOf(t testing.TB, fsys vfs.FS, id blob.ID) []byte {
	t.Helper()
	b, err := vfs.ReadFile(fsys, file(id), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// overwrite changes bytes of the pack that has a blob, where they lie.
func overwrite(t testing.TB, fsys vfs.FS, id blob.ID, off int64, b []byte) {
	t.Helper()
	p, err := fsys.OpenPack(file(id))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.WriteAt(b, off); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}

// replace makes b the pack that has a blob. An engine that is open may have the former file open.
func replace(t testing.TB, fsys vfs.FS, id blob.ID, b []byte) {
	t.Helper()
	name := file(id)
	if err := errors.Join(fsys.MkdirAll(fsys.PathDir(name), 0o700), vfs.WriteFile(fsys, name, b, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// place returns where in its pack a blob starts.
func place(id blob.ID) int64 { return int64(id.Seq&(1<<28-1)) * 4096 }

// wantCorrupt checks that a blob is found corrupt, and that what is handed out before is right.
func wantCorrupt(t *testing.T, what string, e *packblob.Engine, id blob.ID, right []byte) {
	t.Helper()
	for _, writeTo := range []bool{false, true} {
		got, err := get(t.Context(), e, id, writeTo)
		if !errors.Is(err, blob.ErrCorrupt) || !strings.Contains(err.Error(), id.String()) || !strings.Contains(err.Error(), file(id)) {
			t.Errorf("%s: %v; want ErrCorrupt with the names of blob and pack", what, err)
		}
		if !bytes.HasPrefix(right, got) || len(got)%(64<<10) != 0 {
			t.Errorf("%s: %d bytes were handed out that are not whole right chunks", what, len(got))
		}
	}
}

// TestFlippedBitIsFound flips a bit in each byte of a pack in turn.
func TestFlippedBitIsFound(t *testing.T) {
	fsys := vfs.NewMem()
	e := open(t, fsys)
	sizes := []int{0, 1, 300, 70_000}
	ids := mustPut(t, e, 1, sizes...)
	whole := bytesOf(t, fsys, ids[0])
	for i := 0; i < len(whole); i++ {
		overwrite(t, fsys, ids[0], int64(i), []byte{whole[i] ^ 1<<(i%8)})
		skip := 0
		for j, id := range ids {
			at := i - int(place(id))
			end := 32 + sizes[j] + (sizes[j]+65535)/65536*4
			switch {
			case at >= 0 && at < end:
				wantCorrupt(t, fmt.Sprintf("byte %d of the blob of %d", at, sizes[j]), e, id, content(uint64(j), sizes[j]))
			case j < 3 || i%8 == 0:
				wantBlob(t, e, id, uint64(j), sizes[j])
			}
			switch {
			case at >= end && at < 4000 && sizes[j] < 4000:
				skip = 96 // between blobs
			case at > 500 && at < end-500:
				skip = 210 // some of the data of the large blob
			}
		}
		overwrite(t, fsys, ids[0], int64(i), whole[i:i+1])
		i += skip
		if t.Failed() {
			t.Fatalf("byte %d of the pack", i)
		}
	}
	closeEngine(t, e)
}

func TestCutPackIsFound(t *testing.T) {
	fsys := vfs.NewMem()
	e := open(t, fsys)
	sizes := []int{300, 70_000}
	ids := mustPut(t, e, 1, sizes...)
	closeEngine(t, e)
	whole := bytesOf(t, fsys, ids[0])
	for n := 0; n < len(whole); n += 1 + n%997 {
		replace(t, fsys, ids[0], whole[:n])
		e := open(t, fsys)
		for i, id := range ids {
			switch start := int(place(id)); {
			case n < start+32:
				wantAbsent(t, e, id)
			case n < start+32+sizes[i]+(sizes[i]+65535)/65536*4:
				wantCorrupt(t, fmt.Sprintf("pack cut to %d of %d", n, len(whole)), e, id, content(uint64(i), sizes[i]))
			default:
				wantBlob(t, e, id, uint64(i), sizes[i])
			}
		}
		closeEngine(t, e)
	}
}

func TestRightBytesInWrongPlaceAreFound(t *testing.T) {
	fsys := vfs.NewMem()
	e, err := packblob.Open(fsys, root, packblob.Options{})
	if err != nil {
		t.Fatal(err)
	}
	same := content(0, 200_000)
	var ids []blob.ID
	for range 2 {
		id, err := put(t.Context(), e, 1, same)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	a, b := ids[0], ids[1]
	whole := bytesOf(t, fsys, a)
	one := whole[:place(b)]
	other := whole[place(b):]

	overwrite(t, fsys, a, 0, other)
	wantCorrupt(t, "bytes of another blob", e, a, nil)
	_, err = get(t.Context(), e, a, false)
	if !strings.Contains(fmt.Sprint(err), b.String()) {
		t.Errorf("error %v does not name the other blob", err)
	}
	overwrite(t, fsys, a, 0, one[:32])
	wantCorrupt(t, "data and table of another blob", e, a, nil)

	const chunk = 64 << 10
	overwrite(t, fsys, a, 0, one)
	overwrite(t, fsys, a, 32, one[32+chunk:][:chunk])
	overwrite(t, fsys, a, 32+chunk, one[32:][:chunk])
	wantCorrupt(t, "chunks swapped", e, a, nil)
	for i := range int64(2) { // sums go with their chunks
		overwrite(t, fsys, a, 32+200_000+4*i, one[32+200_000+4*(1-i):][:4])
	}
	wantCorrupt(t, "chunks and their sums swapped", e, a, nil)
	closeEngine(t, e)
}

func TestRangeBesideDamageIsRead(t *testing.T) {
	fsys := vfs.NewMem()
	e := open(t, fsys)
	for _, size := range []int{300_000, 5 << 20} {
		id := mustPut(t, e, 1, size)[0]
		b := content(0, size)
		overwrite(t, fsys, id, place(id)+32+150_000, []byte{b[150_000] ^ 1}) // chunk 2
		for _, test := range []struct {
			off, n int64
			ok     bool
		}{{0, 131_072, true}, {196_608, -1, true}, {0, 131_073, false}, {196_607, 1, false}, {131_072, 1, false}} {
			r, err := e.Open(t.Context(), id, test.off, test.n)
			if err != nil {
				t.Fatal(err)
			}
			var buf bytes.Buffer
			_, err = buf.ReadFrom(r)
			if (err == nil) != test.ok || err != nil && !strings.Contains(err.Error(), "chunk 2") {
				t.Errorf("range %d+%d = %v; want an error with chunk 2: %t", test.off, test.n, err, !test.ok)
			}
			if !bytes.HasPrefix(b[test.off:], buf.Bytes()) {
				t.Errorf("range %d+%d: wrong bytes", test.off, test.n)
			}
			if _, again := r.Read(make([]byte, 1)); again == nil {
				t.Errorf("range %d+%d: Read after its end or error = nil", test.off, test.n)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	closeEngine(t, e)
}

// forge returns the header of a blob, made as anybody can who knows the format.
func forge(version uint16, id blob.ID, size uint64) []byte {
	b := binary.BigEndian.AppendUint16([]byte("OISB"), version)
	b = append(b, 0, 0)
	b = id.Append(b)
	b = binary.BigEndian.AppendUint64(b, size)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

func TestNewerFormatIsRefused(t *testing.T) {
	fsys := vfs.NewMem()
	e := open(t, fsys)
	id := mustPut(t, e, 1, 100)[0]
	overwrite(t, fsys, id, 0, forge(2, id, 100))
	_, err := get(t.Context(), e, id, false)
	if err == nil || errors.Is(err, blob.ErrCorrupt) || !strings.Contains(err.Error(), "format 2") {
		t.Errorf("Open of a blob of format 2 = %v; want an error that says so, and not ErrCorrupt", err)
	}
	for _, size := range []uint64{1 << 63, 1<<63 - 1, 1 << 40, 1<<40 - 1} {
		overwrite(t, fsys, id, 0, forge(1, id, size))
		if _, err := get(t.Context(), e, id, false); !errors.Is(err, blob.ErrCorrupt) {
			t.Errorf("Open of a blob that claims %d bytes = %v; want ErrCorrupt", size, err)
		}
	}
	closeEngine(t, e)
}

// TestForgedBlobIsJustBytes puts a blob whose data holds what looks like blobs, at the pages where they would lie.
func TestForgedBlobIsJustBytes(t *testing.T) {
	fsys := vfs.NewMem()
	e := open(t, fsys)
	b := bytes.Clone(content(0, 100_000))
	var inside []blob.ID
	for page := uint64(1); page < 20; page += 3 {
		id := blob.ID{Epoch: 1, Seq: page}
		copy(b[page*4096-32:], forge(1, id, 1<<20)) // which claims what is behind it
		inside = append(inside, id)
	}
	id, err := put(t.Context(), e, 1, b)
	if err != nil || place(id) != 0 {
		t.Fatalf("Put = %s, %v; want the first of its pack", id, err)
	}
	next := mustPut(t, e, 1, 500)[0]
	closeEngine(t, e)

	e = open(t, fsys)
	if n, err := e.Collect(t.Context(), 1, alive(id, next), false); err != nil || n != 0 {
		t.Errorf("Collect where all live = %d, %v; want 0 and nil", n, err)
	}
	if got, err := get(t.Context(), e, id, false); err != nil || !bytes.Equal(got, b) {
		t.Errorf("blob with forged ones in it: %v", err)
	}
	if n, err := e.Collect(t.Context(), 1, alive(next), false); err != nil || n < 100_000 {
		t.Errorf("Collect of it = %d, %v; want that all of it goes", n, err)
	}
	for _, id := range append(inside, id) {
		wantAbsent(t, e, id)
	}
	wantBlob(t, e, next, 0, 500)
	closeEngine(t, e)
}

// TestCollectKeepsWhatItDoesNotKnow damages headers of blobs that live. Where they end nobody knows, so nothing up to
// the next one may go.
func TestCollectKeepsWhatItDoesNotKnow(t *testing.T) {
	const n, size = 5, 5000
	for damaged := range n {
		for name, damage := range damages(blob.ID{Epoch: 1, Seq: uint64(damaged * 2)}) {
			fsys := vfs.NewMem()
			e := open(t, fsys)
			ids := mustPut(t, e, 1, size, size, size, size, size)
			closeEngine(t, e)
			e = open(t, fsys)
			header := bytesOf(t, fsys, ids[0])[place(ids[damaged]):][:32]
			overwrite(t, fsys, ids[0], place(ids[damaged]), damage)
			live := []blob.ID{ids[damaged]}
			if damaged+2 < n {
				live = append(live, ids[damaged+2])
			}
			if _, err := e.Collect(t.Context(), 1, alive(live...), false); err != nil {
				t.Errorf("Collect where a header is %s: %v", name, err)
			}
			overwrite(t, fsys, ids[0], place(ids[damaged]), header)
			for i, id := range ids {
				if i >= damaged && i <= damaged+2 {
					wantBlob(t, e, id, uint64(i), size)
				} else {
					wantAbsent(t, e, id)
				}
			}
			closeEngine(t, e)
		}
	}
}

// damages are what may be in the place of the header of a blob, and does not say where the blob ends.
func damages(id blob.ID) map[string][]byte {
	return map[string][]byte{
		"zeros":          make([]byte, 32),
		"no magic":       make([]byte, 20),
		"wrong checksum": append(forge(1, id, 5000)[:20], 1),
		"another blob":   forge(1, blob.ID{Epoch: id.Epoch, Seq: id.Seq + 1}, 5000),
		"too many bytes": forge(1, id, 1<<40),
		"another format": forge(2, id, 5000),
		"ones":           bytes.Repeat([]byte{0xff}, 32),
	}
}

// TestDeleteOfDamagedBlobSpares its neighbours: it goes with its pack.
func TestDeleteOfDamagedBlobSpares(t *testing.T) {
	for name, damage := range damages(blob.ID{Epoch: 1, Seq: 1}) {
		fsys := vfs.NewMem()
		e := open(t, fsys)
		ids := mustPut(t, e, 1, 100, 5000, 100)
		closeEngine(t, e)
		e = open(t, fsys)
		overwrite(t, fsys, ids[1], place(ids[1]), damage)
		before := bytesOf(t, fsys, ids[0])
		if err := e.Delete(t.Context(), alive(ids[0], ids[2]), ids[1]); err != nil {
			t.Errorf("Delete of a blob whose header is %s = %v; want nil", name, err)
		}
		if !bytes.Equal(bytesOf(t, fsys, ids[0]), before) {
			t.Errorf("Delete of a blob whose header is %s has changed its pack", name)
		}
		if err := e.Delete(t.Context(), alive(), ids[0], ids[2]); err != nil {
			t.Error(err)
		}
		if epochs, err := e.Epochs(t.Context()); err != nil || len(epochs) != 0 {
			t.Errorf("Epochs after all of a pack was deleted = %v, %v; want none", epochs, err)
		}
		closeEngine(t, e)
	}
}

// TestCollectOfCutPack collects in a pack that has lost its end, with blobs that should live.
func TestCollectOfCutPack(t *testing.T) {
	fsys := vfs.NewMem()
	e := open(t, fsys)
	ids := mustPut(t, e, 1, 5000, 5000, 70_000, 5000)
	closeEngine(t, e)
	whole := bytesOf(t, fsys, ids[0])
	pages := func(from, to int) int64 { return int64(max(to-from, 0)+4095) / 4096 * 4096 }
	for n := 0; n <= len(whole); n += 1000 {
		replace(t, fsys, ids[0], whole[:n])
		want := pages(0, min(n, 8192))
		if n >= 8192+32 { // the header that says where the second blob ends
			want += pages(16384, min(n, int(place(ids[3]))))
		}
		e := open(t, fsys)
		live := alive(ids[1], ids[3])
		for _, dry := range []bool{true, false} {
			if got, err := e.Collect(t.Context(), 1, live, dry); err != nil || got != want {
				t.Errorf("Collect(dry=%t) of a pack cut to %d = %d, %v; want %d and nil", dry, n, got, err, want)
			}
		}
		if got, err := e.Collect(t.Context(), 1, live, true); err != nil || got != 0 {
			t.Errorf("Collect again of a pack cut to %d = %d, %v; want 0 and nil", n, got, err)
		}
		if got := len(bytesOf(t, fsys, ids[0])); got != n {
			t.Errorf("pack cut to %d has %d bytes after Collect", n, got)
		}
		if n >= 16384 {
			wantBlob(t, e, ids[1], 1, 5000)
		}
		closeEngine(t, e)
	}
}

// TestCollectCountsNoHoles collects packs of which most was deleted before.
func TestCollectCountsNoHoles(t *testing.T) {
	for _, test := range []struct {
		deleted    int // blobs
		unreadable bool
		want       int64
	}{{0, false, 212_992}, {2, false, 8192}, {3, false, 0}, {2, true, 212_992}} {
		fsys := errfs.New(vfs.NewMem())
		e := open(t, fsys)
		ids := mustPut(t, e, 1, 100_000, 100_000, 5000)
		if err := e.Delete(t.Context(), alive(), ids[:test.deleted]...); err != nil {
			t.Fatal(err)
		}
		closeEngine(t, e)
		e = open(t, fsys)
		fsys.SetHook(func(op errfs.Op) error {
			if test.unreadable && op.Kind == "view" {
				return errfs.ErrInjected
			}
			return nil
		})
		for _, dry := range []bool{true, false} {
			if n, err := e.Collect(t.Context(), 1, alive(), dry); err != nil || n != test.want {
				t.Errorf("%+v: Collect(dry=%t) = %d, %v; want %d and nil", test, dry, n, err, test.want)
			}
		}
		if epochs, err := e.Epochs(t.Context()); err != nil || len(epochs) != 0 {
			t.Errorf("%+v: Epochs after Collect = %v, %v; want none", test, epochs, err)
		}
		closeEngine(t, e)
	}
}

func TestStrayFilesAreNamed(t *testing.T) {
	for _, stray := range []string{
		"0000001/x", "000000001/x", "0000000A/x", "1/x", "lost-found/x", "00000001.tmp",
		"00000001/x", "00000001/00000000.pack", "00000001/0000000000.pack", "00000001/00000000A.pack",
		"00000001/000000000", "00000001/000000000.pack.tmp", "00000001/lost+found",
	} {
		fsys := vfs.NewMem()
		e := open(t, fsys)
		mustPut(t, e, 1, 10)
		closeEngine(t, e)
		name := root + "/" + stray
		if err := errors.Join(fsys.MkdirAll(fsys.PathDir(name), 0o700), vfs.WriteFile(fsys, name, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		e = open(t, fsys)
		first, _, _ := strings.Cut(stray, "/")
		_, err := e.Epochs(t.Context())
		if err == nil || !strings.Contains(err.Error(), first) {
			t.Errorf("stray %s: Epochs = %v; want an error that names it", stray, err)
		}
		if strings.HasPrefix(stray, "00000001/") {
			if _, err := e.Collect(t.Context(), 1, alive(), false); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("stray %s: Collect = %v; want an error that names it", stray, err)
			}
		}
		closeEngine(t, e)
	}
}

func TestLostAndFoundIsIgnored(t *testing.T) {
	fsys := vfs.NewMem()
	if err := fsys.MkdirAll(root+"/lost+found", 0o700); err != nil {
		t.Fatal(err)
	}
	e := open(t, fsys)
	mustPut(t, e, 1, 10)
	if epochs, err := e.Epochs(t.Context()); err != nil || len(epochs) != 1 {
		t.Errorf("Epochs beside lost+found = %v, %v; want one", epochs, err)
	}
	closeEngine(t, e)
}

func TestFilesAreForTheirOwnerOnly(t *testing.T) {
	dir := t.TempDir() + "/data"
	e, err := packblob.Open(vfs.Disk, dir, small)
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, e, 1, 10)
	for name, want := range map[string]fs.FileMode{"": 0o700, "/00000001": 0o700, "/00000001/000000000.pack": 0o600} {
		fi, err := vfs.Disk.Stat(dir + name)
		if err != nil {
			t.Fatal(err)
		}
		if got := fi.Mode().Perm(); vfs.Disk.PathJoin("a", "b") == "a/b" && got != want {
			t.Errorf("mode of %s is %o; want %o", name, got, want)
		}
	}
	closeEngine(t, e)
}

func TestEmptyDirectoriesGo(t *testing.T) {
	fsys := vfs.NewMem()
	e := open(t, fsys)
	one, two := mustPut(t, e, 1, 10), mustPut(t, e, 2, 10)
	closeEngine(t, e)
	e = open(t, fsys)
	if err := e.Delete(t.Context(), alive(two...), one...); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Collect(t.Context(), 2, alive(), false); err != nil {
		t.Fatal(err)
	}
	if names, err := fsys.List(root); err != nil || len(names) != 0 {
		t.Errorf("directories left: %v, %v; want none", names, err)
	}
	one = mustPut(t, e, 3, 140<<10)
	if err := e.Delete(t.Context(), alive(), one...); err != nil {
		t.Fatal(err)
	}
	closeEngine(t, e)
	if names, err := fsys.List(root); err != nil || len(names) != 0 {
		t.Errorf("directories left after Close: %v, %v; want none", names, err)
	}
}
