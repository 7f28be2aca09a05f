package server

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// Headers of two keys.
var (
	sealedWith = []string{
		"X-QS-Encryption-Customer-Algorithm: AES256",
		"X-QS-Encryption-Customer-Key: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
		"X-QS-Encryption-Customer-Key-MD5: hRasmdxgYDKV3nvbahU1MA==",
	}
	otherSeal = []string{
		"X-QS-Encryption-Customer-Algorithm: AES256",
		"X-QS-Encryption-Customer-Key: QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=",
		"X-QS-Encryption-Customer-Key-MD5: UhbdzFjo2t5SVgded/ZC2g==",
	}
)

// TestExtensionsAreAnnounced: on every answer, whatever it is, since a client asks once.
func TestExtensionsAreAnnounced(t *testing.T) {
	f := start(t)
	f.bucket()
	f.object("/bucket1/k", "x")
	for _, a := range []*reply{
		f.ask(f.key, "PUT", "/bucket1/k", "x"),
		f.ask(f.key, "GET", "/bucket1/k", ""),
		f.ask(f.key, "GET", "/bucket1/k", "", "If-None-Match: *"),
		f.ask(f.key, "HEAD", "/bucket1", ""),
		f.ask(f.key, "HEAD", "/bucket2", ""),
		f.ask(f.key, "GET", "/bucket1/missing", ""),
		f.ask(nil, "GET", "/bucket1/k", ""),
		f.ask(nil, "GET", "//", ""),
		f.ask(nil, "GET", "/-/health", ""),
	} {
		if got := a.Header.Get("X-OIS-Extensions"); got != "conditional-write" {
			t.Errorf("answer %s announces %q; want conditional-write", a.Status, got)
		}
	}
}

// TestBodyThatCannotWinIsNotAskedFor: whoever waits for 100 Continue gets the error instead.
func TestBodyThatCannotWinIsNotAskedFor(t *testing.T) {
	f := start(t)
	f.bucket()
	f.object("/bucket1/k", "old")
	for _, header := range []string{"If-None-Match: *", `If-Match: "x"`} {
		c, r := f.dial()
		if _, err := io.WriteString(c, f.head(f.key, "PUT", "/bucket1/k", header, "Expect: 100-continue", "Content-Length: 1000000")); err != nil {
			t.Fatal(err)
		}
		receive(t, r, "PUT").wantFault(http.StatusPreconditionFailed, "precondition_failed")
	}
	if a := f.ask(f.key, "GET", "/bucket1/k", "").want(http.StatusOK); a.text != "old" {
		t.Errorf("the object is %q; want old", a.text)
	}
}

// TestConditionsAreForThoseWhoMayWrite: a stranger learns nothing of what is there.
func TestConditionsAreForThoseWhoMayWrite(t *testing.T) {
	f := start(t)
	f.bucket()
	f.object("/bucket1/k", "old")
	for _, key := range []string{"k", "missing"} {
		f.ask(nil, "PUT", "/bucket1/"+key, "new", "If-None-Match: *").wantFault(http.StatusForbidden, "permission_denied")
		f.ask(nil, "DELETE", "/bucket1/"+key, "", "If-Match: *").wantFault(http.StatusForbidden, "permission_denied")
	}
}

// TestDamageOfEncryptedBytesIsNotSent: 500 before the first byte, a cut connection after it.
func TestDamageOfEncryptedBytesIsNotSent(t *testing.T) {
	f := start(t)
	f.bucket()
	f.ask(f.key, "PUT", "/bucket1/k", strings.Repeat("0123456789", 30_000), sealedWith...).want(http.StatusCreated)
	f.disk.damage(100_000)
	if a := f.ask(f.key, "GET", "/bucket1/k", "", sealedWith...).want(http.StatusOK); a.err == nil || len(a.text) != 65520 {
		t.Errorf("got %d bytes, %v; want those of one chunk and a cut connection", len(a.text), a.err)
	}
	f.disk.damage(10)
	f.ask(f.key, "GET", "/bucket1/k", "", sealedWith...).wantFault(http.StatusInternalServerError, "internal_error")
	other := append([]string{"X-QS-Copy-Source: /bucket1/k"}, otherSeal...)
	for _, line := range sealedWith {
		other = append(other, strings.Replace(line, "X-QS-", "X-QS-Copy-Source-", 1))
	}
	f.ask(f.key, "PUT", "/bucket1/copy", "", other...).wantFault(http.StatusInternalServerError, "internal_error")
	f.disk.damage(-1)
	f.ask(f.key, "PUT", "/bucket1/copy", "", other...).want(http.StatusCreated)
	f.ask(f.key, "GET", "/bucket1/copy", "", otherSeal...).want(http.StatusOK)
}
