package ois

import (
	"context"
	"sync"
	"time"
)

// Credentials are a key pair. Without an access key id, requests are anonymous.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey string
	Expires         time.Time // zero means never
}

// A CredentialsProvider is asked for credentials before each attempt. It must be
// safe for concurrent use and should answer from memory, see [RefreshCredentials].
type CredentialsProvider interface {
	Credentials(ctx context.Context) (Credentials, error)
}

// StaticCredentials provides one key pair for ever.
func StaticCredentials(accessKeyID, secretAccessKey string) CredentialsProvider {
	return static{Credentials{AccessKeyID: accessKeyID, SecretAccessKey: secretAccessKey}}
}

// AnonymousCredentials provides none: requests are not signed.
func AnonymousCredentials() CredentialsProvider { return static{} }

type static struct{ c Credentials }

func (s static) Credentials(context.Context) (Credentials, error) { return s.c, nil }

// RefreshCredentials provides what fetch returns, and calls it again when less
// than a minute of it is left. While calls wait for fetch, it runs once. If it
// fails, credentials that are still valid stay in use.
func RefreshCredentials(fetch func(ctx context.Context) (Credentials, error)) CredentialsProvider {
	return &refreshing{fetch: fetch, turn: make(chan struct{}, 1)}
}

type refreshing struct {
	fetch func(context.Context) (Credentials, error)
	turn  chan struct{} // holds one token while somebody fetches

	mu      sync.Mutex
	have    bool        // guarded by mu
	current Credentials // guarded by mu
}

func (r *refreshing) Credentials(ctx context.Context) (Credentials, error) {
	if c, ok := r.valid(time.Minute); ok {
		return c, nil
	}
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return Credentials{}, context.Cause(ctx)
	}
	if c, ok := r.valid(time.Minute); ok {
		return c, nil // somebody else has fetched meanwhile
	}
	c, err := r.fetch(ctx)
	if err != nil {
		if c, ok := r.valid(0); ok {
			return c, nil
		}
		return Credentials{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.have, r.current = true, c
	return c, nil
}

// valid returns the current credentials if they live longer than margin.
func (r *refreshing) valid(margin time.Duration) (Credentials, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ok := r.have && (r.current.Expires.IsZero() || time.Until(r.current.Expires) > margin)
	return r.current, ok
}
