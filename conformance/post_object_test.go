package conformance

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// A form is what a browser makes of an HTML form. Its parts stand in the order in which they are sent.
type form struct {
	parts []string // without the boundary between them
	sent  map[string]string
}

const boundary = "----ConformanceFormBoundary7MA4YWxkTrZu0gW"

// newForm returns a form with those fields, by turns a name and a value.
func newForm(fields ...string) *form {
	f := &form{sent: make(map[string]string)}
	for i := 0; i < len(fields); i += 2 {
		f.field(fields[i], fields[i+1])
	}
	return f
}

func (f *form) field(name, value string) *form {
	f.parts = append(f.parts, "Content-Disposition: form-data; name=\""+name+"\"\r\n\r\n"+value)
	f.sent[name] = value
	return f
}

// sign adds the fields by which an account vouches for those that are there.
func (f *form) sign(by *account) *form {
	policy, err := json.Marshal(f.sent)
	if err != nil {
		panic(err) // a map of strings
	}
	return f.signPolicy(by, base64.StdEncoding.EncodeToString(policy))
}

// signPolicy is sign with a policy of its own.
func (f *form) signPolicy(by *account, policy string) *form {
	return f.field("access_key_id", by.id).field("policy", policy).field("signature", by.key.SignText(policy))
}

// file adds the file.
func (f *form) file(name, contentType, content string) *form {
	f.parts = append(f.parts, "Content-Disposition: form-data; name=\"file\"; filename=\""+name+"\"\r\nContent-Type: "+contentType+"\r\n\r\n"+content)
	return f
}

// text returns the body of a request.
func (f *form) text() string {
	return "--" + boundary + "\r\n" + strings.Join(f.parts, "\r\n--"+boundary+"\r\n") + "\r\n--" + boundary + "--\r\n"
}

// post sends a form to the bucket. Who asks signs nothing but what stands in the form.
func (b *bucket) post(f *form, header ...string) *answer {
	b.t.Helper()
	return b.as(nil).send("POST", "", f.text(), append(header, "Content-Type: multipart/form-data; boundary="+boundary)...)
}

func TestFormStoresItsFile(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	f := newForm("key", "up/${filename}", "Content-Type", "text/plain", "X-QS-Storage-Class", "standard_ia", "x-qs-meta-Colour", "red",
		"Cache-Control", "max-age=60", "content-disposition", "inline", "Content-Encoding", "identity", "Expires", "Tue, 05 Mar 2030 08:15:30 GMT", "submit", "Send")
	body := "hello\r\n--" + boundary[:20] + "\r\n\x00 form"
	a := b.post(f.sign(s.owner).file(`C:\Users\me\a b.txt`, "text/plain", body)).want(http.StatusCreated)
	a.wantHeader("ETag", etagOf(body)).wantHeader("Location", "").wantBody("")
	g := b.get("up/a b.txt").want(http.StatusOK).wantBody(body)
	for name, want := range map[string]string{
		"Content-Type": "text/plain", "X-QS-Storage-Class": "STANDARD_IA", "X-QS-Meta-Colour": "red", "Cache-Control": "max-age=60",
		"Content-Disposition": "inline", "Content-Encoding": "identity", "Expires": "Tue, 05 Mar 2030 08:15:30 GMT", "ETag": etagOf(body),
	} {
		g.wantHeader(name, want)
	}
	b.post(newForm("key", "up/a b.txt").sign(s.owner).file("other", "image/png", "")).want(http.StatusCreated).wantHeader("ETag", etagOf(""))
	b.get("up/a b.txt").want(http.StatusOK).wantBody("").wantHeader("Content-Type", "image/png").wantHeader("X-QS-Meta-Colour", "")
}

func TestFormOfAVirtualHost(t *testing.T) {
	s := start(t)
	s.needDomain()
	b := s.newBucket()
	r := b.as(nil).request("POST", "", newForm("key", "k").sign(s.owner).file("f", "text/plain", "x").text(), "Content-Type: multipart/form-data; boundary="+boundary)
	r.target, r.host = "/", s.bucketHost(b.name)
	s.do(r).want(http.StatusCreated)
	b.get("k").want(http.StatusOK).wantBody("x")
}

