package ois

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/oisproject/ois/sdk/go/signature"
)

// answers is a transport that answers at once with 4 KiB. It costs as little as
// a transport can, so that what is measured is the client.
type answers struct {
	header http.Header
	body   []byte
}

func newAnswers() *answers {
	h := http.Header{
		"Etag": {`"9b2cf535f27731c974343645a3985328"`}, "Content-Length": {"4096"}, "Content-Type": {"text/plain"},
		"Last-Modified": {"Tue, 05 Mar 2024 08:15:30 GMT"}, "X-Qs-Request-Id": {"3f2cf9ac3168744d"},
		"X-Qs-Storage-Class": {"STANDARD"},
	}
	return &answers{header: h, body: bytes.Repeat([]byte("x"), 4096)}
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	res := &http.Response{StatusCode: http.StatusOK, Header: a.header, Body: http.NoBody, Request: r}
	switch r.Method {
	case http.MethodPut:
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
		_ = r.Body.Close()
		res.StatusCode = http.StatusCreated
	case http.MethodGet:
		res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(a.body)), int64(len(a.body))
	case http.MethodHead:
		res.ContentLength = int64(len(a.body)) // though it does not come
	}
	return res, nil
}

func benchBucket(tb testing.TB) *Bucket {
	tb.Helper()
	c, err := New(Config{
		AccessKeyID: "OISDIGESTEXAMPLEKEY1", SecretAccessKey: "oisDigestExampleSecretKey00000000000001",
		Transport: newAnswers(),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return c.Bucket("demo-bucket", "jn1")
}

func benchPut(tb testing.TB, b *Bucket, body *bytes.Reader) {
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		tb.Fatal(err)
	}
	if _, err := b.Put(tb.Context(), "docs/a.txt", body, &PutOptions{ContentType: "text/plain"}); err != nil {
		tb.Fatal(err)
	}
}

func benchGet(tb testing.TB, b *Bucket, buf []byte) {
	r, err := b.Get(tb.Context(), "docs/a.txt", nil)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := io.ReadFull(r, buf); err != nil {
		tb.Fatal(err)
	}
	if err := r.Close(); err != nil {
		tb.Fatal(err)
	}
}

func benchHead(tb testing.TB, b *Bucket) {
	if _, err := b.Head(tb.Context(), "docs/a.txt", nil); err != nil {
		tb.Fatal(err)
	}
}

func benchSign(tb testing.TB, c *Client, m *signature.Message) {
	if err := c.sign(tb.Context(), m); err != nil {
		tb.Fatal(err)
	}
}

func signMessage() *signature.Message {
	return &signature.Message{Method: "PUT", Path: "/demo-bucket/docs/a.txt", Header: http.Header{
		"Content-Type": {"text/plain"}, "X-Qs-Storage-Class": {"STANDARD_IA"}, "X-Qs-Meta-Author": {"team a"},
	}}
}

func BenchmarkSign(b *testing.B) {
	c := benchBucket(b).c
	m := signMessage()
	b.ReportAllocs()
	for b.Loop() {
		benchSign(b, c, m)
	}
}

func BenchmarkPut(b *testing.B) {
	bucket, body := benchBucket(b), bytes.NewReader([]byte(strings.Repeat("x", 4096)))
	b.ReportAllocs()
	for b.Loop() {
		benchPut(b, bucket, body)
	}
}

func BenchmarkGet(b *testing.B) {
	bucket, buf := benchBucket(b), make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		benchGet(b, bucket, buf)
	}
}

func BenchmarkHead(b *testing.B) {
	bucket := benchBucket(b)
	b.ReportAllocs()
	for b.Loop() {
		benchHead(b, bucket)
	}
}

