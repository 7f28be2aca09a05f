//go:build go1.25

package ois

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestReadersThatBreakTheRules: a body that yields nothing for ever, or says that it has read more than it was
// asked for, ends the call with an error, and not the program.
func TestReadersThatBreakTheRules(t *testing.T) {
	_, srv := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // a failure shows in the client
		w.WriteHeader(http.StatusCreated)
	})
	b := client(t, srv, quickly).Bucket("photos-1", "")
	for what, c := range map[string]struct {
		read func(p []byte) (int, error)
		want string
	}{
		"nothing":   {func([]byte) (int, error) { return 0, nil }, io.ErrNoProgress.Error()},
		"too much":  {func(p []byte) (int, error) { return len(p) + 1, nil }, "says that it has read"},
		"less than": {func([]byte) (int, error) { return -1, nil }, "says that it has read -1"},
	} {
		for _, length := range []int64{0, 100_000} {
			for _, start := range []string{"", strings.Repeat("x", 70_000)} {
				body := io.MultiReader(strings.NewReader(start), readerFunc(c.read))
				_, err := b.Put(t.Context(), "k", body, &PutOptions{ContentLength: length})
				var e *Error
				if !errors.As(err, &e) || e.Attempts != 1 || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s after %d bytes of %d: %v; want %q", what, len(start), length, err, c.want)
				}
			}
		}
	}
}

// seekOnce goes back as often as it takes to be measured, and not once more.
type seekOnce struct {
	*strings.Reader
	seeks int
}

func (s *seekOnce) Seek(off int64, whence int) (int64, error) {
	if s.seeks++; s.seeks > 3 {
		return 0, errors.New("tape is torn")
	}
	return s.Reader.Seek(off, whence)
}

// TestBodiesThatDoNotGoBack: what the server said is the error, and what the body said is why it was not tried again.
func TestBodiesThatDoNotGoBack(t *testing.T) {
	for status, answer := range map[int]string{http.StatusServiceUnavailable: busy, http.StatusForbidden: `{"code":"request_expired"}`} {
		n := 0
		b := testBucket(t, script(&n, func(int, *http.Request) (*http.Response, error) {
			return reply(status, answer, "Date", "Tue, 05 Mar 2024 08:15:30 GMT"), nil
		}), quickly)
		_, err := b.Put(t.Context(), "k", &seekOnce{Reader: strings.NewReader("text")}, nil)
		var e *Error
		if !errors.As(err, &e) || e.Status != status || n != 1 || !strings.Contains(err.Error(), "not retried: body goes back to 0: tape is torn") {
			t.Errorf("%v after %d requests; want status %d and why it is not repeated", err, n, status)
		}
	}
}

// TestClockIsLearnedFromWhatIsNotRepeated: a program that sends streams, or repeats by itself, gets its clock set, too.
func TestClockIsLearnedFromWhatIsNotRepeated(t *testing.T) {
	for _, off := range []time.Duration{20 * time.Minute, -20 * time.Minute} {
		for what, put := range map[string]func(context.Context, *Bucket) error{
			"stream": putStream,
			"once":   func(ctx context.Context, b *Bucket) error { return putText(WithoutRetry(ctx), b) },
		} {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				b := testBucket(t, script(&n, func(_ int, r *http.Request) (*http.Response, error) {
					server := time.Now().Add(off)
					date, err := http.ParseTime(r.Header.Get("Date"))
					if err != nil {
						t.Error(err)
					}
					if server.Sub(date).Abs() > 15*time.Minute {
						return reply(403, `{"code":"request_expired"}`, "Date", server.UTC().Format(http.TimeFormat)), nil
					}
					return reply(201, ""), nil
				}), nil)
				if err := put(t.Context(), b); !errors.Is(err, ErrPermission) || n != 1 {
					t.Errorf("%s, %v off: %v after %d requests; want the refusal", what, off, err, n)
				}
				if err := put(t.Context(), b); err != nil || n != 2 {
					t.Errorf("%s, %v off: %v after %d requests; want the clock to be set", what, off, err, n)
				}
			})
		}
	}
}

// TestForeignTransportsLeaveObjectsAsTheyAre: a transport of the caller's that decompresses does not do so with objects.
func TestForeignTransportsLeaveObjectsAsTheyAre(t *testing.T) {
	var stored bytes.Buffer
	w := gzip.NewWriter(&stored)
	if _, err := io.WriteString(w, strings.Repeat("x", 10_000)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	_, srv := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		serveObject(w, r, stored.String(), `"e"`, 0)
	})
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	r, err := client(t, srv, func(c *Config) { c.Transport = tr }).Bucket("photos-1", "").Get(t.Context(), "k", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(data, stored.Bytes()) || r.Info.Size != int64(stored.Len()) {
		t.Errorf("%d bytes of %d, %v; want the %d that are stored", len(data), r.Info.Size, err, stored.Len())
	}
}

