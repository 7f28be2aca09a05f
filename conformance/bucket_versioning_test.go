package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// versioning sets the state of versioning.
func (b *bucket) versioning(status string) {
	b.t.Helper()
	b.send("PUT", "?versioning", `{"status":"`+status+`"}`).want(http.StatusOK)
}

// A listedVersion is an entry of a listing of versions.
type listedVersion struct {
	Key          string
	VersionID    string `json:"version_id"`
	IsLatest     bool   `json:"is_latest"`
	DeleteMarker bool   `json:"delete_marker"`
	Size         int64
	ETag         string
	MimeType     string `json:"mime_type"`
	StorageClass string `json:"storage_class"`
	Modified     time.Time
}

type versionListing struct {
	Name                string
	Limit               int64
	HasMore             bool     `json:"has_more"`
	NextKeyMarker       string   `json:"next_key_marker"`
	NextVersionIDMarker string   `json:"next_version_id_marker"`
	CommonPrefixes      []string `json:"common_prefixes"`
	Keys                []listedVersion
	Owner               struct{ ID string }
}

// versions lists versions; query is empty or starts with &.
func (b *bucket) versions(query string) *versionListing {
	b.t.Helper()
	var l versionListing
	b.send("GET", "?versions"+query, "").want(http.StatusOK).json(&l)
	return &l
}

// ids returns the ids of all versions of a key, the newest first.
func (b *bucket) ids(key string) []string {
	b.t.Helper()
	var ids []string
	for _, v := range b.versions("&limit=1000&prefix=" + escape(key)).Keys {
		if v.Key == key {
			ids = append(ids, v.VersionID)
		}
	}
	return ids
}

// eraseVersions erases all versions of a bucket that ever had versioning.
func (b *bucket) eraseVersions() {
	b.t.Helper()
	if a := b.send("GET", "?versioning", ""); a.status != http.StatusOK || strings.Contains(a.text, "DISABLED") {
		return
	}
	for {
		l := b.versions("&limit=1000")
		if len(l.Keys) == 0 {
			return
		}
		list := make([]string, len(l.Keys))
		for i, v := range l.Keys {
			list[i] = `{"key":` + quoted(v.Key) + `,"version_id":` + quoted(v.VersionID) + `}`
		}
		b.deleteMultiple(`{"quiet":true,"objects":[` + strings.Join(list, ",") + `]}`).want(http.StatusOK)
	}
}

// putVersion stores an object and returns the id of its version.
func (b *bucket) putVersion(key, body string, header ...string) string {
	b.t.Helper()
	id := b.put(key, body, header...).want(http.StatusCreated).header.Get("X-Qs-Version-Id")
	if id == "" {
		b.t.Errorf("PUT of %q names no version", key)
	}
	return id
}

// at returns the suffix that addresses a version of a key.
func at(key, id string) string { return object(key) + "?version_id=" + escape(id) }

func TestVersioningIsEnabledAndSuspended(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.send("GET", "?versioning", "").want(http.StatusOK).wantBody(`{"status":"DISABLED"}`)
	for _, status := range []string{"ENABLED", "SUSPENDED", "ENABLED"} {
		b.versioning(status)
		b.send("GET", "?versioning", "").want(http.StatusOK).wantBody(`{"status":"` + status + `"}`)
	}
	for _, body := range []string{`{"status":"DISABLED"}`, `{"status":""}`, `{"status":"on"}`, `{}`, `{"status":true}`, `[]`, ``} {
		if a := b.send("PUT", "?versioning", body); a.status != http.StatusBadRequest {
			t.Errorf("PUT ?versioning with %s: %d %s; want 400", body, a.status, a.text)
		}
	}
	b.send("PUT", "?versioning", `{"status":"DISABLED"}`).wantFault(http.StatusBadRequest, "invalid_request")
	b.send("DELETE", "?versioning", "").wantFault(http.StatusMethodNotAllowed, "method_not_allowed")
	b.send("GET", "?versioning", "").want(http.StatusOK).wantBody(`{"status":"ENABLED"}`)
}

