package packblob_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/blob/packblob"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

func TestOpenRefusesBadOptions(t *testing.T) {
	for _, opt := range []packblob.Options{{PackLen: 100}, {PackLen: -1}, {PackLen: 1 << 50}, {OwnLen: -1}, {OpenPacks: -1}} {
		if _, err := packblob.Open(vfs.NewMem(), root, opt); err == nil {
			t.Errorf("Open with %+v = nil; want an error", opt)
		}
	}
}

func TestPutRefusesWhatNoPackHolds(t *testing.T) {
	e := open(t, vfs.NewMem())
	_, _, err := e.Put(t.Context(), 1, 1<<40, blob.Read(strings.NewReader("x")))
	if err == nil || !strings.Contains(err.Error(), "allowed") {
		t.Errorf("Put of 1 TiB = %v; want an error that says what is allowed", err)
	}
	closeEngine(t, e)
}

// TestConcurrentPutsShareSyncs stalls a sync. All who write meanwhile share the next one.
func TestConcurrentPutsShareSyncs(t *testing.T) {
	const n = 20
	fsys := errfs.New(vfs.NewMem())
	e := open(t, fsys)
	mustPut(t, e, 1, 10)
	var syncs, writes atomic.Int64
	written := make(chan struct{}, n+1)
	stall, stalled, release := errfs.Stall(func(op errfs.Op) bool { return op.Kind == "syncdata" && syncs.Add(1) == 1 })
	fsys.SetHook(func(op errfs.Op) error {
		if op.Kind == "writeat" {
			writes.Add(1)
			written <- struct{}{}
		}
		return stall(op)
	})
	var wg sync.WaitGroup
	one := func() {
		if _, err := put(t.Context(), e, 1, content(1, 1000)); err != nil {
			t.Error(err)
		}
	}
	wg.Go(one)
	<-stalled
	for range n {
		wg.Go(one)
	}
	for range n + 1 {
		<-written
	}
	packblob.WaitForGroup(e, 1, n)
	release()
	wg.Wait()
	if got := syncs.Load(); got != 2 {
		t.Errorf("%d Puts beside a sync took %d syncs; want 2", n, got)
	}
	closeEngine(t, e)
}

// TestFailedSyncFailsAllWhoWait fails the sync that several Puts share.
func TestFailedSyncFailsAllWhoWait(t *testing.T) {
	const n = 10
	fsys := errfs.New(vfs.NewMem())
	e := open(t, fsys)
	first := mustPut(t, e, 1, 10)[0]
	var syncs atomic.Int64
	stall, stalled, release := errfs.Stall(func(op errfs.Op) bool { return op.Kind == "syncdata" })
	fsys.SetHook(func(op errfs.Op) error {
		if err := stall(op); err != nil || op.Kind != "syncdata" || syncs.Add(1) > 1 {
			return err
		}
		return errfs.ErrInjected
	})
	var wg sync.WaitGroup
	one := func() {
		if _, err := put(t.Context(), e, 1, content(1, 1000)); !errors.Is(err, errfs.ErrInjected) {
			t.Errorf("Put beside a sync that fails = %v; want its error", err)
		}
	}
	wg.Go(one)
	<-stalled
	for range n {
		wg.Go(one)
	}
	packblob.WaitForGroup(e, 1, n)
	release()
	wg.Wait()
	fsys.SetHook(nil)
	wantBlob(t, e, first, 0, 10)
	next := mustPut(t, e, 1, 10)[0]
	if file(next) == file(first) {
		t.Errorf("blob went to %s, where a sync has failed", file(first))
	}
	closeEngine(t, e)
}

