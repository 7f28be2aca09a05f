package merge

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/client/entry"
)

// list makes a listing of words. "!x" is an error of x alone, "!!" one that ends the list.
func list(words string) entry.List {
	return func(yield func(entry.Entry, error) bool) {
		for w := range strings.FieldsSeq(words) {
			var err error
			switch {
			case w == "!!":
				err = errors.New("broken")
			case w[0] == '!':
				err = &entry.Bad{Key: w[1:], Err: errors.New("bad " + w[1:])}
			}
			if !yield(entry.Entry{Key: w}, err) {
				return
			}
		}
	}
}

func TestLists(t *testing.T) {
	for _, test := range []struct{ source, target, want string }{
		{"", "", ""},
		{"a", "", "<a"},
		{"", "a", ">a"},
		{"a b d", "b c d", "<a =b >c =d"},
		{"a a/b a0", "a-b a/b", "<a >a-b =a/b <a0"},
		{"a !b c", "c", "<a bad b =c"},
		{"a b", "a !!", "=a broken"},
		{"!!", "a b", "broken"},
		{"b a", "", "<b source: the listing is not in the order of its keys: \"a\" comes after \"b\""},
		{"", "a a", ">a target: the listing is not in the order of its keys: \"a\" comes after \"a\""},
	} {
		var got []string
		for p, err := range Lists(list(test.source), list(test.target)) {
			switch {
			case err != nil:
				got = append(got, err.Error())
			case p.Target == nil:
				got = append(got, "<"+p.Key)
			case p.Source == nil:
				got = append(got, ">"+p.Key)
			default:
				got = append(got, "="+p.Key)
			}
		}
		if s := strings.Join(got, " "); s != test.want {
			t.Errorf("%q and %q: got %s; want %s", test.source, test.target, s, test.want)
		}
	}
}

// TestListsMayBeLong merges two long listings and wants that no memory is held.
func TestListsMayBeLong(t *testing.T) {
	long := func(yield func(entry.Entry, error) bool) {
		for i := range 300_000 {
			if !yield(entry.Entry{Key: fmt.Sprintf("%07d", i)}, nil) {
				return
			}
		}
	}
	n := 0
	var before, during runtime.MemStats
	for p, err := range Lists(long, long) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 10 || n == 290_000 {
			runtime.GC()
			runtime.ReadMemStats(&during)
			if n == 10 {
				before = during
			}
		}
		if p.Source == nil || p.Target == nil {
			t.Fatalf("%s is on one side only", p.Key)
		}
	}
	if grown := int64(during.HeapAlloc) - int64(before.HeapAlloc); n != 300_000 || grown > 1<<20 {
		t.Errorf("%d pairs, memory has grown by %d bytes", n, grown)
	}
}

func TestListsCanBeLeft(t *testing.T) {
	for p, err := range Lists(list("a b"), list("a b")) {
		if p.Key != "a" || err != nil {
			t.Errorf("got %s, %v", p.Key, err)
		}
		break
	}
}
