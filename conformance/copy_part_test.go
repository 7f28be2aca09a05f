package conformance

import (
	"fmt"
	"net/http"
	"testing"
)

// rangeOf returns the Range header for the bytes from from up to, but without, to.
func rangeOf(from, to int) string { return "Range: " + bytesOf(from, to) }

func bytesOf(from, to int) string { return fmt.Sprintf("bytes=%d-%d", from, to-1) }

func (u *upload) copyPart(number int, source string, header ...string) *answer {
	u.t.Helper()
	return u.part(number, "", append([]string{"X-QS-Copy-Source: " + source}, header...)...)
}

func TestClient26_CopyRangeTakesPartOfTheSource(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	body := content(minPart+1000, 5)
	b.put("source", body).want(http.StatusCreated)
	src := b.path("source")
	u := b.initiate("a")
	a := u.copyPart(0, src, "X-QS-Copy-Range: "+bytesOf(0, minPart)).want(http.StatusCreated).wantBody("").
		wantHeader("X-Qs-Content-Copy-Range", fmt.Sprintf("bytes 0-%d/%d", minPart-1, len(body)))
	if a.header.Get("ETag") == "" {
		t.Error("a copied part has no ETag")
	}
	u.part(1, content(minPart, 6)).want(http.StatusCreated)
	u.copyPart(2, src).want(http.StatusCreated).wantHeader("X-Qs-Content-Copy-Range", "")
	u.copyPart(3, src, "X-QS-Copy-Range: bytes=7-9").want(http.StatusCreated)
	if l := u.parts(""); l.Count != 4 || l.ObjectParts[2].Size != int64(len(body)) || l.ObjectParts[3].Size != 3 {
		t.Errorf("parts are %+v; want four of the right sizes", l)
	}
	u.complete("", 0, 1, 2, 3).want(http.StatusCreated)
	b.get("a").want(http.StatusOK).wantBody(body[:minPart] + content(minPart, 6) + body + body[7:10])
	b.delete("source").want(http.StatusNoContent)
	b.get("a", rangeOf(2*minPart, 2*minPart+10)).want(http.StatusPartialContent).wantBody(body[:10])
}

func TestCopyPartETagServesToComplete(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("source", "0123456789").want(http.StatusCreated)
	u := b.initiate("a")
	etag := u.copyPart(0, b.path("source"), "X-QS-Copy-Range: bytes=2-5").want(http.StatusCreated).header.Get("ETag")
	u.completeWith(`{"object_parts":[{"part_number":0,"etag":`+quoted(etag)+`}]}`, "").want(http.StatusCreated)
	b.get("a").want(http.StatusOK).wantBody("2345")
}

func TestCopyPartConditionsAnswer412(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("source", "x").want(http.StatusCreated)
	u := b.initiate("a")
	for _, c := range sourceConditions(t, b.head("source")) {
		a := u.copyPart(0, b.path("source"), "X-QS-Copy-Source-If-"+c.header)
		if c.holds {
			a.want(http.StatusCreated)
			continue
		}
		a.wantFault(http.StatusPreconditionFailed, "precondition_failed")
	}
}

func TestCopyPartRefusesWhatItCannotCopy(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("source", "0123456789").want(http.StatusCreated)
	u := b.initiate("a")
	src := b.path("source")
	for _, value := range []string{"bytes=10-", "bytes=10-12", "bytes=5-4", "bytes=0-1,3-4", "bytes=a-b", "0-4"} {
		u.copyPart(0, src, "X-QS-Copy-Range: "+value).wantFault(http.StatusRequestedRangeNotSatisfiable, "invalid_range")
	}
	u.copyPart(0, b.path("nope")).wantFault(http.StatusNotFound, "object_not_exists")
	u.copyPart(0, "/"+freshName()+"/source").wantFault(http.StatusNotFound, "bucket_not_exists")
	u.copyPart(0, "source").wantFault(http.StatusBadRequest, "invalid_argument")
	u.copyPart(10001, src).wantFault(http.StatusBadRequest, "invalid_argument")
	b.send("PUT", u.suffix()+"&part_number=0", "", "X-QS-Move-Source: "+src).wantFault(http.StatusBadRequest, "invalid_argument")
	b.send("PUT", "/a?upload_id=none&part_number=0", "", "X-QS-Copy-Source: "+src).wantFault(http.StatusNotFound, "upload_not_exists")
	if l := u.parts(""); l.Count != 0 {
		t.Errorf("refused copies are listed: %+v", l)
	}
	b.get("source").want(http.StatusOK)
}
