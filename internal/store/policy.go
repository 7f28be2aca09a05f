package store

import (
	"context"

	"github.com/oisproject/ois/internal/op"
)

// A policyDoc is a policy as it is stored.
type policyDoc struct {
	Statement []op.Statement `json:"statement"`
}

// PutBucketPolicy replaces the policy of the bucket. Whether it is one has been checked before.
func (b *Bucket) PutBucketPolicy(ctx context.Context, in *op.PutBucketPolicyInput) (*op.PutBucketPolicyOutput, error) {
	return &op.PutBucketPolicyOutput{}, b.putSetting(ctx, settingPolicy, policyDoc{in.Statement})
}

// GetBucketPolicy returns the policy of the bucket, with no statements if there is none.
func (b *Bucket) GetBucketPolicy(ctx context.Context, _ *op.GetBucketPolicyInput) (*op.GetBucketPolicyOutput, error) {
	doc := policyDoc{Statement: []op.Statement{}}
	err := b.getSetting(ctx, settingPolicy, &doc)
	return &op.GetBucketPolicyOutput{Statement: doc.Statement}, err
}

// DeleteBucketPolicy takes the policy of the bucket away.
func (b *Bucket) DeleteBucketPolicy(ctx context.Context, _ *op.DeleteBucketPolicyInput) (*op.DeleteBucketPolicyOutput, error) {
	return &op.DeleteBucketPolicyOutput{}, b.dropSetting(ctx, settingPolicy)
}
