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
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// resetting is a connection whose other end does not say good-bye.
type resetting struct{ net.Conn }

func (c resetting) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if isEOF(err) {
		err = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	return n, err
}

// Verbs that broken servers are asked with.
func getAll(ctx context.Context, b *Bucket) error {
	r, err := b.Get(ctx, "k", nil)
	if err != nil {
		return err
	}
	defer r.Close()
	if data, err := io.ReadAll(r); err != nil {
		return err
	} else if string(data) != "0123456789" {
		return fmt.Errorf("read %q without an error", data)
	}
	return nil
}

func listAll(ctx context.Context, b *Bucket) error {
	n := 0
	for _, err := range b.Objects(ctx, nil) {
		if err != nil {
			return err
		}
		n++
	}
	if n != 1 {
		return fmt.Errorf("%d objects without an error", n)
	}
	return nil
}

func putText(ctx context.Context, b *Bucket) error {
	_, err := b.Put(ctx, "k", strings.NewReader("x"), nil)
	return err
}

func putStream(ctx context.Context, b *Bucket) error {
	_, err := b.Put(ctx, "k", io.LimitReader(strings.NewReader("stream"), 6), nil)
	return err
}

func moveOver(ctx context.Context, b *Bucket) error {
	_, err := b.Move(ctx, "k", "l", nil)
	return err
}

const (
	oneObject = `{"keys":[{"key":"k","size":1}]}`
	okHead    = "HTTP/1.1 200 OK\r\nX-Qs-Request-Id: 3f2c\r\n"
	okList    = okHead + "Content-Type: application/json\r\n"
	okObject  = okHead + "Etag: \"e\"\r\n"
	okPart    = "HTTP/1.1 206 Partial Content\r\nX-Qs-Request-Id: 3f2c\r\nEtag: \"e\"\r\n"
	created   = "HTTP/1.1 201 Created\r\nX-Qs-Request-Id: 3f2c\r\nContent-Length: 0\r\n\r\n"
	wholeList = okList + "Content-Length: 31\r\n\r\n" + oneObject
)

// A fault is what a server does with its n-th connection, from 1, after it has read a request.
type fault func(n int, conn net.Conn, r *http.Request)

// says answers connections with a text each, the last one with the last, and closes them.
func says(texts ...string) fault {
	return func(n int, conn net.Conn, _ *http.Request) {
		_, _ = io.WriteString(conn, texts[min(n, len(texts))-1])
	}
}

