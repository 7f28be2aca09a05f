package conformance

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestClient18_ETagHeaderIsAdoptedUnchecked(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for _, etag := range []string{`"4072783b8efb99a9e5817067d68f61c6"`, "4072783b8efb99a9e5817067d68f61c6", `"anything-goes.5"`} {
		u := b.initiate("a")
		u.part(0, "x").want(http.StatusCreated)
		u.complete(etag, 0).want(http.StatusCreated)
		want := `"` + strings.Trim(etag, `"`) + `"`
		b.head("a").want(http.StatusOK).wantHeader("ETag", want)
		b.get("a", "If-Match: "+want).want(http.StatusOK).wantBody("x")
		if got := b.list("").Keys[0].ETag; got != want {
			t.Errorf("the listing has the ETag %s; want %s", got, want)
		}
	}
}

func TestClient18_EntriesMayHoldMoreOrLess(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for name, entry := range map[string]string{
		"number":        `{"part_number":0}`,
		"size":          `{"part_number":0,"size":1}`,
		"etag":          `{"part_number":0,"etag":"` + hexOf("x") + `"}`,
		"quoted etag":   `{"part_number":0,"etag":"\"` + hexOf("x") + `\""}`,
		"empty etag":    `{"part_number":0,"etag":""}`,
		"nulls":         `{"part_number":0,"etag":null,"size":null,"created":null}`,
		"everything":    `{"created":"2024-03-05T08:15:30.000Z","etag":"` + hexOf("x") + `","part_number":0,"size":1}`,
		"wrong size":    `{"part_number":0,"size":5}`,
		"unknown names": `{"part_number":0,"colour":{"a":[1]}}`,
	} {
		u := b.initiate(name)
		u.part(0, "x").want(http.StatusCreated)
		u.completeWith(`{"object_parts":[`+entry+`]}`, "").want(http.StatusCreated)
		b.get(name).want(http.StatusOK).wantBody("x")
	}
}

func TestClient20_MadeUpETagIsNoMD5(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("put", "x").want(http.StatusCreated).wantHeader("ETag", etagOf("x"))
	u := b.initiate("parts")
	u.part(0, "x").want(http.StatusCreated)
	u.complete("", 0).want(http.StatusCreated)
	for _, o := range b.list("").Keys {
		inner := strings.Trim(o.ETag, `"`)
		if o.ETag != `"`+inner+`"` || regexp.MustCompile("^[0-9a-f]{32}$").MatchString(inner) != (o.Key == "put") {
			t.Errorf("%s is listed with the ETag %s; want quotes, and an MD5 for the put alone", o.Key, o.ETag)
		}
		b.head(o.Key).want(http.StatusOK).wantHeader("ETag", o.ETag)
	}
}

func TestCompleteJoinsTheNamedPartsAlone(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("a", "old").want(http.StatusCreated)
	u := b.initiate("a")
	bodies := []string{content(minPart, 1), "dropped", content(minPart+5, 2), "last"}
	for i, body := range bodies {
		u.part(i, body).want(http.StatusCreated)
	}
	b.get("a").want(http.StatusOK).wantBody("old")
	u.complete("", 0, 2, 3).want(http.StatusCreated).wantBody("")
	want := bodies[0] + bodies[2] + bodies[3]
	b.get("a").want(http.StatusOK).wantBody(want)
	if st := b.statistics(); st.Count != 1 || st.Size != int64(len(want)) {
		t.Errorf("statistics say %d objects of %d bytes; want 1 of %d", st.Count, st.Size, len(want))
	}
	u.complete("", 0, 2, 3).wantFault(http.StatusNotFound, "upload_not_exists")
	u.part(0, "x").wantFault(http.StatusNotFound, "upload_not_exists")
	u.send("GET", u.suffix(), "").wantFault(http.StatusNotFound, "upload_not_exists")
	b.get("a").want(http.StatusOK).wantBody(want)
}

func TestCompleteRefusesSmallParts(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	u := b.initiate("a")
	u.part(0, content(minPart-1, 1)).want(http.StatusCreated)
	u.part(1, "x").want(http.StatusCreated)
	u.complete("", 0, 1).wantFault(http.StatusBadRequest, "entity_too_small")
	b.wantMissing("a")
	u.complete("", 1).want(http.StatusCreated) // nothing was lost
	b.get("a").want(http.StatusOK).wantBody("x")
}

