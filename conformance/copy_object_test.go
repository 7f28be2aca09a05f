package conformance

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestCopyObjectCopiesBytesAndHeaders(t *testing.T) {
	s := start(t)
	from, to := s.newBucket(), s.newBucket()
	body := content(200_000, 3)
	from.put("a.bin", body, "Content-Type: text/plain", "X-QS-Meta-A: b", "Cache-Control: no-store").want(http.StatusCreated)
	to.put("b.bin", "", "X-QS-Copy-Source: "+from.path("a.bin")).want(http.StatusCreated).wantHeader("ETag", etagOf(body)).wantBody("")
	to.get("b.bin").want(http.StatusOK).wantBody(body).wantHeader("ETag", etagOf(body)).wantHeader("Content-Type", "text/plain").
		wantHeader("X-Qs-Meta-A", "b").wantHeader("Cache-Control", "no-store")
	from.delete("a.bin").want(http.StatusNoContent)
	to.get("b.bin").want(http.StatusOK).wantBody(body)
}

func TestClient15_SourceMayBeEscapedOrNot(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for _, key := range []string{"!@#$%^&*()`~-0", `<>?:"{}|_+-0`, "plus+plus.txt", "a b/c d.txt", "100%", "a?b", "中文 (v1).txt", "a//b", "..", "a%zz"} {
		b.fill(key)
		values := []string{b.path(key), b.path(key)[1:], strings.ToLower(b.path(key))}
		if isASCII(key) {
			values = append(values, "/"+b.name+"/"+key, b.name+"/"+key)
		}
		for _, value := range values {
			b.put("copy", "", "X-QS-Copy-Source: "+value).want(http.StatusCreated)
			b.get("copy").want(http.StatusOK).wantBody(key)
			b.put("moved", key).want(http.StatusCreated)
			b.delete("copy").want(http.StatusNoContent)
		}
		b.put("moved", "", "X-QS-Move-Source: "+values[len(values)-1]).want(http.StatusCreated)
		b.get("moved").want(http.StatusOK).wantBody(key)
		b.wantMissing(key)
	}
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 126 })
}

func TestClient15_SourceIsTakenAsItStandsFirst(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a%20b", "a b", "k?version_id=v")
	for value, key := range map[string]string{"a%20b": "a%20b", "a%2520b": "a%20b", "a b": "a b", "k?version_id=v": "k?version_id=v"} {
		b.put("copy", "", "X-QS-Copy-Source: /"+b.name+"/"+value).want(http.StatusCreated)
		b.get("copy").want(http.StatusOK).wantBody(key)
	}
	b.put("copy", "", "X-QS-Copy-Source: /"+b.name+"/a+b").wantFault(http.StatusNotFound, "object_not_exists")
}

// TestClient16_CopyOntoItselfMovesItsTime copies until the clock has moved on, which takes a second at most.
func TestClient16_CopyOntoItselfMovesItsTime(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("a.txt", "hello").want(http.StatusCreated)
	first := b.head("a.txt").header.Get("Last-Modified")
	for end := time.Now().Add(5 * time.Second); b.head("a.txt").header.Get("Last-Modified") == first; {
		if time.Now().After(end) {
			t.Fatalf("after many copies onto itself Last-Modified is still %s", first)
		}
		b.put("a.txt", "", "X-QS-Copy-Source: "+b.path("a.txt")).want(http.StatusCreated)
	}
}

func TestClient16_CopyOntoItselfRenewsIt(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("a.txt", "hello", "Content-Type: text/plain", "X-QS-Meta-A: b", "X-QS-Storage-Class: STANDARD_IA").want(http.StatusCreated)
	self := "X-QS-Copy-Source: " + b.path("a.txt")

	b.put("a.txt", "", self).want(http.StatusCreated)
	b.get("a.txt").want(http.StatusOK).wantBody("hello").wantHeader("Content-Type", "text/plain").wantHeader("X-Qs-Meta-A", "b")

	b.put("a.txt", "", self, "X-QS-Metadata-Directive: REPLACE", "Content-Type: text/html").want(http.StatusCreated)
	b.get("a.txt").want(http.StatusOK).wantBody("hello").wantHeader("Content-Type", "text/html").wantHeader("X-Qs-Meta-A", "")

	b.put("a.txt", "", self, "X-QS-Storage-Class: STANDARD_IA", "Content-Type: image/png").want(http.StatusCreated)
	b.get("a.txt").want(http.StatusOK).wantBody("hello").wantHeader("Content-Type", "text/html").
		wantHeader("X-Qs-Storage-Class", "STANDARD_IA").wantHeader("ETag", etagOf("hello"))
	wantRecent(t, "created", b.list("").Keys[0].Created)
	if st := b.statistics(); st.Count != 1 || st.Size != 5 {
		t.Errorf("statistics say %d objects of %d bytes; want 1 of 5", st.Count, st.Size)
	}
}

