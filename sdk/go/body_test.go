package ois

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// quick is a policy whose waits do not matter.
var quick = RetryPolicy{BaseDelay: time.Nanosecond, MaxDelay: time.Nanosecond}

// file makes a file that stands at offset.
func file(t *testing.T, text string, offset int64) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() }) // it was only read
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	return f
}

// closer is a body that must not be closed.
type closer struct {
	io.Reader
	t *testing.T
}

func (c closer) Close() error {
	c.t.Error("the caller's body was closed")
	return nil
}

type seekCloser struct {
	io.ReadSeeker
	closer
}

func (s seekCloser) Read(p []byte) (int, error) { return s.ReadSeeker.Read(p) }

func TestEveryReaderIsABody(t *testing.T) {
	large := strings.Repeat("0123456789", 20_000) // beyond any buffer
	skip := func(r io.ReadSeeker) io.ReadSeeker {
		if _, err := r.Seek(6, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		return r
	}
	pipe := func(text string) io.Reader {
		r, w := io.Pipe()
		go func() {
			_, err := io.WriteString(w, text)
			_ = w.CloseWithError(err) // never fails
		}()
		return r
	}
	tests := []struct {
		name   string
		body   io.Reader
		want   string
		length int64 // as announced
		again  bool  // can be repeated
	}{
		{"nil", nil, "", 0, true},
		{"http.NoBody", http.NoBody, "", 0, true},
		{"bytes.Reader", bytes.NewReader([]byte("body")), "body", 4, true},
		{"bytes.Reader from an offset", skip(bytes.NewReader([]byte("headerbody"))), "body", 4, true},
		{"empty bytes.Reader", bytes.NewReader(nil), "", 0, true},
		{"large bytes.Reader", bytes.NewReader([]byte(large)), large, 200_000, true},
		{"strings.Reader from an offset", skip(strings.NewReader("headerbody")), "body", 4, true},
		{"large strings.Reader", strings.NewReader(large), large, 200_000, true},
		{"bytes.Buffer", bytes.NewBufferString("body"), "body", 4, true},
		{"large bytes.Buffer", bytes.NewBufferString(large), large, 200_000, true},
		{"file", file(t, "body", 0), "body", 4, true},
		{"file from an offset", file(t, "headerbody", 6), "body", 4, true},
		{"large file", file(t, large, 0), large, 200_000, true},
		{"empty file", file(t, "", 0), "", 0, true},
		{"section", skip(io.NewSectionReader(strings.NewReader("xheaderbodyx"), 1, 10)), "body", 4, true},
		{"seeker with Close", seekCloser{skip(strings.NewReader("headerbody")), closer{t: t}}, "body", 4, true},
		{"seeker of short reads", struct{ io.ReadSeeker }{short{skip(bytes.NewReader([]byte("header" + large)))}}, large, 200_000, true},
		{"stream", struct{ io.Reader }{strings.NewReader("body")}, "body", -1, false},
		{"stream with Close", closer{strings.NewReader("body"), t}, "body", -1, false},
		{"large stream", pipe(large), large, -1, false},
		{"stream byte by byte", iotest.OneByteReader(strings.NewReader("body")), "body", -1, false},
		{"stream with its end in the last read", iotest.DataErrReader(strings.NewReader("body")), "body", -1, false},
		{"empty stream", struct{ io.Reader }{strings.NewReader("")}, "", -1, false},
		{"file larger than it says", &growing{Reader: bytes.NewReader([]byte("body"))}, "body", -1, true},
		{"seeker that cannot seek", brokenSeeker{strings.NewReader("body")}, "body", -1, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rec, srv := serve(t, nil)
			fails := 1
			if !test.again {
				fails = 0
			}
			rec.answer = func(n int, w http.ResponseWriter, r *http.Request) {
				got, err := rec.body(n, r)
				if err != nil || got != test.want || r.ContentLength != test.length {
					t.Errorf("request %d has %d bytes (announced %d), %v; want %d (%d)", n, len(got), r.ContentLength, err, len(test.want), test.length)
				}
				if n <= fails {
					w.WriteHeader(http.StatusInternalServerError)
					return
				}
				w.WriteHeader(http.StatusCreated)
			}
			b := client(t, srv, func(c *Config) { c.Retry = quick }).Bucket("photos-1", "")
			if _, err := b.Put(t.Context(), "k", test.body, nil); err != nil {
				t.Fatal(err)
			}
			if n := len(rec.requests()); n != fails+1 {
				t.Errorf("%d requests; want %d", n, fails+1)
			}
			if test.body != nil {
				if rest, err := io.ReadAll(test.body); len(rest) > 0 || err != nil {
					t.Errorf("afterwards %d bytes are left in the body, %v", len(rest), err)
				}
			}
		})
	}
}

// short reads a few bytes at once.
type short struct{ io.ReadSeeker }

func (s short) Read(p []byte) (int, error) { return s.ReadSeeker.Read(p[:min(len(p), 1000)]) }

