package replicate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/store/storetest"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/sdk/go/signature"
)

const secret = "what two zones know"

// A zone is another server, as far as requests go.
type zone struct {
	mu     sync.Mutex
	down   bool
	refuse string // requests with that in their target are answered with 503
	during func() // is called once, before a request is answered
	took   []request
	log    strings.Builder
}

// A request is what a zone was sent.
type request struct {
	what   string // method and target
	header http.Header
	body   string
}

// RoundTrip answers as a server would.
func (z *zone) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err := errors.Join(err, r.Body.Close()); err != nil {
		return nil, err
	}
	z.mu.Lock()
	during := z.during
	z.during = nil
	z.took = append(z.took, request{r.Method + " " + r.URL.RequestURI(), r.Header, string(body)})
	down, refuse := z.down, z.refuse
	z.mu.Unlock()
	if during != nil {
		during()
	}
	if down {
		return nil, errors.New("nobody is there")
	}
	id, sig, _ := signature.ParseAuthorization(r.Header.Get("Authorization"))
	m := signature.Message{Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Header: r.Header}
	switch {
	case id != AccessKeyID || !signature.NewKey(AccessKeyID, secret).Verify(&m, sig):
		return answer(http.StatusUnauthorized, `{"code":"signature_not_matched","message":"no"}`), nil
	case refuse != "" && strings.Contains(r.URL.RequestURI(), refuse):
		return answer(http.StatusServiceUnavailable, `{"code":"server_busy","message":"come again"}`), nil
	case r.Method == http.MethodHead && r.Header.Get(HeaderOwner) != "root":
		return answer(http.StatusForbidden, ""), nil
	case r.Method == http.MethodHead:
		return answer(http.StatusOK, ""), nil
	case r.Method == http.MethodDelete:
		return answer(http.StatusNoContent, ""), nil
	case r.URL.RawQuery == "uploads":
		return answer(http.StatusOK, `{"upload_id":"u/1"}`), nil
	}
	return answer(http.StatusCreated, ""), nil
}

func answer(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

func (z *zone) set(change func(*zone)) {
	z.mu.Lock()
	defer z.mu.Unlock()
	change(z)
}

// take returns what was sent since it was called last: as one word for each request, and whole.
func (z *zone) take() (what []string, took []request) {
	synctest.Wait()
	z.mu.Lock()
	defer z.mu.Unlock()
	took, z.took = z.took, nil
	for _, r := range took {
		what = append(what, r.what)
	}
	return what, took
}

// want checks what was sent, in any order.
func (z *zone) want(t *testing.T, when string, want ...string) {
	t.Helper()
	got, _ := z.take()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: sent %q; want %q", when, got, want)
	}
}

// Write takes lines of the log.
func (z *zone) Write(b []byte) (int, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.log.Write(b)
}

// told returns the log, and forgets it.
func (z *zone) told() string {
	z.mu.Lock()
	defer z.mu.Unlock()
	defer z.log.Reset()
	return z.log.String()
}

// A pair is a store and the zone that it sends to.
type pair struct {
	*zone
	store  *store.Store
	bucket *store.Bucket
	r      *Replicator
	stop   func() // ends the replicator
}

// replicating runs do with a store with a bucket, and with a Replicator at work.
func replicating(t *testing.T, do func(t *testing.T, p *pair)) {
	synctest.Test(t, func(t *testing.T) {
		p := &pair{zone: new(zone), store: storetest.Open(t, vfs.NewMem())}
		if _, err := p.store.PutBucket(t.Context(), store.RootUser, "jn1a", &op.PutBucketInput{Bucket: "source1"}); err != nil {
			t.Fatal(err)
		}
		p.rules(t, op.ReplicationRule{ID: "all", DeleteMarker: "enabled"})
		p.run(t)
		do(t, p)
		p.stop()
		if r, err := p.store.Check(t.Context()); err != nil || !r.Clean() {
			t.Errorf("check: %v, %v", r, err)
		}
		if err := p.store.Close(); err != nil {
			t.Error(err)
		}
	})
}

