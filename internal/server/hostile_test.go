package server

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/sdk/go/signature"
)

// TestSignatureOfOneBucketDoesNotListAll: what is signed to list a bucket must not list the buckets at a host
// whose first label is called like it.
func TestSignatureOfOneBucketDoesNotListAll(t *testing.T) {
	f := start(t, func(c *Config) { c.Domain = "bucket1.test" })
	f.bucket()
	for _, host := range []string{"bucket1.test", "bucket1.x"} {
		h := http.Header{"X-Qs-Date": {f.date()}}
		m := signature.Message{Method: "GET", Header: h, Path: "/bucket1/"}
		f.ask(nil, "GET", "/", "", "Host: "+host, "X-Qs-Date: "+f.date(), "Authorization: "+f.key.Authorization(&m)).
			wantFault(http.StatusUnauthorized, "signature_not_matched")
	}
}

// TestSignedHeadersStandOnce: of a header that stands twice the signature covers the first alone.
func TestSignedHeadersStandOnce(t *testing.T) {
	f := start(t)
	f.bucket()
	for _, line := range []string{"Content-Type: text/html", "X-Qs-Date: " + f.date()} {
		name, _, _ := strings.Cut(line, ":")
		f.ask(f.key, "PUT", "/bucket1/k", "", name+": image/png", line).wantFault(http.StatusBadRequest, "invalid_argument")
	}
	f.ask(f.key, "PUT", "/bucket1/k", "", "X-Qs-Copy-Source: /bucket1/a", "X-Qs-Copy-Source: /bucket1/b").
		wantFault(http.StatusBadRequest, "invalid_argument")
	f.ask(f.key, "GET", "/bucket1/k", "").wantFault(http.StatusNotFound, "object_not_exists")
}

// TestNamesInJSONAreExact: encoding/json does not mind case, and so could obey what the check has not seen.
func TestNamesInJSONAreExact(t *testing.T) {
	f := start(t)
	f.bucket()
	body := `{"acl":[],"ACL":[{"grantee":{"type":"group","name":"QS_ALL_USERS"},"permission":"FULL_CONTROL"}]}`
	f.ask(f.key, "PUT", "/bucket1?acl", body).wantFault(http.StatusBadRequest, "invalid_request")
	f.ask(nil, "HEAD", "/bucket1", "").want(http.StatusForbidden)
}

// TestWhatIsQuotedIsCut: answer and log do not grow with what a stranger sends.
func TestWhatIsQuotedIsCut(t *testing.T) {
	f := start(t)
	a := f.ask(nil, "GET", "/"+strings.Repeat("%FF", 4000), "")
	if len(a.text) > 8<<10 {
		t.Errorf("the answer has %d bytes", len(a.text))
	}
	if n := len(f.log.String()); n > 16<<10 {
		t.Errorf("the log has %d bytes", n)
	}
	f.ask(nil, "GET", "/?"+strings.Repeat("&", 5000), "").wantFault(http.StatusBadRequest, "invalid_argument")
}

// TestDamageIsLoggedAlsoIfTheClientLeaves: a fault of ours is no departure of the client's.
func TestDamageIsLoggedAlsoIfTheClientLeaves(t *testing.T) {
	f := start(t)
	f.bucket()
	old := table[op.ListObjects]
	t.Cleanup(func() { table[op.ListObjects] = old })
	table[op.ListObjects] = func(x *exchange) error {
		ctx, cancel := context.WithCancel(x.r.Context())
		cancel()
		x.r = x.r.WithContext(ctx)
		return errors.New("checksum differs")
	}
	f.ask(f.key, "GET", "/bucket1", "")
	f.stop()
	if line := f.log.last(t); line["level"] != "ERROR" || line["code"] != "internal_error" {
		t.Errorf("log line is %v; want an error", line)
	}
}

// TestConditionsOfWritesAreNotIgnored: to ignore one would delete what was to stay.
func TestConditionsOfWritesAreNotIgnored(t *testing.T) {
	f := start(t)
	f.bucket()
	f.object("/bucket1/k", "x")
	f.ask(f.key, "DELETE", "/bucket1/k", "", `If-Match: "other"`).wantFault(http.StatusPreconditionFailed, "precondition_failed")
	for _, header := range []string{"If-Unmodified-Since: " + f.date(), "If-Match: ,", "If-None-Match: "} {
		f.ask(f.key, "PUT", "/bucket1/k", "y", header).wantFault(http.StatusBadRequest, "invalid_argument")
	}
	f.ask(f.key, "DELETE", "/bucket1/k", "", `If-None-Match: "other"`).wantFault(http.StatusBadRequest, "invalid_argument")
	f.ask(f.key, "POST", "/bucket1?delete", `{"objects":[{"key":"k"}]}`, "If-Match: *").wantFault(http.StatusBadRequest, "invalid_argument")
	f.ask(f.key, "POST", "/bucket1/new?uploads", "", "If-None-Match: *").wantFault(http.StatusBadRequest, "invalid_argument")
	if a := f.ask(f.key, "GET", "/bucket1/k", ""); a.text != "x" {
		t.Errorf("the object is %q; want x", a.text)
	}
}
