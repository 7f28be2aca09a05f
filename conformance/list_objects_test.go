package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

type listedObject struct {
	Key          string
	Size         int64
	ETag         string
	MimeType     string `json:"mime_type"`
	Created      string
	Modified     int64
	Encrypted    bool
	StorageClass string `json:"storage_class"`
}

type objectList struct {
	Name, Prefix, Delimiter, Marker string
	NextMarker                      *string `json:"next_marker"`
	HasMore                         bool    `json:"has_more"`
	Limit                           int64
	Owner                           struct{ ID, Name string }
	Keys                            []listedObject
	CommonPrefixes                  []string `json:"common_prefixes"`
}

func (l objectList) names() []string {
	var names []string
	for _, o := range l.Keys {
		names = append(names, o.Key)
	}
	return names
}

// entries returns keys and common prefixes in one order.
func (l objectList) entries() []string {
	all := append(l.names(), l.CommonPrefixes...)
	slices.Sort(all)
	return all
}

// list returns one page; suffix is "" or begins with a question mark.
func (b *bucket) list(suffix string) objectList {
	b.t.Helper()
	var l objectList
	b.send("GET", suffix, "").want(http.StatusOK).json(&l)
	return l
}

func TestListObjectsShowsWhatIsThere(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("a.txt", "hello", "Content-Type: text/plain").want(http.StatusCreated)
	b.put("b.bin", "bye", "X-QS-Storage-Class: STANDARD_IA").want(http.StatusCreated)
	l := b.list("")
	if l.Name != b.name || l.Owner.ID == "" || len(l.Keys) != 2 {
		t.Fatalf("listing is %+v; want name, owner and two keys", l)
	}
	for i, want := range []listedObject{
		{Key: "a.txt", Size: 5, ETag: etagOf("hello"), MimeType: "text/plain", StorageClass: "STANDARD"},
		{Key: "b.bin", Size: 3, ETag: etagOf("bye"), MimeType: "application/octet-stream", StorageClass: "STANDARD_IA"},
	} {
		got := l.Keys[i]
		wantRecent(t, "created", got.Created)
		wantRecent(t, "modified", time.Unix(got.Modified, 0).UTC().Format(time.RFC3339))
		got.Created, got.Modified = "", 0
		if got != want {
			t.Errorf("entry %d is %+v; want %+v", i, got, want)
		}
	}
}

func TestClient27_ListsAreNeverNull(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	f := b.send("GET", "", "").want(http.StatusOK).fields()
	for name, want := range map[string]string{
		"keys": "[]", "common_prefixes": "[]", "next_marker": `""`, "has_more": "false", "prefix": `""`, "delimiter": `""`, "marker": `""`,
	} {
		if f[name] != want {
			t.Errorf("%s of an empty bucket is %q; want %s", name, f[name], want)
		}
	}
}

// TestClient27_PagesJoinToTheWhole walks listings with every page size and compares them with
// what the rules say by counting on fingers.
func TestClient27_PagesJoinToTheWhole(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	keys := []string{
		"a", "a/", "a/1", "a/2/x", "a/2/y", "a0", "b/1", "b/1/2", "b/1/3", "c", "c//d", "c/d", "d/", "z-z-1", "z-z-2", "é/1", "é/2",
	}
	b.fill(keys...)
	for _, prefix := range []string{"", "a", "a/", "b/1", "c/", "é", "z-", "nothing"} {
		for _, delimiter := range []string{"", "/", "-", "/1", "zzz"} {
			want := fold(keys, prefix, delimiter)
			for _, limit := range []int{1, 2, 3, 1000} {
				query := fmt.Sprintf("?prefix=%s&delimiter=%s&limit=%d", escape(prefix), escape(delimiter), limit)
				if got := b.walk(query, limit); !slices.Equal(got, want) {
					t.Errorf("%s lists %q; want %q", query, got, want)
				}
			}
		}
	}
}

// fold returns the entries that keys, in order, have below a prefix.
func fold(keys []string, prefix, delimiter string) []string {
	var entries []string
	for _, key := range keys {
		rest, ok := strings.CutPrefix(key, prefix)
		if !ok {
			continue
		}
		if i := strings.Index(rest, delimiter); delimiter != "" && i >= 0 {
			key = prefix + rest[:i+len(delimiter)]
		}
		if len(entries) == 0 || entries[len(entries)-1] != key {
			entries = append(entries, key)
		}
	}
	return entries
}

// walk collects the entries of all pages, and checks what holds for each of them.
func (b *bucket) walk(query string, limit int) []string {
	b.t.Helper()
	var all []string
	marker := ""
	for range 100 {
		l := b.list(query + "&marker=" + escape(marker))
		page := l.entries()
		all = append(all, page...)
		if l.Marker != marker || l.Limit != int64(limit) {
			b.t.Errorf("%s after %q echoes marker %q and limit %d", query, marker, l.Marker, l.Limit)
		}
		if l.NextMarker == nil || l.HasMore != (*l.NextMarker != "") || l.HasMore && len(page) != limit {
			b.t.Fatalf("%s after %q: %d entries, next_marker %v, has_more %v", query, marker, len(page), l.NextMarker, l.HasMore)
		}
		if !l.HasMore {
			return all
		}
		marker = *l.NextMarker
	}
	b.t.Fatalf("%s does not end", query)
	return nil
}

