//go:build go1.25

package ois

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// piped makes a transport whose connections are pipes to serve, so that a real
// http.Transport runs on virtual time.
func piped(t *testing.T, serve func(n int, conn net.Conn)) *http.Transport {
	t.Helper()
	tr := NewTransport()
	n := 0
	tr.Proxy = nil
	tr.DialContext = func(context.Context, string, string) (net.Conn, error) {
		n++
		ours, theirs := net.Pipe()
		go func(n int) {
			defer theirs.Close()
			serve(n, theirs)
		}(n)
		return ours, nil
	}
	return tr
}

// read reads one request from conn.
func read(conn net.Conn) (*http.Request, error) { return http.ReadRequest(bufio.NewReader(conn)) }

// hold keeps a connection open until the client closes it.
func hold(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

func plain(c *Config) { c.Endpoint = "http://127.0.0.1:9000" }

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

func TestSilentServer(t *testing.T) {
	tests := []struct {
		name    string
		timeout time.Duration
		want    time.Duration
	}{{"default", 0, 30 * time.Second}, {"shorter", 3 * time.Second, 3 * time.Second}}
	for _, test := range tests {
		synctest.Test(t, func(t *testing.T) {
			conns := 0
			tr := piped(t, func(_ int, conn net.Conn) {
				conns++
				hold(conn)
			})
			tr.ResponseHeaderTimeout = 30 * time.Second
			if test.timeout > 0 {
				tr.ResponseHeaderTimeout = test.timeout
			}
			b := testBucket(t, tr, plain)
			start := time.Now()
			_, err := b.Head(WithoutRetry(t.Context()), "k", nil)
			if took := time.Since(start); !isTimeout(err) || took != test.want || errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v after %v; want a timeout after %v", test.name, err, took, test.want)
			}
			conns, start = 0, time.Now()
			_, err = b.Put(t.Context(), "k", strings.NewReader("x"), nil)
			if took := time.Since(start); !isTimeout(err) || took < 4*test.want || took > 4*test.want+350*time.Millisecond || conns != 4 {
				t.Errorf("%s: %v after %v and %d connections; want 4 timeouts", test.name, err, took, conns)
			}
		})
	}
}

func TestHeaderTimeoutReachesTheTransport(t *testing.T) {
	for given, want := range map[time.Duration]time.Duration{0: 30 * time.Second, time.Second: time.Second, -1: 0} {
		c := client(t, nil, func(c *Config) { c.HeaderTimeout = given })
		if got := c.transport.(*http.Transport).ResponseHeaderTimeout; got != want {
			t.Errorf("HeaderTimeout %v gives %v; want %v", given, got, want)
		}
	}
}

// TestServerThatDoesNotRead: the transport's own limit does not run while a write is stuck.
func TestServerThatDoesNotRead(t *testing.T) {
	for name, body := range map[string]io.Reader{
		"stream": struct{ io.Reader }{bytes.NewReader(make([]byte, 1<<20))},
		"memory": bytes.NewReader(make([]byte, 1<<20)),
		"last":   io.LimitReader(bytes.NewReader(make([]byte, 40<<10)), 20<<10), // all read, not all sent
	} {
		synctest.Test(t, func(t *testing.T) {
			tr := piped(t, func(_ int, conn net.Conn) {
				_, _ = io.ReadFull(conn, make([]byte, 1000)) // and no more
				time.Sleep(time.Hour)
			})
			b := testBucket(t, tr, plain)
			start := time.Now()
			_, err := b.Put(WithoutRetry(t.Context()), "k", body, nil)
			took := time.Since(start)
			if !isTimeout(err) || took < 30*time.Second || took > time.Minute || errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "stood still") {
				t.Errorf("%s: %v after %v; want a timeout within a minute", name, err, took)
			}
			time.Sleep(time.Hour) // the server gives up, too
		})
	}
}

func TestSlowIsNotStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := piped(t, func(_ int, conn net.Conn) {
			r, err := read(conn)
			if err != nil {
				return
			}
			if r.Method == http.MethodPut {
				_, _ = io.Copy(io.Discard, r.Body)
				time.Sleep(29 * time.Second)
				_, _ = io.WriteString(conn, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\nX-Qs-Request-Id: a\r\n\r\n")
				hold(conn)
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\nX-Qs-Request-Id: a\r\n\r\n")
			for range 20 {
				time.Sleep(29 * time.Second)
				_, _ = conn.Write([]byte("x"))
			}
			hold(conn)
		})
		b := testBucket(t, tr, plain)
		slow := readFunc(func(n int, p []byte) (int, error) {
			time.Sleep(10 * time.Minute) // the caller's reader takes the time it takes
			if n > 5 {
				return 0, io.EOF
			}
			return copy(p, "x"), nil
		})
		if _, err := b.Put(t.Context(), "k", slow, nil); err != nil {
			t.Errorf("slow source: %v", err)
		}
		r, err := b.Get(t.Context(), "k", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		time.Sleep(time.Hour) // nor is it the server's fault when the caller does not read
		if data, err := io.ReadAll(r); len(data) != 20 || err != nil {
			t.Errorf("slow server: %d bytes, %v; want 20", len(data), err)
		}
	})
}

func readFunc(f func(n int, p []byte) (int, error)) io.Reader {
	n := 0
	return readerFunc(func(p []byte) (int, error) {
		n++
		return f(n, p)
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestDownloadThatStandsStill(t *testing.T) {
	for _, etag := range []string{"", "Etag: \"e\"\r\n"} {
		synctest.Test(t, func(t *testing.T) {
			tr := piped(t, func(n int, conn net.Conn) {
				if _, err := read(conn); err != nil {
					return
				}
				if n == 1 {
					_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n%s\r\nabcd", etag)
				} else {
					_, _ = fmt.Fprintf(conn, "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 4-9/10\r\nContent-Length: 6\r\n%s\r\nefghij", etag)
				}
				hold(conn)
			})
			b := testBucket(t, tr, plain)
			r, err := b.Get(t.Context(), "k", nil)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			start := time.Now()
			data, err := io.ReadAll(r)
			took := time.Since(start)
			if etag == "" {
				if !isTimeout(err) || string(data) != "abcd" || took != 30*time.Second {
					t.Errorf("without an ETag: %q, %v after %v; want a timeout after 30s", data, err, took)
				}
			} else if err != nil || string(data) != "abcdefghij" || took < 30*time.Second || took > 31*time.Second {
				t.Errorf("with an ETag: %q, %v after %v; want all of it after 30s", data, err, took)
			}
		})
	}
}

func TestCancelEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := piped(t, func(_ int, conn net.Conn) {
			r, err := read(conn)
			if err != nil {
				return
			}
			if r.Method == http.MethodGet {
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nEtag: \"e\"\r\n\r\nabcd")
			}
			hold(conn)
		})
		b := testBucket(t, tr, plain)
		block := readFunc(func(int, []byte) (int, error) {
			time.Sleep(5 * time.Second) // a terminal, say
			return 0, io.EOF
		})
		start := time.Now()
		ctx, cancel := context.WithTimeoutCause(t.Context(), 2*time.Second, errors.New("enough"))
		defer cancel()
		if _, err := b.Put(ctx, "k", block, nil); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 5*time.Second {
			t.Errorf("Put: %v after %v; want DeadlineExceeded when Read returns", err, time.Since(start))
		}
		ctx, cancel = context.WithCancel(t.Context())
		r, err := b.Get(ctx, "k", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		time.AfterFunc(time.Second, cancel)
		start = time.Now()
		if data, err := io.ReadAll(r); string(data) != "abcd" || !errors.Is(err, context.Canceled) || time.Since(start) != time.Second {
			t.Errorf("Read: %q, %v after %v; want context.Canceled after 1s", data, err, time.Since(start))
		}
	})
}

// TestKeepAliveResets: connections that the server has closed meanwhile cost nothing but time.
func TestKeepAliveResets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		tr := piped(t, func(_ int, conn net.Conn) {
			for range 2 { // the second request on a connection is never answered
				r, err := read(conn)
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				if requests++; requests%2 == 1 {
					_, _ = io.WriteString(conn, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\nX-Qs-Request-Id: a\r\n\r\n")
				}
			}
		})
		b := testBucket(t, tr, plain)
		for i := range 5 {
			if _, err := b.Put(t.Context(), "k", strings.NewReader("body"), nil); err != nil {
				t.Errorf("Put %d: %v", i, err)
			}
		}
	})
}
