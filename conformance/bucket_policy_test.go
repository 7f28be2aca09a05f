package conformance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// policy puts a policy of statements; NAME in them is the name of the bucket.
func (b *bucket) policy(statements ...string) {
	b.t.Helper()
	b.send("PUT", "?policy", strings.ReplaceAll(`{"statement":[`+strings.Join(statements, ",")+`]}`, "NAME", b.name)).want(http.StatusOK)
}

func TestPolicyIsReadBackAndRemoved(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.send("GET", "?policy", "").want(http.StatusOK).wantBody(`{"statement":[]}`)
	b.send("DELETE", "?policy", "").want(http.StatusNoContent)
	b.policy(`{"id":"one","user":"*","effect":"allow","action":"upload_multipart","resource":"NAME/*","condition":{"string_like":{"Referer":"*.example.com"}}}`)
	want := fmt.Sprintf(`{"statement":[{"id":"one","user":["*"],"effect":"allow","action":["upload_multipart"],"resource":["%s/*"],`+
		`"condition":{"string_like":{"Referer":["*.example.com"]}}}]}`, b.name)
	b.send("GET", "?policy", "").want(http.StatusOK).wantBody(want)
	b.policy()
	b.send("GET", "?policy", "").want(http.StatusOK).wantBody(`{"statement":[]}`)
	b.policy(`{"id":"two","user":"*","effect":"allow","action":"head_bucket"}`)
	b.send("DELETE", "?policy", "").want(http.StatusNoContent)
	b.send("GET", "?policy", "").want(http.StatusOK).wantBody(`{"statement":[]}`)
	b.remove()
}

func TestPolicyLetsStrangersIn(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("pub/a.txt", "private.txt")
	stranger := b.as(nil)
	stranger.get("pub/a.txt").wantFault(http.StatusForbidden, "permission_denied")
	b.policy(`{"id":"read","user":"*","effect":"allow","action":["get_object","head_object","list_objects"],"resource":["NAME/pub/*"]}`)
	stranger.get("pub/a.txt").want(http.StatusOK)
	stranger.head("pub/a.txt").want(http.StatusOK)
	stranger.get("private.txt").wantFault(http.StatusForbidden, "permission_denied")
	stranger.put("pub/new.txt", "x").wantFault(http.StatusForbidden, "permission_denied")
	stranger.send("GET", "?prefix=pub/", "").want(http.StatusOK)
	stranger.send("GET", "", "").wantFault(http.StatusForbidden, "permission_denied")
	stranger.send("GET", "?stats", "").wantFault(http.StatusForbidden, "permission_denied")
	b.send("DELETE", "?policy", "").want(http.StatusNoContent)
	stranger.get("pub/a.txt").wantFault(http.StatusForbidden, "permission_denied")
}

// TestPolicyIsBeforeTheList checks that the first statement that matches decides, before any grant.
func TestPolicyIsBeforeTheList(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a.txt", "b.txt")
	b.grant(toAll("FULL_CONTROL"))
	b.policy(
		`{"id":"but","user":"*","effect":"allow","action":"get_object","resource":"NAME/b.txt"}`,
		`{"id":"no","user":"*","effect":"deny","action":["get_object","create_object"],"resource":"NAME/*"}`,
	)
	b.as(nil).get("a.txt").wantFault(http.StatusForbidden, "permission_denied")
	b.as(nil).get("b.txt").want(http.StatusOK)
	b.as(nil).put("c.txt", "x").wantFault(http.StatusForbidden, "permission_denied")
	b.as(nil).head("a.txt").want(http.StatusOK)
	b.get("a.txt").want(http.StatusOK) // the owner
	if s.other != nil {
		b.as(s.other).get("a.txt").wantFault(http.StatusForbidden, "permission_denied")
	}
}

func TestPolicyAsksForTheReferer(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a.jpg")
	b.policy(
		`{"id":"thief","user":"*","effect":"deny","action":"get_object","resource":"NAME/*","condition":{"string_like":{"Referer":["*.thief.example"]}}}`,
		`{"id":"all","user":"*","effect":"allow","action":"get_object","resource":"NAME/*"}`,
	)
	stranger := b.as(nil)
	stranger.get("a.jpg").want(http.StatusOK)
	stranger.get("a.jpg", "Referer: https://www.example.com/page").want(http.StatusOK)
	stranger.get("a.jpg", "Referer: https://www.thief.example/page").wantFault(http.StatusForbidden, "permission_denied")
	stranger.get("a.jpg", "Referer: www.thief.example").wantFault(http.StatusForbidden, "permission_denied")
	b.policy(`{"id":"friends","user":"*","effect":"allow","action":"get_object","resource":"NAME/*","condition":{"is_null":{"Referer":false},"string_like":{"Referer":"https://app.example.com/*"}}}`)
	stranger.get("a.jpg").wantFault(http.StatusForbidden, "permission_denied")
	stranger.get("a.jpg", "Referer: https://app.example.com/").want(http.StatusOK)
}

