package wire

import (
	"net/http"
	"strings"
	"time"
)

// Conditions are the preconditions of a request. A zero field sets none.
type Conditions struct {
	Match           string // If-Match: a list of entity tags, or "*"
	NoneMatch       string // If-None-Match: a list of entity tags, or "*"
	ModifiedSince   time.Time
	UnmodifiedSince time.Time
}

// A Verdict says what conditions make of a request.
type Verdict uint8

// The verdicts.
const (
	Proceed     Verdict = iota
	NotModified         // answer 304: the client has it already
	Failed              // answer 412
)

// Check judges a GET or HEAD of an existing object by RFC 9110, section 13.2.2: entity
// tags have precedence over dates. The tag is given with its quotes.
func (c *Conditions) Check(etag string, modified time.Time) Verdict {
	switch {
	case c.Match != "" && !tagIn(c.Match, etag, false),
		c.Match == "" && !c.unmodified(modified):
		return Failed
	case c.NoneMatch != "" && tagIn(c.NoneMatch, etag, true),
		c.NoneMatch == "" && !c.modified(modified):
		return NotModified
	}
	return Proceed
}

// CheckSource reports whether all conditions hold for the source of a copy or
// move. There, each one counts on its own.
func (c *Conditions) CheckSource(etag string, modified time.Time) bool {
	return (c.Match == "" || tagIn(c.Match, etag, false)) &&
		(c.NoneMatch == "" || !tagIn(c.NoneMatch, etag, true)) &&
		c.modified(modified) && c.unmodified(modified)
}

// SameVersion reports whether the value of an If-Range header, an entity tag or a date, is that of the
// object, so that a Range header beside it may be obeyed.
func SameVersion(value, etag string, modified time.Time) bool {
	if t, err := http.ParseTime(value); err == nil {
		return modified.Truncate(time.Second).Equal(t)
	}
	return value == etag
}

// modified and unmodified compare whole seconds, which is all that
// Last-Modified tells a client.
func (c *Conditions) modified(at time.Time) bool {
	return c.ModifiedSince.IsZero() || at.Truncate(time.Second).After(c.ModifiedSince)
}

func (c *Conditions) unmodified(at time.Time) bool {
	return c.UnmodifiedSince.IsZero() || !at.Truncate(time.Second).After(c.UnmodifiedSince)
}

// tagIn reports whether list names etag. A weak tag, W/"x", equals "x" only in
// the weak comparison. Tags without quotes are understood.
func tagIn(list, etag string, weak bool) bool {
	etag = strings.Trim(etag, `"`)
	for list = skipCommas(list); list != ""; list = skipCommas(list) {
		var tag string
		var isWeak bool
		if tag, isWeak, list = cutTag(list); tag == "*" {
			return true
		}
		if (weak || !isWeak) && strings.Trim(tag, `"`) == etag {
			return true
		}
	}
	return false
}

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
