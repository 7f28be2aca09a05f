package access

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
)

// parse reads a policy of the bucket "bucket1" from the JSON of its statements.
func parse(text string) (*Policy, error) {
	var list []op.Statement
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fmt.Errorf("the test is wrong: %w", err)
	}
	return ParsePolicy("bucket1", list)
}

func mustParse(t *testing.T, text string) *Policy {
	t.Helper()
	p, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// statements joins statements; each gets an id, and what it lacks of user, effect and action.
func statements(list ...string) string {
	for i, s := range list {
		var base strings.Builder
		fmt.Fprintf(&base, `{"id":"s%d",`, i)
		for name, value := range map[string]string{"user": `"*"`, "effect": `"allow"`, "action": `"get_object"`} {
			if !strings.Contains(s, `"`+name+`"`) {
				base.WriteString(`"` + name + `":` + value + `,`)
			}
		}
		list[i] = strings.TrimSuffix(base.String()+strings.TrimPrefix(s, "{"), ",")
	}
	return "[" + strings.Join(list, ",") + "]"
}

func TestPolicyDecides(t *testing.T) {
	const all = `"resource":["bucket1/*"]`
	for _, test := range []struct {
		name   string
		policy string
		facts  facts
		want   verdict
	}{
		{"no statement", `[]`, facts{action: "get_object", key: "k"}, silent},
		{"everybody", statements(`{` + all + `}`), facts{action: "get_object", key: "k"}, allowed},
		{"another action", statements(`{` + all + `}`), facts{action: "head_object", key: "k"}, silent},
		{"a user", statements(`{"user":["usr-a","usr-b"],` + all + `}`), facts{user: "usr-b", action: "get_object", key: "k"}, allowed},
		{"another user", statements(`{"user":"usr-a",` + all + `}`), facts{user: "usr-b", action: "get_object", key: "k"}, silent},
		{"anonymous is no user", statements(`{"user":"usr-a",` + all + `}`), facts{action: "get_object", key: "k"}, silent},
		{"first match: deny", statements(`{"effect":"deny","resource":"bucket1/secret/*"}`, `{`+all+`}`), facts{action: "get_object", key: "secret/x"}, forbidden},
		{"first match: no deny", statements(`{"effect":"deny","resource":"bucket1/secret/*"}`, `{`+all+`}`), facts{action: "get_object", key: "open/x"}, allowed},
		{"first match: allow before deny", statements(`{`+all+`}`, `{"effect":"deny",`+all+`}`), facts{action: "get_object", key: "k"}, allowed},
		{"other spelling", statements(`{"action":"upload_multipart",` + all + `}`), facts{action: "upload_object_part", key: "k"}, allowed},
		{"documented spelling", statements(`{"action":"upload_object_part",` + all + `}`), facts{action: "upload_object_part", key: "k"}, allowed},
		{"pattern", statements(`{"resource":["bucket1/*.jpg","bucket1/pub/*"]}`), facts{action: "get_object", key: "a/b.jpg"}, allowed},
		{"not in pattern", statements(`{"resource":["bucket1/*.jpg","bucket1/pub/*"]}`), facts{action: "get_object", key: "a/b.png"}, silent},
		{"listing of all", statements(`{"action":"list_objects"}`), facts{action: "list_objects"}, allowed},
		{"listing of the bucket", statements(`{"action":"list_objects","resource":"bucket1"}`), facts{action: "list_objects", key: "dir/"}, allowed},
		{"listing of a folder", statements(`{"action":"list_objects","resource":"bucket1/dir/*"}`), facts{action: "list_objects", key: "dir/x"}, allowed},
		{"listing beyond the folder", statements(`{"action":"list_objects","resource":"bucket1/dir/*"}`), facts{action: "list_objects", key: ""}, silent},
		{"statistics", statements(`{"action":"get_bucket_stats","resource":"bucket1"}`), facts{action: "get_bucket_stats"}, allowed},
		{"bucket and objects", statements(`{"action":["head_bucket","get_object"],"resource":"bucket1/dir/*"}`), facts{action: "head_bucket"}, allowed},

		{"referer", statements(`{"condition":{"string_like":{"Referer":"*.example.com"}},` + all + `}`), facts{action: "get_object", key: "k", referer: "www.example.com"}, allowed},
		{"referer, URL", statements(`{"condition":{"string_like":{"Referer":["*.example.com"]}},` + all + `}`), facts{action: "get_object", key: "k", referer: "https://www.example.com:8443/page?x"}, allowed},
		{"referer, whole", statements(`{"condition":{"string_like":{"Referer":"https://www.example.com/*"}},` + all + `}`), facts{action: "get_object", key: "k", referer: "https://www.example.com/page"}, allowed},
		{"referer, other host", statements(`{"condition":{"string_like":{"Referer":"*.example.com"}},` + all + `}`), facts{action: "get_object", key: "k", referer: "https://example.org/?.example.co"}, silent},
		{"referer missing", statements(`{"condition":{"string_like":{"Referer":"*"}},` + all + `}`), facts{action: "get_object", key: "k"}, silent},
		{"referer not like", statements(`{"condition":{"string_not_like":{"Referer":"*.example.com"}},` + all + `}`), facts{action: "get_object", key: "k", referer: "www.example.com"}, silent},
		{"referer not like, missing", statements(`{"condition":{"string_not_like":{"Referer":"*.example.com"}},` + all + `}`), facts{action: "get_object", key: "k"}, allowed},
		{"referer null", statements(`{"condition":{"is_null":{"Referer":true}},` + all + `}`), facts{action: "get_object", key: "k"}, allowed},
		{"referer null, there", statements(`{"condition":{"is_null":{"Referer":true}},` + all + `}`), facts{action: "get_object", key: "k", referer: "x"}, silent},
		{"referer not null", statements(`{"condition":{"is_null":{"Referer":false}},` + all + `}`), facts{action: "get_object", key: "k"}, silent},

		{"address", statements(`{"condition":{"ip_address":{"source_ip":["192.0.2.0/24","2001:db8::/32"]}},` + all + `}`), facts{action: "get_object", key: "k", ip: netip.MustParseAddr("192.0.2.7")}, allowed},
		{"address, mapped", statements(`{"condition":{"ip_address":{"source_ip":"192.0.2.7"}},` + all + `}`), facts{action: "get_object", key: "k", ip: netip.MustParseAddr("::ffff:192.0.2.7")}, allowed},
		{"address, other", statements(`{"condition":{"ip_address":{"source_ip":"192.0.2.0/24"}},` + all + `}`), facts{action: "get_object", key: "k", ip: netip.MustParseAddr("198.51.100.1")}, silent},
		{"address, unknown", statements(`{"condition":{"ip_address":{"source_ip":"0.0.0.0/0"}},` + all + `}`), facts{action: "get_object", key: "k"}, silent},
		{"not the address", statements(`{"condition":{"not_ip_address":{"source_ip":"192.0.2.0/24"}},` + all + `}`), facts{action: "get_object", key: "k", ip: netip.MustParseAddr("198.51.100.1")}, allowed},
		{"two conditions, one fails", statements(`{"condition":{"is_null":{"Referer":true},"ip_address":{"source_ip":"192.0.2.0/24"}},` + all + `}`), facts{action: "get_object", key: "k", ip: netip.MustParseAddr("198.51.100.1")}, silent},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := mustParse(t, test.policy).judge(&test.facts); got != test.want {
				t.Errorf("verdict on %+v = %d; want %d", test.facts, got, test.want)
			}
		})
	}
}

