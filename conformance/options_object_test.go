package conformance

import (
	"net/http"
	"strings"
	"testing"
	"time"
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

// TestPreflightOfALink checks that a page may use a signed link: its preflight has the query of the link, which is signed for another method.
func TestPreflightOfALink(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.cors("", `{"allowed_origin":"https://app.example.com","allowed_methods":["PUT"]}`)
	page := "Origin: https://app.example.com"
	link := b.as(nil).request("PUT", "/a.txt", "x", page).presigned(s.owner, time.Now().Add(time.Hour).Unix())
	ask := link
	ask.method, ask.body, ask.header = "OPTIONS", "", []string{page, "Access-Control-Request-Method: PUT"}
	s.do(ask).want(http.StatusOK).wantHeader("Access-Control-Allow-Origin", "https://app.example.com")
	s.do(link).want(http.StatusCreated).wantHeader("Access-Control-Allow-Origin", "https://app.example.com")
}

func TestOriginDoesNotBlockARequest(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a.txt")
	b.get("a.txt", "Origin: https://app.example.com").want(http.StatusOK).wantHeader("Access-Control-Allow-Origin", "")
}
