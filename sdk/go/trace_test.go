package ois

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// spans is a tracer that writes down what it is told, with the depth of calls in calls.
type spans struct {
	mu   sync.Mutex
	list []string // guarded by mu
}

type depth struct{}

func (s *spans) add(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, fmt.Sprintf(format, args...))
}

func (s *spans) Trace(ctx context.Context, c TraceCall) (context.Context, func(TraceResult)) {
	n, _ := ctx.Value(depth{}).(int)
	s.add("%d %s %s %s %s/%s in %s", n, c.Op, c.Method, c.Host, c.Bucket, c.Key, c.Zone)
	return context.WithValue(ctx, depth{}, n+1), func(r TraceResult) {
		s.add("%d %s %d %s %d %v", n, c.Op, r.Status, r.RequestID, r.Attempts, errors.Is(r.Err, ErrNotFound))
	}
}

func TestTracerSeesCalls(t *testing.T) {
	var s spans
	n := 0
	b := testingBucket(t, func(r *http.Request) (*http.Response, error) {
		if depth, _ := r.Context().Value(depth{}).(int); depth == 0 {
			t.Errorf("%s %s does not have the tracer's context", r.Method, r.URL)
		}
		switch n++; {
		case r.Method == http.MethodHead:
			return reply(200, "", "X-OIS-Extensions", "conditional-write"), nil
		case n == 2:
			return reply(503, `{"code":"service_unavailable"}`), nil
		case r.Method == http.MethodPut:
			return reply(201, ""), nil
		}
		return reply(404, `{"code":"object_not_exists"}`), nil
	}, func(c *Config) { c.Tracer, c.Retry, c.Zone, c.Endpoint = &s, quick, "jn1", "http://example.com" })
	if _, err := b.Put(t.Context(), "k", strings.NewReader("x"), &PutOptions{IfNoneMatch: "*"}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Get(t.Context(), "missing", nil); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	if _, err := b.Get(t.Context(), "", nil); err == nil {
		t.Fatal("a key that is empty was read")
	}
	if _, err := b.c.BucketZone(t.Context(), "photos-1"); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"0 PutObject PUT jn1.example.com photos-1/k in jn1",
		"1 HeadBucket HEAD jn1.example.com photos-1/ in jn1",
		"1 HeadBucket 200 3f2cf9ac3168744d 1 false",
		"0 PutObject 201 3f2cf9ac3168744d 2 false",
		"0 GetObject GET jn1.example.com photos-1/missing in jn1",
		"0 GetObject 404 3f2cf9ac3168744d 1 true",
		"0 HeadBucket HEAD example.com photos-1/ in ",
		"0 HeadBucket 200 3f2cf9ac3168744d 1 false",
	}
	if !slices.Equal(s.list, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(s.list, "\n     "), strings.Join(want, "\n     "))
	}
}

// startsOnly is a tracer that does not care how calls end.
type startsOnly struct{}

func (startsOnly) Trace(ctx context.Context, _ TraceCall) (context.Context, func(TraceResult)) {
	return ctx, nil
}

func TestTracerNeedNotCareForTheEnd(t *testing.T) {
	b := testingBucket(t, func(*http.Request) (*http.Response, error) { return reply(200, ""), nil }, func(c *Config) { c.Tracer = startsOnly{} })
	if _, err := b.Head(t.Context(), "k", nil); err != nil {
		t.Error(err)
	}
}
