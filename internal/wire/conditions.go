package wire

import (
	"net/http"
	"time"

	"github.com/oisproject/ois/internal/etag"
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
func (c *Conditions) Check(tag string, modified time.Time) Verdict {
	switch {
	case c.Match != "" && !etag.In(c.Match, tag, false),
		c.Match == "" && !c.unmodified(modified):
		return Failed
	case c.NoneMatch != "" && etag.In(c.NoneMatch, tag, true),
		c.NoneMatch == "" && !c.modified(modified):
		return NotModified
	}
	return Proceed
}

// CheckSource reports whether all conditions hold for the source of a copy or
// move. There, each one counts on its own.
func (c *Conditions) CheckSource(tag string, modified time.Time) bool {
	return (c.Match == "" || etag.In(c.Match, tag, false)) &&
		(c.NoneMatch == "" || !etag.In(c.NoneMatch, tag, true)) &&
		c.modified(modified) && c.unmodified(modified)
}

// SameVersion reports whether the value of an If-Range header, an entity tag or a date, is that of the
// object, so that a Range header beside it may be obeyed.
func SameVersion(value, tag string, modified time.Time) bool {
	if t, err := http.ParseTime(value); err == nil {
		return modified.Truncate(time.Second).Equal(t)
	}
	return value == tag
}

// modified and unmodified compare whole seconds, which is all that
// Last-Modified tells a client.
func (c *Conditions) modified(at time.Time) bool {
	return c.ModifiedSince.IsZero() || at.Truncate(time.Second).After(c.ModifiedSince)
}

func (c *Conditions) unmodified(at time.Time) bool {
	return c.UnmodifiedSince.IsZero() || !at.Truncate(time.Second).After(c.UnmodifiedSince)
}
