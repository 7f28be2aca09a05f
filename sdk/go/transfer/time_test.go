//go:build go1.25

package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestBudgetServesInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &budget{free: 10}
		var order []int
		take := func(ctx context.Context, n int64) {
			go func() {
				if err := b.take(ctx, n); err == nil {
					order = append(order, int(n))
				}
			}()
			synctest.Wait()
		}
		take(t.Context(), 7)
		take(t.Context(), 9) // waits
		ctx, cancel := context.WithCancel(t.Context())
		take(ctx, 8)
		take(t.Context(), 1) // could be served, but is not its turn
		if fmt.Sprint(order) != "[7]" {
			t.Errorf("served %v; want [7]", order)
		}
		cancel()
		synctest.Wait()
		if err := b.take(ctx, 1); err == nil || b.free != 3 {
			t.Errorf("take after the end: %v, %d are free; want an error and 3", err, b.free)
		}
		b.give(6)
		synctest.Wait()
		if fmt.Sprint(order) != "[7 9]" || b.free != 0 {
			t.Errorf("served %v, %d are free; want [7 9] and 0", order, b.free)
		}
		b.give(1)
		synctest.Wait()
		if fmt.Sprint(order) != "[7 9 1]" || b.free != 0 || b.waiting.Len() != 0 {
			t.Errorf("served %v, %d are free; want [7 9 1] and 0", order, b.free)
		}
	})
}

// A bubble of synctest fails if a goroutine is left in it, so the tests here find leaks, too.

func TestLimitsHoldForAllTransfers(t *testing.T) {
	for _, test := range []struct {
		name string
		run  func(ctx context.Context, m *Manager, i int) error
	}{
		{"upload", func(ctx context.Context, m *Manager, i int) error {
			_, err := m.Upload(ctx, fmt.Sprint(i), bytes.NewReader(make([]byte, 6*mb)), nil)
			return err
		}},
		{"stream", func(ctx context.Context, m *Manager, i int) error {
			_, err := m.Upload(ctx, fmt.Sprint(i), &zeros{6 * mb}, nil)
			return err
		}},
		{"download", func(ctx context.Context, m *Manager, _ int) error {
			_, err := m.Download(ctx, "d", io.Discard, nil)
			return err
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newService()
			s.put("d", make([]byte, 6*mb))
			o := small
			o.UploadLimit, o.DownloadLimit = mb, mb
			m := New(s.direct(t), o)
			start := time.Now()
			results := make(chan error)
			for i := range 3 {
				go func() { results <- test.run(t.Context(), m.For(m.b), i) }()
			}
			for range 3 {
				if err := <-results; err != nil {
					t.Error(err)
				}
			}
			if took := time.Since(start); took < 17*time.Second || took > 20*time.Second {
				t.Errorf("%s: 18 MiB at 1 MiB/s take %v", test.name, took)
			}
		})
	}
}

func TestALimitDoesNotOutliveItsTransfer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService()
		o := small
		o.UploadLimit = 100
		m := New(s.direct(t), o)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		_, err := m.Upload(ctx, "k", bytes.NewReader(make([]byte, 9*mb)), nil)
		if took := time.Since(start); err == nil || took > 11*time.Second || s.unfinished() != 0 {
			t.Errorf("%v after %v; want the end of the context after 10 s", err, took)
		}
	})
}

func TestDownloadsComeInOrderWhateverTheDelays(t *testing.T) {
	data := pattern(29 * mb) // 8 parts
	for seed := range uint64(10) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			s := newService()
			s.put("k", data)
			var busy, most atomic.Int64
			s.intercept(func(_ http.ResponseWriter, _ *http.Request, _ string) bool {
				s.mu.Lock()
				d := time.Duration(random.IntN(1000)) * time.Millisecond
				s.mu.Unlock()
				for n := busy.Add(1); n > most.Load(); {
					most.Store(n)
				}
				time.Sleep(d)
				busy.Add(-1)
				return false
			})
			o := small
			o.Concurrency = 1 + int(seed%5)
			m := New(s.direct(t), o)
			var got bytes.Buffer
			res, err := m.Download(t.Context(), "k", &got, nil)
			if err != nil || !res.Verified {
				t.Errorf("seed %d: %+v, %v", seed, res, err)
			}
			same(t, "download", got.Bytes(), data)
			if n := int(most.Load()); n > o.Concurrency || n < min(o.Concurrency, 2) {
				t.Errorf("seed %d: %d requests at once; want up to %d", seed, n, o.Concurrency)
			}
		})
	}
}

// A writer that is slow, or does not go on at all.
func TestSlowWriters(t *testing.T) {
	data := pattern(61 * mb)
	synctest.Test(t, func(t *testing.T) {
		s := newService()
		s.put("k", data)
		m := New(s.direct(t), small)
		r, w := io.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error)
		go func() {
			_, err := m.Download(ctx, "k", w, nil)
			ended <- err
		}()
		if _, err := io.ReadFull(r, make([]byte, 5*mb)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := s.count("GetObject"); n > 6 {
			t.Errorf("%d parts are read for a writer that stands in the second", n)
		}
		r.CloseWithError(io.ErrClosedPipe)
		if err := <-ended; err == nil || !strings.Contains(err.Error(), io.ErrClosedPipe.Error()) {
			t.Errorf("%v; want the error of the writer", err)
		}
		if m.memory.free != m.o.Memory || len(m.slots) != 0 {
			t.Errorf("%d of %d bytes are free, %d workers are busy", m.memory.free, m.o.Memory, len(m.slots))
		}
	})
}

