// Package egress sends the requests to other servers that users of this one can cause: what is fetched and mirrored, and
// what is reported to an address of theirs. Such a request must not reach what only this server can: itself, its
// neighbours, or the metadata service of its cloud.
//
// The address that is dialled is what counts. It is checked after a name is resolved, for every connection, so that neither a
// name that changes its address nor a redirect leads around it. No proxy is asked, since it would dial in our place.
// Whoever answers is not trusted either: how long it may take and how many headers it may send is bounded, it is told nothing
// but the URL, and bytes are passed on as they come.
//
// What to do with an answer, and how many requests there are at a time, is the caller's business.
package egress

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Limits of every request.
const (
	maxRedirects   = 5
	maxHeaderBytes = 64 << 10
	maxConns       = 64 // to one host at a time; more requests wait for their turn
	maxIdle        = 32 // to all hosts together
	maxIdlePerHost = 4
	idleTimeout    = 30 * time.Second
	dialTimeout    = 10 * time.Second
	tlsTimeout     = 10 * time.Second
	answerTimeout  = 30 * time.Second // from a request to the head of its answer
	headTimeout    = time.Minute      // to the head of the last answer, with all redirects
	drained        = 4 << 10          // bytes of an answer to Post that are read, so that the connection can be used again
)

// userAgent is how we introduce ourselves. It tells nothing of who has asked.
const userAgent = "ois (+https://github.com/oisproject/ois)"

// Options of a client. The zero value is the default.
type Options struct {
	// AllowPrivate lets requests go to any address, also to this machine and its network.
	AllowPrivate bool

	// Resolver looks names up; nil is net.DefaultResolver.
	Resolver *net.Resolver

	// Stall is how long a server may let us wait for each piece of a body; 0 is 30 s.
	Stall time.Duration
}

// A Client sends requests. It is safe for concurrent use.
type Client struct {
	refuses   func(netip.Addr) bool // nil refuses none
	stall     time.Duration
	transport *http.Transport
	get       http.Client
	post      http.Client
}

// New returns a client.
func New(o Options) *Client {
	c := &Client{stall: cmp.Or(o.Stall, stall)}
	if !o.AllowPrivate {
		c.refuses = refused
	}
	c.transport = &http.Transport{
		DialContext:            c.dial(&net.Dialer{Timeout: dialTimeout, Resolver: o.Resolver, ControlContext: c.control}),
		TLSHandshakeTimeout:    tlsTimeout,
		ResponseHeaderTimeout:  answerTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     true, // bytes are passed on as they come, and the length is theirs
		MaxConnsPerHost:        maxConns,
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdlePerHost,
		IdleConnTimeout:        idleTimeout,
		Protocols:              new(http.Protocols),
	}
	c.transport.Protocols.SetHTTP1(true)
	c.get = http.Client{Transport: c.transport, CheckRedirect: follow}
	c.post = http.Client{Transport: c.transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return c
}

// dial returns what opens connections. A connection from an address to itself stays on this machine, whatever the address is.
func (c *Client) dial(d *net.Dialer) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if c.refuses != nil && same(conn.LocalAddr(), conn.RemoteAddr()) {
			_ = conn.Close() // nothing was sent
			return nil, errRefused
		}
		return conn, nil
	}
}

// CloseIdleConnections closes the connections that are kept for later requests.
func (c *Client) CloseIdleConnections() { c.transport.CloseIdleConnections() }

// A Response is the answer to Get. Its body must be closed.
type Response struct {
	Status int
	Header http.Header
	Length int64 // of the body; -1 if it was not announced
	Body   io.ReadCloser
}

// Get asks for a URL and follows up to 5 redirects, but none from https to http. The answer may have any other status. Its body
// is an error where it is shorter than announced, and where it comes too slowly. Errors are ErrURL, an *Error, or that of ctx.
func (c *Client) Get(ctx context.Context, rawURL string) (*Response, error) {
	u, err := c.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	parent := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	late := time.AfterFunc(headTimeout, func() { cancel(errSlow) })
	resp, err := c.get.Do(request(ctx, http.MethodGet, u, nil))
	if !late.Stop() && err == nil {
		_ = resp.Body.Close() // it is of no use any more
		err = errSlow
	}
	if err != nil {
		err = failure(u.Host, parent, ctx, err)
		cancel(nil)
		return nil, err
	}
	b := &body{rc: resp.Body, stall: c.stall, cancel: cancel}
	b.explain = func(err error) error { return failure(u.Host, parent, ctx, err) }
	b.timer = time.AfterFunc(time.Hour, func() { cancel(errStalled) })
	b.timer.Stop()
	return &Response{Status: resp.StatusCode, Header: resp.Header, Length: resp.ContentLength, Body: b}, nil
}

// Post sends a body to a URL and returns the status of the answer, of which nothing else counts: a redirect is a status
// like others. All of it takes at most the time given. Errors are those of Get.
func (c *Client) Post(ctx context.Context, rawURL, contentType string, body []byte, timeout time.Duration) (int, error) {
	u, err := c.Parse(rawURL)
	if err != nil {
		return 0, err
	}
	parent := ctx
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errSlow)
	defer cancel()
	r := request(ctx, http.MethodPost, u, body)
	r.Header.Set("Content-Type", contentType)
	resp, err := c.post.Do(r)
	if err != nil {
		return 0, failure(u.Host, parent, ctx, err)
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, drained) // the status is all that was asked for
	return resp.StatusCode, nil
}

// request returns a request that says nothing but what it must.
func request(ctx context.Context, method string, u *url.URL, body []byte) *http.Request {
	r := (&http.Request{
		Method: method, URL: u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"User-Agent": {userAgent}, "Accept": {"*/*"}, "Accept-Encoding": {"identity"}},
	}).WithContext(ctx)
	if body != nil {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	return r
}

// follow decides about a redirect. What it leads to is checked as everything is, when it is dialled.
func follow(r *http.Request, via []*http.Request) error {
	r.Header.Del("Referer") // the URL before may hold a signature
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("%w more than %d times", errRedirect, maxRedirects)
	case r.URL.User != nil:
		return fmt.Errorf("%w to a URL with a user name", errRedirect)
	case r.URL.Scheme != schemeHTTP && r.URL.Scheme != schemeHTTPS:
		return fmt.Errorf("%w to a URL that is neither http nor https", errRedirect)
	case r.URL.Scheme == schemeHTTP && via[len(via)-1].URL.Scheme == schemeHTTPS:
		return fmt.Errorf("%w from https to http", errRedirect)
	}
	return nil
}