// run starts a Replicator.
func (p *pair) run(t *testing.T) {
	p.r = New(Config{
		Store: p.store, Secret: secret, Peers: []Peer{{Zone: "sh1a", URL: &url.URL{Scheme: "http", Host: "peer.test"}}},
		Logger: slog.New(slog.NewTextHandler(p.zone, nil)),
	})
	p.r.agents["sh1a"].client.Transport = p.zone
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() { p.r.Run(ctx) })
	p.stop = func() { cancel(); ended.Wait() }
	synctest.Wait()
}

// rules sets rules. What they leave out is as the server fills it in.
func (p *pair) rules(t *testing.T, rules ...op.ReplicationRule) {
	t.Helper()
	for i := range rules {
		if d := &rules[i].Destination; d.Zone == "" {
			*d = op.ReplicationDestination{Bucket: "target1", Zone: "sh1a", StorageClass: "STANDARD"}
		}
	}
	b, err := p.store.Bucket(t.Context(), "source1")
	if err == nil {
		_, err = b.PutBucketReplication(t.Context(), &op.PutBucketReplicationInput{Rules: rules})
	}
	if err == nil {
		p.bucket, err = p.store.Bucket(t.Context(), "source1")
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (p *pair) put(t *testing.T, key, body string) {
	t.Helper()
	if _, err := p.bucket.PutObject(t.Context(), &op.PutObjectInput{
		Key: key, Body: strings.NewReader(body), ContentLength: int64(len(body)), ContentType: "text/x-test", StorageClass: "STANDARD_IA",
		Metadata: map[string]string{"colour": "blue"},
	}); err != nil {
		t.Fatal(err)
	}
}

// left returns how many keys are stale.
func (p *pair) left(t *testing.T) (n int) {
	t.Helper()
	ids, err := p.store.StaleBuckets(t.Context())
	for _, id := range ids {
		var keys []store.Stale
		if err == nil {
			_, keys, err = p.store.StaleIn(t.Context(), id, "", 10_000)
		}
		n += len(keys)
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestAnObjectIsSent looks at all that is sent of one.
func TestAnObjectIsSent(t *testing.T) {
	replicating(t, func(t *testing.T, p *pair) {
		p.put(t, "dir/a b?%2F", "hello")
		what, took := p.take()
		if !slices.Equal(what, []string{"PUT /target1/dir/a%20b%3F%252F"}) || took[0].body != "hello" {
			t.Fatalf("sent %q with %q", what, took)
		}
		for name, want := range map[string]string{
			HeaderOwner: "root", HeaderETag: "5d41402abc4b2a76b9719d911017c592", HeaderModified: "946684800000",
			"Content-Type": "text/x-test", "X-Qs-Meta-colour": "blue", "X-Qs-Storage-Class": "STANDARD", "Date": "Sat, 01 Jan 2000 00:00:00 GMT",
		} {
			if got := took[0].header[http.CanonicalHeaderKey(name)]; !slices.Equal(got, []string{want}) {
				t.Errorf("header %s is %q; want %q", name, got, want)
			}
		}
		if _, err := p.bucket.DeleteObject(t.Context(), &op.DeleteObjectInput{Key: "dir/a b?%2F"}); err != nil {
			t.Fatal(err)
		}
		p.want(t, "deleted", "DELETE /target1/dir/a%20b%3F%252F")
		if f := p.r.Figures(); f != (Figures{Copied: 1, Deleted: 1}) || p.left(t) != 0 {
			t.Errorf("%+v, %d left; want one copy, one deletion, and none", f, p.left(t))
		}
	})
}

// TestWhatRulesDoNotAskFor is forgotten without a word to anybody.
func TestWhatRulesDoNotAskFor(t *testing.T) {
	replicating(t, func(t *testing.T, p *pair) {
		p.rules(t, op.ReplicationRule{ID: "a", Filters: op.ReplicationFilters{Prefix: "a/"}},
			op.ReplicationRule{ID: "b", Filters: op.ReplicationFilters{Prefix: "b/"}, Status: "disabled"})
		for _, key := range []string{"a/1", "b/1", "c/1"} {
			p.put(t, key, "x")
		}
		p.want(t, "put", "PUT /target1/a/1")
		if _, err := p.bucket.DeleteObject(t.Context(), &op.DeleteObjectInput{Key: "a/1"}); err != nil {
			t.Fatal(err)
		}
		p.want(t, "deleted without delete_marker")

		p.set(func(z *zone) { z.down = true })
		p.put(t, "a/2", "x")
		p.want(t, "the zone is away", "PUT /target1/a/2")
		if _, err := p.bucket.DeleteBucketReplication(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		p.want(t, "the rules are gone")
		if n := p.left(t); n != 0 {
			t.Errorf("%d keys are left; want none", n)
		}
	})
}

// TestOutage lets the zone be away for hours, and starts the replicator anew meanwhile.
func TestOutage(t *testing.T) {
	replicating(t, func(t *testing.T, p *pair) {
		p.set(func(z *zone) { z.down = true })
		for i := range 250 {
			p.put(t, fmt.Sprintf("k%03d", i), "x")
		}
		if got, _ := p.take(); len(got) > batch {
			t.Errorf("%d requests to somebody who is not there; want no more than one batch of %d", len(got), batch)
		}
		if n := p.r.Figures().Waiting; n != 1 {
			t.Errorf("%d buckets wait; want 1", n)
		}
		if text := p.told(); !strings.Contains(text, "nothing is lost") || !strings.Contains(text, "nobody is there") || !strings.Contains(text, "pause=1s") {
			t.Errorf("the log says %s", text)
		}
		time.Sleep(time.Hour)
		p.take()
		if n := strings.Count(p.told(), "nothing is lost"); n < 60 || n > 70 {
			t.Errorf("within an hour it was tried %d times; want once a minute, after some that were sooner", n)
		}
		p.put(t, "k000", "newer")
		p.stop()
		p.take()
		p.set(func(z *zone) { z.down = false })
		p.run(t)
		got, took := p.take()
		if n := p.left(t); len(got) != 250 || n != 0 {
			t.Errorf("after the outage %d requests, %d keys left; want 250 and none", len(got), n)
		}
		for _, r := range took {
			if strings.HasSuffix(r.what, "/k000") && r.body != "newer" {
				t.Errorf("%s: sent %q; want what it is now", r.what, r.body)
			}
		}
		if f := p.r.Figures(); f != (Figures{Copied: 250}) {
			t.Errorf("%+v; want 250 copies", f)
		}
	})
}

// TestRefusalsHoldUpNoOther lets more keys be refused, for ever, than are read at once. Those behind them are sent.
func TestRefusalsHoldUpNoOther(t *testing.T) {
	replicating(t, func(t *testing.T, p *pair) {
		p.set(func(z *zone) { z.refuse = "/no" })
		for i := range batch + 1 {
			p.put(t, fmt.Sprintf("no%03d", i), "x")
		}
		p.put(t, "sound", "x")
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := p.left(t); n != batch+1 {
			t.Errorf("%d keys are left; want those that are refused", n)
		}
		if text := p.told(); !strings.Contains(text, `: zone sh1a answers 503 server_busy: come again`) || !strings.Contains(text, `object \"no`) {
			t.Errorf("the log says %s", text)
		}
		if f := p.r.Figures(); f.Copied != 1 || f.Failed == 0 || f.Waiting != 1 {
			t.Errorf("%+v; want a copy, failures, and a bucket that waits", f)
		}
		p.set(func(z *zone) { z.refuse = "" })
		time.Sleep(time.Minute)
		synctest.Wait()
		if f := p.r.Figures(); p.left(t) != 0 || f.Copied != batch+2 || f.Waiting != 0 {
			t.Errorf("%+v, %d keys left; want %d copies, and nothing that waits", f, p.left(t), batch+2)
		}
	})
}

// TestAChangeWhileTheObjectIsSent is sent, too: the key stays stale.
func TestAChangeWhileTheObjectIsSent(t *testing.T) {
	replicating(t, func(t *testing.T, p *pair) {
		p.set(func(z *zone) { z.during = func() { p.put(t, "k", "second") } })
		p.put(t, "k", "first")
		_, took := p.take()
		if len(took) != 2 || took[0].body != "first" || took[1].body != "second" || p.left(t) != 0 {
			t.Errorf("sent %q, %d keys left; want both states, and none", took, p.left(t))
		}
	})
}

// TestLargeObjects sends them in parts, and leaves no upload behind if it fails.
func TestLargeObjects(t *testing.T) {
	replicating(t, func(t *testing.T, p *pair) {
		p.r.agents["sh1a"].piece = 4
		p.put(t, "whole", "1234")
		p.want(t, "of one piece", "PUT /target1/whole")
		p.put(t, "large", "123456789")
		what, took := p.take()
		if want := []string{
			"POST /target1/large?uploads", "PUT /target1/large?part_number=0&upload_id=u%2F1", "PUT /target1/large?part_number=1&upload_id=u%2F1",
			"PUT /target1/large?part_number=2&upload_id=u%2F1", "POST /target1/large?upload_id=u%2F1",
		}; !slices.Equal(what, want) {
			t.Fatalf("sent %q; want %q", what, want)
		}
		for i, want := range []string{"", "1234", "5678", "9", `{"object_parts":[{"part_number":0},{"part_number":1},{"part_number":2}]}`} {
			if took[i].body != want {
				t.Errorf("%s: sent %q; want %q", what[i], took[i].body, want)
			}
		}
		first, last := took[0].header, took[4].header
		if first.Get("X-Qs-Meta-Colour") != "blue" || last.Get(HeaderETag) != "25f9e794323b453885f5181f1b624d0b" || last.Get(HeaderModified) == "" {
			t.Errorf("the upload begins with %v and ends with %v", first, last)
		}

		p.set(func(z *zone) { z.refuse = "part_number=1&upload_id=u%2F1" })
		p.put(t, "large", "abcdefghi")
		p.want(t, "a part is refused", "POST /target1/large?uploads", "PUT /target1/large?part_number=0&upload_id=u%2F1",
			"PUT /target1/large?part_number=1&upload_id=u%2F1", "DELETE /target1/large?upload_id=u%2F1")
	})
}

// TestNoSuchPeer keeps what is for a zone that the server was not told about.
func TestNoSuchPeer(t *testing.T) {
	replicating(t, func(t *testing.T, p *pair) {
		p.rules(t, op.ReplicationRule{ID: "a", Destination: op.ReplicationDestination{Bucket: "target1", Zone: "gd2"}})
		p.put(t, "k", "x")
		p.want(t, "there is no peer")
		if text := p.told(); p.left(t) != 1 || !strings.Contains(text, "there is no --peer for zone gd2") {
			t.Errorf("%d keys left, and the log says %s; want 1, and what is missing", p.left(t), text)
		}
	})
}

// TestObjectsFromBefore are marked half an hour after the setting.
func TestObjectsFromBefore(t *testing.T) {
	replicating(t, func(t *testing.T, p *pair) {
		p.rules(t)
		p.put(t, "k", "x")
		p.want(t, "no rule")
		p.rules(t, op.ReplicationRule{ID: "a", SyncMarker: "enabled"})
		time.Sleep(29 * time.Minute)
		p.want(t, "before half an hour")
		time.Sleep(2 * time.Minute)
		p.want(t, "after half an hour", "PUT /target1/k")
	})
}

func TestFind(t *testing.T) {
	replicating(t, func(t *testing.T, p *pair) {
		if zone, err := p.r.Find(t.Context(), "root", "target1"); zone != "sh1a" || err != nil {
			t.Errorf("find = %q, %v; want sh1a", zone, err)
		}
		if zone, err := p.r.Find(t.Context(), "al ice", "target1"); zone != "" || !errors.Is(err, ErrNoDestination) {
			t.Errorf("find for another user = %q, %v; want ErrNoDestination", zone, err)
		}
		if _, took := p.take(); len(took) != 2 || took[0].what != "HEAD /target1" || took[1].header.Get(HeaderOwner) != "al+ice" {
			t.Errorf("asked %q; want HEAD of the bucket for each user", took)
		}
		p.set(func(z *zone) { z.down = true })
		if zone, err := p.r.Find(t.Context(), "root", "target1"); zone != "" || err == nil || errors.Is(err, ErrNoDestination) || !strings.Contains(err.Error(), "zone sh1a: ") {
			t.Errorf("find where nobody is = %q, %v; want an error that says so", zone, err)
		}
	})
}
