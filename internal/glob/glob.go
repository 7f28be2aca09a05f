// Package glob matches text with patterns in which "*" stands for any text, also none, and nothing else is special.
package glob

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// A Glob is a pattern, kept as what lies between its stars. To match takes no longer than to look for each of those once, whatever
// the pattern.
type Glob []string

// Compile reads a pattern. Every text is one.
func Compile(pattern string) Glob { return strings.Split(pattern, "*") }

// CompileAll reads patterns.
func CompileAll(patterns []string) []Glob {
	all := make([]Glob, len(patterns))
	for i, p := range patterns {
		all[i] = Compile(p)
	}
	return all
}

// Match reports whether the pattern is like all of s.
func (g Glob) Match(s string) bool {
	first, last := g[0], g[len(g)-1]
	if len(g) == 1 {
		return s == first
	}
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range g[1 : len(g)-1] {
		_, rest, ok := strings.Cut(s, part)
		if !ok {
			return false
		}
		s = rest
	}
	return true
}

// MatchAny reports whether one of the patterns is like s.
func MatchAny(list []Glob, s string) bool {
	return slices.ContainsFunc(list, func(g Glob) bool { return g.Match(s) })
}

// Like reports whether a pattern is like all of s, where "*" stands for any text and "?" for any one character. It takes no longer than
// to compare each byte of the pattern with each of s.
func Like(pattern, s string) bool {
	star, retry := -1, 0 // where the last star stands, and what follows the text it stands for
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, retry = p, i
			p++
		case p < len(pattern) && pattern[p] == '?':
			_, n := utf8.DecodeRuneInString(s[i:])
			i += n
			p++
		case p < len(pattern) && pattern[p] == s[i]:
			p++
			i++
		case star >= 0:
			retry++
			p, i = star+1, retry
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
