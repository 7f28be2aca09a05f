package ois

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/oisproject/ois/sdk/go/signature"
)

const (
	testID     = "OISDIGESTEXAMPLEKEY1"
	testSecret = "oisDigestExampleSecretKey00000000000001"
)

// seen is a request as it arrived.
type seen struct {
	Method string
	Host   string
	Target string // as on the request line
	Header http.Header
	Length int64
	Body   string
}

// recorder is a server that remembers requests and lets answer answer them. It
// checks the signature of each that has one.
type recorder struct {
	t      *testing.T
	answer func(n int, w http.ResponseWriter, r *http.Request)

	mu   sync.Mutex
	list []seen // guarded by mu
}

// serve starts a server; answer gets the number of the request, from 1.
func serve(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) (*recorder, *httptest.Server) {
	t.Helper()
	rec := &recorder{t: t, answer: answer}
	srv := httptest.NewServer(rec)
	t.Cleanup(srv.Close)
	return rec, srv
}

func (s *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(requestIDHeader, "3f2cf9ac3168744d")
	s.mu.Lock()
	n := len(s.list) + 1
	s.list = append(s.list, seen{Method: r.Method, Host: r.Host, Target: r.RequestURI, Header: r.Header.Clone(), Length: r.ContentLength})
	s.mu.Unlock()
	if r.Header.Get("Authorization") != "" {
		s.verify(r)
	}
	s.answer(n, w, r)
}

// body reads the body of request n, which is r.
func (s *recorder) body(n int, r *http.Request) (string, error) {
	data, err := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list[n-1].Body = string(data)
	return string(data), err
}

func (s *recorder) verify(r *http.Request) {
	path, query := signature.SplitTarget(r.RequestURI)
	m := signature.Message{Method: r.Method, Path: path, Query: query, Header: r.Header}
	if host, _, _ := strings.Cut(r.Host, "."); strings.Count(r.Host, ".") == 3 && net.ParseIP(strings.Split(r.Host, ":")[0]) == nil {
		m.Bucket = host // BUCKET.ZONE.example.com
	}
	id, sum, ok := signature.ParseAuthorization(r.Header.Get("Authorization"))
	if !ok || id != testID || signature.NewKey(testID, testSecret).Sign(&m) != sum {
		s.t.Errorf("%s %s: signature does not fit %q", r.Method, r.RequestURI, m.AppendStringToSign(nil))
	}
}

func (s *recorder) requests() []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]seen(nil), s.list...)
}

// client returns a client for srv with the test keys, changed by change.
func client(t *testing.T, srv *httptest.Server, change func(*Config)) *Client {
	t.Helper()
	cfg := Config{AccessKeyID: testID, SecretAccessKey: testSecret}
	if srv != nil {
		cfg.Endpoint = srv.URL
	}
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// to makes a transport whose every connection leads to srv.
func to(srv *httptest.Server) *http.Transport {
	t := NewTransport()
	t.Proxy = nil
	t.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, strings.TrimPrefix(srv.URL, "http://"))
	}
	return t
}

// roundTrip is a transport of one function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// reply makes a response for a roundTrip.
func reply(status int, body string, header ...string) *http.Response {
	h := http.Header{requestIDHeader: {"3f2cf9ac3168744d"}}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	res := &http.Response{StatusCode: status, Header: h, ContentLength: int64(len(body)), Body: http.NoBody}
	if body != "" {
		res.Body = io.NopCloser(strings.NewReader(body))
	}
	return res
}

var oddKeys = []string{
	"a.txt", "/a", "//a//", "a//b", "../x", "./.", "..", "a/../../b", "a?b#c", "%2F", "%", "100%25", "a+b c", "trailing ", "  ",
	"emoji 🎉/日本語", "ctrl\x01\t\n\r\x7f", "quo'te\"<>&|\\^`{}[]", "=;:@&=+$,!*()", "acl", "b?acl", "~.-_", "\u202ertl", "bad utf8 \xff\xfe",
	strings.Repeat("k", 1023),
}

