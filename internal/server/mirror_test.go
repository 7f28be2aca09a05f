package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oisproject/ois/internal/egress"
	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/store"
)

// mirror makes bucket1, and an origin its mirror.
func (f *fixture) mirror(o *origin, path string) {
	f.t.Helper()
	f.bucket()
	f.ask(f.key, "PUT", "/bucket1?mirror", fmt.Sprintf(`{"source_site":%q}`, o.url+path)).want(http.StatusOK)
}

// pieces returns n bytes that differ.
func pieces(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%07d\n", i)
	}
	return b.String()[:n]
}

func TestMirror(t *testing.T) {
	f := start(t, private)
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/x-test")
		fmt.Fprint(w, r.URL.Path)
	})
	f.mirror(o, "/site")
	for range 2 { // the second time from the store
		a := f.ask(f.key, "GET", "/bucket1/dir/a%20b", "").want(http.StatusOK)
		if a.text != "/site/dir/a b" || a.Header.Get("Content-Type") != "text/x-test" || a.Header.Get("Etag") == "" || a.Header.Get("Last-Modified") == "" {
			t.Errorf("got %q with %v", a.text, a.Header)
		}
	}
	o.wantAsked(t, "/site/dir/a%20b")
	if a := f.ask(f.key, "HEAD", "/bucket1/head", "").want(http.StatusOK); a.ContentLength != 10 || a.Header.Get("Etag") == "" {
		t.Errorf("HEAD of a missing object: %v", a.Header)
	}
	a := f.ask(f.key, "GET", "/bucket1/range", "", "Range: bytes=1-4").want(http.StatusPartialContent)
	if a.text != "site" || a.Header.Get("Content-Range") != "bytes 1-4/11" {
		t.Errorf("a range of a missing object is %q, %v", a.text, a.Header)
	}
	f.ask(f.key, "GET", "/bucket1/match", "", `If-Match: "no"`).wantFault(http.StatusPreconditionFailed, "precondition_failed")
	if a := f.ask(f.key, "GET", "/bucket1?prefix=", "").want(http.StatusOK); strings.Count(a.text, `"key"`) != 4 {
		t.Errorf("the bucket has %s", a.text)
	}
	o.wantAsked(t, "/site/head", "/site/range", "/site/match")
	f.ask(f.key, "GET", "/bucket1/k?version_id=null", "").wantFault(http.StatusNotFound, "object_not_exists")
	f.ask(nil, "GET", "/bucket1/k", "").wantFault(http.StatusForbidden, "permission_denied")
	f.ask(f.key, "PUT", "/bucket1/copy", "", "X-Qs-Copy-Source: /bucket1/k").wantFault(http.StatusNotFound, "object_not_exists")
	f.ask(f.key, "GET", "/bucket1/k?image&action=info", "").wantFault(http.StatusNotFound, "object_not_exists")
	f.ask(f.key, "DELETE", "/bucket1?mirror", "").want(http.StatusNoContent)
	f.ask(f.key, "GET", "/bucket1/k", "").wantFault(http.StatusNotFound, "object_not_exists")
	f.ask(f.key, "HEAD", "/bucket1/k", "").want(http.StatusNotFound)
	o.wantAsked(t)
}

