package conformance

import (
	"net/http"
	"strings"
	"testing"
)

func TestPutBucketTwiceIsAConflict(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a.txt")
	b.send("PUT", "", "").wantFault(http.StatusConflict, "bucket_already_exists")
	b.send("PUT", "/", "").wantFault(http.StatusConflict, "bucket_already_exists")
	b.get("a.txt").want(http.StatusOK)
}

func TestPutBucketOfAnotherUserIsAConflict(t *testing.T) {
	s := start(t)
	s.needOther()
	b := s.newBucket()
	b.as(s.other).send("PUT", "", "").wantFault(http.StatusConflict, "bucket_already_exists")
	b.send("HEAD", "", "").want(http.StatusOK)
}

func TestPutBucketRefusesBadNames(t *testing.T) {
	s := start(t)
	for _, name := range []string{
		"abc12", strings.Repeat("a", 64), "Photos1", "photosÄ", "-photos", "photos-", "photos_2024", "photos.2024",
		"192.168.0.1", "photos%20", "photos%2fa", "pho%00tos", "%F0%9F%93%B7%F0%9F%93%B7", "..%2f..%2fetc",
	} {
		r := request{method: "PUT", target: "/" + escapeBut(name, "%"), by: s.owner}
		s.do(r).wantFault(http.StatusBadRequest, "invalid_bucket_name")
		r.method = "HEAD"
		if a := s.do(r); a.status != http.StatusNotFound && a.status != http.StatusBadRequest {
			t.Errorf("HEAD of the refused bucket %q: %d; want 404 or 400", name, a.status)
		}
	}
}

func TestPutBucketTakesNamesOfEveryAllowedLength(t *testing.T) {
	s := start(t)
	long := freshName()
	long += strings.Repeat("x", 63-len(long))
	for _, name := range []string{long, strings.ToLower(freshName()[9:15])} {
		b := &bucket{session: s, name: name, by: s.owner}
		if b.send("PUT", "", "").want(http.StatusCreated, http.StatusConflict).status == http.StatusCreated {
			s.t.Cleanup(b.remove)
		}
	}
}

func TestPutBucketNeedsASignature(t *testing.T) {
	s := start(t)
	b := &bucket{session: s, name: freshName(), by: nil}
	b.send("PUT", "", "").wantFault(http.StatusForbidden, "permission_denied")
	b.as(s.owner).send("HEAD", "", "").want(http.StatusNotFound)
}

// TestPutBucketIgnoresNoSubresource: ignoring one would create a bucket, or
// claim to have set what was not set.
func TestPutBucketIgnoresNoSubresource(t *testing.T) {
	s := start(t)
	b := &bucket{session: s, name: freshName(), by: s.owner}
	for _, suffix := range []string{"?tagging", "?tagging=", "/?tagging", "?foo=bar&tagging"} {
		b.send("PUT", suffix, "").wantFault(http.StatusBadRequest, "invalid_argument")
	}
	for _, suffix := range []string{"?uploads", "?delete", "?stats", "?versions"} {
		b.send("PUT", suffix, "").wantFault(http.StatusMethodNotAllowed, "method_not_allowed")
	}
	for _, suffix := range []string{"?acl", "?cors", "?policy"} {
		if a := b.send("PUT", suffix, "{}"); a.status < 400 {
			t.Errorf("PUT %s of a missing bucket: %d; want an error", suffix, a.status)
		}
	}
	b.send("HEAD", "", "").want(http.StatusNotFound)
}

func TestPutBucketIgnoresUnknownParametersWithAValue(t *testing.T) {
	s := start(t)
	b := &bucket{session: s, name: freshName(), by: s.owner}
	b.send("PUT", "?foo=bar", "").want(http.StatusCreated)
	b.remove()
}
