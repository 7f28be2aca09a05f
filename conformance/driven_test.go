package conformance

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A record notes which tests drive which operations: what each asked for, and got an answer to that is no refusal. What a test does to have a bucket and
// to clean up does not count, nor do the tests that ask for every operation alike.
type record struct {
	read sync.Once
	all  []operation // of the contract

	mu sync.Mutex
	by map[string]map[string]bool // names of tests by operation; guarded by mu
}

// driven is the record of this run.
var driven = record{by: make(map[string]map[string]bool)}

// refused are the operations that the service in this process cannot obey. That they are refused with good reason is what counts there.
var refused = map[string]bool{"PutBucketReplication": true} // there is no zone with a server of its own

// note notes an answer to r.
func (d *record) note(t *testing.T, r *request, status int) {
	t.Helper()
	d.read.Do(func() { d.all = operations(t) })
	test, _, _ := strings.Cut(t.Name(), "/")
	id := operationOf(d.all, r)
	worked := status < http.StatusBadRequest || status == http.StatusBadRequest && refused[id]
	if id == "" || !worked || strings.HasPrefix(test, "TestEveryOperation") {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.by[id] == nil {
		d.by[id] = make(map[string]bool)
	}
	d.by[id][test] = true
}

// operationOf returns the operation that r asks for: of those whose path is like that of r, the one that says most of it.
func operationOf(all []operation, r *request) string {
	path, rawQuery, _ := strings.Cut(strings.TrimPrefix(r.target, "http://"+hostOf(r.target)), "?")
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return ""
	}
	if r.bucket != "" || strings.HasPrefix(r.host, "ois-test-") || strings.HasPrefix(hostOf(r.target), "ois-test-") {
		path = "/bucket" + path
	}
	level := "/"
	switch _, key, slash := strings.Cut(strings.TrimPrefix(path, "/"), "/"); {
	case slash && key != "":
		level = "/{bucket}/{key}"
	case len(path) > 1:
		level = "/{bucket}"
	}
	found, most := "", -1
	for _, o := range all {
		if n := o.like(r, level, query); n > most {
			found, most = o.id, n
		}
	}
	return found
}

// like returns how much o says of r, -1 if r asks for something else.
func (o operation) like(r *request, level string, query url.Values) int {
	path, names, _ := strings.Cut(o.path, "?")
	if o.method != r.method || path != level || o.selector != "" && !has(r.header, o.selector) {
		return -1
	}
	n := len(o.selector)
	for name := range strings.SplitSeq(names, "&") {
		if name != "" && !query.Has(name) {
			return -1
		}
		n += len(name)
	}
	return n
}

// hostOf returns the host of an absolute target.
func hostOf(target string) string {
	rest, absolute := strings.CutPrefix(target, "http://")
	if !absolute {
		return ""
	}
	host, _, _ := strings.Cut(rest, "/")
	return host
}

// aside returns the session for what does not count.
func (s *session) aside() *session {
	c := *s
	c.uncounted = true
	return &c
}

// whole reports whether all tests have run, on a service that lets all of them.
func whole() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list", "endpoint"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return false
		}
	}
	return true
}

// tell writes a line for each operation with the tests that drive it, and reports whether each has one.
func (d *record) tell(w io.Writer, all bool) (ok bool) {
	ok = true
	for _, o := range d.all {
		tests := slices.Sorted(maps.Keys(d.by[o.id]))
		if len(tests) == 0 {
			ok = false
		}
		if all || len(tests) == 0 {
			fmt.Fprintf(w, "operation %s: %s\n", o.id, strings.Join(append(tests, "none")[:max(1, len(tests))], " "))
		}
	}
	return ok
}

func TestOperationOf(t *testing.T) {
	all := operations(t)
	for want, r := range map[string]request{
		"ListBuckets":             {method: "GET", target: "/?limit=1"},
		"ListLocations":           {method: "GET", target: "/?location&lang=zh-cn"},
		"HeadBucket":              {method: "HEAD", target: "/", host: "ois-test-a.jn1a.ois.test"},
		"ListObjects":             {method: "GET", target: "/b/?prefix=a"},
		"ListObjectVersions":      {method: "GET", target: "/b?versions&prefix=a"},
		"PutBucketACL":            {method: "PUT", target: "http://jn1a.ois.test/b?acl="},
		"GetObject":               {method: "GET", target: "http://ois-test-a.jn1a.ois.test/k"},
		"HeadObject":              {method: "HEAD", target: "/k", bucket: "b"},
		"PutObject":               {method: "PUT", target: "/b//k?foo"},
		"CopyObject":              {method: "PUT", target: "/b/k", header: []string{"X-QS-Copy-Source: /b/a"}},
		"MoveObject":              {method: "PUT", target: "/b/k", header: []string{"x-qs-move-source: /b/a"}},
		"UploadMultipart":         {method: "PUT", target: "/b/k?part_number=1&upload_id=u"},
		"CopyPart":                {method: "PUT", target: "/b/k?part_number=1&upload_id=u", header: []string{"X-QS-Copy-Source: /b/a"}},
		"CompleteMultipartUpload": {method: "POST", target: "/b/k?upload_id=u"},
		"PostObject":              {method: "POST", target: "/b"},
		"DeleteMultipleObjects":   {method: "POST", target: "/b?delete="},
		"ImageProcess":            {method: "GET", target: "/b/k?image&action=info"},
		"":                        {method: "PATCH", target: "/b"},
	} {
		if got := operationOf(all, &r); got != want {
			t.Errorf("%s %s %s is %q; want %q", r.method, r.host, r.target, got, want)
		}
	}
}
