// Package api is the complete OIS API: one method per operation, with an input
// and an output that hold everything the contract knows.
//
// Its methods are thin. They turn an input into a [Request], hand it to a [Caller], and read
// the [Response]. Addressing, signing, sending, retries and the errors of the service are
// the Caller's business; the one in package ois does all of that. Programs that only put, get
// and list objects are better served by package ois itself.
package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A Caller sends one request, as often as it takes, and returns the answer.
type Caller interface {
	// Call returns a response only if its status is one of req.Op.Success; the caller
	// of Call closes its body. Any other answer, and no answer, is an error. Unless req.Op.Stream
	// is set, Call may have read the whole body before it returns, so that a
	// broken connection is one of the things it tries again for.
	Call(ctx context.Context, req *Request) (*Response, error)
}

// A Client has a method for each operation. It is safe for concurrent use if
// its Caller is.
type Client struct{ caller Caller }

// New returns a client that sends its requests through c.
func New(c Caller) *Client { return &Client{caller: c} }

// Idempotency says whether a request may be sent again when its answer got lost.
type Idempotency uint8

// The kinds of idempotency.
const (
	NotIdempotent        Idempotency = iota
	Idempotent                       // twice is as good as once
	IdempotentByETag                 // a second time fails; the ETag of the object tells whether the first did it
	IdempotentByPosition             // a second time fails; the size of the object tells whether the first did it
)

// A Level says what an operation is about.
type Level uint8

// The levels.
const (
	LevelService Level = iota + 1
	LevelBucket
	LevelObject
)

// An Operation describes an operation. It must not be modified.
type Operation struct {
	Name       string
	Method     string
	Level      Level
	Idempotent Idempotency
	Success    []int    // statuses of an answer that is no error
	MD5        bool     // the service refuses a request without Content-MD5; requests with a JSON body have it
	Stream     bool     // the body of the answer goes to the caller as it comes
	Extensions []string // request headers that only servers with the extension obey; others ignore them
}

// Succeeds reports whether status is one of Success.
func (o *Operation) Succeeds(status int) bool { return slices.Contains(o.Success, status) }

// A Request is what a Caller has to send.
type Request struct {
	Op     *Operation
	Zone   string // "" leaves it to the Caller
	Bucket string // "" for operations on the service
	Key    string // "" for operations on a bucket
	Query  Query
	Header http.Header

	// Body may be nil. The Caller never closes it.
	Body io.Reader
	// ContentLength is the number of bytes of Body. 0 with a Body means that the Caller finds out,
	// and -1 that nobody knows.
	ContentLength int64
}

// A Response is the answer to a Request.
type Response struct {
	Status int
	Header http.Header
	Body   io.ReadCloser // never nil
}

// A Query is the query of a request, in the order in which it is sent.
type Query []Param

// A Param is a parameter of a query.
type Param struct{ Name, Value string }

// Add appends a parameter. One without a value is written as its name alone.
func (q *Query) Add(name, value string) { *q = append(*q, Param{name, value}) }

// Get returns the value of the first parameter of that name.
func (q Query) Get(name string) (value string, ok bool) {
	for _, p := range q {
		if p.Name == name {
			return p.Value, true
		}
	}
	return "", false
}

// Encode returns the query as it stands in a URL, without the question mark.
func (q Query) Encode() string {
	var b strings.Builder
	for i, p := range q {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(escape(p.Name))
		if p.Value != "" {
			b.WriteByte('=')
			b.WriteString(escape(p.Value))
		}
	}
	return b.String()
}

// escape writes a space as %20, which servers read alike; some read + as itself.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// An InputError tells that an input cannot be sent. Nothing was sent.
type InputError struct {
	Op     string // name of the operation
	Field  string // field of the input
	Reason string
}

// Error returns operation, field and reason.
func (e *InputError) Error() string { return fmt.Sprintf("%s: %s %s", e.Op, e.Field, e.Reason) }

// An UnexpectedAnswerError tells that an answer has a status of success, yet is not
// what the contract says; a proxy or a captive portal may have answered.
type UnexpectedAnswerError struct {
	Op          string
	Status      int
	ContentType string
	RequestID   string
	Start       string // first bytes of the body
	Err         error  // what is wrong with the answer
}

// Error tells what came instead.
func (e *UnexpectedAnswerError) Error() string {
	return fmt.Sprintf("%s: unexpected answer with status %d and Content-Type %q: %v", e.Op, e.Status, e.ContentType, e.Err)
}

// Unwrap returns what is wrong with the answer.
func (e *UnexpectedAnswerError) Unwrap() error { return e.Err }