// brokenSeeker has a Seek that fails, as pipes have.
type brokenSeeker struct{ io.Reader }

func (brokenSeeker) Seek(int64, int) (int64, error) { return 0, errors.New("illegal seek") }

// TestFailedBodyStandsWhereItStood lets callers try again by themselves.
func TestFailedBodyStandsWhereItStood(t *testing.T) {
	_, srv := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the test is about the answer
		w.WriteHeader(http.StatusForbidden)
	})
	b := client(t, srv, nil).Bucket("photos-1", "")
	buffer := bytes.NewBufferString("body")
	large := strings.NewReader(strings.Repeat("x", 100_000))
	for name, body := range map[string]io.Reader{"file": file(t, "headerbody", 6), "bytes.Buffer": buffer, "strings.Reader": large} {
		if _, err := b.Put(t.Context(), "k", body, nil); !errors.Is(err, ErrPermission) {
			t.Errorf("%s: %v; want ErrPermission", name, err)
		}
		if rest, err := io.ReadAll(body); err != nil || len(rest) != 4 && len(rest) != 100_000 {
			t.Errorf("%s: %d bytes are left, %v; want all", name, len(rest), err)
		}
	}
}

func TestStreamsAreSentOnce(t *testing.T) {
	rec, srv := serve(t, nil)
	rec.answer = func(n int, w http.ResponseWriter, r *http.Request) {
		_, _ = rec.body(n, r) // the test is about the answer
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"code":"service_unavailable","message":"later"}`)
	}
	b := client(t, srv, func(c *Config) { c.Retry = quick }).Bucket("photos-1", "")
	_, err := b.Put(t.Context(), "k", struct{ io.Reader }{strings.NewReader("body")}, nil)
	var e *Error
	if !errors.As(err, &e) || e.Code != "service_unavailable" || e.Attempts != 1 || !errors.Is(err, ErrBusy) {
		t.Errorf("got %v; want the server's error after one attempt", err)
	}
	if want := "not retried: the body cannot be read a second time"; !strings.Contains(err.Error(), want) {
		t.Errorf("%q does not say %q", err, want)
	}
}

func TestLengthsThatDoNotFit(t *testing.T) {
	stored := false
	_, srv := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			stored = true
			w.WriteHeader(http.StatusCreated)
		}
	})
	b := client(t, srv, func(c *Config) { c.Retry = quick }).Bucket("photos-1", "")
	stream := func(text string) io.Reader { return struct{ io.Reader }{strings.NewReader(text)} }
	tests := []struct {
		name   string
		body   io.Reader
		length int64
		want   string
		sent   bool
	}{
		{"stream too short", stream("body"), 5, "1 bytes short of its announced length", true},
		{"stream too long", stream("body"), 3, "longer than its announced length", true},
		{"much too long", stream(strings.Repeat("x", 100_000)), 70_000, "longer than its announced length", true},
		{"file too short", file(t, "body", 1), 4, "content length is 4, but the body has 3 bytes", false},
		{"empty reader", bytes.NewReader(nil), 4, "content length is 4, but the body has 0 bytes", false},
		{"no body", nil, 4, "is 4, but Body is nil", false},
		{"broken stream", io.MultiReader(strings.NewReader("bo"), iotest.ErrReader(errors.New("disk is broken"))), 0, "body: disk is broken", true},
		{"broken file", struct{ io.ReadSeeker }{failing{bytes.NewReader(make([]byte, 50_000))}}, 0, "body: disk is broken", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := b.Put(t.Context(), "k", test.body, &PutOptions{ContentLength: test.length})
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), test.want) || (e.Attempts == 1) != test.sent || e.Attempts > 1 {
				t.Errorf("got %v after %d attempts; want %q", err, e.Attempts, test.want)
			}
			if stored {
				t.Error("the server took the body for complete")
			}
		})
	}
	if _, err := b.Put(t.Context(), "k", stream("body"), &PutOptions{ContentLength: 4}); err != nil || !stored {
		t.Errorf("a stream of the announced length: %v", err)
	}
}

// failing reads a little and then fails.
type failing struct{ io.ReadSeeker }

func (f failing) Read(p []byte) (int, error) {
	n, err := f.ReadSeeker.Read(p[:min(len(p), 20_000)])
	if at, _ := f.Seek(0, io.SeekCurrent); at > 20_000 {
		return 0, errors.New("disk is broken")
	}
	return n, err
}

// TestGrowingFileIsSentAsItWas: a log that is written meanwhile has a consistent start.
func TestGrowingFileIsSentAsItWas(t *testing.T) {
	rec, srv := serve(t, nil)
	rec.answer = func(n int, w http.ResponseWriter, r *http.Request) {
		_, _ = rec.body(n, r) // looked at below
		w.WriteHeader(http.StatusCreated)
	}
	b := client(t, srv, nil).Bucket("photos-1", "")
	if _, err := b.Put(t.Context(), "k", &growing{Reader: bytes.NewReader([]byte("bodymore")), size: 4}, nil); err != nil {
		t.Fatal(err)
	}
	if got := rec.requests()[0]; got.Body != "body" || got.Length != 4 {
		t.Errorf("sent %q of length %d; want %q", got.Body, got.Length, "body")
	}
}

// growing tells a size that it has outgrown when it is read.
type growing struct {
	*bytes.Reader
	size int64
}

func (g *growing) Seek(off int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		return g.size + off, nil
	}
	return g.Reader.Seek(off, whence)
}

// TestBodyIsLeftAloneAfterwards: the transport reads on in the background when an
// answer comes early; the caller must not notice.
func TestBodyIsLeftAloneAfterwards(t *testing.T) {
	_, srv := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	b := client(t, srv, nil).Bucket("photos-1", "")
	for i := range 20 {
		body := &watched{ReadSeeker: bytes.NewReader(make([]byte, 8<<20))}
		_, err := b.Put(t.Context(), "k", body, nil)
		body.done = true // the race detector would see a Read at the same time
		if err == nil {
			t.Fatalf("Put %d succeeded", i)
		}
	}
}

type watched struct {
	io.ReadSeeker
	done bool
}

func (w *watched) Read(p []byte) (int, error) {
	if w.done {
		panic("read after Put has returned")
	}
	return w.ReadSeeker.Read(p)
}

func TestSmallBodiesLeaveInOneWrite(t *testing.T) {
	_, srv := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // not looked at
		w.WriteHeader(http.StatusCreated)
	})
	tr := to(srv)
	counted := &countingDialer{dial: tr.DialContext}
	tr.DialContext = counted.DialContext
	b := client(t, srv, func(c *Config) { c.Transport = tr }).Bucket("photos-1", "")
	for _, size := range []int{1, 4096, smallBody} {
		for range 3 {
			counted.writes.Store(0)
			if _, err := b.Put(t.Context(), "k", bytes.NewReader(make([]byte, size)), nil); err != nil {
				t.Fatal(err)
			}
			if n := counted.writes.Load(); n != 1 {
				t.Errorf("%d bytes took %d writes; want 1", size, n)
			}
		}
	}
}

func TestSourcesAreEncoded(t *testing.T) {
	rec, srv := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) })
	b := client(t, srv, nil).Bucket("photos-1", "")
	for i, key := range oddKeys {
		if _, err := b.Copy(t.Context(), "k", key, nil); err != nil {
			t.Fatalf("Copy of %q: %v", key, err)
		}
		if _, err := b.Move(t.Context(), "k", key, &MoveOptions{SourceBucket: "other-1"}); err != nil {
			t.Fatalf("Move of %q: %v", key, err)
		}
		list := rec.requests()[2*i:]
		if got, want := list[0].Header.Get("X-Qs-Copy-Source"), escapePath("photos-1", key); got != want {
			t.Errorf("copy source of %q is %q; want %q", key, got, want)
		}
		if got, want := list[1].Header.Get("X-Qs-Move-Source"), escapePath("other-1", key); got != want {
			t.Errorf("move source of %q is %q; want %q", key, got, want)
		}
	}
	_, err := b.Copy(t.Context(), "k", "a b", &CopyOptions{SourceVersion: "v1", Replace: true, Metadata: map[string]string{"A": "b"}})
	last := rec.requests()[2*len(oddKeys)].Header
	if err != nil || last.Get("X-Qs-Copy-Source") != "/photos-1/a%20b?version_id=v1" || last.Get("X-Qs-Metadata-Directive") != "REPLACE" || last.Get("X-Qs-Meta-A") != "b" {
		t.Errorf("Copy with options: %v, %v", err, last)
	}
	if _, err := b.Copy(t.Context(), "k", "a", &CopyOptions{ContentType: "x/y"}); err == nil || !strings.Contains(err.Error(), "Replace") {
		t.Errorf("Copy with metadata but without Replace: %v", err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	b := client(t, nil, func(c *Config) {
		c.Transport = roundTrip(func(*http.Request) (*http.Response, error) { return reply(201, ""), nil })
	}).Bucket("photos-1", "")
	for want, opts := range map[string]PutOptions{
		"encryption key of 5 bytes":       {EncryptionKey: []byte("short")},
		`metadata "a": byte 0xc3`:         {Metadata: map[string]string{"a": "ä"}},
		`metadata "a": byte 0xa`:          {Metadata: map[string]string{"a": "x\ny"}},
		`metadata "a": blanks`:            {Metadata: map[string]string{"a": " x"}},
		"has a line break":                {ContentType: "a\r\nX-Qs-Evil: 1"},
		fmt.Sprintf("the name %q", "a b"): {Metadata: map[string]string{"a b": "x"}},
	} {
		if _, err := b.Put(t.Context(), "k", nil, &opts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Put with %+v: %v; want error with %q", opts, err, want)
		}
	}
}
