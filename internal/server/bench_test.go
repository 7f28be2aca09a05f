package server

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
)

// nowhere takes an answer and keeps nothing.
type nowhere struct{ h http.Header }

func (n *nowhere) Header() http.Header         { return n.h }
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n *nowhere) WriteHeader(int)             {}

// request returns a function that has the server answer a request of 4 KiB, without any network.
func (f *fixture) request(method string) func() {
	f.t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(f.head(f.key, method, "/bucket1/k"))))
	if err != nil {
		f.t.Fatal(err)
	}
	body := strings.NewReader(strings.Repeat("x", 4<<10))
	w := &nowhere{http.Header{}}
	return func() {
		r.Body, r.ContentLength = http.NoBody, 0
		if method == http.MethodPut {
			body.Reset(strings.Repeat("x", 4<<10))
			r.Body, r.ContentLength = io.NopCloser(body), 4<<10
		}
		clear(w.h)
		f.ServeHTTP(w, r)
	}
}

func BenchmarkRequest(b *testing.B) {
	for _, method := range []string{http.MethodPut, http.MethodGet, http.MethodHead} {
		b.Run(method, func(b *testing.B) {
			f := start(b)
			f.bucket()
			do := f.request(http.MethodPut)
			do()
			do = f.request(method)
			b.ReportAllocs()
			for b.Loop() {
				do()
			}
		})
	}
}