// TestFailedSyncOfDeleteFailsPuts fails the sync of a Delete, which is all that the system may tell of what is lost.
func TestFailedSyncOfDeleteFailsPuts(t *testing.T) {
	fsys := errfs.New(vfs.NewMem())
	e := open(t, fsys)
	first := mustPut(t, e, 1, 10)[0]
	g := &gated{left: 2, asked: make(chan struct{}), gate: make(chan struct{})}
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, _, err := e.Put(t.Context(), 1, 2*blob.PieceLen, g); !errors.Is(err, errfs.ErrInjected) {
			t.Errorf("Put beside a Delete whose sync fails = %v; want its error", err)
		}
	})
	g.lend()
	<-g.asked // the first piece is written
	fsys.SetHook(func(op errfs.Op) error {
		if op.Kind == "syncdata" {
			return errfs.ErrInjected
		}
		return nil
	})
	if err := e.Delete(t.Context(), alive(), first); !errors.Is(err, errfs.ErrInjected) {
		t.Errorf("Delete whose sync fails = %v; want its error", err)
	}
	fsys.SetHook(nil)
	g.gate <- struct{}{}
	g.lend()
	wg.Wait()
	if err := e.Delete(t.Context(), alive(), first); err != nil {
		t.Errorf("Delete again = %v; want nil", err)
	}
	closeEngine(t, e)
}

// TestLargeBlobIsFlushedOnTheWay counts the syncs of a blob that comes in many steps, and fails each.
func TestLargeBlobIsFlushedOnTheWay(t *testing.T) {
	for _, size := range []int64{-1, 1 << 20} {
		for fail := range int64(10) {
			fsys := errfs.New(vfs.NewMem())
			e := open(t, fsys)
			var syncs atomic.Int64
			fsys.SetHook(func(op errfs.Op) error {
				if op.Kind == "syncdata" && syncs.Add(1) == fail {
					return errfs.ErrInjected
				}
				return nil
			})
			id, _, err := e.Put(t.Context(), 1, size, blob.Read(bytes.NewReader(content(0, 1<<20))))
			fsys.SetHook(nil)
			const want = 1 << 20 / (128 << 10) // steps, the last of which goes with the rest
			switch got := syncs.Load(); {
			case err == nil && (got != want || fail > 0 && fail <= got):
				t.Errorf("Put of 1 MiB with %d syncs, number %d of which fails = nil; want %d syncs", got, fail, want)
			case err == nil:
				wantBlob(t, e, id, 0, 1<<20)
			case !errors.Is(err, errfs.ErrInjected) || !strings.Contains(err.Error(), ".pack"):
				t.Errorf("Put whose sync %d fails = %v; want its error with the name of the pack", fail, err)
			case len(packs(t, fsys)) > 0:
				t.Errorf("Put whose sync %d fails leaves %v; want nothing", fail, packs(t, fsys))
			}
			closeEngine(t, e)
		}
	}
}

// A gated source lends a piece when it is told to.
type gated struct {
	left  int
	asked chan struct{}
	gate  chan struct{}
}

// Next implements blob.Source.
func (g *gated) Next() ([]byte, error) {
	g.asked <- struct{}{}
	<-g.gate
	if g.left == 0 {
		return nil, io.EOF
	}
	g.left--
	return make([]byte, blob.PieceLen), nil
}

// lend waits until g is asked, and lets it answer.
func (g *gated) lend() {
	<-g.asked
	g.gate <- struct{}{}
}

// TestSlowSourceIsInNobodysWay has a Put wait for its source while others come and go, and the pack fills up.
func TestSlowSourceIsInNobodysWay(t *testing.T) {
	fsys := vfs.NewMem()
	e := open(t, fsys)
	g := &gated{left: 2, asked: make(chan struct{}), gate: make(chan struct{})}
	var slow blob.ID
	var wg sync.WaitGroup
	wg.Go(func() {
		id, n, err := e.Put(t.Context(), 1, 2*blob.PieceLen, g)
		if err != nil || n != 2*blob.PieceLen {
			t.Errorf("Put of a slow source = %d, %v; want all and nil", n, err)
		}
		slow = id
	})
	g.lend()
	<-g.asked // it has room now, and its first pieces
	var ids []blob.ID
	for range 4 { // more than a pack
		ids = append(ids, mustPut(t, e, 1, 100_000)...)
	}
	if err := e.Delete(t.Context(), alive(), ids...); err != nil {
		t.Error(err)
	}
	g.gate <- struct{}{}
	g.lend()
	wg.Wait()
	if err := e.Delete(t.Context(), alive(), ids...); err != nil {
		t.Error(err)
	}
	if got, err := get(t.Context(), e, slow, true); err != nil || len(got) != 2*blob.PieceLen {
		t.Errorf("blob of the slow source: %d bytes, %v", len(got), err)
	}
	e.Settle(slow)
	if err := e.Delete(t.Context(), alive(), slow); err != nil {
		t.Error(err)
	}
	if got := packs(t, fsys); len(got) != 1 {
		t.Errorf("packs after all was deleted: %v; want the current one", got)
	}
	closeEngine(t, e)
}

