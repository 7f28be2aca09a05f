package server

import (
	"context"
	"crypto/md5"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/replicate"
	"github.com/oisproject/ois/internal/store"
)

const peerSecret = "a secret that two zones share, for tests"

// zones starts two servers: from sends to to. Both have a bucket of the root user.
func zones(t *testing.T) (from, to *fixture) {
	t.Helper()
	to = start(t, func(c *Config) { c.Zones, c.PeerSecret = []string{"sh1a"}, peerSecret })
	from = start(t, func(c *Config) {
		c.PeerSecret = peerSecret
		c.Replicator = replicate.New(replicate.Config{
			Store: c.Store, Secret: peerSecret, Peers: []replicate.Peer{{Zone: "sh1a", URL: &url.URL{Scheme: "http", Host: to.addr}}},
		})
	})
	from.run(from.replicator.Run)
	from.ask(from.key, "PUT", "/source1", "").want(http.StatusCreated)
	to.ask(to.key, "PUT", "/target1", "").want(http.StatusCreated)
	return from, to
}

// run runs something beside the server until the test ends.
func (f *fixture) run(do func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(f.t.Context())
	var ended sync.WaitGroup
	ended.Go(func() { do(ctx) })
	stop = func() { cancel(); ended.Wait() }
	f.t.Cleanup(stop)
	return stop
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it has not come to it that %s", what)
		}
	}
}

// settled waits until nothing is left to be replicated.
func (f *fixture) settled() {
	f.t.Helper()
	eventually(f.t, "all is replicated", func() bool {
		left, err := f.store.StaleBuckets(f.t.Context())
		if err != nil {
			f.t.Fatal(err)
		}
		return len(left) == 0
	})
}

const replicateAll = `{"rules":[{"id":"r1","filters":{"prefix":""},"destination":{"bucket":"target1"},"delete_marker":"enabled"}]}`

func TestReplication(t *testing.T) {
	from, to := zones(t)
	from.ask(from.key, "PUT", "/source1/old", "from before").want(http.StatusCreated)
	from.ask(from.key, "PUT", "/source1?replication", replicateAll).want(http.StatusOK)
	got := from.ask(from.key, "GET", "/source1?replication", "").want(http.StatusOK).text
	if !strings.Contains(got, `"zone":"sh1a"`) || !strings.Contains(got, `"storage_class":"STANDARD"`) {
		t.Errorf("GET ?replication = %s; want the zone and the storage class filled in", got)
	}

	from.ask(from.key, "PUT", "/source1/dir/a%20b%3F", "hello", "Content-Type: text/x-test", "X-Qs-Meta-Colour: blue", "X-Qs-Storage-Class: STANDARD_IA").want(http.StatusCreated)
	from.ask(from.key, "PUT", "/source1/empty", "").want(http.StatusCreated)
	upload := from.initiate("/source1/parts")
	from.ask(from.key, "PUT", "/source1/parts?part_number=0&upload_id="+upload, "in parts").want(http.StatusCreated)
	etag := `"` + strings.Repeat("ab", 16) + `"`
	from.ask(from.key, "POST", "/source1/parts?upload_id="+upload, `{"object_parts":[{"part_number":0}]}`, "ETag: "+etag).want(http.StatusCreated)
	from.settled()

	for _, key := range []string{"dir/a%20b%3F", "empty", "parts"} {
		a, b := from.ask(from.key, "GET", "/source1/"+key, "").want(http.StatusOK), to.ask(to.key, "GET", "/target1/"+key, "").want(http.StatusOK)
		if a.text != b.text {
			t.Errorf("%s: the replica is %q; want %q", key, b.text, a.text)
		}
		for _, name := range []string{"Etag", "Last-Modified", "Content-Type", "X-Qs-Meta-Colour"} {
			if a.Header.Get(name) != b.Header.Get(name) {
				t.Errorf("%s: header %s of the replica is %q; want %q", key, name, b.Header.Get(name), a.Header.Get(name))
			}
		}
		if class := b.Header.Get("X-Qs-Storage-Class"); class != "STANDARD" {
			t.Errorf("%s: the replica has storage class %s; want that of the rule", key, class)
		}
	}
	to.ask(to.key, "GET", "/target1/old", "").want(http.StatusNotFound)

	from.ask(from.key, "DELETE", "/source1/empty", "").want(http.StatusNoContent)
	from.ask(from.key, "PUT", "/source1/moved", "", "X-Qs-Move-Source: /source1/parts").want(http.StatusCreated)
	from.settled()
	to.ask(to.key, "HEAD", "/target1/empty", "").want(http.StatusNotFound)
	to.ask(to.key, "HEAD", "/target1/parts", "").want(http.StatusNotFound)
	to.ask(to.key, "HEAD", "/target1/moved", "").want(http.StatusOK)

	for _, s := range []*store.Store{from.store, to.store} {
		if r, err := s.Check(t.Context()); err != nil || !r.Clean() {
			t.Errorf("check: %v, %v", r, err)
		}
	}

	from.ask(from.key, "DELETE", "/source1?replication", "").want(http.StatusNoContent)
	from.ask(from.key, "PUT", "/source1/later", "x").want(http.StatusCreated)
	from.settled()
	to.ask(to.key, "HEAD", "/target1/later", "").want(http.StatusNotFound)
}

