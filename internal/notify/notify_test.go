package notify

import (
	"context"
	"encoding/json"
	"errors"
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
)

// An inbox takes what is posted, as long as it is up.
type inbox struct {
	mu     sync.Mutex
	down   map[string]bool // by address
	status int
	tries  int
	got    []string // type and key of each event, in order
	last   string
	where  []string
}

func (i *inbox) Post(_ context.Context, url, contentType string, body []byte, timeout time.Duration) (int, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.tries++
	if i.down[url] {
		return 0, errors.New("nobody is there")
	}
	if contentType != "application/json" || timeout != 5*time.Second {
		return 400, nil
	}
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		return 400, nil
	}
	i.last = string(body)
	for _, e := range m.Events {
		i.got = append(i.got, e.Type+" "+e.QingStor.Object.Name)
		i.where = append(i.where, url)
	}
	return i.status, nil
}

// set takes the first address away, or brings it back.
func (i *inbox) set(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down["http://a/"] = down
}

func (i *inbox) take() (got []string, tries int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	got, tries = i.got, i.tries
	i.got, i.tries, i.where = nil, 0, nil
	return got, tries
}

// told makes a bucket with rules.
func told(t *testing.T, s *store.Store, rules ...op.Notification) *store.Bucket {
	t.Helper()
	if _, err := s.PutBucket(t.Context(), store.RootUser, "jn1a", &op.PutBucketInput{Bucket: "test-bucket"}); err != nil {
		t.Fatal(err)
	}
	return setRules(t, s, rules...)
}

func setRules(t *testing.T, s *store.Store, rules ...op.Notification) *store.Bucket {
	t.Helper()
	b, err := s.Bucket(t.Context(), "test-bucket")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.PutBucketNotification(t.Context(), &op.PutBucketNotificationInput{Notifications: rules}); err != nil {
		t.Fatal(err)
	}
	if b, err = s.Bucket(t.Context(), "test-bucket"); err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t *testing.T, b *store.Bucket, key string) {
	t.Helper()
	ctx := store.WithCause(t.Context(), &store.Cause{User: "usr-1", Request: "req-1"})
	if _, err := b.PutObject(ctx, &op.PutObjectInput{Key: key, Body: strings.NewReader("hello"), ContentLength: 5}); err != nil {
		t.Fatal(err)
	}
}

func rule(id, url string, types ...string) op.Notification {
	return op.Notification{ID: id, EventTypes: types, Cloudfunc: FuncNotifier, NotifyURL: url}
}

var all = []string{store.EventCreate, store.EventDelete, store.EventComplete, store.EventAbort}

func TestEachEventIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.Open(t, vfs.NewMem())
		in := &inbox{status: 200, down: map[string]bool{}}
		n := New(Config{Store: s, Poster: in})
		ctx, stop := context.WithCancel(t.Context())
		go n.Run(ctx)
		some := rule("some", "http://b/", store.EventDelete)
		some.ObjectFilters = []string{"img/*.jp?g"}
		b := told(t, s, rule("all", "http://a/", all...), some)
		put(t, b, "a.txt")
		put(t, b, "img/b.jpeg")
		synctest.Wait()
		if got, _ := in.take(); !slices.Equal(got, []string{"create_object a.txt", "create_object img/b.jpeg"}) {
			t.Errorf("told %q", got)
		}
		want := `{"events":[{"event_source":"qingstor","event_version":"1.0","event_type":"create_object","event_time":"2000-01-01T00:00:00.000Z",` +
			`"zone_id":"jn1a","user_identify":{"principal_id":"usr-1"},"response_elements":{"request_id":"req-1"},"qingstor":{"schema_version":"1.0",` +
			`"notification_id":"all","bucket":{"name":"test-bucket"},"object":{"name":"img/b.jpeg","etag":"5d41402abc4b2a76b9719d911017c592","size":5}}}]}`
		if in.last != want {
			t.Errorf("told %s\nwant %s", in.last, want)
		}

		for _, key := range []string{"a.txt", "img/b.jpeg", "img/none.jpeg"} {
			if _, err := b.DeleteObject(t.Context(), &op.DeleteObjectInput{Key: key}); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		got, _ := in.take()
		slices.Sort(got)
		if !slices.Equal(got, []string{"delete_object a.txt", "delete_object img/b.jpeg", "delete_object img/b.jpeg"}) {
			t.Errorf("told %q", got)
		}

		for _, abort := range []bool{true, false} {
			up, err := b.InitiateMultipartUpload(t.Context(), &op.InitiateMultipartUploadInput{Key: "big"})
			if err != nil {
				t.Fatal(err)
			}
			if abort {
				_, err = b.AbortMultipartUpload(t.Context(), &op.AbortMultipartUploadInput{Key: "big", UploadID: up.UploadID})
			} else {
				_, err = b.UploadMultipart(t.Context(), &op.UploadMultipartInput{Key: "big", UploadID: up.UploadID, Body: strings.NewReader("x"), ContentLength: 1})
				if err == nil {
					_, err = b.CompleteMultipartUpload(t.Context(), &op.CompleteMultipartUploadInput{Key: "big", UploadID: up.UploadID, ObjectParts: []op.CompletedPart{{}}})
				}
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if got, _ := in.take(); !slices.Equal(got, []string{"abort_upload big", "complete_upload big"}) {
			t.Errorf("told %q", got)
		}
		stop()
		synctest.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestOutage lets one address be away. The events of its rule wait, in their order, and no other rule waits for them.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := vfs.NewMem()
		s := storetest.Open(t, disk)
		in := &inbox{status: 200, down: map[string]bool{"http://a/": true}}
		ctx, stop := context.WithCancel(t.Context())
		n := New(Config{Store: s, Poster: in})
		go n.Run(ctx)
		b := told(t, s, rule("a", "http://a/", all...), rule("b", "http://b/", all...))
		put(t, b, "1")
		put(t, b, "2")
		synctest.Wait()
		if got, _ := in.take(); !slices.Equal(got, []string{"create_object 1", "create_object 2"}) {
			t.Errorf("the rule whose address answers was told %q", got)
		}
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if _, tries := in.take(); tries != 3 || n.Figures().Waiting != 1 {
			t.Errorf("the address that is away was tried %d times more, %d rules wait; want 3 and 1", tries, n.Figures().Waiting)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if _, tries := in.take(); tries < 4*12 || tries > 4*25 {
			t.Errorf("within an hour it was tried %d times; want a try every five minutes", tries)
		}

		// What waits survives a restart, and is told when somebody is there again.
		stop()
		synctest.Wait()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = storetest.Open(t, disk)
		in.set(false)
		ctx, stop = context.WithCancel(t.Context())
		again := New(Config{Store: s, Poster: in})
		go again.Run(ctx)
		synctest.Wait()
		if got, _ := in.take(); !slices.Equal(got, []string{"create_object 1", "create_object 2"}) {
			t.Errorf("after the outage and a restart %q were told", got)
		}

		// What is too old is not told, and what no rule wants any more neither.
		in.set(true)
		b, err := s.Bucket(t.Context(), "test-bucket")
		if err != nil {
			t.Fatal(err)
		}
		put(t, b, "3")
		synctest.Wait()
		time.Sleep(23 * time.Hour)
		put(t, b, "4")
		time.Sleep(2 * time.Hour)
		in.set(false)
		in.take()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if got, _ := in.take(); !slices.Equal(got, []string{"create_object 4"}) || again.Figures().Dropped != 1 {
			t.Errorf("after a day %q were told, and %d dropped; want only what is not older", got, again.Figures().Dropped)
		}
		in.set(true)
		put(t, b, "5")
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if r, err := s.Check(t.Context()); err != nil || !r.Clean() {
			t.Errorf("check with events that wait: %v, %v", r, err)
		}
		setRules(t, s, rule("b", "http://b/", all...))
		in.set(false)
		in.take()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if got, _ := in.take(); len(got) > 0 {
			t.Errorf("a rule that is gone was told %q", got)
		}
		queues, err := s.Queues(t.Context())
		if err != nil || len(queues) > 0 {
			t.Errorf("queues %v, %v; want none", queues, err)
		}
		stop()
		synctest.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestRefusedStatus takes an answer that is not 200 for a failure.
func TestRefusedStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.Open(t, vfs.NewMem())
		in := &inbox{status: 500, down: map[string]bool{}}
		ctx, stop := context.WithCancel(t.Context())
		go New(Config{Store: s, Poster: in}).Run(ctx)
		b := told(t, s, rule("a", "http://a/", all...))
		put(t, b, "k")
		time.Sleep(3500 * time.Millisecond)
		synctest.Wait()
		if _, tries := in.take(); tries != 4 {
			t.Errorf("it was tried %d times; want 4", tries)
		}
		stop()
		synctest.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
