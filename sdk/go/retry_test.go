//go:build go1.25

package ois

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oisproject/ois/sdk/go/api"
)

const (
	busy     = `{"code":"service_unavailable","message":"later","request_id":"aa","url":"https://docs.example.com"}`
	internal = `{"code":"internal_error","message":"oops"}`
)

// script answers the n-th request, from 1.
func script(n *int, answer func(n int, r *http.Request) (*http.Response, error)) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.Body != nil {
			_, _ = io.Copy(io.Discard, r.Body) // as a transport does
			_ = r.Body.Close()                 // the same
		}
		*n++
		return answer(*n, r)
	})
}

func testBucket(t *testing.T, rt http.RoundTripper, change func(*Config)) *Bucket {
	t.Helper()
	return client(t, nil, func(c *Config) {
		c.Transport = rt
		if change != nil {
			change(c)
		}
	}).Bucket("photos-1", "jn1")
}

func TestWaitsAreRandomAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var most [3]time.Duration
		for range 200 {
			n, last := 0, time.Now()
			var waits []time.Duration
			b := testBucket(t, script(&n, func(n int, _ *http.Request) (*http.Response, error) {
				if n > 1 {
					waits = append(waits, time.Since(last))
				}
				last = time.Now()
				return reply(503, busy), nil
			}), nil)
			_, err := b.Put(t.Context(), "k", strings.NewReader("x"), nil)
			var e *Error
			if !errors.As(err, &e) || e.Attempts != 4 || n != 4 || e.Code != "service_unavailable" {
				t.Fatalf("got %v after %d requests; want the server's error after 4", err, n)
			}
			for i, w := range waits {
				most[i] = max(most[i], w)
			}
		}
		for i, limit := range []time.Duration{50, 100, 200} {
			limit *= time.Millisecond
			if most[i] > limit || most[i] < limit*8/10 {
				t.Errorf("wait %d is at most %v in 200 calls; want nearly %v", i+1, most[i], limit)
			}
		}
	})
}

func TestDelayNeverOverflows(t *testing.T) {
	p := RetryPolicy{BaseDelay: time.Hour, MaxDelay: 2 * time.Hour}
	for n := 1; n < 100; n++ {
		if d := p.delay(n); d < 0 || d > 2*time.Hour {
			t.Errorf("delay(%d) = %v", n, d)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	tests := []struct {
		header func() string
		wait   time.Duration // -1: not repeated
	}{
		{func() string { return "7" }, 7 * time.Second},
		{func() string { return "60" }, time.Minute},
		{func() string { return time.Now().Add(9 * time.Second).UTC().Format(http.TimeFormat) }, 9 * time.Second},
		{func() string { return time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat) }, 0},
		{func() string { return "-5" }, 0},
		{func() string { return "soon" }, 0},
		{func() string { return "61" }, -1},
		{func() string { return "99999999999999" }, -1},
	}
	for _, test := range tests {
		synctest.Test(t, func(t *testing.T) {
			n, start := 0, time.Now()
			b := testBucket(t, script(&n, func(n int, _ *http.Request) (*http.Response, error) {
				if n == 1 {
					return reply(429, `{"code":"fetch_throttled"}`, "Retry-After", test.header()), nil
				}
				return reply(200, ""), nil
			}), nil)
			_, err := b.Head(t.Context(), "k", nil)
			took := time.Since(start)
			if test.wait < 0 {
				if !errors.Is(err, ErrBusy) || took != 0 || !strings.Contains(err.Error(), "not retried: the server asks for a wait of ") {
					t.Errorf("Retry-After %q: %v after %v; want the error at once", test.header(), err, took)
				}
				return
			}
			if err != nil || took < test.wait || took > test.wait+50*time.Millisecond {
				t.Errorf("Retry-After %q: %v after %v; want about %v", test.header(), err, took, test.wait)
			}
		})
	}
}

func TestContextEndsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		b := testBucket(t, script(&n, func(int, *http.Request) (*http.Response, error) {
			return reply(503, busy, "Retry-After", "10"), nil
		}), nil)
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := b.Head(ctx, "k", nil)
		if !errors.Is(err, ErrBusy) || time.Since(start) != 0 || !strings.Contains(err.Error(), "the context ends before that") {
			t.Errorf("with a near deadline: %v after %v; want the server's error at once", err, time.Since(start))
		}
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		start = time.Now()
		_, err = b.Head(ctx, "k", nil)
		if !errors.Is(err, context.Canceled) || !errors.Is(err, ErrBusy) || time.Since(start) != 3*time.Second {
			t.Errorf("cancelled after 3s: %v after %v; want context.Canceled and ErrBusy then", err, time.Since(start))
		}
	})
}

