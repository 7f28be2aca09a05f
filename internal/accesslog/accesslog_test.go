package accesslog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oisproject/ois/internal/job"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

// A shelf is a target that keeps logs by the names of their pieces.
type shelf struct {
	mu   sync.Mutex
	logs map[string]string // by piece; guarded by mu
	list []Piece           // as they came; guarded by mu
	fail error
}

func (s *shelf) PutLog(_ context.Context, p *Piece, body io.Reader) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return "", s.fail
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return "", err
	}
	if s.logs == nil {
		s.logs = make(map[string]string)
	}
	s.logs[p.Name] = string(text)
	s.list = append(s.list, *p)
	return fmt.Sprintf("%s%s-%d", p.Prefix, p.Source, len(s.list)), nil
}

// texts returns the logs in the order in which they came.
func (s *shelf) texts() (texts []string) {
	for _, p := range s.list {
		texts = append(texts, s.logs[p.Name])
	}
	return texts
}

func wantTexts(t *testing.T, s *shelf, want ...string) {
	t.Helper()
	if got := s.texts(); !slices.Equal(got, want) {
		t.Errorf("logs are %q; want %q", got, want)
	}
}

var (
	one = Destination{Source: "one", Owner: "usr-a", Zone: "jn1a", Target: "logs", Prefix: "p/"}
	two = Destination{Source: "two", Owner: "usr-a", Zone: "jn1a", Target: "logs", Prefix: "p/"}
)

// deliver delivers what is over at a time, now if it is zero.
func deliver(t *testing.T, l *Log, to Target, at time.Time) *job.Result {
	t.Helper()
	if at.IsZero() {
		at = time.Now()
	}
	var r job.Result
	if err := l.Deliver(t.Context(), to, job.Task{AsOf: at}, &r); err != nil {
		t.Errorf("deliver: %v", err)
	}
	return &r
}

// files returns the spool files.
func files(t *testing.T, fsys vfs.FS) []string {
	t.Helper()
	names, err := fsys.List("logs")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// TestLinesAreDeliveredWhenTheirHourIsOver: virtual time begins at midnight.
func TestLinesAreDeliveredWhenTheirHourIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys, to := vfs.NewMem(), &shelf{}
		l := Open(Options{FS: fsys, Dir: "logs"})
		defer l.Close()
		deliver(t, l, to, time.Time{}) // there is nothing, not even the directory
		l.Append(one, []byte("a\n"))
		time.Sleep(2 * time.Second) // until it has its file, which is the first
		l.Append(two, []byte("A\n"))
		time.Sleep(30 * time.Minute)
		l.Append(one, []byte("b\n"))
		deliver(t, l, to, time.Time{})
		wantTexts(t, to)
		time.Sleep(30 * time.Minute)
		l.Append(one, []byte("c\n")) // of the second hour
		r := deliver(t, l, to, time.Time{})
		wantTexts(t, to, "a\nb\n", "A\n")
		if p := to.list[0]; p.Destination != one || !p.Hour.Equal(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("the piece is %+v; want that of one, at midnight", p)
		}
		if !slices.Equal(r.Counts, []job.Count{{Name: "logs", N: 2}, {Name: "lines", N: 3}, {Name: "dropped"}}) {
			t.Errorf("the result is %+v; want 2 logs of 3 lines", r.Counts)
		}
		if n := len(files(t, fsys)); n != 1 {
			t.Errorf("%d files are left; want that of the second hour", n)
		}
		time.Sleep(24 * time.Hour)
		deliver(t, l, to, time.Time{})
		wantTexts(t, to, "a\nb\n", "A\n", "c\n")
		if f := l.Figures(); f.Lines != 4 || f.Bytes != 8 || f.Dropped != 0 {
			t.Errorf("figures are %+v; want 4 lines of 8 bytes", f)
		}
	})
}

// TestDeliveryAsOfAnotherTime: what is over then is delivered, and later lines of the same hour go to another log.
func TestDeliveryAsOfAnotherTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys, to := vfs.NewMem(), &shelf{}
		l := Open(Options{FS: fsys, Dir: "logs"})
		defer l.Close()
		l.Append(one, []byte("a\n"))
		soon := time.Now().Add(time.Hour)
		var r job.Result
		if err := l.Deliver(t.Context(), to, job.Task{AsOf: soon, DryRun: true}, &r); err != nil || r.Counts[0].N != 1 || len(r.Notes) != 1 {
			t.Errorf("dry run = %+v, %v; want one log", r, err)
		}
		wantTexts(t, to)
		l.Append(one, []byte("b\n"))
		deliver(t, l, to, soon.Add(-time.Second))
		wantTexts(t, to)
		deliver(t, l, to, soon)
		wantTexts(t, to, "a\nb\n")
		l.Append(one, []byte("c\n"))
		time.Sleep(time.Hour)
		deliver(t, l, to, time.Time{})
		wantTexts(t, to, "a\nb\n", "c\n")
	})
}

