package conformance

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// An encryptionKey is a customer's key.
type encryptionKey string

const (
	ownEncryption   encryptionKey = "0123456789abcdef0123456789abcdef"
	otherEncryption encryptionKey = "another key that has 32 bytes..."
)

func (k encryptionKey) lines(prefix string) []string {
	sum := md5.Sum([]byte(k))
	return []string{
		prefix + "Encryption-Customer-Algorithm: AES256",
		prefix + "Encryption-Customer-Key: " + base64.StdEncoding.EncodeToString([]byte(k)),
		prefix + "Encryption-Customer-Key-MD5: " + base64.StdEncoding.EncodeToString(sum[:]),
	}
}

// headers are those that encrypt, or read what is encrypted.
func (k encryptionKey) headers() []string { return k.lines("X-QS-") }

// source are those for the source of a copy.
func (k encryptionKey) source() []string { return k.lines("X-QS-Copy-Source-") }

// wantKey checks that the answer names the key.
func (a *answer) wantKey(k encryptionKey) *answer {
	a.t.Helper()
	a.wantHeader("X-Qs-Encryption-Customer-Algorithm", "AES256")
	sum := md5.Sum([]byte(k))
	if got, want := a.header.Get("X-Qs-Encryption-Customer-Key-Md5"), base64.StdEncoding.EncodeToString(sum[:]); got != "" && got != want {
		a.t.Errorf("%s: the MD5 of the key is %q; want %q or nothing", a.to, got, want)
	}
	return a
}

// newEncrypted starts a test of encryption with an object secret.txt. Without encryption the test ends, if the service says so.
func newEncrypted(t *testing.T, body string) *bucket {
	t.Helper()
	b := start(t).newBucket()
	if a := b.put("secret.txt", body, ownEncryption.headers()...); a.status == http.StatusNotImplemented {
		b.wantNothing()
		t.Skip("the service does not encrypt, and says so")
	} else {
		a.want(http.StatusCreated).wantKey(ownEncryption)
	}
	return b
}

func (a *answer) wantRefusedKey() {
	a.t.Helper()
	a.want(http.StatusBadRequest, http.StatusForbidden)
}

func TestClient24_EncryptedObjectNeedsItsKey(t *testing.T) {
	b := newEncrypted(t, "a secret")
	b.get("secret.txt", ownEncryption.headers()...).want(http.StatusOK).wantBody("a secret").wantKey(ownEncryption)
	b.get("secret.txt").wantRefusedKey()
	b.get("secret.txt", otherEncryption.headers()...).wantRefusedKey()
	b.head("secret.txt").want(http.StatusOK).wantHeader("Content-Length", "8").wantHeader("X-Qs-Encryption-Customer-Algorithm", "AES256")
	b.head("secret.txt", ownEncryption.headers()...).want(http.StatusOK).wantKey(ownEncryption)
	b.head("secret.txt", otherEncryption.headers()...).wantRefusedKey()
	if o := b.list("").Keys[0]; !o.Encrypted || o.Size != 8 {
		t.Errorf("listing has %+v; want 8 bytes, encrypted", o)
	}
	b.put("secret.txt", "open").want(http.StatusCreated).wantHeader("X-Qs-Encryption-Customer-Algorithm", "")
	b.get("secret.txt").want(http.StatusOK).wantBody("open")
	if o := b.list("").Keys[0]; o.Encrypted {
		t.Errorf("listing has %+v; want it without encryption", o)
	}
	b.get("secret.txt", ownEncryption.headers()...).wantRefusedKey()
}

