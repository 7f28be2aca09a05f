package datadir

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

const mib = 1 << 20

// A gauge is a file system that says how much room it has. The ballast takes some of it.
type gauge struct {
	vfs.FS
	total uint64
	free  atomic.Int64 // without the ballast
	looks atomic.Int64
	err   error
}

func newGauge(total, free int64) *gauge {
	g := &gauge{FS: vfs.NewMem(), total: uint64(total)}
	g.free.Store(free)
	return g
}

func (g *gauge) GetDiskUsage(string) (vfs.DiskUsage, error) {
	g.looks.Add(1)
	free := g.free.Load()
	if _, err := g.Stat(dir + "/" + ballastName); err == nil {
		free -= ballastSize(int64(g.total))
	}
	return vfs.DiskUsage{TotalBytes: g.total, AvailBytes: uint64(max(0, free))}, g.err
}

// testSpace watches fsys, on which it makes meta and packs.
func testSpace(fsys vfs.FS, minFree int64, log io.Writer) *space {
	for _, name := range []string{metaName, packsName} {
		_ = fsys.MkdirAll(dir+"/"+name, 0o700) // a test that goes on will see
	}
	l := slog.New(slog.DiscardHandler)
	if log != nil {
		l = slog.New(slog.NewTextHandler(log, nil))
	}
	s := newSpace(fsys, dir, minFree, l)
	s.begin()
	return s
}

// room is Room after it has looked.
func (s *space) roomNow() error {
	s.next.Store(0)
	return s.Room()
}

var unavailable = &fault.Error{Code: fault.ServiceUnavailable}

func TestReserveIsAShareOfTheDisk(t *testing.T) {
	const gib, tib = 1 << 30, 1 << 40
	for _, c := range []struct{ total, minFree, reserve, ballast int64 }{
		{tib, 0, gib, 64 * mib},
		{20 * gib, 0, gib, 64 * mib},
		{10 * gib, 0, gib / 2, 64 * mib},
		{1 * gib, 0, gib / 20, gib / 100},
		{50 * mib, 0, 8 * mib, 8 * mib},
		{tib, 5 * gib, 5 * gib, 64 * mib},
		{tib, 1, 64 * mib, 64 * mib},
		{tib, -1, 64 * mib, 64 * mib},
	} {
		b := ballastSize(c.total)
		if r := reserve(c.total, c.minFree, b); r != c.reserve || b != c.ballast {
			t.Errorf("of %d bytes, with MinFree %d, the reserve is %d and the ballast %d; want %d and %d",
				c.total, c.minFree, r, b, c.reserve, c.ballast)
		}
	}
}

func TestWritesAreRefusedWhileTheDiskIsFull(t *testing.T) {
	g := newGauge(1000*mib, 500*mib)
	var log bytes.Buffer
	s := testSpace(g, 100*mib, &log) // and a ballast of 10 MiB
	for _, step := range []struct {
		free int64 // without the ballast
		full bool
	}{
		{500 * mib, false},
		{110 * mib, false},
		{110*mib - 1, true},
		{50 * mib, true},
		{110 * mib, true}, // not to and fro
		{120*mib - 1, true},
		{120 * mib, false},
		{110 * mib, false},
		{0, true},
		{500 * mib, false},
	} {
		g.free.Store(step.free)
		err := s.roomNow()
		if step.full != (err != nil) || err != nil && !errors.Is(err, unavailable) {
			t.Errorf("with %d bytes free Room = %v; want that writes are refused: %t", step.free, err, step.full)
		}
	}
	g.free.Store(30 * mib)
	for range 3 {
		if err := s.roomNow(); err == nil || !strings.Contains(err.Error(), "20971520 bytes are free, and new data is taken when 115343360 are") {
			t.Errorf("Room = %v; want how much is free and how much is wanted", err)
		}
	}
	full, room := strings.Count(log.String(), "writes are refused"), strings.Count(log.String(), "writes are taken")
	if full != 3 || room != 2 {
		t.Errorf("the log tells %d times that the disk is full and %d times that it is not; want 3 and 2:\n%s", full, room, &log)
	}
}

func TestRoomLooksNowAndThenOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGauge(1000*mib, 500*mib)
		s := testSpace(g, 0, nil)
		before := g.looks.Load()
		for range 1000 {
			if err := s.Room(); err != nil {
				t.Fatal(err)
			}
		}
		if n := g.looks.Load() - before; n != 0 {
			t.Errorf("Room looks %d times at a disk that was just looked at; want 0", n)
		}
		g.free.Store(0)
		time.Sleep(lookEvery)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { _ = s.Room() }) // whoever does not look gets the answer of before
		}
		all.Wait()
		if err := s.Room(); !errors.Is(err, unavailable) {
			t.Errorf("Room after a while = %v; want that it has looked", err)
		}
	})
}

func TestRoomAllocatesNothing(t *testing.T) {
	s := testSpace(newGauge(1000*mib, 500*mib), 0, nil)
	if n := testing.AllocsPerRun(1000, func() { _ = s.Room() }); n > 0 {
		t.Errorf("Room allocates %v times; want 0", n)
	}
}

func BenchmarkRoom(b *testing.B) {
	b.Chdir(b.TempDir())
	s := testSpace(vfs.Disk, 0, nil)
	s.next.Store(int64(time.Hour))
	for b.Loop() {
		if err := s.Room(); err != nil {
			b.Fatal(err)
		}
	}
}

func TestDiskThatDoesNotTellIsNotFull(t *testing.T) {
	g := newGauge(0, 0)
	g.err = errors.New("odd")
	s := testSpace(g, 1<<40, nil)
	if err := errors.Join(s.roomNow(), s.RoomFor(1<<40)); err != nil {
		t.Errorf("Room = %v; want nil", err)
	}
	if _, err := g.Stat(dir + "/" + ballastName); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat of the ballast = %v; want that there is none", err)
	}
	broken := errors.New("broken")
	if err := s.refused(broken, 1<<40); !errors.Is(err, broken) || errors.Is(err, unavailable) {
		t.Errorf("a failed write is told %v; want its own error", err)
	}
}

// TestFailingLookChangesNothing lets the disk tell nothing any more when it is full.
func TestFailingLookChangesNothing(t *testing.T) {
	g := newGauge(1000*mib, 500*mib)
	s := testSpace(g, 0, nil)
	for _, full := range []bool{false, true} {
		g.err = nil
		if g.free.Store(500 * mib); full {
			g.free.Store(20 * mib)
		}
		_ = s.roomNow()
		g.err = errors.New("odd")
		g.free.Store(500*mib - g.free.Load())
		if err := s.roomNow(); (err != nil) != full {
			t.Errorf("Room = %v; want that writes are still refused: %t", err, full)
		}
	}
}

func TestBodyHasToFit(t *testing.T) {
	g := newGauge(1000*mib, 500*mib)
	s := testSpace(g, 0, nil) // 10 MiB of ballast, 50 MiB of reserve
	if err := s.RoomFor(440 * mib); err != nil {
		t.Errorf("RoomFor what fits = %v; want nil", err)
	}
	if err := s.RoomFor(440*mib + 1); !errors.Is(err, unavailable) || !strings.Contains(err.Error(), "no room for 461373441 bytes: 461373440 may") {
		t.Errorf("RoomFor a byte more = %v; want that there is no room", err)
	}
	if err := s.Room(); err != nil {
		t.Errorf("Room after it = %v; want nil", err)
	}
}

