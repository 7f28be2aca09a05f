package store

import (
	"context"

	"github.com/oisproject/ois/internal/lifecycle"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/op"
)

// A lifecycleDoc is the lifecycle of a bucket as it is stored: rules with what the server has set.
type lifecycleDoc struct {
	Rule []op.LifecycleRule `json:"rule"`
}

// PutBucketLifecycle replaces the lifecycle rules of the bucket.
func (b *Bucket) PutBucketLifecycle(ctx context.Context, in *op.PutBucketLifecycleInput) (*op.PutBucketLifecycleOutput, error) {
	rules, err := lifecycle.Check(in.Rule)
	if err != nil {
		return nil, err
	}
	if err := b.store.admit(); err != nil {
		return nil, err
	}
	return &op.PutBucketLifecycleOutput{}, b.change(ctx, func(snap meta.Snapshot, row *bucketRow, c *change) error {
		if len(rules) == 0 {
			row.drop(c, settingLifecycle)
			return nil
		}
		now := &Bucket{store: b.store, name: b.name, row: *row}
		var old lifecycleDoc
		rev, err := now.settingIn(snap, settingLifecycle, &old)
		if err != nil {
			return err
		}
		if rev > 0 {
			c.still(settingKey(row.id, settingLifecycle), rev)
		}
		return row.put(c, settingLifecycle, lifecycleDoc{lifecycle.Renew(old.Rule, rules, b.store.now())})
	})
}

// GetBucketLifecycle returns the lifecycle rules of the bucket, none if none were set.
func (b *Bucket) GetBucketLifecycle(ctx context.Context, _ *op.GetBucketLifecycleInput) (*op.GetBucketLifecycleOutput, error) {
	doc := lifecycleDoc{Rule: []op.LifecycleRule{}}
	err := b.getSetting(ctx, settingLifecycle, &doc)
	return &op.GetBucketLifecycleOutput{Rule: doc.Rule}, err
}

// DeleteBucketLifecycle takes the lifecycle rules of the bucket away. When it has returned, none of them does anything any more.
func (b *Bucket) DeleteBucketLifecycle(ctx context.Context, _ *op.DeleteBucketLifecycleInput) (*op.DeleteBucketLifecycleOutput, error) {
	return &op.DeleteBucketLifecycleOutput{}, b.dropSetting(ctx, settingLifecycle)
}
