package oisotel

import (
	"net/http"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"

	ois "github.com/oisproject/ois/sdk/go"
)

// NewTransport returns a transport for [ois.Config] that sends the name of the span along with each request, in headers such as
// traceparent, so that the service can go on with the trace. They are no part of the signature. A nil base is
// [ois.NewTransport], whose timeout for headers the configuration does not change then; a nil p is the global propagator.
func NewTransport(base http.RoundTripper, p propagation.TextMapPropagator) http.RoundTripper {
	if base == nil {
		base = ois.NewTransport()
	}
	return &transport{base, p}
}

type transport struct {
	base       http.RoundTripper
	propagator propagation.TextMapPropagator // nil for the global one, which may be set later
}

// RoundTrip implements http.RoundTripper. The request is the caller's, so a copy gets the headers.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	p := t.propagator
	if p == nil {
		p = otel.GetTextMapPropagator()
	}
	r = r.Clone(r.Context())
	p.Inject(r.Context(), propagation.HeaderCarrier(r.Header))
	return t.base.RoundTrip(r)
}

// CloseIdleConnections passes on what [ois.Client.CloseIdleConnections] asks for.
func (t *transport) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
