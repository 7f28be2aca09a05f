package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// strangeKeys are legal, and each has met some program that spoiled it.
var strangeKeys = []string{
	"..", ".", "../up", "a/..", "a/../b", "./a", "a/./b", "a/.", "a/b/../../../c",
	"a//b", "a///b", "a/", "a//", "dir/", "dir/x",
	" ", "trailing ", " leading", "two  blanks", "tab\there",
	"😀", "👨‍👩‍👧/🏳️‍🌈.png", "中文/日本語/한국어", "שלום.txt", "مرحبا", "é", "e\u0301", "\u200b", "\ufeffbom", "\u2028",
	"'", `"`, "`", `it's "so"`, "<>?:", "<script>", "a&b=c;d", "a?b#c", "[x]{y}|z", "!@#$%^&*()`~-0", `<>?:"{}|_+-0`,
	`back\slash`, `c:\dir\file`, "%", "%20", "%2F", "a%", "100%zz", "%00", "plus+plus.txt", "+", "a=b", "k,v", "~tilde", "^",
	"null", "true", "-", "--help", "acl", "?acl", "a.txt?acl", "uploads", "con", "nul.txt", "a:b", "*",
	"new\nline", "cr\r\nlf", "\x01", "\x1b[31m", "\x7f", "nul\x00byte", "\x00",
}

func TestClient25_StrangeKeysComeBackExactly(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill(strangeKeys...)
	for _, key := range strangeKeys {
		b.get(key).want(http.StatusOK).wantBody(key)
		b.head(key).want(http.StatusOK).wantHeader("Content-Length", fmt.Sprint(len(key)))
	}
	want := slices.Sorted(slices.Values(strangeKeys))
	if got := b.list("?limit=1000").names(); !slices.Equal(got, want) {
		t.Errorf("the listing has %q; want %q", got, want)
	}
	for i, key := range want {
		l := b.list("?limit=1&marker=" + escape(key))
		if next := append(want, "")[i+1]; i+1 < len(want) && !slices.Equal(l.names(), []string{next}) {
			t.Errorf("after %q the listing has %q; want %q", key, l.names(), next)
		}
		if l := b.list("?limit=1&prefix=" + escape(key)); len(l.Keys) != 1 || l.Keys[0].Key != key {
			t.Errorf("prefix %q lists %q; want the key itself first", key, l.names())
		}
	}
	b.wantGone(strangeKeys[:len(strangeKeys)/2], strangeKeys[len(strangeKeys)/2:])
}

// wantGone deletes some keys one by one and others at once, and checks that nothing remains.
func (b *bucket) wantGone(single, multiple []string) {
	b.t.Helper()
	for _, key := range single {
		b.delete(key).want(http.StatusNoContent)
	}
	b.deleteMultiple(deletion(multiple...)).want(http.StatusOK)
	b.wantNothing()
}

func TestClient25_StrangeKeysWorkForUploadsAndCopies(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for _, key := range []string{"../up", "a//b", "😀 %", "nul\x00byte", `<>?:"{}|_+-0`, strings.Repeat("é", 511)} {
		u := b.initiate(key)
		u.part(0, key).want(http.StatusCreated)
		if l := b.uploads("?uploads&prefix=" + escape(key)); len(l.Uploads) != 1 || l.Uploads[0].Key != key {
			t.Errorf("uploads with prefix %q are %+v; want the one", key, l.Uploads)
		}
		u.complete("", 0).want(http.StatusCreated)
		b.get(key).want(http.StatusOK).wantBody(key)
		b.put(key, "", "X-QS-Copy-Source: "+b.path(key)).want(http.StatusCreated)
		b.get(key).want(http.StatusOK).wantBody(key)
		b.delete(key).want(http.StatusNoContent)
	}
	b.wantNothing()
}

func TestClient25_FolderIsAnObjectOfItsOwn(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("c/", "", "Content-Type: application/x-directory").want(http.StatusCreated)
	b.fill("c/x")
	b.head("c/").want(http.StatusOK).wantHeader("Content-Type", "application/x-directory").wantHeader("Content-Length", "0")
	b.wantMissing("c")
	if l := b.list("?prefix=c/&delimiter=/"); !slices.Equal(l.names(), []string{"c/", "c/x"}) {
		t.Errorf("in c/ are %q; want c/ and c/x", l.names())
	}
	if l := b.list("?delimiter=/"); !slices.Equal(l.entries(), []string{"c/"}) || len(l.Keys) != 0 {
		t.Errorf("at the top are %q; want the common prefix c/", l.entries())
	}
	b.delete("c/").want(http.StatusNoContent)
	b.get("c/x").want(http.StatusOK)
}

func TestClient25_KeysHaveUpTo1023Bytes(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for _, key := range []string{strings.Repeat("k", 1023), strings.Repeat("/中", 255) + "xyz"} {
		key = strings.TrimPrefix(key, "/")
		b.fill(key)
		b.get(key).want(http.StatusOK).wantBody(key)
		if l := b.list("?prefix=" + escape(key)); !slices.Equal(l.names(), []string{key}) {
			t.Errorf("prefix of %d bytes lists %d keys; want it", len(key), len(l.Keys))
		}
		b.delete(key).want(http.StatusNoContent)
	}
}

func TestKeysThatCannotBeAreRefused(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("source")
	defer func() {
		b.delete("source").want(http.StatusNoContent)
		b.wantNothing()
	}()
	for name, path := range map[string]string{
		"1024 bytes":            "/" + strings.Repeat("k", 1024),
		"1024 bytes of 3":       "/" + strings.Repeat("%E4%B8%AD", 341) + "x",
		"leading slash":         "//a",
		"escaped leading slash": "/%2Fa",
		"not UTF-8":             "/%ff",
		"half a character":      "/a%E4%B8",
		"surrogate":             "/%ED%A0%80",
		"overlong slash":        "/%C0%AF",
	} {
		b.send("PUT", path, "x").wantFault(http.StatusBadRequest, "invalid_object_name")
		b.send("PUT", path, "", "X-QS-Copy-Source: "+b.path("source")).wantFault(http.StatusBadRequest, "invalid_object_name")
		b.send("PUT", path, "", "X-QS-Move-Source: "+b.path("source")).wantFault(http.StatusBadRequest, "invalid_object_name")
		b.send("POST", path+"?uploads", "").wantFault(http.StatusBadRequest, "invalid_object_name")
		if a := b.send("GET", path, ""); a.status != http.StatusNotFound && a.status != http.StatusBadRequest {
			t.Errorf("GET of a key with %s: %d; want 404 or 400", name, a.status)
		}
		if a := b.send("DELETE", path, ""); a.status != http.StatusNoContent && a.status != http.StatusBadRequest {
			t.Errorf("DELETE of a key with %s: %d; want 204 or 400", name, a.status)
		}
	}
}

func TestStrangeKeysAreLegal(t *testing.T) {
	for _, key := range strangeKeys {
		if key == "" || len(key) > 1023 || key[0] == '/' || !utf8.ValidString(key) {
			t.Errorf("%q is no legal key and proves nothing", key)
		}
	}
}