func TestPolicyThatIsNone(t *testing.T) {
	for want, policy := range map[string]string{
		"id":                         `[{"id":"","user":"*","effect":"allow","action":"list_objects"}]`,
		"that of another":            `[{"id":"a","user":"*","effect":"allow","action":"list_objects"},{"id":"a","user":"*","effect":"allow","action":"list_objects"}]`,
		"1 to 100 characters":        `[{"id":"` + strings.Repeat("文", 101) + `","user":"*","effect":"allow","action":"list_objects"}]`,
		"user is empty":              statements(`{"user":[],"action":"list_objects"}`),
		"user has 301":               statements(`{"user":"` + strings.Repeat("u", 301) + `","action":"list_objects"}`),
		"allowed: allow, deny":       statements(`{"effect":"Allow","action":"list_objects"}`),
		"action is empty":            statements(`{"action":[]}`),
		`action "*" is unknown`:      statements(`{"action":"*"}`),
		"resource is missing":        statements(`{"action":"get_object"}`),
		"not of this bucket":         statements(`{"resource":"bucket2/*"}`),
		"names no objects":           statements(`{"resource":"bucket1"}`),
		"no pattern behind":          statements(`{"resource":"bucket1/"}`),
		"no action is on objects":    statements(`{"action":"head_bucket","resource":"bucket1/*"}`),
		"condition is empty":         statements(`{"action":"list_objects","condition":{}}`),
		"string_like.Referer is emp": statements(`{"action":"list_objects","condition":{"string_like":{"Referer":[]}}}`),
		"is not a network":           statements(`{"action":"list_objects","condition":{"ip_address":{"source_ip":"192.0.2.0/33"}}}`),
		"allowed: 2048":              statements(`{"resource":"bucket1/` + strings.Repeat("x", 2100) + `"}`),
	} {
		_, err := parse(policy)
		if fault.CodeOf(err) != fault.InvalidRequest || !strings.Contains(err.Error(), want) {
			t.Errorf("policy %.200s: %v; want invalid_request with %q", policy, err, want)
		}
	}
}

// TestPolicyAndList checks the order of the decision: owner, policy, access control list.
func TestPolicyAndList(t *testing.T) {
	deny := mustParse(t, statements(`{"effect":"deny","user":"*","action":["get_object","list_objects"],"resource":"bucket1/*"}`))
	stats := mustParse(t, statements(`{"user":"usr-friend","action":["get_bucket_stats"]}`))
	anybody := mustParse(t, statements(`{"action":["delete_object","list_objects"],"resource":"bucket1/*"}`))
	for _, test := range []struct {
		name      string
		policy    *Policy
		caller    Caller
		operation op.ID
		grants    []string
		want      bool
	}{
		{"deny binds not the owner", deny, owner, op.GetObject, nil, true},
		{"deny is before the list", deny, friend, op.GetObject, []string{"usr-friend FULL_CONTROL"}, false},
		{"deny is of its actions only", deny, friend, op.HeadObject, []string{"usr-friend READ"}, true},
		{"owner's operation by policy", stats, friend, op.GetBucketStatistics, nil, true},
		{"settings have no action", stats, friend, op.GetBucketPolicy, []string{"usr-friend FULL_CONTROL"}, false},
		{"anonymous deletes by policy", anybody, anonymous, op.DeleteObject, nil, true},
		{"anonymous lists by policy", anybody, anonymous, op.ListObjects, nil, true},
		{"anonymous does not delete by the list", nil, anonymous, op.DeleteObject, []string{"* FULL_CONTROL"}, false},
	} {
		b := bucket(test.grants...)
		b.Policy = test.policy
		a := Attempt{Caller: test.caller, Operation: test.operation, Bucket: b, Key: "k"}
		if err := Authorize(&a); (err == nil) != test.want {
			t.Errorf("%s: %v; want allowed: %t", test.name, err, test.want)
		}
	}
}
