package words

import (
	"slices"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for line, want := range map[string][]string{
		"":                                nil,
		"  # nothing":                     nil,
		"cp a b":                          {"cp", "a", "b"},
		"\tcp  a \t b ":                   {"cp", "a", "b"},
		`cp "a b" 'c d'`:                  {"cp", "a b", "c d"},
		`rm a\ b "c\"d\\e\f" 'g\h' i"j"k`: {"rm", "a b", `c"d\e\f`, `g\h`, "ijk"},
		`x "" y # z`:                      {"x", "", "y"},
		"x a#b":                           {"x", "a#b"},
		"ls ois://b/文":                    {"ls", "ois://b/文"},
	} {
		if got, err := Split(line); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %q, %v; want %q", line, got, err, want)
		}
	}
	for _, line := range []string{`a "b`, `a 'b`, `a \`} {
		if got, err := Split(line); err == nil {
			t.Errorf("%q is split into %q", line, got)
		}
	}
}

// FuzzSplit quotes what was split, and splits it again.
func FuzzSplit(f *testing.F) {
	f.Add(`cp "a b" c\ d 'e"f'`)
	f.Fuzz(func(t *testing.T, line string) {
		first, err := Split(line)
		if err != nil {
			return
		}
		var quotes []string
		for _, w := range first {
			quotes = append(quotes, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
		}
		if again, err := Split(strings.Join(quotes, " ")); err != nil || !slices.Equal(first, again) {
			t.Errorf("%q: %q, and again %q, %v", line, first, again, err)
		}
	})
}
