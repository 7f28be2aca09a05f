package ois

import (
	"context"
	"errors"

	"github.com/oisproject/ois/sdk/go/api"
)

// A Tracer watches the calls of a client, to make spans or figures of them. It must be safe for
// concurrent use.
//
// To send the name of a span along, wrap the Transport of the [Config]: its requests have the
// context that Trace returned.
type Tracer interface {
	// Trace is told of a call before its first request. The requests of the call, and calls
	// that it makes by itself, have the context that Trace returns, which must descend from
	// ctx. When the call has ended, done is called once; it may be nil.
	//
	// A call that yields a stream ends when the stream begins. What a Reader asks for when it
	// goes on after a broken connection are calls of their own.
	Trace(ctx context.Context, call TraceCall) (_ context.Context, done func(TraceResult))
}

// A TraceCall is what is known of a call before its first request.
type TraceCall struct {
	Op     string // the operation, such as "PutObject"
	Method string // of HTTP
	Host   string // where it goes
	Zone   string // may be empty, like the following
	Bucket string
	Key    string
}

// A TraceResult is what became of a call.
type TraceResult struct {
	Status    int    // of the last answer; 0 if there was none
	RequestID string // of the last answer
	Attempts  int    // how often the request was sent
	Err       error  // what the caller gets, or nil
}

func (k *call) trace() TraceCall {
	return TraceCall{
		Op: k.req.Op.Name, Method: k.req.Op.Method, Host: k.url.Host,
		Zone: k.req.Zone, Bucket: k.req.Bucket, Key: k.req.Key,
	}
}

func (k *call) outcome(res *api.Response, err error) TraceResult {
	r := TraceResult{Attempts: k.attempts, Err: err}
	var e *Error
	switch {
	case res != nil:
		r.Status, r.RequestID = res.Status, res.Header.Get(requestIDHeader)
	case errors.As(err, &e):
		r.Status, r.RequestID = e.Status, e.RequestID
	}
	return r
}
