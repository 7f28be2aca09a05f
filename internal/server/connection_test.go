package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/wire"
)

func TestShortBodyStoresNothing(t *testing.T) {
	f := start(t)
	f.bucket()
	for _, head := range []string{
		f.head(f.key, "PUT", "/bucket1/k", "Content-Length: 1000") + "hello",
		f.head(f.key, "PUT", "/bucket1/k", "Content-Length: 1000"),
		f.head(f.key, "PUT", "/bucket1/k", "Transfer-Encoding: chunked") + "5\r\nhello\r\n",
		f.head(f.key, "PUT", "/bucket1/k", "Transfer-Encoding: chunked") + "5\r\nhel",
		f.head(f.key, "PUT", "/bucket1/k", "Transfer-Encoding: chunked") + "x\r\nhello",
		f.head(f.key, "PUT", "/bucket1?acl", "Content-Length: 1000") + `{"acl":[]}`,
	} {
		c, r := f.dial()
		if _, err := io.WriteString(c, head); err != nil {
			t.Fatal(err)
		}
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		receive(t, r, "PUT").wantFault(http.StatusBadRequest, "incomplete_body")
		if b, err := r.ReadByte(); !errors.Is(err, io.EOF) {
			t.Errorf("after a body that broke off the connection yields %q, %v; want its end", b, err)
		}
		f.ask(f.key, "GET", "/bucket1/k", "").wantFault(http.StatusNotFound, "object_not_exists")
	}
}