func TestVersioningIsTheOwnersBusiness(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.grant(toAll("FULL_CONTROL"))
	for _, by := range []*account{nil, s.other} {
		if by == nil || s.other != nil {
			b.as(by).send("PUT", "?versioning", `{"status":"ENABLED"}`).wantFault(http.StatusForbidden, "permission_denied")
			b.as(by).send("GET", "?versioning", "").wantFault(http.StatusForbidden, "permission_denied")
		}
	}
	b.send("GET", "?versioning", "").want(http.StatusOK).wantBody(`{"status":"DISABLED"}`)
	b.as(nil).send("GET", "?versions", "").wantFault(http.StatusForbidden, "permission_denied")
	if s.other != nil {
		b.as(s.other).send("GET", "?versions", "").want(http.StatusOK)
	}
}

func TestVersionsOfABucketThatNeverHadVersioning(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("a.txt", "hello", "Content-Type: text/plain").want(http.StatusCreated).wantHeader("X-Qs-Version-Id", "")
	b.get("a.txt").want(http.StatusOK).wantHeader("X-Qs-Version-Id", "")
	b.send("GET", at("a.txt", "null"), "").want(http.StatusOK).wantBody("hello")
	b.send("GET", at("a.txt", "other"), "").wantFault(http.StatusNotFound, "object_not_exists")
	b.send("DELETE", at("a.txt", "other"), "").want(http.StatusNoContent)
	l := b.versions("")
	if len(l.Keys) != 1 || l.Keys[0].VersionID != "null" || !l.Keys[0].IsLatest || l.Keys[0].ETag != hexOf("hello") {
		t.Errorf("versions are %+v; want the object as null", l.Keys)
	}
	b.delete("a.txt").want(http.StatusNoContent).wantHeader("X-Qs-Version-Id", "").wantHeader("X-Qs-Delete-Marker", "")
	b.wantMissing("a.txt")
	b.wantNothing()
}

func TestEveryWriteMakesAVersion(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a.txt")
	b.versioning("ENABLED")
	b.get("a.txt").want(http.StatusOK).wantHeader("X-Qs-Version-Id", "null")
	first := b.putVersion("a.txt", "first", "Content-Type: text/plain")
	second := b.putVersion("a.txt", "second", "X-QS-Storage-Class: STANDARD_IA")
	if first == second || first == "null" {
		t.Errorf("versions are called %q and %q; want different ids", first, second)
	}
	b.get("a.txt").want(http.StatusOK).wantBody("second").wantHeader("X-Qs-Version-Id", second)
	b.head("a.txt").want(http.StatusOK).wantHeader("X-Qs-Version-Id", second).wantHeader("Content-Length", "6")
	b.send("GET", at("a.txt", first), "").want(http.StatusOK).wantBody("first").wantHeader("X-Qs-Version-Id", first).
		wantHeader("Content-Type", "text/plain").wantHeader("Etag", etagOf("first"))
	b.send("HEAD", at("a.txt", first), "").want(http.StatusOK).wantHeader("Content-Length", "5")
	b.send("GET", at("a.txt", "null"), "").want(http.StatusOK).wantBody("a.txt").wantHeader("X-Qs-Version-Id", "null")
	b.send("GET", at("a.txt", first), "", "Range: bytes=1-2").want(http.StatusPartialContent).wantBody("ir")
	b.send("GET", at("a.txt", first), "", "If-None-Match: "+etagOf("first")).want(http.StatusNotModified).wantHeader("X-Qs-Version-Id", first)

	u := b.initiate("a.txt")
	u.part(0, "third").want(http.StatusCreated)
	third := u.complete("", 0).want(http.StatusCreated).header.Get("X-Qs-Version-Id")
	if got, want := b.ids("a.txt"), []string{third, second, first, "null"}; !slices.Equal(got, want) || third == "" {
		t.Errorf("versions are %q; want %q", got, want)
	}
	if l := b.list(""); len(l.Keys) != 1 || l.Keys[0].Size != 5 {
		t.Errorf("objects are %+v; want what is current", l.Keys)
	}
	if st := b.statistics(); st.Count != 4 || st.Size != 21 {
		t.Errorf("statistics say %d objects of %d bytes; want all 4 versions of 21", st.Count, st.Size)
	}
}

