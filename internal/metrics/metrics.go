// Package metrics tells the figures of a process in the text format of Prometheus.
//
// Whoever has figures keeps them as it likes, in plain atomic numbers where they change often, and gives the [Registry] a
// function that tells them when it is asked. So counting costs what an atomic addition costs, no package needs to know
// about formats, and where nobody asks nothing else is done. No figure is labelled with anything that a client chooses.
package metrics

import (
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// A Registry knows who has figures. It is safe for concurrent use.
type Registry struct{ all *prometheus.Registry }

// New returns a Registry that has the figures of the Go runtime and of the process.
func New() *Registry {
	r := &Registry{all: prometheus.NewRegistry()}
	r.all.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Add has tell called each time somebody asks for figures, perhaps by several goroutines at once. No two of all that are
// told may have the same name and labels.
func (r *Registry) Add(tell func(*Sink)) { r.all.MustRegister(teller(tell)) }

// maxScrapes is how many may ask at the same time; others are answered with 503.
const maxScrapes = 4

// Handler answers with all figures.
func (r *Registry) Handler(log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(r.all, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes,
	})
}

// A teller is a collector that does not say before what it has.
type teller func(*Sink)

// Describe implements prometheus.Collector.
func (teller) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (t teller) Collect(to chan<- prometheus.Metric) { t(&Sink{to}) }

// A Sink takes figures. Names begin with ois_, those of counters end with _total, units are seconds and bytes. Labels are pairs
// of a name and a value.
type Sink struct{ to chan<- prometheus.Metric }

// Counter takes a figure that only grows.
func (s *Sink) Counter(name, help string, v float64, labels ...string) {
	s.to <- prometheus.MustNewConstMetric(desc(name, help, labels), prometheus.CounterValue, v)
}

// Gauge takes a figure that goes up and down.
func (s *Sink) Gauge(name, help string, v float64, labels ...string) {
	s.to <- prometheus.MustNewConstMetric(desc(name, help, labels), prometheus.GaugeValue, v)
}

// Flag takes 1 or 0 for what is so or not.
func (s *Sink) Flag(name, help string, v bool, labels ...string) {
	n := 0.0
	if v {
		n = 1
	}
	s.Gauge(name, help, n, labels...)
}

// Time takes a moment, unless it is the zero time.
func (s *Sink) Time(name, help string, t time.Time, labels ...string) {
	if !t.IsZero() {
		s.Gauge(name, help, float64(t.UnixMilli())/1000, labels...)
	}
}

// Histogram takes durations.
func (s *Sink) Histogram(name, help string, h *Histogram, labels ...string) {
	count, buckets := uint64(0), make(map[float64]uint64, len(bounds))
	sum := h.nanos.Load() // first, so that no average is too high
	for i := range h.counts {
		count += h.counts[i].Load()
		if i < len(bounds) {
			buckets[bounds[i].Seconds()] = count
		}
	}
	s.to <- prometheus.MustNewConstHistogram(desc(name, help, labels), count, time.Duration(sum).Seconds(), buckets)
}

func desc(name, help string, pairs []string) *prometheus.Desc {
	labels := make(prometheus.Labels, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		labels[pairs[i]] = pairs[i+1]
	}
	return prometheus.NewDesc(name, help, nil, labels)
}

// bounds are the upper bounds of a Histogram's buckets: from a read that finds everything in memory to a large upload.
var bounds = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, time.Minute,
}

// A Histogram counts durations by their size. The zero value is ready. It is safe for concurrent use.
type Histogram struct {
	counts [len(bounds) + 1]atomic.Uint64 // the last is for what is longer than all bounds
	nanos  atomic.Int64
}

// Observe counts a duration.
func (h *Histogram) Observe(d time.Duration) {
	i := 0
	for i < len(bounds) && d > bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.nanos.Add(int64(d))
}

// Empty reports whether nothing was counted yet.
func (h *Histogram) Empty() bool {
	for i := range h.counts {
		if h.counts[i].Load() > 0 {
			return false
		}
	}
	return true
}
