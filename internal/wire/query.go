package wire

import (
	"net/url"
	"strings"

	"github.com/oisproject/ois/internal/fault"
)

// maxParams is how many parameters a query may have; no operation has nearly as many.
const maxParams = 100

// A Query is the query of a request: its parameters, decoded, in the order sent.
type Query []Param

// A Param is a parameter of a query.
type Param struct{ Name, Value string }

// ParseQuery reads a raw query. "name" and "name=" are alike, a stray "&" is
// ignored, "+" is a space, and ";" is a character like any other.
func ParseQuery(raw string) (Query, error) {
	if raw == "" {
		return nil, nil
	}
	if n := strings.Count(raw, "&"); n >= maxParams {
		return nil, fault.Newf(fault.InvalidArgument, "the query has %d separators; allowed: fewer than %d", n, maxParams)
	}
	q := make(Query, 0, 1+strings.Count(raw, "&"))
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		p, err := unescapeParam(name, value)
		if err != nil {
			return nil, err
		}
		q = append(q, p)
	}
	return q, nil
}

func unescapeParam(name, value string) (p Param, err error) {
	if p.Name, err = url.QueryUnescape(name); err != nil {
		return p, fault.Newf(fault.InvalidArgument, "the query parameter %q has a malformed percent-encoding: %w", name, err)
	}
	if p.Value, err = url.QueryUnescape(value); err != nil {
		return p, fault.Newf(fault.InvalidArgument, "the value of the query parameter %q has a malformed percent-encoding: %w", name, err)
	}
	return p, nil
}

// Get returns the value of the first parameter of that name, empty if there is none.
func (q Query) Get(name string) string {
	for i := range q {
		if q[i].Name == name {
			return q[i].Value
		}
	}
	return ""
}

// Has reports whether there is a parameter of that name.
func (q Query) Has(name string) bool {
	for i := range q {
		if q[i].Name == name {
			return true
		}
	}
	return false
}

// Overrides reports whether a parameter overrides a header of the response.
func (q Query) Overrides() bool {
	for i := range q {
		if strings.HasPrefix(q[i].Name, "response-") {
			return true
		}
	}
	return false
}

// CheckOverrides refuses values of overrides that cannot stand in a header.
func (q Query) CheckOverrides() error {
	for i := range q {
		if strings.HasPrefix(q[i].Name, "response-") && strings.ContainsFunc(q[i].Value, control) {
			return fault.Newf(fault.InvalidArgument, "the query parameter %s is %q; control characters are not allowed in a header", q[i].Name, q[i].Value)
		}
	}
	return nil
}

// control reports whether r must not stand in the value of a header.
func control(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
