// Package filter chooses objects and files by their names below a folder.
//
// A filter is a list of patterns in the order of the command line. The last one that is like a name decides. A name that
// none is like is in, unless the list starts with an include, which would have no effect then.
package filter

import (
	"errors"
	"slices"
	"strings"

	"github.com/oisproject/ois/internal/glob"
)

// A Filter is such a list. The zero value lets everything pass.
type Filter struct{ rules []rule }

type rule struct {
	include bool
	pattern string
}

// add appends a pattern. "*" is like any text, also with slashes, and "?" like one character. A pattern that ends in a slash is
// like everything in that folder.
func (f *Filter) add(include bool, pattern string) error {
	if pattern == "" {
		return errors.New("want a pattern, such as *.txt or logs/")
	}
	if strings.HasSuffix(pattern, "/") {
		pattern += "*"
	}
	f.rules = append(f.rules, rule{include, pattern})
	return nil
}

// Empty reports whether the filter has no patterns.
func (f *Filter) Empty() bool { return len(f.rules) == 0 }

// Passes reports whether a name is in. A nil filter lets everything pass.
func (f *Filter) Passes(name string) bool {
	if f == nil || len(f.rules) == 0 {
		return true
	}
	for _, r := range slices.Backward(f.rules) {
		if glob.Like(r.pattern, name) {
			return r.include
		}
	}
	return !f.rules[0].include
}

// Includes is a flag that appends patterns of names that are in.
func (f *Filter) Includes() *Flag { return &Flag{f, true} }

// Excludes is a flag that appends patterns of names that are out.
func (f *Filter) Excludes() *Flag { return &Flag{f, false} }

// A Flag is one of the two flags that fill a filter. Two share a list, so that the order of both together counts.
type Flag struct {
	filter  *Filter
	include bool
}

// Set appends a pattern.
func (f *Flag) Set(pattern string) error { return f.filter.add(f.include, pattern) }

// String is what help shows as the default.
func (f *Flag) String() string { return "" }

// Type is what help calls the value.
func (f *Flag) Type() string { return "GLOB" }
