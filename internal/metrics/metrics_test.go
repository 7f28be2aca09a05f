package metrics

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// scrape returns what r tells.
func scrape(t *testing.T, r *Registry) string {
	t.Helper()
	w := httptest.NewRecorder()
	r.Handler(slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Fatalf("got %d %v", w.Code, w.Header())
	}
	return w.Body.String()
}

func TestFiguresAreTold(t *testing.T) {
	r := New()
	var h Histogram
	for _, d := range []time.Duration{0, 100 * time.Microsecond, 101 * time.Microsecond, time.Hour} {
		h.Observe(d)
	}
	r.Add(func(s *Sink) {
		s.Counter("ois_a_total", "Things.", 3, "kind", `q"x`)
		s.Counter("ois_a_total", "Things.", 4, "kind", "b")
		s.Gauge("ois_b", "More.", -1.5)
		s.Flag("ois_c", "So.", true)
		s.Time("ois_d_seconds", "When.", time.UnixMilli(1500))
		s.Time("ois_e_seconds", "Never.", time.Time{})
		s.Histogram("ois_f_seconds", "How long.", &h, "operation", "x")
	})
	text := scrape(t, r)
	for _, line := range []string{
		"# HELP ois_a_total Things.", "# TYPE ois_a_total counter", `ois_a_total{kind="q\"x"} 3`, `ois_a_total{kind="b"} 4`,
		"# TYPE ois_b gauge", "ois_b -1.5", "ois_c 1", "ois_d_seconds 1.5",
		"# TYPE ois_f_seconds histogram", `ois_f_seconds_bucket{operation="x",le="0.0001"} 2`, `ois_f_seconds_bucket{operation="x",le="0.00025"} 3`,
		`ois_f_seconds_bucket{operation="x",le="60"} 3`, `ois_f_seconds_bucket{operation="x",le="+Inf"} 4`, `ois_f_seconds_count{operation="x"} 4`,
		`ois_f_seconds_sum{operation="x"} 3600.000201`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("there is no line %q", line)
		}
	}
	if strings.Contains(text, "ois_e_seconds") {
		t.Error("a time that never was is told")
	}
	for _, name := range []string{"go_goroutines ", "go_memstats_heap_alloc_bytes ", "go_gc_duration_seconds_count "} {
		if !strings.Contains(text, "\n"+name) {
			t.Errorf("there is no %s", name)
		}
	}
}

// TestOneBadFigureKeepsTheOthers: two of one name and labels are a mistake, of which the rest of the figures knows nothing.
func TestOneBadFigureKeepsTheOthers(t *testing.T) {
	r := New()
	r.Add(func(s *Sink) { s.Gauge("ois_twice", "A.", 1) })
	r.Add(func(s *Sink) { s.Gauge("ois_twice", "A.", 2) })
	r.Add(func(s *Sink) { s.Gauge("ois_once", "B.", 1) })
	if text := scrape(t, r); !strings.Contains(text, "ois_once 1\n") {
		t.Errorf("there is no ois_once in\n%s", text)
	}
}

func TestObserveAllocatesNothing(t *testing.T) {
	var h Histogram
	if n := testing.AllocsPerRun(100, func() { h.Observe(time.Millisecond) }); n > 0 {
		t.Errorf("Observe allocates %v times; want 0", n)
	}
}

func TestHistogramIsSafeForConcurrentUse(t *testing.T) {
	var h Histogram
	if !h.Empty() {
		t.Error("a new histogram is not empty")
	}
	r := New()
	r.Add(func(s *Sink) { s.Histogram("ois_h_seconds", "H.", &h) })
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 1000 {
				h.Observe(time.Second)
			}
		})
	}
	scrape(t, r)
	all.Wait()
	if text := scrape(t, r); h.Empty() || !strings.Contains(text, "ois_h_seconds_count 4000\n") || !strings.Contains(text, "ois_h_seconds_sum 4000\n") {
		t.Errorf("4000 times a second are not there:\n%s", text)
	}
}

func BenchmarkObserve(b *testing.B) {
	var h Histogram
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			h.Observe(300 * time.Microsecond)
		}
	})
}
