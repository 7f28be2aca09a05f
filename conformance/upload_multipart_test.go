package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestClient19_PartNumbersAreAnyAscendingSet(t *testing.T) {
	t.Parallel()
	for name, numbers := range map[string][]int{"from 0": {0, 1}, "from 1": {1, 2}, "gaps": {3, 10000}, "arbitrary": {859}} {
		t.Run(name, func(t *testing.T) {
			b := start(t).newBucket()
			u := b.initiate("a")
			want := ""
			for i, number := range slices.Backward(numbers) { // out of order
				body := "last"
				if i < len(numbers)-1 {
					body = content(minPart, uint64(i))
				}
				want = body + want
				u.part(number, body).want(http.StatusCreated).wantHeader("ETag", etagOf(body)).wantBody("")
			}
			u.complete("", numbers...).want(http.StatusCreated)
			b.get("a").want(http.StatusOK).wantBody(want)
		})
	}
}

func TestClient19_PartsMayComeAtTheSameTime(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	u := b.initiate("a")
	bodies := []string{content(minPart, 0), content(minPart, 1), content(minPart, 2), "x"} // the last may be one byte
	want := strings.Join(bodies, "")
	t.Run("parts", func(t *testing.T) {
		for i, body := range bodies {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				beside := upload{bucket: b.in(t), key: u.key, id: u.id}
				beside.part(i, body).want(http.StatusCreated)
			})
		}
	})
	u.complete("", 0, 1, 2, 3).want(http.StatusCreated)
	b.get("a").want(http.StatusOK).wantBody(want)
	b.get("a", rangeOf(minPart-2, minPart+3)).want(http.StatusPartialContent).wantBody(want[minPart-2 : minPart+3])
	b.get("a", rangeOf(2*minPart-1, len(want))).want(http.StatusPartialContent).wantBody(want[2*minPart-1:])
}

func TestUploadMultipartReplacesThePart(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	u := b.initiate("a")
	u.part(0, "first").want(http.StatusCreated)
	u.part(0, "second").want(http.StatusCreated)
	if l := u.parts(""); l.Count != 1 || l.ObjectParts[0].ETag != hexOf("second") {
		t.Errorf("parts are %+v; want the second alone", l)
	}
	u.complete("", 0).want(http.StatusCreated)
	b.get("a").want(http.StatusOK).wantBody("second")
}

func TestUploadMultipartRefusesBadNumbers(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	u := b.initiate("a")
	for _, number := range []string{"-1", "10001", "99999999999999999999", "one", "1.0", "0x1", "", "%201"} {
		b.send("PUT", u.suffix()+"&part_number="+number, "x").wantFault(http.StatusBadRequest, "invalid_argument")
	}
	b.send("PUT", u.suffix(), "x").wantFault(http.StatusBadRequest, "invalid_argument")
	if l := u.parts(""); l.Count != 0 {
		t.Errorf("refused parts are listed: %+v", l)
	}
	u.abort().want(http.StatusNoContent)
	b.wantNothing()
}

func TestUploadMultipartNeedsItsUpload(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	u := b.initiate("a")
	other := s.newBucket()
	for _, suffix := range []string{
		object("a") + "?upload_id=0123456789abcdef0123456789abcdef", object("a") + "?upload_id=x", object("a") + "?upload_id=" + u.id + "0",
		object("a") + "?upload_id=..%2f..%2f" + u.id, object("b") + "?upload_id=" + u.id,
	} {
		b.send("PUT", suffix+"&part_number=0", "x").wantFault(http.StatusNotFound, "upload_not_exists")
		b.send("GET", suffix, "").wantFault(http.StatusNotFound, "upload_not_exists")
		b.send("POST", suffix, `{"object_parts":[{"part_number":0}]}`).wantFault(http.StatusNotFound, "upload_not_exists")
		b.send("DELETE", suffix, "").want(http.StatusNoContent)
	}
	other.send("PUT", u.suffix()+"&part_number=0", "x").wantFault(http.StatusNotFound, "upload_not_exists")
	if l := u.parts(""); l.Count != 0 {
		t.Errorf("parts arrived in the upload: %+v", l)
	}
	for _, suffix := range []string{"/a?upload_id&part_number=0", "/a?upload_id=&part_number=0"} {
		b.send("PUT", suffix, "x").want(http.StatusBadRequest, http.StatusNotFound)
	}
	b.wantMissing("a")
}

func TestUploadMultipartChecksItsMD5(t *testing.T) {
	s := start(t)
	u := s.newBucket().initiate("a")
	u.part(0, "hello", "Content-MD5: "+md5Of("hello")).want(http.StatusCreated)
	u.part(0, "hello", "Content-MD5: "+md5Of("other")).wantFault(http.StatusBadRequest, "bad_digest")
	u.part(1, "hello", "Content-MD5: nonsense").wantFault(http.StatusBadRequest, "invalid_argument")
	if l := u.parts(""); l.Count != 1 || l.ObjectParts[0].ETag != hexOf("hello") {
		t.Errorf("parts are %+v; want the good one alone", l)
	}
}
