package wire

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/oisproject/ois/internal/fault"
)

// params reads parameters one after the other and remembers the first one that is bad.
type params struct {
	r   *Request
	err error
}

// fail notes a bad parameter.
func (p *params) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fault.Newf(fault.InvalidArgument, format, args...)
	}
}

// An interval holds the values that an integer may have.
type interval struct {
	min, max int64
	clamp    bool // a greater value counts as max
}

// check returns n, or max if it is too large and that is no error.
func (i interval) check(p *params, name string, n int64) int64 {
	switch {
	case n > i.max && i.clamp:
		return i.max
	case n < i.min || n > i.max:
		p.fail("query parameter %s: got %d; want %v", name, n, i)
	}
	return n
}

// String returns the interval in words.
func (i interval) String() string {
	switch {
	case i.min == math.MinInt64 && i.max == math.MaxInt64:
		return "an integer"
	case i.max == math.MaxInt64 || i.clamp:
		return "an integer of at least " + strconv.FormatInt(i.min, 10)
	}
	return "an integer from " + strconv.FormatInt(i.min, 10) + " to " + strconv.FormatInt(i.max, 10)
}

// query returns a query parameter by its name or, if that is absent or empty, by another spelling.
func (p *params) query(name string, aliases ...string) string {
	s := p.r.Query.Get(name)
	for i := 0; s == "" && i < len(aliases); i++ {
		s = p.r.Query.Get(aliases[i])
	}
	return s
}

// needQuery returns a query parameter that must not be empty.
func (p *params) needQuery(name string) string {
	s := p.query(name)
	if s == "" {
		p.fail("query parameter %s is missing or empty", name)
	}
	return s
}

// queryInt returns an integer, 0 if it is absent or empty.
func (p *params) queryInt(name string, i interval) int64 {
	if n := p.queryIntPtr(name, i); n != nil {
		return *n
	}
	return 0
}

// needQueryInt returns an integer that must be there.
func (p *params) needQueryInt(name string, i interval) int64 {
	n := p.queryIntPtr(name, i)
	if n == nil {
		p.fail("query parameter %s is missing or empty; want %v", name, i)
		return 0
	}
	return *n
}

// queryIntPtr returns an integer, nil if it is absent or empty.
func (p *params) queryIntPtr(name string, i interval) *int64 {
	s := p.r.Query.Get(name)
	if s == "" {
		return nil
	}
	n, err := strconv.ParseInt(s, 10, 64) // of too many digits it makes the largest number there is
	if n == math.MaxInt64 && err != nil && i.clamp {
		err = nil
	}
	if err != nil {
		p.fail("query parameter %s: got %q; want %v", name, s, i)
		return nil
	}
	n = i.check(p, name, n)
	return &n
}

// header returns a header by its canonical name. What was sent in several lines is joined
// by commas, as RFC 9110 has it.
func (p *params) header(name string) string {
	switch v := p.r.Header[name]; len(v) {
	case 0:
		return ""
	case 1:
		return v[0]
	default:
		return strings.Join(v, ", ")
	}
}

// needHeader returns a header that must not be empty.
func (p *params) needHeader(name string) string {
	s := p.header(name)
	if s == "" {
		p.fail("header %s is missing or empty", name)
	}
	return s
}

// headerTime returns a date, zero if it is absent or empty.
func (p *params) headerTime(name string) time.Time {
	s := p.header(name)
	if s == "" {
		return time.Time{}
	}
	t, err := http.ParseTime(s)
	if err != nil {
		p.fail("header %s: got %q; want a date such as %q", name, s, "Tue, 05 Mar 2024 08:15:30 GMT")
	}
	return t
}

// headerTimeIfValid is headerTime for conditions of reads, which RFC 9110 tells to ignore when they
// cannot be read.
func (p *params) headerTimeIfValid(name string) time.Time {
	s := p.header(name)
	if s == "" {
		return time.Time{} // which spares the making of an error
	}
	t, err := http.ParseTime(s)
	if err != nil {
		return time.Time{}
	}
	return t
}

// metadata returns the headers with that canonical prefix, by the rest of their names in lower case.
func (p *params) metadata(prefix string) map[string]string {
	var m map[string]string
	for name := range p.r.Header {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		if m == nil {
			m = make(map[string]string)
		}
		m[strings.ToLower(rest)] = p.header(name)
	}
	return m
}
