package conformance

import (
	"net/http"
	"strings"
	"testing"
)

func TestClient13_OptionsNeedsNoSignature(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	header := []string{"Origin: https://app.example.com", "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x-qs-date"}
	for _, suffix := range []string{"/a.txt", "", "/", "/a.txt?uploads", "/nope.txt"} {
		for _, by := range []*account{nil, s.owner} {
			a := b.as(by).send("OPTIONS", suffix, "", header...).want(http.StatusOK)
			for name := range a.header {
				if strings.HasPrefix(name, "Access-Control-Allow") {
					t.Errorf("OPTIONS %s of a bucket without CORS rules has %s", suffix, name)
				}
			}
		}
	}
}

func TestOriginDoesNotBlockARequest(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a.txt")
	b.get("a.txt", "Origin: https://app.example.com").want(http.StatusOK).wantHeader("Access-Control-Allow-Origin", "")
}