func TestBodyOfUnknownLength(t *testing.T) {
	f := start(t)
	f.bucket()
	for _, body := range []string{"", "hello"} {
		c, r := f.dial()
		text := f.head(f.key, "PUT", "/bucket1/k", "Transfer-Encoding: chunked")
		if body != "" {
			text += "5\r\n" + body + "\r\n"
		}
		if _, err := io.WriteString(c, text+"0\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		receive(t, r, "PUT").want(http.StatusCreated)
		if a := f.ask(f.key, "GET", "/bucket1/k", "").want(http.StatusOK); a.text != body {
			t.Errorf("got %q; want %q", a.text, body)
		}
	}
}

func TestTooLargeIsRefusedBeforeItIsRead(t *testing.T) {
	f := start(t)
	f.bucket()
	c, r := f.dial()
	if _, err := io.WriteString(c, f.head(f.key, "PUT", "/bucket1/k", "Content-Length: 5368709121")); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	receive(t, r, "PUT").wantFault(http.StatusBadRequest, "entity_too_large")
	if line := f.log.last(t); line["in"] != 0.0 {
		t.Errorf("log line is %v; want nothing read", line)
	}
}

// TestNextRequestAfterAnError checks that a body nobody wanted is not taken for the
// next request: a small one is read, a large one costs the connection.
func TestNextRequestAfterAnError(t *testing.T) {
	f := start(t)
	f.bucket()
	c, r := f.dial()
	body := strings.Repeat("GET / HTTP/1.1\r\n\r\n", 1000)
	for range 3 {
		if _, err := io.WriteString(c, f.head(nil, "PUT", "/bucket1/k", "Content-Length: 18000")+body); err != nil {
			t.Fatal(err)
		}
		receive(t, r, "PUT").wantFault(http.StatusForbidden, "permission_denied")
	}
	if _, err := io.WriteString(c, f.head(f.key, "PUT", "/bucket1/k", "Content-Length: 5")+"hello"); err != nil {
		t.Fatal(err)
	}
	receive(t, r, "PUT").want(http.StatusCreated)

	if _, err := io.WriteString(c, f.head(nil, "PUT", "/bucket1/k", "Content-Length: 1000000000")+body); err != nil {
		t.Fatal(err)
	}
	if a := receive(t, r, "PUT").wantFault(http.StatusForbidden, "permission_denied"); !a.Close {
		t.Error("the connection stays open with most of a gigabyte to come")
	}
}

// TestRefusedByTheHTTPLibrary lists what never reaches a handler: only its status
// and the end of the connection are ours to promise.
func TestRefusedByTheHTTPLibrary(t *testing.T) {
	f := start(t)
	tests := []struct {
		name, text string
		status     int
	}{
		{"large header", "GET / HTTP/1.1\r\nHost: a\r\nX-Large: " + strings.Repeat("x", 80<<10) + "\r\n\r\n", 431},
		{"many headers", "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", 20_000) + "\r\n", 431},
		{"malformed escape", "GET /bucket1/%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"space in the path", "GET /bucket1/a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"no host", "GET / HTTP/1.1\r\n\r\n", 400},
		{"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
		{"two lengths", "PUT /bucket1/k HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
		{"negative length", "PUT /bucket1/k HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400},
		{"line break in a header", "GET / HTTP/1.1\r\nHost: a\r\nX-A: b\x00c\r\n\r\n", 400},
		{"no HTTP", "hello\r\n\r\n", 400},
		{"version", "GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, r := f.dial()
			go func() { _, _ = io.WriteString(c, test.text) }() // the server may stop reading
			a := receive(t, r, "GET")
			if a.StatusCode != test.status || !a.Close || a.err != nil {
				t.Errorf("got %s, close %v, %v; want %d, true", a.Status, a.Close, a.err, test.status)
			}
		})
	}
}

// TestClientThatLeavesIsNoError breaks off a download.
func TestClientThatLeavesIsNoError(t *testing.T) {
	f := start(t)
	left := make(chan struct{})
	run := table[op.ListLocations]
	t.Cleanup(func() { table[op.ListLocations] = run })
	table[op.ListLocations] = func(x *exchange) error {
		defer close(left)
		return wire.Stream(&x.w, http.StatusOK, endless{})
	}
	c, r := f.dial()
	if _, err := io.WriteString(c, f.head(nil, "GET", "/?location")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, r, 1<<20); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	<-left
	f.stop()
	if line := f.log.last(t); line["level"] != "INFO" || line["aborted"] != true || line["code"] != nil {
		t.Errorf("log line is %v; want an aborted request that is no error", line)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestShutdownWaitsForRequests(t *testing.T) {
	f := start(t)
	f.bucket()
	c, r := f.dial()
	if _, err := io.WriteString(c, f.head(f.key, "PUT", "/bucket1/k", "Expect: 100-continue", "Content-Length: 5")); err != nil {
		t.Fatal(err)
	}
	if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatalf("got %q, %v", line, err)
	}
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- f.Shutdown(t.Context()) }()
	for err := error(nil); err == nil; {
		var probe net.Conn
		if probe, err = new(net.Dialer).DialContext(t.Context(), "tcp", f.addr); err == nil {
			err = probe.Close()
		}
	}
	select {
	case err := <-stopped:
		t.Fatalf("Shutdown returned %v with a request under way", err)
	default:
	}
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	receive(t, r, "PUT").want(http.StatusCreated)
	if err := <-stopped; err != nil {
		t.Errorf("Shutdown = %v", err)
	}
}

func TestShutdownCutsOffWhenTimeIsUp(t *testing.T) {
	f := start(t)
	f.bucket()
	c, r := f.dial()
	if _, err := io.WriteString(c, f.head(f.key, "PUT", "/bucket1/k", "Expect: 100-continue", "Content-Length: 5")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown = %v; want %v", err, context.Canceled)
	}
}

// pipes is a listener whose connections are pipes, for tests in which time is not real.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// inBubble runs test with a connection to a server that has no store, and whose GET /?location does run.
func inBubble(t *testing.T, run handler, test func(t *testing.T, c net.Conn, r *bufio.Reader)) {
	old := table[op.ListLocations]
	t.Cleanup(func() { table[op.ListLocations] = old })
	table[op.ListLocations] = run
	synctest.Test(t, func(t *testing.T) {
		s, err := New(Config{Store: new(store.Store), Zones: []string{"jn1a"}})
		if err != nil {
			t.Fatal(err)
		}
		p := &pipes{make(chan net.Conn), make(chan struct{})}
		served := make(chan error, 1)
		go func() { served <- s.Serve(p) }()
		client, server := net.Pipe()
		t.Cleanup(func() {
			if err := errors.Join(client.Close(), s.Shutdown(context.WithoutCancel(t.Context())), <-served); err != nil {
				t.Error(err)
			}
		})
		p.accept <- server
		test(t, client, bufio.NewReader(client))
	})
}

// readBody is a handler that reads the body to its end.
func readBody(x *exchange) error {
	if _, err := io.Copy(io.Discard, &x.body); err != nil {
		return fault.Newf(fault.IncompleteBody, "read body: %w", err)
	}
	return wire.Stream(&x.w, http.StatusOK, strings.NewReader("done"))
}

// sendSlowly sends a request with a body of n bytes, a piece at a time, until that
// fails or ctx ends.
func sendSlowly(ctx context.Context, c net.Conn, n, piece int, pause time.Duration) {
	_, err := fmt.Fprintf(c, "GET /?location HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", n)
	for sent := 0; err == nil && sent < n; sent += piece {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		_, err = c.Write(make([]byte, piece))
	}
}

func TestSlowSenderIsCutOff(t *testing.T) {
	tests := []struct {
		name  string
		piece int           // bytes at a time
		pause time.Duration // before each
		want  time.Duration // until the error; 0 means it is fine
	}{
		{"silent", 1, time.Hour, sendStall},
		{"single bytes", 1, 10 * time.Second, sendStall},
		{"slow but steady", 1 << 10, time.Second, 0},
		{"large pieces with long pauses", quantum, 29 * time.Second, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, readBody, func(t *testing.T, c net.Conn, r *bufio.Reader) {
				begin := time.Now()
				go sendSlowly(t.Context(), c, 64<<10, test.piece, test.pause)
				resp := receive(t, r, "GET")
				took := time.Since(begin)
				if test.want == 0 && resp.StatusCode != http.StatusOK {
					t.Errorf("got %s after %v; want 200", resp.Status, took)
				}
				// The refusal waits a little for the rest of the body, see giveUp.
				if test.want != 0 && (resp.StatusCode != http.StatusBadRequest || took < test.want || took > test.want+drain) {
					t.Errorf("got %s after %v; want 400 after %v", resp.Status, took, test.want)
				}
			})
		})
	}
}

