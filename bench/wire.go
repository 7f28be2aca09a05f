package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// A request is sent as it stands: path and query are escaped, and the parameters are in the
// order of their names.
type request struct {
	method string
	path   string
	query  string
	extra  [2]string // one more header, its name in lower case; empty if there is none
	body   [][]byte
	want   int64 // length of the answer's body; -1 if any will do
	keep   bool  // the answer's body is wanted
}

func (r *request) size() (n int64) {
	for _, piece := range r.body {
		n += int64(len(piece))
	}
	return n
}

// An answer holds the body only if the request asked for that.
type answer struct {
	etag string
	body []byte
}

// A conn is one connection to a server, for one goroutine. It writes requests by itself: the
// client of net/http would take more of the CPU that the server is to have.
type conn struct {
	s    *server
	c    net.Conn
	r    *bufio.Reader
	head []byte
	sink []byte
}

// longest is how long one request may take: a server that hangs is to be noticed.
const longest = 5 * time.Minute

func dial(ctx context.Context, s *server) (*conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return nil, err
	}
	return &conn{s: s, c: c, r: bufio.NewReaderSize(c, 64*kib), sink: make([]byte, 256*kib)}, nil
}

func (c *conn) close() { _ = c.c.Close() } // nothing is under way

// do sends a request and reads its answer to the end. An answer that is not of the 200s is an error.
func (c *conn) do(r *request) (answer, error) {
	c.head = append(append(append(c.head[:0], r.method...), ' '), r.path...)
	if r.query != "" {
		c.head = append(append(c.head, '?'), r.query...)
	}
	c.head = append(append(c.head, " HTTP/1.1\r\nHost: "...), c.s.addr...)
	if r.method == http.MethodPut || r.method == http.MethodPost {
		c.head = strconv.AppendInt(append(c.head, "\r\nContent-Length: "...), r.size(), 10)
	}
	if r.extra[0] != "" {
		c.head = append(append(append(append(c.head, "\r\n"...), r.extra[0]...), ": "...), r.extra[1]...)
	}
	c.head = append(c.s.dialect.appendAuth(append(c.head, "\r\n"...), r), "\r\n"...)
	if err := c.c.SetDeadline(time.Now().Add(longest)); err != nil {
		return answer{}, err
	}
	buffers := append(net.Buffers{c.head}, r.body...)
	_, sent := buffers.WriteTo(c.c)
	a, err := c.read(r)
	if err != nil {
		return a, fmt.Errorf("%s %s: %w", r.method, r.path, errors.Join(sent, err))
	}
	return a, nil
}

func (c *conn) read(r *request) (a answer, err error) {
	resp, err := http.ReadResponse(c.r, &http.Request{Method: r.method})
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 500)) // it is an error already
		return a, fmt.Errorf("%s %s", resp.Status, text)
	}
	a.etag = resp.Header.Get("Etag")
	n := int64(0)
	if r.keep {
		a.body, err = io.ReadAll(resp.Body)
		n = int64(len(a.body))
	} else {
		n, err = c.drain(resp.Body)
	}
	if r.method == http.MethodHead {
		n = resp.ContentLength
	}
	if err == nil && r.want >= 0 && n != r.want {
		err = fmt.Errorf("the answer has %d bytes, want %d", n, r.want)
	}
	return a, err
}

// drain is io.Copy to nowhere with a larger buffer.
func (c *conn) drain(r io.Reader) (n int64, err error) {
	for {
		k, err := r.Read(c.sink)
		n += int64(k)
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}