func TestKeysArriveAsTheyAre(t *testing.T) {
	rec, srv := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(map[string]int{"PUT": 201, "GET": 200, "HEAD": 200, "DELETE": 204}[r.Method])
	})
	path := client(t, srv, nil).Bucket("photos-1", "jn1")
	host := client(t, srv, func(c *Config) {
		c.Endpoint, c.Transport, c.VirtualHost = "http://example.com", to(srv), true
	}).Bucket("photos-1", "jn1")
	n := 0
	for _, key := range oddKeys {
		for _, style := range []struct {
			b            *Bucket
			prefix, host string
		}{{path, "/photos-1/", strings.TrimPrefix(srv.URL, "http://")}, {host, "/", "photos-1.jn1.example.com"}} {
			if _, err := style.b.Put(t.Context(), key, strings.NewReader("x"), nil); err != nil {
				t.Errorf("Put %q: %v", key, err)
			}
			r, err := style.b.Get(t.Context(), key, nil)
			if err != nil {
				t.Fatalf("Get %q: %v", key, err)
			}
			if err := r.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			if _, err := style.b.Head(t.Context(), key, nil); err != nil {
				t.Errorf("Head %q: %v", key, err)
			}
			if err := style.b.Remove(t.Context(), key, nil); err != nil {
				t.Errorf("Remove %q: %v", key, err)
			}
			for _, s := range rec.requests()[n:] {
				n++
				got, err := url.PathUnescape(strings.TrimPrefix(s.Target, style.prefix))
				if err != nil || got != key || !strings.HasPrefix(s.Target, style.prefix) || strings.ContainsAny(s.Target, "?# +") {
					t.Errorf("%s of key %q has target %q", s.Method, key, s.Target)
				}
				if s.Host != style.host {
					t.Errorf("%s of key %q goes to %q; want %q", s.Method, key, s.Host, style.host)
				}
			}
		}
	}
	if want := len(oddKeys) * 2 * 4; n != want {
		t.Errorf("%d requests; want %d", n, want)
	}
}

func TestNothingIsSentWithoutAName(t *testing.T) {
	c := client(t, nil, func(c *Config) {
		c.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			t.Errorf("%s %s was sent", r.Method, r.URL)
			return reply(204, ""), nil
		})
	})
	b := c.Bucket("photos-1", "jn1")
	nameless := c.Bucket("", "jn1")
	_, errPut := b.Put(t.Context(), "", nil, nil)
	_, errGet := b.Get(t.Context(), "", nil)
	_, errHead := b.Head(t.Context(), "", nil)
	_, errCopy := b.Copy(t.Context(), "k", "", nil)
	_, errMove := b.Move(t.Context(), "k", "", nil)
	_, errZone := c.BucketZone(t.Context(), "")
	_, errPresign := b.PresignPut(t.Context(), "", nil)
	_, errHost := c.Bucket("photos-1", "evil.com/x").Head(t.Context(), "k", nil)
	_, errSlash := c.Bucket("photos-1/k", "jn1").Head(t.Context(), "k", nil)
	_, errSource := b.Copy(t.Context(), "k", "l", &CopyOptions{SourceBucket: "photos-1/k"})
	for name, err := range map[string]error{
		"Put": errPut, "Get": errGet, "Head": errHead, "Copy": errCopy, "Move": errMove, "BucketZone": errZone,
		"PresignPut": errPresign, "zone": errHost,
		"bucket with a slash": errSlash, "source with a slash": errSource, "Delete with a slash": c.Bucket("a/b", "").Delete(t.Context()),
		"Remove": b.Remove(t.Context(), "", nil), "Create": nameless.Create(t.Context()), "Delete": nameless.Delete(t.Context()),
	} {
		var e *Error
		if !errors.As(err, &e) || e.Status != 0 || e.Attempts != 0 {
			t.Errorf("%s: %v; want an *Error before anything is sent", name, err)
		}
	}
}

