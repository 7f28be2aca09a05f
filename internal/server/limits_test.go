package server

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
)

// say sends text on a connection of its own and returns what can be read until the server closes it, or has answered n requests.
func (f *fixture) say(text string, n int) (answers []*reply, closed bool) {
	f.t.Helper()
	c, r := f.dial()
	defer c.Close()
	go func() { _, _ = io.WriteString(c, text) }() // the server may stop reading
	for range n {
		a, err := http.ReadResponse(r, &http.Request{Method: http.MethodGet})
		if err != nil {
			return answers, true
		}
		text, err := io.ReadAll(a.Body)
		if err := errors.Join(err, a.Body.Close()); err != nil {
			return answers, true
		}
		answers = append(answers, &reply{a, f.t, string(text), nil})
		if a.Close {
			_, err := r.ReadByte()
			return answers, err != nil
		}
	}
	return answers, false
}

func TestHeaderLimits(t *testing.T) {
	f := start(t)
	const host = "Host: a\r\n"
	many := func(n int) string { return strings.Repeat("X: y\r\n", n) }
	for _, test := range []struct {
		name, text string
		status     int
	}{
		{"15 KiB in a header", "GET /-/health HTTP/1.1\r\n" + host + "X-A: " + strings.Repeat("x", 15<<10) + "\r\n\r\n", 200},
		{"24 KiB in a header", "GET /-/health HTTP/1.1\r\n" + host + "X-A: " + strings.Repeat("x", 24<<10) + "\r\n\r\n", 431},
		{"2500 headers", "GET /-/health HTTP/1.1\r\n" + host + many(2500) + "\r\n", 200},
		{"5000 headers", "GET /-/health HTTP/1.1\r\n" + host + many(5000) + "\r\n", 431},
		{"target of 15 KiB", "GET /-/health?" + strings.Repeat("x", 15<<10) + " HTTP/1.1\r\n" + host + "\r\n", 200},
		{"target of 24 KiB", "GET /-/health?" + strings.Repeat("x", 24<<10) + " HTTP/1.1\r\n" + host + "\r\n", 431},
		{"100 parameters", "GET /-/health?" + strings.Repeat("a&", 99) + " HTTP/1.1\r\n" + host + "\r\n", 200},
		{"101 parameters", "GET /-/health?" + strings.Repeat("a&", 100) + " HTTP/1.1\r\n" + host + "\r\n", 400},
		{"endless method", strings.Repeat("G", 24<<10) + " / HTTP/1.1\r\n" + host + "\r\n", 431},
	} {
		answers, _ := f.say(test.text, 1)
		if len(answers) != 1 || answers[0].StatusCode != test.status {
			t.Errorf("%s: got %v; want %d", test.name, answers, test.status)
		}
	}
}

// TestShapesOfSmuggling: what one server takes for the end of a request another may take for its middle. Such a request is refused
// and its connection ends, or it is read in the one way there is, and what follows is the next request.
func TestShapesOfSmuggling(t *testing.T) {
	f := start(t)
	f.bucket()
	const line, host = "PUT /bucket1/k HTTP/1.1\r\n", "Host: a\r\n"
	chunked := line + host + "Transfer-Encoding: chunked\r\n"
	next := "GET /-/health HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n"
	for name, text := range map[string]string{
		"encoding that is not known":      line + host + "Transfer-Encoding: xchunked\r\nContent-Length: 3\r\n\r\nabc",
		"encoding twice":                  line + host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
		"encoding with a space before :":  line + host + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
		"encoding with a control":         line + host + "Transfer-Encoding: \x0bchunked\r\nContent-Length: 3\r\n\r\nabc",
		"length with a plus sign":         line + host + "Content-Length: +3\r\n\r\nabc",
		"length with an underscore":       line + host + "Content-Length: 1_0\r\n\r\nabcdefghij",
		"length in hexadecimal":           line + host + "Content-Length: 0x3\r\n\r\nabc",
		"list of lengths":                 line + host + "Content-Length: 3, 4\r\n\r\nabcd",
		"two lengths":                     line + host + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		"folded first header":             line + " X: y\r\n" + host + "\r\n",
		"header without a name":           line + host + ": chunked\r\n\r\n",
		"carriage return alone":           line + host + "X: a\rTransfer-Encoding: chunked\r\n\r\n",
		"NUL in a header":                 line + host + "X: a\x00b\r\n\r\n",
		"header with a space in its name": line + host + "Content Length: 3\r\n\r\nabc",
	} {
		answers, closed := f.say(text+next, 3)
		if len(answers) != 1 || answers[0].StatusCode < 400 || !closed {
			t.Errorf("%s: got %d answers, first %v, closed %v; want a refusal and the end", name, len(answers), answers, closed)
		}
	}
	// These reach a handler, which refuses them before it reads (they are not signed); the rest of the connection must not be taken
	// for a request unless the body has ended in the one right way.
	for name, test := range map[string]struct {
		text    string
		answers int
	}{
		"chunks as they should be":  {chunked + "\r\n5\r\nhello\r\n0\r\n\r\n" + next, 2},
		"length and chunks":         {line + host + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + next, 2},
		"size with 0x":              {chunked + "\r\n0x5\r\nhello\r\n0\r\n\r\n" + next, 1},
		"size that is negative":     {chunked + "\r\n-5\r\nhello\r\n0\r\n\r\n" + next, 1},
		"size beyond 64 bits":       {chunked + "\r\n10000000000000005\r\nhello\r\n0\r\n\r\n" + next, 1},
		"size with an underscore":   {chunked + "\r\n0_5\r\nhello\r\n0\r\n\r\n" + next, 1},
		"no size":                   {chunked + "\r\n\r\nhello\r\n0\r\n\r\n" + next, 1},
		"bare line feed in a size":  {chunked + "\r\n5\nhello\r\n0\r\n\r\n" + next, 1},
		"bare line feed after data": {chunked + "\r\n5\r\nhello\n0\r\n\r\n" + next, 1},
		"data longer than its size": {chunked + "\r\n4\r\nhello\r\n0\r\n\r\n" + next, 1},
		"endless extension":         {chunked + "\r\n5;" + strings.Repeat("x", 8<<10) + "\r\nhello\r\n0\r\n\r\n" + next, 1},
	} {
		answers, closed := f.say(test.text, test.answers+1)
		if !closed || len(answers) != test.answers {
			t.Errorf("%s: got %d answers, closed %v; want %d", name, len(answers), closed, test.answers)
		}
	}
}