// TestBrokenServers: whatever a server does, a call ends in time, with all its bytes or with an error
// that tells what happened, how often, and why it was not tried again. Time is virtual, the transport real.
func TestBrokenServers(t *testing.T) {
	tests := []struct {
		name     string
		call     func(context.Context, *Bucket) error
		fault    fault
		want     string // in the error; "" is success
		attempts int    // in the error
		conns    int
		is       error
		least    time.Duration
		most     time.Duration
	}{
		{
			name: "silent", call: putText, fault: func(_ int, conn net.Conn, _ *http.Request) { hold(conn) },
			want: "timeout awaiting response headers (4 attempts)", attempts: 4, conns: 4, least: 2 * time.Minute, most: 121 * time.Second,
		},
		{
			name: "drips its header", call: getAll, fault: func(_ int, conn net.Conn, _ *http.Request) {
				for err := error(nil); err == nil; time.Sleep(10 * time.Second) {
					_, err = io.WriteString(conn, "H")
				}
			}, want: "timeout awaiting response headers (4 attempts)", attempts: 4, conns: 4, least: 2 * time.Minute, most: 121 * time.Second,
		},
		{
			name: "header without end", call: getAll, fault: func(_ int, conn net.Conn, _ *http.Request) {
				_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
				for err == nil {
					_, err = io.WriteString(conn, "X-More: "+strings.Repeat("m", 1000)+"\r\n")
				}
			}, want: "server response headers exceeded", attempts: 4, conns: 4, most: time.Second,
		},
		{
			name: "slow", call: getAll, fault: func(_ int, conn net.Conn, _ *http.Request) {
				_, _ = io.WriteString(conn, okObject+"Content-Length: 10\r\n\r\n")
				for i := range 10 {
					time.Sleep(29 * time.Second)
					_, _ = fmt.Fprint(conn, i)
				}
			}, conns: 1, least: 290 * time.Second, most: 290 * time.Second,
		},
		{
			name: "stands still in an object", call: getAll, fault: func(n int, conn net.Conn, r *http.Request) {
				if n == 2 {
					says(okPart+"Content-Range: bytes 4-9/10\r\nContent-Length: 6\r\n\r\n456789")(1, conn, r)
					return
				}
				_, _ = io.WriteString(conn, okObject+"Content-Length: 10\r\n\r\n0123")
				hold(conn)
			}, conns: 2, least: 30 * time.Second, most: 31 * time.Second,
		},
		{
			name: "truncates a list", call: listAll, conns: 2, most: time.Second,
			fault: says(okList+"Content-Length: 31\r\n\r\n"+oneObject[:20], wholeList),
		},
		{
			name: "truncates every list", call: listAll, conns: 4, attempts: 4, most: time.Second,
			fault: says(okList + "Content-Length: 31\r\n\r\n" + oneObject[:20]), want: "answer: unexpected EOF (request 3f2c, 4 attempts)", is: io.ErrUnexpectedEOF,
		},
		{
			name: "truncates a list in chunks", call: listAll, conns: 2, most: time.Second,
			fault: says(okList+"Transfer-Encoding: chunked\r\n\r\n1f\r\n"+oneObject+"\r\n", wholeList),
		},
		{
			name: "truncates an object", call: getAll, conns: 2, most: time.Second,
			fault: says(okObject+"Content-Length: 10\r\n\r\n0123", okPart+"Content-Range: bytes 4-9/10\r\nContent-Length: 6\r\n\r\n456789"),
		},
		{
			name: "truncates an object without a name for it", call: getAll, conns: 1, most: time.Second,
			fault: says(okHead + "Content-Length: 10\r\n\r\n0123"), want: "not retried: without an ETag the rest could be another object's", attempts: 1, is: io.ErrUnexpectedEOF,
		},
		{
			name: "truncates an object and all that follows", call: getAll, conns: 4, attempts: 4, most: time.Second, is: io.ErrUnexpectedEOF,
			fault: says(okObject+"Content-Length: 10\r\n\r\n0", okPart+"Content-Range: bytes 1-9/10\r\nContent-Length: 9\r\n\r\n"), want: "unexpected EOF (4 attempts)",
		},
		{
			name: "resets before it answers", call: putText, conns: 2, most: time.Second,
			fault: says("", created),
		},
		{
			name: "resets always", call: putText, conns: 4, attempts: 4, most: time.Second, is: syscall.ECONNRESET,
			fault: says(""), want: "connection reset by peer (4 attempts)",
		},
		{
			name: "resets what must not be repeated", call: moveOver, conns: 1, attempts: 1, most: time.Second, is: syscall.ECONNRESET,
			fault: says(""), want: "connection reset by peer",
		},
		{
			name: "resets what cannot be repeated", call: putStream, conns: 1, attempts: 1, most: time.Second, is: syscall.ECONNRESET,
			fault: says(""), want: "connection reset by peer (not retried: the body cannot be read a second time)",
		},
		{
			name: "resets within an object", call: getAll, conns: 3, most: time.Second,
			fault: says(okObject+"Content-Length: 10\r\n\r\n0123", "", okPart+"Content-Range: bytes 4-9/10\r\nContent-Length: 6\r\n\r\n456789"),
		},
		{
			name: "announces more than there is", call: getAll, conns: 2, attempts: 1, most: time.Second, is: ErrRange,
			fault: says(okObject+"Content-Length: 12\r\n\r\n0123456789", "HTTP/1.1 416 No\r\nX-Qs-Request-Id: 3f2c\r\nContent-Length: 0\r\n\r\n"), want: "416 Requested Range Not Satisfiable",
		},
		{
			name: "sends more than it announced", call: func(ctx context.Context, b *Bucket) error {
				return errors.Join(getAll(ctx, b), getAll(ctx, b)) // the rest must not begin the next answer
			}, conns: 2, most: time.Second,
			fault: says(okObject + "Content-Length: 10\r\n\r\n0123456789HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!"),
		},
		{
			name: "announces two lengths", call: getAll, conns: 4, attempts: 4, most: time.Second,
			fault: says(okObject + "Content-Length: 10\r\nContent-Length: 5\r\n\r\n0123456789"), want: "Content-Length",
		},
		{
			name: "page of a proxy", call: listAll, conns: 1, attempts: 1, most: time.Second,
			fault: says("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html>log in."), want: "200 OK: <html>log in.: a web page that is not the service's",
		},
		{
			name: "page of a proxy for an object", call: getAll, conns: 1, attempts: 1, most: time.Second,
			fault: says("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html>log in."), want: "a web page that is not the service's",
		},
		{
			name: "busy proxy", call: putText, conns: 2, least: 3 * time.Second, most: 4 * time.Second,
			fault: says("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3\r\nContent-Type: text/html\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>", created),
		},
		{
			name: "busy proxy and a stream", call: putStream, conns: 1, attempts: 1, most: time.Second, is: ErrBusy,
			fault: says("HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"),
			want:  "503 Service Unavailable: <html> (not retried: the body cannot be read a second time)",
		},
		{
			name: "storm", call: getAll, conns: 4, attempts: 4, most: time.Second, is: ErrBusy,
			fault: says("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"), want: "503 Service Unavailable (4 attempts)",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, conns := brokenBucket(t, test.fault, strings.HasPrefix(test.name, "resets"))
				start := time.Now()
				err := test.call(t.Context(), b)
				took := time.Since(start)
				time.Sleep(time.Hour) // the server gives up, too
				if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
					t.Fatalf("got  %v\nwant %q", err, test.want)
				}
				if took < test.least || took > test.most || *conns != test.conns {
					t.Errorf("%v after %v and %d connections; want %v to %v and %d", err, took, *conns, test.least, test.most, test.conns)
				}
				if test.is != nil && !errors.Is(err, test.is) {
					t.Errorf("%v is not %v", err, test.is)
				}
				var e *Error
				if err != nil && (!errors.As(err, &e) || e.Attempts != test.attempts) {
					t.Errorf("%#v; want an *Error of %d attempts", err, test.attempts)
				}
			})
		})
	}
}

