package store_test

import (
	"slices"
	"testing"

	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
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
		before := lookUp(t, s, "test-bucket")
		replicateAll(t, before)
		put(t, before, "k", "x")
		wantList(t, "to be replicated", staleKeys(t, s), "k")
		wantList(t, "events", told(t, s), "create_object k")
	})
	t.Run("notification comes", func(t *testing.T) {
		s, b := newBucket(t)
		replicateAll(t, b)
		before := lookUp(t, s, "test-bucket")
		listen(t, before)
		put(t, before, "k", "x")
		wantList(t, "events", told(t, s), "create_object k")
		wantList(t, "to be replicated", staleKeys(t, s), "k")
	})
	t.Run("notification in place of replication", func(t *testing.T) {
		s, b := newBucket(t)
		replicateAll(t, b)
		before := lookUp(t, s, "test-bucket")
		listen(t, before)
		if _, err := before.DeleteBucketReplication(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		put(t, before, "k", "x")
		wantList(t, "events", told(t, s), "create_object k")
		wantList(t, "to be replicated", staleKeys(t, s))
	})
}

func lookUp(t *testing.T, s *store.Store, name string) *store.Bucket {
	t.Helper()
	b, err := s.Bucket(t.Context(), name)
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
