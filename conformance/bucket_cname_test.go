package conformance

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// freshDomain returns a domain that nobody has.
func freshDomain() string { return freshName() + ".example.com" }

// bindTo asks to bind a domain.
func (b *bucket) bindTo(domain, kind string) *answer {
	b.t.Helper()
	return b.send("PUT", "?cname", fmt.Sprintf(`{"domain":%q,"type":%q}`, domain, kind))
}

// bind binds a domain of its own to the bucket. A service that wants to see records of it first skips the test.
func (b *bucket) bind(kind string) (domain string) {
	b.t.Helper()
	domain = freshDomain()
	a := b.bindTo(domain, kind)
	if a.status == http.StatusBadRequest && slices.Contains([]string{"cname_record_not_added", "domain_not_recorded"}, a.failure().Code) {
		b.t.Skip("needs a service that binds domains without a CNAME record")
	}
	a.want(http.StatusOK)
	return domain
}

type cnameList struct {
	Records []struct{ Domain, Type, Created string } `json:"cname_records"`
	Count   int64
}

// domains returns the domains that a query lists.
func (b *bucket) domains(query string) []string {
	b.t.Helper()
	var l cnameList
	b.send("GET", query, "").want(http.StatusOK).json(&l)
	names := []string{}
	for _, r := range l.Records {
		wantRecent(b.t, "created of "+r.Domain, r.Created)
		names = append(names, r.Domain+" "+r.Type)
	}
	if l.Count != int64(len(names)) {
		b.t.Errorf("GET %s: count is %d for %v", query, l.Count, names)
	}
	return names
}

// atDomain returns a request at a domain of the bucket.
func (b *bucket) atDomain(domain, method, target, body string, header ...string) request {
	return request{method: method, host: domain, target: target, header: header, body: body, by: b.by, bucket: b.name}
}

func TestDomainsAreListedByType(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.send("GET", "?cname", "").want(http.StatusOK).wantBody(`{"cname_records":[],"count":0}`)
	one, pages := b.bind("normal"), b.bind("website")
	two := freshDomain()
	b.send("PUT", "?cname", fmt.Sprintf(`{"domain":%q,"type":null}`, strings.ToUpper(two))).want(http.StatusOK)
	normal := []string{one + " normal", two + " normal"}
	for query, want := range map[string][]string{
		"?cname": normal, "?cname&type=normal": normal, "?cname=&type=": normal, "?cname&type=website": {pages + " website"},
	} {
		if got := b.domains(query); !slices.Equal(got, want) {
			t.Errorf("GET %s lists %q; want %q", query, got, want)
		}
	}
	b.bindTo(one, "normal").want(http.StatusOK) // again
	if got := b.domains("?cname"); !slices.Equal(got, normal) {
		t.Errorf("bound again, the domains are %q; want %q", got, normal)
	}
	b.send("DELETE", "?cname", fmt.Sprintf(`{"domain":%q}`, one)).want(http.StatusNoContent)
	b.send("DELETE", "?cname", fmt.Sprintf(`{"domain":%q}`, one)).want(http.StatusNoContent)
	b.send("DELETE", "?cname", fmt.Sprintf(`{"domain":%q}`, pages)).want(http.StatusNoContent)
	if got := b.domains("?cname"); !slices.Equal(got, normal[1:]) {
		t.Errorf("after one was unbound, the domains are %q; want %q", got, normal[1:])
	}
	b.send("GET", "?cname&type=website", "").want(http.StatusOK).wantBody(`{"cname_records":[],"count":0}`)
	b.remove()
}

func TestDomainIsForOneBucket(t *testing.T) {
	s := start(t)
	one, two := s.newBucket(), s.newBucket()
	domain := one.bind("normal")
	for _, kind := range []string{"normal", "website"} {
		two.bindTo(strings.ToUpper(domain), kind).wantFault(http.StatusBadRequest, "domain_occupied")
	}
	two.send("DELETE", "?cname", fmt.Sprintf(`{"domain":%q}`, domain)).want(http.StatusNoContent, http.StatusBadRequest)
	if got := one.domains("?cname"); len(got) != 1 {
		t.Errorf("after another bucket has unbound it, the domains are %q", got)
	}
	one.remove()
	two.bindTo(domain, "normal").want(http.StatusOK)
	two.fill("a.txt")
	s.do(two.atDomain(domain, "GET", "/a.txt", "")).want(http.StatusOK).wantBody("a.txt")
}

func TestDomainsAreTheOwnersBusiness(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.grant(toAll("FULL_CONTROL"))
	body := fmt.Sprintf(`{"domain":%q}`, freshDomain())
	for _, method := range []string{"PUT", "GET", "DELETE"} {
		b.as(nil).send(method, "?cname", body).wantFault(http.StatusForbidden, "permission_denied")
		if s.other != nil {
			b.as(s.other).send(method, "?cname", body).wantFault(http.StatusForbidden, "permission_denied")
		}
	}
}

func TestDomainThatIsNoneIsRefused(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for _, domain := range []string{"", "localhost", "10.0.0.1", "[::1]", "a..example.com", "-a.example.com", "a.example.com:80", "http://a.example.com", "*.example.com", "a b.example.com"} {
		if a := b.bindTo(domain, "normal"); a.status != http.StatusBadRequest {
			t.Errorf("domain %q: %d %s; want 400", domain, a.status, a.text)
		}
	}
	if s.domain != "" {
		for _, domain := range []string{s.domain, s.zoneHost(s.zones[0]), s.bucketHost(b.name), "cdn." + s.domain} {
			b.bindTo(domain, "normal").want(http.StatusBadRequest)
		}
	}
	b.bindTo(freshDomain(), "other").want(http.StatusBadRequest)
	for _, body := range []string{``, `{}`, `[]`, `{"domain":7}`, `{"domain":null}`, `{"domain":`} {
		for _, method := range []string{"PUT", "DELETE"} {
			b.send(method, "?cname", body).want(http.StatusBadRequest)
		}
	}
	b.send("GET", "?cname", "").want(http.StatusOK).wantBody(`{"cname_records":[],"count":0}`)
}

