package oisotel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	ois "github.com/oisproject/ois/sdk/go"
)

// Attributes that OpenTelemetry has no names for.
const (
	OperationKey = attribute.Key("ois.operation")
	ZoneKey      = attribute.Key("ois.zone")
	BucketKey    = attribute.Key("ois.bucket")
	KeyKey       = attribute.Key("ois.key")
	AttemptsKey  = attribute.Key("ois.attempts")
	RequestIDKey = attribute.Key("ois.request_id")
)

// scope names this package where spans are shown.
const scope = "github.com/oisproject/ois/adapters/otel"

// Options tune a tracer. The zero value is the default.
type Options struct {
	// Provider makes the spans; nil means the global one.
	Provider trace.TracerProvider
	// WithoutKeys leaves out the keys of objects.
	WithoutKeys bool
}

// NewTracer returns a tracer for [ois.Config].
func NewTracer(o Options) ois.Tracer {
	p := o.Provider
	if p == nil {
		p = otel.GetTracerProvider()
	}
	return &tracer{
		t:    p.Tracer(scope, trace.WithInstrumentationVersion(ois.Version), trace.WithSchemaURL(semconv.SchemaURL)),
		keys: !o.WithoutKeys,
	}
}

type tracer struct {
	t    trace.Tracer
	keys bool // are attributes
}

// Trace implements ois.Tracer.
func (t *tracer) Trace(ctx context.Context, call ois.TraceCall) (context.Context, func(ois.TraceResult)) {
	ctx, span := t.t.Start(ctx, call.Op, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(t.start(call)...))
	return ctx, func(r ois.TraceResult) {
		if span.IsRecording() {
			end(span, r)
		}
		span.End()
	}
}

// start are the attributes that are known before the first request, so that samplers have them.
func (t *tracer) start(call ois.TraceCall) []attribute.KeyValue {
	list := []attribute.KeyValue{OperationKey.String(call.Op), semconv.HTTPRequestMethodKey.String(call.Method)}
	host, port, err := net.SplitHostPort(call.Host)
	if err != nil {
		host = call.Host
	}
	list = append(list, semconv.ServerAddress(host))
	if n, err := strconv.Atoi(port); err == nil {
		list = append(list, semconv.ServerPort(n))
	}
	if call.Zone != "" {
		list = append(list, ZoneKey.String(call.Zone))
	}
	if call.Bucket != "" {
		list = append(list, BucketKey.String(call.Bucket))
	}
	if call.Key != "" && t.keys {
		list = append(list, KeyKey.String(call.Key))
	}
	return list
}

// end adds what became of a call.
func end(span trace.Span, r ois.TraceResult) {
	span.SetAttributes(AttemptsKey.Int(r.Attempts))
	if r.Attempts > 1 {
		span.SetAttributes(semconv.HTTPRequestResendCount(r.Attempts - 1))
	}
	if r.Status != 0 {
		span.SetAttributes(semconv.HTTPResponseStatusCode(r.Status))
	}
	if r.RequestID != "" {
		span.SetAttributes(RequestIDKey.String(r.RequestID))
	}
	if r.Err != nil && r.Status != http.StatusNotModified {
		kind := errorType(r)
		span.SetAttributes(semconv.ErrorTypeKey.String(kind))
		span.SetStatus(codes.Error, kind) // not the text of the error: the service's messages quote requests
	}
}

// errorType is a short name from a small set: what the service calls the error, its status, or the Go type of the cause.
func errorType(r ois.TraceResult) string {
	var e *ois.Error
	var t interface{ Timeout() bool }
	switch {
	case errors.Is(r.Err, context.Canceled):
		return "canceled"
	case errors.As(r.Err, &t) && t.Timeout(): // contexts with a deadline, too
		return "timeout"
	case errors.As(r.Err, &e) && e.Code != "":
		return e.Code
	case r.Status >= 400:
		return strconv.Itoa(r.Status)
	}
	return causeType(r.Err)
}

// causeType is the type of the innermost cause.
func causeType(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return fmt.Sprintf("%T", err)
		}
		err = next
	}
}
