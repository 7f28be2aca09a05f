package conformance

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestClient10_JSONIsExactlyApplicationJSON(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	u := b.initiate("a")
	body := deletion("x")
	for _, r := range []request{
		{method: "GET", target: "/", by: s.owner},
		b.request("GET", "", ""),
		b.request("GET", "?stats", ""),
		b.request("GET", "?acl", ""),
		b.request("GET", "?uploads", ""),
		b.request("POST", "/b?uploads", ""),
		b.request("POST", "?delete", body, "Content-MD5: "+md5Of(body)),
		b.request("GET", u.suffix(), ""),
		b.request("GET", "", "", "Accept: application/xml"),
		b.request("GET", "/nope", ""),
		b.request("GET", "?limit=x", ""),
		b.as(nil).request("GET", "", ""),
	} {
		s.do(r).wantHeader("Content-Type", "application/json").fields()
	}
}

// TestClient11_EveryAnswerHasAType: session.do checks it for every answer of every test. Here are
// those answers that have no body.
func TestClient11_EveryAnswerHasAType(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	u := b.initiate("u")
	for _, c := range []struct {
		r      request
		status int
	}{
		{b.request("PUT", "/a", "x"), 201},
		{b.request("PUT", "/b", "", "X-QS-Copy-Source: "+b.path("a")), 201},
		{b.request("PUT", "/c", "", "X-QS-Move-Source: "+b.path("b")), 201},
		{b.request("PUT", "?acl", "{}"), 200},
		{b.request("PUT", u.suffix()+"&part_number=0", "x"), 201},
		{b.request("POST", u.suffix(), `{"object_parts":[{"part_number":0}]}`), 201},
		{b.request("DELETE", u.suffix(), ""), 204},
		{b.request("DELETE", "/a", ""), 204},
		{b.request("HEAD", "", ""), 200},
		{b.request("OPTIONS", "/a", "", "Origin: https://app.example.com", "Access-Control-Request-Method: GET"), 200},
		{b.request("DELETE", "/c", ""), 204},
		{b.request("DELETE", "/u", ""), 204},
		{b.request("DELETE", "", ""), 204},
		{b.request("PUT", "", ""), 201},
	} {
		a := s.do(c.r).want(c.status).wantBody("")
		if kind := a.header.Get("Content-Type"); kind == "" || strings.Contains(kind, "json") {
			t.Errorf("%s: %d of type %q; want one that is not JSON", a.to, a.status, kind)
		}
	}
}

func TestClient11_ErrorsSayWhatAndWhere(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	first, second := b.get("nope"), b.get("nope")
	f, g := first.failure(), second.failure()
	if f.Code != "object_not_exists" || f.Message == "" || !strings.HasPrefix(f.URL, "http") || f.RequestID != first.header.Get("X-Qs-Request-Id") {
		t.Errorf("error is %+v; want code, message, the header's request id and a link", f)
	}
	if f.RequestID == g.RequestID {
		t.Errorf("two requests have the id %s", f.RequestID)
	}
	if id := f.RequestID; id != strings.ToLower(id) || strings.ContainsFunc(id, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) }) {
		t.Errorf("request id is %q; want lower-case hexadecimal digits", id)
	}
}

func TestErrorsDoNotEchoSecrets(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	wrong := newAccount(s.owner.id, "not the secret")
	r := b.request("GET", "/a.txt", "")
	expected := s.owner.key.Sign(r.message([]string{"Date: " + now()}))
	r.by, r.header = wrong, []string{"Date: " + now()}
	if a := s.do(r).wantFault(http.StatusUnauthorized, "signature_not_matched"); strings.Contains(a.text, expected) {
		t.Errorf("the answer tells the right signature: %s", a.text)
	}
}