func TestCopyObjectDirectiveChoosesTheMetadata(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("a", "x", "Content-Type: text/plain", "X-QS-Meta-A: old", "Expires: Tue, 05 Mar 2030 08:15:30 GMT").want(http.StatusCreated)
	header := []string{"X-QS-Copy-Source: " + b.path("a"), "Content-Type: text/html", "X-QS-Meta-B: new"}
	for _, directive := range []string{"", "COPY", "copy"} {
		b.put("c", "", append(header, "X-QS-Metadata-Directive: "+directive)...).want(http.StatusCreated)
		b.head("c").wantHeader("Content-Type", "text/plain").wantHeader("X-Qs-Meta-A", "old").wantHeader("X-Qs-Meta-B", "")
	}
	for _, directive := range []string{"REPLACE", "Replace"} {
		b.put("c", "", append(header, "X-QS-Metadata-Directive: "+directive)...).want(http.StatusCreated)
		b.head("c").wantHeader("Content-Type", "text/html").wantHeader("X-Qs-Meta-A", "").wantHeader("X-Qs-Meta-B", "new").wantHeader("Expires", "")
	}
	b.put("d", "", append(header, "X-QS-Metadata-Directive: MERGE")...).wantFault(http.StatusBadRequest, "invalid_argument")
	b.wantMissing("d")
}

func TestCopyObjectDoesNotInheritTheClass(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("a", "x", "X-QS-Storage-Class: STANDARD_IA").want(http.StatusCreated)
	b.put("b", "", "X-QS-Copy-Source: "+b.path("a")).want(http.StatusCreated)
	b.put("c", "", "X-QS-Copy-Source: "+b.path("b"), "X-QS-Storage-Class: STANDARD_IA").want(http.StatusCreated)
	b.head("b").wantHeader("X-Qs-Storage-Class", "STANDARD")
	b.head("c").wantHeader("X-Qs-Storage-Class", "STANDARD_IA")
}

// A sourceCondition is a condition on the source of a copy or move, and whether it holds.
type sourceCondition struct {
	header string // behind the prefix that the operation has
	holds  bool
}

// sourceConditions returns conditions on an object with that answer to HEAD.
func sourceConditions(t *testing.T, head *answer) []sourceCondition {
	t.Helper()
	etag, at := head.header.Get("ETag"), head.header.Get("Last-Modified")
	modified, err := time.Parse(http.TimeFormat, at)
	if err != nil {
		t.Fatal(err)
	}
	before, after := httpDate(modified.Add(-time.Second)), httpDate(modified.Add(time.Second))
	return []sourceCondition{
		{"Match: " + etag, true},
		{"Match: *", true},
		{`Match: "x"`, false},
		{`None-Match: "x"`, true},
		{"None-Match: " + etag, false},
		{"None-Match: *", false},
		{"Modified-Since: " + before, true},
		{"Modified-Since: " + at, false},
		{"Modified-Since: " + after, false},
		{"Unmodified-Since: " + at, true},
		{"Unmodified-Since: " + after, true},
		{"Unmodified-Since: " + before, false},
	}
}

func TestCopyObjectConditionsAnswer412(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("a", "x").want(http.StatusCreated)
	b.put("kept", "old").want(http.StatusCreated)
	for _, c := range sourceConditions(t, b.head("a")) {
		header := []string{"X-QS-Copy-Source: " + b.path("a"), "X-QS-Copy-Source-If-" + c.header}
		if c.holds {
			b.put("copy", "", header...).want(http.StatusCreated)
			continue
		}
		b.put("kept", "", header...).wantFault(http.StatusPreconditionFailed, "precondition_failed")
	}
	b.get("kept").want(http.StatusOK).wantBody("old")
	etag := etagOf("x")
	b.put("kept", "", "X-QS-Copy-Source: "+b.path("a"), "X-QS-Copy-Source-If-Match: "+etag, "X-QS-Copy-Source-If-None-Match: "+etag).
		wantFault(http.StatusPreconditionFailed, "precondition_failed")
}

func TestCopyObjectOfWhatIsNotThere(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a")
	b.put("copy", "", "X-QS-Copy-Source: "+b.path("nope")).wantFault(http.StatusNotFound, "object_not_exists")
	b.put("copy", "", "X-QS-Copy-Source: /"+freshName()+"/a").wantFault(http.StatusNotFound, "bucket_not_exists")
	s.do(request{method: "PUT", target: "/" + freshName() + "/copy", by: s.owner, header: []string{"X-QS-Copy-Source: " + b.path("a")}}).
		wantFault(http.StatusNotFound, "bucket_not_exists")
	b.wantMissing("copy")
}

func TestMalformedSourceIsRefused(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for _, value := range []string{"", "/", "//", "nobucket", "/" + b.name, "/" + b.name + "/", "//a"} {
		for _, name := range []string{"X-QS-Copy-Source: ", "X-QS-Move-Source: "} {
			b.put("copy", "", name+value).wantFault(http.StatusBadRequest, "invalid_argument")
		}
	}
	b.wantNothing()
}
