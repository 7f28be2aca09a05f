package server

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
)

// TestQuickStart walks the road once for every kind of handler.
func TestQuickStart(t *testing.T) {
	f := start(t)
	f.ask(f.key, "GET", "/", "").want(http.StatusOK)
	f.ask(f.key, "PUT", "/bucket1", "").want(http.StatusCreated)
	f.ask(f.key, "PUT", "/bucket1/k.txt", "hello", "Content-Type: text/plain", "X-QS-Meta-A: 1").want(http.StatusCreated)
	if a := f.ask(f.key, "GET", "/bucket1/k.txt", "").want(http.StatusOK); a.text != "hello" || a.Header.Get("X-Qs-Meta-A") != "1" ||
		a.Header.Get("Etag") != `"5d41402abc4b2a76b9719d911017c592"` || a.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("got %q with %v", a.text, a.Header)
	}
	f.ask(f.key, "PUT", "/bucket1/copy.txt", "", "X-QS-Copy-Source: /bucket1/k.txt").want(http.StatusCreated)
	if a := f.ask(f.key, "GET", "/bucket1?prefix=c", "").want(http.StatusOK); !strings.Contains(a.text, `"key":"copy.txt"`) {
		t.Errorf("listing is %s", a.text)
	}
	f.ask(f.key, "PUT", "/bucket1?acl", `{"acl":[{"grantee":{"type":"group","name":"QS_ALL_USERS"},"permission":"READ"}]}`).want(http.StatusOK)
	f.ask(nil, "GET", "/bucket1/copy.txt", "").want(http.StatusOK)
	f.ask(nil, "DELETE", "/bucket1/copy.txt", "").wantFault(http.StatusForbidden, "permission_denied")
	f.ask(f.key, "DELETE", "/bucket1/copy.txt", "").want(http.StatusNoContent)
	f.ask(f.key, "DELETE", "/bucket1/k.txt", "").want(http.StatusNoContent)
	f.ask(f.key, "DELETE", "/bucket1", "").want(http.StatusNoContent)
	f.ask(f.key, "HEAD", "/bucket1", "").want(http.StatusNotFound)
}

// TestEveryOperationIsAnswered holds the table to the contract.
func TestEveryOperationIsAnswered(t *testing.T) {
	for id := op.ID(1); id <= op.Count; id++ {
		if table[id] == nil {
			t.Errorf("nothing does %s", id)
		}
	}
}

func TestWhatIsNotObeyedIsRefused(t *testing.T) {
	f := start(t)
	f.bucket()
	f.object("/bucket1/src", "source")
	for _, header := range []string{
		"X-QS-Encryption-Customer-Algorithm: AES256",
		"X-QS-Encryption-Customer-Key: x",
		"X-QS-Encryption-Customer-Key-MD5: ",
		"X-QS-Copy-Source-Encryption-Customer-Algorithm: AES256",
		"X-QS-Copy-Source-Encryption-Customer-Key: ",
	} {
		f.ask(f.key, "PUT", "/bucket1/k", "hello", header).wantFault(http.StatusBadRequest, "invalid_argument")
		f.ask(f.key, "PUT", "/bucket1/k", "", "X-QS-Copy-Source: /bucket1/src", header).wantFault(http.StatusBadRequest, "invalid_argument")
		f.ask(f.key, "PUT", "/bucket1/k", "", "X-QS-Move-Source: /bucket1/src", header).wantFault(http.StatusBadRequest, "invalid_argument")
		f.ask(f.key, "POST", "/bucket1/k?append&position=0", "hello", header).wantFault(http.StatusBadRequest, "invalid_argument")
	}
	for _, target := range []string{"PUT /bucket1/k", "POST /bucket1/k?append&position=0"} {
		method, target, _ := strings.Cut(target, " ")
		f.ask(f.key, method, target, "hello", `If-Match: "x"`).wantFault(http.StatusPreconditionFailed, "precondition_failed")
	}
	for _, source := range []string{"X-QS-Move-Source: /bucket1/src", "X-QS-Copy-Source: /bucket1/src"} {
		f.ask(f.key, "PUT", "/bucket1/k", "", source, "If-Match: *").wantFault(http.StatusPreconditionFailed, "precondition_failed")
	}
	f.ask(f.key, "GET", "/bucket1/k", "").wantFault(http.StatusNotFound, "object_not_exists")
	f.ask(f.key, "GET", "/bucket1/k", "", "X-QS-Encryption-Customer-Key: x").wantFault(http.StatusNotFound, "object_not_exists")
}