func TestClient12_TimesHaveTheFormsClientsRead(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a")
	u := b.initiate("u")
	u.part(0, "x").want(http.StatusCreated)
	type dated struct{ Created string }
	var buckets, objects, uploads, parts struct {
		Buckets, Keys, Uploads []dated
		Parts                  []dated `json:"object_parts"`
	}
	s.do(request{method: "GET", target: "/?limit=1", by: s.owner}).json(&buckets)
	b.send("GET", "", "").json(&objects)
	b.send("GET", "?uploads", "").json(&uploads)
	b.send("GET", u.suffix(), "").json(&parts)
	for what, list := range map[string][]dated{
		"bucket": buckets.Buckets, "object": objects.Keys, "upload": uploads.Uploads, "part": parts.Parts,
	} {
		if len(list) == 0 {
			t.Errorf("no %s is listed", what)
			continue
		}
		text := list[0].Created
		at, err := time.Parse(time.RFC3339, text)
		forms := []string{at.UTC().Format("2006-01-02T15:04:05Z"), at.UTC().Format("2006-01-02T15:04:05.000Z")}
		if err != nil || !slices.Contains(forms, text) {
			t.Errorf("%s created at %q; want RFC 3339 in UTC with milliseconds or none", what, text)
		}
	}
	f := b.send("GET", "", "").fields()
	if !strings.Contains(f["keys"], `"modified":`) || strings.Contains(f["keys"], `"modified":"`) {
		t.Errorf("keys are %s; want modified as an integer", f["keys"])
	}
}

// TestClient13_StatusesOfAnOrdinaryDay walks through the life of a bucket.
func TestClient13_StatusesOfAnOrdinaryDay(t *testing.T) {
	s := start(t)
	b := &bucket{session: s, name: freshName(), by: s.owner}
	b.put("a", "x").wantFault(http.StatusNotFound, "bucket_not_exists")
	b.send("GET", "", "").wantFault(http.StatusNotFound, "bucket_not_exists")
	b.send("PUT", "", "").want(http.StatusCreated)
	t.Cleanup(b.remove)
	b.send("PUT", "", "").wantFault(http.StatusConflict, "bucket_already_exists")
	b.put("a", "x").want(http.StatusCreated)
	b.put("b", "", "X-QS-Copy-Source: "+b.path("a")).want(http.StatusCreated)
	b.put("c", "", "X-QS-Move-Source: "+b.path("b")).want(http.StatusCreated)
	b.send("DELETE", "", "").wantFault(http.StatusConflict, "bucket_not_empty")
	u := b.initiate("d")
	u.part(0, "x").want(http.StatusCreated)
	u.complete("", 0).want(http.StatusCreated)
	b.send("PUT", "?acl", `{"acl":[]}`).want(http.StatusOK)
	b.get("nope").wantFault(http.StatusNotFound, "object_not_exists")
	for setting, text := range map[string]string{
		"cors":         `{"cors_rules":[{"allowed_origin":"*","allowed_methods":["GET"]}]}`,
		"policy":       `{"statement":[{"id":"s","user":["*"],"effect":"allow","action":["list_objects"]}]}`,
		"lifecycle":    `{"rule":[{"id":"r","status":"enabled","filter":{"prefix":"x/"},"expiration":{"days":1}}]}`,
		"notification": `{"notifications":[{"id":"n","event_types":["delete_object"],"object_filters":["x/*"],"cloudfunc":"notifier","notify_url":"https://hooks.example.com/"}]}`,
		"logging":      `{"target_bucket":"` + b.name + `","target_prefix":"logs/"}`,
	} {
		b.send("PUT", "?"+setting, text).want(http.StatusOK)
		b.send("GET", "?"+setting, "").want(http.StatusOK)
		b.send("DELETE", "?"+setting, "").want(http.StatusNoContent)
		b.send("GET", "?"+setting, "").want(http.StatusOK)
	}
	b.send("POST", object("e")+"?append&position=0", "hello").want(http.StatusOK).wantHeader("X-QS-Next-Append-Position", "5")
	for _, key := range []string{"a", "b", "c", "d", "e"} {
		b.delete(key).want(http.StatusNoContent)
	}
	b.send("DELETE", "", "").want(http.StatusNoContent)
	b.send("GET", "", "").wantFault(http.StatusNotFound, "bucket_not_exists")
}
