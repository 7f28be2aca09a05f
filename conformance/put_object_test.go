package conformance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestPutObjectStoresExactlyTheBody(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for _, n := range []int{0, 1, 4095, 4096, 4097, 65536, 1 << 20, 3<<20 + 17} {
		body, key := content(n, uint64(n)), fmt.Sprint(n)
		b.put(key, body).want(http.StatusCreated).wantHeader("ETag", etagOf(body)).wantBody("")
		b.get(key).want(http.StatusOK).wantBody(body).wantHeader("Content-Length", key).wantHeader("ETag", etagOf(body))
	}
}

func TestPutObjectReplacesTheWholeObject(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("a.txt", "old and long", "Content-Type: text/plain", "X-QS-Meta-A: b", "Cache-Control: no-store",
		"X-QS-Storage-Class: STANDARD_IA").want(http.StatusCreated)
	b.put("a.txt", "new").want(http.StatusCreated)
	b.get("a.txt").want(http.StatusOK).wantBody("new").wantHeader("Content-Type", "application/octet-stream").
		wantHeader("X-Qs-Meta-A", "").wantHeader("Cache-Control", "").wantHeader("X-Qs-Storage-Class", "STANDARD")
}

func TestPutObjectKeepsItsHeaders(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	header := map[string]string{
		"Content-Type": "text/html; charset=GBK", "Cache-Control": "max-age=3600, public",
		"Content-Disposition": `attachment; filename="a b.txt"`, "Content-Encoding": "gzip", "Expires": "Tue, 05 Mar 2030 08:15:30 GMT",
	}
	var lines []string
	for name, value := range header {
		lines = append(lines, strings.ToLower(name)+": "+value)
	}
	b.put("a.txt", "not really gzip", lines...).want(http.StatusCreated)
	for _, a := range []*answer{b.get("a.txt"), b.head("a.txt"), b.get("a.txt", "Accept-Encoding: gzip")} {
		for name, value := range header {
			a.wantHeader(name, value)
		}
		if a.method == http.MethodGet {
			a.wantBody("not really gzip")
		}
	}
}

func TestPutObjectTypeMayBeEmpty(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for _, header := range []string{"X-Nothing: x", "Content-Type:", "Content-Type:  "} {
		b.put("a.html", "<html>", header).want(http.StatusCreated)
		b.get("a.html").want(http.StatusOK).wantHeader("Content-Type", "application/octet-stream")
	}
	long := "text/" + strings.Repeat("x", 250)
	b.put("a.txt", "x", "Content-Type: "+long).want(http.StatusCreated)
	b.head("a.txt").wantHeader("Content-Type", long)
	b.put("b.txt", "x", "Content-Type: "+long+"x").wantFault(http.StatusBadRequest, "invalid_argument")
	b.wantMissing("b.txt")
}

func TestClient23_MetadataAndClassComeBack(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	header := []string{
		"X-QS-Meta-K1: V 1", "x-qs-meta-UPPER.lower_1: ~!@#$%^&*()'\"<>,;", "X-Qs-Meta-Empty:", "X-QS-Storage-Class: standard_ia",
		"Content-Type: text/plain",
	}
	b.put("put", "x", header...).want(http.StatusCreated)
	b.put("copy", "", append([]string{"X-QS-Copy-Source: " + b.path("put"), "X-QS-Metadata-Directive: REPLACE"}, header...)...).
		want(http.StatusCreated)
	u := b.initiate("upload", header...)
	u.part(0, "x").want(http.StatusCreated)
	u.complete("", 0).want(http.StatusCreated)
	for _, key := range []string{"put", "copy", "upload"} {
		for _, a := range []*answer{b.get(key), b.head(key), b.get(key, "Range: bytes=0-0")} {
			a.wantHeader("X-Qs-Meta-K1", "V 1").wantHeader("X-Qs-Meta-Upper.lower_1", "~!@#$%^&*()'\"<>,;").
				wantHeader("X-Qs-Storage-Class", "STANDARD_IA").wantHeader("Content-Type", "text/plain")
		}
	}
	for _, o := range b.list("").Keys {
		if o.StorageClass != "STANDARD_IA" || o.MimeType != "text/plain" || o.ETag == "" || o.Encrypted {
			t.Errorf("listing has %+v; want STANDARD_IA, text/plain, an ETag and no encryption", o)
		}
	}
}

