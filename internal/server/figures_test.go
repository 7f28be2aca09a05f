package server

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/metrics"
)

// figuresOf returns what a server tells, a line for each.
func figuresOf(t *testing.T, s *Server) string {
	t.Helper()
	r := metrics.New()
	r.Add(s.Tell)
	w := httptest.NewRecorder()
	r.Handler(slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	return w.Body.String()
}

func TestRequestsAreCounted(t *testing.T) {
	f := start(t)
	f.bucket()
	f.object("/bucket1/k", "hello")
	f.ask(f.key, "GET", "/bucket1/k", "").want(http.StatusOK)
	f.ask(f.key, "GET", "/bucket1/k", "").want(http.StatusOK)
	f.ask(f.key, "GET", "/bucket1/nope", "").want(http.StatusNotFound)
	f.ask(nil, "GET", "//", "").want(http.StatusBadRequest)
	f.stop() // from here on nothing more is counted
	text := figuresOf(t, f.Server)
	for _, line := range []string{
		`ois_requests_total{class="2xx",operation="PutBucket"} 1`,
		`ois_requests_total{class="2xx",operation="GetObject"} 2`,
		`ois_requests_total{class="4xx",operation="GetObject"} 1`,
		`ois_requests_total{class="4xx",operation="none"} 1`,
		`ois_request_seconds_count{operation="GetObject"} 3`,
		`ois_errors_total{code="object_not_exists"} 1`,
		`ois_errors_total{code="invalid_bucket_name"} 1`,
		`ois_errors_total{code="internal_error"} 0`,
		`ois_received_bytes_total 5`,
		`ois_requests_in_flight 0`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("there is no line %s", line)
		}
	}
	for _, secret := range []string{"bucket1", "nope"} {
		if strings.Contains(text, secret) {
			t.Errorf("the figures name %s", secret)
		}
	}
}

// TestRequestsUnderWayAreCounted looks while a request waits for its body, and after its client has left.
func TestRequestsUnderWayAreCounted(t *testing.T) {
	f := start(t)
	f.bucket()
	c, r := f.dial()
	if _, err := io.WriteString(c, f.head(f.key, "PUT", "/bucket1/k", "Expect: 100-continue", "Content-Length: 5")); err != nil {
		t.Fatal(err)
	}
	if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatalf("got %q, %v", line, err)
	}
	eventually(t, "one request is under way, and those before have ended", func() bool {
		text := figuresOf(t, f.Server)
		return strings.Contains(text, "\nois_requests_in_flight 1\n") && strings.Contains(text, "\nois_connections 1\n")
	})
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	f.stop()
	for f.connections.open.Load() > 0 { // net/http does not wait for connections that are idle
		runtime.Gosched()
	}
	text := figuresOf(t, f.Server)
	if !strings.Contains(text, "\nois_requests_in_flight 0\n") || !strings.Contains(text, "\nois_connections 0\n") {
		t.Errorf("what has ended is still under way:\n%s", text)
	}
}

// TestCountingAllocatesNothing holds the whole road to what it allocates: more needs a reason.
func TestCountingAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector changes what is allocated")
	}
	f := start(t, func(c *Config) { c.Logger = nil })
	f.bucket()
	do := f.request(f.key, http.MethodPut)
	do()
	x := &exchange{Server: f.Server}
	x.w.status = http.StatusOK
	if n := testing.AllocsPerRun(100, func() { f.figures.underWay.Add(1); x.count(1) }); n > 0 {
		t.Errorf("to count a request allocates %v times; want 0", n)
	}
	for method, most := range map[string]float64{http.MethodPut: 110, http.MethodGet: 58} {
		do := f.request(f.key, method)
		if n := testing.AllocsPerRun(200, do); n > most {
			t.Errorf("%s of 4 KiB allocates %v times; want at most %v", method, n, most)
		}
	}
}

func TestTooManyConnectionsAreRefused(t *testing.T) {
	f := start(t, func(c *Config) { c.MaxConnections = 2 })
	f.bucket()
	eventually(t, "the connection of before is closed", func() bool { return f.connections.open.Load() == 0 })
	var open []io.Closer
	for range 2 {
		c, r := f.dial()
		if _, err := io.WriteString(c, f.head(f.key, "GET", "/bucket1")); err != nil {
			t.Fatal(err)
		}
		receive(t, r, "GET").want(http.StatusOK)
		open = append(open, c)
	}
	for _, method := range []string{"PUT", "GET", "HEAD"} {
		c, r := f.dial()
		head := f.head(f.key, method, "/bucket1/k", "Content-Length: 100000")
		go func() {
			_, _ = io.Copy(c, io.MultiReader(strings.NewReader(head), bytes.NewReader(make([]byte, 100_000))))
		}() // may be cut
		a := receive(t, r, method).want(http.StatusServiceUnavailable)
		if a.Header.Get("Retry-After") != "1" || !a.Close {
			t.Errorf("%s: headers are %v, close %v", method, a.Header, a.Close)
		}
		if method != "HEAD" {
			a.wantFault(http.StatusServiceUnavailable, "service_unavailable")
		}
	}
	if text := figuresOf(t, f.Server); !strings.Contains(text, "\nois_connections_refused_total 3\n") || !strings.Contains(text, "\nois_connections_limit 2\n") {
		t.Errorf("refusals are not counted:\n%s", text)
	}
	if err := open[0].Close(); err != nil {
		t.Fatal(err)
	}
	for f.connections.open.Load() == 2 { // until the server has noticed
		runtime.Gosched()
	}
	f.ask(f.key, "GET", "/bucket1", "").want(http.StatusOK)
}

// TestSilentOnesDoNotHoldRefusals: who says nothing is let go, and while there are many of them the others are closed.
func TestSilentOnesDoNotHoldRefusals(t *testing.T) {
	f := start(t, func(c *Config) { c.MaxConnections = 1 })
	c, r := f.dial()
	if _, err := io.WriteString(c, f.head(nil, "GET", "/-/health")); err != nil {
		t.Fatal(err)
	}
	receive(t, r, "GET").want(http.StatusOK)
	for range 2 * maxTelling {
		f.dial()
	}
	last, end := f.dial()
	if n, err := io.Copy(io.Discard, end); n > 0 {
		t.Errorf("silence was answered with %d bytes, %v", n, err)
	}
	_ = last
	if n := f.connections.telling.Load(); n > maxTelling {
		t.Errorf("%d refusals are under way; want at most %d", n, maxTelling)
	}
}

func TestRetryAfter(t *testing.T) {
	f := start(t)
	f.bucket()
	f.leaving.Store(true)
	a := f.ask(nil, "GET", "/-/health", "").wantFault(http.StatusServiceUnavailable, "service_unavailable")
	if got := a.Header.Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After of 503 is %q; want 1", got)
	}
	if a := f.ask(nil, "GET", "/bucket1", ""); a.Header.Get("Retry-After") != "" {
		t.Errorf("%s has Retry-After", a.Status)
	}
}
