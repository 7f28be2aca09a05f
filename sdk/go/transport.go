package ois

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"
)

// NewTransport returns the transport that a client makes for itself if its
// Config has none. It is a starting point for one that trusts other roots, dials
// differently or speaks HTTP/2:
//
//	t := ois.NewTransport()
//	t.Protocols.SetHTTP2(true)
//
// Bulk transfers gain from many connections, so HTTP/1.1 is the default. Bodies
// are never decompressed on the way: sizes and checksums are those of the service.
func NewTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		OnProxyConnectResponse: checkTunnel,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  defaultTimeout,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        50 * time.Second, // below what servers and balancers usually have
		MaxIdleConnsPerHost:    64,
		MaxIdleConns:           512,
		MaxResponseHeaderBytes: 1 << 20,
		WriteBufferSize:        smallBody + 8<<10, // see smallBody
		ReadBufferSize:         16 << 10,
		DisableCompression:     true,
		Protocols:              protocols,
	}
}

// checkTunnel names the proxy that does not let a connection through; package http has its status alone.
func checkTunnel(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return &net.OpError{Op: "proxyconnect", Net: "tcp", Err: errors.New("proxy " + proxy.Host + " answers " + answer.Status)}
}

// defaultTimeout is for what a Config leaves open.
const defaultTimeout = 30 * time.Second
