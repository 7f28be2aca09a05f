package conformance

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestGetObjectOfWhatIsNotThere(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a/b")
	for _, key := range []string{"a", "a/", "a/b/", "A/B", "a/b ", "a%2Fb"} {
		b.wantMissing(key)
		b.head(key).want(http.StatusNotFound).wantBody("")
	}
}

func TestClient26_RangeIsAnsweredWith206(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	const body = "0123456789"
	b.put("a.txt", body, "Content-Type: text/plain").want(http.StatusCreated)
	for value, want := range map[string]struct{ body, header string }{
		"bytes=0-4":                          {"01234", "bytes 0-4/10"},
		"bytes=0-0":                          {"0", "bytes 0-0/10"},
		"bytes=9-9":                          {"9", "bytes 9-9/10"},
		"bytes=5-":                           {"56789", "bytes 5-9/10"},
		"bytes=0-":                           {body, "bytes 0-9/10"},
		"bytes=-3":                           {"789", "bytes 7-9/10"},
		"bytes=-20":                          {body, "bytes 0-9/10"},
		"bytes=5-1000":                       {"56789", "bytes 5-9/10"},
		"bytes=8-99999999999999999999999999": {"89", "bytes 8-9/10"},
	} {
		b.get("a.txt", "Range: "+value).want(http.StatusPartialContent).wantBody(want.body).
			wantHeader("Content-Range", want.header).wantHeader("Content-Type", "text/plain").wantHeader("ETag", etagOf(body))
	}
}

func TestClient26_OtherRangesAre416(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("a.txt", "0123456789").want(http.StatusCreated)
	for _, value := range []string{
		"bytes=10-", "bytes=10-20", "bytes=99999999999999999999-", // past the end
		"bytes=5-4", "bytes=-0", "bytes=", "bytes=-", "bytes=a-b", "bytes=1-b", "bytes", "0-4", "lines=0-4", "bytes=+1-4", "bytes=1", "bytes 0-4",
		"bytes=-1-2", "bytes=-5--1", "bytes=--5", // negative
		"bytes=0-1,3-4", "bytes=0-5,3-7", "bytes=0-4,0-4", "bytes=,", // more than one
	} {
		b.get("a.txt", "Range: "+value).wantFault(http.StatusRequestedRangeNotSatisfiable, "invalid_range")
	}
	b.get("a.txt", "Range:").want(http.StatusOK).wantBody("0123456789")
	b.get("nope.txt", "Range: bytes=0-1").wantFault(http.StatusNotFound, "object_not_exists")
}

func TestRangeOfAnEmptyObject(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("empty", "").want(http.StatusCreated)
	b.get("empty").want(http.StatusOK).wantBody("").wantHeader("Content-Length", "0").wantHeader("ETag", etagOf(""))
	for _, value := range []string{"bytes=0-", "bytes=0-0", "bytes=1-"} {
		b.get("empty", "Range: "+value).wantFault(http.StatusRequestedRangeNotSatisfiable, "invalid_range")
	}
}

func TestRangesReadEveryByteOfALargeObject(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	body := content(1<<20+123, 9)
	b.put("a.bin", body).want(http.StatusCreated)
	for _, r := range [][2]int{{0, 1}, {65535, 65537}, {65536, 131072}, {4095, 700001}, {1 << 20, len(body)}, {1, len(body)}} {
		b.get("a.bin", rangeOf(r[0], r[1])).want(http.StatusPartialContent).wantBody(body[r[0]:r[1]])
	}
}

func TestClient12_LastModifiedIsAnHTTPDate(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a.txt")
	listed := b.list("").Keys[0]
	for _, a := range []*answer{b.get("a.txt"), b.head("a.txt"), b.get("a.txt", "Range: bytes=0-0")} {
		text := a.header.Get("Last-Modified")
		at, err := time.Parse(http.TimeFormat, text)
		if err != nil || at.Unix() != listed.Modified {
			t.Errorf("%s: Last-Modified is %q (%v); want the second %d in the form %q", a.to, text, err, listed.Modified, http.TimeFormat)
		}
	}
}

