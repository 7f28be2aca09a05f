package conformance

import (
	"net/http"
	"testing"
)

func TestClient13_DeleteObjectIs204AlsoWhenAbsent(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a.txt", "a.txt/b")
	b.delete("a.txt").want(http.StatusNoContent).wantBody("")
	b.delete("a.txt").want(http.StatusNoContent)
	b.delete("never").want(http.StatusNoContent)
	b.wantMissing("a.txt")
	b.get("a.txt/b").want(http.StatusOK)
	s.do(request{method: "DELETE", target: "/" + freshName() + "/a.txt", by: s.owner}).
		wantFault(http.StatusNotFound, "bucket_not_exists")
}

func TestDeleteObjectIgnoresNoSubresource(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a.txt")
	for _, query := range []string{"?tagging", "?tagging=", "?x=y&tagging"} {
		b.send("DELETE", "/a.txt"+query, "").wantFault(http.StatusBadRequest, "invalid_argument")
	}
	for _, query := range []string{"?acl", "?cors", "?uploads", "?append&position=0", "?image"} {
		b.send("DELETE", "/a.txt"+query, "").wantFault(http.StatusMethodNotAllowed, "method_not_allowed")
	}
	b.get("a.txt").want(http.StatusOK)
}

func TestDeleteObjectIsNeverAnonymous(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a.txt")
	b.grant(toAll("FULL_CONTROL"))
	b.as(nil).delete("a.txt").wantFault(http.StatusForbidden, "permission_denied")
	b.as(nil).deleteMultiple(deletion("a.txt")).wantFault(http.StatusForbidden, "permission_denied")
	b.get("a.txt").want(http.StatusOK)
}