// TestLinesSurviveAKill, but for those of the last second.
func TestLinesSurviveAKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys, to := vfs.NewMem(), &shelf{}
		l := Open(Options{FS: fsys, Dir: "logs"})
		l.Append(one, []byte("a\n"))
		time.Sleep(flushEvery)
		synctest.Wait()
		l.Append(one, []byte("b\n"))
		close(l.stop) // a kill asks nobody
		l.worker.Wait()
		l = Open(Options{FS: fsys, Dir: "logs"})
		l.Append(one, []byte("c\n"))
		l.Close()
		l.Append(one, []byte("too late\n"))
		time.Sleep(time.Hour)
		l = Open(Options{FS: fsys, Dir: "logs"})
		defer l.Close()
		deliver(t, l, to, time.Time{})
		wantTexts(t, to, "a\n", "c\n")
	})
}

// TestWhatIsDamagedIsLeftOut: after a loss of power a file may end in the midst of a line, or in anything.
func TestWhatIsDamagedIsLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys, to := vfs.NewMem(), &shelf{}
		var log bytes.Buffer
		l := Open(Options{FS: fsys, Dir: "logs", Logger: slog.New(slog.NewTextHandler(&log, nil))})
		defer l.Close()
		if err := fsys.MkdirAll("logs", 0o700); err != nil {
			t.Fatal(err)
		}
		heading := `{"source":"one","owner":"usr-a","zone":"jn1a","target":"logs","prefix":""}` + "\n"
		long := strings.Repeat("x", 3*MaxLine)
		for i, text := range []string{
			heading + "a\nb\nc without an e",
			heading + "a\n\x00\x00\x00\n\xff\xfe\n\n" + long + "\nb\n" + long,
			heading + "cut",
			heading,
			"",
			`{"source":"one","owner"`,
			"\x00\x00\x00\x00\n\x00",
			`{"source":"","target":""}` + "\na\n",
			strings.Repeat("x", 3*MaxLine),
		} {
			name := fmt.Sprintf("logs/1999123123-0000000000001-%06d.log", i)
			if err := vfs.WriteFile(fsys, name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []string{"notes.txt", "1999123123-x-1.log", "99-1-1.log"} { // of somebody else
			if err := vfs.WriteFile(fsys, "logs/"+name, []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r := deliver(t, l, to, time.Time{})
		wantTexts(t, to, "a\nb\n", "a\nb\n")
		if r.Counts[2].N != 4 || strings.Count(log.String(), "an access log is dropped") != 4 {
			t.Errorf("the result is %+v, and the log %s; want 4 files without a heading to be dropped", r.Counts, &log)
		}
		if got := files(t, fsys); len(got) != 3 {
			t.Errorf("left are %q; want what is not ours", got)
		}
	})
}

func TestDeliveryThatFailsIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys, to := vfs.NewMem(), &shelf{fail: errors.New("busy")}
		l := Open(Options{FS: fsys, Dir: "logs"})
		defer l.Close()
		l.Append(one, []byte("a\n"))
		time.Sleep(2 * flushEvery) // so that the order of the files is that of the lines
		l.Append(two, []byte("A\n"))
		time.Sleep(time.Hour)
		var r job.Result
		if err := l.Deliver(t.Context(), to, job.Task{AsOf: time.Now()}, &r); err == nil || strings.Count(err.Error(), "busy") != 2 {
			t.Errorf("deliver = %v; want an error of each log", err)
		}
		to.fail = nil
		deliver(t, l, to, time.Time{})
		wantTexts(t, to, "a\n", "A\n")
		l.Append(one, []byte("b\n"))
		time.Sleep(time.Hour)
		to.fail = fmt.Errorf("%w: no such bucket", ErrNoTarget)
		if r := deliver(t, l, to, time.Time{}); r.Counts[2].N != 1 {
			t.Errorf("the result is %+v; want one log to be dropped", r)
		}
		if n := len(files(t, fsys)); n != 0 {
			t.Errorf("%d files are left; want none", n)
		}
	})
}