func TestMethodsAndVersions(t *testing.T) {
	f := start(t)
	f.bucket()
	for _, test := range []struct {
		name, text string
		status     int
		code       string
	}{
		{"CONNECT", "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", 400, "access_denied"},
		{"TRACE", "TRACE /bucket1 HTTP/1.1\r\nHost: a\r\n\r\n", 405, "method_not_allowed"},
		{"PATCH", "PATCH /bucket1/k HTTP/1.1\r\nHost: a\r\n\r\n", 405, "method_not_allowed"},
		{"made up", "FROB /bucket1 HTTP/1.1\r\nHost: a\r\n\r\n", 405, "method_not_allowed"},
		{"lower case", "get /bucket1 HTTP/1.1\r\nHost: a\r\n\r\n", 405, "method_not_allowed"},
		{"HTTP/1.0", "GET /bucket1 HTTP/1.0\r\n\r\n", 403, "permission_denied"},
		{"absolute", "GET http://a/bucket1 HTTP/1.1\r\nHost: b\r\n\r\n", 403, "permission_denied"},
		{"asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_argument"},
		{"overlong UTF-8", f.head(f.key, "PUT", "/bucket1/%c0%af"), 400, "invalid_object_name"},
		{"surrogate", f.head(f.key, "PUT", "/bucket1/%ed%a0%80"), 400, "invalid_object_name"},
		{"NUL in the bucket", f.head(f.key, "PUT", "/bucket%00"), 400, "invalid_bucket_name"},
		{"dots in the bucket", f.head(f.key, "PUT", "/..%2f..%2fetc"), 400, "invalid_bucket_name"},
	} {
		c, r := f.dial()
		if _, err := io.WriteString(c, test.text); err != nil {
			t.Fatal(err)
		}
		t.Run(test.name, func(t *testing.T) { receive(t, r, "GET").wantFault(test.status, test.code) })
	}
	answers, closed := f.say("PUT /bucket1/k HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\nContent-Length: 5\r\n\r\nhello", 2)
	if len(answers) != 1 || answers[0].StatusCode != http.StatusExpectationFailed || !closed {
		t.Errorf("unknown Expect: got %v, closed %v; want 417 and the end", answers, closed)
	}
}

