package ois

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oisproject/ois/sdk/go/api"
)

func TestListBuckets(t *testing.T) {
	rec, srv := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("offset") {
		case "":
			answerJSON(w, 200, `{"count":3,"buckets":[{"name":"a","location":"jn1","url":"https://a.jn1","created":"2024-03-05T08:15:30Z"},{"name":"b"}]}`)
		case "2":
			answerJSON(w, 200, `{"count":3,"buckets":[{"name":"c"}]}`)
		default:
			t.Errorf("request %d is %s", n, r.RequestURI)
		}
	})
	c := client(t, srv, func(c *Config) { c.Zone = "jn2" })
	list, err := c.ListBuckets(t.Context(), &ListBucketsOptions{Zone: "JN1"})
	if err != nil || len(list) != 3 || list[0] != (BucketInfo{"a", "jn1", "https://a.jn1", time.Date(2024, 3, 5, 8, 15, 30, 0, time.UTC)}) {
		t.Errorf("ListBuckets = %+v, %v", list, err)
	}
	for _, s := range rec.requests() {
		if s.Header.Get("Location") != "jn1" || !strings.HasPrefix(s.Target, "/?") {
			t.Errorf("request %s with Location %q", s.Target, s.Header.Get("Location"))
		}
	}
}

// serveList answers as a bucket with those keys; a page has two entries.
func serveList(keys []string) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		answer := struct {
			Keys     []map[string]any `json:"keys"`
			Prefixes []string         `json:"common_prefixes"`
			HasMore  bool             `json:"has_more"`
			Next     string           `json:"next_marker"`
		}{}
		n, last := 0, q.Get("marker")
		for _, key := range keys {
			rest, ok := strings.CutPrefix(key, q.Get("prefix"))
			if !ok || key <= last || last != "" && strings.HasSuffix(last, "/") && strings.HasPrefix(key, last) {
				continue
			}
			if n == 2 {
				answer.HasMore, answer.Next = true, last
				break
			}
			n++
			if head, _, ok := strings.Cut(rest, q.Get("delimiter")); ok && q.Get("delimiter") != "" {
				last = q.Get("prefix") + head + q.Get("delimiter")
				answer.Prefixes = append(answer.Prefixes, last)
				continue
			}
			last = key
			answer.Keys = append(answer.Keys, map[string]any{
				"key": key, "size": len(key), "etag": `"e"`, "modified": 1709626530, "mime_type": "text/plain",
				"created": "2024-03-05T08:15:30.000Z", "storage_class": "STANDARD",
			})
		}
		data, err := json.Marshal(answer)
		if err != nil {
			panic(err)
		}
		answerJSON(w, 200, string(data))
	}
}

func TestObjects(t *testing.T) {
	keys := []string{"a", "b/1", "b/2", "b/3", "c", "d/1", "e", "z//", "ä"}
	rec, srv := serve(t, serveList(keys))
	b := client(t, srv, nil).Bucket("photos-1", "")
	tests := []struct {
		opts    *ListOptions
		want    string
		folders string
	}{
		{nil, "[a b/1 b/2 b/3 c d/1 e z// ä]", "[b/ d/ z/]"},
		{&ListOptions{Prefix: "b/"}, "[b/1 b/2 b/3]", "[]"},
		{&ListOptions{Delimiter: "/"}, "[a c e ä]", "[b/ d/ z/]"},
		{&ListOptions{Prefix: "z/", Delimiter: "/", PageSize: 7}, "[]", "[z//]"},
		{&ListOptions{Marker: "d/1"}, "[e z// ä]", "[z/]"},
		{&ListOptions{Prefix: "none"}, "[]", "[]"},
	}
	for _, test := range tests {
		got, folders := []string{}, []string{}
		for o, err := range b.Objects(t.Context(), test.opts) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, o.Key)
			if o.Size != int64(len(o.Key)) || o.ETag != `"e"` || o.Modified.Unix() != 1709626530 || o.ContentType != "text/plain" || o.StorageClass != "STANDARD" {
				t.Errorf("object %+v", o)
			}
		}
		if fmt.Sprint(got) != test.want {
			t.Errorf("Objects with %+v: %v; want %v", test.opts, got, test.want)
		}
		for p, err := range b.Prefixes(t.Context(), test.opts) {
			if err != nil {
				t.Fatal(err)
			}
			folders = append(folders, p)
		}
		if fmt.Sprint(folders) != test.folders {
			t.Errorf("Prefixes with %+v: %v; want %v", test.opts, folders, test.folders)
		}
	}
	before := len(rec.requests())
	objects := b.Objects(t.Context(), nil)
	for range 2 { // a sequence can be used again
		for o, err := range objects {
			if err != nil {
				t.Fatal(err)
			}
			if o.Key == "b/1" {
				break
			}
		}
	}
	if n := len(rec.requests()) - before; n != 2 {
		t.Errorf("two loops that leave on the first page made %d requests; want 2", n)
	}
	before = len(rec.requests())
	var pages []string
	for page, err := range b.Pages(t.Context(), &ListOptions{Delimiter: "/"}) {
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, fmt.Sprint(len(page.Objects), page.Prefixes, page.NextMarker))
	}
	if got := strings.Join(pages, "; "); got != "1 [b/]b/; 1 [d/]d/; 1 [z/]z/; 1 []" || len(rec.requests())-before != 4 {
		t.Errorf("Pages: %s", got)
	}
}

