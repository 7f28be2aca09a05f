package egress

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// origin starts a server.
func origin(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// public returns a client that may not go everywhere.
func public(t *testing.T) *Client {
	t.Helper()
	c := New(Options{})
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// private returns a client that may.
func private(t *testing.T) *Client {
	t.Helper()
	c := New(Options{AllowPrivate: true})
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// failureOf wants Get to fail and returns why.
func failureOf(t *testing.T, c *Client, url string) *Error {
	t.Helper()
	r, err := c.Get(t.Context(), url)
	if err == nil {
		r.Body.Close()
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("Get(%s) = %v, %v; want an *Error", url, r, err)
	}
	return e
}

// fails wants Get to fail for that reason.
func fails(t *testing.T, c *Client, url, why string) {
	t.Helper()
	if e := failureOf(t, c, url); !strings.Contains(e.Error(), why) {
		t.Errorf("Get(%s): %v; want %q", url, e, why)
	}
}

// read reads the answer to a Get.
func read(t *testing.T, c *Client, url string) string {
	t.Helper()
	r, err := c.Get(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil || r.Length != int64(len(text)) {
		t.Fatalf("%s has %d bytes, announced %d, %v", url, len(text), r.Length, err)
	}
	return string(text)
}

func TestGetSaysNothingButTheURL(t *testing.T) {
	url := origin(t, func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "c", Value: "1"})
		w.Header().Set("Content-Encoding", "gzip")
		fmt.Fprintf(w, "%s %s %v", r.Method, r.RequestURI, r.Header)
	})
	c := private(t)
	want := "GET /a%2Fb?c=d map[Accept:[*/*] Accept-Encoding:[identity] User-Agent:[ois (+https://github.com/oisproject/ois)]]"
	if c.transport.Proxy != nil {
		t.Error("a proxy may dial in our place")
	}
	for range 2 { // also once there could be a cookie
		if got := read(t, c, url+"/a%2Fb?c=d#e"); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestPrivateAddressesAreRefused(t *testing.T) {
	var asked atomic.Int32
	url := origin(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(url, "http://"))
	c := public(t)
	if _, err := c.Get(t.Context(), url); !errors.Is(err, ErrURL) {
		t.Errorf("Get(%s): %v; want ErrURL", url, err)
	}
	if _, err := c.Post(t.Context(), url, "text/plain", nil, time.Minute); !errors.Is(err, ErrURL) {
		t.Errorf("Post(%s): %v; want ErrURL", url, err)
	}
	e := failureOf(t, c, "http://localhost:"+port)
	if !errors.Is(e, errRefused) || strings.Contains(e.Error(), "127.0.0.1") {
		t.Errorf("the error is %v, of %v", e, e.cause)
	}
	if _, err := c.Post(t.Context(), "http://localhost:"+port, "text/plain", nil, time.Minute); !errors.Is(err, errRefused) {
		t.Errorf("Post: %v; want that it is refused", err)
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("%d requests have arrived", n)
	}
}

// names is a name server for one name, which has the next of some addresses each time it is asked.
type names struct {
	mu    sync.Mutex
	addrs []netip.Addr // guarded by mu
}

func (s *names) next() netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.addrs[0]
	if len(s.addrs) > 1 {
		s.addrs = s.addrs[1:]
	}
	return a
}

func (s *names) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go s.serve(theirs)
		return ours, nil
	}}
}

// serve answers queries on a connection as TCP has it: each message after its length.
func (s *names) serve(c net.Conn) {
	defer c.Close()
	for {
		var n [2]byte
		if _, err := io.ReadFull(c, n[:]); err != nil {
			return
		}
		q := make([]byte, binary.BigEndian.Uint16(n[:]))
		if _, err := io.ReadFull(c, q); err != nil {
			return
		}
		if _, err := c.Write(s.answer(q)); err != nil {
			return
		}
	}
}

func (s *names) answer(q []byte) []byte {
	end := 12
	for q[end] != 0 {
		end += int(q[end]) + 1
	}
	end += 5
	m := append([]byte{q[0], q[1], 0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0}, q[12:end]...)
	if q[end-3] == 1 { // the A of IPv4; there is no AAAA
		m[7] = 1
		m = append(m, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		m = append(m, s.next().AsSlice()...)
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...)
}

// TestNamesThatChangeTheirAddress: the name leads to an allowed address first, and to a refused one when it is looked up again.
func TestNamesThatChangeTheirAddress(t *testing.T) {
	allowed, here := netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.1")
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.2:0")
	if err != nil {
		t.Skipf("needs a second address of this machine: %v", err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		fmt.Fprint(w, "hello")
	}), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}}
	s.Start()
	defer s.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	dns := &names{addrs: []netip.Addr{allowed, here}}
	c := New(Options{Resolver: dns.resolver()})
	c.refuses = func(a netip.Addr) bool { return a != allowed && refused(a) }
	if got := read(t, c, "http://rebind.test:"+port); got != "hello" {
		t.Errorf("got %q", got)
	}
	if e := failureOf(t, c, "http://rebind.test:"+port); !errors.Is(e, errRefused) || e.Error() != "rebind.test:"+port+" leads to an address that this server does not connect to" {
		t.Errorf("the error is %v, of %v", e, e.cause)
	}
}

