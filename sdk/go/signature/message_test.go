package signature

import (
	"bytes"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestStringToSign(t *testing.T) {
	tests := []struct {
		name string
		m    Message
		want string
	}{
		{"no headers at all", Message{Method: "GET", Path: "/b/k"}, "GET\n\n\n\n/b/k"},
		{
			"blanks are trimmed",
			Message{Method: "PUT", Path: "/b/k", Header: header("Content-Type", " text/plain\t", "Content-MD5", " x ", "Date", " d ", "X-Qs-Meta-A", "  team a ")},
			"PUT\nx\ntext/plain\nd\nx-qs-meta-a:team a\n/b/k",
		},
		{
			"repeated headers are joined",
			Message{Method: "PUT", Path: "/b/k", Header: header("X-Qs-Meta-A", "1", "X-Qs-Meta-A", " 2 ", "X-Qs-Meta-B", "3")},
			"PUT\n\n\n\nx-qs-meta-a:1,2\nx-qs-meta-b:3\n/b/k",
		},
		{
			"two spellings are one header",
			Message{Method: "PUT", Path: "/b/k", Header: http.Header{"x-qs-meta-a": {"2"}, "X-QS-Meta-A": {"1"}, "X-Qs-Meta-": {"0"}}},
			"PUT\n\n\n\nx-qs-meta-:0\nx-qs-meta-a:1,2\n/b/k",
		},
		{
			"headers go by the lower-case name",
			Message{Method: "PUT", Path: "/b/k", Header: http.Header{"X-Qs-B": {"b"}, "X-Qs-_": {"_"}, "X-Qs-A": {"a"}}},
			"PUT\n\n\n\nx-qs-_:_\nx-qs-a:a\nx-qs-b:b\n/b/k",
		},
		{"an empty header has a line", Message{Method: "PUT", Path: "/b/k", Header: header("X-Qs-A", "")}, "PUT\n\n\n\nx-qs-a:\n/b/k"},
		{"a header without values has none", Message{Method: "PUT", Path: "/b/k", Header: http.Header{"X-Qs-A": nil}}, "PUT\n\n\n\n/b/k"},
		{"other headers are not signed", Message{Method: "PUT", Path: "/b/k", Header: header("X-Qsx", "1", "X-Amz-Date", "2")}, "PUT\n\n\n\n/b/k"},
		{"x-qs-date empties the line", Message{Method: "GET", Path: "/b/k", Header: header("Date", "d", "X-Qs-Date", "q")}, "GET\n\n\n\nx-qs-date:q\n/b/k"},
		{"KeepDate fills it", Message{Method: "GET", Path: "/b/k", Header: header("Date", "d", "X-Qs-Date", "q"), KeepDate: true}, "GET\n\n\nd\nx-qs-date:q\n/b/k"},
		{"Expires takes the line", Message{Method: "GET", Path: "/b/k", Header: header("Date", "d", "X-Qs-Date", "q"), Expires: "99"}, "GET\n\n\n99\nx-qs-date:q\n/b/k"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := string(test.m.AppendStringToSign(nil)); got != test.want {
				t.Errorf("got %q; want %q", got, test.want)
			}
		})
	}
}

func TestResource(t *testing.T) {
	tests := []struct {
		m    Message
		want string
	}{
		{Message{}, "/"},
		{Message{Path: "/b//../%2F%2f+k"}, "/b//../%2F%2f+k"},
		{Message{Bucket: "b"}, "/b/"},
		{Message{Bucket: "b", Path: "/"}, "/b/"},
		{Message{Bucket: "b", Path: "/k"}, "/b/k"},
		{Message{Bucket: "b", Path: "/", OtherSlash: true}, "/b"},
		{Message{Path: "/b", OtherSlash: true}, "/b/"},
		{Message{Path: "/b/", OtherSlash: true}, "/b"},
		{Message{Path: "/b/k", OtherSlash: true}, "/b/k"},
		{Message{Path: "/b/k/", OtherSlash: true}, "/b/k/"},
		{Message{Path: "/b//", OtherSlash: true}, "/b//"},
		{Message{Path: "/", OtherSlash: true}, "/"},
		{Message{Path: "//", OtherSlash: true}, "//"},
		{Message{Bucket: "b", Path: "/k", OtherSlash: true}, "/b/k"},
		{Message{Path: "/b", Query: "prefix=acl&limit=1&location"}, "/b"},
		{Message{Path: "/b", Query: "uploads&&acl=&"}, "/b?acl&uploads"},
		{Message{Path: "/b/k", Query: "upload%5Fid=a%2Bb+c"}, "/b/k?upload_id=a+b c"},
		{Message{Path: "/b/k", Query: "upload_id=a%2Bb+c", RawValues: true}, "/b/k?upload_id=a%2Bb+c"},
		{Message{Path: "/b/k", Query: "upload_id=100%&part_number=%zz"}, "/b/k?part_number=%zz&upload_id=100%"},
		{Message{Path: "/b/k", Query: "upload_id=2&part_number=0&upload_id=1"}, "/b/k?part_number=0&upload_id=2&upload_id=1"},
		{Message{Path: "/b/k", Query: "position=a=b"}, "/b/k?position=a=b"},
	}
	for _, test := range tests {
		if got := string(test.m.AppendResource([]byte("x"))); got != "x"+test.want {
			t.Errorf("resource of bucket %q, path %q, query %q = %q; want %q", test.m.Bucket, test.m.Path, test.m.Query, got[1:], test.want)
		}
	}
}