func TestSlowReceiverIsCutOff(t *testing.T) {
	send := func(x *exchange) error { return wire.Stream(&x.w, http.StatusOK, io.LimitReader(endless{}, 1<<20)) }
	tests := []struct {
		name  string
		piece int64
		pause time.Duration
		fine  bool
	}{
		{"deaf", 1, time.Hour, false},
		{"single bytes", 1, time.Second, false},
		{"slow but steady", 16 << 10, time.Second, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, send, func(t *testing.T, c net.Conn, r *bufio.Reader) {
				if _, err := io.WriteString(c, "GET /?location HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
					t.Fatal(err)
				}
				resp, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				n := int64(0)
				for err == nil {
					time.Sleep(test.pause)
					var m int64
					m, err = io.CopyN(io.Discard, resp.Body, test.piece)
					n += m
				}
				if fine := errors.Is(err, io.EOF) && n == 1<<20; fine != test.fine {
					t.Errorf("got %d bytes, then %v; want all %v", n, err, test.fine)
				}
			})
		})
	}
}

// TestOwnSlownessIsNotTheClients lets the handler take its time, longer than any patience.
func TestOwnSlownessIsNotTheClients(t *testing.T) {
	slow := func(x *exchange) error {
		time.Sleep(2 * sendStall)
		if _, err := io.CopyN(io.Discard, &x.body, 3); err != nil {
			return err
		}
		time.Sleep(2 * sendStall)
		if err := readBody(x); err != nil {
			return err
		}
		time.Sleep(2 * sendStall)
		return x.context().Err()
	}
	inBubble(t, slow, func(t *testing.T, c net.Conn, r *bufio.Reader) {
		for range 2 {
			if _, err := io.WriteString(c, "GET /?location HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"); err != nil {
				t.Fatal(err)
			}
			if a := receive(t, r, "GET"); a.err != nil || a.text != "done" {
				t.Errorf("got %q, %v", a.text, a.err)
			}
			time.Sleep(idleTimeout - time.Second)
		}
	})
}

func TestUnwantedBodyDoesNotHoldTheAnswer(t *testing.T) {
	refuse := func(*exchange) error { return fault.Newf(fault.InvalidArgument, "no") }
	inBubble(t, refuse, func(t *testing.T, c net.Conn, r *bufio.Reader) {
		begin := time.Now()
		if _, err := io.WriteString(c, "GET /?location HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp := receive(t, r, "GET")
		if took := time.Since(begin); resp.StatusCode != http.StatusBadRequest || took > drain || !resp.Close {
			t.Errorf("got %s after %v, close %v; want 400 within %v, true", resp.Status, took, resp.Close, drain)
		}
	})
}

func TestIdleAndUnfinishedConnectionsAreClosed(t *testing.T) {
	tests := []struct {
		name, text string
		want       time.Duration
	}{
		{"nothing", "", readHeaderTimeout},
		{"half a header", "GET / HTTP/1.1\r\nHost:", readHeaderTimeout},
		{"idle", "GET /?location HTTP/1.1\r\nHost: a\r\n\r\n", idleTimeout},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, readBody, func(t *testing.T, c net.Conn, r *bufio.Reader) {
				begin := time.Now()
				if _, err := io.WriteString(c, test.text); err != nil {
					t.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, r); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(begin); took != test.want {
					t.Errorf("closed after %v; want %v", took, test.want)
				}
			})
		})
	}
}

// TestHTTP2 checks that nothing on the road needs the first version of the protocol.
func TestHTTP2(t *testing.T) {
	f := start(t)
	f.bucket()
	s := httptest.NewUnstartedServer(f.Server)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	f.addr = s.Listener.Addr().String()
	for _, method := range []string{"PUT", "GET"} {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(f.head(f.key, method, "/bucket1/a%2Fb"))))
		if err != nil {
			t.Fatal(err)
		}
		r.URL.Scheme, r.URL.Host, r.RequestURI = "https", f.addr, ""
		r = r.WithContext(t.Context())
		if method == "PUT" {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader("hello")), -1
		}
		resp, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode >= 300 || resp.ProtoMajor != 2 {
			t.Errorf("%s = %s by %s, %q, %v", method, resp.Status, resp.Proto, text, err)
		}
		if method == "GET" && string(text) != "hello" {
			t.Errorf("got %q; want hello", text)
		}
	}
}
