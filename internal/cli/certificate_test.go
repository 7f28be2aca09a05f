package cli

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeCertificate makes a certificate of that name for this machine and writes it with its key.
func writeCertificate(t *testing.T, dir, name string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file+".new", pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

// trusting returns a client that trusts the certificate in a file.
func trusting(t *testing.T, certFile string) *http.Client {
	t.Helper()
	text, err := os.ReadFile(certFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// A page is an answer that was read.
type page struct {
	status, proto int
	tls           uint16 // version
	text          string
}

// get asks for a URL.
func get(t *testing.T, c *http.Client, url string) page {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	p := page{status: resp.StatusCode, proto: resp.ProtoMajor, text: string(text)}
	if resp.TLS != nil {
		p.tls = resp.TLS.Version
	}
	return p
}

func TestServeSpeaksHTTPS(t *testing.T) {
	certFile, keyFile := writeCertificate(t, t.TempDir(), "first")
	s := serve(t, nil, "--tls-cert", certFile, "--tls-key", keyFile)
	defer s.end(t)
	if !strings.HasPrefix(s.url, "https://127.0.0.1:") {
		t.Fatalf("the ready line has the address %s; want https", s.url)
	}
	p := get(t, trusting(t, certFile), s.url+"/-/health")
	if p.status != http.StatusOK || p.text != "ready\n" || p.proto != 1 || p.tls < tls.VersionTLS12 {
		t.Errorf("got %+v", p)
	}
	old := &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11, InsecureSkipVerify: true} //nolint:gosec // it is to be refused
	address := strings.TrimPrefix(s.url, "https://")
	if c, err := (&tls.Dialer{Config: old}).DialContext(t.Context(), "tcp", address); err == nil {
		c.Close()
		t.Error("TLS 1.1 is spoken")
	}
	// Who forgets the s is told so.
	p = get(t, http.DefaultClient, "http://"+address+"/-/health")
	if p.status != http.StatusBadRequest || !strings.Contains(p.text, "HTTPS") {
		t.Errorf("plain HTTP: got %+v; want 400 and a hint at HTTPS", p)
	}
}

// TestHTTPSToAPlainServer: who says too much gets an answer, and no silence.
func TestHTTPSToAPlainServer(t *testing.T) {
	s := serve(t, nil)
	defer s.end(t)
	_, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://")) //nolint:gosec // there is nothing to verify
	if err == nil || !strings.Contains(err.Error(), "does not look like a TLS handshake") {
		t.Errorf("got %v; want that this is no TLS", err)
	}
}

// TestCertificateIsReadAgain replaces the files, by a good pair, a broken one, and nothing.
func TestCertificateIsReadAgain(t *testing.T) {
	var log screen
	dir := t.TempDir()
	certFile, keyFile := writeCertificate(t, dir, "first")
	c, err := loadCertificate(certFile, keyFile, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	c.every = 0
	want := func(name, says string) {
		t.Helper()
		pair, err := c.config().GetCertificate(nil)
		if err != nil || pair.Leaf.Subject.CommonName != name {
			t.Errorf("the certificate is that of %s, %v; want %s", pair.Leaf.Subject.CommonName, err, name)
		}
		if !strings.Contains(log.String(), says) {
			t.Errorf("the log says\n%s; want %q", log.String(), says)
		}
	}
	want("first", "")
	writeCertificate(t, dir, "second")
	want("second", "the certificate was read again")

	if err := os.WriteFile(certFile, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	want("second", "cannot be used; the one before stays")
	lines := strings.Count(log.String(), "\n")
	want("second", "")
	if n := strings.Count(log.String(), "\n"); n != lines {
		t.Error("the same broken file is logged again")
	}
	writeCertificate(t, dir, "third")
	want("third", "")
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	want("third", "are gone")
	writeCertificate(t, dir, "fourth")
	want("fourth", "")
}

// TestCertificateIsNotLookedAtForEachConnection counts by what is seen: within the pause nothing new is.
func TestCertificateIsNotLookedAtForEachConnection(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := writeCertificate(t, dir, "first")
	c, err := loadCertificate(certFile, keyFile, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	c.every = time.Hour
	c.current()
	writeCertificate(t, dir, "second")
	if name := c.current().Leaf.Subject.CommonName; name != "first" {
		t.Errorf("the certificate is that of %s; want first", name)
	}
}

func TestServeRefusesACertificateThatIsNone(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := writeCertificate(t, dir, "first")
	bad := filepath.Join(dir, "bad.pem")
	if err := os.WriteFile(bad, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		status int
		args   []string
	}{
		{exitUsage, []string{"--tls-cert", certFile}},
		{exitUsage, []string{"--tls-key", keyFile}},
		{exitNotFound, []string{"--tls-cert", filepath.Join(dir, "missing.pem"), "--tls-key", keyFile}},
		{exitFailed, []string{"--tls-cert", bad, "--tls-key", keyFile}},
		{exitFailed, []string{"--tls-cert", certFile, "--tls-key", bad}},
	} {
		data := filepath.Join(t.TempDir(), "data")
		a, _, stderr := newApp(append([]string{"serve", "--listen", "127.0.0.1:0", "--data", data}, test.args...)...)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if got := a.run(ctx); got != test.status {
			t.Errorf("ois serve %q = %d, %s; want %d", test.args, got, stderr, test.status)
		}
		cancel()
		if _, err := os.Stat(data); err == nil {
			t.Errorf("ois serve %q has made a data directory", test.args)
		}
	}
}