func TestDeleteOfAnObjectLeavesAMarker(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.versioning("ENABLED")
	first := b.putVersion("a.txt", "first")
	marker := b.delete("a.txt").want(http.StatusNoContent).wantHeader("X-Qs-Delete-Marker", "true").header.Get("X-Qs-Version-Id")
	b.get("a.txt").wantFault(http.StatusNotFound, "object_not_exists").wantHeader("X-Qs-Delete-Marker", "true").wantHeader("X-Qs-Version-Id", marker)
	b.head("a.txt").want(http.StatusNotFound).wantHeader("X-Qs-Delete-Marker", "true").wantHeader("X-Qs-Version-Id", marker)
	b.send("GET", at("a.txt", marker), "").wantFault(http.StatusMethodNotAllowed, "method_not_allowed").wantHeader("X-Qs-Delete-Marker", "true")
	b.send("HEAD", at("a.txt", marker), "").want(http.StatusMethodNotAllowed)
	b.send("GET", at("a.txt", first), "").want(http.StatusOK).wantBody("first").wantHeader("X-Qs-Delete-Marker", "")
	if l := b.list(""); len(l.Keys) != 0 {
		t.Errorf("objects are %+v; want none", l.Keys)
	}
	l := b.versions("").Keys
	if len(l) != 2 || !l[0].DeleteMarker || !l[0].IsLatest || l[0].VersionID != marker || l[0].Size != 0 || l[0].ETag != "" || l[1].IsLatest || l[1].DeleteMarker {
		t.Errorf("versions are %+v; want a delete marker above the object", l)
	}
	b.send("DELETE", "", "").wantFault(http.StatusConflict, "bucket_not_empty")

	b.send("DELETE", at("a.txt", marker), "").want(http.StatusNoContent).wantHeader("X-Qs-Delete-Marker", "true").wantHeader("X-Qs-Version-Id", marker)
	b.get("a.txt").want(http.StatusOK).wantBody("first").wantHeader("X-Qs-Version-Id", first)
	b.send("DELETE", at("a.txt", first), "").want(http.StatusNoContent).wantHeader("X-Qs-Delete-Marker", "").wantHeader("X-Qs-Version-Id", first)
	b.send("DELETE", at("a.txt", first), "").want(http.StatusNoContent)
	b.get("a.txt").wantFault(http.StatusNotFound, "object_not_exists").wantHeader("X-Qs-Delete-Marker", "")
	b.wantNothing()
}

func TestErasedVersionsUncoverOlderOnes(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.versioning("ENABLED")
	ids := []string{b.putVersion("k", "1"), b.putVersion("k", "2"), b.putVersion("k", "3")}
	b.send("DELETE", at("k", ids[1]), "").want(http.StatusNoContent)
	b.get("k").want(http.StatusOK).wantBody("3")
	b.send("DELETE", at("k", ids[2]), "").want(http.StatusNoContent)
	b.get("k").want(http.StatusOK).wantBody("1").wantHeader("X-Qs-Version-Id", ids[0])
	for _, id := range ids[1:] {
		b.send("GET", at("k", id), "").wantFault(http.StatusNotFound, "object_not_exists")
	}
	b.send("GET", at("k", strings.Repeat("x", 500)), "").wantFault(http.StatusNotFound, "object_not_exists")
	b.send("GET", at("l", ids[0]), "").wantFault(http.StatusNotFound, "object_not_exists")
}