// TestCostsOfACall holds the client to a number of allocations and bytes that
// are all its own: the transport above has next to none.
func TestCostsOfACall(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools forget")
	}
	bucket, buf := benchBucket(t), make([]byte, 4096)
	body, m := bytes.NewReader(make([]byte, 4096)), signMessage()
	tests := []struct {
		name          string
		allocs, bytes float64
		run           func()
	}{
		{"sign", 3, 256, func() { benchSign(t, bucket.c, m) }},
		{"put", 30, 3 << 10, func() { benchPut(t, bucket, body) }},
		{"get", 30, 4 << 10, func() { benchGet(t, bucket, buf) }},
		{"head", 25, 4 << 10, func() { benchHead(t, bucket) }},
	}
	for _, test := range tests {
		const runs = 500
		allocs := testing.AllocsPerRun(runs, test.run)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			test.run()
		}
		runtime.ReadMemStats(&after)
		size := float64(after.TotalAlloc-before.TotalAlloc) / runs
		t.Logf("%s: %.0f bytes in %.0f allocations", test.name, size, allocs)
		if allocs > test.allocs || size > test.bytes {
			t.Errorf("%s makes %.0f allocations of %.0f bytes; want at most %.0f of %.0f", test.name, allocs, size, test.allocs, test.bytes)
		}
	}
}

// bare is what a program would write for itself: net/http and the shortest way to
// a signature. The client is measured against it.
type bare struct {
	c   *http.Client
	url string
}

func (b bare) do(tb testing.TB, method string, body []byte) {
	req, err := http.NewRequestWithContext(tb.Context(), method, b.url+"/demo-bucket/docs/a.txt", bytes.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	date := time.Now().UTC().Format(http.TimeFormat)
	req.Header.Set("Date", date)
	if body != nil {
		req.Header.Set("Content-Type", "text/plain")
	}
	mac := hmac.New(sha256.New, []byte("oisDigestExampleSecretKey00000000000001"))
	_, _ = io.WriteString(mac, method+"\n\n"+req.Header.Get("Content-Type")+"\n"+date+"\n"+req.URL.EscapedPath()) // a hash never fails
	req.Header.Set("Authorization", "QS OISDIGESTEXAMPLEKEY1:"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	res, err := b.c.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		tb.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkBare is the client's competitor, on the same transport.
func BenchmarkBare(b *testing.B) {
	client := bare{&http.Client{Transport: newAnswers()}, "https://jn1.is.shanhe.com"}
	body := make([]byte, 4096)
	for _, method := range []string{"PUT", "GET", "HEAD"} {
		b.Run(method, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if method == "PUT" {
					client.do(b, method, body)
				} else {
					client.do(b, method, nil)
				}
			}
		})
	}
}

// BenchmarkServer compares the two over a socket. The server is part of it.
func BenchmarkServer(b *testing.B) {
	body := make([]byte, 4096)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Etag", `"9b2cf535f27731c974343645a3985328"`)
		w.Header().Set("X-Qs-Request-Id", "3f2cf9ac3168744d")
		switch r.Method {
		case http.MethodPut:
			_, _ = io.Copy(io.Discard, r.Body) // a failure shows in the client
			w.WriteHeader(http.StatusCreated)
		case http.MethodGet:
			_, _ = w.Write(body) // the same
		}
	}))
	defer srv.Close()
	c, err := New(Config{AccessKeyID: "OISDIGESTEXAMPLEKEY1", SecretAccessKey: "oisDigestExampleSecretKey00000000000001", Endpoint: srv.URL})
	if err != nil {
		b.Fatal(err)
	}
	bucket, buf, reader := c.Bucket("demo-bucket", ""), make([]byte, 4096), bytes.NewReader(body)
	other := bare{&http.Client{Transport: NewTransport()}, srv.URL}
	for name, run := range map[string]func(*testing.B){
		"PUT":       func(b *testing.B) { benchPut(b, bucket, reader) },
		"GET":       func(b *testing.B) { benchGet(b, bucket, buf) },
		"HEAD":      func(b *testing.B) { benchHead(b, bucket) },
		"PUT/bare":  func(b *testing.B) { other.do(b, "PUT", body) },
		"GET/bare":  func(b *testing.B) { other.do(b, "GET", nil) },
		"HEAD/bare": func(b *testing.B) { other.do(b, "HEAD", nil) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				run(b)
			}
		})
	}
}