func TestPolicyDecidesForEachKeyOfADelete(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("pub/a", "b")
	b.policy(`{"id":"del","user":"*","effect":"allow","action":"delete_object","resource":"NAME/pub/*"}`)
	body := `{"objects":[{"key":"pub/a"},{"key":"b"}]}`
	a := b.as(nil).send("POST", "?delete", body, "Content-MD5: "+md5Of(body)).want(http.StatusOK)
	if !strings.Contains(a.text, `"deleted":[{"key":"pub/a"}]`) || !strings.Contains(a.text, `"key":"b","code":"permission_denied"`) {
		t.Errorf("the answer is %s; want pub/a deleted and b denied", a.text)
	}
	b.wantMissing("pub/a")
	b.get("b").want(http.StatusOK)
}

func TestPolicyOfTheSourceOfACopy(t *testing.T) {
	s := start(t)
	if s.other == nil {
		t.Skip("needs a second account")
	}
	b := s.newBucket()
	b.fill("pub/a", "secret")
	b.policy(`{"id":"r","user":"*","effect":"allow","action":"get_object","resource":"NAME/pub/*"}`)
	own := s.newBucket()
	own.grant(toUser(s.otherID(), "WRITE"))
	own.as(s.other).put("copy", "", "X-QS-Copy-Source: /"+b.name+"/pub/a").want(http.StatusCreated)
	own.as(s.other).put("copy", "", "X-QS-Copy-Source: /"+b.name+"/secret").wantFault(http.StatusForbidden, "permission_denied")
}

func TestPolicyThatIsNoneIsRefused(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.policy(`{"id":"kept","user":"*","effect":"allow","action":"head_bucket"}`)
	for name, statement := range map[string]string{
		"no id":          `{"user":"*","effect":"allow","action":"head_bucket"}`,
		"effect":         `{"id":"a","user":"*","effect":"maybe","action":"head_bucket"}`,
		"no user":        `{"id":"a","user":[],"effect":"allow","action":"head_bucket"}`,
		"action":         `{"id":"a","user":"*","effect":"allow","action":"*"}`,
		"no resource":    `{"id":"a","user":"*","effect":"allow","action":"get_object"}`,
		"other bucket":   `{"id":"a","user":"*","effect":"allow","action":"get_object","resource":"other-bucket/*"}`,
		"empty pattern":  `{"id":"a","user":"*","effect":"allow","action":"get_object","resource":"NAME/"}`,
		"no network":     `{"id":"a","user":"*","effect":"allow","action":"head_bucket","condition":{"ip_address":{"source_ip":"300.1.1.1"}}}`,
		"same id":        `{"id":"a","user":"*","effect":"allow","action":"head_bucket"},{"id":"a","user":"*","effect":"allow","action":"head_bucket"}`,
		"too long":       `{"id":"a","user":"*","effect":"allow","action":"get_object","resource":"NAME/` + strings.Repeat("x", 3000) + `"}`,
		"null condition": `{"id":"a","user":"*","effect":"allow","action":"head_bucket","condition":{}}`,
	} {
		body := strings.ReplaceAll(`{"statement":[`+statement+`]}`, "NAME", b.name)
		if a := b.send("PUT", "?policy", body); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s; want 400", name, a.status, a.text)
		}
	}
	if a := b.send("GET", "?policy", "").want(http.StatusOK); !strings.Contains(a.text, "kept") {
		t.Errorf("refused requests left %s; want what was there", a.text)
	}
}

func TestPolicyIsTheOwnersBusiness(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.grant(toAll("FULL_CONTROL"))
	for _, method := range []string{"PUT", "GET", "DELETE"} {
		b.as(nil).send(method, "?policy", `{"statement":[]}`).wantFault(http.StatusForbidden, "permission_denied")
		if s.other != nil {
			b.as(s.other).send(method, "?policy", `{"statement":[]}`).wantFault(http.StatusForbidden, "permission_denied")
		}
	}
}
