package ois

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// alphabet is an object that serveObject serves.
var alphabet = strings.Repeat("abcdefghijklmnopqrstuvwxyz", 10_000)

// serveObject answers like a service that has an object of that text and ETag, and
// cuts the connection after at most cut bytes of a body; 0 is never.
func serveObject(w http.ResponseWriter, r *http.Request, text, etag string, cut int) {
	h := w.Header()
	h.Set("ETag", etag)
	h.Set("Content-Type", "text/plain")
	if match := r.Header.Get("If-Match"); match != "" && match != etag {
		w.WriteHeader(http.StatusPreconditionFailed)
		_, _ = io.WriteString(w, `{"code":"precondition_failed","message":"changed"}`)
		return
	}
	first, last, status := 0, len(text)-1, http.StatusOK
	if spec, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
		from, to, _ := strings.Cut(spec, "-")
		if from == "" {
			n, _ := strconv.Atoi(to) // a test's own
			first = max(0, len(text)-n)
		} else {
			first, _ = strconv.Atoi(from)
			if n, err := strconv.Atoi(to); err == nil {
				last = min(n, last)
			}
		}
		if first >= len(text) {
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			_, _ = io.WriteString(w, `{"code":"invalid_range"}`)
			return
		}
		status = http.StatusPartialContent
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, len(text)))
	}
	body := text[first : last+1]
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if cut > 0 && cut < len(body) {
		_, _ = io.WriteString(w, body[:cut])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = io.WriteString(w, body)
}

func quickly(c *Config) { c.Retry = quick }

func TestGetRanges(t *testing.T) {
	_, srv := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) { serveObject(w, r, "0123456789", `"e"`, 0) })
	b := client(t, srv, quickly).Bucket("photos-1", "")
	tests := []struct {
		offset, length int64
		want           string
		err            error
	}{
		{0, 0, "0123456789", nil},
		{0, 3, "012", nil},
		{3, 0, "3456789", nil},
		{3, 4, "3456", nil},
		{8, 100, "89", nil},
		{9, 1, "9", nil},
		{-3, 0, "789", nil},
		{-100, 0, "0123456789", nil},
		{10, 0, "", ErrRange},
		{10, 5, "", ErrRange},
	}
	for _, test := range tests {
		r, err := b.Get(t.Context(), "k", &GetOptions{Offset: test.offset, Length: test.length})
		if !errors.Is(err, test.err) {
			t.Errorf("Get of %d, %d: %v; want %v", test.offset, test.length, err, test.err)
		}
		if err != nil {
			continue
		}
		data, err := io.ReadAll(r)
		if string(data) != test.want || err != nil || r.Length != int64(len(test.want)) || r.Info.Size != 10 || r.Info.ETag != `"e"` {
			t.Errorf("Get of %d, %d: %q, %v, length %d of %d; want %q", test.offset, test.length, data, err, r.Length, r.Info.Size, test.want)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []GetOptions{{Length: -1}, {Offset: -1, Length: 1}, {Offset: 1, Length: 1<<63 - 1}} {
		if _, err := b.Get(t.Context(), "k", &bad); err == nil {
			t.Errorf("Get with %+v: no error", bad)
		}
	}
}

func TestBrokenReadsGoOn(t *testing.T) {
	for _, opts := range []*GetOptions{nil, {Offset: 1000}, {Offset: 1000, Length: 100_000}, {Offset: -50_000}} {
		rec, srv := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) { serveObject(w, r, alphabet, `"e"`, 30_000) })
		b := client(t, srv, quickly).Bucket("photos-1", "")
		for range 50 { // successes, to earn repetitions
			b.c.budget.earn()
		}
		r, err := b.Get(t.Context(), "k", opts)
		if err != nil {
			t.Fatal(err)
		}
		want := alphabet
		if opts != nil {
			switch {
			case opts.Offset < 0:
				want = want[int64(len(want))+opts.Offset:]
			case opts.Length > 0:
				want = want[opts.Offset : opts.Offset+opts.Length]
			default:
				want = want[opts.Offset:]
			}
		}
		data, err := io.ReadAll(r)
		if err != nil || string(data) != want {
			t.Errorf("with %+v: %d bytes, %v; want %d", opts, len(data), err, len(want))
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		for i, s := range rec.requests() {
			if match := s.Header.Get("If-Match"); (match == `"e"`) != (i > 0) {
				t.Errorf("request %d has If-Match %q", i+1, match)
			}
		}
		if n, want := len(rec.requests()), (len(want)+29_999)/30_000; n != want {
			t.Errorf("with %+v: %d requests; want %d", opts, n, want)
		}
	}
}

