package server

import (
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/sdk/go/signature"
)

// user makes a user with an access key.
func (f *fixture) user(name string) (id string, key *signature.Key) {
	f.t.Helper()
	u, err := f.store.CreateUser(f.t.Context(), name)
	if err != nil {
		f.t.Fatal(err)
	}
	k, err := f.store.CreateKey(f.t.Context(), u.ID)
	if err != nil {
		f.t.Fatal(err)
	}
	return u.ID, signature.NewKey(k.ID, k.Secret)
}

func TestSuspendedUsersAreRefused(t *testing.T) {
	f := start(t)
	id, alice := f.user("alice")
	f.ask(alice, "PUT", "/bucket1", "").want(http.StatusCreated)
	f.ask(alice, "PUT", "/bucket1/k", "x").want(http.StatusCreated)
	f.ask(alice, "PUT", "/bucket1?acl", `{"acl":[{"grantee":{"type":"group","name":"QS_ALL_USERS"},"permission":"READ"}]}`).want(http.StatusOK)
	for _, test := range []struct {
		to     store.Standing
		status int
		code   string
	}{{store.Problem, http.StatusForbidden, "account_problem"}, {store.Arrears, http.StatusPaymentRequired, "delinquent_account"}} {
		if err := f.store.SetStanding(t.Context(), id, test.to); err != nil {
			t.Fatal(err)
		}
		for _, r := range [][2]string{{"GET", "/"}, {"GET", "/?location"}, {"PUT", "/bucket2"}, {"GET", "/bucket1/k"}, {"PUT", "/bucket1/k"}, {"GET", "/no-such-bucket"}, {"DELETE", "/bucket1"}} {
			f.ask(alice, r[0], r[1], "").wantFault(test.status, test.code)
		}
		// Who has no right to know learns nothing, and others use what is open to them.
		f.ask(signature.NewKey(alice.ID(), "wrong"), "GET", "/", "").wantFault(http.StatusUnauthorized, "signature_not_matched")
		f.ask(nil, "GET", "/bucket1/k", "").want(http.StatusOK)
		f.ask(f.key, "GET", "/bucket1/k", "").want(http.StatusOK)
	}
	if err := f.store.SetStanding(t.Context(), id, store.Good); err != nil {
		t.Fatal(err)
	}
	f.ask(alice, "GET", "/bucket1/k", "").want(http.StatusOK)
}

func TestSuspendedBucketsAreRefused(t *testing.T) {
	f := start(t)
	f.bucket()
	f.object("/bucket1/k", "x")
	f.ask(f.key, "PUT", "/bucket2", "").want(http.StatusCreated)
	if err := f.store.SuspendBucket(t.Context(), "bucket1", true); err != nil {
		t.Fatal(err)
	}
	for _, r := range [][2]string{{"GET", "/bucket1"}, {"PUT", "/bucket1/k"}, {"GET", "/bucket1/k"}, {"GET", "/bucket1?acl"}, {"DELETE", "/bucket1"}} {
		for _, key := range []*signature.Key{f.key, nil} {
			f.ask(key, r[0], r[1], "").wantFault(http.StatusForbidden, "bucket_not_active")
		}
	}
	f.ask(f.key, "PUT", "/bucket2/k", "", "X-QS-Copy-Source: /bucket1/k").wantFault(http.StatusForbidden, "bucket_not_active")
	f.ask(f.key, "GET", "/", "").want(http.StatusOK)
	if err := f.store.SuspendBucket(t.Context(), "bucket1", false); err != nil {
		t.Fatal(err)
	}
	f.ask(f.key, "GET", "/bucket1/k", "").want(http.StatusOK)
}

