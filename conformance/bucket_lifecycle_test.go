package conformance

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// lifecycle puts lifecycle rules.
func (b *bucket) lifecycle(rules ...string) *answer {
	b.t.Helper()
	return b.send("PUT", "?lifecycle", `{"rule":[`+strings.Join(rules, ",")+`]}`)
}

var createdNow = regexp.MustCompile(`"state":"unchecked","created":(\d+)`)

func TestLifecycleIsReadBackAndRemoved(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.send("GET", "?lifecycle", "").want(http.StatusOK).wantBody(`{"rule":[]}`)
	b.send("DELETE", "?lifecycle", "").want(http.StatusNoContent)
	b.lifecycle(
		`{"id":"expire","status":"Enabled","filter":{"prefix":"tmp/"},"expiration":{"days":7}}`,
		`{"id":"abort","status":"DISABLED","filter":{},"abort_incomplete_multipart_upload":{"days_after_initiation":1}}`,
		`{"id":"move","status":"enabled","filter":{"prefix":null},"expiration":null,"transition":{"days":30,"storage_class":"standard_ia"}}`,
		`{"id":"old","status":"enabled","filter":{"prefix":""},"noncurrent_version_expiration":{"days":31},"state":null,"created":null}`,
		`{"id":"oldmove","status":"enabled","filter":{"prefix":""},"noncurrent_version_transition":{"days":30,"storage_class":"STANDARD_IA"}}`,
	).want(http.StatusOK)
	a := b.send("GET", "?lifecycle", "").want(http.StatusOK)
	for _, m := range createdNow.FindAllStringSubmatch(a.text, -1) {
		var at int64
		if _, err := fmt.Sscan(m[1], &at); err != nil || time.Since(time.Unix(at, 0)).Abs() > 15*time.Minute {
			t.Errorf("created is %s; want the present in seconds since 1970", m[1])
		}
	}
	set := `,"state":"unchecked","created":0}`
	want := `{"rule":[{"id":"expire","status":"enabled","filter":{"prefix":"tmp/"},"expiration":{"days":7}` + set +
		`,{"id":"abort","status":"disabled","filter":{"prefix":""},"abort_incomplete_multipart_upload":{"days_after_initiation":1}` + set +
		`,{"id":"move","status":"enabled","filter":{"prefix":""},"transition":{"days":30,"storage_class":"STANDARD_IA"}` + set +
		`,{"id":"old","status":"enabled","filter":{"prefix":""},"noncurrent_version_expiration":{"days":31}` + set +
		`,{"id":"oldmove","status":"enabled","filter":{"prefix":""},"noncurrent_version_transition":{"days":30,"storage_class":"STANDARD_IA"}` + set + `]}`
	if got := createdNow.ReplaceAllString(a.text, `"state":"unchecked","created":0`); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	b.send("PUT", "?lifecycle", a.text).want(http.StatusOK) // what was read can be put back
	b.send("GET", "?lifecycle", "").want(http.StatusOK).wantBody(a.text)
	b.lifecycle().want(http.StatusOK)
	b.send("GET", "?lifecycle", "").want(http.StatusOK).wantBody(`{"rule":[]}`)
	b.lifecycle(`{"id":"expire","status":"enabled","filter":{"prefix":"tmp/"},"expiration":{"days":7}}`).want(http.StatusOK)
	b.send("DELETE", "?lifecycle", "").want(http.StatusNoContent)
	b.send("GET", "?lifecycle", "").want(http.StatusOK).wantBody(`{"rule":[]}`)
	b.remove()
}

// TestNewLifecycleRulesWaitADay: they touch nothing that is there.
func TestNewLifecycleRulesWaitADay(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a.txt")
	b.lifecycle(`{"id":"r","status":"enabled","filter":{},"expiration":{"days":1}}`).want(http.StatusOK)
	b.get("a.txt").want(http.StatusOK)
	if a := b.send("GET", "?lifecycle", ""); !strings.Contains(a.text, `"state":"unchecked"`) {
		t.Errorf("a new rule is %s; want it to be unchecked", a.text)
	}
}