func TestHosts(t *testing.T) {
	tests := []struct {
		endpoint, zone string
		virtualHost    bool
		want           string // scheme, host and path
	}{
		{"", "", false, "https://is.shanhe.com/photos-1/k"},
		{"", "jn1", false, "https://jn1.is.shanhe.com/photos-1/k"},
		{"", "JN1", false, "https://jn1.is.shanhe.com/photos-1/k"},
		{"", "jn1", true, "https://photos-1.jn1.is.shanhe.com/k"},
		{"", "", true, "https://photos-1.is.shanhe.com/k"},
		{"is.example.com", "jn1", false, "https://jn1.is.example.com/photos-1/k"},
		{"https://IS.example.com:443/", "jn1", false, "https://jn1.is.example.com/photos-1/k"},
		{"http://is.example.com:80", "jn1", false, "http://jn1.is.example.com/photos-1/k"},
		{"http://is.example.com:8080", "jn1", false, "http://jn1.is.example.com:8080/photos-1/k"},
		{"http://jn1.is.example.com", "jn1", false, "http://jn1.is.example.com/photos-1/k"},
		{"http://jn1.is.example.com", "jn1", true, "http://photos-1.jn1.is.example.com/k"},
		{"http://127.0.0.1:9000", "jn1", true, "http://127.0.0.1:9000/photos-1/k"},
		{"127.0.0.1:9000", "jn1", true, "https://127.0.0.1:9000/photos-1/k"},
		{"http://127.1:9000", "jn1", true, "http://127.1:9000/photos-1/k"},
		{"http://0x7f000001", "jn1", true, "http://0x7f000001/photos-1/k"},
		{"http://localhost:9000", "jn1", true, "http://localhost:9000/photos-1/k"},
		{"http://LOCALHOST.:9000", "jn1", true, "http://localhost.:9000/photos-1/k"},
		{"http://[::1]:9000", "jn1", true, "http://[::1]:9000/photos-1/k"},
		{"http://[fe80::1%25eth0]:9000", "jn1", true, "http://[fe80::1%eth0]:9000/photos-1/k"},
	}
	for _, test := range tests {
		got := ""
		c := client(t, nil, func(c *Config) {
			c.Endpoint, c.VirtualHost = test.endpoint, test.virtualHost
			c.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				got = r.URL.Scheme + "://" + r.URL.Host + r.URL.EscapedPath()
				return reply(200, ""), nil
			})
		})
		if _, err := c.Bucket("photos-1", test.zone).Head(t.Context(), "k", nil); err != nil || got != test.want {
			t.Errorf("endpoint %q, zone %q, virtual host %v: %q, %v; want %q", test.endpoint, test.zone, test.virtualHost, got, err, test.want)
		}
	}
}

func TestBucketsThatFitNoHostNameAreRefusedThere(t *testing.T) {
	for _, name := range []string{"a.b", "a/b", "x_y", "-a", "evil.com/", strings.Repeat("a", 64), "ä"} {
		c := client(t, nil, func(c *Config) {
			c.VirtualHost = true
			c.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				t.Errorf("bucket %q: sent to %s", name, r.URL.Host)
				return reply(200, ""), nil
			})
		})
		if _, err := c.Bucket(name, "jn1").Head(t.Context(), "k", nil); err == nil {
			t.Errorf("bucket %q: no error", name)
		}
	}
}

func TestAnonymousRequestsAreNotSigned(t *testing.T) {
	rec, srv := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	for _, c := range []*Client{
		client(t, srv, func(c *Config) { c.AccessKeyID, c.SecretAccessKey = "", "" }),
		client(t, srv, func(c *Config) { c.Credentials = AnonymousCredentials() }),
	} {
		if _, err := c.Bucket("photos-1", "").Head(t.Context(), "k", nil); err != nil {
			t.Error(err)
		}
	}
	for _, s := range rec.requests() {
		if s.Header.Get("Authorization") != "" {
			t.Errorf("Authorization is %q", s.Header.Get("Authorization"))
		}
	}
}

func TestRequestsSayWhoTheyAreFrom(t *testing.T) {
	rec, srv := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	b := client(t, srv, func(c *Config) { c.UserAgent = "app/2 (x)" }).Bucket("photos-1", "")
	if _, err := b.Head(t.Context(), "k", nil); err != nil {
		t.Fatal(err)
	}
	h := rec.requests()[0].Header
	if ua := h.Get("User-Agent"); !strings.HasPrefix(ua, "ois-sdk-go/"+Version+" (go") || !strings.HasSuffix(ua, ") app/2 (x)") {
		t.Errorf("User-Agent is %q", ua)
	}
	if h.Get("Accept-Encoding") != "" {
		t.Errorf("Accept-Encoding is %q; answers must come as they are stored", h.Get("Accept-Encoding"))
	}
}

// countingDialer counts its connections and what is written to them.
type countingDialer struct {
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	dials  atomic.Int64
	writes atomic.Int64
}

func (d *countingDialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	d.dials.Add(1)
	conn, err := d.dial(ctx, network, addr)
	return countingConn{conn, &d.writes}, err
}

type countingConn struct {
	net.Conn
	writes *atomic.Int64
}

func (c countingConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}
