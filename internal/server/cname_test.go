package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/sdk/go/signature"
)

// bind binds a domain to bucket1.
func (f *fixture) bind(domain, kind string) {
	f.t.Helper()
	f.ask(f.key, "PUT", "/bucket1?cname", fmt.Sprintf(`{"domain":%q,"type":%q}`, domain, kind)).want(http.StatusOK)
}

// at sends a request to a domain that is bound to bucket1, signed unless k is nil.
func (f *fixture) at(k *signature.Key, domain, method, target, body string, headers ...string) *reply {
	f.t.Helper()
	headers = append(headers, "Host: "+domain)
	if k == nil {
		return f.ask(nil, method, target, body, headers...)
	}
	h := http.Header{}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	h.Set("Date", f.date())
	m := signature.Message{Method: method, Header: h, Bucket: "bucket1"}
	m.Path, m.Query = signature.SplitTarget(target)
	return f.ask(nil, method, target, body, append(headers, "Date: "+h.Get("Date"), "Authorization: "+k.Authorization(&m))...)
}

const readable = `{"acl":[{"grantee":{"type":"group","name":"QS_ALL_USERS"},"permission":"READ"}]}`

func TestDomainIsAHostOfItsBucket(t *testing.T) {
	f := start(t, func(c *Config) { c.Domain = "ois.test" })
	f.bucket()
	f.object("/bucket1/dir/a.txt", "hello")
	f.ask(f.key, "GET", "/dir/a.txt", "", "Host: img.example.com").wantFault(http.StatusNotFound, "bucket_not_exists") // an unknown host is path style
	f.bind("IMG.example.com.", "")
	if a := f.ask(f.key, "GET", "/bucket1?cname", "").want(http.StatusOK); !strings.Contains(a.text, `{"domain":"img.example.com","type":"normal","created":"20`) ||
		!strings.HasSuffix(a.text, `"count":1}`) {
		t.Errorf("the domains are %s", a.text)
	}
	for _, host := range []string{"img.example.com", "IMG.Example.COM:8080", "img.example.com.", "img.example.com:80"} {
		if a := f.at(f.key, host, "GET", "/dir%2Fa.txt", "").want(http.StatusOK); a.text != "hello" {
			t.Errorf("at %s: %q", host, a.text)
		}
		f.at(nil, host, "GET", "/dir/a.txt", "").wantFault(http.StatusForbidden, "permission_denied")
	}
	f.ask(nil, "HEAD", "http://img.example.com/dir/a.txt", "", "Host: jn1a.ois.test").want(http.StatusForbidden)
	// What is signed for the path alone is not for the bucket.
	f.ask(f.key, "GET", "/dir/a.txt", "", "Host: img.example.com").wantFault(http.StatusUnauthorized, "signature_not_matched")
	f.at(f.key, "img.example.com", "PUT", "/new.txt", "new").want(http.StatusCreated)
	f.at(f.key, "img.example.com", "PUT", "/copy.txt", "", "X-QS-Copy-Source: /bucket1/new.txt").want(http.StatusCreated)
	if a := f.at(f.key, "img.example.com", "GET", "/?prefix=new", "").want(http.StatusOK); !strings.Contains(a.text, `"key":"new.txt"`) {
		t.Errorf("listing is %s", a.text)
	}
	if a := f.at(f.key, "img.example.com:80", "GET", "/?stats", "").want(http.StatusOK); !strings.Contains(a.text, `"url":"img.example.com:80"`) {
		t.Errorf("statistics are %s", a.text)
	}
	f.ask(nil, "GET", "/-/health", "", "Host: img.example.com").wantFault(http.StatusForbidden, "permission_denied")
	f.ask(nil, "GET", "/-/health", "", "Host: other.example.com").want(http.StatusOK)

	f.ask(f.key, "DELETE", "/bucket1?cname", `{"domain":"img.example.com"}`).want(http.StatusNoContent)
	f.at(f.key, "img.example.com", "GET", "/dir/a.txt", "").wantFault(http.StatusUnauthorized, "signature_not_matched")
	f.ask(f.key, "GET", "/bucket1/dir/a.txt", "", "Host: img.example.com").want(http.StatusOK)
}

