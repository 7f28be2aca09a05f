package store_test

import (
	"testing"

	"github.com/oisproject/ois/internal/op"
)

// TestSettingMayGoWhileItIsRead: that a setting is missing which the bucket had when it was looked up is no damage.
func TestSettingMayGoWhileItIsRead(t *testing.T) {
	s, b := newBucket(t)
	rules := &op.PutBucketCORSInput{CORSRules: []op.CORSRule{{AllowedOrigin: "*", AllowedMethods: []string{"GET"}}}}
	if _, err := b.PutBucketCORS(t.Context(), rules); err != nil {
		t.Fatal(err)
	}
	stale, err := s.Bucket(t.Context(), "test-bucket")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.DeleteBucketCORS(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if out, err := stale.GetBucketCORS(t.Context(), nil); err != nil || len(out.CORSRules) > 0 {
		t.Errorf("read after it was taken away = %+v, %v; want no rules", out, err)
	}
}
