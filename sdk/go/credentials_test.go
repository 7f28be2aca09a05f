//go:build go1.25

package ois

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRefreshCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls int
		var fail error
		life := time.Hour
		p := RefreshCredentials(func(context.Context) (Credentials, error) {
			calls++
			return Credentials{AccessKeyID: "a", SecretAccessKey: "b", Expires: time.Now().Add(life)}, fail
		})
		get := func(what string, wait time.Duration, wantCalls int, wantErr error) {
			t.Helper()
			time.Sleep(wait)
			c, err := p.Credentials(t.Context())
			if calls != wantCalls || !errors.Is(err, wantErr) || err == nil && (c.AccessKeyID != "a" || !time.Now().Before(c.Expires)) {
				t.Errorf("%s: %v, %v after %d calls; want %d calls and error %v", what, c, err, calls, wantCalls, wantErr)
			}
		}
		get("first", 0, 1, nil)
		get("from memory", 59*time.Minute-1, 1, nil)
		get("a minute before the end", time.Nanosecond, 2, nil)
		fail = errors.New("vault is down")
		get("fetch fails, what is valid stays", 59*time.Minute, 3, nil)
		get("it is not asked at once again", refreshPause-1, 3, nil)
		get("but soon", time.Nanosecond, 4, nil)
		get("at the end the error shows", time.Minute, 5, fail)
		get("every time", 0, 6, fail)
		fail, life = nil, 10*time.Second
		get("back again, for a short time", 0, 7, nil)
		get("half of that is quiet", 5*time.Second-1, 7, nil)
		get("then it is fetched", time.Nanosecond, 8, nil)
		life = -time.Second
		time.Sleep(10 * time.Second)
		if _, err := p.Credentials(t.Context()); err == nil || !strings.Contains(err.Error(), "has expired, at 2000-01-01T") {
			t.Errorf("expired already: %v; want an error that says so", err)
		}
	})
}

func TestCredentialsForEverAreFetchedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		p := RefreshCredentials(func(context.Context) (Credentials, error) {
			calls++
			return Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
		})
		for range 3 {
			if c, err := p.Credentials(t.Context()); err != nil || c.AccessKeyID != "a" {
				t.Errorf("got %v, %v", c, err)
			}
			time.Sleep(10000 * time.Hour)
		}
		if calls != 1 {
			t.Errorf("%d calls; want 1", calls)
		}
	})
}

// TestOneFetchesForAll: while one call fetches, those that have no valid credentials wait for it, and
// those that have go on.
func TestOneFetchesForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		p := RefreshCredentials(func(context.Context) (Credentials, error) {
			calls++ // the race detector would see two of them
			time.Sleep(10 * time.Second)
			return Credentials{AccessKeyID: "a", SecretAccessKey: "b", Expires: time.Now().Add(time.Hour)}, nil
		})
		all := func(want map[time.Duration]int, wantCalls int) {
			t.Helper()
			took := make(chan time.Duration)
			for range 8 {
				go func() {
					start := time.Now()
					if c, err := p.Credentials(t.Context()); err != nil || c.AccessKeyID != "a" {
						t.Errorf("got %v, %v", c, err)
					}
					took <- time.Since(start)
				}()
			}
			got := make(map[time.Duration]int)
			for range 8 {
				got[<-took]++
			}
			if calls != wantCalls || len(got) != len(want) {
				t.Errorf("%d calls, waits of %v; want %d, %v", calls, got, wantCalls, want)
			}
			for d, n := range want {
				if got[d] != n {
					t.Errorf("waits of %v; want %v", got, want)
				}
			}
		}
		all(map[time.Duration]int{10 * time.Second: 8}, 1)
		time.Sleep(59*time.Minute + 30*time.Second)
		all(map[time.Duration]int{10 * time.Second: 1, 0: 7}, 2)
		time.Sleep(2 * time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go func() { _, _ = p.Credentials(t.Context()) }() // fetches for others
		synctest.Wait()
		if _, err := p.Credentials(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting with a context that ends: %v; want DeadlineExceeded", err)
		}
		time.Sleep(time.Minute)
	})
}

// TestRefreshedCredentialsSignTheNextAttempt: what is fetched is used at once, also between attempts.
func TestRefreshedCredentialsSignTheNextAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ids := []string{"old", "new"}
		var used []string
		n := 0
		b := testBucket(t, script(&n, func(n int, r *http.Request) (*http.Response, error) {
			used = append(used, strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "QS "), ":")[0])
			if n == 1 {
				return reply(503, busy, "Retry-After", "20"), nil
			}
			return reply(200, ""), nil
		}), func(c *Config) {
			c.AccessKeyID, c.SecretAccessKey = "", ""
			c.Credentials = RefreshCredentials(func(context.Context) (Credentials, error) {
				id := ids[0]
				ids = ids[1:]
				return Credentials{AccessKeyID: id, SecretAccessKey: "s", Expires: time.Now().Add(30 * time.Second)}, nil
			})
		})
		if _, err := b.Head(t.Context(), "k", nil); err != nil || strings.Join(used, " ") != "old new" {
			t.Errorf("%v with keys %q; want old, then new", err, used)
		}
	})
}
