package oisotel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	ois "github.com/oisproject/ois/sdk/go"
)

const secret = "HUSHHUSHHUSHHUSHHUSH"

// record returns a client of h whose spans are kept in memory.
func record(t *testing.T, h http.HandlerFunc, o Options) (*ois.Client, *tracetest.InMemoryExporter) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	spans := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	t.Cleanup(func() {
		if err := provider.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	o.Provider = provider
	client, err := ois.New(ois.Config{
		Endpoint: server.URL, AccessKeyID: "ID" + secret, SecretAccessKey: secret, Zone: "jn1a",
		Tracer: NewTracer(o), Transport: NewTransport(nil, propagation.TraceContext{}),
		Retry: ois.RetryPolicy{BaseDelay: time.Millisecond, MaxDelay: time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return client, spans
}

// one returns the only span and its attributes as text.
func one(t *testing.T, spans *tracetest.InMemoryExporter) (tracetest.SpanStub, map[string]string) {
	t.Helper()
	list := spans.GetSpans()
	if len(list) != 1 {
		t.Fatalf("%d spans; want 1", len(list))
	}
	return list[0], attributes(list[0].Attributes)
}

func attributes(list []attribute.KeyValue) map[string]string {
	m := make(map[string]string, len(list))
	for _, a := range list {
		m[string(a.Key)] = a.Value.String()
	}
	return m
}

// check compares attributes; the port is that of the day.
func check(t *testing.T, got, want map[string]string) {
	t.Helper()
	if got["server.port"] == "" {
		t.Errorf("no port in %q", got)
	}
	got, want = maps.Clone(got), maps.Clone(want)
	delete(got, "server.port")
	want["server.address"] = "127.0.0.1"
	if !maps.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestCallsBecomeSpans(t *testing.T) {
	n := 0
	client, spans := record(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-QS-Request-Id", "request-7")
		if n++; n == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // nobody looks at it
		w.WriteHeader(http.StatusCreated)
	}, Options{})
	key := []byte(secret + "123456789012")
	_, err := client.Bucket("photos-2026", "").Put(t.Context(), "a/b", strings.NewReader("x"), &ois.PutOptions{
		EncryptionKey: key, Metadata: map[string]string{"m": secret},
	})
	if err != nil {
		t.Fatal(err)
	}
	span, got := one(t, spans)
	check(t, got, map[string]string{
		"ois.operation": "PutObject", "ois.bucket": "photos-2026", "ois.key": "a/b", "ois.zone": "jn1a", "ois.attempts": "2", "ois.request_id": "request-7",
		"http.request.method": "PUT", "http.response.status_code": "201", "http.request.resend_count": "1",
	})
	if span.Name != "PutObject" || span.SpanKind != trace.SpanKindClient || span.Status.Code != codes.Unset || span.InstrumentationScope.Name != scope {
		t.Errorf("%+v", span)
	}
}

// TestErrorsAreToldWithoutText: what the service says of a bad signature quotes the request.
func TestErrorsAreToldWithoutText(t *testing.T) {
	client, spans := record(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"code":"signature_not_matched","message":"the string to sign is %s","request_id":"request-8"}`, secret)
	}, Options{WithoutKeys: true})
	_, err := client.Bucket("photos-2026", "").Get(t.Context(), "a/b", nil)
	if !errors.Is(err, ois.ErrPermission) || !strings.Contains(err.Error(), secret) {
		t.Fatal(err)
	}
	span, got := one(t, spans)
	check(t, got, map[string]string{
		"ois.operation": "GetObject", "ois.bucket": "photos-2026", "ois.zone": "jn1a", "ois.attempts": "1", "ois.request_id": "request-8",
		"http.request.method": "GET", "http.response.status_code": "401", "error.type": "signature_not_matched",
	})
	if span.Status.Code != codes.Error || strings.Contains(fmt.Sprintf("%+v", span), secret) {
		t.Errorf("%+v", span)
	}
}

func TestErrorsHaveTypes(t *testing.T) {
	for _, c := range []struct {
		r    ois.TraceResult
		want string // "" if it is no error
	}{
		{ois.TraceResult{Status: 200}, ""},
		{ois.TraceResult{Status: 304, Err: &ois.Error{Status: 304}}, ""},
		{ois.TraceResult{Status: 404, Err: &ois.Error{Status: 404}}, "404"},
		{ois.TraceResult{Status: 404, Err: &ois.Error{Status: 404, Code: "object_not_exists"}}, "object_not_exists"},
		{ois.TraceResult{Err: &ois.Error{Err: fmt.Errorf("wait: %w", context.Canceled)}}, "canceled"},
		{ois.TraceResult{Status: 503, Err: &ois.Error{Status: 503, Err: context.DeadlineExceeded}}, "timeout"},
		{ois.TraceResult{Err: &ois.Error{Err: &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}}}, "timeout"},
		{ois.TraceResult{Err: &ois.Error{Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}}, "syscall.Errno"},
		{ois.TraceResult{Status: 200, Err: fmt.Errorf("read: %w", io.ErrUnexpectedEOF)}, "*errors.errorString"},
		{ois.TraceResult{Err: &ois.Error{Err: &ois.RedirectError{}}}, "*ois.RedirectError"},
	} {
		spans := tracetest.NewInMemoryExporter()
		tracer := NewTracer(Options{Provider: sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))})
		_, done := tracer.Trace(t.Context(), ois.TraceCall{Op: "GetObject", Host: "example.com"})
		done(c.r)
		span, got := one(t, spans)
		if got["error.type"] != c.want || (span.Status.Code == codes.Error) != (c.want != "") || got["server.address"] != "example.com" {
			t.Errorf("%+v: error.type %q, status %v; want %q", c.r, got["error.type"], span.Status.Code, c.want)
		}
	}
}

// TestTracesGoOnAtTheService: each request names the span of its call, below that of the caller.
func TestTracesGoOnAtTheService(t *testing.T) {
	var parents []string
	client, spans := record(t, func(w http.ResponseWriter, r *http.Request) {
		parents = append(parents, r.Header.Get("Traceparent"))
		if len(parents) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}, Options{})
	provider := sdktrace.NewTracerProvider()
	ctx, caller := provider.Tracer("test").Start(t.Context(), "caller")
	if _, err := client.Bucket("photos-2026", "").Head(ctx, "k", nil); err != nil {
		t.Fatal(err)
	}
	caller.End()
	span, _ := one(t, spans)
	if span.Parent.SpanID() != caller.SpanContext().SpanID() {
		t.Errorf("the parent of the span is %v", span.Parent)
	}
	want := fmt.Sprintf("00-%s-%s-01", caller.SpanContext().TraceID(), span.SpanContext.SpanID())
	if !slices.Equal(parents, []string{want, want}) {
		t.Errorf("traceparent %q; want %q twice", parents, want)
	}
}

// TestTransportLeavesRequestsAlone, as every transport must.
func TestTransportLeavesRequestsAlone(t *testing.T) {
	ctx, span := sdktrace.NewTracerProvider().Tracer("test").Start(t.Context(), "caller")
	defer span.End()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://example.com", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	seen := ""
	transport := NewTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
		seen = r.Header.Get("Traceparent")
		return nil, io.EOF
	}), propagation.TraceContext{})
	if _, err := transport.RoundTrip(r); !errors.Is(err, io.EOF) { //nolint:bodyclose // there is none
		t.Errorf("RoundTrip = %v", err)
	}
	if seen == "" || len(r.Header) > 0 {
		t.Errorf("sent %q, and the request has %v", seen, r.Header)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
