package store_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
)

func replicateAll(t *testing.T, b *store.Bucket) {
	t.Helper()
	in := &op.PutBucketReplicationInput{Rules: []op.ReplicationRule{{ID: "all", Status: "enabled"}}}
	if _, err := b.PutBucketReplication(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

// staleKeys returns the keys that wait to be replicated.
func staleKeys(t *testing.T, s *store.Store) (keys []string) {
	t.Helper()
	buckets, err := s.StaleBuckets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range buckets {
		_, list, err := s.StaleIn(t.Context(), id, "", 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range list {
			keys = append(keys, k.Key)
		}
	}
	return keys
}

// TestWhoIsToldIsDecidedInTheChange: a long upload began when the bucket had one of the two settings, and ends when it has the other one, too, or
// instead.
func TestWhoIsToldIsDecidedInTheChange(t *testing.T) {
	t.Run("replication comes", func(t *testing.T) {
		s, b := newBucket(t)
		listen(t, b)
		before := lookUp(t, s)
		replicateAll(t, before)
		put(t, before, "k", "x")
		wantList(t, "to be replicated", staleKeys(t, s), "k")
		wantList(t, "events", told(t, s), "create_object k")
	})
	t.Run("notification comes", func(t *testing.T) {
		s, b := newBucket(t)
		replicateAll(t, b)
		before := lookUp(t, s)
		listen(t, before)
		put(t, before, "k", "x")
		wantList(t, "events", told(t, s), "create_object k")
		wantList(t, "to be replicated", staleKeys(t, s), "k")
	})
	t.Run("notification in place of replication", func(t *testing.T) {
		s, b := newBucket(t)
		replicateAll(t, b)
		before := lookUp(t, s)
		listen(t, before)
		if _, err := before.DeleteBucketReplication(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		put(t, before, "k", "x")
		wantList(t, "events", told(t, s), "create_object k")
		wantList(t, "to be replicated", staleKeys(t, s))
	})
}

func lookUp(t *testing.T, s *store.Store) *store.Bucket {
	t.Helper()
	b, err := s.Bucket(t.Context(), "test-bucket")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func wantList(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q; want %q", what, got, want)
	}
}

// TestEventsKeepTheirOrderWhenTheClockIsSetBack while the store runs, and again while it does not.
func TestEventsKeepTheirOrderWhenTheClockIsSetBack(t *testing.T) {
	var c clock
	p := &patient{t: t, fs: vfs.NewMem()}
	s := p.open(store.Options{Now: c.now})
	b := makeBucket(t, s, "test-bucket")
	listen(t, b)
	put(t, b, "k", "first")
	c.ahead.Store(int64(-time.Hour))
	if _, err := b.DeleteObject(t.Context(), &op.DeleteObjectInput{Key: "k"}); err != nil {
		t.Fatal(err)
	}
	p.close(s)
	c.ahead.Store(int64(-2 * time.Hour))
	s = p.open(store.Options{Now: c.now})
	defer p.close(s)
	b = lookUp(t, s)
	id := initiate(t, b, "k")
	upload(t, b, "k", id, 0, []byte("again"))
	if _, err := complete(t, b, "k", id, 0); err != nil {
		t.Fatal(err)
	}
	wantList(t, "events", told(t, s), "create_object k", "delete_object k", "complete_multipart k")
}

// TestEmptyAppendIsToldOf though it comes at the same moment as what was there: it gives the object another ETag.
func TestEmptyAppendIsToldOf(t *testing.T) {
	stands := time.Now()
	p := &patient{t: t, fs: vfs.NewMem()}
	s := p.open(store.Options{Now: func() time.Time { return stands }})
	defer p.close(s)
	b := makeBucket(t, s, "test-bucket")
	listen(t, b)
	replicateAll(t, b)
	b = lookUp(t, s)
	for position, data := range []string{"x", ""} {
		in := &op.AppendObjectInput{Key: "log", Position: int64(position), Body: strings.NewReader(data), ContentLength: int64(len(data))}
		if _, err := b.AppendObject(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		wantList(t, "events", told(t, s), "create_object log")
		wantList(t, "to be replicated", staleKeys(t, s), "log")
		replicated(t, s)
	}
}

// replicated says of all keys that they were copied.
func replicated(t *testing.T, s *store.Store) {
	t.Helper()
	buckets, err := s.StaleBuckets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range buckets {
		_, list, err := s.StaleIn(t.Context(), id, "", 1000)
		if err != nil {
			t.Fatal(err)
		}
		for i := range list {
			if err := s.Replicated(t.Context(), &list[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
}
