package conformance

import (
	"crypto/md5"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"strings"
	"testing"
)

// A bucket is one of our own, or the view of one by another account.
type bucket struct {
	*session
	name string
	by   *account // who signs; nil is nobody
}

// newBucket creates a bucket of the owner that is emptied and deleted after the test.
func (s *session) newBucket() *bucket {
	s.t.Helper()
	b := &bucket{session: s, name: freshName(), by: s.owner}
	s.aside().do(b.request("PUT", "", "")).want(http.StatusCreated)
	s.t.Cleanup(b.remove)
	return b
}

// freshName returns a bucket name that nobody has.
func freshName() string { return "ois-test-" + strings.ToLower(rand.Text()) }

// in returns the bucket for a subtest, which runs beside the others.
func (b *bucket) in(t *testing.T) *bucket {
	s := *b.session
	s.t = t
	t.Parallel()
	return &bucket{session: &s, name: b.name, by: b.by}
}

// as returns the bucket as another account sees it.
func (b *bucket) as(by *account) *bucket {
	return &bucket{session: b.session, name: b.name, by: by}
}

// send sends a request to the bucket. suffix is what follows its name in the target: "",
// "?acl", or with object what a key needs.
func (b *bucket) send(method, suffix, body string, header ...string) *answer {
	b.t.Helper()
	return b.do(b.request(method, suffix, body, header...))
}

func (b *bucket) request(method, suffix, body string, header ...string) request {
	return request{method: method, target: "/" + b.name + suffix, body: body, header: header, by: b.by}
}

// object returns the suffix that addresses a key.
func object(key string) string { return "/" + escapePath(key) }

// path returns what copy and move headers call the key.
func (b *bucket) path(key string) string { return "/" + b.name + "/" + escapePath(key) }

func (b *bucket) put(key, body string, header ...string) *answer {
	b.t.Helper()
	return b.send("PUT", object(key), body, header...)
}

func (b *bucket) get(key string, header ...string) *answer {
	b.t.Helper()
	return b.send("GET", object(key), "", header...)
}

func (b *bucket) head(key string, header ...string) *answer {
	b.t.Helper()
	return b.send("HEAD", object(key), "", header...)
}

func (b *bucket) delete(key string) *answer {
	b.t.Helper()
	return b.send("DELETE", object(key), "")
}

// fill stores an object under each key, its key as its content.
func (b *bucket) fill(keys ...string) {
	b.t.Helper()
	for _, key := range keys {
		b.put(key, key).want(http.StatusCreated)
	}
}

// wantMissing checks that there is no object of that key.
func (b *bucket) wantMissing(key string) {
	b.t.Helper()
	b.get(key).wantFault(http.StatusNotFound, "object_not_exists")
}

// wantNothing checks that nothing was left behind: no object, no upload, no byte.
func (b *bucket) wantNothing() {
	b.t.Helper()
	if l := b.list(""); len(l.Keys)+len(l.CommonPrefixes) > 0 {
		b.t.Errorf("the bucket holds %+v; want nothing", l.Keys)
	}
	if u := b.uploads(""); len(u.Uploads) > 0 {
		b.t.Errorf("the bucket holds the uploads %+v; want none", u.Uploads)
	}
	if st := b.statistics(); st.Count != 0 || st.Size != 0 {
		b.t.Errorf("statistics say %d objects of %d bytes; want none", st.Count, st.Size)
	}
}

// remove empties the bucket and deletes it. A service that bills by lease may refuse to
// delete a young bucket; that is no failure of the test.
func (b *bucket) remove() {
	b.t.Helper()
	b = &bucket{session: b.aside(), name: b.name, by: b.by}
	if b.send("HEAD", "", "").status == http.StatusNotFound {
		return
	}
	for _, u := range b.uploads("?uploads&limit=1000").Uploads {
		b.send("DELETE", object(u.Key)+"?upload_id="+u.UploadID, "").want(http.StatusNoContent)
	}
	for more := true; more; {
		l := b.list("?limit=1000")
		b.deleteAll(l.Keys)
		more = l.HasMore
	}
	b.eraseVersions()
	a := b.send("DELETE", "", "")
	if a.status == http.StatusForbidden && a.failure().Code == "lease_not_ready" {
		b.t.Logf("bucket %s stays behind: its lease is too young", b.name)
		return
	}
	a.want(http.StatusNoContent)
}

func (b *bucket) deleteAll(keys []listedObject) {
	b.t.Helper()
	if len(keys) == 0 {
		return
	}
	list := make([]string, len(keys))
	for i, o := range keys {
		list[i] = o.Key
	}
	b.deleteMultiple(deletion(list...)).want(http.StatusOK)
}

// grant replaces the access control list of the bucket.
func (b *bucket) grant(grants ...string) {
	b.t.Helper()
	b.send("PUT", "?acl", `{"acl":[`+strings.Join(grants, ",")+`]}`).want(http.StatusOK)
}

// toAll is a grant to everybody, to one user is a grant to one.
func toAll(permission string) string {
	return fmt.Sprintf(`{"grantee":{"type":"group","name":"QS_ALL_USERS"},"permission":%q}`, permission)
}

func toUser(id, permission string) string {
	return fmt.Sprintf(`{"grantee":{"type":"user","id":%q},"permission":%q}`, id, permission)
}

// md5Of returns the MD5 of body as Content-MD5 wants it, and hexOf as an ETag shows it.
func md5Of(body string) string {
	sum := md5.Sum([]byte(body))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func hexOf(body string) string {
	sum := md5.Sum([]byte(body))
	return hex.EncodeToString(sum[:])
}

// etagOf returns the ETag of an object that was stored in one piece.
func etagOf(body string) string { return `"` + hexOf(body) + `"` }

// content returns n bytes that look like nothing, the same for the same seed.
func content(n int, seed uint64) string {
	b := make([]byte, n)
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	_, _ = mathrand.NewChaCha8(key).Read(b) // never fails
	return string(b)
}

const unreserved = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~"

// escape percent-encodes everything but unreserved characters.
func escape(s string) string { return escapeBut(s, "") }

// escapePath leaves slashes as they are.
func escapePath(s string) string { return escapeBut(s, "/") }

func escapeBut(s, but string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; strings.IndexByte(unreserved, c) >= 0 || strings.IndexByte(but, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// quoted returns s as JSON.
func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always has a JSON form
	}
	return string(b)
}
