package progress

import (
	"bytes"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A screen remembers what was written since it was looked at.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) look() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.text.Reset()
	return s.text.String()
}

func TestTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		screen := new(screen)
		m := Start(screen, nil)
		defer func() {
			m.Stop()
			if got := screen.look(); got != "\r\x1b[K" {
				t.Errorf("the end prints %q", got)
			}
		}()
		wait := func(d time.Duration, want string) {
			t.Helper()
			screen.look()
			time.Sleep(d)
			synctest.Wait()
			if got := screen.look(); got != want {
				t.Errorf("got %q; want %q", got, want)
			}
		}
		time.Sleep(time.Millisecond) // to look between two drawings
		m.Found(1 << 20)
		m.Found(3 << 20)
		wait(interval, "\r0/2+  0 B/4.0 MiB+  0 B/s\x1b[K")
		m.Moved(1 << 20)
		m.Done()
		m.Listed()
		wait(interval, "\r1/2  1.0 MiB/4.0 MiB  5.0 MiB/s  ETA 0:00:00\x1b[K")
		m.Failed()
		m.Same()
		wait(interval, "\r3/3  1.0 MiB/4.0 MiB  2.5 MiB/s  1 failed  ETA 0:00:01\x1b[K")
		var out bytes.Buffer
		w := m.Through(&out)
		for range 2 {
			if _, err := w.Write([]byte("x")); err != nil {
				t.Error(err)
			}
		}
		if line := screen.look(); line != "\r\x1b[K" || out.String() != "xx" {
			t.Errorf("line %q, output %q", line, out.String())
		}
		wait(interval, "\r3/3  1.0 MiB/4.0 MiB  1.7 MiB/s  1 failed  ETA 0:00:01\x1b[K")
		if got, want := m.Sum(), (Sum{1, 1, 1, 1 << 20, 4*interval + time.Millisecond}); got != want {
			t.Errorf("got %+v; want %+v", got, want)
		}
	})
}

// TestNarrowScreens wants no line to reach the end of the screen.
func TestNarrowScreens(t *testing.T) {
	columns := 0
	m := &Meter{width: func() int { return columns }}
	m.Found(10 << 30)
	m.Moved(1 << 30)
	m.Failed()
	m.Listed()
	for width, want := range map[int]string{
		0:  "1/1  1.0 GiB/10.0 GiB  5.0 MiB/s  1 failed  ETA 0:30:43",
		56: "1/1  1.0 GiB/10.0 GiB  5.0 MiB/s  1 failed  ETA 0:30:43",
		55: "1/1  5.0 MiB/s  1 failed  ETA 0:30:43",
		40: "1/1  5.0 MiB/s  1 failed  ETA 0:30:43",
		30: "1/1  1 failed  ETA 0:30:43",
		10: "1/1  1 fa",
		1:  "1/1  1.0 GiB/10.0 GiB  5.0 MiB/s  1 failed  ETA 0:30:43", // a terminal that does not know
	} {
		columns = width
		if got := m.text(5 << 20); got != want {
			t.Errorf("%d columns: got %q; want %q", width, got, want)
		}
	}
}

// TestStreams wants no size where nobody knows it.
func TestStreams(t *testing.T) {
	m := new(Meter)
	m.Found(0)
	m.Listed()
	m.Moved(1 << 20)
	if got, want := m.text(1<<20), "0/1  1.0 MiB  1.0 MiB/s"; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
	m.Sized(2 << 20)
	if got, want := m.text(1<<20), "0/1  1.0 MiB/2.0 MiB  1.0 MiB/s  ETA 0:00:01"; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
}

func TestNobodyLooks(t *testing.T) {
	m := Start(nil, nil)
	m.Found(1)
	m.Done()
	m.Stop()
	if s := m.Sum(); s.Done != 1 {
		t.Errorf("got %+v", s)
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1<<20 - 1: "1.0 MiB", 5 << 30: "5.0 GiB", math.MaxInt64: "8.0 EiB",
	} {
		if got := Size(n); got != want {
			t.Errorf("%d is %q; want %q", n, got, want)
		}
	}
}
