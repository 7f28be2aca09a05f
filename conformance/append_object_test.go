package conformance

import (
	"net/http"
	"testing"
)

func TestAppendMakesAnObjectAndExtendsIt(t *testing.T) {
	b := start(t).newBucket()
	b.send("POST", "/a?append&position=0", "hello ").want(http.StatusOK).wantHeader("X-Qs-Next-Append-Position", "6")
	b.send("POST", "/a?append&position=6", "world").want(http.StatusOK).wantHeader("X-Qs-Next-Append-Position", "11")
	b.get("a").want(http.StatusOK).wantBody("hello world")
	b.send("POST", "/a?append&position=6", "again").wantFault(http.StatusBadRequest, "invalid_argument")
	b.get("a").want(http.StatusOK).wantBody("hello world")
}

func TestAppendToAPlainObjectIsRefused(t *testing.T) {
	b := start(t).newBucket()
	b.put("a", "plain").want(http.StatusCreated)
	b.send("POST", "/a?append&position=5", " more").wantFault(http.StatusBadRequest, "invalid_object_state")
	b.get("a").want(http.StatusOK).wantBody("plain")
}
