package server

import (
	"crypto/md5"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/store"
)

func TestSuspendedUsersSeeNoWebsite(t *testing.T) {
	f := website(t, &store.Website{Index: "index.html"})
	id, key := f.user("eve")
	f.at(key, site, "GET", "/a.txt", "").want(http.StatusOK)
	if err := f.store.SetStanding(t.Context(), id, store.Problem); err != nil {
		t.Fatal(err)
	}
	f.at(key, site, "GET", "/a.txt", "").wantPage(http.StatusForbidden, "suspended")
	f.visit("GET", "/a.txt").want(http.StatusOK)
}

// TestWebsiteTellsWhenToComeAgain: of whatever shape the page is.
func TestWebsiteTellsWhenToComeAgain(t *testing.T) {
	f := website(t, nil)
	f.ask(f.key, "PUT", "/bucket1?mirror", `{"source_site":"http://nowhere.invalid/"}`).want(http.StatusOK)
	for _, w := range []*store.Website{nil, {Index: "index.html", Error: "errors/404.html"}} {
		f.setWebsite(w)
		if a := f.visit("GET", "/missing").want(http.StatusServiceUnavailable); a.Header.Get("Retry-After") == "" {
			t.Errorf("with %v the headers are %v", w, a.Header)
		}
	}
}

func TestImageOfAVersion(t *testing.T) {
	f := start(t)
	f.bucket()
	f.ask(f.key, "PUT", "/bucket1?versioning", `{"status":"ENABLED"}`).want(http.StatusOK)
	version := f.ask(f.key, "PUT", "/bucket1/p.png", picture(t, 40, 20)).want(http.StatusCreated).Header.Get("X-Qs-Version-Id")
	f.ask(f.key, "PUT", "/bucket1/p.png", picture(t, 10, 10)).want(http.StatusCreated)
	target := imageTarget("info")
	if a := f.ask(f.key, "GET", target+"&version_id="+version, "").want(http.StatusOK); !strings.Contains(a.text, `"width":40`) {
		t.Errorf("the old version is %s", a.text)
	}
	if a := f.ask(f.key, "GET", target, "").want(http.StatusOK); !strings.Contains(a.text, `"width":10`) {
		t.Errorf("the current version is %s", a.text)
	}
	f.ask(f.key, "GET", target+"&version_id=nonsense", "").wantFault(http.StatusNotFound, "object_not_exists")
	marker := f.ask(f.key, "DELETE", "/bucket1/p.png", "").want(http.StatusNoContent).Header.Get("X-Qs-Version-Id")
	a := f.ask(f.key, "GET", target, "").wantFault(http.StatusNotFound, "object_not_exists")
	if a.Header.Get("X-Qs-Delete-Marker") != "true" || a.Header.Get("X-Qs-Version-Id") != marker {
		t.Errorf("headers are %v", a.Header)
	}
	f.ask(f.key, "GET", target+"&version_id="+marker, "").wantFault(http.StatusMethodNotAllowed, "method_not_allowed")
}

// TestImageOfAnEncryptedObject: nobody is asked for a key that would not be taken.
func TestImageOfAnEncryptedObject(t *testing.T) {
	f := start(t)
	f.bucket()
	key := strings.Repeat("k", 32)
	sum := md5.Sum([]byte(key))
	headers := []string{
		"X-Qs-Encryption-Customer-Algorithm: AES256", "X-Qs-Encryption-Customer-Key: " + base64.StdEncoding.EncodeToString([]byte(key)),
		"X-Qs-Encryption-Customer-Key-Md5: " + base64.StdEncoding.EncodeToString(sum[:]),
	}
	f.ask(f.key, "PUT", "/bucket1/p.png", picture(t, 40, 20), headers...).want(http.StatusCreated)
	for _, h := range [][]string{nil, headers} {
		a := f.ask(f.key, "GET", imageTarget("info"), "", h...).wantFault(http.StatusBadRequest, "invalid_argument")
		if strings.Contains(a.text, "three headers") {
			t.Errorf("with %d headers: %s", len(h), a.text)
		}
	}
}

func TestKeyInAFormIsNotTold(t *testing.T) {
	f := start(t)
	f.bucket()
	f.log.reset()
	policy := base64.StdEncoding.EncodeToString([]byte(`{"key":"k","x-qs-encryption-customer-key":"other"}`))
	fields := []string{
		"key", "k", "access_key_id", f.key.ID(), "policy", policy, "signature", f.key.SignText(policy), "x-qs-encryption-customer-key", "SECRET", "file", "x",
	}
	a := f.ask(nil, "POST", "/bucket1", formText(fields...), formType).wantFault(http.StatusBadRequest, "invalid_argument")
	f.stop()
	if strings.Contains(a.text+f.log.String(), "SECRET") {
		t.Errorf("the key is in the answer or the log: %s %s", a.text, f.log.String())
	}
}

// TestMultipleDeletesWithAPolicy: errors are those of other requests, of the whole and of each key.
func TestMultipleDeletesWithAPolicy(t *testing.T) {
	f := start(t)
	f.bucket()
	f.ask(f.key, "PUT", "/bucket1?policy", `{"statement":[{"id":"a","user":["*"],"effect":"allow","action":["delete_object"],"resource":["bucket1/open/*"]}]}`).want(http.StatusOK)
	const body = `{"objects":[{"key":"closed"}]}`
	sum := md5.Sum([]byte(body))
	digest := "Content-MD5: " + base64.StdEncoding.EncodeToString(sum[:])
	_, eve := f.user("eve")
	a := f.ask(eve, "POST", "/bucket1?delete", body, digest).want(http.StatusOK)
	if !strings.Contains(a.text, `"code":"permission_denied"`) || strings.Contains(a.text, "permission_denied: ") {
		t.Errorf("the answer is %s", a.text)
	}
	if err := f.store.SuspendBucket(t.Context(), "bucket1", true); err != nil {
		t.Fatal(err)
	}
	f.ask(f.key, "POST", "/bucket1?delete", body, digest).wantFault(http.StatusForbidden, "bucket_not_active")
}