func TestWhatIsRepeated(t *testing.T) {
	dial := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	reset := &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	put := func(ctx context.Context, b *Bucket) error {
		_, err := b.Put(ctx, "k", strings.NewReader("x"), nil)
		return err
	}
	move := func(ctx context.Context, b *Bucket) error {
		_, err := b.Move(ctx, "k", "l", nil)
		return err
	}
	appendTo := func(ctx context.Context, b *Bucket) error {
		_, err := b.api.AppendObject(ctx, &api.AppendObjectInput{Bucket: b.name, Key: "k", Body: strings.NewReader("x"), ContentLength: 1})
		return err
	}
	complete := func(ctx context.Context, b *Bucket) error {
		_, err := b.api.CompleteMultipartUpload(ctx, &api.CompleteMultipartUploadInput{Bucket: b.name, Key: "k", UploadID: "u"})
		return err
	}
	conditional := func(ctx context.Context, b *Bucket) error {
		_, err := b.Put(ctx, "k", strings.NewReader("x"), &PutOptions{IfNoneMatch: "*"})
		return err
	}
	once := []any{500, 502, 504, 408, reset, 400, 401, 402, 403, 404, 409, 411, 412, 416, 501, 505}
	tests := []struct {
		name  string
		call  func(context.Context, *Bucket) error
		again []any // statuses and errors
		once  []any
	}{
		{"put", put, []any{500, 502, 503, 504, 408, 429, dial, reset, io.ErrUnexpectedEOF}, []any{400, 401, 402, 403, 404, 409, 411, 412, 416, 501, 505}},
		{"move", move, []any{503, 429, dial}, once},
		{"append", appendTo, []any{503, 429, dial}, once},
		{"complete", complete, []any{503, 429, dial}, once},
		{"put on condition", conditional, []any{503, 429, dial}, once},
	}
	for _, test := range tests {
		run := func(what any, want int) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				b := testBucket(t, script(&n, func(_ int, r *http.Request) (*http.Response, error) {
					if r.Method == http.MethodHead { // asks for extensions
						n = 0
						return reply(200, "", "X-OIS-Extensions", "other, Conditional-Write"), nil
					}
					if status, ok := what.(int); ok {
						return reply(status, `{"code":"x"}`), nil
					}
					return nil, what.(error)
				}), nil)
				err := test.call(t.Context(), b)
				var e *Error
				if !errors.As(err, &e) || n != want || e.Attempts != want {
					t.Errorf("%s after %v: %d requests, %v; want %d", test.name, what, n, err, want)
				}
				if cause, ok := what.(error); ok && !errors.Is(err, cause) {
					t.Errorf("%s after %v: %v lacks its cause", test.name, what, err)
				}
			})
		}
		for _, what := range test.again {
			run(what, 4)
		}
		for _, what := range test.once {
			run(what, 1)
		}
	}
}

func TestStormIsNotMadeWorse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, down := 0, true
		b := testBucket(t, script(&n, func(int, *http.Request) (*http.Response, error) {
			if down {
				return reply(503, busy), nil
			}
			return reply(200, ""), nil
		}), nil)
		const calls = 100
		for range calls {
			_, err := b.Get(t.Context(), "k", nil)
			if !errors.Is(err, ErrBusy) {
				t.Fatalf("got %v; want the server's error", err)
			}
		}
		if n != calls+budgetBurst {
			t.Errorf("%d requests for %d calls; want %d more", n, calls, budgetBurst)
		}
		_, err := b.Get(t.Context(), "k", nil)
		if want := "503 service_unavailable: later (request aa, not retried: the retry budget is used up)"; !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("got %q; want %q in it", err, want)
		}
		down = false // 30 successes earn three repetitions
		for range 30 {
			if _, err := b.Head(t.Context(), "k", nil); err != nil {
				t.Fatal(err)
			}
		}
		n, down = 0, true
		start := time.Now()
		if _, err := b.Head(t.Context(), "k", nil); !errors.Is(err, ErrBusy) || n != 4 {
			t.Errorf("after 30 successes: %v after %d requests; want 4", err, n)
		}
		if time.Since(start) == 0 {
			t.Error("repetitions did not wait")
		}
	})
}

