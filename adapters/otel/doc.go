// Package oisotel makes spans of OpenTelemetry of the calls of the SDK.
//
//	client, err := ois.New(ois.Config{
//		Tracer:    oisotel.NewTracer(oisotel.Options{}),
//		Transport: oisotel.NewTransport(nil, nil),
//	})
//
// A span stands for one call, with all of its attempts. It has the name of the operation, such as PutObject, and these
// attributes, those that are known:
//
//	http.request.method, http.response.status_code, http.request.resend_count,
//	server.address, server.port, error.type      as OpenTelemetry defines them
//	ois.operation, ois.zone, ois.bucket, ois.key  what the call is about
//	ois.attempts, ois.request_id                  how often it was sent, and the id in the service's logs
//
// Addresses with their signatures, headers, metadata and messages of the service are left out: they may
// hold secrets. Keys of objects are left out on demand.
//
// A call that yields a stream ends when the stream begins. What a reader asks for when it goes on after a broken
// connection are spans of their own, below the same parent.
package oisotel