func TestSplitTarget(t *testing.T) {
	for target, want := range map[string][2]string{
		"/":                          {"/", ""},
		"/b/k?":                      {"/b/k", ""},
		"/b/k?acl&":                  {"/b/k", "acl&"},
		"/b/k?a=?":                   {"/b/k", "a=?"},
		"//b":                        {"//b", ""},
		"/b/http://x/y":              {"/b/http://x/y", ""},
		"http://z.host:80/b/k?acl":   {"/b/k", "acl"},
		"http://z.host?acl":          {"", "acl"},
		"http://z.host":              {"", ""},
		"http://z.host//b?x=http://": {"//b", "x=http://"},
		"*":                          {"*", ""},
	} {
		if path, query := SplitTarget(target); path != want[0] || query != want[1] {
			t.Errorf("SplitTarget(%q) = %q, %q; want %q", target, path, query, want)
		}
	}
}

func TestSignedParametersAreTheContracts(t *testing.T) {
	names := strings.Fields(`acl append cname cors delete image lifecycle logging mirror notification part_number policy
		position replication stats upload_id uploads versioning versions version_id response-expires response-cache-control
		response-content-type response-content-language response-content-encoding response-content-disposition`)
	if len(names) != 26 {
		t.Fatalf("%d names; want 26", len(names))
	}
	for _, name := range names {
		if !SignedParameter(name) {
			t.Errorf("SignedParameter(%q) = false", name)
		}
	}
	for _, name := range []string{"", "prefix", "action", "ACL", "location", "access_key_id", "expires", "signature", "response-"} {
		if SignedParameter(name) {
			t.Errorf("SignedParameter(%q) = true", name)
		}
	}
}

// FuzzStringToSign checks what must hold for any input: nothing panics, the same
// message signs alike in another order of headers and parameters, and what is
// signed never depends on parameters outside the list.
func FuzzStringToSign(f *testing.F) {
	f.Add("GET", "", "/b/k%2F", "acl&upload_id=%41", "X-Qs-Meta-A", " v ", "d", false, false)
	f.Add("PUT", "b", "", "uploads=&x=1&acl", "x-qs-date", "d", "d", true, true)
	f.Add("PUT", "b", "/", "response-content-type=%zz&a=+", "X-QS-", "\t", "", true, false)
	f.Fuzz(func(t *testing.T, method, bucket, path, query, name, value, date string, raw, slash bool) {
		m := Message{Method: method, Bucket: bucket, Path: path, Query: query, RawValues: raw, OtherSlash: slash}
		m.Header = http.Header{"Date": {date}, name: {value}, "X-Qs-Zzz": {"z"}}
		text := m.AppendStringToSign(nil)
		if again := m.AppendStringToSign([]byte("1")); !bytes.Equal(again[1:], text) {
			t.Fatalf("a second time %q; want %q", again[1:], text)
		}
		if !strings.HasPrefix(string(text), method+"\n") {
			t.Fatalf("%q does not start with the method", text)
		}
		m.Query = "prefix=x&" + query + "&limit=9&access_key_id=a&expires=1&signature=s"
		if more := m.AppendStringToSign(nil); !bytes.Equal(more, text) {
			t.Fatalf("with unsigned parameters %q; want %q", more, text)
		}
		checkAgainstURLValues(t, m, query)
	})
}

// checkAgainstURLValues compares the parameters with what net/url makes of a
// query, where net/url has an opinion.
func checkAgainstURLValues(t *testing.T, m Message, query string) {
	values, err := url.ParseQuery(query)
	if err != nil || m.RawValues {
		return
	}
	want, mark := "/", "?"
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !SignedParameter(name) {
			continue
		}
		for _, value := range values[name] {
			want += mark + name
			if mark = "&"; value != "" {
				want += "=" + value
			}
		}
	}
	m.Bucket, m.Path, m.OtherSlash = "", "/", false
	if got := string(m.AppendResource(nil)); got != want {
		t.Fatalf("parameters of %q are %q; want %q", query, got, want)
	}
}