// TestHopelessAttemptsAreNotRepeated: a certificate does not become good, nor keys come about, by asking again, and
// the budget is there for others.
func TestHopelessAttemptsAreNotRepeated(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // it complains of handshakes
	srv.StartTLS()
	defer srv.Close()
	noKeys := func(c *Config) {
		c.Credentials = RefreshCredentials(func(context.Context) (Credentials, error) { return Credentials{}, errors.New("vault is down") })
	}
	for want, change := range map[string]func(*Config){
		"ois: HeadObject photos-1/k: tls: failed to verify certificate: x509: certificate signed by unknown authority": func(*Config) {},
		"ois: HeadObject photos-1/k: credentials: vault is down":                                                       noKeys,
	} {
		c := client(t, srv, change)
		_, err := c.Bucket("photos-1", "").Head(t.Context(), "k", nil)
		var e *Error
		if !errors.As(err, &e) || err.Error() != want || e.Attempts != 1 || c.budget.used != 0 {
			t.Errorf("%v, with a budget of which %d are used; want %q at once", err, c.budget.used, want)
		}
	}
}

// TestFailureToFetchCredentialsIsShared: those who wait for a fetch that fails do not fetch one after another.
func TestFailureToFetchCredentialsIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, down := 0, errors.New("vault is down")
		p := RefreshCredentials(func(ctx context.Context) (Credentials, error) {
			calls++
			select {
			case <-time.After(10 * time.Second):
				return Credentials{}, down
			case <-ctx.Done():
				return Credentials{}, ctx.Err()
			}
		})
		start := time.Now()
		took := make(chan time.Duration)
		for range 8 {
			go func() {
				if _, err := p.Credentials(t.Context()); !errors.Is(err, down) {
					t.Errorf("got %v", err)
				}
				took <- time.Since(start)
			}()
		}
		for range 8 {
			if d := <-took; d != 10*time.Second {
				t.Errorf("an error after %v; want 10s", d)
			}
		}
		if calls != 1 {
			t.Errorf("%d calls; want 1", calls)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _, _ = p.Credentials(ctx) }() // fails for its caller alone
		synctest.Wait()
		time.AfterFunc(time.Second, cancel)
		if _, err := p.Credentials(t.Context()); !errors.Is(err, down) || calls != 3 {
			t.Errorf("after somebody else has given up: %v, %d calls; want a fetch of its own", err, calls)
		}
	})
}

// TestCloseDoesNotWaitForASlowServer: keeping the connection is worth less than the caller's time, with and
// without a limit for transfers that stand still.
func TestCloseDoesNotWaitForASlowServer(t *testing.T) {
	for _, stall := range []time.Duration{0, -1} {
		for what, more := range map[string]func(net.Conn){
			"silent": hold,
			"slow": func(conn net.Conn) {
				for err := error(nil); err == nil; time.Sleep(400 * time.Millisecond) {
					_, err = io.WriteString(conn, "x")
				}
			},
		} {
			synctest.Test(t, func(t *testing.T) {
				b := testBucket(t, piped(t, func(_ int, conn net.Conn) {
					if _, err := read(conn); err != nil {
						return
					}
					_, _ = io.WriteString(conn, okObject+"Content-Length: 2000\r\n\r\n0123")
					more(conn)
				}), func(c *Config) { plain(c); c.StallTimeout = stall })
				r, err := b.Get(t.Context(), "k", nil)
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				_ = r.Close() // that it returns is what counts
				if took := time.Since(start); took > time.Second {
					t.Errorf("Close takes %v with a %s server and StallTimeout %v", took, what, stall)
				}
				time.Sleep(time.Hour) // the server goes, too
			})
		}
	}
}