func TestConditionsOfGetAndHead(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("a.txt", "hello").want(http.StatusCreated)
	etag := etagOf("hello")
	at := b.head("a.txt").header.Get("Last-Modified")
	modified, err := time.Parse(http.TimeFormat, at)
	if err != nil {
		t.Fatal(err)
	}
	before, after := httpDate(modified.Add(-time.Second)), httpDate(modified.Add(time.Second))
	for _, c := range []struct {
		header string
		status int
	}{
		{"If-Match: " + etag, 200},
		{"If-Match: *", 200},
		{`If-Match: "x", ` + etag, 200},
		{`If-Match: "x"`, 412},
		{`If-Match: "x","y"`, 412},
		{"If-None-Match: " + etag, 304},
		{"If-None-Match: *", 304},
		{`If-None-Match: "x" , ` + etag, 304},
		{"If-None-Match: W/" + etag, 304},
		{`If-None-Match: "x"`, 200},
		{"If-Modified-Since: " + at, 304},
		{"If-Modified-Since: " + after, 304},
		{"If-Modified-Since: " + before, 200},
		{"If-Unmodified-Since: " + at, 200},
		{"If-Unmodified-Since: " + after, 200},
		{"If-Unmodified-Since: " + before, 412},
		// An entity tag is stronger than a date.
		{"If-Match: " + etag + "\nIf-Unmodified-Since: " + before, 200},
		{"If-None-Match: \"x\"\nIf-Modified-Since: " + after, 200},
		{"If-None-Match: " + etag + "\nIf-Modified-Since: " + before, 304},
		{"If-Match: " + etag + "\nIf-None-Match: " + etag, 304},
		{"If-Match: \"x\"\nIf-None-Match: " + etag, 412},
	} {
		header := strings.Split(c.header, "\n")
		a := b.get("a.txt", header...).want(c.status)
		switch c.status {
		case 200:
			a.wantBody("hello")
		case 304:
			a.wantBody("").wantHeader("ETag", etag)
		case 412:
			a.wantFault(412, "precondition_failed")
		}
		b.head("a.txt", header...).want(c.status).wantBody("")
	}
}

func TestConditionComesBeforeRange(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("a.txt", "hello").want(http.StatusCreated)
	b.get("a.txt", "Range: bytes=99-", "If-None-Match: "+etagOf("hello")).want(http.StatusNotModified)
	b.get("a.txt", "Range: bytes=0-1", `If-Match: "x"`).wantFault(http.StatusPreconditionFailed, "precondition_failed")
	b.get("a.txt", "Range: bytes=0-1", "If-Match: "+etagOf("hello")).want(http.StatusPartialContent).wantBody("he")
}

func TestConditionOfAMissingObjectIs404(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.get("nope", "If-Match: *").wantFault(http.StatusNotFound, "object_not_exists")
	b.get("nope", "If-None-Match: *").wantFault(http.StatusNotFound, "object_not_exists")
}

func TestClient25_ResponseParametersOverrideVerbatim(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("a.txt", "hello", "Content-Type: text/plain", "Cache-Control: no-store").want(http.StatusCreated)
	values := map[string]string{
		"Content-Type": "video/mp4; charset=utf8", "Cache-Control": "max-age=1", "Expires": "Tue, 05 Mar 2030 08:15:30 GMT",
		"Content-Language": "zh-CN", "Content-Encoding": "gzip", "Content-Disposition": `attachment; filename="报告.pdf"`,
	}
	var query []string
	for name, value := range values {
		query = append(query, "response-"+strings.ToLower(name)+"="+escape(value))
	}
	suffix := "/a.txt?" + strings.Join(query, "&")
	for _, header := range [][]string{nil, {"Range: bytes=1-2"}} {
		r, signed := b.request("GET", suffix, "", header...), b.as(nil).request("GET", suffix, "", header...).presigned(s.owner, inAnHour())
		for _, a := range []*answer{s.do(r), s.do(signed)} {
			a.want(http.StatusOK, http.StatusPartialContent)
			for name, value := range values {
				a.wantHeader(name, value)
			}
		}
	}
	b.get("a.txt").want(http.StatusOK).wantHeader("Content-Type", "text/plain").wantHeader("Cache-Control", "no-store")
	b.send("GET", "/a.txt?response-content-type=", "").want(http.StatusOK).wantHeader("Content-Type", "text/plain")
}

func TestResponseParametersCannotBreakTheAnswer(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("a.txt", "hello").want(http.StatusCreated)
	for _, value := range []string{"a%0D%0AX-Injected:%20yes", "a%0aX-Injected:%20yes", "a%00b"} {
		a := b.send("GET", "/a.txt?response-cache-control="+value, "")
		if a.header.Get("X-Injected") != "" {
			t.Errorf("%s adds a header to the answer", value)
		}
		a.want(http.StatusOK, http.StatusBadRequest)
	}
}

func TestResponseParametersNeedASignature(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a.txt")
	b.grant(toAll("READ"))
	b.as(nil).get("a.txt").want(http.StatusOK)
	b.as(nil).send("GET", "/a.txt?response-content-type=text/html", "").wantFault(http.StatusForbidden, "permission_denied")
}

func TestGetObjectIgnoresUnknownParameters(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a.txt")
	for _, query := range []string{"?foo=bar", "?tagging", "?tagging=", "?x&y=z&", "?v=1%2C2"} {
		b.send("GET", "/a.txt"+query, "").want(http.StatusOK).wantBody("a.txt")
		b.send("HEAD", "/a.txt"+query, "").want(http.StatusOK)
	}
	for _, query := range []string{"?acl", "?policy", "?stats", "?delete", "?versions", "?append&position=0"} {
		b.send("GET", "/a.txt"+query, "").wantFault(http.StatusMethodNotAllowed, "method_not_allowed")
		b.send("HEAD", "/a.txt"+query, "").want(http.StatusMethodNotAllowed)
	}
}