func TestConcurrencyIsSharedByManagers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService()
		var busy, most atomic.Int64
		s.intercept(func(_ http.ResponseWriter, r *http.Request, _ string) bool {
			if r.Method == http.MethodPut {
				most.Store(max(most.Load(), busy.Add(1)))
				time.Sleep(time.Second)
				busy.Add(-1)
			}
			return false
		})
		m := New(s.direct(t), small)
		other := m.For(m.b.Client().Bucket("films", ""))
		results := make(chan error)
		for i := range 10 {
			go func() {
				_, err := []*Manager{m, other}[i%2].Upload(t.Context(), fmt.Sprint(i), bytes.NewReader(make([]byte, 5*mb)), nil)
				results <- err
			}()
		}
		for range 10 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if most.Load() != 3 {
			t.Errorf("%d requests at once; want 3", most.Load())
		}
	})
}

func TestEventsTellTheStory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService()
		var inside atomic.Int64
		stories := make(map[string][]Event)
		o := small
		o.UploadLimit = mb
		o.Progress = func(e Event) {
			if inside.Add(1) > 1 {
				t.Error("two events of one transfer at once")
			}
			stories[e.Direction.String()] = append(stories[e.Direction.String()], e)
			inside.Add(-1)
		}
		m := New(s.direct(t), o)
		m.copyLimit = 5 * mb
		_, err := m.Upload(t.Context(), "k", bytes.NewReader(make([]byte, 9*mb)), nil)
		_, err2 := m.Download(t.Context(), "k", io.Discard, nil)
		_, err3 := m.Copy(t.Context(), "l", "k", nil)
		_, err4 := m.Copy(t.Context(), "l", "none", nil)
		if err != nil || err2 != nil || err3 != nil || err4 == nil {
			t.Fatal(err, err2, err3, err4)
		}
		for name, parts := range map[string]int{"upload": 3, "download": 3, "copy": 2} {
			story := stories[name]
			if name == "copy" { // two of them
				last := story[len(story)-1]
				if last.Kind != Done || last.Err == nil {
					t.Errorf("%s: the last event is %+v", name, last)
				}
				story = story[:len(story)-2]
			}
			kinds := make(map[Kind]int)
			for i, e := range story {
				kinds[e.Kind]++
				if i > 0 && (e.Bytes < story[i-1].Bytes || e.Bytes > 9*mb || e.Kind == Progress && e.Total != 9*mb) {
					t.Errorf("%s: event %+v after %+v", name, e, story[i-1])
				}
			}
			first, last := story[0], story[len(story)-1]
			if first.Kind != Started || last.Kind != Done || last.Bytes != 9*mb || last.Total != 9*mb || last.Err != nil ||
				kinds[PartDone] != parts || last.Parts != parts || last.Key == "" || last.Bucket != "photos" {
				t.Errorf("%s: %d events from %+v to %+v, %v", name, len(story), first, last, kinds)
			}
			if name == "upload" && (kinds[Progress] < 50 || kinds[Progress] > 100) {
				t.Errorf("%d events in 9 s; want about ten a second", kinds[Progress])
			}
		}
	})
}

// A part that is sent again counts once.
func TestRepeatedPartsCountOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService()
		fails := true
		s.intercept(func(w http.ResponseWriter, r *http.Request, call string) bool {
			if call == "UploadMultipart k 1" && fails {
				fails = false
				_, _ = io.Copy(io.Discard, r.Body)
				refuse(w, http.StatusServiceUnavailable, "busy")
				return true
			}
			return false
		})
		var last Event
		o := small
		o.Progress = func(e Event) { last = e }
		if _, err := New(s.direct(t), o).Upload(t.Context(), "k", bytes.NewReader(pattern(9*mb)), nil); err != nil {
			t.Fatal(err)
		}
		if last.Bytes != 9*mb || s.count("UploadMultipart k 1") != 2 {
			t.Errorf("%+v; want 9 MiB", last)
		}
		same(t, "object", s.object("k"), pattern(9*mb))
	})
}

// TestASilentServiceDoesNotHoldWhatHasEnded: the beginning of an upload outlives its context, but not for long.
func TestASilentServiceDoesNotHoldWhatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService()
		s.intercept(func(_ http.ResponseWriter, r *http.Request, _ string) bool {
			<-r.Context().Done()
			return true
		})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		_, err := New(s.direct(t), small).Upload(ctx, "k", bytes.NewReader(make([]byte, 9*mb)), nil)
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != 10*time.Second+initiateGrace {
			t.Errorf("%v after %v; want that the time is over after %v", err, took, 10*time.Second+initiateGrace)
		}
	})
}
