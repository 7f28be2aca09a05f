package filter

import (
	"strings"
	"testing"
)

// read fills a filter from a text such as "-*.log +a.log".
func read(t *testing.T, text string) *Filter {
	t.Helper()
	f := new(Filter)
	for word := range strings.FieldsSeq(text) {
		flag := f.Includes()
		if word[0] == '-' {
			flag = f.Excludes()
		}
		if err := flag.Set(word[1:]); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func TestTheLastPatternDecides(t *testing.T) {
	for _, test := range []struct{ rules, in, out string }{
		{"", "a a/b", ""},
		{"-*.log", "a.txt log", "a.log x/y/b.log"},
		{"-*.log +keep.log", "keep.log a.txt", "a.log"},
		{"+keep.log -*.log", "", "keep.log a.log a.txt"},
		{"+*.txt", "a.txt x/a.txt", "a.log"},
		{"-* +*.txt", "a.txt", "a.log"},
		{"-tmp/", "tmp a/tmp/x", "tmp/x tmp/y/z"},
		{"-?.txt", "aa.txt", "a.txt ü.txt"},
	} {
		f := read(t, test.rules)
		for name := range strings.FieldsSeq(test.in) {
			if !f.Passes(name) {
				t.Errorf("%q: %s is out; want it in", test.rules, name)
			}
		}
		for name := range strings.FieldsSeq(test.out) {
			if f.Passes(name) {
				t.Errorf("%q: %s is in; want it out", test.rules, name)
			}
		}
	}
	if err := new(Filter).Includes().Set(""); err == nil {
		t.Error("an empty pattern is no error")
	}
}
