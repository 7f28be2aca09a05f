package conformance

import (
	"net/http"
	"testing"
)

func TestHeadBucketNeverHasABody(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	missing := &bucket{session: s, name: freshName(), by: s.owner}
	for _, c := range []struct {
		b      *bucket
		suffix string
		status int
	}{
		{b, "", http.StatusOK},
		{b, "/", http.StatusOK},
		{b.as(nil), "", http.StatusForbidden},
		{b.as(newAccount("NOSUCHACCESSKEYID001", "secret")), "", http.StatusUnauthorized},
		{missing, "", http.StatusNotFound},
	} {
		if a := c.b.send("HEAD", c.suffix, "").want(c.status); a.text != "" {
			t.Errorf("HEAD: %d with the body %q; want none", a.status, a.text)
		}
	}
}

func TestHeadBucketOfAStrangerIsForbidden(t *testing.T) {
	s := start(t)
	s.needOther()
	s.newBucket().as(s.other).send("HEAD", "", "").want(http.StatusForbidden)
}