func TestPacksAreOfLimitedLength(t *testing.T) {
	fsys := vfs.NewMem()
	e := open(t, fsys)
	count := make(map[string]int)
	for range 40 {
		count[file(mustPut(t, e, 1, 60_000)[0])]++
	}
	if len(count) != 10 { // 4 × 60 KiB in 256 KiB
		t.Errorf("40 blobs of 60,000 bytes are in %d packs of 256 KiB; want 10", len(count))
	}
	for name := range count {
		if fi, err := fsys.Stat(name); err != nil || fi.Size() > small.PackLen {
			t.Errorf("%s has %d bytes, %v; want at most %d", name, fi.Size(), err, small.PackLen)
		}
	}
	id, err := put(t.Context(), e, 1, content(1, int(small.PackLen)))
	if err != nil || place(id) != 0 {
		t.Errorf("a blob as large as a pack: %s, %v; want it alone", id, err)
	}
	if next := mustPut(t, e, 1, 10)[0]; file(next) == file(id) {
		t.Errorf("blob went to %s, which is for one blob only", file(id))
	}
	closeEngine(t, e)
}

// TestEmptyPackGoesOnceItIsFull deletes what is in a pack while more may be added to it.
func TestEmptyPackGoesOnceItIsFull(t *testing.T) {
	fsys := vfs.NewMem()
	e := open(t, fsys)
	for range 20 {
		ids := mustPut(t, e, 1, 100_000)
		if err := e.Delete(t.Context(), alive(), ids...); err != nil {
			t.Fatal(err)
		}
	}
	if got := packs(t, fsys); len(got) != 1 {
		t.Errorf("packs after all was deleted: %v; want the current one", got)
	}
	// Where one is not settled, the pack stays.
	id, _, err := e.Put(t.Context(), 1, 5, blob.Read(strings.NewReader("first")))
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		ids := mustPut(t, e, 1, 100_000)
		if err := e.Delete(t.Context(), alive(), ids...); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := get(t.Context(), e, id, true); err != nil || string(got) != "first" {
		t.Errorf("blob that is not settled: %q, %v; want what was put", got, err)
	}
	e.Settle(id)
	if err := e.Delete(t.Context(), alive(id)); err != nil {
		t.Fatal(err)
	}
	if got, err := get(t.Context(), e, id, true); err != nil || string(got) != "first" {
		t.Errorf("blob that is settled: %q, %v; want what was put", got, err)
	}
	if err := e.Delete(t.Context(), alive(), id); err != nil {
		t.Fatal(err)
	}
	if got := packs(t, fsys); len(got) != 1 {
		t.Errorf("packs after all was deleted: %v; want the current one", got)
	}
	closeEngine(t, e)
}