func TestFileNameStandsForItsLastPart(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for name, want := range map[string]string{
		"a.txt": "x/a.txt/a.txt", "dir/a.txt": "x/a.txt/a.txt", `C:\dir\a.txt`: "x/a.txt/a.txt", `/c\b/中.txt`: "x/中.txt/中.txt", "": "x//", "dir/": "x//",
	} {
		b.post(newForm("key", "x/${filename}/${filename}").sign(s.owner).file(name, "text/plain", name)).want(http.StatusCreated)
		b.get(want).want(http.StatusOK).wantBody(name)
	}
}

// TestFormIsFromWhomItSays checks that the key of the form decides who may write what.
func TestFormIsFromWhomItSays(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	stranger := func() *form { return newForm("key", "in/a").file("f", "text/plain", "x") }
	b.post(stranger()).wantFault(http.StatusForbidden, "permission_denied")
	unknown := newAccount("NOSUCHACCESSKEYID001", "secret")
	b.post(newForm("key", "in/a").sign(unknown).file("f", "text/plain", "x")).wantFault(http.StatusUnauthorized, "invalid_access_key_id")
	liar := newAccount(s.owner.id, "not the secret")
	b.post(newForm("key", "in/a").sign(liar).file("f", "text/plain", "x")).wantFault(http.StatusUnauthorized, "signature_not_matched")
	b.wantNothing()

	b.policy(`{"id":"in","user":"*","effect":"allow","action":"create_object","resource":"NAME/in/*"}`)
	b.post(stranger()).want(http.StatusCreated)
	b.post(newForm("key", "${filename}").file("in", "text/plain", "x")).wantFault(http.StatusForbidden, "permission_denied")
	b.post(newForm("key", "in/${filename}").file("b", "text/plain", "x")).want(http.StatusCreated)
	b.post(newForm("key", "in/c").sign(liar).file("f", "text/plain", "x")).wantFault(http.StatusUnauthorized, "signature_not_matched")
	b.wantMissing("in/c")
	b.policy(`{"id":"not","user":"*","effect":"deny","action":"create_object","resource":"NAME/in/*"}`)
	b.grant(toAll("WRITE"))
	b.post(stranger()).wantFault(http.StatusForbidden, "permission_denied")
	b.post(newForm("key", "out").file("f", "text/plain", "x")).want(http.StatusCreated)
	b.post(newForm("key", "in/owner").sign(s.owner).file("f", "text/plain", "x")).want(http.StatusCreated)
}

func TestFormOfAnotherUser(t *testing.T) {
	s := start(t)
	s.needOther()
	b := s.newBucket()
	send := func() *answer {
		return b.post(newForm("key", "k").sign(s.other).file("f", "text/plain", "x"))
	}
	send().wantFault(http.StatusForbidden, "permission_denied")
	b.grant(toUser(s.otherID(), "WRITE"))
	send().want(http.StatusCreated)
}

// TestFormInASignedRequest checks that a form without credentials is from who signed the request, and that its own go first.
func TestFormInASignedRequest(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	kind := "Content-Type: multipart/form-data; boundary=" + boundary
	bare := newForm("key", "k").file("f", "text/plain", "x").text()
	b.send("POST", "", bare, kind).want(http.StatusCreated)
	liar := newAccount(s.owner.id, "not the secret")
	b.as(liar).send("POST", "", bare, kind).wantFault(http.StatusUnauthorized, "signature_not_matched")
	b.as(liar).send("POST", "", newForm("key", "k").sign(s.owner).file("f", "text/plain", "x").text(), kind).wantFault(http.StatusUnauthorized, "signature_not_matched")
	b.send("POST", "", newForm("key", "k").sign(liar).file("f", "text/plain", "x").text(), kind).wantFault(http.StatusUnauthorized, "signature_not_matched")
	if s.other != nil {
		b.send("POST", "", newForm("key", "k").sign(s.other).file("f", "text/plain", "x").text(), kind).wantFault(http.StatusForbidden, "permission_denied")
		b.as(s.other).send("POST", "", newForm("key", "k").sign(s.owner).file("f", "text/plain", "x").text(), kind).want(http.StatusCreated)
	}
}

