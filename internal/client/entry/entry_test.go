package entry

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestShadows(t *testing.T) {
	keys := []string{"a", "a-b", "a-b/c", "a.txt", "a/b", "a/b/c", "a0", "b/", "b/c", "c", "cc", "cc/d", "d"}
	want := map[string]string{"a-b/c": "a-b", "a/b": "a", "a/b/c": "a", "cc/d": "cc"}
	if !slices.IsSorted(keys) {
		t.Fatal("the keys are not in order")
	}
	var s Shadows
	for _, key := range keys {
		if file, ok := s.Of(key); file != want[key] || ok != (want[key] != "") {
			t.Errorf("in the way of %s is %q; want %q", key, file, want[key])
		}
	}
}

// TestShadowsAreFew wants that memory does not grow with the number of keys.
func TestShadowsAreFew(t *testing.T) {
	var s Shadows
	for i := range 100_000 {
		key := fmt.Sprintf("folder/%06d", i)
		s.Of(key)
		if len(s.files) > len(key) {
			t.Fatalf("%d keys are kept at %s", len(s.files), key)
		}
	}
}

func TestOnlyKeepsErrors(t *testing.T) {
	fatal, bad := errors.New("fatal"), &Bad{"x", errors.New("bad")}
	list := func(yield func(Entry, error) bool) {
		_ = yield(Entry{Key: "a"}, nil) && yield(Entry{Key: "b"}, nil) && yield(Entry{}, bad) && yield(Entry{}, fatal)
	}
	var got []string
	for e, err := range Only(list, func(e Entry) bool { return e.Key != "a" }) {
		got = append(got, fmt.Sprint(e.Key, err, Ends(err)))
	}
	if want := "b<nil> false bad false fatal true"; strings.Join(got, " ") != want {
		t.Errorf("got %q; want %q", strings.Join(got, " "), want)
	}
}
