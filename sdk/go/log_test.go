package ois

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
)

func TestLogHasNoSecrets(t *testing.T) {
	var b strings.Builder
	var mu sync.Mutex
	log := slog.New(slog.NewTextHandler(lockedWriter{&mu, &b}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	n := 0
	bucket := testingBucket(t, func(r *http.Request) (*http.Response, error) {
		if n++; n == 1 {
			return reply(503, `{"code":"service_unavailable"}`), nil
		}
		return reply(201, ""), nil
	}, func(c *Config) { c.Logger, c.Retry = log, quick })
	key := []byte("0123456789abcdef0123456789abcdef")
	if _, err := bucket.Copy(t.Context(), "k", "l", &CopyOptions{EncryptionKey: key, SourceEncryptionKey: key}); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, secret := range []string{"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", testSecret, testID} {
		if strings.Contains(text, secret) {
			t.Errorf("the log has %q: %s", secret, text)
		}
	}
	for _, want := range []string{
		"op=CopyObject", "attempt=1", "attempt=2", "status=503", "status=201", "path=/photos-1/k",
		"header.Authorization=hidden", "header.X-Qs-Encryption-Customer-Key=hidden", "header.X-Qs-Copy-Source-Encryption-Customer-Key=hidden", "service_unavailable", "request_id=3f2cf9ac3168744d",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %q: %s", want, text)
		}
	}
	for name, want := range map[string]bool{"authorization": true, "X-Qs-New-Key": true, "X-Qs-Meta-Key": false, "X-Qs-Encryption-Customer-Key-Md5": false} {
		if isSecret(name) != want {
			t.Errorf("isSecret(%q) = %v", name, !want)
		}
	}
}

func testingBucket(t *testing.T, rt roundTrip, change func(*Config)) *Bucket {
	t.Helper()
	return client(t, nil, func(c *Config) {
		c.Transport = rt
		change(c)
	}).Bucket("photos-1", "")
}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
