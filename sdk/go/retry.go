package ois

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// A RetryPolicy says how failed attempts are repeated. The zero value is the default.
//
// What is repeated depends on the operation. Most give the same result however
// often they run; these are repeated after a broken or silent connection and
// after the statuses 408, 429, 500, 502, 503 and 504. The others (append, move,
// completing and initiating an upload, and every write with If-Match or
// If-None-Match) are repeated only when the server cannot have acted: no
// connection came about, or it refused with 429 or 503. An append or a completion
// that was carried out although its answer got lost would otherwise be reported as
// a failure.
//
// Before each repetition there is a wait of random length, from nothing to
// BaseDelay doubled for each attempt, at most MaxDelay; longer if the server says so
// by Retry-After. A server that wants more than a minute, or more than the
// context has left, gets no repetition.
//
// Repetitions are limited to a tenth of the client's successes, and ten more at
// once: a service in trouble is not held down by its clients. When that budget is
// used up, calls return the server's error at once. Reads that go on after a broken connection and get
// a mebibyte further do not count.
type RetryPolicy struct {
	MaxAttempts int           // including the first; 0 means 4
	BaseDelay   time.Duration // 0 means 50 ms
	MaxDelay    time.Duration // 0 means 5 s
}

// maxRetryAfter is the longest wait that a server can ask for.
const maxRetryAfter = time.Minute

func (p RetryPolicy) withDefaults() RetryPolicy {
	if p.MaxAttempts <= 0 {
		p.MaxAttempts = 4
	}
	if p.BaseDelay <= 0 {
		p.BaseDelay = 50 * time.Millisecond
	}
	if p.MaxDelay <= 0 {
		p.MaxDelay = 5 * time.Second
	}
	return p
}

// delay is the wait after that many attempts.
func (p RetryPolicy) delay(attempts int) time.Duration {
	most := p.MaxDelay
	if shift := attempts - 1; shift < 32 && p.BaseDelay<<shift>>shift == p.BaseDelay {
		most = min(most, p.BaseDelay<<shift)
	}
	return rand.N(most + 1)
}

type withoutRetry struct{}

// WithoutRetry returns a context whose calls make one attempt each: for callers
// that repeat by themselves.
func WithoutRetry(ctx context.Context) context.Context {
	return context.WithValue(ctx, withoutRetry{}, true)
}

// budget limits repetitions to a share of successes. It counts in tenths of a
// repetition, so that each success is worth one.
type budget struct {
	mu   sync.Mutex
	used int // guarded by mu; from 0 to 10*budgetBurst
}

const budgetBurst = 10

// take asks for one repetition.
func (b *budget) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used > 10*(budgetBurst-1) {
		return false
	}
	b.used += 10
	return true
}

// give returns what take has got.
func (b *budget) give() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used = max(0, b.used-10)
}

// earn counts a success.
func (b *budget) earn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used = max(0, b.used-1)
}

// retryable reports whether the same request may be sent again after e. safe says
// that the operation may be carried out twice.
func retryable(e *Error, safe bool) bool {
	if e.broken {
		return safe
	}
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return true // refused: nothing was done
	case http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		return safe
	case 0:
		return (safe || neverConnected(e.Err)) && !hopeless(e.Err)
	}
	return false
}

// hopeless reports whether err would come again: there is nothing to sign with, or the server is
// not to be trusted.
func hopeless(err error) bool {
	var credentials *credentialsError
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &credentials) || errors.As(err, &certificate)
}

// neverConnected reports whether err arose before there was a connection.
func neverConnected(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect" || op.Op == "socks connect")
}

// retryAfter reads the header of that name: seconds, or a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if text == "" {
		return 0
	}
	if n, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(n, 0), 1<<20)) * time.Second
	}
	if t, err := http.ParseTime(text); err == nil {
		return max(0, t.Sub(now))
	}
	return 0
}

// sleep waits, unless ctx ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
