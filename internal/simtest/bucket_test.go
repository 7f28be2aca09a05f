package simtest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
)

// TestBucketComesAndGoes deletes the bucket whenever it is empty and creates it again, while workers write to it; and then
// power is lost. No acknowledged object goes down with its bucket.
func TestBucketComesAndGoes(t *testing.T) {
	eachDay(t, func(t *testing.T, seed uint64) {
		house := setupOf(seed)
		lost, saved := house.powerLoss(t, seed, func(s *store.Store, b *store.Bucket, l *ledger) error {
			ctx, stop := context.WithCancel(t.Context())
			var landlord sync.WaitGroup
			var wrong error
			landlord.Go(func() { wrong = demolish(ctx, t, s, b) })
			err := together(func(n int) error { return lodge(t.Context(), s, newWorker(b, l, seed, n), 60) })
			stop()
			landlord.Wait()
			if wrong != nil {
				return wrong
			}
			return err
		})
		house.evening(t, lost, saved)
	})
}

// demolish deletes the bucket when it can, and creates it again, until ctx ends.
func demolish(ctx context.Context, t *testing.T, s *store.Store, b *store.Bucket) error {
	for ctx.Err() == nil {
		_, err := b.DeleteBucket(t.Context(), &op.DeleteBucketInput{})
		switch {
		case err == nil:
			count(t, "deletions of the bucket", 1)
			if b, err = createBucket(t.Context(), s); err != nil {
				return err
			}
		case fault.CodeOf(err) != fault.BucketNotEmpty:
			return err
		}
		yield(10)
	}
	return nil
}

// lodge lets a worker do steps in a bucket that may be gone. It empties its keys often, so that this happens.
func lodge(ctx context.Context, s *store.Store, w *worker, steps int) error {
	w.modest = true
	w.keys = w.keys[:3] // as many as removeMany removes
	for range steps {
		operation := w.removeMany
		if w.rand.IntN(2) == 0 {
			operation = w.step
		}
		err := operation(ctx)
		if err != nil && fault.CodeOf(err) == fault.BucketNotExists {
			err = w.moveIn(ctx, s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// moveIn looks the new bucket up. The old one cannot have gone while this worker had something in it.
func (w *worker) moveIn(ctx context.Context, s *store.Store) error {
	for key, state := range w.state {
		if state != absent {
			return fmt.Errorf("%w: the bucket is gone, and %s was in it", errWrong, key)
		}
	}
	for {
		b, err := s.Bucket(ctx, bucketName)
		if err == nil {
			w.bucket = b
		}
		if err == nil || fault.CodeOf(err) != fault.BucketNotExists {
			return err
		}
		yield(1)
	}
}
