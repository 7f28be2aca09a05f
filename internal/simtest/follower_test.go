package simtest

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
)

// A follower does what those do who are told what happens to objects, and then knows by each queue which objects the copied bucket has. It
// outlives losses of power: it stands elsewhere.
type follower struct {
	mu     sync.Mutex
	told   map[string]string // ETag by key, by notifications; guarded by mu
	copies map[string]string // by replication; guarded by mu
}

func newFollower() *follower {
	return &follower{told: make(map[string]string), copies: make(map[string]string)}
}

func (f *follower) copy() *follower {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &follower{told: maps.Clone(f.told), copies: maps.Clone(f.copies)}
}

// note notes the object of a key, none if tag is empty.
func (f *follower) note(in map[string]string, key, tag string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if in[key] = tag; tag == "" {
		delete(in, key)
	}
}

// follow takes what there is from all queues.
func (f *follower) follow(ctx context.Context, s *store.Store) error {
	queues, err := s.Queues(ctx)
	if err != nil {
		return err
	}
	for _, q := range queues {
		if err := f.listen(ctx, s, q); err != nil {
			return err
		}
	}
	buckets, err := s.StaleBuckets(ctx)
	if err != nil {
		return err
	}
	for _, id := range buckets {
		if err := f.replicate(ctx, s, id); err != nil {
			return err
		}
	}
	return nil
}

// listen takes some events of a queue, in their order.
func (f *follower) listen(ctx context.Context, s *store.Store, q store.Queue) error {
	b, rule, list, err := s.Queued(ctx, q, 5)
	if err != nil {
		return err
	}
	if b == nil || rule == nil {
		return fmt.Errorf("%w: events of a queue that nobody has: %+v", errWrong, q)
	}
	for _, e := range list {
		if b.Info().Name != copiedBucket {
			continue // older versions become current without a word
		}
		switch e.Type {
		case store.EventCreate, store.EventComplete:
			f.note(f.told, e.Key, e.ETag)
		case store.EventDelete:
			f.note(f.told, e.Key, "")
		}
	}
	return s.Told(ctx, list)
}

// replicate copies some objects of a bucket.
func (f *follower) replicate(ctx context.Context, s *store.Store, id uint64) error {
	b, list, err := s.StaleIn(ctx, id, "", 2)
	if err != nil {
		return err
	}
	if b == nil || b.Info().Name != copiedBucket {
		return fmt.Errorf("%w: bucket %d is to be replicated", errWrong, id)
	}
	for _, k := range list {
		tag := ""
		switch info, err := b.Stat(ctx, k.Key); {
		case err == nil:
			tag = strings.Trim(info.ETag, `"`)
		case fault.CodeOf(err) != fault.ObjectNotExists:
			return err
		}
		f.note(f.copies, k.Key, tag)
		if err := s.Replicated(ctx, &k); err != nil {
			return err
		}
	}
	return nil
}

// finish takes everything from all queues.
func (f *follower) finish(ctx context.Context, s *store.Store) error {
	for {
		queues, err := s.Queues(ctx)
		if err != nil {
			return err
		}
		stale, err := s.StaleBuckets(ctx)
		if err != nil || len(queues)+len(stale) == 0 {
			return err
		}
		if err := f.follow(ctx, s); err != nil {
			return err
		}
	}
}

// compare finishes, and wants both queues to have led to what is there.
func (f *follower) compare(t *testing.T, s *store.Store) {
	t.Helper()
	if err := f.finish(t.Context(), s); err != nil {
		t.Error(err)
	}
	b, err := s.Bucket(t.Context(), copiedBucket)
	if err != nil {
		t.Fatal(err)
	}
	out, err := b.ListObjects(t.Context(), &op.ListObjectsInput{})
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string]string)
	for _, o := range out.Keys {
		want[o.Key] = strings.Trim(o.ETag, `"`)
	}
	if !maps.Equal(f.told, want) {
		t.Errorf("by notifications there are %q; want %q", f.told, want)
	}
	if !maps.Equal(f.copies, want) {
		t.Errorf("by replication there are %q; want %q", f.copies, want)
	}
}