// TestErrorsComeInOrder checks that each step of the road is taken after those before it.
func TestErrorsComeInOrder(t *testing.T) {
	f := start(t)
	f.bucket()
	tests := []struct {
		name, method, target string
		signed               bool
		headers              []string
		status               int
		code                 string
	}{
		{"address before operation", "FROB", "//k", false, nil, 400, "invalid_bucket_name"},
		{"query before operation", "FROB", "/bucket1?x=%zz", false, nil, 400, "invalid_argument"},
		{"operation before signature", "PUT", "/bucket1/k?acl", false, []string{"Authorization: QS no"}, 405, "method_not_allowed"},
		{"signature before bucket", "GET", "/missing-bucket", false, []string{"Authorization: QS no:body"}, 401, "invalid_access_key_id"},
		{"bucket before permission", "GET", "/missing-bucket", false, nil, 404, "bucket_not_exists"},
		{"permission before input", "GET", "/bucket1?limit=many", false, nil, 403, "permission_denied"},
		{"permission before 501", "GET", "/bucket1?cors", false, nil, 403, "permission_denied"},
		{"input", "GET", "/bucket1?limit=many", true, nil, 400, "invalid_argument"},
		{"source bucket", "PUT", "/bucket1/k", true, []string{"X-QS-Copy-Source: /missing-bucket/k"}, 404, "bucket_not_exists"},
		{"source", "PUT", "/bucket1/k", true, []string{"X-QS-Copy-Source: /bucket1/missing"}, 404, "object_not_exists"},
		{"empty source", "PUT", "/bucket1/k", true, []string{"X-QS-Copy-Source: "}, 400, "invalid_argument"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			key := f.key
			if !test.signed {
				key = nil
			}
			f.ask(key, test.method, test.target, "", test.headers...).wantFault(test.status, test.code)
		})
	}
}