// TestEmptyPackGoesInTheEnd fails to find out at first whether anything lives in a pack that was emptied while more could be
// added to it.
func TestEmptyPackGoesInTheEnd(t *testing.T) {
	fsys := errfs.New(vfs.NewMem())
	e := open(t, fsys)
	ids := mustPut(t, e, 1, 100_000, 100_000)
	if err := e.Delete(t.Context(), alive(), ids...); err != nil {
		t.Fatal(err)
	}
	next := mustPut(t, e, 1, 100_000)[0] // the pack is full
	broken := errors.New("cannot tell")
	if err := e.Delete(t.Context(), func(blob.ID) (blob.ID, bool, error) { return blob.ID{}, false, broken }); !errors.Is(err, broken) {
		t.Errorf("Delete where live fails = %v; want its error", err)
	}
	fsys.SetHook(func(op errfs.Op) error {
		if op.Kind == "remove" {
			return errfs.ErrInjected
		}
		return nil
	})
	if err := e.Delete(t.Context(), alive(next)); !errors.Is(err, errfs.ErrInjected) {
		t.Errorf("Delete where a file cannot be removed = %v; want that error", err)
	}
	fsys.SetHook(nil)
	if err := e.Delete(t.Context(), alive(next)); err != nil {
		t.Errorf("Delete again = %v; want nil", err)
	}
	if got := packs(t, fsys); len(got) != 1 {
		t.Errorf("packs: %v; want that with the blob that lives", got)
	}
	closeEngine(t, e)
}

