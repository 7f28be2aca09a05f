// Package wire is what lies between HTTP and the values of package op: addresses, routes, inputs,
// outputs, ranges, conditions and error answers.
//
// It decides nothing. Who may do what is the business of package access, and what
// an operation means that of package store.
package wire

import (
	"io"
	"net/http"

	"github.com/oisproject/ois/internal/op"
)

// A Request is what a codec reads an input from.
type Request struct {
	Bucket, Key   string // as the address says, decoded
	Query         Query
	Header        http.Header
	Body          io.Reader
	ContentLength int64 // of Body, -1 if unknown
}

// NewRequest returns what r is for a codec. The address and the query are those that
// Resolve and ParseQuery found.
func NewRequest(r *http.Request, a *Address, q Query) *Request {
	return &Request{
		Bucket: a.Bucket, Key: a.Key, Query: q,
		Header: r.Header, Body: r.Body, ContentLength: r.ContentLength,
	}
}

// A Codec is what lies between HTTP and the values of one operation.
type Codec struct {
	// Params returns the input, a pointer such as *op.PutObjectInput, with all that
	// path, query and headers say. It does not touch the body, so it can run before
	// anybody knows who is asking. The exception is PostObject, where who is asking stands in
	// the body: there it reads the form up to its file.
	Params func(*Request) (any, error)

	// Encode sends the output, a pointer such as *op.PutObjectOutput, and closes its body.
	// An error before the status was written is that of reading the body, and the request can still be
	// answered with it; after that the answer has broken off.
	Encode func(http.ResponseWriter, any) error

	body bodyRules
}

// HasBody reports whether Body has something to read: a JSON body.
func (c *Codec) HasBody() bool { return c.body.json }

// Body adds to in, which Params returned, what a JSON body says. For operations
// without a JSON body it does nothing. A client that waits for "100 Continue" gets it here.
func (c *Codec) Body(r *Request, in any) error {
	if !c.body.json {
		return nil
	}
	return readJSON(r, &c.body, in)
}

// Decode is Params and Body in one, for callers that need no decision between the two.
func (c *Codec) Decode(r *Request) (any, error) {
	in, err := c.Params(r)
	if err != nil {
		return nil, err
	}
	return in, c.Body(r, in)
}

// CodecOf returns the codec of an operation.
func CodecOf(id op.ID) *Codec { return &codecs[id] }
