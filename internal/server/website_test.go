package server

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/sdk/go/signature"
)

const site = "www.example.com"

// website starts a server with a website of some pages in bucket1, which everybody may read.
func website(t *testing.T, w *store.Website) *fixture {
	t.Helper()
	f := start(t)
	f.bucket()
	for key, text := range map[string]string{
		"index.html": "home", "about/index.html": "about", "a.txt": "0123456789", "both": "object", "both/index.html": "folder", "errors/404.html": "gone astray",
	} {
		f.ask(f.key, "PUT", "/bucket1/"+key, text, "Content-Type: text/x-page; charset=utf-8", "Cache-Control: max-age=60").want(http.StatusCreated)
	}
	f.ask(f.key, "PUT", "/bucket1?acl", readable).want(http.StatusOK)
	f.bind(site, "website")
	f.setWebsite(w)
	return f
}

// setWebsite sets how bucket1 is shown; nil takes that away.
func (f *fixture) setWebsite(w *store.Website) {
	f.t.Helper()
	b, err := f.store.Bucket(f.t.Context(), "bucket1")
	if err == nil && w == nil {
		err = b.DeleteWebsite(f.t.Context())
	} else if err == nil {
		err = b.PutWebsite(f.t.Context(), *w)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// visit sends an unsigned request to the website.
func (f *fixture) visit(method, target string, headers ...string) *reply {
	f.t.Helper()
	return f.at(nil, site, method, target, "", headers...)
}

// wantPage demands a page of ours that tells of an error.
func (a *reply) wantPage(status int, words ...string) *reply {
	a.t.Helper()
	a.want(status)
	if kind := a.Header.Get("Content-Type"); kind != "text/html; charset=utf-8" {
		a.t.Errorf("an error page is of type %q", kind)
	}
	for _, word := range append(words, strconv.Itoa(status), a.Header.Get("X-Qs-Request-Id")) {
		if !strings.Contains(a.text, word) {
			a.t.Errorf("the page lacks %q: %s", word, a.text)
		}
	}
	return a
}

func TestWebsite(t *testing.T) {
	f := website(t, &store.Website{Index: "index.html", Error: "errors/404.html"})
	etag := f.ask(f.key, "HEAD", "/bucket1/a.txt", "").Header.Get("Etag")
	for _, test := range []struct {
		target  string
		headers []string
		status  int
		text    string
		header  string
	}{
		{"/", nil, 200, "home", "Content-Type: text/x-page; charset=utf-8"},
		{"", nil, 200, "home", ""},
		{"/?acl&x=%zz&response-content-type=a/b&version_id=9", nil, 200, "home", "Content-Type: text/x-page; charset=utf-8"},
		{"/index.html", nil, 200, "home", "Cache-Control: max-age=60"},
		{"/about/", nil, 200, "about", "Content-Length: 5"},
		{"/about", nil, 302, "", "Location: /about/"},
		{"/about?a=b%20c&d", nil, 302, "", "Location: /about/?a=b%20c&d"},
		{"/about%2F", nil, 200, "about", ""},
		{"/both", nil, 200, "object", ""},
		{"/both/", nil, 200, "folder", ""},
		{"/a.txt", []string{"Range: bytes=2-4"}, 206, "234", "Content-Range: bytes 2-4/10"},
		{"/a.txt", []string{"Range: bytes=2-4", `If-Range: "x"`}, 200, "0123456789", ""},
		{"/a.txt", []string{"If-None-Match: " + etag}, 304, "", "Etag: " + etag},
		{"/a.txt", []string{`If-Match: "x"`}, 412, "gone astray", "Etag: "},
		{"/a.txt", []string{"Range: bytes=10-"}, 416, "gone astray", "Content-Range: "},
		{"/missing", []string{"Range: bytes=0-1", `If-Match: "x"`}, 404, "gone astray", "Content-Type: text/x-page; charset=utf-8"},
		{"/missing/", nil, 404, "gone astray", "Cache-Control: "},
		{"//about", nil, 404, "gone astray", ""},
	} {
		t.Run(test.target+strings.Join(test.headers, " "), func(t *testing.T) {
			f := *f
			f.t = t
			for _, method := range []string{"GET", "HEAD"} {
				if method == "HEAD" && (test.status == 206 || test.status == 416) {
					test.status, test.header = 200, "Content-Length: 10" // a range is for GET only
				}
				target := test.target
				if target == "" {
					target = "http://" + site
				}
				a := f.visit(method, target, test.headers...).want(test.status)
				if name, value, _ := strings.Cut(test.header, ": "); a.Header.Get(name) != value {
					t.Errorf("%s: %v; want %s", method, a.Header, test.header)
				}
				if method == "GET" && a.text != test.text || method == "HEAD" && a.text != "" {
					t.Errorf("%s gives %q; want %q", method, a.text, test.text)
				}
				if n := a.Header.Get("Content-Length"); method == "HEAD" && test.status >= 400 && n != "11" {
					t.Errorf("HEAD says that its page has %s bytes; want 11", n)
				}
			}
		})
	}
	if line := f.log.last(t); line["code"] != "object_not_exists" || line["operation"] != "GetObject" || line["status"] != 404.0 {
		t.Errorf("log line is %v", line)
	}
	for _, method := range []string{"PUT", "POST", "DELETE", "PATCH"} {
		if a := f.at(f.key, site, method, "/a.txt", "x").want(http.StatusMethodNotAllowed); a.text != "gone astray" {
			t.Errorf("%s: %q", method, a.text)
		}
	}
	if a := f.ask(f.key, "GET", "/bucket1/a.txt", ""); a.text != "0123456789" {
		t.Errorf("the object is %q", a.text)
	}
}

func TestWebsiteWithoutAnErrorPage(t *testing.T) {
	f := website(t, &store.Website{Index: "index.html"})
	a := f.visit("GET", "/%3Cscript%3E").wantPage(http.StatusNotFound, "404 Not Found")
	if strings.Contains(a.text, "<script>") {
		t.Errorf("the page has what the path says: %s", a.text)
	}
	f.visit("POST", "/").wantPage(http.StatusMethodNotAllowed)
	if a := f.visit("HEAD", "/missing").want(http.StatusNotFound); a.text != "" {
		t.Errorf("HEAD has the body %q", a.text)
	}
	// An error page that is missing, or not for everybody.
	f.setWebsite(&store.Website{Index: "index.html", Error: "errors/none.html"})
	f.visit("GET", "/missing").wantPage(http.StatusNotFound)
	f.setWebsite(&store.Website{Index: "index.html", Error: "errors/404.html"})
	f.ask(f.key, "PUT", "/bucket1?policy",
		`{"statement":[{"id":"a","user":"*","effect":"deny","action":["get_object"],"resource":["bucket1/errors/*"]}]}`).want(http.StatusOK)
	f.visit("GET", "/missing").wantPage(http.StatusNotFound)
}

func TestWebsiteIsForReaders(t *testing.T) {
	f := website(t, &store.Website{Index: "index.html"})
	f.ask(f.key, "PUT", "/bucket1?acl", `{"acl":[]}`).want(http.StatusOK)
	f.visit("GET", "/").wantPage(http.StatusForbidden)
	f.visit("GET", "/about").wantPage(http.StatusForbidden)
	f.ask(f.key, "PUT", "/bucket1?policy",
		`{"statement":[{"id":"a","user":"*","effect":"allow","action":["get_object"],"resource":["bucket1/index.html","bucket1/about"]}]}`).want(http.StatusOK)
	f.visit("GET", "/").want(http.StatusOK)
	f.visit("HEAD", "/").want(http.StatusOK)
	f.visit("GET", "/a.txt").wantPage(http.StatusForbidden)
	f.visit("GET", "/about/").wantPage(http.StatusForbidden)
	f.visit("GET", "/about").wantPage(http.StatusNotFound) // that there is a folder is for readers of its page

	// Who has signed the request is somebody.
	if a := f.at(f.key, site, "GET", "/about/", "").want(http.StatusOK); a.text != "about" {
		t.Errorf("the owner sees %q", a.text)
	}
	f.at(nil, site, "GET", "/", "", "Authorization: QS no:body").wantPage(http.StatusUnauthorized)
	m := signature.Message{Method: "GET", Path: "/a.txt", Bucket: "bucket1", Header: http.Header{}, Expires: strconv.FormatInt(time.Now().Unix()+60, 10)}
	link := fmt.Sprintf("/a.txt?access_key_id=%s&expires=%s&signature=%s", f.id, m.Expires, url.QueryEscape(f.key.Sign(&m)))
	if a := f.visit("GET", link).want(http.StatusOK); a.text != "0123456789" {
		t.Errorf("the link leads to %q", a.text)
	}
	f.visit("GET", strings.Replace(link, "a.txt", "about/", 1)).wantPage(http.StatusUnauthorized)
}

// TestWebsiteDomainWithoutAWebsite: the root is closed, and objects are shown.
func TestWebsiteDomainWithoutAWebsite(t *testing.T) {
	f := website(t, nil)
	f.object("/bucket1/about/", "")
	f.visit("GET", "/").wantPage(http.StatusForbidden, "no website setting")
	f.visit("GET", "/about/").wantPage(http.StatusForbidden)
	f.visit("GET", "/about").wantPage(http.StatusNotFound)
	f.visit("GET", "/about/index.html").want(http.StatusOK)
	// And a website without a domain changes nothing elsewhere.
	f.setWebsite(&store.Website{Index: "index.html", Error: "errors/404.html"})
	f.ask(nil, "GET", "/bucket1/", "").wantFault(http.StatusForbidden, "permission_denied")
	f.bind("img.example.com", "normal")
	f.at(nil, "img.example.com", "GET", "/", "").wantFault(http.StatusForbidden, "permission_denied")
	f.at(nil, "img.example.com", "GET", "/missing", "").wantFault(http.StatusNotFound, "object_not_exists")
	f.ask(f.key, "DELETE", "/bucket1?cname", fmt.Sprintf(`{"domain":%q}`, site)).want(http.StatusNoContent)
	f.visit("GET", "/").wantFault(http.StatusForbidden, "permission_denied") // path style, the list of buckets
}

func TestWebsiteIsShared(t *testing.T) {
	f := website(t, &store.Website{Index: "index.html", Error: "errors/404.html"})
	f.ask(f.key, "PUT", "/bucket1?cors",
		`{"cors_rules":[{"allowed_origin":"http://app.example","allowed_methods":["GET"],"allowed_headers":["range"],"expose_headers":["x-y"]}],"resp_vary":"enabled"}`).
		want(http.StatusOK)
	for _, target := range []string{"/", "/missing", "/about"} {
		a := f.visit("GET", target, "Origin: http://app.example")
		if a.Header.Get("Access-Control-Allow-Origin") != "http://app.example" || a.Header.Get("Access-Control-Expose-Headers") != "x-y" || a.Header.Get("Vary") != "Origin" {
			t.Errorf("GET %s: %s with %v", target, a.Status, a.Header)
		}
	}
	if a := f.visit("GET", "/", "Origin: http://other.example"); a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another origin may see %v", a.Header)
	}
	a := f.visit("OPTIONS", "/about/?x", "Origin: http://app.example", "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: range").want(http.StatusOK)
	if a.Header.Get("Access-Control-Allow-Origin") != "http://app.example" || a.Header.Get("Access-Control-Allow-Headers") != "range" {
		t.Errorf("the preflight is answered with %v", a.Header)
	}
	f.visit("OPTIONS", "/").want(http.StatusBadRequest)
}

func TestDamagedPageIsNeverShown(t *testing.T) {
	f := website(t, &store.Website{Index: "index.html", Error: "errors/404.html"})
	body := strings.Repeat("0123456789", 100_000)
	f.ask(f.key, "PUT", "/bucket1/large", body, "X-QS-Meta-A: 1").want(http.StatusCreated)
	f.disk.damage(0)
	a := f.visit("GET", "/large").want(http.StatusInternalServerError)
	if a.text != "gone astray" || a.Header.Get("X-Qs-Meta-A") != "" || a.Header.Get("Etag") != "" {
		t.Errorf("got %q with %v; want the error page alone", a.text, a.Header)
	}
	if line := f.log.last(t); line["code"] != "internal_error" || line["level"] != "ERROR" {
		t.Errorf("log line is %v", line)
	}
	f.setWebsite(&store.Website{Index: "index.html", Error: "large"})
	f.visit("GET", "/missing").wantPage(http.StatusNotFound)
	if line := f.log.last(t); line["code"] != "object_not_exists" || !strings.Contains(fmt.Sprint(line["error"]), "corrupt") {
		t.Errorf("log line is %v; want the error, and why its page was not shown", line)
	}
	f.disk.damage(500_000)
	if a := f.visit("GET", "/missing").want(http.StatusNotFound); a.err == nil || len(a.text) > 500_000 {
		t.Errorf("got %d bytes, %v; want it cut", len(a.text), a.err)
	}
	if line := f.log.last(t); line["aborted"] != true {
		t.Errorf("log line is %v", line)
	}
}

// TestWebsiteClosesWhatItDoesNotSend: an object that HEAD has opened must not be held for ever.
func TestWebsiteClosesWhatItDoesNotSend(t *testing.T) {
	f := website(t, &store.Website{Index: "index.html", Error: "large"})
	f.ask(f.key, "PUT", "/bucket1/large", strings.Repeat("x", 1<<20)).want(http.StatusCreated)
	if a := f.visit("HEAD", "/large").want(http.StatusOK); a.ContentLength != 1<<20 {
		t.Errorf("HEAD says %d bytes", a.ContentLength)
	}
	f.visit("HEAD", "/missing").want(http.StatusNotFound)
	f.visit("GET", "/large", "If-None-Match: *").want(http.StatusNotModified)
	f.ask(f.key, "DELETE", "/bucket1/large", "").want(http.StatusNoContent)
	f.stop()
	if err := f.store.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := f.disk.deleted.Load(); n != 1 {
		t.Errorf("the sweeper has removed %d blobs; want the one of the object", n)
	}
}

// TestBodyToAWebsiteIsNotRead: a client that sends one to what takes none gets the answer at once.
func TestBodyToAWebsiteIsNotRead(t *testing.T) {
	f := website(t, &store.Website{Index: "index.html"})
	c, r := f.dial()
	if _, err := io.WriteString(c, f.head(nil, "PUT", "/a.txt", "Host: "+site, "Expect: 100-continue", "Content-Length: 1000000000")); err != nil {
		t.Fatal(err)
	}
	if a := receive(t, r, "PUT").wantPage(http.StatusMethodNotAllowed); !a.Close {
		t.Error("the connection stays open for a body of which nobody knows whether it comes")
	}
}