func TestMirrorURL(t *testing.T) {
	for _, tt := range []struct{ site, key, want string }{
		{"http://h", "a", "http://h/a"},
		{"http://h/", "a/b//c/", "http://h/a/b//c/"},
		{"h:80/dir", "a", "h:80/dir/a"},
		{"http://h/%20/", "a?b#c%20;d,e", "http://h/%20/a%3Fb%23c%2520%3Bd%2Ce"},
		{"http://h", "@evil.test/", "http://h/@evil.test/"},
		{"http://h", "http://evil.test/", "http://h/http://evil.test/"},
		{"http://h", "ключ 🙂", "http://h/%D0%BA%D0%BB%D1%8E%D1%87%20%F0%9F%99%82"},
		{"http://h", `a\b`, "http://h/a%5Cb"},
		{"http://h", "...", "http://h/..."},
		{"http://h", "a..b/.c/d.", "http://h/a..b/.c/d."},
		{"http://h", "\x00\r\n", "http://h/%00%0D%0A"},
	} {
		got, ok := mirrorURL(tt.site, tt.key)
		if !ok || got != tt.want {
			t.Errorf("mirrorURL(%q, %q) = %q, %v; want %q", tt.site, tt.key, got, ok, tt.want)
		}
		u, err := egress.New(egress.Options{}).Parse(got)
		if err != nil || u.Hostname() != "h" || !strings.HasSuffix(u.String(), got) {
			t.Errorf("%q is parsed as %v, %v", got, u, err)
		}
	}
	for _, key := range []string{".", "..", "../x", "a/..", "a/../b", "./a", "a/./b", `..\x`, `a\..\b`, `a/b\.`} {
		if got, ok := mirrorURL("http://h/dir", key); ok {
			t.Errorf("mirrorURL of %q is %q; want none", key, got)
		}
	}
}

func FuzzMirrorURL(f *testing.F) {
	for _, key := range []string{"a", "../x", "a b/?#%", "@h/", "//h/", "ü"} {
		f.Add(key)
	}
	c := egress.New(egress.Options{})
	f.Fuzz(func(t *testing.T, key string) {
		if len(key) > store.MaxKey {
			return
		}
		text, ok := mirrorURL("http://h/dir", key)
		if !ok {
			return
		}
		u, err := c.Parse(text)
		if err != nil {
			t.Fatalf("%q makes %q: %v", key, text, err)
		}
		if u.Host != "h" || u.Path != "/dir/"+key || u.RawQuery != "" || u.ForceQuery || !strings.HasPrefix(u.JoinPath().Path, "/dir/") && !strings.HasPrefix(key, "/") {
			t.Errorf("%q makes %v", key, u)
		}
	})
}

func TestKeysThatAreNotAskedFor(t *testing.T) {
	f := start(t, private)
	o := newOrigin(t, say("x"))
	f.mirror(o, "/site/")
	for _, key := range []string{"..%2Fsecret", "a/%2E%2E/b", "%FF", strings.Repeat("x", store.MaxKey+1)} {
		f.ask(f.key, "GET", "/bucket1/"+key, "").wantFault(http.StatusNotFound, "object_not_exists")
	}
	o.wantAsked(t)
}

func TestSitesThatAreNone(t *testing.T) {
	f := start(t, private)
	f.bucket()
	for _, site := range []string{"", "http://", "ftp://example.com", "http://u:p@example.com/", "http://example.com/?a=", "http://example.com/#", "http://example.com/" + strings.Repeat("x", maxSite)} {
		f.ask(f.key, "PUT", "/bucket1?mirror", fmt.Sprintf(`{"source_site":%q}`, site)).wantFault(http.StatusBadRequest, "invalid_request")
	}
	if a := f.ask(f.key, "GET", "/bucket1?mirror", "").want(http.StatusOK); a.text != `{"source_site":""}` {
		t.Errorf("the mirror is %s", a.text)
	}
	f.ask(f.key, "PUT", "/bucket1?mirror", `{"source_site":"example.com:8080/a"}`).want(http.StatusOK)
	if a := f.ask(f.key, "GET", "/bucket1?mirror", "").want(http.StatusOK); a.text != `{"source_site":"example.com:8080/a"}` {
		t.Errorf("the mirror is %s", a.text)
	}
}

func TestMirrorsThatFail(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		status int
		code   string
	}{
		{"404", http.NotFound, 404, "object_not_exists"},
		{"500", raw("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"), 503, "upstream_failed"},
		{"no length", raw("HTTP/1.1 200 OK\r\n\r\nhello"), 503, "upstream_failed"},
		{"truncated", raw("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello"), 503, "upstream_failed"},
		{"too large", raw(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", int64(store.MaxBody)+1)), 503, "upstream_failed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := start(t, private)
			o := newOrigin(t, tt.answer)
			f.mirror(o, "")
			a := f.ask(f.key, "GET", "/bucket1/k", "").wantFault(tt.status, tt.code)
			if strings.Contains(a.text, "127.0.0.1") {
				t.Errorf("a reader learns what the mirror is: %s", a.text)
			}
			f.ask(f.key, "HEAD", "/bucket1/k", "").want(tt.status)
			f.ask(f.key, "DELETE", "/bucket1", "").want(http.StatusNoContent) // it is empty
		})
	}
}

