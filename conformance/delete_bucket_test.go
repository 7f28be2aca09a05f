package conformance

import (
	"net/http"
	"testing"
)

func TestDeleteBucketLeavesNothing(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.send("DELETE", "", "").want(http.StatusNoContent)
	b.send("HEAD", "", "").want(http.StatusNotFound)
	for method, suffixes := range map[string][]string{
		"GET":    {"", "?acl", "?stats", "?uploads", "/a.txt", "/a.txt?upload_id=x"},
		"HEAD":   {"", "/a.txt"},
		"PUT":    {"/a.txt", "?acl"},
		"DELETE": {"", "/a.txt", "/a.txt?upload_id=x"},
		"POST":   {"/a.txt?uploads"},
	} {
		for _, suffix := range suffixes {
			b.send(method, suffix, `{}`).wantFault(http.StatusNotFound, "bucket_not_exists")
		}
	}
	b.deleteMultiple(deletion("a.txt")).wantFault(http.StatusNotFound, "bucket_not_exists")
}

func TestDeleteBucketRefusesWhatIsNotEmpty(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a.txt")
	b.send("DELETE", "", "").wantFault(http.StatusConflict, "bucket_not_empty")
	b.get("a.txt").want(http.StatusOK)
	b.delete("a.txt").want(http.StatusNoContent)

	u := b.initiate("big.bin")
	b.send("DELETE", "", "").wantFault(http.StatusConflict, "bucket_not_empty")
	u.part(0, "x").want(http.StatusCreated)
	u.abort().want(http.StatusNoContent)
	b.send("DELETE", "", "").want(http.StatusNoContent)
}

func TestDeleteBucketIsForTheOwner(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.grant(toAll("FULL_CONTROL"))
	b.as(nil).send("DELETE", "", "").wantFault(http.StatusForbidden, "permission_denied")
	if s.other != nil {
		b.as(s.other).send("DELETE", "", "").wantFault(http.StatusForbidden, "permission_denied")
	}
	b.send("HEAD", "", "").want(http.StatusOK)
}

func TestDeleteBucketIgnoresNoSubresource(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for _, suffix := range []string{"?tagging", "?tagging=", "/?tagging", "?website"} {
		b.send("DELETE", suffix, "").wantFault(http.StatusBadRequest, "invalid_argument")
	}
	for _, suffix := range []string{"?acl", "?stats", "?uploads", "?versioning"} {
		b.send("DELETE", suffix, "").wantFault(http.StatusMethodNotAllowed, "method_not_allowed")
	}
	b.send("HEAD", "", "").want(http.StatusOK)
}
