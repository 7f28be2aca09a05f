package conformance

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/oisproject/ois/sdk/go/signature"
)

// patience is how long a single answer may take before a test gives up.
const patience = 60 * time.Second

// A request is one HTTP request, sent as it is written here: nothing is cleaned,
// escaped or put in order.
type request struct {
	method string
	target string   // of the request line, in whatever form
	host   string   // value of the Host header; empty is the endpoint's
	header []string // lines "Name: value"
	body   string

	by     *account                 // who signs; nil is nobody
	bucket string                   // the bucket, if the host names it
	sign   func(*signature.Message) // changes what is signed; nil changes nothing
}

// text returns the bytes of r. What a header line of r does not give is added: Host,
// Date and Authorization of a signed request, and the length of a body. Each
// request has its own connection, which the server is asked to close.
func (r *request) text(s *service) string {
	lines := []string{"Host: " + s.host}
	if r.host != "" {
		lines[0] = "Host: " + r.host
	}
	lines = append(lines, r.header...)
	if !has(lines, "Connection") {
		lines = append(lines, "Connection: close")
	}
	uploads := r.method == http.MethodPut || r.method == http.MethodPost
	if (r.body != "" || uploads) && !has(lines, "Content-Length") && !has(lines, "Transfer-Encoding") {
		lines = append(lines, fmt.Sprintf("Content-Length: %d", len(r.body)))
	}
	if r.by != nil && !has(lines, "Authorization") {
		if !has(lines, "Date") && !has(lines, "X-QS-Date") {
			lines = append(lines, "Date: "+now())
		}
		lines = append(lines, "Authorization: "+r.by.key.Authorization(r.message(lines)))
	}
	return r.method + " " + r.target + " HTTP/1.1\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n" + r.body
}

// message returns what the signature of r covers.
func (r *request) message(lines []string) *signature.Message {
	m := &signature.Message{Method: r.method, Header: headerOf(lines), Bucket: r.bucket}
	m.Path, m.Query = signature.SplitTarget(r.target)
	if r.sign != nil {
		r.sign(m)
	}
	return m
}

func headerOf(lines []string) http.Header {
	h := make(http.Header)
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		h.Add(name, strings.Trim(value, " \t"))
	}
	return h
}

func has(lines []string, name string) bool {
	return slices.ContainsFunc(lines, func(line string) bool {
		n, _, _ := strings.Cut(line, ":")
		return strings.EqualFold(n, name)
	})
}

func now() string { return httpDate(time.Now()) }

func httpDate(t time.Time) string { return t.UTC().Format(http.TimeFormat) }

// presigned returns r with a signature in its target instead of a header, good until expires.
func (r request) presigned(by *account, expires int64) request {
	m := r.message(r.header)
	m.Expires = strconv.FormatInt(expires, 10)
	r.target = withQuery(r.target, "access_key_id="+by.id, "expires="+m.Expires, "signature="+escape(by.key.Sign(m)))
	return r
}

// withQuery adds parameters to a target that may have some.
func withQuery(target string, params ...string) string {
	if strings.Contains(target, "?") {
		return target + "&" + strings.Join(params, "&")
	}
	return target + "?" + strings.Join(params, "&")
}

// A conn is a connection to the service on which a test says what it likes.
type conn struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

// dial opens a connection that ends with the test.
func (s *session) dial() *conn {
	s.t.Helper()
	d := net.Dialer{Timeout: patience}
	// Buckets are removed when the test and its context have ended.
	c, err := d.DialContext(context.WithoutCancel(s.t.Context()), "tcp", s.addr)
	if err != nil {
		s.t.Fatalf("dial %s: %v", s.addr, err)
	}
	if s.scheme == "https" {
		name, _, _ := net.SplitHostPort(s.addr)
		c = tls.Client(c, &tls.Config{ServerName: name})
	}
	s.t.Cleanup(func() { _ = c.Close() }) // it may be closed already
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	return &conn{t: s.t, Conn: c, in: bufio.NewReader(c)}
}

// send writes text. A server that has heard enough may close while we still talk, so
// that an error here means nothing: the answer tells.
func (c *conn) send(text string) { _, _ = io.WriteString(c, text) }

// answer reads the final answer to a request of that method.
func (c *conn) answer(method string) *answer {
	c.t.Helper()
	a, err := c.read(method)
	for err == nil && a.status < 200 {
		a, err = c.read(method)
	}
	if err != nil {
		c.t.Fatalf("read the answer to %s: %v", method, err)
	}
	return a
}

// read reads one answer, which may be 100 Continue.
func (c *conn) read(method string) (*answer, error) {
	resp, err := http.ReadResponse(c.in, &http.Request{Method: method})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return &answer{t: c.t, to: method, method: method, status: resp.StatusCode, header: resp.Header, text: string(body), length: resp.ContentLength}, err
}

// wantEnd checks that the server has nothing more to say and closes.
func (c *conn) wantEnd() {
	c.t.Helper()
	rest, err := io.ReadAll(c.in)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		c.t.Error("the server keeps the connection open; want it closed")
	}
	if len(rest) > 0 {
		c.t.Errorf("after its answer the server sends %.200q; want nothing", rest)
	}
}