func TestRedirects(t *testing.T) {
	refusing := origin(t, func(http.ResponseWriter, *http.Request) { t.Error("asked for what is refused") })
	_, refusedPort, _ := net.SplitHostPort(strings.TrimPrefix(refusing, "http://"))
	url := origin(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Referer") != "" {
			t.Errorf("Referer is %q", r.Header.Get("Referer"))
		}
		var n, status int
		switch {
		case scan(r.URL.Path, "/steps/%d/%d", &status, &n) && n > 0:
			http.Redirect(w, r, fmt.Sprintf("/steps/%d/%d?secret=1", status, n-1), status)
		case strings.HasPrefix(r.URL.Path, "/to/"):
			w.Header()["Location"] = []string{strings.TrimPrefix(r.RequestURI, "/to/")}
			w.WriteHeader(http.StatusFound)
		case r.URL.Path == "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		default:
			fmt.Fprint(w, "hello")
		}
	})
	c := public(t)
	c.refuses = func(netip.Addr) bool { return false }
	dial := c.transport.DialContext
	c.transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == strings.TrimPrefix(url, "http://") {
			return new(net.Dialer).DialContext(ctx, network, address)
		}
		c.refuses = refused // all else is as it is outside of tests
		return dial(ctx, network, address)
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		if got := read(t, c, fmt.Sprintf("%s/steps/%d/5?secret=1", url, status)); got != "hello" {
			t.Errorf("after %d: %q", status, got)
		}
		fails(t, c, fmt.Sprintf("%s/steps/%d/6", url, status), "redirects more than 5 times")
	}
	fails(t, c, url+"/loop", "redirects more than 5 times")
	for _, to := range []string{refusing, "http://localhost:" + refusedPort, "http://169.254.169.254/", "http://[::1]:" + refusedPort} {
		fails(t, c, url+"/to/"+to, "leads to an address that this server does not connect to")
		c.refuses = func(netip.Addr) bool { return false }
	}
	fails(t, c, url+"/to/ftp://example.com/", "neither http nor https")
	fails(t, c, url+"/to/http://u:p@example.com/", "user name")

	secure := httptest.NewTLSServer(http.RedirectHandler(url+"/", http.StatusFound))
	defer secure.Close()
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	p := private(t)
	fails(t, p, secure.URL, "no certificate that is valid")
	fails(t, p, strings.Replace(url, "http:", "https:", 1), "does not speak TLS")
	p.transport.TLSClientConfig = &tls.Config{RootCAs: secure.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	fails(t, p, strings.Replace(secure.URL, "127.0.0.1", "example.com", 1)+"/x", "") // the name is another one
	fails(t, p, secure.URL, "redirects from https to http")
}

func scan(s, format string, args ...any) bool {
	n, err := fmt.Sscanf(s, format, args...)
	return err == nil && n == len(args)
}

// talk makes c talk to a server that says what it likes, on a pipe: say is called for each connection.
func talk(c *Client, say func(net.Conn, *bufio.Reader)) {
	c.transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			in := bufio.NewReader(theirs)
			if r, err := http.ReadRequest(in); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				say(theirs, in)
			}
		}()
		return ours, nil
	}
}

// hang says nothing more until the client is gone.
func hang(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

func TestHeads(t *testing.T) {
	for _, tt := range []struct {
		name, head, why string
	}{
		{"huge", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxHeaderBytes) + "\r\n\r\n", "no answer that can be understood"},
		{"endless", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", maxHeaderBytes), "no answer that can be understood"},
		{"interim answers", strings.Repeat("HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n", maxHeaderBytes), "no answer that can be understood"},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "no answer that can be understood"},
		{"no HTTP", "SSH-2.0-OpenSSH_9.9\r\n", "no answer that can be understood"},
		{"none", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := public(t)
			talk(c, func(conn net.Conn, _ *bufio.Reader) { _, _ = io.WriteString(conn, tt.head) })
			fails(t, c, "http://example.com/", tt.why)
		})
	}
}

func TestSlowHeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := public(t)
		talk(c, func(conn net.Conn, _ *bufio.Reader) { hang(conn) })
		began := time.Now()
		fails(t, c, "http://example.com/", "did not answer in time")
		if d := time.Since(began); d != answerTimeout {
			t.Errorf("it took %v", d)
		}
		c = public(t)
		talk(c, func(conn net.Conn, _ *bufio.Reader) {
			time.Sleep(answerTimeout - time.Second)
			_, _ = io.WriteString(conn, "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		})
		began = time.Now()
		fails(t, c, "http://example.com/", "did not answer in time")
		if d := time.Since(began); d != headTimeout {
			t.Errorf("with redirects it took %v", d)
		}
		time.Sleep(answerTimeout) // the server ends
	})
}