// wantBallast checks whether there is one.
func wantBallast(t *testing.T, when string, fsys vfs.FS, want bool) {
	t.Helper()
	_, err := fsys.Stat(dir + "/" + ballastName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if (err == nil) != want {
		t.Errorf("%s: there is a ballast: %t; want %t", when, err == nil, want)
	}
}

func TestBallastIsMadeAgainWhenThereIsRoom(t *testing.T) {
	g := newGauge(1000*mib, 500*mib)
	var log bytes.Buffer
	s := testSpace(g, 0, &log) // 10 MiB of ballast, 50 MiB of reserve
	for range 2 {
		for _, step := range []struct {
			free       int64 // without the ballast
			fails      bool  // a write of metadata does
			full, held bool
		}{
			{500 * mib, false, false, true},
			{20 * mib, true, true, true},
			{20*mib - 1, false, true, true}, // nobody needs it yet
			{20*mib - 1, true, true, false},
			{30 * mib, true, true, false},
			{70*mib - 1, false, true, false},
			{70 * mib, false, false, true},
		} {
			g.free.Store(step.free)
			if step.fails {
				if again := s.makeRoom(); again == step.held {
					t.Errorf("with %d bytes free makeRoom = %t; want %t", step.free, again, !step.held)
				}
			}
			if err := s.roomNow(); (err != nil) != step.full {
				t.Errorf("with %d bytes free Room = %v; want that writes are refused: %t", step.free, err, step.full)
			}
			wantBallast(t, "Room", g, step.held)
		}
	}
	if n := strings.Count(log.String(), "ballast is given up"); n != 2 {
		t.Errorf("the log tells %d times of the ballast; want 2:\n%s", n, &log)
	}
}

func TestBallastWithoutRoomGetsIt(t *testing.T) {
	g := newGauge(1000*mib, 500*mib)
	fsys := errfs.New(g)
	write(t, fsys, map[string]string{ballastName: ""}) // as a backup brings it back
	taken := 0
	fsys.SetHook(func(op errfs.Op) error {
		if op.Kind == "preallocate" {
			taken++
		}
		return nil
	})
	for _, free := range []int64{500 * mib, 20 * mib} {
		g.free.Store(free)
		testSpace(fsys, 0, nil)
		wantBallast(t, "old ballast", g, true)
	}
	if taken != 1 {
		t.Errorf("the ballast was given its room %d times; want once, where there is some", taken)
	}
}

func TestFullDiskHasNoBallastAtFirst(t *testing.T) {
	g := newGauge(1000*mib, 60*mib)
	s := testSpace(g, 0, nil)
	wantBallast(t, "full disk", g, false)
	if err := s.Room(); !errors.Is(err, unavailable) {
		t.Errorf("Room = %v; want that writes are refused", err)
	}
	g.free.Store(500 * mib)
	if err := s.roomNow(); err != nil {
		t.Errorf("Room = %v; want nil", err)
	}
	wantBallast(t, "room", g, true)
}

func TestStartGoesOnWithoutBallast(t *testing.T) {
	g := newGauge(1000*mib, 500*mib)
	fsys := errfs.New(g)
	fsys.SetHook(func(op errfs.Op) error {
		if op.Kind == "preallocate" {
			return errfs.ErrInjected
		}
		return nil
	})
	s := testSpace(fsys, 0, nil)
	if err := s.Room(); err != nil {
		t.Errorf("Room = %v; want nil", err)
	}
	wantBallast(t, "without room for it", g, false)
}

// fill makes the disk full but for the ballast: calls that match fail until that has gone.
func fill(fsys *errfs.FS, g *gauge, match func(errfs.Op) bool) {
	g.free.Store(ballastSize(int64(g.total)))
	fsys.SetHook(func(op errfs.Op) error {
		if _, err := g.Stat(dir + "/" + ballastName); err == nil && match(op) {
			return errfs.ErrInjected
		}
		return nil
	})
}

func TestMetadataGetsTheRoomOfTheBallast(t *testing.T) {
	g := newGauge(1000*mib, 500*mib)
	fsys := errfs.New(g)
	s := testSpace(fsys, 0, nil)
	under := metaFS{fsys, s}
	name := dir + "/meta/000001.log"
	fill(fsys, g, func(op errfs.Op) bool { return op.Kind == "create" })
	f, err := under.Create(name, "")
	if err != nil {
		t.Fatalf("Create on a full disk = %v; want nil", err)
	}
	wantBallast(t, "Create", g, false)

	g.free.Store(500 * mib)
	if err := s.roomNow(); err != nil {
		t.Fatal(err)
	}
	fill(fsys, g, func(op errfs.Op) bool { return op.Kind == "write" }) // and half of it is written
	if n, err := f.Write([]byte("hello world")); n != 11 || err != nil {
		t.Errorf("Write on a full disk = %d, %v; want 11, nil", n, err)
	}
	wantBallast(t, "Write", g, false)
	fsys.SetHook(func(op errfs.Op) error {
		if op.Kind == "write" {
			return errfs.ErrInjected
		}
		return nil
	})
	if _, err := f.Write([]byte("more")); !errors.Is(err, errfs.ErrInjected) {
		t.Errorf("Write without a ballast = %v; want the error", err)
	}
	fsys.SetHook(nil)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if b, err := vfs.ReadFile(g, name, 100); err != nil || !strings.HasPrefix(string(b), "hello world") {
		t.Errorf("the file holds %q, %v; want what was written", b, err)
	}
}

func TestCompactionDoesNotGetTheBallast(t *testing.T) {
	g := newGauge(1000*mib, 500*mib)
	fsys := errfs.New(g)
	under := metaFS{fsys, testSpace(fsys, 0, nil)}
	f, err := under.Create(dir+"/meta/000001.sst", "pebble-compaction")
	if err != nil {
		t.Fatal(err)
	}
	fill(fsys, g, func(op errfs.Op) bool { return op.Kind == "create" || op.Kind == "write" })
	_, wrote := f.Write([]byte("hello"))
	_, created := under.Create(dir+"/meta/000002.sst", "pebble-compaction")
	if !errors.Is(wrote, errfs.ErrInjected) || !errors.Is(created, errfs.ErrInjected) {
		t.Errorf("Write = %v, Create = %v; want the errors of the disk", wrote, created)
	}
	wantBallast(t, "compaction", g, true)
	fsys.SetHook(nil)
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func TestErrorOfADiskWithRoomKeepsTheBallast(t *testing.T) {
	g := newGauge(1000*mib, 500*mib)
	fsys := errfs.New(g)
	under := metaFS{fsys, testSpace(fsys, 0, nil)}
	fsys.SetHook(func(op errfs.Op) error {
		if op.Kind == "create" {
			return errfs.ErrInjected
		}
		return nil
	})
	if _, err := under.Create(dir+"/meta/000001.log", ""); !errors.Is(err, errfs.ErrInjected) {
		t.Errorf("Create = %v; want the error", err)
	}
	wantBallast(t, "after an error of another kind", g, true)
}

// TestLogTakesNoRoomAheadOnASmallDisk has 430 MiB above the reserve, of which an eighth may be taken ahead.
func TestLogTakesNoRoomAheadOnASmallDisk(t *testing.T) {
	g := newGauge(1000*mib, 490*mib)
	fsys := errfs.New(g)
	f, err := metaFS{fsys, testSpace(fsys, 0, nil)}.Create(dir+"/meta/000001.log", "")
	if err != nil {
		t.Fatal(err)
	}
	taken := 0
	fsys.SetHook(func(op errfs.Op) error {
		if op.Kind == "preallocate" {
			taken++
		}
		return nil
	})
	for _, n := range []int64{430 * mib / 8, 430*mib/8 + 1} {
		if err := f.Preallocate(0, n); err != nil {
			t.Errorf("Preallocate = %v; want nil", err)
		}
	}
	if taken != 1 {
		t.Errorf("room was taken ahead %d times; want once", taken)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// A flood is a source without an end, which fills a disk.
type flood struct{ g *gauge }

func (f flood) Next() ([]byte, error) {
	if f.g.free.Add(-mib) < 0 {
		return nil, errors.New("the disk is full")
	}
	return make([]byte, blob.PieceLen), nil
}

func TestBodyOfUnknownSizeEndsWithTheRoom(t *testing.T) {
	g := newGauge(1000*mib, 500*mib)
	b, err := testBlobs(t, g)
	if err != nil {
		t.Fatal(err)
	}
	b.space.begin()
	if _, _, err := b.Put(t.Context(), 1, -1, &slow{flood{g}, b.space}); !errors.Is(err, unavailable) {
		t.Errorf("Put without an end = %v; want that there is no room", err)
	}
	if left := g.free.Load(); left < 50*mib {
		t.Errorf("it has left %d bytes; want about the reserve", left)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

// A slow source takes so long for each piece that the disk is looked at for each.
type slow struct {
	blob.Source
	space *space
}

func (s *slow) Next() ([]byte, error) {
	s.space.next.Store(0)
	return s.Source.Next()
}

// TestFailedPutTellsThatThereIsNoRoom lets the room go after Room has looked. Of a large body none is left in the
// end, so the disk is not full again.
func TestFailedPutTellsThatThereIsNoRoom(t *testing.T) {
	for _, c := range []struct {
		free, size, sent int64
		room             bool
	}{
		{0, 5, 5, false},
		{500 * mib, 5, 5, true},
		{90 * mib, 50 * mib, mib, false},
		{90 * mib, -1, 30 * mib, false},
		{90 * mib, -1, 5, true},
	} {
		g := newGauge(1000*mib, 500*mib)
		fsys := errfs.New(g)
		b, err := testBlobs(t, fsys)
		if err != nil {
			t.Fatal(err)
		}
		b.space.next.Store(int64(time.Hour))
		src := &zeros{}
		fsys.SetHook(func(op errfs.Op) error {
			if op.Kind != "writeat" && op.Kind != "syncdata" {
				return nil
			}
			if src.read.Load() < c.sent {
				return nil
			}
			g.free.Store(c.free)
			return errfs.ErrInjected
		})
		_, _, err = b.Put(t.Context(), 1, c.size, blob.Read(io.LimitReader(src, c.sent)))
		if !errors.Is(err, errfs.ErrInjected) || errors.Is(err, unavailable) == c.room {
			t.Errorf("Put(%d) with %d bytes free after it = %v; want the error of the disk, and that there is room: %t", c.size, c.free, err, c.room)
		}
		fsys.SetHook(nil)
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestDiskThatWasFullForAMoment gives the room back that a write has missed, before anybody looks.
func TestDiskThatWasFullForAMoment(t *testing.T) {
	s := testSpace(newGauge(1000*mib, 500*mib), 0, nil)
	for _, full := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		err := s.refused(&fs.PathError{Op: "write", Path: "p", Err: full}, 5)
		if !errors.Is(err, unavailable) || !errors.Is(err, full) {
			t.Errorf("a write that has met %v is told %v; want that the server had no room", full, err)
		}
	}
}

// zeros counts what is read.
type zeros struct{ read atomic.Int64 }

func (z *zeros) Read(p []byte) (int, error) {
	clear(p)
	z.read.Add(int64(len(p)))
	return len(p), nil
}

// TestFullDiskIsOpened opens a directory on a disk that others have filled but for the ballast.
func TestFullDiskIsOpened(t *testing.T) {
	g := newGauge(1000*mib, 500*mib)
	fsys := errfs.New(g)
	if err := openCreated(t, fsys).Close(); err != nil {
		t.Fatal(err)
	}
	wantBallast(t, "closed directory", g, true)
	fill(fsys, g, func(op errfs.Op) bool {
		return strings.HasPrefix(op.Kind, "create") || strings.HasPrefix(op.Kind, "write")
	})
	d := openCreated(t, fsys)
	wantBallast(t, "full disk", g, false)
	if err := putObject(t.Context(), d.Store); !errors.Is(err, unavailable) {
		t.Errorf("a write on a full disk = %v; want that it is refused", err)
	}
	g.free.Store(500 * mib)
	fsys.SetHook(nil)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = openCreated(t, fsys)
	wantBallast(t, "disk with room", g, true)
	if err := errors.Join(putObject(t.Context(), d.Store), d.Close()); err != nil {
		t.Errorf("a write afterwards = %v; want nil", err)
	}
}

func openCreated(t *testing.T, fsys vfs.FS) *Dir {
	t.Helper()
	return openDir(t, fsys, &Options{Create: true})
}
