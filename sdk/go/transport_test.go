package ois

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestHTTP2IsASwitch: bulk goes over many connections of HTTP/1.1 unless somebody wants the other.
func TestHTTP2IsASwitch(t *testing.T) {
	rec := &recorder{t: t, answer: func(_ int, w http.ResponseWriter, r *http.Request) { w.Header().Set("Etag", r.Proto) }}
	srv := httptest.NewUnstartedServer(rec)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	trusted := srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	for _, http2 := range []bool{false, true} {
		tr := NewTransport()
		tr.TLSClientConfig.RootCAs = trusted
		want := "HTTP/1.1"
		if http2 {
			tr.Protocols.SetHTTP2(true)
			want = "HTTP/2.0"
		}
		info, err := client(t, srv, func(c *Config) { c.Transport = tr }).Bucket("photos-1", "").Head(t.Context(), "k", nil)
		if err != nil || info.ETag != want {
			t.Errorf("with HTTP/2 %v: %+v, %v; want %s", http2, info, err, want)
		}
	}
}

func TestTransportHasRoomForWorkers(t *testing.T) {
	tr := NewTransport()
	if tr.MaxIdleConnsPerHost < 64 || tr.MaxIdleConns < tr.MaxIdleConnsPerHost || tr.MaxConnsPerHost != 0 {
		t.Errorf("%d idle connections, %d of a host, at most %d; want 64 that are kept and no limit", tr.MaxIdleConns, tr.MaxIdleConnsPerHost, tr.MaxConnsPerHost)
	}
	if tr.TLSClientConfig.MinVersion < tls.VersionTLS12 || tr.Proxy == nil || !tr.DisableCompression || tr.ResponseHeaderTimeout == 0 {
		t.Error("TLS before 1.2, no proxy of the environment, unasked gzip or no limit for headers")
	}
}

// TestCompressedObjectsStayCompressed: what is stored with a Content-Encoding arrives with size and bytes
// as stored.
func TestCompressedObjectsStayCompressed(t *testing.T) {
	var stored bytes.Buffer
	w := gzip.NewWriter(&stored)
	if _, err := io.WriteString(w, strings.Repeat("x", 10_000)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	_, srv := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		serveObject(w, r, stored.String(), `"e"`, 0)
	})
	r, err := client(t, srv, nil).Bucket("photos-1", "").Get(t.Context(), "k", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(data, stored.Bytes()) || r.Info.Size != int64(stored.Len()) || r.Info.ContentEncoding != "gzip" {
		t.Errorf("%d bytes of %q, %v; want the %d that are stored", len(data), r.Info.ContentEncoding, err, stored.Len())
	}
}

// TestReadersHaveNoGoroutines: readers that somebody forgot to close cost memory until their context
// ends, and nothing that runs.
func TestReadersHaveNoGoroutines(t *testing.T) {
	b := testingBucket(t, func(r *http.Request) (*http.Response, error) {
		res := reply(200, "0123456789", "Etag", `"e"`, "Content-Length", "10")
		if r.Header.Get("Range") != "" {
			res.StatusCode = http.StatusPartialContent
			res.Header.Set("Content-Range", "bytes 0-9/10")
		}
		return res, nil
	}, quickly)
	before := runtime.NumGoroutine()
	for range 100 {
		r, err := b.Get(t.Context(), "k", nil)
		if err != nil {
			t.Fatal(err)
		}
		f, err := b.File(t.Context(), "k", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []io.Reader{r, f} {
			if _, err := io.ReadFull(r, make([]byte, 5)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := runtime.NumGoroutine() - before; n > 10 { // others may come and go
		t.Errorf("%d goroutines run for 200 readers", n)
	}
}

// TestOneFileIsReadByMany: a File, a Bucket and a Client are shared without a thought.
func TestOneFileIsReadByMany(t *testing.T) {
	_, srv := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) { serveObject(w, r, alphabet, `"e"`, 0) })
	f, err := client(t, srv, nil).Bucket("photos-1", "").File(t.Context(), "k", nil)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			section := io.NewSectionReader(f, int64(i*100), 100)
			if data, err := io.ReadAll(section); err != nil || string(data) != alphabet[i*100:i*100+100] {
				t.Errorf("section %d: %d bytes, %v", i, len(data), err)
			}
		}()
	}
	wg.Wait()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// TestRequestsHaveNoHeadersOfTheirOwn: a server that knows the first version of the API knows all that is
// sent; checksums and conditions go only where the caller wants them.
func TestRequestsHaveNoHeadersOfTheirOwn(t *testing.T) {
	rec, srv := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(map[string]int{"PUT": 201, "GET": 200, "HEAD": 200, "DELETE": 204}[r.Method])
	})
	b := client(t, srv, nil).Bucket("photos-1", "")
	if _, err := b.Put(t.Context(), "k", strings.NewReader("x"), nil); err != nil {
		t.Fatal(err)
	}
	r, err := b.Get(t.Context(), "k", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := b.Head(t.Context(), "k", nil); err != nil {
		t.Fatal(err)
	}
	if err := b.Remove(t.Context(), "k", nil); err != nil {
		t.Fatal(err)
	}
	for _, s := range rec.requests() {
		names := slices.Sorted(maps.Keys(s.Header))
		want := []string{"Authorization", "Date", "User-Agent"}
		if s.Method == http.MethodPut {
			want = []string{"Authorization", "Content-Length", "Date", "User-Agent"}
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s has the headers %q; want %q", s.Method, names, want)
		}
	}
}