func TestMetadataHasLimits(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	fits := "X-QS-Meta-" + strings.Repeat("k", 512) + ": " + strings.Repeat("v", 2048-512)
	b.put("fits", "x", fits).want(http.StatusCreated)
	b.head("fits").want(http.StatusOK).wantHeader("X-Qs-Meta-"+strings.Repeat("k", 512), strings.Repeat("v", 2048-512))
	for name, c := range map[string]struct{ header, code string }{
		"total":      {fits + "v", "metadata_too_large"},
		"two":        {"X-QS-Meta-A: " + strings.Repeat("v", 2040) + "\r\nX-QS-Meta-B: " + strings.Repeat("v", 10), "metadata_too_large"},
		"long name":  {"X-QS-Meta-" + strings.Repeat("k", 513) + ": v", "metadata_too_large"},
		"umlaut":     {"X-QS-Meta-A: grün", "invalid_argument"},
		"bare byte":  {"X-QS-Meta-A: gr\xfcn", "invalid_argument"},
		"inner tab":  {"X-QS-Meta-A: a\tb", "invalid_argument"},
		"no name":    {"X-QS-Meta-: v", "invalid_argument"},
		"bad letter": {"X-QS-Meta-a!b: v", "invalid_argument"},
	} {
		header := strings.Split(c.header, "\r\n")
		b.put(name, "x", header...).wantFault(http.StatusBadRequest, c.code)
		b.wantMissing(name)
		b.send("POST", object(name)+"?uploads", "", header...).wantFault(http.StatusBadRequest, c.code)
	}
	if l := b.uploads(""); len(l.Uploads) > 0 {
		t.Errorf("refused uploads are there: %+v", l.Uploads)
	}
}

func TestStorageClassMustBeKnown(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("source")
	for _, class := range []string{"GLACIER", "STANDARDIA", "0"} {
		header := "X-QS-Storage-Class: " + class
		b.put("a.txt", "x", header).wantFault(http.StatusBadRequest, "invalid_request")
		b.put("a.txt", "", header, "X-QS-Copy-Source: "+b.path("source")).wantFault(http.StatusBadRequest, "invalid_request")
		b.send("POST", "/a.txt?uploads", "", header).wantFault(http.StatusBadRequest, "invalid_request")
	}
	b.delete("source").want(http.StatusNoContent)
	b.wantNothing()
}

func TestClient17_ContentMD5MayBeHex(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("base64", "hello", "Content-MD5: "+md5Of("hello")).want(http.StatusCreated)
	b.put("hex", "hello", "Content-MD5: "+hexOf("hello")).want(http.StatusCreated)
	b.put("HEX", "hello", "Content-MD5: "+strings.ToUpper(hexOf("hello"))).want(http.StatusCreated)
	for _, key := range []string{"base64", "hex", "HEX"} {
		b.get(key).want(http.StatusOK).wantBody("hello")
	}
	u := b.initiate("parts")
	u.part(0, "hello", "Content-MD5: "+hexOf("hello")).want(http.StatusCreated)
}

func TestWrongContentMD5StoresNothing(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("kept", "old").want(http.StatusCreated)
	for value, code := range map[string]string{
		md5Of("other"):                     "bad_digest",
		hexOf("other"):                     "bad_digest",
		"nonsense":                         "invalid_argument",
		"aGVsbG8=":                         "invalid_argument", // not 16 bytes
		hexOf("hello")[:31]:                "invalid_argument",
		strings.Repeat("g", 32):            "invalid_argument",
		md5Of("hello") + ", " + md5Of("x"): "invalid_argument",
	} {
		for _, key := range []string{"fresh", "kept"} {
			b.put(key, "hello", "Content-MD5: "+value).wantFault(http.StatusBadRequest, code)
		}
		b.put("fresh", content(2<<20, 1), "Content-MD5: "+value).want(http.StatusBadRequest)
	}
	b.get("kept").want(http.StatusOK).wantBody("old")
	b.delete("kept").want(http.StatusNoContent)
	b.wantNothing()
}

