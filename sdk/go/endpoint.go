package ois

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// endpoint is the service's address, taken apart.
type endpoint struct {
	scheme string // "http" or "https"
	name   string // host name without port, IPv6 without brackets
	port   string // ":9000", or "" for the scheme's own
	fixed  bool   // an IP address or localhost: never gets a label in front
}

// parseEndpoint reads an address such as "https://is.shanhe.com:443" or "127.0.0.1:9000".
func parseEndpoint(text string) (endpoint, error) {
	full := text
	if !strings.Contains(full, "://") {
		full = "https://" + full
	}
	u, err := url.Parse(full)
	if err != nil {
		return endpoint{}, fmt.Errorf("endpoint %q: not an address such as %s", text, DefaultEndpoint)
	}
	e := endpoint{scheme: strings.ToLower(u.Scheme), name: strings.ToLower(u.Hostname()), port: u.Port()}
	switch {
	case e.scheme != "http" && e.scheme != "https":
		return endpoint{}, fmt.Errorf("endpoint %q: scheme %q is neither http nor https", text, u.Scheme)
	case e.name == "":
		return endpoint{}, fmt.Errorf("endpoint %q: no host", text)
	case u.User != nil:
		return endpoint{}, fmt.Errorf("endpoint of host %q: a user in the address means nothing here", e.name)
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return endpoint{}, fmt.Errorf("endpoint %q: only scheme, host and port are wanted", text)
	}
	if e.port != "" {
		if n, err := strconv.Atoi(e.port); err != nil || n < 1 || n > 65535 {
			return endpoint{}, fmt.Errorf("endpoint %q: %q is no port", text, e.port)
		}
		e.port = ":" + e.port
	}
	if e.scheme == "http" && e.port == ":80" || e.scheme == "https" && e.port == ":443" {
		e.port = ""
	}
	e.fixed = isFixedHost(e.name)
	return e, nil
}

// isFixedHost reports whether name is an IP address or localhost, in front of
// which a label would name nothing. Names that end in a number are addresses, too:
// resolvers take "127.1".
func isFixedHost(name string) bool {
	name = strings.TrimSuffix(name, ".")
	if name == "localhost" {
		return true
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	_, err := strconv.ParseUint(last, 0, 64)
	return err == nil
}

// host is what requests to a zone are sent to. An endpoint that starts with the
// zone already is left as it is.
func (e endpoint) host(zone string) string {
	name := e.name
	if zone != "" && !e.fixed && !strings.HasPrefix(name, zone+".") {
		name = zone + "." + name
	}
	if strings.Contains(name, ":") {
		return "[" + name + "]" + e.port
	}
	return name + e.port
}

// isLabel reports whether s can be a label of a host name.
func isLabel(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && (c != '-' || i == 0 || i == len(s)-1) {
			return false
		}
	}
	return 0 < len(s) && len(s) <= 63
}

// appendEscaped appends s percent-encoded, except for unreserved bytes and, if
// slash is set, "/". Nothing is cleaned: "a//b" and "../x" are keys like others.
func appendEscaped(dst []byte, s string, slash bool) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		if c := s[i]; isUnreserved(c) || slash && c == '/' {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}

// isPlain reports whether appendEscaped would leave s as it is.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isUnreserved(c) && c != '/' {
			return false
		}
	}
	return true
}

func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}