// get begins to read an answer of a server that says what it likes.
func get(t *testing.T, say func(net.Conn)) *Response {
	t.Helper()
	c := public(t)
	talk(c, func(conn net.Conn, _ *bufio.Reader) { say(conn) })
	r, err := c.Get(t.Context(), "http://example.com/")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Body.Close() })
	return r
}

func TestTruncatedBody(t *testing.T) {
	r := get(t, func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello") })
	text, err := io.ReadAll(r.Body)
	if string(text) != "hello" || r.Length != 10 || err == nil || !strings.Contains(err.Error(), "example.com broke off before the length") {
		t.Errorf("got %q of %d, %v", text, r.Length, err)
	}
}

func TestUnknownLength(t *testing.T) {
	r := get(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n")
	})
	if text, err := io.ReadAll(r.Body); string(text) != "x" || r.Length != -1 || err != nil {
		t.Errorf("got %q of %d, %v", text, r.Length, err)
	}
}

func TestSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := get(t, func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n")
			for {
				time.Sleep(time.Second + time.Millisecond)
				if _, err := conn.Write([]byte{'x'}); err != nil {
					return
				}
			}
		})
		began := time.Now()
		n, err := io.Copy(io.Discard, r.Body)
		if d := time.Since(began); d != stall || n != int64(stall/time.Second)-1 || err == nil || !strings.Contains(err.Error(), "sends too slowly") {
			t.Errorf("%d bytes in %v, %v", n, d, err)
		}
		time.Sleep(2 * time.Second) // the server ends
	})
}

// TestTimeOfTheReaderIsNotThatOfTheServer reads as slowly as one likes, and a server that is just fast enough.
func TestTimeOfTheReaderIsNotThatOfTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pieces = 5
		r := get(t, func(conn net.Conn) {
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", pieces*quantum)
			for range pieces {
				time.Sleep(stall - time.Second)
				_, _ = conn.Write(make([]byte, quantum))
			}
		})
		var buf [quantum]byte
		for range pieces {
			if _, err := io.ReadFull(r.Body, buf[:]); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
		}
		if n, err := r.Body.Read(buf[:]); n != 0 || err != io.EOF {
			t.Errorf("at the end: %d, %v", n, err)
		}
	})
}

func TestTheCallerMayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := public(t)
		talk(c, func(conn net.Conn, _ *bufio.Reader) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
			hang(conn)
		})
		ctx, cancel := context.WithCancel(t.Context())
		r, err := c.Get(ctx, "http://example.com/")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		time.AfterFunc(time.Second, cancel)
		if _, err := r.Body.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
			t.Errorf("Read: %v", err)
		}
		if _, err := c.Get(ctx, "http://example.com/"); !errors.Is(err, context.Canceled) {
			t.Errorf("Get: %v", err)
		}
	})
}

func TestPost(t *testing.T) {
	var got bytes.Buffer
	url := origin(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(&got, "%s %s %s %d", r.Method, r.Header.Get("Content-Type"), body, r.ContentLength)
		if r.URL.Path == "/redirect" {
			http.Redirect(w, r, "/", http.StatusTemporaryRedirect)
			return
		}
		w.WriteHeader(http.StatusTeapot)
	})
	c := private(t)
	for path, want := range map[string]int{"/": http.StatusTeapot, "/redirect": http.StatusTemporaryRedirect} {
		got.Reset()
		status, err := c.Post(t.Context(), url+path, "application/json", []byte("{}"), time.Minute)
		if status != want || err != nil || got.String() != "POST application/json {} 2" {
			t.Errorf("%s: %d, %v; sent %s", path, status, err, &got)
		}
	}
}

func TestPostEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, answer := range []string{"", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"} {
			c := public(t)
			talk(c, func(conn net.Conn, _ *bufio.Reader) {
				_, _ = io.WriteString(conn, answer)
				hang(conn)
			})
			began := time.Now()
			status, err := c.Post(t.Context(), "http://example.com/", "text/plain", []byte("x"), 5*time.Second)
			if time.Since(began) > 5*time.Second || (status == 200) != (answer != "") || (err == nil) != (answer != "") {
				t.Errorf("after %q: %d, %v in %v", answer, status, err, time.Since(began))
			}
		}
	})
}

func TestConnectionsToOneHostAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := public(t)
		var open atomic.Int32
		talk(c, func(conn net.Conn, _ *bufio.Reader) {
			open.Add(1)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
			hang(conn)
		})
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 2 * maxConns {
			all.Go(func() {
				if r, err := c.Get(ctx, "http://example.com/"); err == nil {
					_, _ = io.Copy(io.Discard, r.Body)
					r.Body.Close()
				}
			})
		}
		synctest.Wait()
		if n := open.Load(); n != maxConns {
			t.Errorf("%d connections are open; want %d", n, maxConns)
		}
		cancel()
		all.Wait()
		synctest.Wait() // connections that nobody waits for any more are there, and closed at the end
	})
}