func TestFormMustBeTheOneThatWasSigned(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	signed := func(policy string, fields ...string) *form {
		return newForm(fields...).signPolicy(s.owner, base64.StdEncoding.EncodeToString([]byte(policy))).file("f", "text/plain", "x")
	}
	for name, f := range map[string]*form{
		`"key"`:          signed(`{"key":"other"}`, "key", "k"),
		`"k-f"`:          signed(`{"key":"k-f"}`, "key", "k-${filename}"),
		`"x-qs-meta-a"`:  signed(`{"key":"k"}`, "key", "k", "x-qs-meta-a", "1"),
		`"cache-contro`:  signed(`{"key":"k","Cache-Control":"no-store"}`, "key", "k", "cache-control", "no-cache"),
		`"content-type"`: signed(`{"key":"k","content-type":"text/plain"}`, "key", "k").field("content-type", "text/plain"),
	} {
		a := b.post(f).wantFault(http.StatusBadRequest, "form_policy_violated")
		if m := a.failure().Message; !strings.Contains(m, name) {
			t.Errorf("the message is %q; want it to name %s", m, name)
		}
	}
	for name, policy := range map[string]string{"no base64": "{}", "no JSON": base64.StdEncoding.EncodeToString([]byte("x")), "a list": "W10=", "empty": ""} {
		if a := b.post(newForm("key", "k").signPolicy(s.owner, policy).file("f", "text/plain", "x")); a.status != http.StatusBadRequest {
			t.Errorf("a policy that is %s: %d %s; want 400", name, a.status, a.text)
		}
	}
	b.wantNothing()
	// What comes after the file is no part of it.
	b.post(signed(`{"KEY":"k"}`, "Key", "k").field("key", "other").field("x-qs-meta-a", "1")).want(http.StatusCreated)
	b.head("k").want(http.StatusOK).wantHeader("X-QS-Meta-A", "")
}

func TestFormsThatAreNoneAreRefused(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.grant(toAll("FULL_CONTROL"))
	many := newForm("key", "k")
	for i := range 200 {
		many.field("f"+strings.Repeat("x", i), "")
	}
	file := func(fields ...string) *form { return newForm(fields...).file("f", "text/plain", "x") }
	for name, tt := range map[string]struct {
		f    *form
		code string
	}{
		"no key":             {file("x-qs-meta-a", "1"), "invalid_argument"},
		"an empty key":       {file("key", ""), "invalid_argument"},
		"no file":            {newForm("key", "k"), "invalid_argument"},
		"file first":         {newForm().file("f", "text/plain", "x").field("key", "k"), "invalid_argument"},
		"a field twice":      {file("key", "k", "KEY", "l"), "invalid_argument"},
		"a slash first":      {file("key", "/k"), "invalid_object_name"},
		"a long key":         {file("key", strings.Repeat("k", 1024)), "invalid_object_name"},
		"no name of a file":  {newForm("key", "${filename}").file("", "text/plain", "x"), "invalid_object_name"},
		"another type":       {file("key", "k", "content-type", "image/png"), "invalid_argument"},
		"storage class":      {file("key", "k", "x-qs-storage-class", "GLACIER"), "invalid_request"},
		"much metadata":      {file("key", "k", "x-qs-meta-a", strings.Repeat("x", 2048)), "metadata_too_large"},
		"metadata in UTF-8":  {file("key", "k", "x-qs-meta-a", "é"), "invalid_argument"},
		"two lines":          {file("key", "k", "cache-control", "a\r\nX-Evil: 1"), "invalid_argument"},
		"encryption":         {file("key", "k", "x-qs-encryption-customer-algorithm", "AES256"), "invalid_argument"},
		"unknown x-qs-":      {file("key", "k", "x-qs-copy-source", "/"+b.name+"/k"), "invalid_argument"},
		"charset":            {file("key", "k", "charset", "klingon"), "invalid_argument"},
		"redirect":           {file("key", "k", "redirect", "/done"), "invalid_argument"},
		"redirect to script": {file("key", "k", "redirect", "javascript:alert(1)"), "invalid_argument"},
		"redirect, 2 lines":  {file("key", "k", "redirect", "https://a/\r\nX-Evil: 1"), "invalid_argument"},
		"many fields":        {many.file("f", "text/plain", "x"), "invalid_request"},
		"a long field":       {file("key", "k", "x", strings.Repeat("x", 70_000)), "invalid_request"},
	} {
		if a := b.post(tt.f); a.status != http.StatusBadRequest || a.failure().Code != tt.code {
			t.Errorf("%s: %d %s; want 400 %s", name, a.status, a.text, tt.code)
		}
	}
	text := file("key", "k").text()
	for _, kind := range []string{"multipart/form-data", `multipart/form-data; boundary=""`} {
		b.as(nil).send("POST", "", text, "Content-Type: "+kind).wantFault(http.StatusBadRequest, "invalid_argument")
	}
	b.as(nil).send("POST", "", text, "Content-Type: multipart/form-data; boundary=another").wantFault(http.StatusBadRequest, "incomplete_body")
	b.wantNothing()
}