func (f *fixture) initiate(target string) (id string) {
	f.t.Helper()
	text := f.ask(f.key, "POST", target+"?uploads", "").want(http.StatusOK).text
	_, id, _ = strings.Cut(text, `"upload_id":"`)
	id, _, _ = strings.Cut(id, `"`)
	return id
}

// TestReplicationOfLargeObjects sends an object that takes more than one request.
func TestReplicationOfLargeObjects(t *testing.T) {
	if testing.Short() {
		t.Skip("it moves 65 MiB")
	}
	from, to := zones(t)
	from.ask(from.key, "PUT", "/source1?replication", replicateAll).want(http.StatusOK)
	body := strings.Repeat("0123456789abcde\n", 65<<16)
	from.ask(from.key, "PUT", "/source1/large", body).want(http.StatusCreated)
	from.settled()
	got := to.ask(to.key, "GET", "/target1/large", "").want(http.StatusOK)
	if want := fmt.Sprintf("\"%x\"", md5.Sum([]byte(body))); got.text != body || got.Header.Get("Etag") != want {
		t.Errorf("the replica has %d bytes and ETag %s; want %d and %s", len(got.text), got.Header.Get("Etag"), len(body), want)
	}
}

// TestReplicationSurvivesAnOutage lets the other zone be away, changes an object many times, and starts the sender anew.
func TestReplicationSurvivesAnOutage(t *testing.T) {
	to := start(t, func(c *Config) { c.Zones, c.PeerSecret = []string{"sh1a"}, peerSecret })
	to.ask(to.key, "PUT", "/target1", "").want(http.StatusCreated)
	agent := func(s *store.Store) *replicate.Replicator {
		return replicate.New(replicate.Config{
			Store: s, Secret: peerSecret, Peers: []replicate.Peer{{Zone: "sh1a", URL: &url.URL{Scheme: "http", Host: to.addr}}},
		})
	}
	from := start(t, func(c *Config) { c.Replicator = agent(c.Store) })
	from.ask(from.key, "PUT", "/source1", "").want(http.StatusCreated)
	from.ask(from.key, "PUT", "/source1?replication", replicateAll).want(http.StatusOK)
	to.stop()
	stop := from.run(from.replicator.Run)
	for i := range 5 {
		from.ask(from.key, "PUT", "/source1/k", fmt.Sprint(i)).want(http.StatusCreated)
	}
	eventually(t, "the other zone is missed", func() bool { return from.replicator.Figures().Failed > 0 })
	stop()

	again, err := New(Config{Store: to.store, Zones: []string{"sh1a"}, PeerSecret: peerSecret})
	if err != nil {
		t.Fatal(err)
	}
	to.Server = again
	to.listen()
	late := replicate.New(replicate.Config{
		Store: from.store, Secret: peerSecret, Peers: []replicate.Peer{{Zone: "sh1a", URL: &url.URL{Scheme: "http", Host: to.addr}}},
	})
	from.run(late.Run)
	from.settled()
	if got := to.ask(to.key, "GET", "/target1/k", "").want(http.StatusOK).text; got != "4" {
		t.Errorf("the replica is %q; want the last version, 4", got)
	}
	if n := late.Figures().Copied; n != 1 {
		t.Errorf("five changes during an outage cost %d copies; want 1", n)
	}
}

