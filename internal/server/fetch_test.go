package server

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/egress"
	"github.com/oisproject/ois/internal/store"
)

// An origin is another server, which notes what it is asked for.
type origin struct {
	url   string
	mu    sync.Mutex
	asked []string // targets; guarded by mu
}

// newOrigin starts one. What h writes without announcing a length gets none.
func newOrigin(t *testing.T, h http.HandlerFunc) *origin {
	t.Helper()
	o := &origin{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		o.asked = append(o.asked, r.RequestURI)
		o.mu.Unlock()
		h(w, r)
	}))
	t.Cleanup(s.Close)
	o.url = s.URL
	return o
}

// wantAsked checks what was asked for since the last time.
func (o *origin) wantAsked(t *testing.T, want ...string) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.Equal(o.asked, want) {
		t.Errorf("the origin was asked for %q; want %q", o.asked, want)
	}
	o.asked = nil
}

// say answers with a text.
func say(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
}

// raw answers with all that is on the wire.
func raw(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(c, text) // the client may have heard enough
		_ = c.Close()
	}
}

// private lets requests go to this machine. Who is slow is cut off after a moment.
func private(c *Config) {
	c.Egress = egress.New(egress.Options{AllowPrivate: true, Stall: 10 * time.Second})
}

// fetch asks for a fetch into /bucket1/k.
func (f *fixture) fetch(source string, headers ...string) *reply {
	f.t.Helper()
	return f.ask(f.key, "PUT", "/bucket1/k", "", append(headers, "X-QS-Fetch-Source: "+source)...)
}

// wantObject checks what is under /bucket1/k.
func (f *fixture) wantObject(text string) *reply {
	f.t.Helper()
	a := f.ask(f.key, "GET", "/bucket1/k", "").want(http.StatusOK)
	if a.text != text {
		f.t.Errorf("the object is %.100q; want %.100q", a.text, text)
	}
	return a
}

func TestFetch(t *testing.T) {
	f := start(t, private)
	f.bucket()
	large := strings.Repeat("large ", 1<<19)
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/a", http.StatusMovedPermanently)
		case "/large":
			w.Header().Set("Content-Length", fmt.Sprint(len(large)))
			fmt.Fprint(w, large)
		case "/empty":
			w.Header().Set("Content-Length", "0")
		default:
			w.Header().Set("Content-Type", "text/x-test")
			w.Header().Set("Content-Encoding", "x-own")
			w.Header().Set("Cache-Control", "no-store")
			fmt.Fprint(w, "hello")
		}
	})
	a := f.fetch(strings.TrimPrefix(o.url, "http://")+"/a?b=%2F", "X-QS-Storage-Class: STANDARD_IA").want(http.StatusCreated)
	if got := a.Header.Get("Etag"); got != `"5d41402abc4b2a76b9719d911017c592"` {
		t.Errorf("ETag is %s", got)
	}
	o.wantAsked(t, "/a?b=%2F")
	b := f.wantObject("hello")
	for name, want := range map[string]string{
		"Content-Type": "text/x-test", "Content-Encoding": "x-own", "Cache-Control": "", "X-Qs-Storage-Class": "STANDARD_IA", "Etag": a.Header.Get("Etag"),
	} {
		if got := b.Header.Get(name); got != want {
			t.Errorf("%s is %q; want %q", name, got, want)
		}
	}
	f.fetch(o.url + "/large").want(http.StatusCreated)
	f.wantObject(large)
	f.fetch(o.url + "/empty").want(http.StatusCreated)
	f.wantObject("")
	f.fetch(o.url + "/moved").want(http.StatusCreated)
	f.wantObject("hello")
}

