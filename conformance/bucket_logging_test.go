package conformance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// logging has the requests on a bucket logged.
func (b *bucket) logging(target, prefix string) *answer {
	b.t.Helper()
	return b.send("PUT", "?logging", fmt.Sprintf(`{"target_bucket":%q,"target_prefix":%q}`, target, prefix))
}

const unsetLogging = `{"target_bucket":"","target_prefix":""}`

func TestLoggingIsReadBackAndRemoved(t *testing.T) {
	s := start(t)
	b, logs := s.newBucket(), s.newBucket()
	b.send("GET", "?logging", "").want(http.StatusOK).wantBody(unsetLogging)
	b.send("DELETE", "?logging", "").want(http.StatusNoContent)
	b.logging(logs.name, "a/b-").want(http.StatusOK)
	b.send("GET", "?logging", "").want(http.StatusOK).wantBody(fmt.Sprintf(`{"target_bucket":%q,"target_prefix":"a/b-"}`, logs.name))
	b.logging(b.name, "").want(http.StatusOK)
	b.send("GET", "?logging", "").want(http.StatusOK).wantBody(fmt.Sprintf(`{"target_bucket":%q,"target_prefix":""}`, b.name))
	b.send("DELETE", "?logging", "").want(http.StatusNoContent)
	b.send("GET", "?logging", "").want(http.StatusOK).wantBody(unsetLogging)
	b.logging(logs.name, "").want(http.StatusOK)
	b.remove()
	logs.remove()
}

func TestLoggingThatIsNoneIsRefused(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.logging(b.name, "kept-").want(http.StatusOK)
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"nothing":       {`{}`, http.StatusBadRequest},
		"no target":     {`{"target_prefix":""}`, http.StatusBadRequest},
		"null target":   {`{"target_bucket":null,"target_prefix":""}`, http.StatusBadRequest},
		"no prefix":     {fmt.Sprintf(`{"target_bucket":%q}`, b.name), http.StatusBadRequest},
		"number":        {fmt.Sprintf(`{"target_bucket":%q,"target_prefix":5}`, b.name), http.StatusBadRequest},
		"long prefix":   {fmt.Sprintf(`{"target_bucket":%q,"target_prefix":%q}`, b.name, strings.Repeat("x", 1023)), http.StatusBadRequest},
		"slash":         {fmt.Sprintf(`{"target_bucket":%q,"target_prefix":"/logs"}`, b.name), http.StatusBadRequest},
		"no bucket":     {`{"target_bucket":"","target_prefix":""}`, http.StatusNotFound},
		"other bucket":  {fmt.Sprintf(`{"target_bucket":%q,"target_prefix":""}`, freshName()), http.StatusNotFound},
		"no JSON":       {`target_bucket`, http.StatusBadRequest},
		"a list":        {`[]`, http.StatusBadRequest},
		"empty request": {``, http.StatusBadRequest},
	} {
		if a := b.send("PUT", "?logging", c.body); a.status != c.status {
			t.Errorf("%s: %d %s; want %d", name, a.status, a.text, c.status)
		}
	}
	b.send("GET", "?logging", "").want(http.StatusOK).wantBody(fmt.Sprintf(`{"target_bucket":%q,"target_prefix":"kept-"}`, b.name))
}

// TestLogsStayWithTheirOwner: they go to no bucket of somebody else, whatever that lets everybody do.
func TestLogsStayWithTheirOwner(t *testing.T) {
	s := start(t)
	if s.other == nil {
		t.Skip("needs a second account")
	}
	b := s.newBucket()
	b.grant(toAll("FULL_CONTROL"))
	foreign := &bucket{session: s, name: freshName(), by: s.other}
	foreign.send("PUT", "", "").want(http.StatusCreated)
	defer foreign.send("DELETE", "", "")
	foreign.logging(b.name, "").want(http.StatusBadRequest)
	foreign.send("GET", "?logging", "").want(http.StatusOK).wantBody(unsetLogging)
}

func TestLogsStayInTheirZone(t *testing.T) {
	s := start(t)
	if len(s.zones) < 2 || s.domain == "" {
		t.Skip("needs two zones and a domain")
	}
	b := s.newBucket()
	far := &bucket{session: s, name: freshName(), by: s.owner}
	host := s.zones[1] + "." + s.domain
	s.do(request{method: "PUT", target: "/" + far.name, host: host, by: s.owner}).want(http.StatusCreated)
	defer far.send("DELETE", "", "")
	b.logging(far.name, "").wantFault(http.StatusBadRequest, "invalid_request")
}

func TestLoggingIsTheOwnersBusiness(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.grant(toAll("FULL_CONTROL"))
	for _, method := range []string{"PUT", "GET", "DELETE"} {
		b.as(nil).send(method, "?logging", unsetLogging).wantFault(http.StatusForbidden, "permission_denied")
		if s.other != nil {
			b.as(s.other).send(method, "?logging", unsetLogging).wantFault(http.StatusForbidden, "permission_denied")
		}
	}
}
