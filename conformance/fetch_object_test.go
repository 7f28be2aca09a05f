package conformance

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// An origin is a server that the service fetches from.
type origin struct {
	url   string
	mu    sync.Mutex
	asked []string // methods and targets; guarded by mu
}

// newOrigin starts a server for one test.
func (s *session) newOrigin(h http.HandlerFunc) *origin {
	s.t.Helper()
	s.needOrigin()
	l, err := new(net.ListenConfig).Listen(s.t.Context(), "tcp", net.JoinHostPort(s.origin, "0"))
	if err != nil {
		s.t.Fatal(err)
	}
	o := &origin{url: "http://" + l.Addr().String()}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		o.asked = append(o.asked, r.Method+" "+r.RequestURI)
		o.mu.Unlock()
		h(w, r)
	})}}
	server.Start()
	s.t.Cleanup(server.Close)
	return o
}

// times returns how often something was asked for.
func (o *origin) times(what string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(o.asked), func(s string) bool { return s != what }))
}

// broken sends less than it announces.
func broken(w http.ResponseWriter, n int) {
	w.Header().Set("Content-Length", fmt.Sprint(n))
	_, _ = io.WriteString(w, strings.Repeat("x", n-1)) // the client may have heard enough
}

func (b *bucket) fetch(key, source string, header ...string) *answer {
	b.t.Helper()
	return b.put(key, "", append(header, "X-QS-Fetch-Source: "+source)...)
}

func TestFetchStoresWhatTheOriginHas(t *testing.T) {
	s := start(t)
	large := strings.Repeat("0123456789abcdef", 1<<16)
	o := s.newOrigin(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/moved/"):
			status, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/moved/"))
			if err != nil {
				t.Error(err)
			}
			http.Redirect(w, r, "/a", status)
		case r.URL.Path == "/large":
			w.Header().Set("Content-Length", fmt.Sprint(len(large)))
			_, _ = io.WriteString(w, large) // what arrives is compared
		default:
			w.Header().Set("Content-Type", "text/x-origin")
			_, _ = io.WriteString(w, "hello")
		}
	})
	b := s.newBucket()
	b.fetch("a b.txt", o.url+"/a").want(http.StatusCreated).wantHeader("ETag", `"5d41402abc4b2a76b9719d911017c592"`)
	b.get("a b.txt").want(http.StatusOK).wantBody("hello").wantHeader("Content-Type", "text/x-origin")
	if n := o.times("GET /a"); n != 1 {
		t.Errorf("the origin was asked %d times: %v", n, o.asked)
	}
	b.fetch("large", strings.TrimPrefix(o.url, "http://")+"/large", "X-QS-Storage-Class: STANDARD_IA").want(http.StatusCreated)
	b.get("large").want(http.StatusOK).wantBody(large).wantHeader("X-QS-Storage-Class", "STANDARD_IA")
	for _, status := range []int{301, 302, 307} {
		b.fetch("moved", fmt.Sprintf("%s/moved/%d", o.url, status)).want(http.StatusCreated)
		b.get("moved").want(http.StatusOK).wantBody("hello")
		b.delete("moved").want(http.StatusNoContent)
	}
}

func TestFailedFetchLeavesTheObject(t *testing.T) {
	s := start(t)
	o := s.newOrigin(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/missing":
			http.NotFound(w, r)
		case "/error":
			w.WriteHeader(http.StatusInternalServerError)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/short":
			broken(w, 10)
		case "/short-large":
			broken(w, 5<<20)
		case "/chunked":
			_ = http.NewResponseController(w).Flush() // before the length is known
			_, _ = io.WriteString(w, "hello")
		}
	})
	b := s.newBucket()
	b.put("k", "old").want(http.StatusCreated)
	b.fetch("k", o.url+"/missing").wantFault(http.StatusNotFound, "object_not_exists")
	for _, path := range []string{"/error", "/loop", "/short", "/short-large", "/chunked"} {
		b.fetch("k", o.url+path).wantFault(http.StatusServiceUnavailable, "upstream_failed")
		b.fetch("new", o.url+path).wantFault(http.StatusServiceUnavailable, "upstream_failed")
	}
	b.get("k").want(http.StatusOK).wantBody("old")
	b.wantMissing("new")
}

func TestFetchIfUnmodifiedSince(t *testing.T) {
	s := start(t)
	o := s.newOrigin(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "new") })
	b := s.newBucket()
	future := "X-QS-Fetch-If-Unmodified-Since: " + httpDate(time.Now().Add(time.Hour))
	past := "X-QS-Fetch-If-Unmodified-Since: " + httpDate(time.Now().Add(-time.Hour))
	b.fetch("k", o.url, future).wantFault(http.StatusPreconditionFailed, "precondition_failed")
	b.wantMissing("k")
	b.put("k", "old").want(http.StatusCreated)
	b.fetch("k", o.url, past).wantFault(http.StatusPreconditionFailed, "precondition_failed")
	b.get("k").want(http.StatusOK).wantBody("old")
	b.fetch("k", o.url, future).want(http.StatusCreated)
	b.get("k").want(http.StatusOK).wantBody("new")
}

func TestFetchNeedsARightAndAURL(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for _, source := range []string{"", "ftp://example.com/a", "http://", "http:///a"} {
		b.fetch("k", source).wantFault(http.StatusBadRequest, "invalid_argument")
	}
	b.fetch("/k", "http://example.com/").wantFault(http.StatusBadRequest, "invalid_object_name")
	b.as(nil).fetch("k", "http://example.com/").wantFault(http.StatusForbidden, "permission_denied")
	b.wantMissing("k")
}

// TestOneFetchOfAURLAtATime: the second one is told so while the first is under way.
func TestOneFetchOfAURLAtATime(t *testing.T) {
	s := start(t)
	ctx, release := context.WithTimeout(t.Context(), patience)
	defer release()
	begun := make(chan bool, 2)
	o := s.newOrigin(func(w http.ResponseWriter, _ *http.Request) {
		begun <- true
		<-ctx.Done()
		_, _ = io.WriteString(w, "hello")
	})
	b := s.newBucket()
	first := make(chan *answer)
	go func() {
		c := s.dial()
		r := b.request("PUT", "/k", "", "X-QS-Fetch-Source: "+o.url+"/a")
		c.send(r.text(s.service))
		a, err := c.read("PUT")
		if err != nil {
			t.Error(err)
		}
		first <- a
	}()
	<-begun
	b.fetch("other", o.url+"/a").wantFault(http.StatusConflict, "fetch_in_process")
	release()
	if a := <-first; a != nil {
		a.want(http.StatusCreated)
	}
}