func TestGetObject(t *testing.T) {
	f := start(t)
	f.bucket()
	f.object("/bucket1/k", "0123456789")
	etag := f.ask(f.key, "HEAD", "/bucket1/k", "").want(http.StatusOK).Header.Get("Etag")
	modified := f.ask(f.key, "HEAD", "/bucket1/k", "").Header.Get("Last-Modified")
	tests := []struct {
		name    string
		target  string
		headers []string
		status  int
		text    string
		header  string // that must be there
	}{
		{"whole", "/bucket1/k", nil, 200, "0123456789", "Content-Length: 10"},
		{"range", "/bucket1/k", []string{"Range: bytes=2-4"}, 206, "234", "Content-Range: bytes 2-4/10"},
		{"suffix", "/bucket1/k", []string{"Range: bytes=-3"}, 206, "789", "Content-Range: bytes 7-9/10"},
		{"clipped", "/bucket1/k", []string{"Range: bytes=8-99"}, 206, "89", "Content-Range: bytes 8-9/10"},
		{"same version", "/bucket1/k", []string{"Range: bytes=0-0", "If-Range: " + etag}, 206, "0", "Content-Range: bytes 0-0/10"},
		{"same date", "/bucket1/k", []string{"Range: bytes=0-0", "If-Range: " + modified}, 206, "0", "Content-Range: bytes 0-0/10"},
		{"another version", "/bucket1/k", []string{"Range: bytes=0-0", `If-Range: "x"`}, 200, "0123456789", "Content-Length: 10"},
		{"not modified", "/bucket1/k", []string{"If-None-Match: " + etag}, 304, "", "Etag: " + etag},
		{"not modified since", "/bucket1/k", []string{"If-Modified-Since: " + modified}, 304, "", "Last-Modified: " + modified},
		{"null version", "/bucket1/k?version_id=null", nil, 200, "0123456789", "X-Qs-Storage-Class: STANDARD"},
		{"override", "/bucket1/k?response-content-type=video%2Fmp4%3B+charset%3Dutf8", nil, 200, "0123456789", "Content-Type: video/mp4; charset=utf8"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := f.ask(f.key, "GET", test.target, "", test.headers...).want(test.status)
			name, value, _ := strings.Cut(test.header, ": ")
			if a.err != nil || a.text != test.text || a.Header.Get(name) != value {
				t.Errorf("got %q, %v with %v; want %q with %s", a.text, a.err, a.Header, test.text, test.header)
			}
		})
	}
	f.ask(f.key, "GET", "/bucket1/k?response-expires=a%0d%0aX-Evil:+1", "").wantFault(400, "invalid_argument")
	f.ask(f.key, "GET", "/bucket1/k", "", "Range: bytes=10-").wantFault(416, "invalid_range")
	f.ask(f.key, "GET", "/bucket1/k", "", `If-Match: "x"`).wantFault(412, "precondition_failed")
	f.ask(f.key, "HEAD", "/bucket1/k", "", `If-Match: "x"`).want(412)
	f.ask(f.key, "HEAD", "/bucket1/k", "", "If-None-Match: *").want(304)
	f.ask(f.key, "GET", "/bucket1/k?version_id=1", "").wantFault(404, "object_not_exists")
	f.ask(f.key, "DELETE", "/bucket1/k?version_id=1", "").want(204)
	f.ask(f.key, "GET", "/bucket1/k", "").want(200)
}

func TestDamagedObjectIsNeverSent(t *testing.T) {
	f := start(t)
	f.bucket()
	body := strings.Repeat("0123456789", 100_000)
	f.object("/bucket1/k", body)

	f.disk.damage(0)
	f.ask(f.key, "GET", "/bucket1/k", "").wantFault(http.StatusInternalServerError, "internal_error")
	line := f.log.last(t)
	if line["code"] != "internal_error" || line["level"] != "ERROR" || line["key"] != "k" || !strings.Contains(fmt.Sprint(line["error"]), "corrupt") {
		t.Errorf("log line is %v", line)
	}

	f.disk.damage(500_000)
	a := f.ask(f.key, "GET", "/bucket1/k", "").want(http.StatusOK)
	if a.err == nil || a.ContentLength != int64(len(body)) || len(a.text) > 500_000 || !strings.HasPrefix(body, a.text) {
		t.Errorf("got %d of %d bytes, %v; want at most 500000 and an error", len(a.text), a.ContentLength, a.err)
	}
	if line := f.log.last(t); line["aborted"] != true || line["code"] != "internal_error" {
		t.Errorf("log line is %v", line)
	}
}