// TestDamagedObjectsDoNotHoldUpOthers has more of them wait before an object than are read at once.
func TestDamagedObjectsDoNotHoldUpOthers(t *testing.T) {
	from, to := zones(t)
	from.disk.damage(10)
	from.ask(from.key, "PUT", "/source1?replication", replicateAll).want(http.StatusOK)
	body := strings.Repeat("x", 20_000) // too large to lie beside its row
	for i := range 101 {
		from.ask(from.key, "PUT", fmt.Sprintf("/source1/damaged%03d", i), body).want(http.StatusCreated)
	}
	from.ask(from.key, "PUT", "/source1/sound", "x").want(http.StatusCreated)
	eventually(t, "the sound object is there", func() bool {
		return to.ask(to.key, "HEAD", "/target1/sound", "").StatusCode == http.StatusOK
	})
	to.ask(to.key, "HEAD", "/target1/damaged000", "").want(http.StatusNotFound)
}

// TestReplicationOfOlderObjects marks them when the delay is over, and not before.
func TestReplicationOfOlderObjects(t *testing.T) {
	from, to := zones(t)
	for i := range 1203 { // more than two batches
		if i%2 == 0 {
			from.ask(from.key, "PUT", fmt.Sprintf("/source1/a/%d", i), "x").want(http.StatusCreated)
		}
	}
	from.ask(from.key, "PUT", "/source1/b", "x").want(http.StatusCreated)
	from.ask(from.key, "PUT", "/source1?replication", `{"rules":[
		{"id":"r1","filters":{"prefix":"a/"},"destination":{"bucket":"target1"},"sync_marker":"enabled"},
		{"id":"r2","filters":{"prefix":"b"},"destination":{"bucket":"target1"}}]}`).want(http.StatusOK)
	for _, step := range []struct {
		after time.Duration
		want  int64
	}{{29 * time.Minute, 0}, {31 * time.Minute, 602}, {time.Hour, 0}} {
		n, err := from.store.MarkBacklogs(t.Context(), time.Now().Add(step.after))
		if err != nil || n != step.want {
			t.Errorf("after %s %d objects were marked, %v; want %d", step.after, n, err, step.want)
		}
	}
	from.settled()
	if got := to.ask(to.key, "GET", "/target1?stats", "").want(http.StatusOK).text; !strings.Contains(got, `"count":602,`) {
		t.Errorf("the target holds %s; want 602 objects", got)
	}
}

func TestReplicationSettingsThatAreRefused(t *testing.T) {
	from, to := zones(t)
	to.ask(to.key, "PUT", "/target2", "").want(http.StatusCreated)
	rule := func(s string) string { return `{"rules":[` + s + `]}` }
	for _, test := range []struct{ body, want string }{
		{`{"rules":[]}`, "rules has 0 entries"},
		{rule(`{"id":"","filters":{},"destination":{"bucket":"target1"}}`), "id"},
		{rule(`{"id":"a","filters":{},"destination":{"bucket":"nosuch1"}}`), "no other zone has a bucket"},
		{rule(`{"id":"a","filters":{},"destination":{"bucket":"source1"}}`), "is the bucket itself"},
		{rule(`{"id":"a","filters":{},"destination":{"bucket":"target1","storage_class":"COLD"}}`), "storage class"},
		{rule(`{"id":"a","filters":{},"status":"on","destination":{"bucket":"target1"}}`), "status"},
		{rule(`{"id":"a","filters":{},"destination":{"bucket":"target1"}},{"id":"a","filters":{"prefix":"b"},"destination":{"bucket":"target1"}}`), "twice"},
		{rule(`{"id":"a","filters":{"prefix":"x"},"destination":{"bucket":"target1"}},{"id":"b","filters":{"prefix":"xy"},"destination":{"bucket":"target1"}}`), "covers"},
		{rule(`{"id":"a","filters":{"prefix":"x"},"destination":{"bucket":"target1"}},{"id":"b","filters":{"prefix":"y"},"destination":{"bucket":"target2"}}`), "all rules"},
	} {
		a := from.ask(from.key, "PUT", "/source1?replication", test.body).wantFault(http.StatusBadRequest, "invalid_request")
		if !strings.Contains(a.text, test.want) {
			t.Errorf("%s is refused with %s; want %q in it", test.body, a.text, test.want)
		}
	}
	lone := start(t)
	lone.ask(lone.key, "PUT", "/source1", "").want(http.StatusCreated)
	lone.ask(lone.key, "PUT", "/source1?replication", replicateAll).wantFault(http.StatusBadRequest, "invalid_request")
	lone.ask(lone.key, "GET", "/source1?replication", "").want(http.StatusOK)
}

