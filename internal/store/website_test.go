package store_test

import (
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/store"
)

func TestWebsite(t *testing.T) {
	s, b := newBucket(t)
	for name, w := range map[string]store.Website{
		"no index": {}, "folder": {Index: "a/index.html"}, "long": {Index: strings.Repeat("x", 256)}, "no text": {Index: "\xff"},
		"error begins with a slash": {Index: "i", Error: "/404.html"}, "error is long": {Index: "i", Error: strings.Repeat("x", 1024)},
	} {
		if err := b.PutWebsite(t.Context(), w); err == nil {
			t.Errorf("%s: PutWebsite takes %+v", name, w)
		}
	}
	want := store.Website{Index: "index.html", Error: "errors/404.html"}
	if err := b.PutWebsite(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	b, err := s.Bucket(t.Context(), "test-bucket")
	if err != nil {
		t.Fatal(err)
	}
	if got, ok, err := b.Website(t.Context()); err != nil || !ok || got != want {
		t.Errorf("Website = %+v, %v, %v; want %+v", got, ok, err, want)
	}
	if err := b.DeleteWebsite(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := b.Website(t.Context()); ok || err != nil {
		t.Errorf("after it was deleted there is one: %v, %v", ok, err)
	}
}