// TestAnswersOfOtherBytes: HTTP lets servers answer with less than the range, and broken ones send more. Get
// yields what was asked for, or an error.
func TestAnswersOfOtherBytes(t *testing.T) {
	part := func(span, body string) string {
		return okPart + "Content-Range: bytes " + span + "\r\nConnection: close\r\n\r\n" + body
	}
	const others = "which are not those of the range"
	for i, c := range []struct {
		opts   *GetOptions
		answer string
		want   string
		err    string
	}{
		{nil, part("0-3/10", "0123"), "", "the answer is a part of the object"},
		{&GetOptions{IfMatch: `"e"`}, part("0-3/10", "0123"), "", "the answer is a part of the object"},
		{&GetOptions{Offset: 2}, part("2-9/10", "23456789"), "23456789", ""},
		{&GetOptions{Offset: 2}, part("2-5/10", "2345"), "", others},
		{&GetOptions{Offset: 2, Length: 4}, part("2-4/10", "234"), "", others},
		{&GetOptions{Offset: 2, Length: 4}, part("3-5/10", "345"), "", others},
		{&GetOptions{Offset: 2, Length: 4}, part("2-4/5", "234"), "234", ""},
		{&GetOptions{Offset: 2, Length: 4}, part("2-4/*", "234"), "234", ""},
		{&GetOptions{Offset: 2, Length: 4}, part("2-6/*", "23456"), "", others},
		{&GetOptions{Offset: -4}, part("6-9/10", "6789"), "6789", ""},
		{&GetOptions{Offset: -8}, part("6-9/10", "6789"), "", others},
		{&GetOptions{Offset: -20}, part("0-9/10", "0123456789"), "0123456789", ""},
		{&GetOptions{Offset: -4}, part("6-9/*", "6789"), "6789", ""},
		{&GetOptions{Offset: -4}, part("5-9/*", "56789"), "", others},
		{&GetOptions{Length: 4}, part("0-3/10", "012345"), "0123", "the answer has more bytes than it says"},
		{&GetOptions{Offset: -4}, okObject + "Content-Length: 0\r\n\r\n", "", ""}, // of an empty object
		{&GetOptions{Offset: 4}, okObject + "Content-Length: 0\r\n\r\n", "", others},
		{&GetOptions{Offset: -4}, okObject + "Content-Length: 10\r\n\r\n0123456789", "", "the answer ignores the range"},
		{nil, okObject + "Transfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n", "0123", "the answer has bytes 4 to 5"}, // and then part 4-5 of 10
	} {
		synctest.Test(t, func(t *testing.T) {
			b, _ := brokenBucket(t, says(c.answer, part("4-5/10", "45")), false)
			r, err := b.Get(t.Context(), "k", c.opts)
			var data []byte
			if err == nil {
				data, err = io.ReadAll(r)
				_ = r.Close() // it was only read
			}
			if string(data) != c.want || (err == nil) != (c.err == "") || !strings.Contains(fmt.Sprint(err), c.err) && err != nil {
				t.Errorf("%d: %q, %v; want %q and %q", i, data, err, c.want, c.err)
			}
			time.Sleep(time.Hour) // the server goes, too
		})
	}
}

// TestTransportsThatDoNotCount: what is shorter than it announced is no answer, also from a transport that lets it pass.
func TestTransportsThatDoNotCount(t *testing.T) {
	for name, call := range map[string]func(context.Context, *Bucket) error{"list": listAll, "object": getAll} {
		n := 0
		b := testBucket(t, script(&n, func(int, *http.Request) (*http.Response, error) {
			res := reply(200, `{"keys":[]}`, "Content-Type", "application/json")
			res.ContentLength = 100
			return res, nil
		}), quickly)
		if err := call(t.Context(), b); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v after %d requests; want ErrUnexpectedEOF", name, err, n)
		}
	}
}

// TestProxiesThatRefuse: the error names the proxy, and since nothing has come through, everything is tried again.
func TestProxiesThatRefuse(t *testing.T) {
	for _, status := range []int{http.StatusBadGateway, http.StatusProxyAuthRequired} {
		n := 0
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			n++
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "<html>no") // a failure shows in the client
		}))
		address, err := url.Parse("http://user:password@" + strings.TrimPrefix(proxy.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		tr := NewTransport()
		tr.Proxy = http.ProxyURL(address)
		err = moveOver(t.Context(), testBucket(t, tr, quickly))
		want := fmt.Sprintf("ois: MoveObject photos-1/k: proxyconnect tcp: proxy %s answers %d %s (4 attempts)", address.Host, status, http.StatusText(status))
		if err == nil || err.Error() != want || n != 4 {
			t.Errorf("%v after %d requests; want %s", err, n, want)
		}
		tr.CloseIdleConnections()
		proxy.Close()
	}
}

// TestLongObjectsOutliveManyConnections: each that gets some way on is worth its request; those that do not use the budget up.
func TestLongObjectsOutliveManyConnections(t *testing.T) {
	text := strings.Repeat("0123456789abcdef", 40<<20/16)
	for cut, whole := range map[int]bool{2 << 20: true, 100 << 10: false} {
		_, srv := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) { serveObject(w, r, text, `"e"`, cut) })
		r, err := client(t, srv, quickly).Bucket("photos-1", "").Get(t.Context(), "k", nil)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, r)
		if whole && (err != nil || n != int64(len(text))) || !whole && !strings.Contains(fmt.Sprint(err), "not retried: the retry budget is used up") {
			t.Errorf("cut after every %d bytes: %d, %v; want all of them: %v", cut, n, err, whole)
		}
		_ = r.Close() // it was only read
	}
}

func TestPresignWantsAMethod(t *testing.T) {
	b := client(t, nil, nil).Bucket("photos-1", "jn1")
	for _, method := range []string{"", "get", "GET "} {
		if link, err := b.Presign(t.Context(), method, "k", nil); err == nil || !strings.Contains(err.Error(), "want one in capitals") {
			t.Errorf("method %q: %s, %v; want an error", method, link, err)
		}
	}
}
