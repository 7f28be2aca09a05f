package ois

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oisproject/ois/sdk/go/api"
	"github.com/oisproject/ois/sdk/go/signature"
)

// Version is the version of this package, as the User-Agent header tells it.
const Version = "0.1.0"

// A Client speaks to one endpoint. It is safe for concurrent use, keeps
// connections, and should live as long as the program.
type Client struct {
	cfg       Config
	end       endpoint
	transport http.RoundTripper
	agent     []string     // value of the User-Agent header
	base      http.Request // what all requests have in common
	budget    budget

	skew  atomic.Int64 // nanoseconds that the server's clock is ahead of ours
	dates atomic.Pointer[date]
	keys  atomic.Pointer[key]

	mu    sync.RWMutex
	sites map[string]*site // guarded by mu; by zone
}

// date is the text of a second. Requests of one second share it.
type date struct {
	second int64
	text   []string
}

// key is the signer of the credentials that were used last.
type key struct {
	Credentials
	signer *signature.Key
}

// A site is the service in one zone.
type site struct {
	host string
	// conditional is what the site says of conditional writes.
	conditional atomic.Int32
}

const (
	notAsked int32 = iota
	announced
	notAnnounced
)

// New returns a client. It opens no connection.
func New(cfg Config) (*Client, error) {
	if cfg.Endpoint == "" {
		cfg.Endpoint = DefaultEndpoint
	}
	if err := cfg.checkKeys(); err != nil {
		return nil, fmt.Errorf("ois: %w", err)
	}
	if cfg.Credentials == nil {
		cfg.Credentials = StaticCredentials(cfg.AccessKeyID, cfg.SecretAccessKey)
	}
	end, err := parseEndpoint(cfg.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("ois: %w", err)
	}
	if strings.ContainsFunc(cfg.UserAgent, func(r rune) bool { return r < ' ' || r > '~' }) {
		return nil, fmt.Errorf("ois: user agent %q: printable ASCII is wanted", cfg.UserAgent)
	}
	cfg.Retry = cfg.Retry.withDefaults()
	if cfg.HeaderTimeout == 0 {
		cfg.HeaderTimeout = defaultTimeout
	}
	if cfg.StallTimeout == 0 {
		cfg.StallTimeout = defaultTimeout
	}
	c := &Client{
		cfg:       cfg,
		end:       end,
		transport: cfg.Transport,
		agent:     []string{userAgent(cfg.UserAgent)},
		base:      http.Request{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1},
		sites:     make(map[string]*site),
	}
	if c.transport == nil {
		t := NewTransport()
		t.ResponseHeaderTimeout = max(cfg.HeaderTimeout, 0)
		c.transport = t
	}
	return c, nil
}

func userAgent(more string) string {
	s := fmt.Sprintf("ois-sdk-go/%s (%s; %s_%s)", Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if more != "" {
		s += " " + more
	}
	return s
}

// API returns the complete API: one method for each operation, with all that
// the contract knows about it. Requests go through c, so they are signed, repeated
// and checked like all others.
//
// Its methods return an [*api.InputError] for an input that cannot be sent, an
// [*api.UnexpectedAnswerError] for an answer that is not what the contract says,
// and an [*Error] for everything else.
func (c *Client) API() *api.Client { return api.New(c) }

// Endpoint returns the endpoint as it was configured.
func (c *Client) Endpoint() string { return c.cfg.Endpoint }

// CloseIdleConnections closes connections that nobody uses now.
func (c *Client) CloseIdleConnections() {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// site returns the site of a zone.
func (c *Client) site(zone string) (*site, error) {
	c.mu.RLock()
	s := c.sites[zone]
	c.mu.RUnlock()
	if s != nil {
		return s, nil
	}
	if zone != "" && !isLabel(zone) {
		return nil, fmt.Errorf("zone %q: letters, digits and hyphens are wanted", zone)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s = c.sites[zone]; s == nil {
		s = &site{host: c.end.host(zone)}
		c.sites[zone] = s
	}
	return s, nil
}

// now is the time at the server, as far as it is known.
func (c *Client) now() time.Time { return time.Now().Add(time.Duration(c.skew.Load())) }

// date returns the value of the Date header.
func (c *Client) date() []string {
	now := c.now()
	if d := c.dates.Load(); d != nil && d.second == now.Unix() {
		return d.text
	}
	d := &date{now.Unix(), []string{now.UTC().Format(http.TimeFormat)}}
	c.dates.Store(d)
	return d.text
}

// signer returns the key to sign with, nil for anonymous requests.
func (c *Client) signer(ctx context.Context) (*signature.Key, error) {
	creds, err := c.cfg.Credentials.Credentials(ctx)
	if err != nil {
		return nil, &credentialsError{err}
	}
	switch {
	case creds.AccessKeyID == "" && creds.SecretAccessKey == "":
		return nil, nil
	case creds.AccessKeyID == "" || creds.SecretAccessKey == "":
		return nil, &credentialsError{errors.New("half of a key pair is empty")}
	}
	if k := c.keys.Load(); k != nil && k.AccessKeyID == creds.AccessKeyID && k.SecretAccessKey == creds.SecretAccessKey {
		return k.signer, nil
	}
	k := &key{creds, signature.NewKey(creds.AccessKeyID, creds.SecretAccessKey)}
	c.keys.Store(k)
	return k.signer, nil
}

// sign dates h and signs it, unless requests are anonymous.
func (c *Client) sign(ctx context.Context, m *signature.Message) error {
	k, err := c.signer(ctx)
	if err != nil || k == nil {
		return err
	}
	m.Header["Date"] = c.date()
	m.Header["Authorization"] = []string{k.Authorization(m)}
	return nil
}
