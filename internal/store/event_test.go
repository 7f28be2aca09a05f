package store_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/store/storetest"
	"github.com/oisproject/ois/internal/vfs"
)

// told takes what was queued for a bucket.
func told(t *testing.T, s *store.Store) (list []string) {
	t.Helper()
	queues, err := s.Queues(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range queues {
		_, _, events, err := s.Queued(t.Context(), q, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			list = append(list, e.Type+" "+e.Key)
		}
		if err := s.Told(t.Context(), events); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

func listen(t *testing.T, b *store.Bucket) {
	t.Helper()
	rule := op.Notification{ID: "all", EventTypes: []string{store.EventCreate, store.EventDelete, store.EventComplete, store.EventAbort}}
	if _, err := b.PutBucketNotification(t.Context(), &op.PutBucketNotificationInput{Notifications: []op.Notification{rule}}); err != nil {
		t.Fatal(err)
	}
}

func TestEventsOfVersions(t *testing.T) {
	s := storetest.Open(t, vfs.NewMem())
	b := makeBucket(t, s, "test-bucket")
	version := func(status string) {
		t.Helper()
		if _, err := b.PutBucketVersioning(t.Context(), &op.PutBucketVersioningInput{VersioningStatus: status}); err != nil {
			t.Fatal(err)
		}
		var err error
		if b, err = s.Bucket(t.Context(), "test-bucket"); err != nil {
			t.Fatal(err)
		}
	}
	put := func(text string) string {
		t.Helper()
		out, err := b.PutObject(t.Context(), &op.PutObjectInput{Key: "k", Body: strings.NewReader(text), ContentLength: int64(len(text))})
		if err != nil {
			t.Fatal(err)
		}
		return out.VersionID
	}
	remove := func(key, id string) string {
		t.Helper()
		out, err := b.DeleteObject(t.Context(), &op.DeleteObjectInput{Key: key, VersionID: id})
		if err != nil {
			t.Fatal(err)
		}
		return out.VersionID
	}
	want := func(what string, want ...string) {
		t.Helper()
		if got := told(t, s); !slices.Equal(got, want) {
			t.Errorf("%s: told %q; want %q", what, got, want)
		}
	}

	put("null")
	listen(t, b)
	version("ENABLED")
	want("settings")
	v1, v2 := put("1"), put("2")
	want("two versions", "create_object k", "create_object k")
	marker := remove("k", "")
	want("a delete marker", "delete_object k")
	again := remove("k", "")
	want("a delete marker above another", "delete_object k")
	remove("k", again)
	want("a delete marker is erased, and another is current")
	remove("k", marker)
	want("the last delete marker is erased, and the object is there again")
	remove("k", v1)
	want("an older version is erased")
	v3 := put("3")
	want("a version", "create_object k")
	remove("k", v3)
	want("the current version is erased, and an older one is current", "delete_object k")
	remove("k", v2)
	want("again, and that from before versioning is current", "delete_object k")
	remove("other", "")
	want("a delete marker for nothing", "delete_object other")

	version("SUSPENDED")
	put("null again")
	want("suspended", "create_object k")
	remove("k", "")
	want("suspended, a delete marker", "delete_object k")
	remove("k", "null")
	want("suspended, it is erased, and nothing is left")
	put("last")
	want("suspended, a new object", "create_object k")
	remove("k", "null")
	want("suspended, the only version is erased", "delete_object k")

	put("4")
	version("ENABLED")
	put("5")
	told(t, s)
	_, err := b.DeleteMultipleObjects(t.Context(), &op.DeleteMultipleObjectsInput{Objects: []op.ObjectToDelete{{Key: "k"}, {Key: "k", VersionID: "null"}}})
	if err != nil {
		t.Fatal(err)
	}
	want("a version and what is current, at once", "delete_object k")
	o := makeBucket(t, s, "plain-bucket")
	listen(t, o)
	put("6")
	src, err := b.Object(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	told(t, s)
	if _, err := o.MoveObject(t.Context(), src, &op.MoveObjectInput{Key: "moved"}); err != nil {
		t.Fatal(err)
	}
	got := told(t, s)
	slices.Sort(got)
	if w := []string{"create_object moved", "delete_object k"}; !slices.Equal(got, w) {
		t.Errorf("a move: told %q; want %q", got, w)
	}
	if r, err := s.Check(t.Context()); err != nil || !r.Clean() {
		t.Errorf("check: %v, %v", r, err)
	}
}

// TestEventsOfOldBuckets: a rule that comes while an upload is under way is told of it, and one that goes is not.
func TestEventsOfOldBuckets(t *testing.T) {
	s := storetest.Open(t, vfs.NewMem())
	b := makeBucket(t, s, "test-bucket")
	put := func(b *store.Bucket, do func()) {
		t.Helper()
		body := &meanwhile{strings.NewReader("hello"), do}
		if _, err := b.PutObject(t.Context(), &op.PutObjectInput{Key: "k", Body: body, ContentLength: 5}); err != nil {
			t.Fatal(err)
		}
	}
	put(b, func() { listen(t, b) })
	if got := told(t, s); !slices.Equal(got, []string{"create_object k"}) {
		t.Errorf("a rule that came was told %q", got)
	}
	now, err := s.Bucket(t.Context(), "test-bucket")
	if err != nil || !now.Tells() {
		t.Fatalf("Tells() = false, %v", err)
	}
	put(now, func() {
		if _, err := b.DeleteBucketNotification(t.Context(), &op.DeleteBucketNotificationInput{}); err != nil {
			t.Error(err)
		}
	})
	if got := told(t, s); len(got) > 0 {
		t.Errorf("a rule that is gone was told %q", got)
	}
	if r, err := s.Check(t.Context()); err != nil || !r.Clean() {
		t.Errorf("check: %v, %v", r, err)
	}
}

func TestEventsOfLifecycle(t *testing.T) {
	s, b := newBucket(t)
	for _, key := range []string{"tmp/a", "tmp/b", "arch/a"} {
		put(t, b, key, key)
	}
	initiate(t, b, "up/a")
	setLifecycle(t, b, expire("tmp/", 7), transition("arch/", 30), abort("up/", 3))
	listen(t, b)
	pass(t, s, days(2), "buckets 1") // in which the rules are seen
	pass(t, s, days(40), "buckets 1, expired 2, transitioned 1, aborted 1")
	got := told(t, s)
	slices.Sort(got)
	if want := []string{"abort_multipart up/a", "delete_object tmp/a", "delete_object tmp/b"}; !slices.Equal(got, want) {
		t.Errorf("told %q; want %q: another storage class is no event", got, want)
	}
}
