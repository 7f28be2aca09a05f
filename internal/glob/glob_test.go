package glob

import (
	"path"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"a", "a", true},
		{"a", "b", false},
		{"a", "aa", false},
		{"*", "", true},
		{"*", "anything/at all", true},
		{"**", "x", true},
		{"a*", "a", true},
		{"a*", "ab", true},
		{"a*", "ba", false},
		{"*a", "ba", true},
		{"*a", "ab", false},
		{"a*a", "a", false},
		{"a*a", "aa", true},
		{"a*a", "aba", true},
		{"ab*ba", "aba", false},
		{"*.example.com", "www.example.com", true},
		{"*.example.com", "example.com", false},
		{"*.example.com", "www.example.com.evil", false},
		{"a*b*c", "a-b-b-c", true},
		{"a*b*c", "a-c-b", false},
		{"*b*b*", "b", false},
		{"*b*b*", "bb", true},
		{"文*", "文档/中", true},
		{"[a]?", "[a]?", true},
		{"[a]?", "ab", false},
	} {
		if got := Compile(test.pattern).Match(test.text); got != test.want {
			t.Errorf("%q is like %q: %t; want %t", test.text, test.pattern, got, test.want)
		}
	}
}

// TestMatchOfMeanPattern would not end if matching went back.
func TestMatchOfMeanPattern(t *testing.T) {
	g := Compile(strings.Repeat("*a", 1000) + "b")
	if text := strings.Repeat("a", 100_000); g.Match(text) {
		t.Errorf("a pattern that ends in b is like a text without one")
	}
}

// FuzzMatch compares with the matcher of the standard library, where both mean the same.
func FuzzMatch(f *testing.F) {
	f.Add("a*b", "axb")
	f.Add("*x*", "axb")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if strings.ContainsAny(pattern, `?[]\`) || strings.Contains(text, "/") {
			return
		}
		want, err := path.Match(pattern, text)
		if err != nil {
			return
		}
		if got := Compile(pattern).Match(text); got != want {
			t.Errorf("%q is like %q: %t; want %t", text, pattern, got, want)
		}
	})
}

func TestLike(t *testing.T) {
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"?", "", false},
		{"?", "文", true},
		{"??", "文", false},
		{"*.jp?g", "a/b.jpeg", true},
		{"*.jp?g", "a/b.jpg", false},
		{"img/*/?.png", "img/a/b/c.png", true},
		{"img/*/?.png", "img/a/b/cd.png", false},
		{"a*b*c", "a-b-b-c", true},
		{"a*b*c", "a-c-b", false},
		{"*?", "", false},
		{"*?*", "x", true},
		{"[a]", "a", false},
		{"**a", "ba", true},
	} {
		if got := Like(test.pattern, test.text); got != test.want {
			t.Errorf("Like(%q, %q) = %t; want %t", test.pattern, test.text, got, test.want)
		}
	}
	// What would take for ever if each star tried all that each other could be.
	if Like(strings.Repeat("*a", 500)+"b", strings.Repeat("a", 1000)) {
		t.Error("a pattern is like a text that ends otherwise")
	}
}
