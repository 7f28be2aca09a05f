package conformance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// minPart is the least that a part may have unless it is the last.
const minPart = 4 << 20

// An upload is a multipart upload that a test has begun.
type upload struct {
	*bucket
	key string
	id  string
}

func (b *bucket) initiate(key string, header ...string) *upload {
	b.t.Helper()
	var r struct {
		Bucket, Key string
		UploadID    string `json:"upload_id"`
	}
	b.send("POST", object(key)+"?uploads", "", header...).want(http.StatusOK).json(&r)
	if r.Bucket != b.name || r.Key != key || r.UploadID == "" {
		b.t.Fatalf("initiate %q gives %+v; want bucket, key and an id", key, r)
	}
	return &upload{bucket: b, key: key, id: r.UploadID}
}

// suffix returns the suffix of requests to the upload.
func (u *upload) suffix() string { return object(u.key) + "?upload_id=" + u.id }

func (u *upload) part(number int, body string, header ...string) *answer {
	u.t.Helper()
	return u.send("PUT", fmt.Sprintf("%s&part_number=%d", u.suffix(), number), body, header...)
}

// complete joins parts of those numbers. etag becomes the header of that name unless it is empty.
func (u *upload) complete(etag string, numbers ...int) *answer {
	u.t.Helper()
	list := make([]string, len(numbers))
	for i, n := range numbers {
		list[i] = fmt.Sprintf(`{"part_number":%d}`, n)
	}
	return u.completeWith(`{"object_parts":[`+strings.Join(list, ",")+`]}`, etag)
}

func (u *upload) completeWith(body, etag string) *answer {
	u.t.Helper()
	header := []string{"Content-Type: application/json"}
	if etag != "" {
		header = append(header, "ETag: "+etag)
	}
	return u.send("POST", u.suffix(), body, header...)
}

func (u *upload) abort() *answer {
	u.t.Helper()
	return u.send("DELETE", u.suffix(), "")
}

func TestInitiateMakesNoObject(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	first, second := b.initiate("a"), b.initiate("a")
	if first.id == second.id {
		t.Errorf("two uploads of one key have the id %s", first.id)
	}
	first.part(0, "x").want(http.StatusCreated)
	b.wantMissing("a")
	second.part(0, "y").want(http.StatusCreated)
	second.complete("", 0).want(http.StatusCreated)
	b.get("a").want(http.StatusOK).wantBody("y")
	first.complete("", 0).want(http.StatusCreated)
	b.get("a").want(http.StatusOK).wantBody("x")
}

func TestUploadKeepsTheHeadersItBeganWith(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	u := b.initiate("a", "Content-Type: text/plain", "X-QS-Meta-A: b", "Cache-Control: no-store", "Content-Encoding: br",
		"Content-Disposition: inline", "X-QS-Storage-Class: STANDARD_IA")
	u.part(0, "x", "Content-Type: image/png", "X-QS-Meta-A: other").want(http.StatusCreated)
	u.complete("", 0).want(http.StatusCreated)
	b.get("a").want(http.StatusOK).wantHeader("Content-Type", "text/plain").wantHeader("X-Qs-Meta-A", "b").
		wantHeader("Cache-Control", "no-store").wantHeader("Content-Encoding", "br").wantHeader("Content-Disposition", "inline").
		wantHeader("X-Qs-Storage-Class", "STANDARD_IA")
}
