package conformance

import (
	"net/http"
	"strings"
	"testing"
)

// cors puts CORS rules.
func (b *bucket) cors(vary string, rules ...string) {
	b.t.Helper()
	b.send("PUT", "?cors", `{"cors_rules":[`+strings.Join(rules, ",")+`],"resp_vary":"`+vary+`"}`).want(http.StatusOK)
}

func TestCORSIsReadBackAndRemoved(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.send("GET", "?cors", "").want(http.StatusOK).wantBody(`{"cors_rules":[]}`)
	b.send("DELETE", "?cors", "").want(http.StatusNoContent)
	rule := `{"allowed_origin":"https://*.example.com","allowed_methods":["GET","PUT"],"allowed_headers":["x-qs-*"],"expose_headers":["ETag"],"max_age_seconds":0}`
	b.cors("Enable", rule)
	b.send("GET", "?cors", "").want(http.StatusOK).wantBody(`{"cors_rules":[` + rule + `],"resp_vary":"enabled"}`)
	b.send("DELETE", "?cors", "").want(http.StatusNoContent)
	b.send("GET", "?cors", "").want(http.StatusOK).wantBody(`{"cors_rules":[]}`)
	b.remove()
}

func TestPreflightIsAnsweredByTheFirstRuleThatMatches(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.cors("enabled",
		`{"allowed_origin":"https://*.example.com","allowed_methods":["GET","PUT"],"allowed_headers":["x-qs-*","content-type"],"expose_headers":["ETag","X-QS-Request-ID"],"max_age_seconds":600}`,
		`{"allowed_origin":"*","allowed_methods":["*"]}`,
	)
	for _, test := range []struct {
		origin, method, headers string
		allow, methods          string
	}{
		{"https://app.example.com", "PUT", "X-QS-Date, Content-Type", "https://app.example.com", "GET, PUT"},
		{"https://app.example.com", "GET", "", "https://app.example.com", "GET, PUT"},
		{"https://app.example.com", "DELETE", "", "*", "GET, PUT, POST, DELETE, HEAD"},
		{"https://example.org", "PUT", "", "*", "GET, PUT, POST, DELETE, HEAD"},
		{"https://example.org", "PUT", "x-qs-date", "", ""},
		{"https://app.example.com", "PUT", "authorization", "", ""},
	} {
		header := []string{"Origin: " + test.origin, "Access-Control-Request-Method: " + test.method}
		if test.headers != "" {
			header = append(header, "Access-Control-Request-Headers: "+test.headers)
		}
		for _, suffix := range []string{"/some/key", "/", ""} {
			a := b.as(nil).send("OPTIONS", suffix, "", header...).want(http.StatusOK)
			a.wantHeader("Access-Control-Allow-Origin", test.allow)
			a.wantHeader("Access-Control-Allow-Methods", test.methods)
			a.wantHeader("Vary", "Origin")
			if test.methods == "GET, PUT" {
				a.wantHeader("Access-Control-Max-Age", "600")
				a.wantHeader("Access-Control-Allow-Headers", test.headers)
				a.wantHeader("Access-Control-Expose-Headers", "ETag, X-QS-Request-ID")
			}
		}
	}
	many := "Access-Control-Request-Headers: " + strings.Repeat("x-qs-a,", 200)
	b.as(nil).send("OPTIONS", "/k", "", "Origin: https://app.example.com", "Access-Control-Request-Method: PUT", many).want(http.StatusOK).wantHeader("Access-Control-Allow-Origin", "")
	b.as(nil).send("OPTIONS", "/k", "").wantFault(http.StatusBadRequest, "invalid_argument")
}

// TestAnswersAreShared checks that pages of allowed origins see answers, and errors, too.
func TestAnswersAreShared(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a.txt")
	b.cors("disabled", `{"allowed_origin":"https://app.example.com","allowed_methods":["GET"],"expose_headers":["ETag"]}`)
	page := "Origin: https://app.example.com"
	b.get("a.txt", page).want(http.StatusOK).wantHeader("Access-Control-Allow-Origin", "https://app.example.com").wantHeader("Access-Control-Expose-Headers", "ETag").wantHeader("Vary", "")
	b.get("nope", page).wantFault(http.StatusNotFound, "object_not_exists").wantHeader("Access-Control-Allow-Origin", "https://app.example.com")
	b.as(nil).get("a.txt", page).wantFault(http.StatusForbidden, "permission_denied").wantHeader("Access-Control-Allow-Origin", "https://app.example.com")
	b.as(newAccount("NOSUCHACCESSKEYID001", "secret")).get("a.txt", page).wantFault(http.StatusUnauthorized, "invalid_access_key_id").
		wantHeader("Access-Control-Allow-Origin", "https://app.example.com").wantHeader("Access-Control-Expose-Headers", "ETag")
	s.do(b.as(nil).request("GET", "/a.txt", "", page).presigned(s.owner, 1)).wantFault(http.StatusForbidden, "request_expired").
		wantHeader("Access-Control-Allow-Origin", "https://app.example.com")
	b.send("GET", "/a.txt?cors", "", page).wantFault(http.StatusMethodNotAllowed, "method_not_allowed").wantHeader("Access-Control-Allow-Origin", "https://app.example.com")
	b.get("a.txt").want(http.StatusOK).wantHeader("Access-Control-Allow-Origin", "")
	b.get("a.txt", "Origin: https://example.org").want(http.StatusOK).wantHeader("Access-Control-Allow-Origin", "")
	b.put("b.txt", "x", page).want(http.StatusCreated).wantHeader("Access-Control-Allow-Origin", "")
	b.cors("enable", `{"allowed_origin":"*","allowed_methods":["*"]}`)
	b.get("a.txt", page).want(http.StatusOK).wantHeader("Access-Control-Allow-Origin", "*").wantHeader("Vary", "Origin")
}

func TestCORSThatIsNoneIsRefused(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for name, body := range map[string]string{
		"no rules":   `{}`,
		"no origin":  `{"cors_rules":[{"allowed_methods":["GET"]}]}`,
		"no methods": `{"cors_rules":[{"allowed_origin":"*","allowed_methods":[]}]}`,
		"method":     `{"cors_rules":[{"allowed_origin":"*","allowed_methods":["TRACE"]}]}`,
		"age":        `{"cors_rules":[{"allowed_origin":"*","allowed_methods":["GET"],"max_age_seconds":86401}]}`,
		"header":     `{"cors_rules":[{"allowed_origin":"*","allowed_methods":["GET"],"allowed_headers":["a\r\nb"]}]}`,
		"exposed":    `{"cors_rules":[{"allowed_origin":"*","allowed_methods":["GET"],"expose_headers":[""]}]}`,
		"no header":  `{"cors_rules":[{"allowed_origin":"*","allowed_methods":["GET"],"expose_headers":["é"]}]}`,
		"long":       `{"cors_rules":[{"allowed_origin":"` + strings.Repeat("x", 20_000) + `","allowed_methods":["GET"]}]}`,
		"vary":       `{"cors_rules":[],"resp_vary":"perhaps"}`,
	} {
		if a := b.send("PUT", "?cors", body); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s; want 400", name, a.status, a.text)
		}
	}
	b.send("GET", "?cors", "").want(http.StatusOK).wantBody(`{"cors_rules":[]}`)
}
