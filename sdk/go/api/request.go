package api

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A builder makes a Request out of the fields of an input and remembers the
// first thing that is wrong with them.
type builder struct {
	req *Request
	err error
}

// build begins a request.
func build(op *Operation, zone, bucket, key string) *builder {
	b := &builder{req: &Request{Op: op, Zone: zone, Bucket: bucket, Key: key, Header: make(http.Header)}}
	if op.Level >= LevelBucket && bucket == "" {
		b.fail("Bucket", "is missing")
	}
	if op.Level >= LevelObject && key == "" {
		b.fail("Key", "is missing") // else the request would be about the bucket
	}
	return b
}

// fail notes what is wrong with a field.
func (b *builder) fail(field, reason string) {
	if b.err == nil {
		b.err = &InputError{Op: b.req.Op.Name, Field: field, Reason: reason}
	}
}

// done returns the request.
func (b *builder) done() (*Request, error) {
	if b.err != nil {
		return nil, b.err
	}
	return b.req, nil
}

// need notes that a required field is empty.
func (b *builder) need(field, value string) {
	if value == "" {
		b.fail(field, "is missing")
	}
}

// flag adds a query name without value.
func (b *builder) flag(name string) { b.req.Query.Add(name, "") }

// query adds a query parameter unless it is empty.
func (b *builder) query(name, value string) {
	if value != "" {
		b.req.Query.Add(name, value)
	}
}

// queryInt adds a query parameter unless it is 0.
func (b *builder) queryInt(name string, n int64) {
	if n != 0 {
		b.queryIntAlways(name, n)
	}
}

// queryIntAlways adds a query parameter.
func (b *builder) queryIntAlways(name string, n int64) {
	b.req.Query.Add(name, strconv.FormatInt(n, 10))
}

// queryIntPtr adds a query parameter unless it is nil.
func (b *builder) queryIntPtr(name string, n *int64) {
	if n != nil {
		b.queryIntAlways(name, *n)
	}
}

// header sets a header unless it is empty. A line break in a value would begin
// another header.
func (b *builder) header(field, name, value string) {
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		b.fail(field, "has a line break or another control character")
	}
	if value != "" {
		b.req.Header[name] = []string{value}
	}
}

// headerTime sets a header unless the time is zero.
func (b *builder) headerTime(name string, t time.Time) {
	if !t.IsZero() {
		b.req.Header[name] = []string{t.UTC().Format(http.TimeFormat)}
	}
}

// nameBytes are what names of metadata are made of.
const nameBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

// metadata sets a header for each entry.
func (b *builder) metadata(prefix string, m map[string]string) {
	for name, value := range m {
		if strings.Trim(name, nameBytes) != "" || name == "" {
			b.fail("Metadata", "has the name "+strconv.Quote(name)+`; want letters, digits, "-", "_" and "."`)
		}
		full := http.CanonicalHeaderKey(prefix + name)
		if b.req.Header[full] != nil {
			b.fail("Metadata", "has the name "+strconv.Quote(strings.ToLower(name))+" twice, in two spellings")
		}
		b.header("Metadata", full, value)
		if value == "" { // it exists nonetheless
			b.req.Header[full] = []string{""}
		}
	}
}

// stream sets the body.
func (b *builder) stream(body io.Reader, length int64) {
	b.req.Body, b.req.ContentLength = body, length
	if body == nil && length > 0 {
		b.fail("ContentLength", "is "+strconv.FormatInt(length, 10)+", but Body is nil")
	}
}

// json makes v the body, with its MD5 if the operation demands one.
func (b *builder) json(v any) {
	data, err := json.Marshal(v)
	if err != nil {
		b.fail("body", "cannot be written as JSON: "+err.Error())
		return
	}
	b.req.Body, b.req.ContentLength = bytes.NewReader(data), int64(len(data))
	b.req.Header["Content-Type"] = []string{"application/json"}
	if b.req.Op.MD5 && b.req.Header["Content-Md5"] == nil {
		sum := md5.Sum(data)
		b.req.Header["Content-Md5"] = []string{base64.StdEncoding.EncodeToString(sum[:])}
	}
}