// TestReaderOutlivesItsPack reads on while the pack goes.
func TestReaderOutlivesItsPack(t *testing.T) {
	fsys := errfs.New(vfs.NewMem())
	e := open(t, fsys)
	id := mustPut(t, e, 1, 200_000)[0]
	r, err := e.Open(t.Context(), id, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	files := fsys.OpenFiles()
	if err := e.Delete(t.Context(), alive(), id); err != nil {
		t.Fatal(err)
	}
	wantAbsent(t, e, id)
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, content(0, 200_000)) {
		t.Errorf("read of %d bytes, %v; want all", len(got), err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if got := fsys.OpenFiles(); got != files-1 {
		t.Errorf("%d files are open; want %d, without that which is gone", got, files-1)
	}
	closeEngine(t, e)
}

func TestFewFilesStayOpen(t *testing.T) {
	fsys := errfs.New(vfs.NewMem())
	e := open(t, fsys)
	var ids []blob.ID
	for range 10 {
		ids = append(ids, mustPut(t, e, 1, 140<<10)...)
	}
	var readers []io.Closer
	for round := range 3 {
		for _, id := range ids {
			wantBlob(t, e, id, 0, 140<<10)
			if round == 1 {
				r, err := e.Open(t.Context(), id, 0, -1)
				if err != nil {
					t.Fatal(err)
				}
				readers = append(readers, r)
			}
		}
		if got, limit := fsys.OpenFiles(), int64(small.OpenPacks+len(readers)); got > limit {
			t.Errorf("round %d: %d files are open; want at most %d", round, got, limit)
		}
	}
	for _, r := range readers {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := fsys.OpenFiles(); got > int64(small.OpenPacks) {
		t.Errorf("%d files are open; want at most %d", got, small.OpenPacks)
	}
	closeEngine(t, e)
	if got := fsys.OpenFiles(); got != 0 {
		t.Errorf("%d files are open after Close; want none", got)
	}
}

// TestNewStartNeverAppends opens an engine for an epoch that has packs.
func TestNewStartNeverAppends(t *testing.T) {
	fsys := vfs.NewMem()
	seen := make(map[string]bool)
	for range 3 {
		e := open(t, fsys)
		id := mustPut(t, e, 1, 10)[0]
		if seen[file(id)] {
			t.Errorf("a new start has put into %s, which was there before", file(id))
		}
		seen[file(id)] = true
		closeEngine(t, e)
	}
}

func TestCollectRefusesTheEpochOfWriters(t *testing.T) {
	e := open(t, vfs.NewMem())
	id := mustPut(t, e, 1, 10)[0]
	for _, dry := range []bool{true, false} {
		if _, err := e.Collect(t.Context(), 1, alive(), dry); err == nil || !strings.Contains(err.Error(), "epoch 1") {
			t.Errorf("Collect of the epoch that is written = %v; want an error that names it", err)
		}
	}
	wantBlob(t, e, id, 0, 10)
	closeEngine(t, e)
}

// noHoles is a file system that cannot punch holes.
type noHoles struct{ vfs.FS }

type noHolesPack struct{ vfs.Pack }

// CreatePack implements vfs.FS.
func (f noHoles) CreatePack(name string, mode fs.FileMode) (vfs.Pack, error) {
	p, err := f.FS.CreatePack(name, mode)
	return noHolesPack{p}, err
}

// OpenPack implements vfs.FS.
func (f noHoles) OpenPack(name string) (vfs.Pack, error) {
	p, err := f.FS.OpenPack(name)
	return noHolesPack{p}, err
}

// PunchHole implements vfs.Pack.
func (noHolesPack) PunchHole(int64, int64) error { return vfs.ErrNoHoles }

func TestWithoutHolesWholePacksGo(t *testing.T) {
	fsys := noHoles{vfs.NewMem()}
	e := open(t, fsys)
	ids := mustPut(t, e, 1, 100, 5000, 100_000)
	other := mustPut(t, e, 2, 100, 100, 100)
	closeEngine(t, e)
	e = open(t, fsys)
	if err := e.Delete(t.Context(), alive(ids[2]), ids[:2]...); err != nil {
		t.Fatal(err)
	}
	wantAbsent(t, e, ids[0])
	wantAbsent(t, e, ids[1])
	wantBlob(t, e, ids[2], 2, 100_000)
	if n, err := e.Collect(t.Context(), 2, alive(other[1]), false); err != nil || n != 0 {
		t.Errorf("Collect without holes = %d, %v; want 0 and nil", n, err)
	}
	wantBlob(t, e, other[1], 1, 100)
	if err := e.Delete(t.Context(), alive(), append(other, ids[2])...); err != nil {
		t.Fatal(err)
	}
	if epochs, err := e.Epochs(t.Context()); err != nil || len(epochs) != 0 {
		t.Errorf("Epochs after all was deleted = %v, %v; want none", epochs, err)
	}
	closeEngine(t, e)
}

func TestErrorOfWriterComesBackAsItIs(t *testing.T) {
	e := open(t, vfs.NewMem())
	for _, n := range []int{100, 100_000, 5 << 20} {
		id := mustPut(t, e, 1, n)[0]
		r, err := e.Open(t.Context(), id, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		broken := errors.New("connection is gone")
		w := &brokenWriter{left: n / 2, err: broken}
		got, err := r.(io.WriterTo).WriteTo(w)
		if err != broken || got != int64(n/2) { //nolint:errorlint // exactly: nothing of ours has failed
			t.Errorf("WriteTo a writer that breaks after %d bytes = %d, %v; want that and its error", n/2, got, err)
		}
		// The reader goes on where the writer has stopped.
		rest, err := io.ReadAll(struct{ io.Reader }{r})
		if err != nil || !bytes.Equal(rest, content(0, n)[n/2:]) {
			t.Errorf("Read after it: %d bytes, %v; want the other half", len(rest), err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	closeEngine(t, e)
}

// A brokenWriter takes some bytes.
type brokenWriter struct {
	left int
	err  error
}

// Write implements io.Writer.
func (w *brokenWriter) Write(p []byte) (int, error) {
	n := min(w.left, len(p))
	w.left -= n
	if n < len(p) {
		return n, w.err
	}
	return n, nil
}

// TestMemoryOfCalls bounds what a Put and a read of a blob allocate: more needs a reason.
func TestMemoryOfCalls(t *testing.T) {
	e, err := packblob.Open(vfs.Disk, t.TempDir(), packblob.Options{})
	if err != nil {
		t.Fatal(err)
	}
	data := content(0, 64<<10)
	src := new(whole)
	var id blob.ID
	if got := testing.AllocsPerRun(20, func() {
		src.left = data
		id, _, err = e.Put(t.Context(), 1, int64(len(data)), src)
		if err != nil {
			t.Fatal(err)
		}
		e.Settle(id)
	}); got > 4 {
		t.Errorf("Put allocates %.0f times; want at most 4", got)
	}
	if got := testing.AllocsPerRun(20, func() {
		if err := discard(t.Context(), e, id); err != nil {
			t.Fatal(err)
		}
	}); got > 5 {
		t.Errorf("Open, WriteTo and Close allocate %.0f times; want at most 5", got)
	}
	closeEngine(t, e)
}
