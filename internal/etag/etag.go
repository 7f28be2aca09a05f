// Package etag compares entity tags as conditions of requests do, RFC 9110, section 13.1.
//
// It knows neither requests nor objects; internal/wire judges with it what is read, internal/store what is written.
package etag

import "strings"

// In reports whether list names tag: both as they stand in headers, the list with "*" for any tag. A weak tag, W/"x", equals "x" only in
// the weak comparison. Tags without quotes are understood.
func In(list, tag string, weak bool) bool {
	tag = strings.Trim(tag, `"`)
	for list = skipCommas(list); list != ""; list = skipCommas(list) {
		var one string
		var isWeak bool
		if one, isWeak, list = cutTag(list); one == "*" {
			return true
		}
		if (weak || !isWeak) && strings.Trim(one, `"`) == tag {
			return true
		}
	}
	return false
}

// Empty reports whether list names no tag at all.
func Empty(list string) bool { return skipCommas(list) == "" }

func skipCommas(s string) string { return strings.TrimLeft(s, ", \t") }

// cutTag takes the first tag off a list. A quoted tag may hold commas.
func cutTag(list string) (tag string, weak bool, rest string) {
	list, weak = strings.CutPrefix(list, "W/")
	if strings.HasPrefix(list, `"`) {
		if end := strings.IndexByte(list[1:], '"'); end >= 0 {
			return list[:end+2], weak, list[end+2:]
		}
	}
	tag, rest, _ = strings.Cut(list, ",")
	return strings.TrimRight(tag, " \t"), weak, rest
}

// A Condition is what a write demands of the object that is under its key. An empty field demands nothing.
type Condition struct {
	Match     string // If-Match: the object has one of these tags
	NoneMatch string // If-None-Match: it has none of them
}

// None reports whether nothing is demanded.
func (c Condition) None() bool { return c == Condition{} }

// Absent reports whether the condition holds where there is no object.
func (c Condition) Absent() bool { return c.Match == "" }

// Holds reports whether the condition holds for an object with that tag. Two conditions hold if both do.
func (c Condition) Holds(tag string) bool {
	return (c.Match == "" || In(c.Match, tag, false)) && (c.NoneMatch == "" || !In(c.NoneMatch, tag, true))
}
