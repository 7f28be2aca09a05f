package egress

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

const (
	schemeHTTP  = "http"
	schemeHTTPS = "https"

	maxURL = 8 << 10 // bytes
)

// ErrURL is returned for a URL that no request is sent to, whatever it leads to. Its text says what is wrong, and repeats
// nothing that may be a secret.
var ErrURL = errors.New("the URL is not allowed")

// Parse reads a URL, <protocol>://<host>[:port]/[path]. The protocol is http or https, and http if none is given. An address
// that is refused is ErrURL here already; where a name leads to is seen when it is dialled.
func (c *Client) Parse(text string) (*url.URL, error) {
	if len(text) > maxURL {
		return nil, badURL("it has %d bytes; allowed: %d", len(text), maxURL)
	}
	if scheme, _, ok := strings.Cut(text, "://"); !ok || strings.ContainsAny(scheme, "/?#") {
		text = schemeHTTP + "://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return nil, badURL("%w", err)
	}
	u.Fragment, u.RawFragment = "", "" // which is not for the server
	switch {
	case u.Scheme != schemeHTTP && u.Scheme != schemeHTTPS:
		return nil, badURL("its protocol is %.20q; allowed: http, https", u.Scheme)
	case u.User != nil:
		return nil, badURL("it has a user name in it")
	case u.Hostname() == "":
		return nil, badURL("it has no host")
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, badURL("its port is %.20q; allowed: 1 to 65535", port)
		}
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil && c.refuses != nil && c.refuses(addr) {
		return nil, badURL("this server does not connect to %s", addr)
	}
	return u, nil
}

func badURL(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrURL, fmt.Errorf(format, args...))
}