// TestAZoneThatIsAwayIsNotLocated: where the other zones are is the operator's business, so the log says it and the answer does not.
func TestAZoneThatIsAwayIsNotLocated(t *testing.T) {
	from, to := zones(t)
	to.stop()
	a := from.ask(from.key, "PUT", "/source1?replication", replicateAll).wantFault(http.StatusServiceUnavailable, "service_unavailable")
	if strings.Contains(a.text, to.addr) {
		t.Errorf("a user is told the address of another zone: %s", a.text)
	}
	eventually(t, "the log says which zone could not be asked", func() bool { return strings.Contains(from.log.String(), to.addr) })
}

// TestPeersMayDoLittle checks that who has the key of the zones can do no more than replication needs.
func TestPeersMayDoLittle(t *testing.T) {
	_, to := zones(t)
	alice, err := to.store.CreateUser(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	key := to.keyOf(replicate.AccessKeyID, peerSecret)
	as := func(name string) string { return replicate.HeaderOwner + ": " + name }
	to.ask(key, "PUT", "/target1/k", "x", as("root")).want(http.StatusCreated)
	to.ask(key, "PUT", "/target1/k", "x", as("alice")).wantFault(http.StatusForbidden, "permission_denied")
	to.ask(key, "PUT", "/target1/k", "x", as("nobody")).wantFault(http.StatusForbidden, "permission_denied")
	to.ask(key, "PUT", "/target1/k", "x").wantFault(http.StatusBadRequest, "invalid_argument")
	to.ask(key, "PUT", "/target1?acl", `{"acl":[]}`, as("root")).wantFault(http.StatusForbidden, "permission_denied")
	to.ask(key, "GET", "/target1/k", "", as("root")).wantFault(http.StatusForbidden, "permission_denied")
	to.ask(key, "DELETE", "/target1", "", as("root")).wantFault(http.StatusForbidden, "permission_denied")
	to.ask(to.keyOf(replicate.AccessKeyID, "guessed"), "PUT", "/target1/k", "x", as("root")).wantFault(http.StatusUnauthorized, "signature_not_matched")
	// To be granted something is not to own it.
	to.ask(to.key, "PUT", "/target1?acl", `{"acl":[{"grantee":{"type":"user","id":"`+alice.ID+`"},"permission":"FULL_CONTROL"}]}`).want(http.StatusOK)
	to.ask(key, "PUT", "/target1/k", "x", as("alice")).wantFault(http.StatusForbidden, "permission_denied")
	// Users cannot say what a replica says.
	to.ask(to.key, "PUT", "/target1/mine", "x", replicate.HeaderETag+": forged").want(http.StatusCreated)
	if got := to.ask(to.key, "HEAD", "/target1/mine", "").Header.Get("Etag"); strings.Contains(got, "forged") {
		t.Errorf("a user has made up the ETag %s", got)
	}
	if lone := start(t); !slices.Contains([]int{http.StatusUnauthorized}, lone.ask(key, "HEAD", "/target1", "", as("root")).StatusCode) {
		t.Error("a server without peers knows their key")
	}
}

// TestEncryptedObjectsStay: nobody but the customer could read a copy, and nothing waits for it.
func TestEncryptedObjectsStay(t *testing.T) {
	from, to := zones(t)
	from.ask(from.key, "PUT", "/source1?replication", replicateAll).want(http.StatusOK)
	from.ask(from.key, "PUT", "/source1/sealed", "hello", sealedWith...).want(http.StatusCreated)
	from.settled()
	to.ask(to.key, "GET", "/target1/sealed", "").want(http.StatusNotFound)
	if f := from.replicator.Figures(); f.Failed > 0 || f.Copied > 0 {
		t.Errorf("%+v; want no attempt", f)
	}
}