// TestFailedFetchesStoreNothing: what is under the key stays.
func TestFailedFetchesStoreNothing(t *testing.T) {
	f := start(t, private)
	f.bucket()
	f.object("/bucket1/k", "old")
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		status int
		code   string
	}{
		{"404", http.NotFound, 404, "object_not_exists"},
		{"410", raw("HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"), 503, "upstream_failed"},
		{"403", raw("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"), 503, "upstream_failed"},
		{"206", raw("HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n\r\nx"), 503, "upstream_failed"},
		{"500", raw("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"), 503, "upstream_failed"},
		{"no length", raw("HTTP/1.1 200 OK\r\n\r\nhello"), 503, "upstream_failed"},
		{"chunked", raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"), 503, "upstream_failed"},
		{"truncated", raw("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello"), 503, "upstream_failed"},
		{"truncated, large", raw("HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + strings.Repeat("x", 2999999)), 503, "upstream_failed"},
		{"nothing", raw(""), 503, "upstream_failed"},
		{"long type", raw("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Type: " + strings.Repeat("x", 256) + "\r\n\r\n"), 503, "upstream_failed"},
		{"too large", raw(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", int64(store.MaxBody)+1)), 400, "entity_too_large"},
		{"loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) }, 503, "upstream_failed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f.t = t
			o := newOrigin(t, tt.answer)
			a := f.fetch(o.url+"/path?secret=1").wantFault(tt.status, tt.code)
			if strings.Contains(a.text, "secret") {
				t.Errorf("the answer tells the query: %s", a.text)
			}
			f.wantObject("old")
		})
	}
	f.t = t
	f.fetch("http://127.0.0.1:1/").wantFault(http.StatusServiceUnavailable, "upstream_failed")
	f.wantObject("old")
	if text := f.log.String(); strings.Contains(text, "secret") {
		t.Errorf("the log tells the query: %s", text)
	}
}

func TestSlowOriginsAreCutOff(t *testing.T) {
	f := start(t, func(c *Config) {
		c.Egress = egress.New(egress.Options{AllowPrivate: true, Stall: 20 * time.Millisecond})
	})
	f.bucket()
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100000")
		for r.Context().Err() == nil {
			if _, err := w.Write([]byte("x")); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush() // Write tells
			time.Sleep(time.Millisecond)
		}
	})
	a := f.fetch(o.url).wantFault(http.StatusServiceUnavailable, "upstream_failed")
	if !strings.Contains(a.text, "too slowly") {
		t.Errorf("the answer is %s", a.text)
	}
	f.ask(f.key, "GET", "/bucket1/k", "").wantFault(http.StatusNotFound, "object_not_exists")
}

func TestPrivateOriginsAreRefused(t *testing.T) {
	o := newOrigin(t, say("inside"))
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(o.url, "http://"))
	f := start(t)
	f.bucket()
	for _, source := range []string{
		o.url, "127.0.0.1:" + port, "http://[::1]:" + port, "http://[::ffff:127.0.0.1]:" + port, "http://169.254.169.254/latest/", "http://10.0.0.1/",
		"ftp://example.com/", "http://user:pass@example.com/", "http:///k", "file:///etc/passwd", "http://example.com:99999/",
	} {
		f.fetch(source).wantFault(http.StatusBadRequest, "invalid_argument")
	}
	a := f.fetch("http://localhost:"+port).wantFault(http.StatusServiceUnavailable, "upstream_failed")
	if !strings.Contains(a.text, "does not connect to") || strings.Contains(a.text, "127.0.0.1") {
		t.Errorf("the answer is %s", a.text)
	}
	f.ask(f.key, "PUT", "/bucket1?mirror", fmt.Sprintf(`{"source_site":%q}`, o.url)).wantFault(http.StatusBadRequest, "invalid_request")
	f.ask(f.key, "PUT", "/bucket1?mirror", fmt.Sprintf(`{"source_site":"http://localhost:%s"}`, port)).want(http.StatusOK)
	f.ask(f.key, "GET", "/bucket1/k", "").wantFault(http.StatusServiceUnavailable, "upstream_failed")
	o.wantAsked(t)
}

