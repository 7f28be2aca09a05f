package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	maxJSON  = 64 << 20 // bytes of a JSON answer that are read
	maxDrain = 64 << 10 // bytes of an unwanted body that are read to keep its connection
	maxStart = 512      // bytes of a body that an UnexpectedAnswerError shows
)

// requestIDHeader names every answer.
const requestIDHeader = "X-Qs-Request-Id"

// A reader takes the fields of an output out of an answer and remembers the
// first thing that is wrong with them.
type reader struct {
	op  *Operation
	res *Response
	err error
}

// requestID returns the id of the request.
func (r *reader) requestID() string { return r.res.Header.Get(requestIDHeader) }

// header returns a header, by its canonical name.
func (r *reader) header(name string) string {
	if v := r.res.Header[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// headerTime returns a header that is a date; zero if it is absent or cannot be read,
// which is no reason to refuse the answer.
func (r *reader) headerTime(name string) time.Time {
	t, err := http.ParseTime(r.header(name))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// headerBool returns a header that is true or absent.
func (r *reader) headerBool(name string) bool { return strings.EqualFold(r.header(name), "true") }

// headerInt returns a header that is an integer, 0 if it is absent.
func (r *reader) headerInt(name string) int64 {
	if p := r.headerIntPtr(name); p != nil {
		return *p
	}
	return 0
}

// length returns the Content-Length, -1 if it is absent.
func (r *reader) length() int64 {
	if p := r.headerIntPtr("Content-Length"); p != nil {
		return *p
	}
	return -1
}

// headerIntPtr returns a header that is an integer, nil if it is absent.
func (r *reader) headerIntPtr(name string) *int64 {
	s := r.header(name)
	if s == "" {
		return nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		if r.err == nil {
			r.err = fmt.Errorf("header %s: %q is not an integer", name, s)
		}
		return nil
	}
	return &n
}

// metadata returns the headers with that canonical prefix, by the rest of their names in lower case.
func (r *reader) metadata(prefix string) map[string]string {
	var m map[string]string
	for name, v := range r.res.Header {
		if len(name) > len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) && len(v) > 0 {
			if m == nil {
				m = make(map[string]string)
			}
			m[strings.ToLower(name[len(prefix):])] = v[0]
		}
	}
	return m
}

// finish ends the reading of an answer whose body is not wanted.
func (r *reader) finish() error {
	_, _ = io.CopyN(io.Discard, r.res.Body, maxDrain) // for the connection's sake; the answer is complete without it
	_ = r.res.Body.Close()                            // the same
	if r.err != nil {
		return r.unexpected(nil, r.err)
	}
	return nil
}

// stream ends the reading of an answer whose body goes to the caller.
func (r *reader) stream() error {
	if r.err == nil {
		return nil
	}
	_ = r.res.Body.Close() // nothing more is read
	return r.unexpected(nil, r.err)
}

// json reads the body into v, which must be JSON and no more than it.
func (r *reader) json(v any) error {
	data, err := io.ReadAll(io.LimitReader(r.res.Body, maxJSON+1))
	if err2 := r.res.Body.Close(); err == nil {
		err = err2
	}
	switch kind, _, _ := mime.ParseMediaType(r.header("Content-Type")); {
	case err != nil:
		return fmt.Errorf("%s: read body: %w", r.op.Name, err)
	case r.err != nil:
		return r.unexpected(data, r.err)
	case kind != "application/json":
		return r.unexpected(data, errors.New("want application/json"))
	case len(data) > maxJSON:
		return r.unexpected(data, fmt.Errorf("the body is longer than %d bytes", maxJSON))
	}
	if err := json.Unmarshal(data, v); err != nil {
		return r.unexpected(data, err)
	}
	return nil
}

// unexpected returns the error for an answer that the contract does not know.
func (r *reader) unexpected(body []byte, err error) error {
	return &UnexpectedAnswerError{
		Op:          r.op.Name,
		Status:      r.res.Status,
		ContentType: r.header("Content-Type"),
		RequestID:   r.requestID(),
		Start:       string(body[:min(len(body), maxStart)]),
		Err:         err,
	}
}
