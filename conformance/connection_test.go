package conformance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// What is wrong below HTTP is refused before the service has a say: a status and the end of the
// connection are all that can be asked for.

func TestMalformedRequestsEndTheConnection(t *testing.T) {
	s := start(t)
	host := "Host: " + s.host + "\r\n"
	for name, text := range map[string]string{
		"garbage":            "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
		"no version":         "GET /\r\n" + host + "\r\n",
		"bad version":        "GET / HTTP/9.9\r\n" + host + "\r\n",
		"no target":          "GET  HTTP/1.1\r\n" + host + "\r\n",
		"bad method":         "GE(T / HTTP/1.1\r\n" + host + "\r\n",
		"no host":            "GET / HTTP/1.1\r\n\r\n",
		"two hosts":          "GET / HTTP/1.1\r\n" + host + host + "\r\n",
		"bad escape":         "GET /bucket-name/%zz HTTP/1.1\r\n" + host + "\r\n",
		"half escape":        "GET /bucket-name/%2 HTTP/1.1\r\n" + host + "\r\n",
		"control in target":  "GET /bucket-name/\x00 HTTP/1.1\r\n" + host + "\r\n",
		"nameless header":    "GET / HTTP/1.1\r\n" + host + ": x\r\n\r\n",
		"blank in name":      "GET / HTTP/1.1\r\n" + host + "X Y: z\r\n\r\n",
		"no colon":           "GET / HTTP/1.1\r\n" + host + "nonsense\r\n\r\n",
		"NUL in a value":     "GET / HTTP/1.1\r\n" + host + "X-A: \x00\r\n\r\n",
		"negative length":    "PUT /bucket-name/a HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n",
		"length in words":    "PUT /bucket-name/a HTTP/1.1\r\n" + host + "Content-Length: many\r\n\r\n",
		"huge length":        "PUT /bucket-name/a HTTP/1.1\r\n" + host + "Content-Length: 99999999999999999999\r\n\r\n",
		"two lengths":        "PUT /bucket-name/a HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		"unknown encoding":   "PUT /bucket-name/a HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip\r\n\r\n",
		"encoding and again": "PUT /bucket-name/a HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
	} {
		c := s.dial()
		c.send(text)
		a, err := c.read("GET")
		if err != nil {
			t.Errorf("%s: %v; want an answer", name, err)
			continue
		}
		if a.status < 400 || a.status == http.StatusInternalServerError {
			t.Errorf("%s: %d %s; want a refusal", name, a.status, a.text)
		}
		c.wantEnd()
	}
}

func TestOversizedHeadersEndTheConnection(t *testing.T) {
	s := start(t)
	for name, r := range map[string]request{
		"one header":   {method: "GET", target: "/", by: s.owner, header: []string{"X-Large: " + strings.Repeat("x", 2<<20)}},
		"many headers": {method: "GET", target: "/", by: s.owner, header: strings.Split(strings.Repeat("X-Many: y\n", 200_000)+"X-Last: z", "\n")},
		"target":       {method: "GET", target: "/?x=" + strings.Repeat("x", 2<<20), by: s.owner},
		"metadata":     {method: "PUT", target: "/" + freshName() + "/a", by: s.owner, header: []string{"X-QS-Meta-A: " + strings.Repeat("x", 2<<20)}},
	} {
		c := s.dial()
		text := r.text(s.service)
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			c.send(text)
		}()
		a, err := c.read(r.method)
		if err != nil {
			t.Errorf("%s: %v; want an answer", name, err)
			continue
		}
		if a.status != http.StatusRequestHeaderFieldsTooLarge && a.status != http.StatusRequestURITooLong && a.status != http.StatusBadRequest {
			t.Errorf("%s: %d; want 431", name, a.status)
		}
		c.wantClosedAfter(sent)
	}
}

// wantClosedAfter checks that the server closes while or after we send. It may reset the
// connection, since we said more than it wanted to hear.
func (c *conn) wantClosedAfter(sent <-chan struct{}) {
	c.t.Helper()
	buf := make([]byte, 1)
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	if n, err := c.in.Read(buf); err == nil {
		c.t.Errorf("the server sends %q after its answer; want the end", buf[:n])
	}
	_ = c.Close() // ends the writer
	<-sent
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a", "b")
	c := s.dial()
	keep := "Connection: keep-alive"
	get, put := b.request("GET", "/a", "", keep), b.request("PUT", "/c", "hello", keep)
	nope, last := b.request("GET", "/nope", "", keep), b.request("GET", "/b", "")
	c.send(get.text(s.service) + put.text(s.service) + nope.text(s.service) + last.text(s.service))
	c.answer("GET").want(http.StatusOK).wantBody("a")
	c.answer("PUT").want(http.StatusCreated)
	c.answer("GET").want(http.StatusNotFound)
	c.answer("GET").want(http.StatusOK).wantBody("b")
	c.wantEnd()
	b.get("c").want(http.StatusOK).wantBody("hello")
}

