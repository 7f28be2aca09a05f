package conformance

import (
	"net/http"
	"testing"
)

func TestHeadObjectTellsWhatGetTells(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("a.json", `{"a":1}`, "Content-Type: application/json", "X-QS-Meta-A: b", "Cache-Control: no-cache").want(http.StatusCreated)
	b.put("empty.json", "", "Content-Type: application/json").want(http.StatusCreated)
	for _, key := range []string{"a.json", "empty.json"} {
		get, head := b.get(key).want(http.StatusOK), b.head(key).want(http.StatusOK).wantBody("")
		for name := range get.header {
			if name != "Date" && name != "X-Qs-Request-Id" {
				head.wantHeader(name, get.header.Get(name))
			}
		}
		if head.length != int64(len(get.text)) {
			t.Errorf("HEAD of %s announces %d bytes; want %d", key, head.length, len(get.text))
		}
		head.wantHeader("X-Qs-Storage-Class", "STANDARD").wantHeader("Content-Type", "application/json")
	}
}

func TestClient11_HeadErrorsHaveNoBody(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("a.txt", "hello").want(http.StatusCreated)
	b.head("nope").want(http.StatusNotFound)
	b.head("a.txt", `If-Match: "x"`).want(http.StatusPreconditionFailed)
	b.as(nil).head("a.txt").want(http.StatusForbidden)
	b.as(newAccount("NOSUCHACCESSKEYID001", "secret")).head("a.txt").want(http.StatusUnauthorized)
	b.as(newAccount(s.owner.id, "not the secret")).head("a.txt").want(http.StatusUnauthorized)
	b.send("HEAD", "/a.txt?acl", "").want(http.StatusMethodNotAllowed)
	s.do(request{method: "HEAD", target: "/" + freshName(), by: s.owner}).want(http.StatusNotFound)
	s.do(request{method: "HEAD", target: "/" + freshName() + "/a.txt", by: s.owner}).want(http.StatusNotFound)
	s.do(request{method: "HEAD", target: "/", by: s.owner})
}