// TestTruncatedStream: what was not all sent is not taken for all, and not stored.
func TestTruncatedStream(t *testing.T) {
	f := start(t, private)
	const n = 3 << 20
	o := newOrigin(t, raw(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", n)+pieces(n-1)))
	f.mirror(o, "")
	a := f.ask(f.key, "GET", "/bucket1/k", "").want(http.StatusOK)
	if a.ContentLength != n || a.err == nil || len(a.text) >= n {
		t.Errorf("got %d bytes of %d, %v; want that the answer breaks off", len(a.text), a.ContentLength, a.err)
	}
	f.ask(f.key, "DELETE", "/bucket1", "").want(http.StatusNoContent)
}

// TestOneRequestForAll: while one object is taken, all who ask for it wait.
func TestOneRequestForAll(t *testing.T) {
	const readers = 100
	for _, n := range []int{10, streamFrom + 1000} {
		f := start(t, private)
		text := pieces(n)
		begun, goOn := make(chan bool), make(chan bool)
		o := newOrigin(t, func(w http.ResponseWriter, _ *http.Request) {
			begun <- true
			<-goOn
			w.Header().Set("Content-Length", fmt.Sprint(n))
			fmt.Fprint(w, text)
		})
		f.mirror(o, "")
		waiting := make(chan bool, readers)
		f.pulls.mu.Lock()
		f.pulls.joined = func() { waiting <- true }
		f.pulls.mu.Unlock()
		var all sync.WaitGroup
		for i := range readers {
			all.Go(func() {
				method := []string{"GET", "GET", "HEAD"}[i%3]
				a := f.ask(f.key, method, "/bucket1/k", "")
				if a.StatusCode != http.StatusOK || a.ContentLength != int64(n) || method == "GET" && a.text != text {
					t.Errorf("%s: %s with %d bytes of %d", method, a.Status, len(a.text), a.ContentLength)
				}
			})
		}
		<-begun
		for range readers {
			<-waiting
		}
		close(goOn)
		all.Wait()
		o.wantAsked(t, "/k")
	}
}

// TestFirstBytesComeEarly: who asks first for a large object gets bytes before the mirror has sent all of them.
func TestFirstBytesComeEarly(t *testing.T) {
	f := start(t, private)
	text := pieces(3 << 20)
	got := make(chan bool)
	o := newOrigin(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(text)))
		w.Header().Set("Content-Type", "text/x-test")
		fmt.Fprint(w, text[:2<<20])
		_ = http.NewResponseController(w).Flush() // the reader tells
		<-got
		fmt.Fprint(w, text[2<<20:])
	})
	f.mirror(o, "")
	c, in := f.dial()
	if _, err := io.WriteString(c, f.head(f.key, "GET", "/bucket1/k?response-cache-control=no-store")); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.ContentLength != int64(len(text)) || resp.Header.Get("Content-Type") != "text/x-test" || resp.Header.Get("Cache-Control") != "no-store" ||
		resp.Header.Get("X-Qs-Storage-Class") != "STANDARD" {
		t.Errorf("the answer has %d bytes and %v", resp.ContentLength, resp.Header)
	}
	var all bytes.Buffer
	if _, err := io.CopyN(&all, resp.Body, 1<<20); err != nil {
		t.Fatal(err)
	}
	close(got)
	if _, err := io.Copy(&all, resp.Body); err != nil || all.String() != text {
		t.Errorf("got %d bytes, %v", all.Len(), err)
	}
	f.wantObject(text)
	o.wantAsked(t, "/k")
}