func TestGarbageAfterARequestIsNotPartOfIt(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	put := b.request("PUT", "/a", "hello", "Connection: keep-alive")
	c := s.dial()
	c.send(put.text(s.service) + "garbage that was pipelined\r\n\r\n")
	c.answer("PUT").want(http.StatusCreated)
	if a := c.answer("GET"); a.status < 400 {
		t.Errorf("garbage: %d; want a refusal", a.status)
	}
	c.wantEnd()
	b.get("a").want(http.StatusOK).wantBody("hello")
}

// TestBodyOfARefusedRequestIsNoRequest: what follows a refused header must not be read
// as a request of its own.
func TestBodyOfARefusedRequestIsNoRequest(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("kept")
	smuggled := b.request("DELETE", "/kept", "")
	body := smuggled.text(s.service)
	for name, r := range map[string]request{
		"wrong secret": b.as(newAccount(s.owner.id, "not the secret")).request("PUT", "/a", body, "Connection: keep-alive"),
		"bad class":    b.request("PUT", "/a", body, "Connection: keep-alive", "X-QS-Storage-Class: GLACIER"),
		"sub-resource": b.request("PUT", "/a?tagging", body, "Connection: keep-alive"),
		"GET":          b.request("GET", "/nope", body, "Connection: keep-alive"),
		"chunked":      b.as(nil).request("PUT", "/a", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body), "Connection: keep-alive", "Transfer-Encoding: chunked"),
	} {
		c := s.dial()
		last := b.request("GET", "/kept", "")
		c.send(r.text(s.service) + last.text(s.service))
		if a := c.answer(r.method); a.status < 400 {
			t.Errorf("%s: %d; want a refusal", name, a.status)
		}
		if a, err := c.read("GET"); err == nil && (a.status != http.StatusOK || a.text != "kept") {
			t.Errorf("%s: the next answer is %d %q; want the object, or a closed connection", name, a.status, a.text)
		}
	}
	b.get("kept").want(http.StatusOK)
	b.wantMissing("a")
}

func TestLengthAndChunksTogetherAreRefusedOrReadAsChunks(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	r := b.request("PUT", "/a", "5\r\nhello\r\n0\r\n\r\n", "Transfer-Encoding: chunked", "Content-Length: 3")
	c := s.dial()
	c.send(r.text(s.service))
	if a := c.answer("PUT").want(http.StatusCreated, http.StatusBadRequest); a.status == http.StatusCreated {
		b.get("a").want(http.StatusOK).wantBody("hello")
	}
	c.wantEnd()
}

func TestExpectContinueComesAfterTheDecision(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	expect := []string{"Expect: 100-continue", "Content-Length: 5"}
	missing := &bucket{session: s, name: freshName(), by: s.owner}
	for name, c := range map[string]struct {
		r      request
		status int
		code   string
	}{
		"unknown key":    {b.as(newAccount("NOSUCHACCESSKEYID001", "secret")).request("PUT", "/a", "", expect...), 401, "invalid_access_key_id"},
		"wrong secret":   {b.as(newAccount(s.owner.id, "not the secret")).request("PUT", "/a", "", expect...), 401, "signature_not_matched"},
		"anonymous":      {b.as(nil).request("PUT", "/a", "", expect...), 403, "permission_denied"},
		"missing bucket": {missing.request("PUT", "/a", "", expect...), 404, "bucket_not_exists"},
		"missing upload": {b.request("PUT", "/a?upload_id=none&part_number=0", "", expect...), 404, "upload_not_exists"},
		"unknown class":  {b.request("PUT", "/a", "", append(expect, "X-QS-Storage-Class: GLACIER")...), 400, "invalid_request"},
		"sub-resource":   {b.request("PUT", "/a?tagging", "", expect...), 400, "invalid_argument"},
	} {
		conn := s.dial()
		conn.send(c.r.text(s.service))
		a, err := conn.read("PUT")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		a.to = "PUT with Expect, " + name
		a.wantSound()
		a.wantFault(c.status, c.code)
	}
	b.wantNothing()
}

func TestExpectContinueIsAnswered(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	r := b.request("PUT", "/a", "", "Expect: 100-continue", "Content-Length: 5")
	c := s.dial()
	c.send(r.text(s.service))
	a, err := c.read("PUT")
	if err != nil || a.status != http.StatusContinue {
		t.Fatalf("the first answer is %+v, %v; want 100", a, err)
	}
	c.send("hello")
	c.answer("PUT").want(http.StatusCreated)
	b.get("a").want(http.StatusOK).wantBody("hello")
}