func TestHalfAFormStoresNothing(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.grant(toAll("WRITE"))
	text := newForm("key", "k").file("f", "text/plain", content(100_000, 1)).field("after", "x").text()
	kind := "Content-Type: multipart/form-data; boundary=" + boundary
	end := strings.LastIndex(text, "--")
	for _, n := range []int{200, 50_000, strings.LastIndex(text, "\r\n--"+boundary+"\r\n") + 2 + len(boundary) + 2, end} {
		b.as(nil).send("POST", "", text[:n], kind).wantFault(http.StatusBadRequest, "incomplete_body")
		c := s.dial()
		r := b.as(nil).request("POST", "", text, kind)
		whole := r.text(s.service)
		c.send(whole[:len(whole)-len(text)+n])
		_ = c.Close() // it gives up
	}
	b.wantNothing()
	b.as(nil).send("POST", "", text[:end+2], kind).want(http.StatusCreated)
}

func TestFormInChunks(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	body := content(300_000, 2)
	text := newForm("key", "k").sign(s.owner).file("f", "text/plain", body).text()
	var chunked strings.Builder
	for piece := range slices.Chunk([]byte(text), 999) {
		chunked.WriteString(hexLength(len(piece)) + "\r\n" + string(piece) + "\r\n")
	}
	chunked.WriteString("0\r\n\r\n")
	b.as(nil).send("POST", "", chunked.String(), "Content-Type: multipart/form-data; boundary="+boundary, "Transfer-Encoding: chunked").want(http.StatusCreated)
	b.get("k").want(http.StatusOK).wantBody(body)
}

func hexLength(n int) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[n>>8&15], digits[n>>4&15], digits[n&15]})
}

func TestFormInGBK(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	policy := base64.StdEncoding.EncodeToString([]byte(`{"key":"图/${filename}","charset":"GBK"}`))
	f := newForm("key", "\xcd\xbc/${filename}", "charset", "GBK").signPolicy(s.owner, policy)
	b.post(f.file("\xd6\xd0\xce\xc4.txt", "text/plain", "x")).want(http.StatusCreated)
	b.get("图/中文.txt").want(http.StatusOK).wantBody("x")
}