func TestRootOfADomainIsClosed(t *testing.T) {
	f := start(t)
	f.bucket()
	f.object("/bucket1/a.txt", "hello")
	f.bind("img.example.com", "normal")
	f.ask(f.key, "PUT", "/bucket1?acl", readable).want(http.StatusOK)
	f.ask(f.key, "PUT", "/bucket1?policy",
		`{"statement":[{"id":"a","user":"*","effect":"allow","action":["list_objects","head_bucket","get_object"],"resource":["bucket1/*"]}]}`).want(http.StatusOK)
	f.ask(nil, "GET", "/bucket1", "").want(http.StatusOK) // elsewhere the policy lets everybody list
	for _, target := range []string{"/", "/?prefix=a", "/?uploads", "/?x=1"} {
		f.at(nil, "img.example.com", "GET", target, "").wantFault(http.StatusForbidden, "permission_denied")
		f.at(f.key, "img.example.com", "GET", target, "").want(http.StatusOK)
	}
	f.at(nil, "img.example.com", "HEAD", "/", "").want(http.StatusForbidden)
	f.at(f.key, "img.example.com", "HEAD", "/", "").want(http.StatusOK)
	f.at(nil, "img.example.com", "GET", "/a.txt", "").want(http.StatusOK)
	f.at(nil, "img.example.com", "OPTIONS", "/", "", "Origin: http://a.example", "Access-Control-Request-Method: GET").want(http.StatusOK)
}

func TestDomainsThatAreRefused(t *testing.T) {
	f := start(t, func(c *Config) { c.Domain = "ois.test" })
	f.bucket()
	for _, domain := range []string{
		"", ".", "localhost", "a.localhost", "intranet", "ois.test", "OIS.Test.", "jn1a.ois.test", "bucket1.jn1a.ois.test", "new.ois.test",
		"10.0.0.1", "[::1]", "img.example.com:80", "http://img.example.com", "img.example.com/", "*.example.com", "例子.example", "a_b.example.com",
		strings.Repeat("x.", 126) + "com",
	} {
		a := f.ask(f.key, "PUT", "/bucket1?cname", fmt.Sprintf(`{"domain":%q}`, domain)).want(http.StatusBadRequest)
		if !strings.Contains(a.text, `"code":"cname_error"`) {
			t.Errorf("%q is refused with %s; want cname_error", domain, a.text)
		}
	}
	// The name by which the service is reached just now.
	f.ask(f.key, "PUT", "/bucket1?cname", `{"domain":"storage.example.com"}`, "Host: storage.example.com:80").wantFault(http.StatusBadRequest, "cname_error")
	f.bind("storage.example.com", "")
	f.at(f.key, "storage.example.com", "PUT", "/?cname", `{"domain":"storage.example.com"}`).want(http.StatusOK)
	f.ask(f.key, "PUT", "/bucket1?cname", `{"domain":"a.example","type":"mail"}`).wantFault(http.StatusBadRequest, "invalid_request")
	f.ask(f.key, "PUT", "/bucket1?cname", `{"domain":"a.example","type":null}`).want(http.StatusOK)
	f.ask(f.key, "PUT", "/bucket1?cname", `{}`).wantFault(http.StatusBadRequest, "invalid_request")
	f.ask(f.key, "GET", "/bucket1?cname&type=mail", "").wantFault(http.StatusBadRequest, "invalid_argument")
	f.ask(f.key, "DELETE", "/bucket1?cname", `{"domain":"10.0.0.1"}`).wantFault(http.StatusBadRequest, "cname_error")
	f.ask(f.key, "DELETE", "/bucket1?cname", `{"domain":"never.example.com"}`).want(http.StatusNoContent)
}

