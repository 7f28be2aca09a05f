package wire

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oisproject/ois/internal/fault"
)

func TestParseQuery(t *testing.T) {
	tests := []struct {
		raw  string
		want Query
	}{
		{"", nil},
		{"acl", Query{{"acl", ""}}},
		{"acl=", Query{{"acl", ""}}},
		{"acl&", Query{{"acl", ""}}},
		{"&&acl", Query{{"acl", ""}}},
		{"prefix=a%2Fb&limit=10", Query{{"prefix", "a/b"}, {"limit", "10"}}},
		{"prefix=a+b%2Bc", Query{{"prefix", "a b+c"}}},
		{"a=b=c", Query{{"a", "b=c"}}},
		{"a=1;b=2", Query{{"a", "1;b=2"}}},
		{"a=1&a=2", Query{{"a", "1"}, {"a", "2"}}},
		{"%61cl", Query{{"acl", ""}}},
		{"=x", Query{{"", "x"}}},
		{"marker=?x", Query{{"marker", "?x"}}},
	}
	for _, test := range tests {
		got, err := ParseQuery(test.raw)
		if err != nil {
			t.Errorf("ParseQuery(%q): %v", test.raw, err)
			continue
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("ParseQuery(%q) (-want +got):\n%s", test.raw, diff)
		}
	}
	for _, raw := range []string{"prefix=%", "prefix=100%", "%zz", "a=%2", "ok&x=%g0"} {
		if q, err := ParseQuery(raw); fault.CodeOf(err) != fault.InvalidArgument {
			t.Errorf("ParseQuery(%q) = %v, %v; want %s", raw, q, err, fault.InvalidArgument)
		}
	}
}

func TestQuery(t *testing.T) {
	q := Query{{"acl", ""}, {"limit", "1"}, {"limit", "2"}}
	if !q.Has("acl") || q.Has("ACL") || q.Get("limit") != "1" || q.Get("marker") != "" || q.Overrides() {
		t.Errorf("Has, Get or Overrides of %v is wrong", q)
	}
	if q = append(q, Param{"response-expires", ""}); !q.Overrides() {
		t.Errorf("%v overrides nothing", q)
	}
}

func TestCheckOverrides(t *testing.T) {
	for value, want := range map[string]bool{
		"":                            true,
		"attachment; filename=\"报告\"": true,
		"a\tb":                        true,
		"a\r\nX: y":                   false,
		"a\x00":                       false,
		"a\x7f":                       false,
	} {
		q := Query{{"prefix", "\x00"}, {"response-expires", value}}
		if err := q.CheckOverrides(); (err == nil) != want || err != nil && fault.CodeOf(err) != fault.InvalidArgument {
			t.Errorf("CheckOverrides of %q = %v; want allowed %v", value, err, want)
		}
	}
}

// FuzzParseQuery checks that what url.Values writes is read back.
func FuzzParseQuery(f *testing.F) {
	f.Add("acl&limit=1", "name", "value")
	f.Add("%zz&=&&;", "a b", "100%+/")
	f.Fuzz(func(t *testing.T, raw, name, value string) {
		if q, err := ParseQuery(raw); err != nil && (q != nil || fault.CodeOf(err) != fault.InvalidArgument) {
			t.Errorf("ParseQuery(%q) = %v, %v", raw, q, err)
		}
		encoded := url.Values{name: {value}}.Encode()
		if q, err := ParseQuery(encoded); err != nil || len(q) != 1 || q[0] != (Param{name, value}) {
			t.Errorf("ParseQuery(%q) = %v, %v; want %q=%q", encoded, q, err, name, value)
		}
	})
}
