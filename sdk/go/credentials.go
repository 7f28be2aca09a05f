package ois

import (
	"context"
	"fmt"
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
// safe for concurrent use and should answer from memory, see [RefreshCredentials]. Its error ends the call.
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

// credentialsError is the cause when there is nothing to sign with.
type credentialsError struct{ err error }

func (e *credentialsError) Error() string { return "credentials: " + e.err.Error() }
func (e *credentialsError) Unwrap() error { return e.err }

// RefreshCredentials provides what fetch returns, and calls it again when less
// than a minute of it is left, or less than half of its time if that is shorter. One call
// fetches; others go on with what they have as long as it is valid, and wait for it after that.
//
// If fetch fails, credentials that are still valid stay in use, and fetch is called again after
// some seconds. Without any, calls fail with its error, also those that waited for it; so they do if what
// it returns has expired already.
func RefreshCredentials(fetch func(ctx context.Context) (Credentials, error)) CredentialsProvider {
	return &refreshing{fetch: fetch, turn: make(chan struct{}, 1)}
}

const (
	refreshAhead = time.Minute     // before they expire, credentials are fetched anew
	refreshPause = 5 * time.Second // after a failure while there are valid ones
)

type refreshing struct {
	fetch func(context.Context) (Credentials, error)
	turn  chan struct{} // holds one token while somebody fetches

	mu      sync.Mutex
	have    bool        // guarded by mu
	current Credentials // guarded by mu
	due     time.Time   // when to fetch anew, if current expires; guarded by mu
	fails   int         // of fetch, when there was nothing else; guarded by mu
	err     error       // of the last of them; guarded by mu
}

func (r *refreshing) Credentials(ctx context.Context) (Credentials, error) {
	c, valid, fresh := r.look()
	if fresh {
		return c, nil
	}
	fails, _ := r.failed()
	if valid {
		select {
		case r.turn <- struct{}{}:
		default:
			return c, nil // somebody fetches
		}
	} else {
		select {
		case r.turn <- struct{}{}:
		case <-ctx.Done():
			return Credentials{}, context.Cause(ctx)
		}
	}
	defer func() { <-r.turn }()
	if c, _, fresh := r.look(); fresh {
		return c, nil // somebody else has fetched meanwhile
	}
	if n, err := r.failed(); n != fails {
		return Credentials{}, err // of somebody else; if each waited for its own, the last would wait for all
	}
	return r.refresh(ctx)
}

// failed returns how often fetch has failed, and how the last time.
func (r *refreshing) failed() (n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fails, r.err
}

// look returns the current credentials, and whether they can be used and need not be fetched.
func (r *refreshing) look() (c Credentials, valid, fresh bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	forever := r.current.Expires.IsZero()
	valid = r.have && (forever || now.Before(r.current.Expires))
	return r.current, valid, valid && (forever || now.Before(r.due))
}

// refresh fetches. Its caller has the turn.
func (r *refreshing) refresh(ctx context.Context) (Credentials, error) {
	c, err := r.fetch(ctx)
	now := time.Now()
	left := c.Expires.Sub(now)
	if err == nil && !c.Expires.IsZero() && left <= 0 {
		err = fmt.Errorf("what was fetched has expired, at %s", c.Expires.UTC().Format(time.RFC3339))
	}
	if err != nil {
		old, valid, _ := r.look()
		r.mu.Lock()
		defer r.mu.Unlock()
		if !valid {
			if ctx.Err() == nil { // else it failed for this caller alone
				r.fails, r.err = r.fails+1, err
			}
			return Credentials{}, err
		}
		r.due = now.Add(refreshPause)
		return old, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.have, r.current, r.due = true, c, c.Expires.Add(-min(refreshAhead, left/2))
	return c, nil
}