func TestWithoutRetry(t *testing.T) {
	n := 0
	b := testBucket(t, script(&n, func(int, *http.Request) (*http.Response, error) { return reply(500, internal), nil }), nil)
	if _, err := b.Head(WithoutRetry(t.Context()), "k", nil); err == nil || n != 1 {
		t.Errorf("%v after %d requests; want an error after 1", err, n)
	}
}

func TestClockIsLearned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		offset, n := -2*time.Hour, 0
		var dates []time.Duration
		answer := func(_ int, r *http.Request) (*http.Response, error) {
			date, err := http.ParseTime(r.Header.Get("Date"))
			if err != nil {
				t.Error(err)
			}
			server := time.Now().Add(offset)
			dates = append(dates, server.Sub(date).Truncate(time.Minute))
			stamp := []string{"Date", server.UTC().Format(http.TimeFormat)}
			if server.Sub(date).Abs() < 15*time.Minute {
				return reply(201, "", stamp...), nil
			}
			if r.Method == http.MethodHead {
				return reply(403, "", stamp...), nil
			}
			return reply(403, `{"code":"request_expired","message":"clock"}`, stamp...), nil
		}
		b := testBucket(t, script(&n, answer), nil)
		put := func(wantRequests int) {
			t.Helper()
			n = 0
			if _, err := b.Put(t.Context(), "k", strings.NewReader("x"), nil); err != nil || n != wantRequests {
				t.Errorf("%v after %d requests; want success after %d (the server sees %v)", err, n, wantRequests, dates)
			}
		}
		put(2)
		put(1)
		offset = 0 // somebody sets our clock right
		put(2)
		put(1)
		offset = time.Hour
		n = 0
		if _, err := b.Head(t.Context(), "k", nil); n != 2 || err == nil { // 201 is no success of HEAD
			t.Errorf("HEAD: %v after %d requests; want the clock to be set", err, n)
		}
		put(1)
		if link, err := b.PresignGet(t.Context(), "k", nil); err != nil || !strings.Contains(link, fmt.Sprintf("expires=%d&", time.Now().Add(time.Hour+15*time.Minute).Unix())) {
			t.Errorf("pre-signed address %q, %v is not on the server's clock", link, err)
		}
		offset = time.Hour
		b2 := testBucket(t, script(&n, func(int, *http.Request) (*http.Response, error) {
			return reply(403, `{"code":"request_expired"}`, "Date", time.Now().UTC().Format(http.TimeFormat)), nil
		}), nil)
		n = 0
		if _, err := b2.Put(t.Context(), "k", nil, nil); !errors.Is(err, ErrPermission) || n != 1 {
			t.Errorf("refused though the clocks agree: %v after %d requests; want 1", err, n)
		}
	})
}

func TestCredentialsThatFail(t *testing.T) {
	down := errors.New("vault is down")
	n := 0
	b := testBucket(t, script(&n, func(int, *http.Request) (*http.Response, error) { return reply(200, ""), nil }), func(c *Config) {
		c.Credentials = RefreshCredentials(func(context.Context) (Credentials, error) { return Credentials{}, down })
		c.Retry = quick
	})
	if _, err := b.Head(t.Context(), "k", nil); !errors.Is(err, down) || n != 0 {
		t.Errorf("%v after %d requests; want the provider's error and none", err, n)
	}
	b.c.cfg.Credentials = StaticCredentials("id", "")
	if _, err := b.Head(t.Context(), "k", nil); err == nil || n != 0 {
		t.Errorf("half a key pair: %v after %d requests; want an error and none", err, n)
	}
}
