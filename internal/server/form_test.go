package server

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

const formType = "Content-Type: multipart/form-data; boundary=xx"

// formText returns a form with the boundary xx and those fields, by turns a name and a value.
func formText(fields ...string) string {
	var b strings.Builder
	for i := 0; i < len(fields); i += 2 {
		fmt.Fprintf(&b, "--xx\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", fields[i], fields[i+1])
	}
	return b.String() + "--xx--"
}

// signedForm returns a form of the root user that stores x under the key k.
func (f *fixture) signedForm(more ...string) string {
	policy := base64.StdEncoding.EncodeToString([]byte(`{"key":"k"}`))
	fields := append([]string{"key", "k", "access_key_id", f.key.ID(), "policy", policy, "signature", f.key.SignText(policy)}, more...)
	return formText(append(fields, "file", "x")...)
}

func TestFormIsLoggedWithoutItsSecrets(t *testing.T) {
	f := start(t)
	f.bucket()
	f.log.reset()
	f.ask(nil, "POST", "/bucket1", f.signedForm(), formType).want(http.StatusCreated)
	f.stop()
	line := f.log.last(t)
	if line["operation"] != "PostObject" || line["key"] != "k" || line["user"] != "usr-root" || line["status"] != 201.0 {
		t.Errorf("log line is %v", line)
	}
	if text := f.log.String(); strings.Contains(text, f.key.SignText("")[:5]) || strings.Contains(text, "eyJ") {
		t.Errorf("the log has a policy: %s", text)
	}
}

// TestFormIsReadNoFurtherThanItsFields: a form that is refused gets its answer before its file is sent.
func TestFormIsReadNoFurtherThanItsFields(t *testing.T) {
	f := start(t)
	f.bucket()
	for name, c := range map[string]struct {
		target, form string
		status       int
		code         string
	}{
		"anonymous":      {"/bucket1", formText("key", "k", "file", "x"), 403, "permission_denied"},
		"violated":       {"/bucket1", f.signedForm("x-qs-meta-a", "1"), 400, "form_policy_violated"},
		"no key":         {"/bucket1", formText("file", "x"), 400, "invalid_argument"},
		"missing bucket": {"/missing-bucket", "", 404, "bucket_not_exists"},
	} {
		conn, r := f.dial()
		head := f.head(nil, "POST", c.target, formType, "Content-Length: 1000000000")
		if _, err := io.WriteString(conn, head+strings.TrimSuffix(c.form, "x\r\n--xx--")); err != nil {
			t.Fatal(err)
		}
		a := receive(t, r, "POST")
		if a.StatusCode != c.status || !strings.Contains(a.text, c.code) {
			t.Errorf("%s: %s %s; want %d %s", name, a.Status, a.text, c.status, c.code)
		}
	}
}

// TestFormDoesNotTakeWhatIsNotObeyed: the headers of a form are refused like those of an upload.
func TestFormDoesNotTakeWhatIsNotObeyed(t *testing.T) {
	f := start(t)
	f.bucket()
	f.ask(nil, "POST", "/bucket1", f.signedForm(), formType, "X-QS-Encryption-Customer-Algorithm: AES256").wantFault(http.StatusBadRequest, "invalid_argument")
	f.ask(nil, "POST", "/bucket1", f.signedForm(), formType, "If-None-Match: *").wantFault(http.StatusBadRequest, "invalid_argument")
	f.ask(f.key, "GET", "/bucket1/k", "").wantFault(http.StatusNotFound, "object_not_exists")
}

// TestRedirectedErrorsTellNothingOfTheInside sends the browser away with an error of our own.
func TestRedirectedErrorsTellNothingOfTheInside(t *testing.T) {
	f := start(t)
	f.bucket()
	f.ask(f.key, "PUT", "/bucket1?acl", `{"acl":[{"grantee":{"type":"group","name":"QS_ALL_USERS"},"permission":"WRITE"}]}`).want(http.StatusOK)
	form := formText("key", "k", "redirect", "https://app.example.com/#top", "file", strings.Repeat("x", 100_000))
	f.disk.refuse()
	a := f.ask(nil, "POST", "/bucket1", form, formType).want(http.StatusFound)
	const want = "https://app.example.com/?status=500&code=internal_error&message=an+error+inside"
	if l := a.Header.Get("Location"); !strings.HasPrefix(l, want) || !strings.HasSuffix(l, "#top") || strings.Contains(l, "disk") {
		t.Errorf("the form leads to %q; want %s…#top", l, want)
	}
	f.ask(f.key, "GET", "/bucket1/k", "").wantFault(http.StatusNotFound, "object_not_exists")
}