// TestPartsOfALargeMissingObject: who does not want all of it, whatever it is, waits until it can be judged.
func TestPartsOfALargeMissingObject(t *testing.T) {
	f := start(t, private)
	text := pieces(streamFrom + 1000)
	o := newOrigin(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(text)))
		fmt.Fprint(w, text)
	})
	f.mirror(o, "")
	if a := f.ask(f.key, "GET", "/bucket1/a", "", "Range: bytes=5-20").want(http.StatusPartialContent); a.text != text[5:21] {
		t.Errorf("the range is %.100q", a.text)
	}
	f.ask(f.key, "GET", "/bucket1/b", "", `If-Match: "x"`).wantFault(http.StatusPreconditionFailed, "precondition_failed")
	f.ask(f.key, "GET", "/bucket1/c", "", "If-Modified-Since: "+time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)).want(http.StatusNotModified)
	o.wantAsked(t, "/a", "/b", "/c")
}

// TestThePullOutlivesWhoHasAskedForIt: the first reader leaves in the middle.
func TestThePullOutlivesWhoHasAskedForIt(t *testing.T) {
	f := start(t, private)
	text := pieces(4 << 20)
	got := make(chan bool)
	o := newOrigin(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(text)))
		fmt.Fprint(w, text[:2<<20])
		_ = http.NewResponseController(w).Flush() // the reader tells
		<-got
		fmt.Fprint(w, text[2<<20:])
	})
	f.mirror(o, "")
	c, in := f.dial()
	if _, err := io.WriteString(c, f.head(f.key, "GET", "/bucket1/k")); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Peek(1 << 10); err != nil {
		t.Fatal(err)
	}
	_ = c.Close() // this is what it is about
	close(got)
	f.wantObject(text)
	o.wantAsked(t, "/k")
}

// TestWhatIsWrittenMeanwhileStays: a mirror is for what is missing.
func TestWhatIsWrittenMeanwhileStays(t *testing.T) {
	f := start(t, private)
	o := newOrigin(t, func(w http.ResponseWriter, _ *http.Request) {
		f.object("/bucket1/k", "own")
		fmt.Fprint(w, "theirs")
	})
	f.mirror(o, "")
	f.wantObject("own")
	f.wantObject("own")
	o.wantAsked(t, "/k")
}

func TestShutdownWaitsForPulls(t *testing.T) {
	for _, patient := range []bool{true, false} {
		f := start(t, private)
		begun, goOn := make(chan bool), make(chan bool)
		o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
			close(begun)
			select {
			case <-goOn:
			case <-r.Context().Done():
			}
			fmt.Fprint(w, "hello")
		})
		f.mirror(o, "")
		c, _ := f.dial()
		if _, err := io.WriteString(c, f.head(f.key, "GET", "/bucket1/k")); err != nil {
			t.Fatal(err)
		}
		<-begun
		_ = c.Close() // nobody waits
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan bool)
		go func() {
			_ = f.Shutdown(ctx) // what it returns is of requests
			close(stopped)
		}()
		if patient {
			time.AfterFunc(50*time.Millisecond, func() { close(goOn) }) // Shutdown has returned by then, if it does not wait
		} else {
			cancel()
		}
		<-stopped
		b, err := f.store.Bucket(t.Context(), "bucket1")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Stat(t.Context(), "k"); (err == nil) != patient {
			t.Errorf("patient %v: after the shutdown the object is there: %v", patient, err)
		}
		cancel()
	}
}

// TestSlowReadersDoNotHoldThePullUp: the pull goes on without the reader when its time is used up, also if it takes a little now and then.
func TestSlowReadersDoNotHoldThePullUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := pieces(4 << 20)
		ours, theirs := net.Pipe()
		var got bytes.Buffer
		go func() {
			buf := make([]byte, 1000)
			for {
				n, err := ours.Read(buf)
				got.Write(buf[:n])
				if err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		began := time.Now()
		all, err := io.ReadAll(&tee{r: strings.NewReader(text), to: theirs})
		if err != nil || string(all) != text {
			t.Errorf("the pull has %d bytes, %v", len(all), err)
		}
		if d := time.Since(began); d != tailPatience {
			t.Errorf("it took %v; want %v", d, tailPatience)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if !strings.HasPrefix(text, got.String()) || got.Len() < 1000 || got.Len() > 12000 {
			t.Errorf("the reader has %d bytes", got.Len())
		}
	})
}