func TestCompleteRefusesOtherLists(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("a", "old").want(http.StatusCreated)
	u := b.initiate("a")
	for i := range 3 {
		u.part(i, content(minPart, uint64(i))).want(http.StatusCreated)
	}
	many := strings.Repeat(`{"part_number":0},`, 10001)
	for name, body := range map[string]string{
		"unknown part": `{"object_parts":[{"part_number":0},{"part_number":9}]}`,
		"wrong order":  `{"object_parts":[{"part_number":1},{"part_number":0}]}`,
		"twice":        `{"object_parts":[{"part_number":1},{"part_number":1}]}`,
		"negative":     `{"object_parts":[{"part_number":-1}]}`,
		"no number":    `{"object_parts":[{}]}`,
		"wrong etag":   `{"object_parts":[{"part_number":0,"etag":"` + hexOf("other") + `"}]}`,
		"empty":        `{"object_parts":[]}`,
		"absent":       `{}`,
		"null":         `{"object_parts":null}`,
		"text number":  `{"object_parts":[{"part_number":"0"}]}`,
		"fraction":     `{"object_parts":[{"part_number":0.5}]}`,
		"no JSON":      `object_parts=0`,
		"cut off":      `{"object_parts":[{"part_number":0}`,
		"deep":         `{"object_parts":` + strings.Repeat("[", 100_000),
		"nothing":      "",
		"too many":     `{"object_parts":[` + strings.TrimSuffix(many, ",") + `]}`,
	} {
		a := u.completeWith(body, "")
		if a.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s; want 400", name, a.status, a.text)
		}
	}
	u.completeWith(`{"object_parts":[{"part_number":0}`, "").wantFault(http.StatusBadRequest, "invalid_json")
	b.get("a").want(http.StatusOK).wantBody("old")
	if l := u.parts(""); l.Count != 3 {
		t.Errorf("refused requests left %d parts; want all 3", l.Count)
	}
}

func TestCompleteRefusesAnETagThatCannotBe(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	u := b.initiate("a")
	u.part(0, "x").want(http.StatusCreated)
	for _, etag := range []string{`"a"b"`, `"a`, "a b", "\"\x80\""} {
		u.complete(etag, 0).wantFault(http.StatusBadRequest, "invalid_argument")
	}
	b.wantMissing("a")
}

func TestManyPartsMakeOneObject(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("source", content(minPart, 1)).want(http.StatusCreated)
	u := b.initiate("a")
	var numbers []int
	for i := range 20 {
		u.copyPart(i, b.path("source")).want(http.StatusCreated)
		numbers = append(numbers, i)
	}
	u.part(20, "tail").want(http.StatusCreated)
	u.complete("", append(numbers, 20)...).want(http.StatusCreated)
	b.head("a").want(http.StatusOK).wantHeader("Content-Length", fmt.Sprint(20*minPart+4))
	want := content(minPart, 1)
	b.get("a", rangeOf(11*minPart-3, 11*minPart+3)).want(http.StatusPartialContent).wantBody(want[minPart-3:] + want[:3])
	b.get("a", "Range: bytes=-6").want(http.StatusPartialContent).wantBody(want[minPart-2:] + "tail")
	b.put("copy", "", "X-QS-Copy-Source: "+b.path("a")).want(http.StatusCreated)
	b.delete("a").want(http.StatusNoContent)
	b.get("copy", "Range: bytes=-6").want(http.StatusPartialContent).wantBody(want[minPart-2:] + "tail")
}

func TestMorePartsThanAnObjectMayHaveAreRefused(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	u := b.initiate("a")
	u.part(0, "x").want(http.StatusCreated)
	entries := strings.Repeat(`{"part_number":0},`, 10_001)
	u.completeWith(`{"object_parts":[`+strings.TrimSuffix(entries, ",")+`]}`, "").wantFault(http.StatusBadRequest, "max_parts_exceeded")
	b.wantMissing("a")
	u.complete("", 0).want(http.StatusCreated)
}
