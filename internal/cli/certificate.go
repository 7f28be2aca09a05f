package cli

import (
	"crypto/tls"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// lookAtFiles is how often the files of a certificate are looked at, if somebody connects.
const lookAtFiles = 2 * time.Second

// A certificate is that of a server, with its key. It is read again when its files have changed; a pair that is none is logged, and
// the one before stays. Nothing runs for that: who connects looks at the files, if nobody did a moment ago.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	every             time.Duration

	pair atomic.Pointer[tls.Certificate]

	mu   sync.Mutex     // held while looking at the files
	next time.Time      // when to look again; guarded by mu
	seen [2]fs.FileInfo // the files as they were when they were read; guarded by mu
	lost bool           // they cannot be looked at; guarded by mu
}

// loadCertificate reads a certificate and its key from PEM files.
func loadCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log, every: lookAtFiles}
	c.mu.Lock()
	defer c.mu.Unlock()
	files, err := c.stat()
	if err != nil {
		return nil, err
	}
	c.seen = files
	return c, c.load()
}

// config returns the settings of a server with the certificate.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(), nil },
	}
}

// current returns the certificate as it is now. Nobody waits for another who looks at the files.
func (c *certificate) current() *tls.Certificate {
	if c.mu.TryLock() {
		if now := time.Now(); !now.Before(c.next) {
			c.next = now.Add(c.every)
			c.look()
		}
		c.mu.Unlock()
	}
	return c.pair.Load()
}

// look reads the files if they have changed. It is called with mu held.
func (c *certificate) look() {
	files, err := c.stat()
	if err != nil {
		if !c.lost {
			c.lost = true
			c.log.Error("the files of the certificate are gone; the one before stays", slog.Any("error", err))
		}
		return
	}
	c.lost = false
	if same(files[0], c.seen[0]) && same(files[1], c.seen[1]) {
		return
	}
	c.seen = files
	if err := c.load(); err != nil {
		c.log.Error("the certificate has changed and cannot be used; the one before stays", slog.Any("error", err))
		return
	}
	c.log.Info("the certificate was read again", slog.Time("expires", c.pair.Load().Leaf.NotAfter))
}

// stat looks at both files.
func (c *certificate) stat() (files [2]fs.FileInfo, err error) {
	if files[0], err = os.Stat(c.certFile); err == nil {
		files[1], err = os.Stat(c.keyFile)
	}
	return files, err
}

// same reports whether a file is as it was.
func same(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// load reads the files. It is called with mu held.
func (c *certificate) load() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", c.certFile, c.keyFile, err)
	}
	c.pair.Store(&pair)
	return nil
}