func TestClient27_CommonPrefixAsMarkerSkipsItsKeys(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a", "d1/a", "d1/b", "d2/a", "e")
	for _, c := range []struct {
		query string
		want  []string
	}{
		{"?delimiter=/&marker=d1/", []string{"d2/", "e"}},
		{"?delimiter=/&marker=d1/a", []string{"d1/", "d2/", "e"}},
		{"?delimiter=/&marker=d2/&limit=4", []string{"e"}},
		{"?delimiter=/&marker=a&limit=2", []string{"d1/", "d2/"}},
		{"?marker=d1/", []string{"d1/a", "d1/b", "d2/a", "e"}},
		{"?marker=d1/a", []string{"d1/b", "d2/a", "e"}},
		{"?marker=e", nil},
		{"?marker=zzz", nil},
		{"?prefix=d&marker=b", []string{"d1/a", "d1/b", "d2/a"}},
		{"?prefix=d1/&marker=e", nil},
		{"?prefix=d1/&marker=d1/a", []string{"d1/b"}},
	} {
		if l := b.list(c.query); !slices.Equal(l.entries(), c.want) {
			t.Errorf("%s lists %q; want %q", c.query, l.entries(), c.want)
		}
	}
}

func TestClient27_MarkerInTheMiddleOfAPrefix(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("Test/1", "Test/2", "Zoo")
	for marker, want := range map[string][]string{
		"Next": {"Test/1", "Test/2"}, "Test": {"Test/1", "Test/2"}, "Test/1": {"Test/2"}, "Zebra": nil,
	} {
		if l := b.list("?prefix=Test/&marker=" + marker); !slices.Equal(l.names(), want) {
			t.Errorf("prefix Test/, marker %s lists %q; want %q", marker, l.names(), want)
		}
	}
}

func TestClient27_EmptyParametersAreAbsent(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a/1", "b")
	want := b.list("").entries()
	for _, query := range []string{"?prefix=&marker=&delimiter=", "?prefix&marker&delimiter", "?limit=&prefix=", "?limit=0"} {
		if got := b.list(query).entries(); !slices.Equal(got, want) {
			t.Errorf("%s lists %q; want %q", query, got, want)
		}
	}
}

func TestClient27_LimitOf1000IsHonoured(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	var keys []string
	for i := range 110 {
		keys = append(keys, fmt.Sprintf("%03d", i))
	}
	b.fill(keys...)
	for query, want := range map[string]int{"": 100, "?limit=0": 100, "?limit=105": 105, "?limit=1000": 110, "?limit=5000": 110} {
		l := b.list(query)
		if len(l.Keys) != want || l.HasMore != (want < len(keys)) {
			t.Errorf("%q lists %d keys, has_more %v; want %d of %d", query, len(l.Keys), l.HasMore, want, len(keys))
		}
		if !slices.Equal(l.names(), keys[:len(l.Keys)]) {
			t.Errorf("%q lists keys out of order", query)
		}
	}
}

func TestListObjectsIsInByteOrder(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	keys := []string{" ", "!", "%41", "+", "-", "/x", "0", "A", "B", "a", "a b", "a\x00b", "a\x01", "b", "~", "é", "中", "\uffff", "😀"}
	keys = slices.DeleteFunc(keys, func(k string) bool { return k[0] == '/' })
	slices.Sort(keys)
	b.fill(keys...)
	if got := b.list("").names(); !slices.Equal(got, keys) {
		t.Errorf("keys are %q; want %q", got, keys)
	}
}

func TestListObjectsDecodesItsParameters(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a b/c", "a+b/c", "a&b/c")
	for query, want := range map[string]string{
		"?prefix=a+b": "a b/c", "?prefix=a%20b": "a b/c", "?prefix=a%2Bb": "a+b/c", "?prefix=a%26b%2f": "a&b/c",
	} {
		if got := b.list(query).names(); !slices.Equal(got, []string{want}) {
			t.Errorf("%s lists %q; want %q", query, got, want)
		}
	}
}

func TestListObjectsRefusesWhatItCannotRead(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for _, query := range []string{"limit=-1", "limit=many", "limit=1.5", "limit=%31%30x"} {
		b.send("GET", "?"+query, "").wantFault(http.StatusBadRequest, "invalid_argument")
	}
	b.send("GET", "?prefix=%zz", "").want(http.StatusBadRequest)
}

func TestListObjectsOfAMissingBucket(t *testing.T) {
	s := start(t)
	for _, name := range []string{freshName(), "ab", "UPPER-CASE", "a..b"} {
		a := s.do(request{method: "GET", target: "/" + name, by: s.owner})
		if a.status != http.StatusNotFound && a.status != http.StatusBadRequest {
			t.Errorf("GET /%s: %d; want 404, or 400 for a name that cannot be", name, a.status)
		}
	}
}

func TestListObjectsHidesUnfinishedUploads(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	u := b.initiate("dir/big.bin")
	u.part(0, "x").want(http.StatusCreated)
	if l := b.list("?delimiter=/"); len(l.entries()) != 0 {
		t.Errorf("the listing shows %q; want nothing", l.entries())
	}
}