func TestZoneDiscovery(t *testing.T) {
	f := start(t, func(c *Config) { c.Domain = "Ois.Test" })
	f.ask(f.key, "PUT", "/bucket1", "", "Host: jn2.ois.test").want(http.StatusCreated)
	tests := []struct {
		host, target string
		status       int
		location     string
	}{
		{"ois.test", "/bucket1", 301, "http://jn2.ois.test/bucket1"},
		{"ois.test:8080", "/bucket1/", 301, "http://jn2.ois.test:8080/bucket1"},
		{"OIS.test", "/bucket1?", 301, "http://jn2.ois.test/bucket1"},
		{"bucket1.ois.test:8080", "/", 307, "http://bucket1.jn2.ois.test:8080/"},
		{"ois.test", "/missing-bucket", 404, ""},
		{"missing-bucket.ois.test", "/", 404, ""},
		{"jn2.ois.test", "/bucket1", 403, ""},
		{"jn1a.ois.test", "/bucket1", 403, ""},
		{"bucket1.jn2.ois.test", "/", 403, ""},
		{"127.0.0.1", "/bucket1", 403, ""},
		{"localhost", "/bucket1", 403, ""},
		{"ois.test", "/bucket1/k", 403, ""},
		{"ois.test", "/", 405, ""},
	}
	for _, test := range tests {
		a := f.ask(nil, "HEAD", test.target, "", "Host: "+test.host).want(test.status)
		if got := a.Header.Get("Location"); got != test.location {
			t.Errorf("HEAD %s at %s leads to %q; want %q", test.target, test.host, got, test.location)
		}
	}
	f.ask(f.key, "HEAD", "/bucket1", "", "Host: ois.test").want(http.StatusOK)
	f.ask(nil, "GET", "/bucket1", "", "Host: ois.test").wantFault(http.StatusForbidden, "permission_denied")
	f.ask(f.key, "GET", "/bucket1", "", "Host: jn1a.ois.test").want(http.StatusOK)
	f.ask(f.key, "GET", "/", "", "Host: bucket1.ois.test").want(http.StatusOK)
}

func TestLocalhostNeverRedirects(t *testing.T) {
	f := start(t)
	f.bucket()
	f.ask(nil, "HEAD", "/bucket1", "", "Host: localhost").want(http.StatusForbidden)
	f.ask(f.key, "GET", "/", "", "Host: bucket1.jn1a.localhost:9000").want(http.StatusOK)
}

func TestZones(t *testing.T) {
	f := start(t, func(c *Config) { c.Domain = "ois.test" })
	f.ask(f.key, "PUT", "/bucket1", "", "Host: ois.test").want(http.StatusCreated)
	f.ask(f.key, "PUT", "/", "", "Host: bucket2.jn2.ois.test:80").want(http.StatusCreated)
	f.ask(f.key, "PUT", "/bucket2", "", "Host: jn1a.ois.test").wantFault(http.StatusConflict, "bucket_already_exists")
	tests := []struct {
		host    string
		headers []string
		want    []string // addresses
	}{
		{"ois.test", nil, []string{"http://bucket1.jn1a.ois.test", "http://bucket2.jn2.ois.test"}},
		{"ois.test:80", []string{"Location: jn2"}, []string{"http://bucket2.jn2.ois.test:80"}},
		{"ois.test", []string{"Location: "}, []string{"http://bucket1.jn1a.ois.test", "http://bucket2.jn2.ois.test"}},
		{"jn1a.ois.test", nil, []string{"http://bucket1.jn1a.ois.test"}},
		{"127.0.0.1:9000", nil, []string{"http://127.0.0.1:9000/bucket1", "http://127.0.0.1:9000/bucket2"}},
	}
	for _, test := range tests {
		a := f.ask(f.key, "GET", "/", "", append(test.headers, "Host: "+test.host)...).want(http.StatusOK)
		if n := strings.Count(a.text, `"url"`); n != len(test.want) {
			t.Errorf("GET / at %s lists %d buckets: %s", test.host, n, a.text)
		}
		for _, url := range test.want {
			if !strings.Contains(a.text, `"`+url+`"`) {
				t.Errorf("GET / at %s lacks %s: %s", test.host, url, a.text)
			}
		}
	}
	f.ask(f.key, "GET", "/", "", "Host: ois.test", "Location: pek3").wantFault(http.StatusBadRequest, "invalid_location")
	a := f.ask(nil, "GET", "/?location&lang=zh-cn", "", "Host: ois.test").want(http.StatusOK)
	if want := `{"id":"jn2","name":"可用区 jn2","endpoint":"jn2.ois.test"}`; !strings.Contains(a.text, want) {
		t.Errorf("locations are %s; want %s among them", a.text, want)
	}
	a = f.ask(f.key, "GET", "/?stats", "", "Host: bucket2.jn2.ois.test").want(http.StatusOK)
	if want := `"url":"bucket2.jn2.ois.test"`; !strings.Contains(a.text, want) {
		t.Errorf("statistics are %s; want %s", a.text, want)
	}
}