// TestReadersThatAreFastEnough get all, however large it is.
func TestReadersThatAreFastEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 64 << 20
		ours, theirs := net.Pipe()
		got := make(chan int64)
		go func() {
			buf, all := make([]byte, 64<<10), int64(0)
			for {
				n, err := io.ReadFull(ours, buf)
				if all += int64(n); err != nil {
					got <- all
					return
				}
				time.Sleep(time.Second / 17)
			}
		}()
		if _, err := io.Copy(io.Discard, &tee{r: io.LimitReader(zeros{}, n), to: theirs}); err != nil {
			t.Error(err)
		}
		closeTail(theirs)
		if all := <-got; all != n {
			t.Errorf("the reader has %d bytes of %d", all, n)
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// TestRestComesFromTheStore: who did not keep up gets the rest when all of it is stored, if it is still the same.
func TestRestComesFromTheStore(t *testing.T) {
	f := start(t)
	f.bucket()
	text := pieces(100)
	f.object("/bucket1/k", text)
	b, err := f.store.Bucket(t.Context(), "bucket1")
	if err != nil {
		t.Fatal(err)
	}
	info, err := b.Stat(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	read := func(p *pull) (string, error) {
		ours, theirs := net.Pipe()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		p.from, p.done = &store.Origin{Length: 100}, make(chan struct{})
		body := &tail{x: &exchange{Server: f.Server, r: r, bucket: b}, pull: p, key: "k", pipe: ours}
		defer body.Close()
		go func() {
			_, _ = io.WriteString(theirs, text[:30]) // the reader tells
			closeTail(theirs)
			close(p.done)
		}()
		got, err := io.ReadAll(body)
		return string(got), err
	}
	if got, err := read(&pull{etag: info.ETag}); got != text || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := read(&pull{etag: `"other"`}); got != text[:30] || !errors.Is(err, errReplaced) {
		t.Errorf("of a replaced object: %q, %v", got, err)
	}
	failed := fault.Newf(fault.UpstreamFailed, "x")
	if got, err := read(&pull{err: failed}); got != text[:30] || !errors.Is(err, failed) {
		t.Errorf("of a failed pull: %q, %v", got, err)
	}
}

// TestDeletedObjectsAreNotMirroredAgain shows that a delete marker is an answer, and no gap.
func TestDeletedObjectsAreNotMirroredAgain(t *testing.T) {
	var asked atomic.Int64
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = io.WriteString(w, "from the origin") // the client says what is wrong
	}))
	t.Cleanup(origin.Close)
	f := start(t, func(c *Config) { c.Egress = egress.New(egress.Options{AllowPrivate: true}) })
	f.bucket()
	f.ask(f.key, "PUT", "/bucket1?versioning", `{"status":"ENABLED"}`).want(http.StatusOK)
	f.ask(f.key, "PUT", "/bucket1?mirror", `{"source_site":"`+origin.URL+`"}`).want(http.StatusOK)
	f.ask(f.key, "PUT", "/bucket1/gone", "x").want(http.StatusCreated)
	f.ask(f.key, "DELETE", "/bucket1/gone", "").want(http.StatusNoContent)
	f.ask(f.key, "GET", "/bucket1/gone", "").wantFault(http.StatusNotFound, "object_not_exists")
	f.ask(f.key, "HEAD", "/bucket1/gone", "").want(http.StatusNotFound)
	if n := asked.Load(); n != 0 {
		t.Errorf("the origin was asked %d times for what was deleted here", n)
	}
	f.ask(f.key, "GET", "/bucket1/other", "").want(http.StatusOK)
}