// A clock is moved by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time // guarded by mu
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func TestBucketsAreCreatedAndDeletedAtARate(t *testing.T) {
	c := &clock{now: time.Now()}
	f := start(t, func(o *Config) { o.BucketRate, o.Now = 3, c.read })
	_, alice := f.user("alice")
	f.ask(f.key, "PUT", "/bucket1", "").want(http.StatusCreated)
	f.ask(f.key, "PUT", "/bucket1", "").wantFault(http.StatusConflict, "bucket_already_exists") // it counts, too
	f.ask(f.key, "DELETE", "/bucket1", "").want(http.StatusNoContent)
	f.ask(f.key, "PUT", "/bucket1", "").wantFault(http.StatusBadRequest, "max_requests_exceeded")
	f.ask(alice, "PUT", "/bucket1", "").want(http.StatusCreated)
	f.ask(f.key, "DELETE", "/bucket1", "").wantFault(http.StatusForbidden, "permission_denied")
	c.pass(time.Minute)
	f.ask(f.key, "PUT", "/bucket2", "").want(http.StatusCreated)
}

func TestThrottleForgets(t *testing.T) {
	now := time.Now()
	th := throttle{most: 1}
	for i := range 3 * maxMinutes {
		if err := th.take(string(rune('a'+i)), now); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Second)
	}
	if n := len(th.users); n > maxMinutes+60 {
		t.Errorf("%d users are remembered", n)
	}
}

func TestBucketsHaveALease(t *testing.T) {
	c := &clock{now: time.Now()}
	f := start(t, func(o *Config) { o.BucketLease, o.Now = time.Minute, c.read })
	f.bucket()
	f.ask(f.key, "DELETE", "/bucket1", "").wantFault(http.StatusForbidden, "lease_not_ready")
	c.pass(59 * time.Second)
	f.ask(f.key, "DELETE", "/bucket1", "").wantFault(http.StatusForbidden, "lease_not_ready")
	f.ask(nil, "DELETE", "/bucket1", "").wantFault(http.StatusForbidden, "permission_denied")
	c.pass(2 * time.Second)
	f.ask(f.key, "DELETE", "/bucket1", "").want(http.StatusNoContent)
}

func TestBucketsHaveAQuota(t *testing.T) {
	f := start(t, func(c *Config) {
		c.Store = (&fixture{t: t}).openStore(func(o *store.Options) { o.MaxBuckets = 1 })
	})
	k, err := f.store.CreateKey(t.Context(), store.RootUser)
	if err != nil {
		t.Fatal(err)
	}
	key := signature.NewKey(k.ID, k.Secret)
	f.ask(key, "PUT", "/bucket1", "").want(http.StatusCreated)
	f.ask(key, "PUT", "/bucket1", "").wantFault(http.StatusConflict, "bucket_already_exists")
	f.ask(key, "PUT", "/bucket2", "").wantFault(http.StatusForbidden, "too_many_buckets")
}

// TestAddressIsNotBelievedFromAnybody: a policy that lets one network in does so for the peer, or for whom a trusted proxy names.
func TestAddressIsNotBelievedFromAnybody(t *testing.T) {
	const policy = `{"statement":[{"id":"a","user":"*","effect":"allow","action":"get_object","resource":["bucket1/*"],` +
		`"condition":{"ip_address":{"source_ip":["198.51.100.0/24"]}}}]}`
	for _, test := range []struct {
		name      string
		proxies   []netip.Prefix
		forwarded []string
		status    int
	}{
		{"no proxy is trusted", nil, []string{"198.51.100.7"}, http.StatusForbidden},
		{"another is", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, []string{"198.51.100.7"}, http.StatusForbidden},
		{"a proxy names it", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"198.51.100.7"}, http.StatusOK},
		{"a client names it to the proxy", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"198.51.100.7, 203.0.113.9"}, http.StatusForbidden},
		{"in a header of its own", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"198.51.100.7", "203.0.113.9"}, http.StatusForbidden},
		{"with a port", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"198.51.100.7:80"}, http.StatusForbidden},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := start(t, func(c *Config) { c.TrustedProxies = test.proxies })
			f.bucket()
			f.object("/bucket1/k", "x")
			f.ask(f.key, "PUT", "/bucket1?policy", policy).want(http.StatusOK)
			var headers []string
			for _, v := range test.forwarded {
				headers = append(headers, "X-Forwarded-For: "+v)
			}
			f.ask(nil, "GET", "/bucket1/k", "", headers...).want(test.status)
		})
	}
}
