package conformance

import (
	"net/http"
	"slices"
	"testing"
)

func TestMoveObjectKeepsEverythingButTheKey(t *testing.T) {
	s := start(t)
	from, to := s.newBucket(), s.newBucket()
	header := []string{"Content-Type: text/plain", "X-QS-Meta-A: b", "Cache-Control: no-store", "X-QS-Storage-Class: STANDARD_IA"}
	from.put("a", "hello", header...).want(http.StatusCreated)
	to.put("b", "old").want(http.StatusCreated)
	to.put("b", "", "X-QS-Move-Source: "+from.path("a")).want(http.StatusCreated).wantHeader("ETag", etagOf("hello")).wantBody("")
	to.get("b").want(http.StatusOK).wantBody("hello").wantHeader("Content-Type", "text/plain").wantHeader("X-Qs-Meta-A", "b").
		wantHeader("Cache-Control", "no-store").wantHeader("X-Qs-Storage-Class", "STANDARD_IA").wantHeader("ETag", etagOf("hello"))
	from.wantNothing()
	if keys := to.list("").names(); !slices.Equal(keys, []string{"b"}) {
		t.Errorf("the target has %q; want b alone", keys)
	}
}

func TestMoveObjectOntoItselfKeepsIt(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("a", "hello").want(http.StatusCreated)
	b.put("a", "", "X-QS-Move-Source: "+b.path("a")).want(http.StatusCreated)
	b.get("a").want(http.StatusOK).wantBody("hello")
}

func TestMoveObjectConditionsAnswer412(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("a", "x").want(http.StatusCreated)
	for _, c := range sourceConditions(t, b.head("a")) {
		if c.holds {
			continue
		}
		header := []string{"X-QS-Move-Source: " + b.path("a"), "X-QS-Move-Source-If-" + c.header}
		b.put("b", "", header...).wantFault(http.StatusPreconditionFailed, "precondition_failed")
		b.get("a").want(http.StatusOK)
	}
	b.wantMissing("b")
	b.put("b", "", "X-QS-Move-Source: "+b.path("a"), "X-QS-Move-Source-If-Match: "+etagOf("x")).want(http.StatusCreated)
	b.wantMissing("a")
}

func TestMoveObjectOfWhatIsNotThere(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("kept", "old").want(http.StatusCreated)
	b.put("kept", "", "X-QS-Move-Source: "+b.path("nope")).wantFault(http.StatusNotFound, "object_not_exists")
	b.put("kept", "", "X-QS-Move-Source: /"+freshName()+"/a").wantFault(http.StatusNotFound, "bucket_not_exists")
	s.do(request{method: "PUT", target: "/" + freshName() + "/b", by: s.owner, header: []string{"X-QS-Move-Source: " + b.path("kept")}}).
		wantFault(http.StatusNotFound, "bucket_not_exists")
	b.get("kept").want(http.StatusOK).wantBody("old")
}
