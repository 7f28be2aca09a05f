package main

import (
	"encoding/binary"
	"fmt"
	"net/http"
)

// scramble gives every number another one, in no order: keys come as hashes do, not sorted.
func scramble(i int64) uint64 {
	x := uint64(i) + 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// key of the i-th object of a family.
func key(family string, i int64) string { return fmt.Sprintf("%s/%016x", family, scramble(i)) }

func objectPath(key string) string { return "/" + bucket + "/" + key }

// body of n bytes, different for each i. It is made of pieces of the noise, each behind a stamp: so what is
// sent stays in the caches of the client, and yet no block of it is like another.
func (s *server) body(n, i int64) [][]byte {
	var b [][]byte
	for p := int64(0); n > 0; p++ {
		stamp := binary.BigEndian.AppendUint64(nil, scramble(i<<16+p))
		stamp = stamp[:min(n, 8)]
		n -= int64(len(stamp))
		k := min(n, pieceSize)
		from := scramble(-i) % uint64(int64(len(s.noise))-k+1)
		b = append(b, stamp, s.noise[from:][:k])
		n -= k
	}
	return b
}

const pieceSize = 256 * kib

func (c *conn) put(key string, n, i int64) error {
	_, err := c.do(&request{method: http.MethodPut, path: objectPath(key), body: c.s.body(n, i), want: -1})
	return err
}

func (c *conn) get(key string, n int64) error {
	_, err := c.do(&request{method: http.MethodGet, path: objectPath(key), want: n})
	return err
}

// verify reads an object and compares it with what put sent.
func (c *conn) verify(key string, n, i int64) error {
	a, err := c.do(&request{method: http.MethodGet, path: objectPath(key), want: n, keep: true})
	if err != nil {
		return err
	}
	at := 0
	for _, piece := range c.s.body(n, i) {
		if string(a.body[at:at+len(piece)]) != string(piece) {
			return fmt.Errorf("GET %s: other bytes than were put, behind byte %d", key, at)
		}
		at += len(piece)
	}
	return nil
}

func (c *conn) head4K(key string) error {
	_, err := c.do(&request{method: http.MethodHead, path: objectPath(key), want: 4 * kib})
	return err
}

func (c *conn) delete(key string) error {
	_, err := c.do(&request{method: http.MethodDelete, path: objectPath(key), want: -1})
	return err
}

// list asks for one page.
func (c *conn) list(prefix, delimiter, marker string) (page, error) {
	a, err := c.do(&request{method: http.MethodGet, path: "/" + bucket, query: c.s.dialect.listQuery(prefix, delimiter, marker), want: -1, keep: true})
	if err != nil {
		return page{}, err
	}
	return c.s.dialect.page(a.body), nil
}

// copyTo copies or moves an object within the server.
func (c *conn) copyTo(to, from string, move bool) error {
	_, err := c.do(&request{
		method: http.MethodPut, path: objectPath(to), want: -1,
		extra: [2]string{c.s.dialect.source(move), objectPath(from)},
	})
	return err
}

// multipart uploads an object in parts, one after the other.
func (c *conn) multipart(key string, parts int, size, i int64) error {
	d, path := c.s.dialect, objectPath(key)
	a, err := c.do(&request{method: http.MethodPost, path: path, query: d.uploadsQuery(), want: -1, keep: true})
	if err != nil {
		return err
	}
	id := d.uploadID(a.body)
	etags := make([]string, parts)
	for n := range etags {
		a, err := c.do(&request{method: http.MethodPut, path: path, query: d.partQuery(id, n+1), body: c.s.body(size, i+int64(n)), want: -1})
		if err != nil {
			return fmt.Errorf("part %d: %w", n+1, err)
		}
		etags[n] = a.etag
	}
	query, body := d.completion(id, etags)
	_, err = c.do(&request{method: http.MethodPost, path: path, query: query, body: [][]byte{body}, want: -1})
	return err
}
