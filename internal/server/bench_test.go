package server

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/oisproject/ois/sdk/go/signature"
)

// nowhere takes an answer and keeps nothing.
type nowhere struct{ h http.Header }

func (n *nowhere) Header() http.Header         { return n.h }
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n *nowhere) WriteHeader(int)             {}

// request returns a function that has the server answer a request of 4 KiB, without any network.
func (f *fixture) request(k *signature.Key, method string, headers ...string) func() {
	f.t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(f.head(k, method, "/bucket1/k", headers...))))
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
			do := f.request(f.key, http.MethodPut)
			do()
			do = f.request(f.key, method)
			b.ReportAllocs()
			for b.Loop() {
				do()
			}
		})
	}
}

// BenchmarkAuthorize measures what it costs a GET of 4 KiB to be decided: by who asks, and by the policy of the bucket.
// Each statement but the last looks at the request and does not match.
func BenchmarkAuthorize(b *testing.B) {
	policy := func(statements int, last string) string {
		var s strings.Builder
		for i := range statements - 1 {
			fmt.Fprintf(&s, `{"id":"s%d","user":"*","effect":"deny","action":"get_object","resource":"bucket1/*","condition":{"string_like":{"Referer":["*.example%d.com"]}}},`, i, i)
		}
		return `{"statement":[` + s.String() + last + `]}`
	}
	const all = `{"id":"all","user":"*","effect":"allow","action":"get_object","resource":"bucket1/*"}`
	for _, c := range []struct {
		name, policy string
		signed       bool
	}{
		{"owner", "", true},
		{"owner, 1 statement", policy(1, all), true},
		{"owner, 12 statements", policy(12, all), true},
		{"anonymous, 1 statement", policy(1, all), false},
		{"anonymous, 12 statements", policy(12, all), false},
	} {
		b.Run(c.name, func(b *testing.B) {
			f := start(b)
			f.bucket()
			f.request(f.key, http.MethodPut)()
			if c.policy != "" {
				f.ask(f.key, "PUT", "/bucket1?policy", c.policy).want(http.StatusOK)
			}
			who := f.key
			if !c.signed {
				who = nil
			}
			f.ask(who, "GET", "/bucket1/k", "", "Referer: https://other.org/x").want(http.StatusOK)
			do := f.request(who, http.MethodGet, "Referer: https://other.org/x")
			b.ReportAllocs()
			for b.Loop() {
				do()
			}
		})
	}
}