func TestTargetsInTheField(t *testing.T) {
	f := start(t, func(c *Config) { c.Domain = "ois.test" })
	f.bucket()
	f.object("/bucket1/a%2Fb", "hello")
	for _, target := range []string{
		"/bucket1/a/b", "/bucket1/a%2fb", "/bucket1/%61%2F%62?", "/bucket1/a/b?&", "http://ois.test/bucket1/a/b", "http://ois.test:8080/bucket1/a%2Fb?",
	} {
		if a := f.ask(f.key, "GET", target, "").want(http.StatusOK); a.text != "hello" {
			t.Errorf("GET %s = %q", target, a.text)
		}
	}
	for _, target := range []string{"/bucket1?acl", "/bucket1?acl=", "/bucket1?acl&", "/bucket1/?acl", "http://ois.test/bucket1?acl"} {
		f.ask(f.key, "GET", target, "").want(http.StatusOK)
	}
	f.ask(f.key, "GET", "/bucket1/a/../a/b", "").wantFault(http.StatusNotFound, "object_not_exists")
	f.ask(f.key, "GET", "/bucket1/a//b", "").wantFault(http.StatusNotFound, "object_not_exists")
	f.ask(nil, "OPTIONS", "*", "").wantFault(http.StatusBadRequest, "invalid_argument")
	preflight := []string{"Origin: http://example.com", "Access-Control-Request-Method: POST"}
	f.ask(nil, "OPTIONS", "/bucket1/k?uploads", "", preflight...).want(http.StatusOK)
	f.ask(nil, "OPTIONS", "/bucket1?delete", "", preflight...).want(http.StatusOK)
}

func TestHealth(t *testing.T) {
	f := start(t)
	if a := f.ask(nil, "GET", "/-/health", "").want(http.StatusOK); a.text != "ready\n" {
		t.Errorf("health is %q", a.text)
	}
	f.ask(nil, "HEAD", "/-/health", "").want(http.StatusOK)
	f.ask(nil, "GET", "/-/health", "", "Host: bucket1.jn1a.localhost").wantFault(http.StatusNotFound, "bucket_not_exists")
	f.ask(f.key, "PUT", "/-/health", "").wantFault(http.StatusNotFound, "bucket_not_exists")
	f.leaving.Store(true)
	f.ask(nil, "GET", "/-/health", "").wantFault(http.StatusServiceUnavailable, "service_unavailable")
}

// TestExpectContinueAsksFirst checks that a client which waits for 100 Continue gets an error
// without having sent its body, and the go-ahead otherwise.
func TestExpectContinueAsksFirst(t *testing.T) {
	f := start(t)
	f.bucket()
	c, r := f.dial()
	if _, err := io.WriteString(c, f.head(nil, "PUT", "/bucket1/k", "Expect: 100-continue", "Content-Length: 1000000000")); err != nil {
		t.Fatal(err)
	}
	if a := receive(t, r, "PUT").wantFault(http.StatusForbidden, "permission_denied"); !a.Close {
		t.Error("the connection stays open for a body of which nobody knows whether it comes")
	}

	c, r = f.dial()
	if _, err := io.WriteString(c, f.head(f.key, "PUT", "/bucket1/k", "Expect: 100-continue", "Content-Length: 5")); err != nil {
		t.Fatal(err)
	}
	line, err := r.ReadString('\n')
	if err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("got %q, %v; want 100 Continue", line, err)
	}
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	receive(t, r, "PUT").want(http.StatusCreated)
}