func TestListingThatFailsEnds(t *testing.T) {
	_, srv := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
		if n == 1 {
			answerJSON(w, 200, `{"keys":[{"key":"a"}],"has_more":true,"next_marker":"a"}`)
			return
		}
		answerJSON(w, 403, `{"code":"permission_denied"}`)
	})
	b := client(t, srv, quickly).Bucket("photos-1", "")
	var got []string
	for o, err := range b.Objects(t.Context(), nil) {
		got = append(got, fmt.Sprint(o.Key, errors.Is(err, ErrPermission)))
	}
	if fmt.Sprint(got) != "[afalse true]" {
		t.Errorf("got %v; want one object and one error", got)
	}
	_, stuck := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, 200, `{"keys":[],"has_more":true,"next_marker":"x"}`)
	})
	n := 0
	for _, err := range client(t, stuck, nil).Bucket("photos-1", "").Pages(t.Context(), nil) {
		if n++; n == 2 && (err == nil || !strings.Contains(err.Error(), `gives marker "x" after "x"`)) || n > 2 {
			t.Fatalf("page %d of a listing that goes in circles: %v", n, err)
		}
	}
}

func TestRemoveAll(t *testing.T) {
	rec, srv := serve(t, nil)
	var sizes []int
	rec.answer = func(n int, w http.ResponseWriter, r *http.Request) {
		body, err := rec.body(n, r)
		sum := md5.Sum([]byte(body))
		if err != nil || r.Header.Get("Content-Md5") != base64.StdEncoding.EncodeToString(sum[:]) || r.RequestURI != "/photos-1?delete" {
			t.Errorf("request %s with Content-MD5 %q, %v", r.RequestURI, r.Header.Get("Content-Md5"), err)
		}
		var in struct {
			Objects []struct{ Key string }
			Quiet   bool
		}
		if err := json.Unmarshal([]byte(body), &in); err != nil || !in.Quiet {
			t.Errorf("%s: %v", body, err)
		}
		sizes = append(sizes, len(in.Objects))
		var failed []string
		for _, o := range in.Objects {
			if strings.HasPrefix(o.Key, "locked") {
				failed = append(failed, fmt.Sprintf(`{"key":%q,"code":"permission_denied","message":"no"}`, o.Key))
			}
		}
		answerJSON(w, 200, `{"errors":[`+strings.Join(failed, ",")+`]}`)
	}
	b := client(t, srv, nil).Bucket("photos-1", "")
	keys := make([]string, 2500)
	for i := range keys {
		keys[i] = fmt.Sprintf("k<&>%d\u2028", i)
	}
	if err := b.RemoveAll(t.Context(), slices.Values(keys)); err != nil || fmt.Sprint(sizes) != "[1000 1000 500]" {
		t.Errorf("RemoveAll: %v with batches of %v", err, sizes)
	}
	sizes = nil
	err := b.RemoveAll(t.Context(), slices.Values([]string{"a", "locked/1", "", "bad\xff", "locked/2"}))
	var failed *RemoveError
	if !errors.As(err, &failed) || failed.Count != 4 || !errors.Is(err, ErrPermission) || fmt.Sprint(sizes) != "[3]" {
		t.Errorf("RemoveAll: %v with batches of %v", err, sizes)
	} else if failed.Failed[2].Key != "locked/1" || !strings.Contains(err.Error(), "and 3 more objects") {
		t.Errorf("RemoveAll: %v; %+v", err, failed.Failed[2])
	}
	if err := b.RemoveAll(t.Context(), slices.Values([]string{})); err != nil || len(sizes) != 1 {
		t.Errorf("RemoveAll of nothing: %v with batches of %v", err, sizes)
	}
}

// TestRemoveAllAccountsForEveryKey looks at what becomes of the keys around a request that fails.
func TestRemoveAllAccountsForEveryKey(t *testing.T) {
	keys := make([]string, 2500)
	for i := range keys {
		keys[i] = fmt.Sprint("k", i)
	}
	keys[1500], keys[2400] = "", "bad\xff"
	tests := []struct {
		name     string
		answer   int // to the first request
		failed   int
		requests int
	}{
		{"refused for what is in it", http.StatusBadRequest, 1002, 3},
		{"refused for who asks", http.StatusForbidden, 2500, 1},
		{"no such bucket", http.StatusNotFound, 2500, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rec, srv := serve(t, func(n int, w http.ResponseWriter, _ *http.Request) {
				if n == 1 {
					answerJSON(w, test.answer, `{"code":"c","message":"m"}`)
					return
				}
				answerJSON(w, http.StatusOK, "{}")
			})
			err := client(t, srv, nil).Bucket("photos-1", "").RemoveAll(t.Context(), slices.Values(keys))
			var failed *RemoveError
			if !errors.As(err, &failed) || failed.Count != test.failed || len(failed.Failed) != 1000 {
				t.Fatalf("got %v with %+v; want %d of the keys", err, failed, test.failed)
			}
			first := failed.Failed[0]
			if first.Key != "k0" || first.Status != test.answer || failed.Failed[999].Key != "k999" {
				t.Errorf("first of them: %v", first)
			}
			if n := len(rec.requests()); n != test.requests {
				t.Errorf("%d requests; want %d", n, test.requests)
			}
		})
	}
}

func TestRemoveAllWithoutAnAnswerIsARemoveError(t *testing.T) {
	c := client(t, nil, func(c *Config) {
		c.Retry = quick
		c.Transport = roundTrip(func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF })
	})
	err := c.Bucket("photos-1", "").RemoveAll(t.Context(), slices.Values([]string{"", "a"}))
	var failed *RemoveError
	if !errors.As(err, &failed) || failed.Count != 2 || failed.Failed[1].Key != "a" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("RemoveAll: %v", err)
	}
	err = c.Bucket("", "").RemoveAll(t.Context(), slices.Values([]string{"a"}))
	var in *api.InputError
	if !errors.As(err, &failed) || !errors.As(err, &in) || err.Error() != "ois: DeleteMultipleObjects: Bucket is missing" {
		t.Errorf("RemoveAll of no bucket: %v", err)
	}
}