func TestSuspendedVersioningReplacesTheVersionNull(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.versioning("ENABLED")
	first := b.putVersion("k", "first")
	b.versioning("SUSPENDED")
	b.put("k", "second").want(http.StatusCreated).wantHeader("X-Qs-Version-Id", "null")
	b.put("k", "third").want(http.StatusCreated).wantHeader("X-Qs-Version-Id", "null")
	b.get("k").want(http.StatusOK).wantBody("third")
	if got, want := b.ids("k"), []string{"null", first}; !slices.Equal(got, want) {
		t.Errorf("versions are %q; want %q", got, want)
	}
	b.versioning("ENABLED")
	last := b.putVersion("k", "last")
	b.versioning("SUSPENDED")
	if got, want := b.ids("k"), []string{last, "null", first}; !slices.Equal(got, want) {
		t.Errorf("versions are %q; want %q", got, want)
	}
	b.delete("k").want(http.StatusNoContent).wantHeader("X-Qs-Delete-Marker", "true").wantHeader("X-Qs-Version-Id", "null")
	if got, want := b.ids("k"), []string{"null", last, first}; !slices.Equal(got, want) {
		t.Errorf("versions are %q; want %q", got, want)
	}
	b.wantMissing("k")
	b.send("GET", at("k", "null"), "").wantFault(http.StatusMethodNotAllowed, "method_not_allowed")
	b.send("DELETE", at("k", "null"), "").want(http.StatusNoContent).wantHeader("X-Qs-Delete-Marker", "true")
	b.get("k").want(http.StatusOK).wantBody("last")
}

func TestCopiesOfOldVersions(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.versioning("ENABLED")
	key := "dir/a b+c.txt"
	first := b.putVersion(key, "first", "X-QS-Meta-N: 1")
	second := b.putVersion(key, "second")
	source := "X-QS-Copy-Source: " + b.path(key)
	third := b.putVersion(key, "", source+"?version_id="+first)
	b.get(key).want(http.StatusOK).wantBody("first").wantHeader("X-Qs-Meta-N", "1").wantHeader("X-Qs-Version-Id", third)
	if got, want := b.ids(key), []string{third, second, first}; !slices.Equal(got, want) {
		t.Errorf("versions are %q; want %q", got, want)
	}
	b.put("copy", "", source+"%3Fversion_id%3D"+second).want(http.StatusCreated)
	b.get("copy").want(http.StatusOK).wantBody("second")

	marker := b.delete(key).want(http.StatusNoContent).header.Get("X-Qs-Version-Id")
	b.put("copy", "", source).wantFault(http.StatusNotFound, "object_not_exists")
	b.put("copy", "", source+"?version_id=nonsense").wantFault(http.StatusNotFound, "object_not_exists")
	b.put("copy", "", source+"?version_id="+marker).wantFault(http.StatusMethodNotAllowed, "method_not_allowed")
	b.put("copy", "", source+"?version_id="+first, `X-QS-Copy-Source-If-Match: "other"`).wantFault(http.StatusPreconditionFailed, "precondition_failed")
	b.get("copy").want(http.StatusOK).wantBody("second")
	b.put(key, "", source+"?version_id="+second).want(http.StatusCreated)
	b.get(key).want(http.StatusOK).wantBody("second")

	u := b.initiate("big")
	u.copyPart(0, b.path(key)+"?version_id="+first).want(http.StatusCreated)
	u.complete("", 0).want(http.StatusCreated)
	b.get("big").want(http.StatusOK).wantBody("first")
}

func TestMoveLeavesAMarker(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.versioning("ENABLED")
	first := b.putVersion("a", "hello")
	moved := b.putVersion("b", "", "X-QS-Move-Source: "+b.path("a"))
	b.get("b").want(http.StatusOK).wantBody("hello").wantHeader("X-Qs-Version-Id", moved)
	b.get("a").wantFault(http.StatusNotFound, "object_not_exists").wantHeader("X-Qs-Delete-Marker", "true")
	b.send("GET", at("a", first), "").want(http.StatusOK).wantBody("hello")
	again := b.putVersion("b", "", "X-QS-Move-Source: "+b.path("b"))
	if got, want := b.ids("b"), []string{again, moved}; !slices.Equal(got, want) {
		t.Errorf("moved onto itself, the versions are %q; want %q", got, want)
	}
	b.get("b").want(http.StatusOK).wantBody("hello")
	b.put("c", "", "X-QS-Move-Source: "+b.path("a")+"?version_id="+first).wantFault(http.StatusBadRequest, "invalid_argument")
	b.wantMissing("c")
}

