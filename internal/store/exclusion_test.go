package store

import (
	"testing"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
)

func TestVersioningAndReplicationExcludeEachOther(t *testing.T) {
	s := openMem(t)
	if _, err := s.PutBucket(t.Context(), RootUser, "jn1a", &op.PutBucketInput{Bucket: "test-bucket"}); err != nil {
		t.Fatal(err)
	}
	look := func() *Bucket {
		b, err := s.Bucket(t.Context(), "test-bucket")
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	old := look()
	rules := &op.PutBucketReplicationInput{Rules: []op.ReplicationRule{{ID: "r"}}}
	if _, err := look().PutBucketReplication(t.Context(), rules); err != nil {
		t.Fatal(err)
	}
	for _, status := range []string{"ENABLED", "SUSPENDED"} {
		_, err := look().PutBucketVersioning(t.Context(), &op.PutBucketVersioningInput{VersioningStatus: status})
		if err == nil || fault.CodeOf(err) != fault.InvalidRequest {
			t.Errorf("%s with replication: %v; want invalid_request", status, err)
		}
	}
	if err := look().dropSetting(t.Context(), settingReplication); err != nil {
		t.Fatal(err)
	}
	if _, err := look().PutBucketVersioning(t.Context(), &op.PutBucketVersioningInput{VersioningStatus: "ENABLED"}); err != nil {
		t.Fatal(err)
	}
	for what, b := range map[string]*Bucket{"with versioning": look(), "with versioning that came since the bucket was looked up": old} {
		if _, err := b.PutBucketReplication(t.Context(), rules); err == nil || fault.CodeOf(err) != fault.InvalidRequest {
			t.Errorf("%s: %v; want replication refused", what, err)
		}
	}
}