func TestReplacedObjectIsNoticed(t *testing.T) {
	_, srv := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
		serveObject(w, r, alphabet, fmt.Sprintf(`"e%d"`, n), 30_000)
	})
	b := client(t, srv, quickly).Bucket("photos-1", "")
	r, err := b.Get(t.Context(), "k", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if !errors.Is(err, ErrPrecondition) || !strings.Contains(err.Error(), "replaced while it was read") || string(data) != alphabet[:30_000] {
		t.Errorf("%d bytes, %v; want the first 30000 and ErrPrecondition", len(data), err)
	}
	if _, again := r.Read(make([]byte, 1)); !errors.Is(again, ErrPrecondition) {
		t.Errorf("another Read: %v; want the same error", again)
	}
}

// TestResumedAnswersAreChecked: what does not continue the object must not be read.
func TestResumedAnswersAreChecked(t *testing.T) {
	tests := []struct {
		name   string
		status int
		header []string
		body   string
		want   string
	}{
		{"whole object", 200, []string{"ETag", `"e"`, "Content-Length", "10"}, "0123456789", "ignores the range"},
		{"other bytes", 206, []string{"ETag", `"e"`, "Content-Range", "bytes 5-9/10"}, "56789", "has bytes 5 to 9"},
		{"other end", 206, []string{"ETag", `"e"`, "Content-Range", "bytes 4-10/11"}, "4567890", "has bytes 4 to 10"},
		{"no range", 206, []string{"ETag", `"e"`}, "456789", `Content-Range "" is not understood`},
		{"other ETag", 206, []string{"ETag", `"f"`, "Content-Range", "bytes 4-9/10"}, "456789", `ETag "e" became "f"`},
		{"gone", 404, nil, `{"code":"object_not_exists"}`, "object_not_exists"},
	}
	for _, test := range tests {
		n := 0
		b := client(t, nil, func(c *Config) {
			c.Retry = quick
			c.Transport = roundTrip(func(*http.Request) (*http.Response, error) {
				if n++; n == 1 {
					res := reply(200, "0123", "ETag", `"e"`, "Content-Length", "10")
					res.ContentLength = 10
					return res, nil
				}
				return reply(test.status, test.body, test.header...), nil
			})
		}).Bucket("photos-1", "")
		r, err := b.Get(t.Context(), "k", nil)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		var e *Error
		if !errors.As(err, &e) || string(data) != "0123" || !strings.Contains(err.Error(), test.want) || e.Key != "k" {
			t.Errorf("%s: %q, %v; want the first half and %q", test.name, data, err, test.want)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestReadsThatNeverGetOn(t *testing.T) {
	n := 0
	b := client(t, nil, func(c *Config) {
		c.Retry = quick
		c.Transport = roundTrip(func(*http.Request) (*http.Response, error) {
			n++
			res := reply(200, "x", "ETag", `"e"`, "Content-Length", "10")
			if n > 1 {
				res = reply(206, "x", "ETag", `"e"`, "Content-Range", "bytes 0-9/10", "Content-Length", "10")
			}
			res.ContentLength = 10
			res.Body = io.NopCloser(iotest.ErrReader(errors.New("cable is loose")))
			return res, nil
		})
	}).Bucket("photos-1", "")
	r, err := b.Get(t.Context(), "k", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var e *Error
	if _, err = io.ReadAll(r); !errors.As(err, &e) || e.Attempts != 4 || n != 4 || !strings.Contains(err.Error(), "cable is loose (4 attempts)") {
		t.Errorf("%v after %d requests; want the error of the cable after 4", err, n)
	}
}

func TestReadAfterClose(t *testing.T) {
	_, srv := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) { serveObject(w, r, alphabet, `"e"`, 0) })
	b := client(t, srv, nil).Bucket("photos-1", "")
	r, err := b.Get(t.Context(), "k", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Close(), r.Close()); err != nil {
		t.Error(err)
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, io.EOF) {
		t.Errorf("Read after Close: %d, %v; want an error", n, err)
	}
}

func TestConditionsOfReads(t *testing.T) {
	rec, srv := serve(t, nil)
	status := 0
	rec.answer = func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
	b := client(t, srv, quickly).Bucket("photos-1", "")
	for want, sentinel := range map[int]error{304: ErrNotModified, 412: ErrPrecondition, 416: ErrRange, 404: ErrNotFound} {
		status = want
		_, err := b.Get(t.Context(), "k", &GetOptions{IfNoneMatch: `"e"`, IfMatch: `"f"`, IfModifiedSince: time.Unix(1e9, 0), VersionID: "v"})
		if !errors.Is(err, sentinel) {
			t.Errorf("GET with status %d: %v; want %v", want, err, sentinel)
		}
		_, err = b.Head(t.Context(), "k", &HeadOptions{IfNoneMatch: `"e"`, IfUnmodifiedSince: time.Unix(1e9, 0)})
		if !errors.Is(err, sentinel) {
			t.Errorf("HEAD with status %d: %v; want %v", want, err, sentinel)
		}
	}
	get := rec.requests()[0]
	if get.Target != "/photos-1/k?version_id=v" || get.Header.Get("If-None-Match") != `"e"` || get.Header.Get("If-Match") != `"f"` ||
		get.Header.Get("If-Modified-Since") != "Sun, 09 Sep 2001 01:46:40 GMT" {
		t.Errorf("GET sends %s %v", get.Target, get.Header)
	}
}

func TestInfo(t *testing.T) {
	_, srv := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"ETag": `"e"`, "Last-Modified": "Tue, 05 Mar 2024 08:15:30 GMT", "Content-Type": "text/html", "Content-Length": "5",
			"x-qs-storage-class": "STANDARD_IA", "x-qs-meta-Author": "team a", "x-qs-object-type": "appendable",
			"x-qs-next-append-position": "5", "x-qs-version-id": "v1", "Cache-Control": "no-store", "Content-Encoding": "gzip",
			"x-qs-encryption-customer-algorithm": "AES256",
		} {
			w.Header().Set(name, value)
		}
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, "12345")
		}
	})
	b := client(t, srv, nil).Bucket("photos-1", "")
	info, err := b.Head(t.Context(), "k", &HeadOptions{EncryptionKey: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	want := "{k 5 \"e\" text/html 2024-03-05 08:15:30 +0000 UTC STANDARD_IA v1 map[author:team a] no-store  gzip   true 5 true}"
	if got := fmt.Sprint(*info); got != want {
		t.Errorf("Head:\n got %s\nwant %s", got, want)
	}
	r, err := b.Get(t.Context(), "k", nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil || string(data) != "12345" || r.Info.Metadata["author"] != "team a" || r.Info.Size != 5 {
		t.Errorf("Get: %q, %v, %+v", data, err, r.Info)
	}
}

// TestConnectionsAreKept: bodies that are not wanted are read to their end if that is short.
// TestHeadOfALargeObject: what HEAD announces does not come, so there is neither a limit nor room for it.
func TestHeadOfALargeObject(t *testing.T) {
	const size = 50_000_000_000_000
	b := testingBucket(t, func(*http.Request) (*http.Response, error) {
		res := reply(200, "", "Content-Length", strconv.Itoa(size), "ETag", `"e"`)
		res.ContentLength = size // as a transport does
		return res, nil
	}, quickly)
	info, err := b.Head(t.Context(), "k", nil)
	if err != nil || info.Size != size {
		t.Errorf("got %+v, %v; want %d bytes", info, err, int64(size))
	}
}

// TestAnnouncedLengthIsNotBelieved: an answer that only says that it is long takes no memory.
func TestAnnouncedLengthIsNotBelieved(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := readAll(strings.NewReader("x"), maxAnswer); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 8*maxTrusted {
		t.Errorf("%d bytes were made room for", n)
	}
}

func TestConnectionsAreKept(t *testing.T) {
	rec, srv := serve(t, nil)
	rec.answer = func(n int, w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			_, _ = io.Copy(io.Discard, r.Body) // not looked at
			w.WriteHeader(http.StatusCreated)
			return
		}
		switch n / 2 % 4 {
		case 0:
			_, _ = io.WriteString(w, strings.Repeat("x", 50_000)) // left unread
		case 1:
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"code":"object_not_exists","message":"`+strings.Repeat("x", 1000)+`"}`)
		case 2:
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, strings.Repeat("<html>", 15_000))
		case 3:
			w.Header().Set("ETag", `"e"`)
			w.WriteHeader(http.StatusNotModified)
		}
	}
	tr := NewTransport()
	counted := &countingDialer{dial: tr.DialContext}
	tr.DialContext = counted.DialContext
	b := client(t, srv, func(c *Config) { c.Transport, c.Retry = tr, quick }).Bucket("photos-1", "")
	for range 20 {
		if r, err := b.Get(t.Context(), "k", nil); err == nil {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
		if _, err := b.Put(t.Context(), "k", strings.NewReader(alphabet), nil); err != nil {
			t.Error(err)
		}
	}
	if n := counted.dials.Load(); n != 1 {
		t.Errorf("40 requests took %d connections; want 1", n)
	}
}

// FuzzContentRange checks that what is understood makes sense.
func FuzzContentRange(f *testing.F) {
	f.Add("bytes 0-9/10")
	f.Add("bytes 5-5/*")
	f.Add("bytes */10")
	f.Fuzz(func(t *testing.T, s string) {
		first, last, size, err := parseContentRange(s)
		if err == nil && (first < 0 || last < first || size < -1 || size >= 0 && last >= size) {
			t.Errorf("parseContentRange(%q) = %d, %d, %d", s, first, last, size)
		}
	})
}
