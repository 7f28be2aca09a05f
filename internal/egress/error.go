package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
)

// An Error says why a request has failed, in words that may be shown to whoever has caused it: they name the host that was asked for, and
// neither an address behind it nor the rest of the URL, which may be secret. What it wraps is for the log.
type Error struct {
	Host   string
	Reason string
	cause  error
}

// Error implements error.
func (e *Error) Error() string { return e.Host + " " + e.Reason }

// Unwrap returns what happened.
func (e *Error) Unwrap() error { return e.cause }

var (
	errSlow     = errors.New("no answer in time")
	errStalled  = errors.New("the body comes too slowly")
	errRedirect = errors.New("redirects")
)

// failure explains err, with which a request has failed. parent is the context of the caller, ctx that of the request.
func failure(host string, parent, ctx context.Context, err error) error { //nolint:revive // two contexts are what it is about
	if parent.Err() != nil {
		return context.Cause(parent)
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // without the URL
	}
	return &Error{Host: host, Reason: reason(err), cause: err}
}

// reason says what happened to people.
func reason(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, errRefused):
		return "leads to an address that this server does not connect to"
	case errors.Is(err, errRedirect):
		return err.Error()
	case errors.Is(err, errStalled):
		return "sends too slowly"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "broke off before the length that it announced"
	case errors.Is(err, errSlow), errors.As(err, &timeout) && timeout.Timeout():
		return "did not answer in time"
	case is[*net.DNSError](err):
		return "has no address that could be found"
	case is[*tls.CertificateVerificationError](err):
		return "has no certificate that is valid"
	case is[tls.RecordHeaderError](err), errors.Is(err, http.ErrSchemeMismatch):
		return "does not speak TLS"
	case is[*net.OpError](err):
		return "cannot be reached, or broke off"
	}
	return "gave no answer that can be understood"
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
