package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// deletion returns the body that names keys.
func deletion(keys ...string) string {
	list := make([]string, len(keys))
	for i, key := range keys {
		list[i] = `{"key":` + quoted(key) + `}`
	}
	return `{"objects":[` + strings.Join(list, ",") + `]}`
}

func (b *bucket) deleteMultiple(body string) *answer {
	b.t.Helper()
	return b.send("POST", "?delete", body, "Content-MD5: "+md5Of(body), "Content-Type: application/json")
}

type deletionResult struct {
	Deleted []struct{ Key string }
	Errors  []struct{ Key, Code, Message string }
}

func TestDeleteMultipleObjectsTellsWhatIsGone(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a.txt", "b/c.txt", "kept.txt")
	var r deletionResult
	a := b.deleteMultiple(deletion("b/c.txt", "never.txt", "a.txt")).want(http.StatusOK).json(&r)
	var gone []string
	for _, d := range r.Deleted {
		gone = append(gone, d.Key)
	}
	slices.Sort(gone)
	if want := []string{"a.txt", "b/c.txt", "never.txt"}; !slices.Equal(gone, want) || len(r.Errors) != 0 {
		t.Errorf("deleted %q, errors %v; want %q and none", gone, r.Errors, want)
	}
	if f := a.fields(); f["errors"] == "null" {
		t.Error("errors is null; want a list or nothing")
	}
	if keys := b.list("").names(); !slices.Equal(keys, []string{"kept.txt"}) {
		t.Errorf("left are %q; want kept.txt", keys)
	}
}

func TestDeleteMultipleObjectsQuietly(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for quiet, want := range map[string]int{"true": 0, "false": 1, "null": 1} {
		b.fill("a.txt")
		var r deletionResult
		b.deleteMultiple(`{"quiet":` + quiet + `,"objects":[{"key":"a.txt"}]}`).want(http.StatusOK).json(&r)
		if len(r.Deleted) != want {
			t.Errorf("quiet %s tells of %v; want %d", quiet, r.Deleted, want)
		}
		b.wantMissing("a.txt")
	}
}

func TestDeleteMultipleObjectsReadsJSONAsClientsWriteIt(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for body, key := range map[string]string{
		`{"objects": [{"key": "\ud83d\ude00 caf\u00e9"}]}`:                           "😀 café",
		`{"quiet":null,"objects":[{"key":"a\u0000\"\\\/b"}]}`:                        "a\x00\"\\/b",
		"\n{ \"objects\" :\t[ {\"x\":{\"y\":[1,2,{}]},\"key\":\"a\"} ], \"n\":1e5 }": "a",
		`{"objects":[{"key":"twice"},{"key":"twice"}]}`:                              "twice",
	} {
		b.fill(key)
		b.deleteMultiple(body).want(http.StatusOK)
		b.wantMissing(key)
	}
}

func TestDeleteMultipleObjectsTakesExactly1000(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("0000", "0999", "1000")
	keys := make([]string, 1001)
	for i := range keys {
		keys[i] = fmt.Sprintf("%04d", i)
	}
	b.deleteMultiple(deletion(keys...)).wantFault(http.StatusBadRequest, "too_many_objects")
	if l := b.list(""); len(l.Keys) != 3 {
		t.Fatalf("a refused request left %q; want all three", l.names())
	}
	var r deletionResult
	b.deleteMultiple(deletion(keys[:1000]...)).want(http.StatusOK).json(&r)
	if l := b.list(""); len(r.Deleted) != 1000 || !slices.Equal(l.names(), []string{"1000"}) {
		t.Errorf("%d deleted, left are %q; want 1000, and 1000", len(r.Deleted), l.names())
	}
}

func TestDeleteMultipleObjectsCountsWhatIsNamedAgain(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a", "b", "c")
	keys := slices.Repeat([]string{"a", "b"}, 501)
	b.deleteMultiple(deletion(keys[:1001]...)).wantFault(http.StatusBadRequest, "too_many_objects")
	if l := b.list(""); len(l.Keys) != 3 {
		t.Fatalf("a refused request left %q; want all three", l.names())
	}
	var r deletionResult
	b.deleteMultiple(deletion(keys[:1000]...)).want(http.StatusOK).json(&r)
	if l := b.list(""); len(r.Errors) != 0 || !slices.Equal(l.names(), []string{"c"}) {
		t.Errorf("left are %q, errors %v; want c and none", l.names(), r.Errors)
	}
	if st := b.statistics(); st.Count != 1 {
		t.Errorf("statistics say %d objects; want 1", st.Count)
	}
}

func TestDeleteMultipleObjectsNeedsItsMD5(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a.txt")
	body := deletion("a.txt")
	b.send("POST", "?delete", body).wantFault(http.StatusBadRequest, "invalid_argument")
	b.send("POST", "?delete", body, "Content-MD5: "+md5Of("other")).wantFault(http.StatusBadRequest, "bad_digest")
	b.send("POST", "?delete", body, "Content-MD5: nonsense").wantFault(http.StatusBadRequest, "invalid_argument")
	b.get("a.txt").want(http.StatusOK)
}

func TestDeleteMultipleObjectsRefusesOtherBodies(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a.txt")
	deep := strings.Repeat("[", 100_000)
	for name, body := range map[string]string{
		"empty": "", "broken": `{"objects":[{"key":"a.txt"}`, "text": "a.txt", "list": `["a.txt"]`, "string": `"a.txt"`,
		"number key": `{"objects":[{"key":5}]}`, "object": `{"objects":{"key":"a.txt"}}`, "two values": deletion("a.txt") + deletion("a.txt"),
		"deep": `{"objects":` + deep, "deep and unknown": `{"x":` + deep + strings.Repeat("]", len(deep)) + `,"objects":[{"key":"a.txt"}]}`,
		"XML": `<Delete><Object><Key>a.txt</Key></Object></Delete>`, "bad string": "{\"objects\":[{\"key\":\"a.txt\n\"}]}",
	} {
		a := b.deleteMultiple(body).want(http.StatusBadRequest)
		if code := a.failure().Code; code != "invalid_json" && (code != "invalid_request" || !json.Valid([]byte(body))) {
			t.Errorf("%s: code %s; want invalid_json, or invalid_request for JSON of another shape", name, code)
		}
	}
	for name, body := range map[string]string{
		"nothing": `{}`, "null": `null`, "no list": `{"objects":null}`, "no objects": `{"objects":[]}`, "no key": `{"objects":[{}]}`,
		"empty key": `{"objects":[{"key":""}]}`, "null key": `{"objects":[{"key":null}]}`,
	} {
		if a := b.deleteMultiple(body); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s; want 400", name, a.status, a.text)
		}
	}
	b.get("a.txt").want(http.StatusOK)
}

func TestPostToABucketNeedsASubresource(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a.txt")
	body := deletion("a.txt")
	b.send("POST", "", body, "Content-MD5: "+md5Of(body)).wantFault(http.StatusMethodNotAllowed, "method_not_allowed")
	b.get("a.txt").want(http.StatusOK)
}
