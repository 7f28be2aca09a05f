package admin

import (
	"errors"
	"testing"

	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
)

func TestWebsites(t *testing.T) {
	eachRoad(t, func(t *testing.T, s Service, under *store.Store) {
		ctx := t.Context()
		if _, err := under.PutBucket(ctx, store.RootUser, "jn1a", &op.PutBucketInput{Bucket: "bucket-one"}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Website(ctx, "bucket-one"); !errors.Is(err, ErrNoWebsite) || err.Error() != `"bucket-one": the bucket has no website` {
			t.Errorf("Website of a bucket without one = %v", err)
		}
		want := store.Website{Index: "index &=.html", Error: "errors/404 日本.html"}
		if err := s.SetWebsite(ctx, "bucket-one", want); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Website(ctx, "bucket-one"); err != nil || got != want {
			t.Errorf("Website = %+v, %v; want %+v", got, err, want)
		}
		if err := s.SetWebsite(ctx, "bucket-one", store.Website{Index: "a/b"}); err == nil {
			t.Error("SetWebsite takes an index page in a folder")
		}
		if got, err := s.Website(ctx, "bucket-one"); err != nil || got != want {
			t.Errorf("after one was refused, Website = %+v, %v; want %+v", got, err, want)
		}
		if err := s.DeleteWebsite(ctx, "bucket-one"); err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteWebsite(ctx, "bucket-one"); !errors.Is(err, ErrNoWebsite) {
			t.Errorf("DeleteWebsite again = %v; want ErrNoWebsite", err)
		}
		_, err := s.Website(ctx, "bucket-two")
		for _, err := range []error{err, s.SetWebsite(ctx, "bucket-two", want), s.DeleteWebsite(ctx, "bucket-two")} {
			if !errors.Is(err, store.ErrBucketNotExist) || err.Error() != `"bucket-two": no such bucket` {
				t.Errorf("of a bucket that does not exist: %v", err)
			}
		}
	})
}
