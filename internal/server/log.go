package server

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/wire"
)

// logLine writes the one line that each request leaves in the log. It names what was
// asked by operation, bucket and key: headers and query stay out, with their signatures and keys.
func (x *exchange) logLine(took time.Duration, aborted bool) {
	level := slog.LevelInfo
	line := make([]slog.Attr, 0, 16)
	line = append(line,
		slog.String("id", x.id[0]),
		slog.String("client", x.client()),
		slog.String("method", x.r.Method),
		slog.Int("status", x.w.status),
		slog.Int64("in", x.body.n),
		slog.Int64("out", x.w.n),
		slog.Duration("duration", took),
	)
	for _, a := range []struct{ name, value string }{
		{"bucket", x.address.Bucket}, {"key", x.key()}, {"user", x.caller.UserID},
	} {
		if a.value != "" {
			line = append(line, slog.String(a.name, cut(a.value)))
		}
	}
	if x.operation != 0 {
		line = append(line, slog.String("operation", x.operation.String()))
	}
	if x.err != nil {
		line = append(line, slog.String("error", x.err.Error()))
	}
	if x.err != nil && !errors.Is(x.err, wire.ErrGone) {
		code := fault.CodeOf(x.err)
		line = append(line, slog.String("code", string(code)))
		if code == fault.InternalError {
			level = slog.LevelError
		}
	}
	if aborted {
		line = append(line, slog.Bool("aborted", true))
	}
	x.log.LogAttrs(x.context(), level, "request", line...)
}

// key returns the key of the object that the request is about.
func (x *exchange) key() string {
	if x.form != nil {
		return x.form.Key
	}
	return x.address.Key
}

// cut shortens a value that no bucket and no key can have.
func cut(s string) string {
	if len(s) > store.MaxKey {
		return s[:store.MaxKey] + "…"
	}
	return s
}

// client returns the address of who sent the request: the peer or, if a trusted proxy says so, the
// last address in X-Forwarded-For that is not a trusted proxy itself.
func (x *exchange) client() string {
	peer, _, err := net.SplitHostPort(x.r.RemoteAddr)
	if err != nil {
		peer = x.r.RemoteAddr
	}
	if !x.trusts(peer) {
		return peer
	}
	hops := strings.Split(strings.Join(x.r.Header["X-Forwarded-For"], ","), ",")
	for _, hop := range slices.Backward(hops) {
		hop = strings.TrimSpace(hop)
		if _, err := netip.ParseAddr(hop); err != nil {
			break
		}
		if peer = hop; !x.trusts(hop) {
			break
		}
	}
	return peer
}

// IP returns client as an address, the zero address if it is none.
func (x *exchange) IP() netip.Addr {
	ip, err := netip.ParseAddr(x.client())
	if err != nil {
		return netip.Addr{}
	}
	return ip
}

// trusts reports whether addr is a trusted proxy.
func (s *Server) trusts(addr string) bool {
	if len(s.proxies) == 0 {
		return false
	}
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(s.proxies, func(p netip.Prefix) bool { return p.Contains(ip.Unmap()) })
}

// scheme returns how the client spoke to the service, to a trusted proxy before us or
// to us.
func (x *exchange) scheme() string {
	peer, _, err := net.SplitHostPort(x.r.RemoteAddr)
	if err == nil && x.trusts(peer) {
		if s := x.r.Header.Get("X-Forwarded-Proto"); s == "http" || s == "https" {
			return s
		}
	}
	if x.r.TLS != nil {
		return "https"
	}
	return "http"
}