func TestEncryptedObjectsAreReadInParts(t *testing.T) {
	body := content(200_000, 1)
	b := newEncrypted(t, body)
	b.get("secret.txt", ownEncryption.headers()...).want(http.StatusOK).wantBody(body)
	for _, from := range []int{0, 1, 65519, 65520, 65535, 65536, 65537, 131040, 199_999} {
		for _, n := range []int{1, 100, 65536, 200_000} {
			to := min(from+n, len(body))
			header := append(ownEncryption.headers(), rangeOf(from, from+n))
			b.get("secret.txt", header...).want(http.StatusPartialContent).wantBody(body[from:to]).
				wantHeader("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(body)))
		}
	}
	b.get("secret.txt", append(ownEncryption.headers(), "Range: bytes=200000-")...).want(http.StatusRequestedRangeNotSatisfiable)
	b.get("secret.txt", append(ownEncryption.headers(), "Range: bytes=-10")...).want(http.StatusPartialContent).wantBody(body[len(body)-10:])
}

func TestEncryptionNeedsAllOfItsHeaders(t *testing.T) {
	b := newEncrypted(t, "old")
	all := ownEncryption.headers()
	broken := map[string][]string{"no header but an empty key": {"X-QS-Encryption-Customer-Key:"}}
	for i, line := range all {
		name, _, _ := strings.Cut(line, ":")
		broken["without "+name] = slices.Delete(slices.Clone(all), i, i+1)
		for _, value := range []string{"", "x", "AES128", "MDEyMzQ1Njc4OWFiY2RlZg=="} {
			changed := slices.Clone(all)
			changed[i] = name + ": " + value
			broken[fmt.Sprintf("%s %q", name, value)] = changed
		}
	}
	for name, header := range broken {
		for suffix, method := range map[string]string{"/secret.txt": "PUT", "/new.txt": "PUT", "/other.txt?uploads": "POST"} {
			if a := b.send(method, suffix, "", header...); a.status != http.StatusBadRequest {
				t.Errorf("%s: %s %s gives %d; want 400", name, method, suffix, a.status)
			}
		}
		if a := b.get("secret.txt", header...); a.status != http.StatusBadRequest {
			t.Errorf("%s: GET gives %d; want 400", name, a.status)
		}
	}
	b.get("secret.txt", all...).want(http.StatusOK).wantBody("old")
	b.wantMissing("new.txt")
}

func TestEncryptionIsNotIgnored(t *testing.T) {
	b := newEncrypted(t, "old")
	b.send("POST", "/log?append&position=0", "x", ownEncryption.headers()...).want(http.StatusBadRequest)
	b.wantMissing("log")
	sum := append(ownEncryption.headers(), "Content-MD5: "+md5Of("other"))
	b.put("secret.txt", "new", sum...).wantFault(http.StatusBadRequest, "bad_digest")
	b.put("secret.txt", "new", append(ownEncryption.headers(), "Content-MD5: "+md5Of("new"))...).want(http.StatusCreated).wantHeader("ETag", etagOf("new"))
	b.put("empty", "", ownEncryption.headers()...).want(http.StatusCreated)
	b.get("empty").wantRefusedKey()
	b.get("empty", ownEncryption.headers()...).want(http.StatusOK).wantBody("")
}

func TestEncryptedUpload(t *testing.T) {
	b := newEncrypted(t, "source")
	u := b.initiate("big", ownEncryption.headers()...)
	parts := []string{content(minPart+1, 1), content(70_000, 2)}
	u.part(0, parts[0], ownEncryption.headers()...).want(http.StatusCreated).wantKey(ownEncryption).wantHeader("ETag", etagOf(parts[0]))
	u.part(1, parts[1]).wantRefusedKey()
	u.part(1, parts[1], otherEncryption.headers()...).wantRefusedKey()
	u.part(1, parts[1], ownEncryption.headers()...).want(http.StatusCreated)
	list := `{"object_parts":[{"part_number":0},{"part_number":1}]}`
	b.send("POST", u.suffix(), list, ownEncryption.headers()...).want(http.StatusCreated) // the headers are not needed
	whole := parts[0] + parts[1]
	b.get("big", ownEncryption.headers()...).want(http.StatusOK).wantBody(whole)
	b.get("big").wantRefusedKey()
	for _, from := range []int{minPart, minPart + 1, minPart + 65520} {
		b.get("big", append(ownEncryption.headers(), rangeOf(from-10, from+10))...).want(http.StatusPartialContent).wantBody(whole[from-10 : from+10])
	}

	u = b.initiate("open")
	u.part(0, "x", ownEncryption.headers()...).wantRefusedKey()
	b.send("DELETE", u.suffix(), "", ownEncryption.headers()...).want(http.StatusNoContent)
}

func TestClient24_CopiesTakeAndGiveKeys(t *testing.T) {
	body := content(100_000, 1)
	b := newEncrypted(t, body)
	from := "X-QS-Copy-Source: " + b.path("secret.txt")
	b.put("copy", "", from).wantRefusedKey()
	b.put("copy", "", append(otherEncryption.source(), from)...).wantRefusedKey()
	b.wantMissing("copy")

	b.put("copy", "", append(ownEncryption.source(), from)...).want(http.StatusCreated) // encryption is not inherited
	b.get("copy").want(http.StatusOK).wantBody(body).wantHeader("ETag", etagOf(body))
	for _, k := range []encryptionKey{ownEncryption, otherEncryption} {
		b.put("copy", "", slices.Concat(ownEncryption.source(), k.headers(), []string{from})...).want(http.StatusCreated).wantKey(k)
		b.get("copy", k.headers()...).want(http.StatusOK).wantBody(body).wantHeader("ETag", etagOf(body))
		b.get("copy").wantRefusedKey()
	}
	b.put("open", "hello").want(http.StatusCreated)
	open := "X-QS-Copy-Source: " + b.path("open")
	b.put("copy", "", append(ownEncryption.source(), open)...).wantRefusedKey()
	b.put("open", "", append(ownEncryption.headers(), open)...).want(http.StatusCreated).wantKey(ownEncryption) // onto itself
	b.get("open", ownEncryption.headers()...).want(http.StatusOK).wantBody("hello")

	b.put("moved", "", "X-QS-Move-Source: "+b.path("secret.txt")).want(http.StatusCreated)
	b.get("moved").wantRefusedKey()
	b.get("moved", ownEncryption.headers()...).want(http.StatusOK).wantBody(body)
}

func TestCopiedPartsTakeAndGiveKeys(t *testing.T) {
	body := content(minPart+100_000, 1)
	b := newEncrypted(t, body)
	src := b.path("secret.txt")
	u := b.initiate("big", otherEncryption.headers()...)
	u.copyPart(0, src, otherEncryption.headers()...).wantRefusedKey()
	u.copyPart(0, src, ownEncryption.source()...).wantRefusedKey()
	u.copyPart(0, src, slices.Concat(ownEncryption.source(), otherEncryption.headers())...).want(http.StatusCreated).wantKey(otherEncryption)
	u.copyPart(1, src, slices.Concat(ownEncryption.source(), otherEncryption.headers(), []string{"X-QS-Copy-Range: " + bytesOf(65_000, 140_000)})...).
		want(http.StatusCreated).wantHeader("ETag", etagOf(body[65_000:140_000]))
	u.complete("", 0, 1).want(http.StatusCreated)
	b.get("big", otherEncryption.headers()...).want(http.StatusOK).wantBody(body + body[65_000:140_000])
}