// TestLifecycleRulesWithoutAnAction sets what the official SDKs send for the rule of their scenarios: those for Go drop the action,
// which stands in the filter there, and others send it where it means nothing.
func TestLifecycleRulesWithoutAnAction(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.lifecycle(`{"id":"a","status":"enabled","filter":{"prefix":"data/"}},` +
		`{"id":"b","status":"enabled","filter":{"prefix":"data/","abort_incomplete_multipart_upload":{"days_after_initiation":3}}}`).want(http.StatusOK)
	if a := b.send("GET", "?lifecycle", "").want(http.StatusOK); strings.Count(a.text, `"prefix":"data/"`) != 2 || strings.Contains(a.text, "days") {
		t.Errorf("rules without an action came back as %s", a.text)
	}
	b.send("DELETE", "?lifecycle", "").want(http.StatusNoContent)
}

func TestLifecycleThatIsNoneIsRefused(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	kept := `{"id":"kept","status":"enabled","filter":{"prefix":"kept/"},"expiration":{"days":400}}`
	b.lifecycle(kept).want(http.StatusOK)
	rule := func(id, prefix, action string) string {
		return fmt.Sprintf(`{"id":%q,"status":"enabled","filter":{"prefix":%q},%s}`, id, prefix, action)
	}
	var many []string
	for i := range 101 {
		many = append(many, rule(fmt.Sprint(i), fmt.Sprint(i, "/"), `"expiration":{"days":1}`))
	}
	const moves, deletes = `"transition":{"days":30,"storage_class":"STANDARD_IA"}`, `"expiration":{"days":30}`
	for name, rules := range map[string]string{
		"101 rules":          strings.Join(many, ","),
		"no id":              `{"status":"enabled","filter":{},` + deletes + `}`,
		"empty id":           rule("", "", deletes),
		"long id":            rule(strings.Repeat("x", 256), "", deletes),
		"same ids":           rule("a", "x", deletes) + "," + rule("a", "y", deletes),
		"no status":          `{"id":"a","filter":{},` + deletes + `}`,
		"status":             `{"id":"a","status":"maybe","filter":{},` + deletes + `}`,
		"no filter":          `{"id":"a","status":"enabled",` + deletes + `}`,
		"null filter":        `{"id":"a","status":"enabled","filter":null,` + deletes + `}`,
		"filter":             `{"id":"a","status":"enabled","filter":"x",` + deletes + `}`,
		"two actions":        rule("a", "", moves+","+deletes),
		"no days":            rule("a", "", `"expiration":{}`),
		"0 days":             rule("a", "", `"expiration":{"days":0}`),
		"half a day":         rule("a", "", `"expiration":{"days":1.5}`),
		"abort after 0 days": rule("a", "", `"abort_incomplete_multipart_upload":{"days_after_initiation":0}`),
		"move after 29 days": rule("a", "", `"transition":{"days":29,"storage_class":"STANDARD_IA"}`),
		"unknown class":      rule("a", "", `"transition":{"days":30,"storage_class":"GLACIER"}`),
		"no class":           rule("a", "", `"transition":{"days":30}`),
		"class as a number":  rule("a", "", `"transition":{"days":30,"storage_class":1}`),
		"same action":        rule("a", "x", `"expiration":{"days":1}`) + "," + rule("b", "x", `"expiration":{"days":2}`),
		"deletes first":      rule("a", "", deletes) + "," + rule("b", "x/", moves),
	} {
		if a := b.lifecycle(rules); a.status != http.StatusBadRequest || a.failure().Code != "invalid_request" {
			t.Errorf("%s: %d %s; want 400 invalid_request", name, a.status, a.text)
		}
	}
	b.send("PUT", "?lifecycle", `{}`).wantFault(http.StatusBadRequest, "invalid_request")
	b.send("PUT", "?lifecycle", `{"rule":`).wantFault(http.StatusBadRequest, "invalid_json")
	b.send("PUT", "?lifecycle", ``).wantFault(http.StatusBadRequest, "invalid_json")
	if a := b.send("GET", "?lifecycle", ""); !strings.Contains(a.text, `"kept"`) || strings.Count(a.text, `"id"`) != 1 {
		t.Errorf("refused requests left %s; want what was there", a.text)
	}
}

func TestLifecycleIsTheOwnersBusiness(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.grant(toAll("FULL_CONTROL"))
	for _, method := range []string{"PUT", "GET", "DELETE"} {
		b.as(nil).send(method, "?lifecycle", `{"rule":[]}`).wantFault(http.StatusForbidden, "permission_denied")
		if s.other != nil {
			b.as(s.other).send(method, "?lifecycle", `{"rule":[]}`).wantFault(http.StatusForbidden, "permission_denied")
		}
	}
}