func TestBombsInJSON(t *testing.T) {
	f := start(t)
	f.bucket()
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, test := range []struct {
		name, body string
		status     int
		code       string
	}{
		{"deep lists", nested(100_000), 400, "invalid_json"},
		{"deep objects", strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000), 400, "invalid_json"},
		{"deep in what is not known", `{"acl":[],"x":` + nested(100_000) + `}`, 400, "invalid_json"},
		{"open brackets only", strings.Repeat("[", 1<<20), 400, "invalid_json"},
		{"field twice", `{"acl":[],"acl":[]}`, 400, "invalid_request"},
		{"field in two spellings", `{"acl":[],"Acl":[]}`, 400, "invalid_request"},
		{"many fields that are not known", `{"acl":[]` + manyFields(100_000) + `}`, 200, ""},
		{"huge number", `{"acl":[],"x":1e999999999}`, 200, ""},
		{"number of a megabyte", `{"acl":[],"x":` + strings.Repeat("9", 1<<20) + `}`, 200, ""},
		{"string of a megabyte", `{"acl":[{"grantee":{"type":"user","id":"` + strings.Repeat("x", 1<<20) + `"},"permission":"READ"}]}`, 400, "invalid_request"},
		{"no UTF-8", "{\"acl\":[],\"x\":\"\xff\"}", 400, "invalid_json"},
		{"two values", `{"acl":[]}{"acl":[]}`, 400, "invalid_json"},
		{"too long", `{"acl":[]` + strings.Repeat(" ", 2<<20) + `}`, 400, "invalid_request"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f.t = t
			begin := time.Now()
			a := f.ask(f.key, "PUT", "/bucket1?acl", test.body)
			if a.want(test.status); test.code != "" {
				a.wantFault(test.status, test.code)
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
	f.t = t
	// A number where one is wanted.
	for _, n := range []string{"1e999999999", "99999999999999999999", "1.5", strings.Repeat("9", 1<<20)} {
		f.ask(f.key, "PUT", "/bucket1?cors", `{"cors_rules":[{"allowed_origin":"*","allowed_methods":["GET"],"max_age_seconds":`+n+`}]}`).
			wantFault(http.StatusBadRequest, "invalid_request")
	}
	// Nobody says how long this is.
	c, r := f.dial()
	go func() {
		_, err := io.WriteString(c, f.head(f.key, "PUT", "/bucket1?acl", "Transfer-Encoding: chunked"))
		for i := 0; err == nil && i < 64; i++ {
			_, err = io.WriteString(c, "10000\r\n"+strings.Repeat(" ", 0x10000)+"\r\n")
		}
	}()
	receive(t, r, "PUT").wantFault(http.StatusBadRequest, "invalid_request")
}

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"x%d":0`, i)
	}
	return b.String()
}

// A certificate that nobody checks.
func selfSigned(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: key}}}
}

// overTLS runs test with a connection to a server that speaks HTTPS, in virtual time.
func overTLS(t *testing.T, run handler, test func(t *testing.T, c net.Conn)) {
	config := selfSigned(t)
	old := table[op.ListLocations]
	t.Cleanup(func() { table[op.ListLocations] = old })
	table[op.ListLocations] = run
	synctest.Test(t, func(t *testing.T) {
		s, err := New(Config{Store: new(store.Store), Zones: []string{"jn1a"}, TLS: config})
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
		test(t, client)
	})
}

func TestHandshakeHasATime(t *testing.T) {
	overTLS(t, readBody, func(t *testing.T, c net.Conn) {
		begin := time.Now()
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took != readHeaderTimeout {
			t.Errorf("a client that shakes no hand is let go after %v; want %v", took, readHeaderTimeout)
		}
	})
}

func TestSlowSenderIsCutOffOverTLS(t *testing.T) {
	for name, test := range map[string]struct {
		piece int
		pause time.Duration
		fine  bool
	}{"single bytes": {1, 10 * time.Second, false}, "slow but steady": {1 << 10, time.Second, true}} {
		t.Run(name, func(t *testing.T) {
			overTLS(t, readBody, func(t *testing.T, c net.Conn) {
				secure := tls.Client(c, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it is not about that
				if err := secure.HandshakeContext(t.Context()); err != nil {
					t.Fatal(err)
				}
				if p := secure.ConnectionState().NegotiatedProtocol; p != "" && p != "http/1.1" {
					t.Errorf("the protocol is %s", p)
				}
				begin := time.Now()
				go sendSlowly(t.Context(), secure, 64<<10, test.piece, test.pause)
				resp := receive(t, bufio.NewReader(secure), "GET")
				took := time.Since(begin)
				if fine := resp.StatusCode == http.StatusOK; fine != test.fine || !fine && (took < sendStall || took > sendStall+drain) {
					t.Errorf("got %s after %v", resp.Status, took)
				}
			})
		})
	}
}

// TestNoHTTP2: who asks for it gets HTTP/1.1, in the handshake and by an upgrade.
func TestNoHTTP2(t *testing.T) {
	f := start(t, func(c *Config) { c.TLS = selfSigned(t) })
	c, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}}}).DialContext(t.Context(), "tcp", f.addr) //nolint:gosec // as above
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if p := c.(*tls.Conn).ConnectionState().NegotiatedProtocol; p != "http/1.1" {
		t.Errorf("the protocol is %q; want http/1.1", p)
	}
	f = start(t)
	answers, _ := f.say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 1)
	if len(answers) == 1 && answers[0].StatusCode < 400 {
		t.Errorf("the preface of HTTP/2 is answered with %s", answers[0].Status)
	}
	answers, _ = f.say("GET /-/health HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", 1)
	if len(answers) != 1 || answers[0].StatusCode != http.StatusOK {
		t.Errorf("an upgrade is answered with %v; want 200", answers)
	}
}