// TestLinesAreDroppedAndNeverWaitedFor: on a full disk, on a bad one, and when there are too many.
func TestLinesAreDroppedAndNeverWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys, to := errfs.New(vfs.NewMem()), &shelf{}
		var log bytes.Buffer
		var room error
		const limit = 20 * MaxLine
		l := Open(Options{FS: fsys, Dir: "logs", Room: func() error { return room }, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		defer l.Close()
		l.limit = limit
		flush := func() {
			time.Sleep(flushEvery)
			synctest.Wait()
		}
		wantDropped := func(what string, want int64) {
			t.Helper()
			if got := l.Figures().Dropped; got != want {
				t.Errorf("%s: %d lines were dropped; want %d", what, got, want)
			}
		}
		l.Append(one, []byte("a\n"))
		flush()
		room = errors.New("the disk is full")
		for range 3 {
			l.Append(one, []byte("b\nb\n"))
			flush()
		}
		wantDropped("full disk", 6)
		if n := strings.Count(log.String(), "lines of access logs are lost"); n != 1 {
			t.Errorf("the log says %d times that lines are lost; want once", n)
		}
		room = nil
		for _, kind := range []string{"openreadwrite", "writeat", "close"} {
			fsys.SetHook(func(o errfs.Op) error {
				if o.Kind == kind {
					return errfs.ErrInjected
				}
				return nil
			})
			l.Append(one, []byte("c\n"))
			flush()
			fsys.SetHook(nil)
		}
		wantDropped("bad disk", 9)
		l.Append(one, []byte("d\n"))
		flush()
		l.Append(one, []byte(strings.Repeat("x", MaxLine)+"\n"))
		wantDropped("long line", 10)
		line := []byte(strings.Repeat("x", MaxLine-1) + "\n")
		release := stall(fsys)
		l.Append(two, line)
		flush() // the writer has it, and comes no further
		n := int64(0)
		for range 2 * limit / MaxLine {
			l.Append(two, line)
			n++
		}
		if got := l.Figures().Dropped - 10; got < n/4 || got > n*3/4 {
			t.Errorf("of %d lines that nobody writes %d were dropped; want about half", n, got)
		}
		release()
		time.Sleep(time.Hour)
		deliver(t, l, to, time.Time{})
		if got := strings.Join(to.texts()[:2], ""); !strings.HasPrefix(got, "a\n") || !strings.HasSuffix(got, "d\n") {
			t.Errorf("what was not dropped is %q; want a and d", got)
		}
	})
}

// stall lets nobody open a file until release is called.
func stall(fsys *errfs.FS) (release func()) {
	hook, _, open := errfs.Stall(func(o errfs.Op) bool { return o.Kind == "createnew" || o.Kind == "openreadwrite" })
	fsys.SetHook(hook)
	return func() {
		fsys.SetHook(nil)
		open()
	}
}

// TestPiecesAreCut at the greatest size of a log.
func TestPiecesAreCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := vfs.NewMem()
		l := Open(Options{FS: fsys, Dir: "logs"})
		defer l.Close()
		to := &shelf{}
		l.spool.limit = 100
		for _, line := range []string{"first line\n", "second line\n", "third line\n"} {
			l.Append(one, []byte(line))
			time.Sleep(flushEvery)
			synctest.Wait()
		}
		time.Sleep(time.Hour)
		deliver(t, l, to, time.Time{})
		wantTexts(t, to, "first line\nsecond line\n", "third line\n")
	})
}

func TestPowerLossLeavesWholeLines(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			fsys, to := vfs.NewCrashableMem(), &shelf{}
			l := Open(Options{FS: fsys, Dir: "logs"})
			for i := range 20 {
				l.Append(one, fmt.Appendf(nil, "line %d\n", i))
				time.Sleep(flushEvery)
			}
			left := fsys.PowerLoss(50, seed)
			l.Close()
			time.Sleep(time.Hour)
			l = Open(Options{FS: left, Dir: "logs"})
			defer l.Close()
			deliver(t, l, to, time.Time{})
			for _, text := range to.texts() {
				for line := range strings.Lines(text) {
					if !strings.HasPrefix(line, "line ") || !strings.HasSuffix(line, "\n") {
						t.Errorf("seed %d: a line is %q", seed, line)
					}
				}
			}
		})
	}
}

func FuzzSpoolFile(f *testing.F) {
	f.Add([]byte(`{"source":"one","owner":"usr-a","zone":"jn1a","target":"logs","prefix":""}` + "\na\nb"))
	f.Add([]byte("\x00\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		fsys, to := vfs.NewMem(), &shelf{}
		if err := fsys.MkdirAll("logs", 0o700); err != nil {
			t.Fatal(err)
		}
		if err := vfs.WriteFile(fsys, "logs/1999123123-1-1.log", data, 0o600); err != nil {
			t.Fatal(err)
		}
		l := Open(Options{FS: fsys, Dir: "logs"})
		defer l.Close()
		deliver(t, l, to, time.Time{})
		for _, text := range to.texts() {
			if text == "" || !strings.HasSuffix(text, "\n") || strings.ContainsFunc(text, func(c rune) bool { return c != '\n' && (c < ' ' || c > '~') }) {
				t.Errorf("%q is delivered as %q", data, text)
			}
		}
		if n := len(files(t, fsys)); n != 0 {
			t.Errorf("%d files are left", n)
		}
	})
}
