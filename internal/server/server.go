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

	// TrustedProxies are the peers that are believed when they say who sent a
	// request and how, by X-Forwarded-For and X-Forwarded-Proto.
	TrustedProxies []netip.Prefix

	// AccessLog takes the lines of the logs that owners have set for their buckets; nil writes none.
	AccessLog *accesslog.Log

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
	now     func() time.Time
	http    *http.Server
	leaving atomic.Bool

	policies policies
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
	s := &Server{store: c.Store, hosts: hosts, proxies: c.TrustedProxies, log: c.Logger, product: []string{c.Product}}
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
	s.access, s.now = c.AccessLog, c.Now
	s.auth = access.NewAuthenticator(c.Keys, c.Now)
	s.http = &http.Server{
		Handler:                      s,
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
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// Shutdown takes no more requests and waits for those that are under way. When ctx
// ends first, it cuts them off and returns the error of ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	s.leaving.Store(true)
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	return err
}
