package ois

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

func TestRefreshCredentials(t *testing.T) {
	var calls int
	var fail error
	expires := time.Now().Add(time.Hour)
	p := RefreshCredentials(func(context.Context) (Credentials, error) {
		calls++
		return Credentials{AccessKeyID: "a", SecretAccessKey: "b", Expires: expires}, fail
	})
	get := func(wantCalls int, wantErr error) {
		t.Helper()
		c, err := p.Credentials(t.Context())
		if calls != wantCalls || !errors.Is(err, wantErr) || err == nil && c.AccessKeyID != "a" {
			t.Errorf("got %+v, %v after %d calls; want %d calls and error %v", c, err, calls, wantCalls, wantErr)
		}
	}
	get(1, nil)
	get(1, nil) // from memory
	p.(*refreshing).current.Expires = time.Now().Add(30 * time.Second)
	fail = errors.New("down")
	get(2, nil) // what is still valid stays
	p.(*refreshing).current.Expires = time.Now().Add(-time.Second)
	get(3, fail)
	fail = nil
	get(4, nil)
}

func TestRefreshCredentialsFetchesOnce(t *testing.T) {
	release, calls := make(chan struct{}), 0
	p := RefreshCredentials(func(context.Context) (Credentials, error) {
		calls++ // the race detector would see two of them
		<-release
		return Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
	})
	var wg sync.WaitGroup
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if c, err := p.Credentials(t.Context()); err != nil || c.AccessKeyID != "a" {
				t.Errorf("got %+v, %v", c, err)
			}
		}()
	}
	close(release)
	wg.Wait()
	if calls != 1 {
		t.Errorf("%d calls; want 1", calls)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	blocked := RefreshCredentials(func(context.Context) (Credentials, error) { select {} })
	blocked.(*refreshing).turn <- struct{}{} // somebody fetches for ever
	if _, err := blocked.Credentials(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting with a context that has ended: %v; want context.Canceled", err)
	}
}