func TestAppendsChangeAVersion(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.versioning("ENABLED")
	b.send("POST", object("log")+"?append&position=0", "one").want(http.StatusOK)
	ids := b.ids("log")
	b.send("POST", object("log")+"?append&position=3", "two").want(http.StatusOK)
	if got := b.ids("log"); len(got) != 1 || !slices.Equal(got, ids) {
		t.Errorf("versions are %q before and %q after an append; want the same one", ids, got)
	}
	b.delete("log").want(http.StatusNoContent)
	b.send("POST", object("log")+"?append&position=0", "new").want(http.StatusOK)
	if got := b.ids("log"); len(got) != 3 || got[2] != ids[0] {
		t.Errorf("versions are %q; want a new one above the delete marker", got)
	}
	b.send("GET", at("log", ids[0]), "").want(http.StatusOK).wantBody("onetwo")
	b.get("log").want(http.StatusOK).wantBody("new")
}

func TestDeleteMultipleObjectsTakesVersions(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.versioning("ENABLED")
	first, second := b.putVersion("a", "1"), b.putVersion("a", "2")
	b.fill("b")
	body := fmt.Sprintf(`{"objects":[{"key":"a","version_id":%q},{"key":"a","version_id":%q},{"key":"a","version_id":"nonsense"},{"key":"b"},{"key":"none"}]}`, second, second)
	a := b.deleteMultiple(body).want(http.StatusOK)
	if strings.Count(a.text, `"key"`) != 5 || !strings.Contains(a.text, `{"key":"a","version_id":"`+second+`"}`) {
		t.Errorf("the answer is %s; want all that was asked for", a.text)
	}
	b.get("a").want(http.StatusOK).wantBody("1").wantHeader("X-Qs-Version-Id", first)
	b.get("b").wantFault(http.StatusNotFound, "object_not_exists").wantHeader("X-Qs-Delete-Marker", "true")
	if n := len(b.ids("b")); n != 2 {
		t.Errorf("b has %d versions; want the object and a delete marker", n)
	}
	body = fmt.Sprintf(`{"objects":[{"key":"a"},{"key":"a","version_id":%q}]}`, first)
	b.deleteMultiple(body).want(http.StatusOK)
	if l := b.versions("&prefix=a").Keys; len(l) != 1 || !l[0].DeleteMarker {
		t.Errorf("versions are %+v; want a delete marker alone", l)
	}
}