func TestFetchAsksFirst(t *testing.T) {
	f := start(t, private)
	f.bucket()
	o := newOrigin(t, say("new"))
	f.fetch(o.url, "X-QS-Storage-Class: COLD").wantFault(http.StatusBadRequest, "invalid_request")
	f.fetch(o.url, "X-QS-Fetch-If-Unmodified-Since: "+f.date()).wantFault(http.StatusPreconditionFailed, "precondition_failed")
	f.ask(f.key, "PUT", "/bucket1//k", "", "X-QS-Fetch-Source: "+o.url).wantFault(http.StatusBadRequest, "invalid_object_name")
	f.ask(nil, "PUT", "/bucket1/k", "", "X-QS-Fetch-Source: "+o.url).wantFault(http.StatusForbidden, "permission_denied")
	f.object("/bucket1/k", "old")
	f.fetch(o.url, "X-QS-Fetch-If-Unmodified-Since: Mon, 02 Jan 2006 15:04:05 GMT").wantFault(http.StatusPreconditionFailed, "precondition_failed")
	o.wantAsked(t)
	f.fetch(o.url, "X-QS-Fetch-If-Unmodified-Since: "+time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)).want(http.StatusCreated)
	f.wantObject("new")
}

// TestFetchesOfOneURL: while one is under way another one is refused, also into another key.
func TestFetchesOfOneURL(t *testing.T) {
	f := start(t, private)
	f.bucket()
	begun, goOn := make(chan bool), make(chan bool)
	o := newOrigin(t, func(w http.ResponseWriter, _ *http.Request) {
		begun <- true
		<-goOn
		fmt.Fprint(w, "hello")
	})
	done := make(chan *reply)
	go func() { done <- f.fetch(o.url + "/x") }()
	<-begun
	f.ask(f.key, "PUT", "/bucket1/other", "", "X-QS-Fetch-Source: "+o.url+"/x").wantFault(http.StatusConflict, "fetch_in_process")
	go func() { done <- f.fetch(o.url + "/y") }()
	<-begun
	close(goOn)
	(<-done).want(http.StatusCreated)
	(<-done).want(http.StatusCreated)
	if n := len(f.origins.urls) + len(f.origins.owners) + f.origins.n; n != 0 {
		t.Errorf("afterwards there are %d", n)
	}
}

func TestFetchesAreThrottled(t *testing.T) {
	f := start(t, private)
	f.bucket()
	o := newOrigin(t, say("hello"))
	f.ask(f.key, "PUT", "/bucket1?mirror", fmt.Sprintf(`{"source_site":%q}`, o.url)).want(http.StatusOK)
	for _, owners := range [][]string{{store.RootUser}, {"usr-a", "usr-b"}} {
		var all []func()
		for _, owner := range owners {
			for i := range maxOriginsOwner {
				leave, err := f.origins.enter(fmt.Sprint(owner, i), owner, true)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, leave)
			}
		}
		f.fetch(o.url).wantFault(http.StatusTooManyRequests, "fetch_throttled")
		f.ask(f.key, "GET", "/bucket1/m", "").wantFault(http.StatusTooManyRequests, "fetch_throttled")
		for _, leave := range all {
			leave()
		}
	}
	o.wantAsked(t)
	f.fetch(o.url).want(http.StatusCreated)
}

func TestFetchEndsWithItsClient(t *testing.T) {
	f := start(t, private)
	f.bucket()
	begun, gone := make(chan bool), make(chan bool)
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "5")
		_ = http.NewResponseController(w).Flush() // the head arrives or does not, the test sees it
		close(begun)
		<-r.Context().Done()
		close(gone)
	})
	c, _ := f.dial()
	if _, err := io.WriteString(c, f.head(f.key, "PUT", "/bucket1/k", "X-QS-Fetch-Source: "+o.url)); err != nil {
		t.Fatal(err)
	}
	<-begun
	_ = c.Close() // this is what it is about
	<-gone
	f.stop()
	if line := f.log.last(t); line["operation"] != "FetchObject" || line["level"] != "INFO" {
		t.Errorf("the log says %v", line)
	}
}
