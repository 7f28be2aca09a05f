// Package server is the HTTP face of a store: it puts wire, access and store together.
//
// A request goes one road, see [exchange.serve]: its address and operation are
// read, its caller is authenticated, the bucket looked up, the caller authorized, and
// only then its input is read and the store does what is asked. Which operation
// is done by what stands in one table. Around the road are the things that every request needs
// whatever it asks: limits, patience with slow peers, a line in the log.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/oisproject/ois/internal/access"
	"github.com/oisproject/ois/internal/accesslog"
	"github.com/oisproject/ois/internal/egress"
	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/imaging"
	"github.com/oisproject/ois/internal/replicate"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/wire"
)

// Limits of every connection. They protect the server from peers that are slow, broken or mean.
const (
	maxHeaderBytes    = 16 << 10
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
)

// A Config says what a server serves. Store and Zones are required.
type Config struct {
	Store *store.Store

	// Keys tells secrets; nil means those of Store.
	Keys access.KeySource

	// Zones are the ids of the zones; the first is the default zone.
	Zones []string

	// Domain is the base domain of the service; empty means localhost.
	Domain string

	// Product is the Server header; empty means QingStor, which is what clients expect.
	Product string

	// Replicator sends objects to other zones, which share PeerSecret with this server; nil and empty where there are none.
	Replicator *replicate.Replicator
	PeerSecret string

	// TrustedProxies are the peers that are believed when they say who sent a
	// request and how, by X-Forwarded-For and X-Forwarded-Proto.
	TrustedProxies []netip.Prefix

	// AccessLog takes the lines of the logs that owners have set for their buckets; nil writes none.
	AccessLog *accesslog.Log

	// Egress sends the requests to other servers that users cause; nil sends them to public addresses only.
	Egress *egress.Client
	// ImageFont is used for watermarks before the fonts that are built in; nil means there is none.
	ImageFont []byte

	// Images processes images; nil means a processor with the default settings.
	Images *imaging.Processor
	// Resolver is asked whether a domain leads to the bucket that it is to be bound to. Nil binds domains unasked.
	Resolver Resolver
	// MaxConnections is how many connections there may be at the same time; more are refused with
	// service_unavailable. 0 means that there is no limit.
	MaxConnections int

	// BucketLease is how old a bucket must be to be deleted, and BucketRate how many a user may create or delete
	// in a minute. 0 means that there is no such limit.
	BucketLease time.Duration
	BucketRate  int

	// TLS, if it is not nil, makes the server speak HTTPS and nothing else. It brings the certificates.
	TLS *tls.Config

	Logger *slog.Logger     // nil discards
	Now    func() time.Time // the clock for signatures; nil is time.Now
}

// A Server answers the requests of the API. It is an http.Handler, best run by its own Serve.
type Server struct {
	store   *store.Store
	auth    *access.Authenticator
	hosts   wire.Hosts
	product []string
	proxies []netip.Prefix
	log     *slog.Logger
	access  *accesslog.Log // nil if there is none
	http    *http.Server
	images  *imaging.Processor
	leaving atomic.Bool

	replicator  *replicate.Replicator
	resolver    Resolver // nil asks nobody
	policies    policies
	egress      *egress.Client
	origins     origins
	pulls       *pulls
	figures     figures
	throttle    throttle
	lease       time.Duration
	now         func() time.Time
	connections connections
}

// New returns a server that is ready to serve.
func New(c Config) (*Server, error) {
	if c.Store == nil {
		return nil, errors.New("server: there is no store")
	}
	hosts, err := hosts(c.Domain, c.Zones)
	if err != nil {
		return nil, err
	}
	s := &Server{
		store: c.Store, hosts: hosts, proxies: c.TrustedProxies, log: c.Logger, product: []string{c.Product},
		images: c.Images, resolver: c.Resolver, replicator: c.Replicator,
	}
	if c.Product == "" {
		s.product[0] = "QingStor"
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if c.Keys == nil {
		c.Keys = c.Store
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s.access = c.AccessLog
	if c.PeerSecret != "" {
		c.Keys = peerKeys{c.Keys, c.PeerSecret}
	}
	if c.Egress == nil {
		c.Egress = egress.New(egress.Options{})
	}
	s.egress = c.Egress
	s.pulls = newPulls()
	if s.images == nil {
		if s.images, err = imaging.New(imaging.Options{Font: c.ImageFont, Fetch: s.fetchImage}); err != nil {
			return nil, fmt.Errorf("server: %w", err)
		}
	}
	s.figures.init()
	s.now, s.lease, s.throttle.most = c.Now, c.BucketLease, c.BucketRate
	s.auth = access.NewAuthenticator(c.Keys, c.Now)
	s.connections.most, s.connections.secure, s.connections.product = int64(c.MaxConnections), c.TLS != nil, s.product[0]
	s.http = &http.Server{
		Handler:                      s,
		ConnState:                    s.connections.changed,
		TLSConfig:                    c.TLS,
		Protocols:                    protocols(),
		ReadHeaderTimeout:            readHeaderTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeaderBytes,
		ErrorLog:                     slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
		DisableGeneralOptionsHandler: true,
	}
	return s, nil
}

// hosts checks the names that a server is to answer to.
func hosts(domain string, zones []string) (wire.Hosts, error) {
	h := wire.Hosts{Domain: wire.Hostname(domain)}
	if h.Domain == "" {
		h.Domain = "localhost"
	}
	if len(zones) == 0 {
		return h, errors.New("server: there is no zone")
	}
	for _, zone := range zones {
		zone = strings.ToLower(zone)
		if !zoneID(zone) {
			return h, fmt.Errorf("server: zone %q is not allowed; allowed: 1 to 63 of a-z, 0-9 and -", zone)
		}
		if slices.Contains(h.Zones, zone) {
			return h, fmt.Errorf("server: zone %q is there twice", zone)
		}
		h.Zones = append(h.Zones, zone)
	}
	return h, nil
}

func zoneID(s string) bool {
	other := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }
	return s != "" && len(s) <= 63 && !strings.ContainsFunc(s, other)
}

// Serve answers the requests that arrive on l, until Shutdown; it then returns nil. It closes l.
func (s *Server) Serve(l net.Listener) error {
	serve := s.http.Serve
	if s.http.TLSConfig != nil {
		serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
	}
	if err := serve(&gate{l, &s.connections}); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// protocols are those that the server speaks: HTTP/1.1 and 1.0. With HTTP/2 a connection would have many requests under way, and one of
// them that its client does not take could hold up the others: patience and limits hold for connections.
func protocols() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return p
}

// Ready returns an error when the server takes no more requests.
func (s *Server) Ready() error {
	if s.leaving.Load() {
		return fault.Newf(fault.ServiceUnavailable, "the server is stopping")
	}
	return nil
}

// Shutdown takes no more requests and waits for those that are under way, and for what is being taken from mirrors. When ctx
// ends first, it cuts them off and returns the error of ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	s.leaving.Store(true)
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	s.pulls.end(ctx)
	s.egress.CloseIdleConnections()
	return err
}
