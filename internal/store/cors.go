package store

import (
	"context"

	"github.com/oisproject/ois/internal/op"
)

// A corsDoc is a CORS setting as it is stored.
type corsDoc struct {
	CORSRules []op.CORSRule `json:"cors_rules"`
	RespVary  string        `json:"resp_vary,omitempty"`
}

// PutBucketCORS replaces the CORS rules of the bucket. Whether they are right has been checked before.
func (b *Bucket) PutBucketCORS(ctx context.Context, in *op.PutBucketCORSInput) (*op.PutBucketCORSOutput, error) {
	return &op.PutBucketCORSOutput{}, b.putSetting(ctx, settingCORS, corsDoc{in.CORSRules, in.RespVary})
}

// GetBucketCORS returns the CORS rules of the bucket, none if none were set.
func (b *Bucket) GetBucketCORS(ctx context.Context, _ *op.GetBucketCORSInput) (*op.GetBucketCORSOutput, error) {
	doc := corsDoc{CORSRules: []op.CORSRule{}}
	if !b.row.set.has(settingCORS) {
		return &op.GetBucketCORSOutput{CORSRules: doc.CORSRules}, nil
	}
	err := b.getSetting(ctx, settingCORS, &doc)
	return &op.GetBucketCORSOutput{CORSRules: doc.CORSRules, RespVary: doc.RespVary}, err
}

// DeleteBucketCORS takes the CORS rules of the bucket away.
func (b *Bucket) DeleteBucketCORS(ctx context.Context, _ *op.DeleteBucketCORSInput) (*op.DeleteBucketCORSOutput, error) {
	return &op.DeleteBucketCORSOutput{}, b.dropSetting(ctx, settingCORS)
}