// brokenBucket is a bucket of a server with a fault, and how many connections it got. With resets, they
// are not closed but reset.
func brokenBucket(t *testing.T, f fault, resets bool) (*Bucket, *int) {
	t.Helper()
	conns := new(int)
	tr := piped(t, func(n int, conn net.Conn) {
		*conns = n
		r, err := read(conn)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		f(n, conn, r)
	})
	dial := tr.DialContext
	tr.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if resets {
			conn = resetting{conn}
		}
		return conn, err
	}
	return testBucket(t, tr, plain), conns
}

// TestKeepAliveExpires: connections that a server has closed while nobody used them, and those that
// it may be about to close, are not used, also by what must not be repeated.
func TestKeepAliveExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conns, moves := 0, 0
		patience := time.Minute
		tr := piped(t, func(n int, conn net.Conn) {
			conns = n
			for {
				_ = conn.SetReadDeadline(time.Now().Add(patience))
				if _, err := read(conn); err != nil {
					return
				}
				moves++
				_, _ = io.WriteString(conn, created)
			}
		})
		b := testBucket(t, tr, plain)
		for i, step := range []struct {
			wait     time.Duration // before the move
			patience time.Duration // of the server after it
			conns    int
		}{
			{0, time.Minute, 1},
			{49 * time.Second, time.Minute, 1}, // kept
			{51 * time.Second, time.Minute, 2}, // given up before the server does
			{time.Second, 2 * time.Second, 2},
			{3 * time.Second, time.Minute, 3}, // the server has closed it
			{time.Second, time.Minute, 3},
		} {
			time.Sleep(step.wait)
			patience = step.patience
			if err := moveOver(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // until the server waits for the next request
			if conns != step.conns || moves != i+1 {
				t.Errorf("move %d after %v: %d connections, %d moves; want %d, %d", i, step.wait, conns, moves, step.conns, i+1)
			}
		}
	})
}

// TestServerThatAnswersEarly: what a server says while a body is still under way is the error, and
// the body is not sent to its end.
func TestServerThatAnswersEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := piped(t, func(_ int, conn net.Conn) {
			if _, err := read(conn); err != nil {
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 403 Forbidden\r\nX-Qs-Request-Id: 3f2c\r\nContent-Length: 28\r\nConnection: close\r\n\r\n"+`{"code":"permission_denied"}`)
			time.Sleep(time.Minute)
		})
		b := testBucket(t, tr, plain)
		var sent atomic.Int64 // the last Read may still be under way
		start := time.Now()
		_, err := b.Put(t.Context(), "k", readerFunc(func(p []byte) (int, error) {
			sent.Add(int64(len(p)))
			return len(p), nil
		}), nil)
		if !errors.Is(err, ErrPermission) || time.Since(start) > time.Second || sent.Load() > 1<<20 {
			t.Errorf("%v after %v and %d bytes; want ErrPermission at once", err, time.Since(start), sent.Load())
		}
		time.Sleep(time.Hour) // the server goes, too
	})
}