func TestClient21_ChunkedBodiesNeedNoLength(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for name, c := range map[string]struct{ sent, stored string }{
		"empty":      {"0\r\n\r\n", ""},
		"one":        {"5\r\nhello\r\n0\r\n\r\n", "hello"},
		"several":    {"1\r\nh\r\n2;x=y\r\nel\r\n02\r\nlo\r\n0\r\n\r\n", "hello"},
		"trailer":    {"5\r\nhello\r\n0\r\nX-Trailer: x\r\n\r\n", "hello"},
		"large":      {fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", 1<<20, content(1<<20, 2)), content(1<<20, 2)},
		"upper case": {"A\r\n0123456789\r\n0\r\n\r\n", "0123456789"},
	} {
		b.put(name, c.sent, "Transfer-Encoding: chunked").want(http.StatusCreated).wantHeader("ETag", etagOf(c.stored))
		b.get(name).want(http.StatusOK).wantBody(c.stored)
	}
	u := b.initiate("parts")
	u.part(0, "5\r\nhello\r\n0\r\n\r\n", "Transfer-Encoding: chunked").want(http.StatusCreated)
	if l := u.parts(""); l.Count != 1 || l.ObjectParts[0].Size != 5 {
		t.Errorf("the chunked part is listed as %+v; want 5 bytes", l)
	}
}

func TestClient22_ShortBodiesStoreNothing(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("kept", "old").want(http.StatusCreated)
	u := b.initiate("upload")
	chunked, length := "Transfer-Encoding: chunked", "Content-Length: 100000"
	for _, suffix := range []string{"/fresh", "/kept", "/upload?upload_id=" + u.id + "&part_number=0"} {
		b.sendShort(b.request("PUT", suffix, "", length))
		b.sendShort(b.request("PUT", suffix, "only this", length))
		b.sendShort(b.request("PUT", suffix, content(90000, 1), length))
		b.sendShort(b.request("PUT", suffix, "", chunked))
		b.sendShort(b.request("PUT", suffix, "10\r\nhello", chunked))
		b.sendShort(b.request("PUT", suffix, "5\r\nhello\r\n", chunked))
		b.sendShort(b.request("PUT", suffix, "5\r\nhello\r\nzz\r\n", chunked))
	}
	b.sendShort(b.request("POST", "?delete", deletion("kept")[:10], "Content-Length: 25", "Content-MD5: "+md5Of(deletion("kept"))))
	if l := u.parts(""); l.Count != 0 {
		t.Errorf("short parts were stored: %+v", l.ObjectParts)
	}
	u.abort().want(http.StatusNoContent)
	b.wantMissing("fresh")
	b.get("kept").want(http.StatusOK).wantBody("old")
	b.delete("kept").want(http.StatusNoContent)
	b.wantNothing()
}

// sendShort sends a request whose body breaks off, once with a client that still listens and
// once with one that has gone.
func (b *bucket) sendShort(r request) {
	b.t.Helper()
	c := b.dial()
	c.send(r.text(b.service))
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		if err := w.CloseWrite(); err != nil {
			b.t.Fatal(err)
		}
		a := c.answer(r.method)
		a.to = r.method + " " + r.target
		a.wantSound()
		a.wantFault(http.StatusBadRequest, "incomplete_body")
	}
	c = b.dial()
	c.send(r.text(b.service))
	_ = c.Close() // the client gives up
}

func TestPutObjectRefusesMoreThan5GiBUnread(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	u := b.initiate("upload")
	for _, suffix := range []string{"/a.bin", "/upload?upload_id=" + u.id + "&part_number=0"} {
		c := s.dial()
		r := b.request("PUT", suffix, "", fmt.Sprintf("Content-Length: %d", 5<<30+1), "Expect: 100-continue")
		c.send(r.text(s.service))
		a, err := c.read("PUT")
		if err != nil {
			t.Fatal(err)
		}
		a.to = "PUT of 5 GiB and a byte"
		a.wantSound()
		a.wantFault(http.StatusBadRequest, "entity_too_large")
	}
	u.abort().want(http.StatusNoContent)
	b.wantNothing()
}

func TestPutObjectIgnoresNoSubresource(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("kept", "old").want(http.StatusCreated)
	for _, key := range []string{"fresh", "kept"} {
		for _, query := range []string{"?tagging", "?tagging=", "?foo=bar&retention", "?part_number=1", "?part_number=1&uploadid=x"} {
			b.send("PUT", object(key)+query, "new").wantFault(http.StatusBadRequest, "invalid_argument")
		}
		for _, query := range []string{"?acl", "?acl=", "?policy", "?uploads", "?append&position=0", "?image", "?delete", "?location", "?versions"} {
			b.send("PUT", object(key)+query, "new").wantFault(http.StatusMethodNotAllowed, "method_not_allowed")
		}
		b.send("POST", object(key), "new").wantFault(http.StatusMethodNotAllowed, "method_not_allowed")
		b.send("POST", object(key)+"?tagging", "new").want(http.StatusBadRequest, http.StatusMethodNotAllowed)
		b.send("PATCH", object(key), "new").wantFault(http.StatusMethodNotAllowed, "method_not_allowed")
		b.send("BREW", object(key), "new").wantFault(http.StatusMethodNotAllowed, "method_not_allowed")
	}
	b.get("kept").want(http.StatusOK).wantBody("old")
	b.wantMissing("fresh")
	b.put("fresh?foo=bar", "new").want(http.StatusCreated) // a key, not a query
	b.send("PUT", "/other?foo=bar&x=y", "new").want(http.StatusCreated)
	b.get("other").want(http.StatusOK).wantBody("new")
}

func TestPutObjectTakesOneSourceAtMost(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a.txt")
	src := b.path("a.txt")
	for _, header := range [][]string{
		{"X-QS-Copy-Source: " + src, "X-QS-Move-Source: " + src},
		{"X-QS-Copy-Source: " + src, "X-QS-Fetch-Source: http://127.0.0.1/"},
		{"X-QS-Move-Source: " + src, "X-QS-Fetch-Source: http://127.0.0.1/"},
	} {
		b.put("b.txt", "", header...).wantFault(http.StatusBadRequest, "invalid_argument")
	}
	b.wantMissing("b.txt")
	b.get("a.txt").want(http.StatusOK)
}
