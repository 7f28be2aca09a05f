package conformance

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

func (b *bucket) mirror(site string) {
	b.t.Helper()
	b.send("PUT", "?mirror", fmt.Sprintf(`{"source_site":%q}`, site)).want(http.StatusOK)
}

func TestMirrorIsReadBackAndRemoved(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.send("GET", "?mirror", "").want(http.StatusOK).wantBody(`{"source_site":""}`)
	b.send("DELETE", "?mirror", "").want(http.StatusNoContent)
	b.mirror("https://example.com:8443/dir/")
	b.send("GET", "?mirror", "").want(http.StatusOK).wantBody(`{"source_site":"https://example.com:8443/dir/"}`)
	b.mirror("http://example.com")
	for _, site := range []string{`""`, `"ftp://example.com"`, `"http://"`, "1", "null"} {
		b.send("PUT", "?mirror", `{"source_site":`+site+`}`).wantFault(http.StatusBadRequest, "invalid_request")
	}
	b.send("PUT", "?mirror", `{}`).wantFault(http.StatusBadRequest, "invalid_request")
	b.send("GET", "?mirror", "").want(http.StatusOK).wantBody(`{"source_site":"http://example.com"}`)
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		b.as(nil).send(method, "?mirror", "").wantFault(http.StatusForbidden, "permission_denied")
	}
	b.send("DELETE", "?mirror", "").want(http.StatusNoContent)
	b.send("GET", "?mirror", "").want(http.StatusOK).wantBody(`{"source_site":""}`)
	b.remove()
}

// TestMissingObjectsComeFromTheMirror, and stay. The first answer may be a redirect.
func TestMissingObjectsComeFromTheMirror(t *testing.T) {
	s := start(t)
	o := s.newOrigin(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/site/none") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/x-origin")
		_, _ = io.WriteString(w, r.RequestURI) // what arrives is compared
	})
	b := s.newBucket()
	b.put("own", "own").want(http.StatusCreated)
	b.mirror(o.url + "/site/")
	for _, tt := range []struct{ key, target string }{
		{"a.txt", "/site/a.txt"},
		{"dir/b c?d#e%f", "/site/dir/b%20c%3Fd%23e%25f"},
		{"目录/🙂", "/site/%E7%9B%AE%E5%BD%95/%F0%9F%99%82"},
	} {
		if a := b.get(tt.key).want(http.StatusOK, http.StatusFound); a.status == http.StatusOK {
			a.wantBody(tt.target).wantHeader("Content-Type", "text/x-origin")
		}
		b.get(tt.key).want(http.StatusOK).wantBody(tt.target)
		b.head(tt.key).want(http.StatusOK).wantHeader("Content-Length", fmt.Sprint(len(tt.target)))
		if n := o.times("GET " + tt.target); n != 1 {
			t.Errorf("the origin was asked %d times for %s: %v", n, tt.target, o.asked)
		}
	}
	b.get("own").want(http.StatusOK).wantBody("own")
	b.get("none").wantFault(http.StatusNotFound, "object_not_exists")
	b.head("none").want(http.StatusNotFound)
	b.as(nil).get("other").wantFault(http.StatusForbidden, "permission_denied")
	b.send("DELETE", "?mirror", "").want(http.StatusNoContent)
	b.get("other").wantFault(http.StatusNotFound, "object_not_exists")
	b.get("a.txt").want(http.StatusOK).wantBody("/site/a.txt")
	if n := o.times("GET /site/other"); n != 0 {
		t.Errorf("the origin was asked for what nobody may have: %v", o.asked)
	}
}

func TestRangeOfAMissingObject(t *testing.T) {
	s := start(t)
	o := s.newOrigin(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "0123456789") })
	b := s.newBucket()
	b.mirror(o.url)
	a := b.get("k", "Range: bytes=2-4").want(http.StatusPartialContent, http.StatusFound)
	if a.status == http.StatusPartialContent {
		a.wantBody("234").wantHeader("Content-Range", "bytes 2-4/10")
	}
	b.get("k").want(http.StatusOK).wantBody("0123456789")
}

func TestMirrorThatFails(t *testing.T) {
	s := start(t)
	o := s.newOrigin(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/short" {
			broken(w, 10)
			return
		}
		w.WriteHeader(http.StatusInternalServerError)
	})
	b := s.newBucket()
	b.mirror(o.url)
	for _, key := range []string{"short", "error"} {
		b.get(key).wantFault(http.StatusServiceUnavailable, "upstream_failed")
	}
	b.wantNothing()
}

// TestManyReadersOfAMissingObject: they all get it, or are sent to it, and the mirror is asked once.
func TestManyReadersOfAMissingObject(t *testing.T) {
	s := start(t)
	text := strings.Repeat("0123456789abcdef", 1<<14)
	ctx, release := context.WithTimeout(t.Context(), patience)
	defer release()
	begun := make(chan bool, 100)
	o := s.newOrigin(func(w http.ResponseWriter, _ *http.Request) {
		begun <- true
		<-ctx.Done()
		w.Header().Set("Content-Length", fmt.Sprint(len(text)))
		_, _ = io.WriteString(w, text)
	})
	b := s.newBucket()
	b.mirror(o.url)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			c := s.dial()
			r := b.request("GET", "/k", "")
			c.send(r.text(s.service))
			if a, err := c.read("GET"); err != nil || a.status != http.StatusFound && (a.status != http.StatusOK || a.text != text) {
				t.Errorf("a reader got %+v, %v", a, err)
			}
		})
	}
	<-begun
	release()
	all.Wait()
	b.get("k").want(http.StatusOK).wantBody(text)
	if n := o.times("GET /k"); n != 1 {
		t.Errorf("the origin was asked %d times", n)
	}
}