func TestDomainIsAHostOfItsBucket(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("dir/a b.txt")
	domain := b.bind("normal")
	_, port, _ := net.SplitHostPort(s.addr)
	for _, host := range []string{domain, strings.ToUpper(domain), domain + ":" + port, domain + ":80", domain + "."} {
		s.do(b.atDomain(host, "GET", "/dir/a%20b.txt", "")).want(http.StatusOK).wantBody("dir/a b.txt")
		s.do(b.as(nil).atDomain(host, "GET", "/dir/a%20b.txt", "")).wantFault(http.StatusForbidden, "permission_denied")
		var l objectList
		s.do(b.atDomain(host, "GET", "/?prefix=dir/", "")).want(http.StatusOK).json(&l)
		if l.Name != b.name || len(l.Keys) != 1 {
			t.Errorf("Host %s: listing of %q with %d keys; want %q with 1", host, l.Name, len(l.Keys), b.name)
		}
	}
	s.do(b.atDomain(domain, "PUT", "/dir%2Fnew.txt", "new")).want(http.StatusCreated)
	s.do(b.atDomain(domain, "PUT", "/copy.txt", "", "X-QS-Copy-Source: "+b.path("dir/new.txt"))).want(http.StatusCreated)
	b.get("copy.txt").want(http.StatusOK).wantBody("new")
	s.do(b.atDomain(domain, "GET", "/?stats", "")).want(http.StatusOK)
	s.do(b.atDomain(domain, "HEAD", "/", "")).want(http.StatusOK)
	link := b.atDomain(domain, "GET", "/copy.txt?response-content-type=a/b", "")
	link.by = nil
	s.do(link.presigned(s.owner, inAnHour())).want(http.StatusOK).wantBody("new").wantHeader("Content-Type", "a/b")
	absolute := b.atDomain("127.0.0.1", "GET", "http://"+domain+"/copy.txt", "")
	s.do(absolute).want(http.StatusOK).wantBody("new")
	s.do(b.atDomain(domain, "DELETE", "/copy.txt", "")).want(http.StatusNoContent)
	b.wantMissing("copy.txt")

	// Path style is no style of a domain: what looks like it names a key.
	s.do(request{method: "GET", host: domain, target: b.path("dir/a b.txt"), by: s.owner}).wantFault(http.StatusUnauthorized, "signature_not_matched")
	s.do(b.atDomain(domain, "GET", b.path("dir/a b.txt"), "")).wantFault(http.StatusNotFound, "object_not_exists")

	b.cors("", `{"allowed_origin":"https://app.example.com","allowed_methods":["GET"]}`)
	page := []string{"Origin: https://app.example.com", "Access-Control-Request-Method: GET"}
	for _, method := range []string{"GET", "OPTIONS"} {
		s.do(b.as(nil).atDomain(domain, method, "/dir/new.txt", "", page...)).wantHeader("Access-Control-Allow-Origin", "https://app.example.com")
	}
}

func TestRootOfADomainIsClosedToStrangers(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a.txt")
	domain := b.bind("normal")
	b.grant(toAll("READ"))
	b.policy(`{"id":"all","user":"*","effect":"allow","action":["list_objects","head_bucket"]}`)
	stranger := b.as(nil)
	for _, target := range []string{"/", "/?prefix=a", "/?uploads"} {
		s.do(stranger.atDomain(domain, "GET", target, "")).wantFault(http.StatusForbidden, "permission_denied")
	}
	s.do(stranger.atDomain(domain, "HEAD", "/", "")).want(http.StatusForbidden)
	s.do(stranger.atDomain(domain, "GET", "/a.txt", "")).want(http.StatusOK).wantBody("a.txt")
}

func TestUnknownHostIsPathStyle(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a.txt")
	domain := b.bind("normal")
	path := request{method: "GET", host: domain, target: b.path("a.txt"), by: s.owner}
	s.do(path).want(http.StatusUnauthorized)
	b.send("DELETE", "?cname", fmt.Sprintf(`{"domain":%q}`, domain)).want(http.StatusNoContent)
	s.do(path).want(http.StatusOK).wantBody("a.txt")
	path.host = freshDomain() + ":8080"
	s.do(path).want(http.StatusOK).wantBody("a.txt")
}

// TestDomainOfPagesShowsObjects: what it shows where a path names none is set elsewhere.
func TestDomainOfPagesShowsObjects(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("a.html", "hello", "Content-Type: text/html").want(http.StatusCreated)
	domain := b.bind("website")
	b.grant(toAll("READ"))
	stranger := b.as(nil)
	s.do(stranger.atDomain(domain, "GET", "/a.html?x=y", "")).want(http.StatusOK).wantBody("hello").wantHeader("Content-Type", "text/html")
	s.do(stranger.atDomain(domain, "HEAD", "/a.html", "")).want(http.StatusOK).wantHeader("Content-Length", "5")
	s.do(stranger.atDomain(domain, "GET", "/a.html", "", "Range: bytes=1-2")).want(http.StatusPartialContent).wantBody("el")
}