func TestPanicCostsOneRequest(t *testing.T) {
	f := start(t)
	run := table[op.ListBuckets]
	t.Cleanup(func() { table[op.ListBuckets] = run })
	table[op.ListBuckets] = func(*exchange) error { panic("a bug") }
	f.ask(f.key, "GET", "/", "").wantFault(http.StatusInternalServerError, "internal_error")
	if line := f.log.last(t); line["level"] != "ERROR" || !strings.Contains(fmt.Sprint(line["error"]), "a bug") ||
		!strings.Contains(fmt.Sprint(line["error"]), "exchange_test.go") {
		t.Errorf("log line is %v", line)
	}
	table[op.ListBuckets] = func(x *exchange) error {
		x.w.WriteHeader(http.StatusOK)
		panic("a later bug")
	}
	c, r := f.dial()
	if _, err := io.WriteString(c, f.head(f.key, "GET", "/")); err != nil {
		t.Fatal(err)
	}
	if b, err := r.ReadByte(); err == nil {
		t.Errorf("after a panic in the answer the connection yields %q", b)
	}
	f.ask(f.key, "PUT", "/bucket1", "").want(http.StatusCreated)
}

func TestConfigIsChecked(t *testing.T) {
	ok := Config{Store: start(t).store, Zones: []string{"JN1A", "jn2"}, Domain: "IS.Shanhe.com:8080"}
	s, err := New(ok)
	if err != nil || s.hosts.Domain != "is.shanhe.com" || s.hosts.Zones[0] != "jn1a" {
		t.Errorf("New = %+v, %v", s, err)
	}
	for name, change := range map[string]func(*Config){
		"no store":    func(c *Config) { c.Store = nil },
		"no zone":     func(c *Config) { c.Zones = nil },
		"empty zone":  func(c *Config) { c.Zones = []string{""} },
		"dotted zone": func(c *Config) { c.Zones = []string{"jn.1"} },
		"zone twice":  func(c *Config) { c.Zones = []string{"jn1", "JN1"} },
	} {
		c := ok
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: New accepts it", name)
		}
	}
}

// FuzzServeHTTP checks that no request costs an internal error.
func FuzzServeHTTP(f *testing.F) {
	fix, _ := startLogged(f)
	fix.bucket()
	fix.logging("bucket1", "log/")
	f.Add("CONNECT", "/bucket1/k", "", "")
	f.Add("CONNECT", "www.example.com:443", "Host: www.example.com", "")
	fix.bind("img.example.com", "normal")
	fix.bind("www.example.com", "website")
	fix.setWebsite(&store.Website{Index: "index.html", Error: "404.html"})
	f.Add("GET", "/a/%zz?x", "Host: www.example.com", "")
	f.Add("PUT", "/?cname", "Host: IMG.example.com.:80", `{"domain":"a.example","type":"website"}`)
	f.Add("GET", "/bucket1/k?version_id=1", "Range: bytes=0-", "")
	f.Add("PUT", "/bucket1/k", "X-QS-Copy-Source: /bucket1/%zz?version_id=", "")
	f.Add("POST", "/bucket1?delete", "Content-MD5: x", `{"objects":[{"key":""}]}`)
	f.Add("PUT", "/bucket1?acl", "Host: [::1", `{"acl":null}`)
	f.Add("OPTIONS", "*", "Host: jn1a.localhost", "")
	f.Fuzz(func(t *testing.T, method, target, header, body string) {
		if strings.ContainsAny(method+target+header, "\r\n") {
			return
		}
		head := fix.head(fix.key, method, target, header, fmt.Sprintf("Content-Length: %d", len(body)))
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head + body)))
		if err != nil {
			return
		}
		r.RemoteAddr = "127.0.0.1:1"
		fix.log.reset()
		w := httptest.NewRecorder()
		fix.ServeHTTP(w, r)
		if w.Code == http.StatusInternalServerError {
			t.Errorf("%q and body %q: %s", head, body, fix.log.String())
		}
	})
}