// do sends r on a connection of its own and returns the answer, which must be
// sound in every respect that holds for all of them.
func (s *session) do(r request) *answer {
	s.t.Helper()
	c := s.dial()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		c.send(r.text(s.service))
	}()
	a := c.answer(r.method)
	c.wantEnd()
	_ = c.Close() // ends the writer, if the server did not want to hear it all
	<-sent
	a.to = r.method + " " + r.target
	a.wantSound()
	if !s.uncounted {
		driven.note(s.t, &r, a.status)
	}
	return a
}

// An answer is what came back.
type answer struct {
	t      *testing.T
	to     string // the request, for failure texts
	method string
	status int
	header http.Header
	text   string // the body
	length int64  // announced; -1 if not
}

// A failure is the body of an error answer.
type failure struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	RequestID string `json:"request_id"`
	URL       string `json:"url"`
}

// wantSound checks what clients rely on in every answer.
func (a *answer) wantSound() {
	a.t.Helper()
	id, kind := a.header.Get("X-Qs-Request-Id"), a.header.Get("Content-Type")
	if id == "" {
		a.t.Errorf("%s: %d without x-qs-request-id", a.to, a.status)
	}
	if _, err := time.Parse(http.TimeFormat, a.header.Get("Date")); err != nil {
		a.t.Errorf("%s: %d with Date %q: %v", a.to, a.status, a.header.Get("Date"), err)
	}
	if kind == "" && a.status != http.StatusNotModified {
		a.t.Errorf("%s: %d without Content-Type", a.to, a.status)
	}
	readsObject := a.status == http.StatusOK && (a.method == http.MethodGet || a.method == http.MethodHead)
	if a.text == "" && strings.HasPrefix(kind, "application/json") && !readsObject {
		a.t.Errorf("%s: %d has no body, yet says it is %s", a.to, a.status, kind)
	}
	if a.status < 400 {
		return
	}
	if a.method == http.MethodHead {
		if a.text != "" || a.length > 0 {
			a.t.Errorf("%s: %d has a body of %d bytes; want none", a.to, a.status, a.length)
		}
		return
	}
	if f := a.failure(); f.Message == "" || f.URL == "" || f.RequestID != id {
		a.t.Errorf("%s: %d with %s; want a message, a url and the request_id %q", a.to, a.status, a.text, id)
	}
}

// failure decodes the body of an error.
func (a *answer) failure() failure {
	a.t.Helper()
	var f failure
	if kind := a.header.Get("Content-Type"); kind != "application/json" {
		a.t.Errorf("%s: error %d is of type %q; want application/json", a.to, a.status, kind)
	}
	if err := json.Unmarshal([]byte(a.text), &f); err != nil {
		a.t.Errorf("%s: error %d has the body %.200q: %v", a.to, a.status, a.text, err)
	}
	return f
}

// want ends the test unless the answer has one of the statuses.
func (a *answer) want(statuses ...int) *answer {
	a.t.Helper()
	if !slices.Contains(statuses, a.status) {
		a.t.Fatalf("%s: got %d %.500s; want %v", a.to, a.status, a.text, statuses)
	}
	return a
}

// wantFault checks that the answer is that error. The answer to HEAD has only the status.
func (a *answer) wantFault(status int, code string) *answer {
	a.t.Helper()
	a.want(status)
	if a.method == http.MethodHead {
		return a
	}
	if f := a.failure(); f.Code != code {
		a.t.Errorf("%s: got code %q (%s); want %q", a.to, f.Code, f.Message, code)
	}
	return a
}

// wantHeader checks one header; an empty value means that it must be absent or empty.
func (a *answer) wantHeader(name, value string) *answer {
	a.t.Helper()
	if got := a.header.Get(name); got != value {
		a.t.Errorf("%s: %s is %q; want %q", a.to, name, got, value)
	}
	return a
}

// wantBody checks all bytes of the body.
func (a *answer) wantBody(body string) *answer {
	a.t.Helper()
	if a.text != body {
		a.t.Errorf("%s: %s", a.to, firstDifference(a.text, body))
	}
	return a
}

func firstDifference(got, want string) string {
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	return fmt.Sprintf("body of %d bytes differs at %d: got %.60q; want %d bytes, %.60q", len(got), i, got[i:], len(want), want[i:])
}

// json decodes the body, which must say that it is JSON in the one way that all clients
// understand.
func (a *answer) json(v any) *answer {
	a.t.Helper()
	a.wantHeader("Content-Type", "application/json")
	d := json.NewDecoder(bytes.NewReader([]byte(a.text)))
	if err := d.Decode(v); err != nil {
		a.t.Fatalf("%s: decode %.500q: %v", a.to, a.text, err)
	}
	return a
}

// fields returns the members of the JSON object in the body, each as text.
func (a *answer) fields() map[string]string {
	a.t.Helper()
	var raw map[string]json.RawMessage
	a.json(&raw)
	f := make(map[string]string, len(raw))
	for name, value := range raw {
		f[name] = string(value)
	}
	return f
}