// ownResolver is what a zoneFile asks. Users are not to know it.
const ownResolver = "192.0.2.53:53"

// A zoneFile is a Resolver.
type zoneFile map[string]string

func (z zoneFile) LookupCNAME(ctx context.Context, host string) (string, error) {
	if _, bounded := ctx.Deadline(); !bounded {
		return "", errors.New("the lookup may take forever")
	}
	target, ok := z[host]
	switch {
	case !ok:
		return "", &net.DNSError{Err: "no such host", Name: host, Server: ownResolver, IsNotFound: true}
	case target == "":
		return "", &net.DNSError{Err: "server misbehaving", Name: host, Server: ownResolver, IsTemporary: true}
	}
	return target, nil
}

func TestDomainsAreVerified(t *testing.T) {
	f := start(t, func(c *Config) {
		c.Domain = "ois.test"
		c.Resolver = zoneFile{
			"good.example.com.": "bucket1.jn1a.ois.test.", "zone.example.com.": "BUCKET1.jn2.ois.test.", "short.example.com.": "bucket1.ois.test.",
			"other.example.com.": "bucket2.jn1a.ois.test.", "self.example.com.": "self.example.com.", "down.example.com.": "",
			"like.example.com.": "bucket1.jn1a.xois.test.", "base.example.com.": "jn1a.ois.test.",
		}
	})
	f.bucket()
	for domain, want := range map[string]fault.Code{
		"good.example.com": "", "zone.example.com": "", "short.example.com": "", "down.example.com": fault.ServiceUnavailable,
		"other.example.com": fault.CNAMERecordNotAdded, "self.example.com": fault.CNAMERecordNotAdded, "none.example.com": fault.CNAMERecordNotAdded,
		"like.example.com": fault.CNAMERecordNotAdded, "base.example.com": fault.CNAMERecordNotAdded,
	} {
		a := f.ask(f.key, "PUT", "/bucket1?cname", fmt.Sprintf(`{"domain":%q}`, domain))
		if want == "" {
			a.want(http.StatusOK)
			continue
		}
		a.wantFault(want.Status(), string(want))
		if strings.Contains(a.text, ownResolver) {
			t.Errorf("%s is refused with %s, which tells where names are looked up", domain, a.text)
		}
		if want == fault.CNAMERecordNotAdded && !strings.Contains(a.text, "bucket1.jn1a.ois.test") {
			t.Errorf("%s is refused with %s; want it to say where the record must lead", domain, a.text)
		}
	}
	if a := f.ask(f.key, "GET", "/bucket1?cname", ""); !strings.HasSuffix(a.text, `"count":3}`) {
		t.Errorf("the domains are %s", a.text)
	}
	f.ask(f.key, "DELETE", "/bucket1?cname", `{"domain":"good.example.com"}`).want(http.StatusNoContent)
}

// TestOwnHostsAreNotLookedUp asks a server that has no store to look anything up in.
func TestOwnHostsAreNotLookedUp(t *testing.T) {
	f := start(t, func(c *Config) { c.Domain = "ois.test" })
	s, err := New(Config{Store: f.store, Zones: f.hosts.Zones, Domain: "ois.test"})
	if err != nil {
		t.Fatal(err)
	}
	s.store = nil
	status := func(host string) int {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/?location", http.NoBody)
		r.Host = host
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Code
	}
	for _, host := range []string{"ois.test", "jn1a.ois.test:80", "pek3.ois.test", "127.0.0.1:80", "[::1]:80", "localhost", "x.localhost", "intranet", ""} {
		if got := status(host); got != http.StatusOK {
			t.Errorf("at host %q: %d; want 200", host, got)
		}
	}
	if got := status("img.example.com"); got != http.StatusInternalServerError {
		t.Errorf("at a host that may be a domain: %d; want it looked up, and 500", got)
	}
}