func TestVersionsAreListedInPages(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("dir/0")
	b.versioning("ENABLED")
	var want []string
	for _, key := range []string{"a", "dir/1", "dir/2", "e"} {
		var ids []string
		for n := range 3 {
			ids = append([]string{key + " " + b.putVersion(key, fmt.Sprint(n))}, ids...)
		}
		if key == "dir/1" {
			ids = append([]string{"dir/0 null"}, ids...)
		}
		want = append(want, ids...)
	}
	for limit := 1; limit <= 5; limit++ {
		for _, marker := range []string{"version_id_marker", "version-id-marker"} {
			var got []string
			query := fmt.Sprintf("&limit=%d", limit)
			for next := query; next != ""; {
				l := b.versions(next)
				for _, v := range l.Keys {
					got = append(got, v.Key+" "+v.VersionID)
				}
				if len(l.Keys) > limit || l.HasMore && len(l.Keys) < limit {
					t.Errorf("a page of %d has %d versions", limit, len(l.Keys))
				}
				if next = ""; l.HasMore {
					next = query + "&key_marker=" + escape(l.NextKeyMarker) + "&" + marker + "=" + escape(l.NextVersionIDMarker)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%d at a time: %q; want %q", limit, got, want)
			}
		}
	}
	l := b.versions("&delimiter=/&limit=4")
	if len(l.Keys) != 3 || !slices.Equal(l.CommonPrefixes, []string{"dir/"}) || !l.HasMore {
		t.Errorf("with a delimiter the listing is %+v; want 3 versions of a, and dir/", l)
	}
	l = b.versions("&delimiter=/&key_marker=" + escape(l.NextKeyMarker) + "&version_id_marker=" + escape(l.NextVersionIDMarker))
	if len(l.Keys) != 3 || l.Keys[0].Key != "e" || len(l.CommonPrefixes) != 0 || l.HasMore || l.NextKeyMarker != "" {
		t.Errorf("behind dir/ the listing is %+v; want 3 versions of e", l)
	}
	if l := b.versions("&prefix=dir/&key_marker=dir/1"); len(l.Keys) != 3 || l.Keys[0].Key != "dir/2" {
		t.Errorf("after all versions of dir/1 are %+v; want those of dir/2", l.Keys)
	}
	b.send("GET", "?versions&key_marker=a&version_id_marker=nonsense", "").wantFault(http.StatusBadRequest, "invalid_argument")
	b.send("GET", "?versions&limit=-1", "").wantFault(http.StatusBadRequest, "invalid_argument")
}

func TestListOfVersionsHasAllFields(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	empty := b.send("GET", "?versions", "").want(http.StatusOK).fields()
	for name, want := range map[string]string{
		"prefix": `""`, "delimiter": `""`, "key_marker": `""`, "version_id_marker": `""`, "next_key_marker": `""`, "next_version_id_marker": `""`,
		"has_more": "false", "keys": "[]", "common_prefixes": "[]", "name": quoted(b.name),
	} {
		if empty[name] != want {
			t.Errorf("%s is %s; want %s", name, empty[name], want)
		}
	}
	b.versioning("ENABLED")
	id := b.putVersion("a.txt", "hello", "Content-Type: text/plain", "X-QS-Storage-Class: STANDARD_IA")
	l := b.versions("")
	v := l.Keys[0]
	if v.VersionID != id || v.Size != 5 || v.ETag != hexOf("hello") || v.MimeType != "text/plain" || v.StorageClass != "STANDARD_IA" || time.Since(v.Modified).Abs() > time.Hour || l.Owner.ID == "" {
		t.Errorf("the version is %+v, the owner %q", v, l.Owner.ID)
	}
}

func TestVersionsUnderAPolicy(t *testing.T) {
	s := start(t)
	if s.other == nil {
		t.Skip("needs a second account")
	}
	b := s.newBucket()
	b.versioning("ENABLED")
	first := b.putVersion("pub", "first")
	b.putVersion("pub", "second")
	secret := b.putVersion("secret", "x")
	b.putVersion("secret", "y")
	b.policy(`{"id":"r","user":"*","effect":"allow","action":["get_object","delete_object"],"resource":"NAME/pub"}`)
	own := s.newBucket()
	own.grant(toUser(s.otherID(), "WRITE"))
	stranger := b.as(s.other)
	stranger.send("GET", at("pub", first), "").want(http.StatusOK).wantBody("first")
	stranger.send("GET", at("secret", secret), "").wantFault(http.StatusForbidden, "permission_denied")
	own.as(s.other).put("copy", "", "X-QS-Copy-Source: "+b.path("pub")+"?version_id="+first).want(http.StatusCreated)
	own.get("copy").want(http.StatusOK).wantBody("first")
	own.as(s.other).put("copy", "", "X-QS-Copy-Source: "+b.path("secret")+"?version_id="+secret).wantFault(http.StatusForbidden, "permission_denied")
	stranger.send("DELETE", at("secret", secret), "").wantFault(http.StatusForbidden, "permission_denied")
	stranger.send("DELETE", at("pub", first), "").want(http.StatusNoContent).wantHeader("X-Qs-Version-Id", first)
	b.send("GET", at("secret", secret), "").want(http.StatusOK).wantBody("x")
}