func TestFormLeadsToItsRedirect(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	redirected := func(f *form, base string, status, code string) {
		t.Helper()
		a := b.post(f).want(http.StatusFound)
		to, err := url.Parse(a.header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		q := to.Query()
		if !strings.HasPrefix(to.String(), base) || q.Get("status") != status || q.Get("code") != code || q.Get("message") == "" ||
			q.Get("request_id") != a.header.Get("X-QS-Request-ID") {
			t.Errorf("the form leads to %s; want %s with status %s, code %s, a message and the request_id", to, base, status, code)
		}
		a.wantBody("")
	}
	good := func(to string) *form { return newForm("key", "k", "redirect", to) }
	redirected(good("https://app.example.com/done").sign(s.owner).file("f", "text/plain", "x"), "https://app.example.com/done?status=201&code=created&message=Object+created&request_id=", "201", "created")
	redirected(good("http://app.example.com/?a=b").sign(s.owner).file("f", "text/plain", "x"), "http://app.example.com/?a=b&status=201&", "201", "created")
	b.delete("k").want(http.StatusNoContent)
	const to = "https://app.example.com/done?status="
	redirected(newForm("key", "/k", "redirect", "https://app.example.com/done").sign(s.owner).file("f", "text/plain", "x"), to, "400", "invalid_object_name")
	redirected(good("https://app.example.com/done").field("content-type", "image/png").sign(s.owner).file("f", "text/plain", "x"), to, "400", "invalid_argument")
	b.wantNothing()
}

// TestRefusedFormLeadsNowhere: nobody who may not write can make the server send browsers anywhere.
func TestRefusedFormLeadsNowhere(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	good := func() *form { return newForm("key", "k", "redirect", "https://evil.example.com/") }
	for name, tt := range map[string]struct {
		f      *form
		status int
		code   string
	}{
		"anonymous":       {good().file("f", "text/plain", "x"), http.StatusForbidden, "permission_denied"},
		"wrong signature": {good().sign(newAccount(s.owner.id, "no")).file("f", "text/plain", "x"), http.StatusUnauthorized, "signature_not_matched"},
		"another form":    {good().sign(s.owner).field("x-qs-meta-a", "1").file("f", "text/plain", "x"), http.StatusBadRequest, "form_policy_violated"},
		"no file":         {good().sign(s.owner), http.StatusBadRequest, "invalid_argument"},
		"no key":          {newForm("redirect", "https://evil.example.com/").file("f", "text/plain", "x"), http.StatusBadRequest, "invalid_argument"},
	} {
		a := b.post(tt.f)
		if a.status != tt.status || a.failure().Code != tt.code || a.header.Get("Location") != "" {
			t.Errorf("%s: %d %s, Location %q; want %d %s and none", name, a.status, a.text, a.header.Get("Location"), tt.status, tt.code)
		}
	}
	b.wantNothing()
}

func TestFormIsSharedWithItsPage(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.cors("disabled", `{"allowed_origin":"https://app.example.com","allowed_methods":["POST"],"expose_headers":["ETag"],"max_age_seconds":60}`)
	page := "Origin: https://app.example.com"
	f := func() *form { return newForm("key", "k").sign(s.owner).file("f", "text/plain", "x") }
	b.post(f(), page).want(http.StatusCreated).wantHeader("Access-Control-Allow-Origin", "https://app.example.com").wantHeader("Access-Control-Expose-Headers", "ETag")
	b.post(f(), "Origin: https://example.org").want(http.StatusCreated).wantHeader("Access-Control-Allow-Origin", "")
	b.post(f().field("key", "l"), page).want(http.StatusCreated)
	b.post(newForm("key", "k").file("f", "text/plain", "x"), page).wantFault(http.StatusForbidden, "permission_denied").wantHeader("Access-Control-Allow-Origin", "https://app.example.com")
	b.post(newForm("key", "k", "redirect", "https://a/").sign(s.owner).file("f", "text/plain", "x"), page).want(http.StatusFound).wantHeader("Access-Control-Allow-Origin", "https://app.example.com")
	for _, suffix := range []string{"", "/"} {
		b.as(nil).send("OPTIONS", suffix, "", page, "Access-Control-Request-Method: POST").want(http.StatusOK).
			wantHeader("Access-Control-Allow-Origin", "https://app.example.com").wantHeader("Access-Control-Allow-Methods", "POST").wantHeader("Access-Control-Max-Age", "60")
	}
}

func TestFormOfAMissingBucket(t *testing.T) {
	s := start(t)
	b := &bucket{session: s, name: freshName()}
	b.post(newForm("key", "k", "redirect", "https://a/").sign(s.owner).file("f", "text/plain", "x")).wantFault(http.StatusNotFound, "bucket_not_exists")
}
