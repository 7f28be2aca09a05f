package conformance

import (
	"net/http"
	"testing"
)

func TestClient13_AbortIs204Always(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	u := b.initiate("a")
	u.part(0, "x").want(http.StatusCreated)
	u.abort().want(http.StatusNoContent).wantBody("")
	u.abort().want(http.StatusNoContent)
	b.send("DELETE", "/a?upload_id=unknown", "").want(http.StatusNoContent)
	b.send("DELETE", "/never?upload_id="+u.id, "").want(http.StatusNoContent)

	done := b.initiate("done")
	done.part(0, "x").want(http.StatusCreated)
	done.complete("", 0).want(http.StatusCreated)
	done.abort().want(http.StatusNoContent)
	b.get("done").want(http.StatusOK).wantBody("x")

	s.do(request{method: "DELETE", target: "/" + freshName() + "/a?upload_id=x", by: s.owner}).
		wantFault(http.StatusNotFound, "bucket_not_exists")
}

func TestAbortEndsTheUpload(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	u := b.initiate("a")
	u.part(0, "x").want(http.StatusCreated)
	u.abort().want(http.StatusNoContent)
	u.part(1, "x").wantFault(http.StatusNotFound, "upload_not_exists")
	u.complete("", 0).wantFault(http.StatusNotFound, "upload_not_exists")
	u.send("GET", u.suffix(), "").wantFault(http.StatusNotFound, "upload_not_exists")
	b.wantMissing("a")
	b.wantNothing()
}
