package oisotel_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	oisotel "github.com/oisproject/ois/adapters/otel"
	ois "github.com/oisproject/ois/sdk/go"
)

func Example() {
	spans := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	transport := service{}

	client, err := ois.New(ois.Config{
		Tracer:    oisotel.NewTracer(oisotel.Options{Provider: provider}),
		Transport: oisotel.NewTransport(transport, nil), // sends traceparent along
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	info, err := client.Bucket("photos-2026", "jn1a").Head(context.Background(), "summer/beach.jpg", nil)
	fmt.Println(info.Size, err)
	for _, span := range spans.GetSpans() {
		fmt.Println(span.Name)
	}
	// Output:
	// 4 <nil>
	// HeadObject
}

// service stands for the network.
type service struct{}

func (service) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Length": {"4"}}, ContentLength: 4,
		Body: io.NopCloser(strings.NewReader("")), Request: r,
	}, nil
}
