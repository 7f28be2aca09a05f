package store_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
)

// A journal keeps what is logged. It is safe for concurrent use.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

// lines returns the lines that hold a text.
func (j *journal) lines(text string) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var found []string
	for line := range strings.Lines(j.text.String()) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// logger returns a log that goes to j.
func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// A clock can be put forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// week puts the clock forward, and waits until that is noticed.
func (c *clock) week() {
	c.ahead.Add(int64(7*24*time.Hour - time.Hour))
	time.Sleep(2 * time.Hour)
}

// TestScrubKeepsToItsRate: in virtual time a pass takes as long as its bytes.
func TestScrubKeepsToItsRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &patient{t: t, fs: vfs.NewMem()}
		s := p.open(store.Options{})
		b := makeBucket(t, s, "test-bucket")
		for _, key := range []string{"a", "b"} {
			put(t, b, key, string(noise(8<<20, 1)))
		}
		p.close(s)
		var c clock
		s = p.open(store.Options{ScrubRate: 1 << 20, Now: c.now})
		defer p.close(s)
		time.Sleep(time.Minute) // it leaves that to others
		begun := time.Now()
		time.Sleep(10*time.Second + 500*time.Millisecond)
		if n := s.Scrub().Bytes; n < 10<<20 || n > 12<<20 {
			t.Errorf("after 10 s %d bytes were read; want 10 MiB or a little more", n)
		}
		for s.Scrub().Passes == 0 {
			time.Sleep(time.Second)
		}
		if took := time.Since(begun); took < 16*time.Second || took > 18*time.Second {
			t.Errorf("a pass over 16 MiB took %v; want 16 s or a little more", took)
		}
		time.Sleep(12 * time.Hour)
		if n := s.Scrub().Passes; n != 1 {
			t.Errorf("%d passes in half a day; want 1", n)
		}
		c.week()
		if n := s.Scrub().Passes; n != 2 {
			t.Errorf("%d passes after a week; want 2", n)
		}
	})
}

// TestScrubGoesOnAfterARestart: what was read is not read again, and a week counts from the beginning of the pass.
func TestScrubGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &patient{t: t, fs: vfs.NewMem()}
		s := p.open(store.Options{})
		b := makeBucket(t, s, "test-bucket")
		for i := range 40 {
			put(t, b, string(rune('a'+i)), string(noise(512<<10, uint64(i))))
		}
		p.close(s)
		read, days := int64(0), 0
		for passes := int64(0); passes == 0 && days < 10; days++ {
			s = p.open(store.Options{ScrubRate: 32 << 10}) // 20 MiB take 640 s
			time.Sleep(4 * time.Minute)
			read += s.Scrub().Bytes
			passes = s.Scrub().Passes
			p.close(s)
		}
		if days < 4 || days > 6 || read > 32<<20 {
			t.Errorf("it took %d days of 4 minutes and %d bytes; want about 4, and a minute of each read twice", days, read)
		}
		s = p.open(store.Options{ScrubRate: 32 << 10})
		defer p.close(s)
		time.Sleep(3 * time.Hour)
		if n := s.Scrub().Bytes; n != 0 {
			t.Errorf("hours after a pass %d bytes were read; want none", n)
		}
	})
}

// TestScrubNamesWhatIsDamaged: each object once in a pass, and nothing else.
func TestScrubNamesWhatIsDamaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatient(t)
		flip(t, p.fs, "blobs")
		log := &journal{}
		var c clock
		s := p.open(store.Options{ScrubRate: 100 << 20, Logger: log.logger(), Now: c.now})
		defer p.close(s)
		for week := 1; week <= 2; week++ {
			time.Sleep(2 * time.Minute)
			if got := s.Scrub(); got.Passes != int64(week) || got.Damaged != 2*int64(week) || got.Bytes == 0 {
				t.Errorf("after pass %d: %+v; want 2 damaged objects of each pass", week, got)
			}
			for _, key := range []string{"copy", "middle"} {
				lines := log.lines("bucket=test-bucket key=" + key)
				if len(lines) != week || !strings.Contains(lines[0], "level=ERROR") || !strings.Contains(lines[0], "checksum does not match") {
					t.Errorf("after pass %d the log says of %s %q; want an error of each pass", week, key, lines)
				}
			}
			if lines := log.lines("level=ERROR"); len(lines) != 2*week {
				t.Errorf("after pass %d the log has %q; want nothing but the two objects", week, lines)
			}
			c.week()
		}
	})
}

// A gate is a blob engine that lets nobody read a byte while it is shut.
type gate struct {
	blob.Engine
	reads chan struct{} // receives before each read
	open  chan struct{} // sends after it
}

func (g *gate) Open(ctx context.Context, id blob.ID, off, n int64) (io.ReadCloser, error) {
	g.reads <- struct{}{}
	<-g.open
	return g.Engine.Open(ctx, id, off, n)
}

// TestSweepWaitsForOneStep: while fsck or the scrub read a blob of many steps, the sweeper takes
// what is dead after the step that is under way, and what has lost its name meanwhile is not read on.
func TestSweepWaitsForOneStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &patient{t: t, fs: vfs.NewMem()}
		p.engines()
		g := &gate{Engine: p.blobs, reads: make(chan struct{}), open: make(chan struct{})}
		s, err := store.Open(t.Context(), store.Options{Meta: p.meta, Blobs: g, ScrubRate: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		b := makeBucket(t, s, "test-bucket")
		put(t, b, "long", string(noise(20<<20, 1)))
		<-g.reads
		if _, err := b.DeleteObject(t.Context(), &op.DeleteObjectInput{Key: "long"}); err != nil {
			t.Fatal(err)
		}
		waits, swept := make(chan bool), make(chan error)
		go func() {
			waits <- true
			swept <- s.Sweep(t.Context())
		}()
		<-waits
		g.open <- struct{}{}
		if err := <-swept; err != nil {
			t.Error(err)
		}
		if n := s.Scrub().Bytes; n > 2<<20 {
			t.Errorf("the sweeper waited for %d bytes; want one step", n)
		}
		time.Sleep(time.Hour)
		if got := s.Scrub(); got.Damaged != 0 || got.Passes != 1 {
			t.Errorf("scrub = %+v; want a pass without damage", got)
		}
		p.close(s)
	})
}
