package conformance

import (
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestClient01_HostSelectsBucketAndZone(t *testing.T) {
	s := start(t)
	s.needDomain()
	b := s.newBucket()
	b.put("a.txt", "hello").want(http.StatusCreated)
	_, port, _ := net.SplitHostPort(s.addr)
	for _, suffix := range []string{"", ":" + port, ":80"} {
		for _, c := range []struct{ host, path, bucket string }{
			{s.domain, "/" + b.name, ""},
			{s.zoneHost(s.zones[0]), "/" + b.name, ""},
			{strings.ToUpper(s.zoneHost(s.zones[0])), "/" + b.name, ""},
			{s.bucketHost(b.name), "", b.name},
		} {
			host := c.host + suffix
			s.do(request{method: "GET", host: host, target: c.path + "/a.txt", bucket: c.bucket, by: s.owner}).
				want(http.StatusOK).wantBody("hello")
			var l objectList
			s.do(request{method: "GET", host: host, target: c.path + "/", bucket: c.bucket, by: s.owner}).
				want(http.StatusOK).json(&l)
			if l.Name != b.name || len(l.Keys) != 1 {
				t.Errorf("Host %s: listing of %q with %d keys; want %q with 1", host, l.Name, len(l.Keys), b.name)
			}
		}
	}
}

func TestClient01_PortOfTheHostMayBeWrong(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	name := hostname(s.host)
	for _, host := range []string{name, name + ":80", name + ":1"} {
		s.do(request{method: "HEAD", host: host, target: "/" + b.name, by: s.owner}).want(http.StatusOK)
	}
}

func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}

func TestClient01_BucketsAreListedWithoutAZone(t *testing.T) {
	s := start(t)
	s.needDomain()
	b := s.newBucket()
	if names := s.bucketNames(request{method: "GET", host: s.domain, target: "/?limit=1000"}); !slices.Contains(names, b.name) {
		t.Errorf("the list at %s has no %s", s.domain, b.name)
	}
}

func TestZoneHostListsItsBucketsOnly(t *testing.T) {
	s := start(t)
	s.needZones()
	here, there := s.newBucket(), s.newBucketIn(s.zones[1])
	for _, c := range []struct {
		host        string
		here, there bool
	}{
		{s.domain, true, true},
		{s.zoneHost(s.zones[0]), true, false},
		{s.zoneHost(s.zones[1]), false, true},
	} {
		names := s.bucketNames(request{method: "GET", host: c.host, target: "/?limit=1000"})
		if slices.Contains(names, here.name) != c.here || slices.Contains(names, there.name) != c.there {
			t.Errorf("%s lists %v; want bucket of zone %s: %v, of zone %s: %v", c.host, names, s.zones[0], c.here, s.zones[1], c.there)
		}
	}
}

// newBucketIn creates a bucket in a zone.
func (s *session) newBucketIn(zone string) *bucket {
	s.t.Helper()
	b := &bucket{session: s, name: freshName(), by: s.owner}
	s.do(request{method: "PUT", host: s.zoneHost(zone), target: "/" + b.name, by: s.owner}).want(http.StatusCreated)
	s.t.Cleanup(b.remove)
	return b
}

func TestBucketIsCreatedInTheZoneOfTheHost(t *testing.T) {
	s := start(t)
	s.needZones()
	for _, zone := range s.zones {
		if st := s.newBucketIn(zone).statistics(); st.Location != zone {
			t.Errorf("bucket created at %s has the location %q; want %q", s.zoneHost(zone), st.Location, zone)
		}
	}
}

func TestWrongZoneIsServedOrRedirected(t *testing.T) {
	s := start(t)
	s.needZones()
	b := s.newBucketIn(s.zones[1])
	b.fill("a.txt")
	a := s.do(request{method: "GET", host: s.zoneHost(s.zones[0]), target: "/" + b.name + "/a.txt", by: s.owner})
	a.want(http.StatusOK, http.StatusMovedPermanently)
	if to := a.header.Get("Location"); a.status != http.StatusOK && !strings.Contains(to, s.zoneHost(s.zones[1])) {
		t.Errorf("redirected to %q; want a host in %s", to, s.zoneHost(s.zones[1]))
	}
}

func TestClient02_UnsignedHeadFindsTheZone(t *testing.T) {
	s := start(t)
	s.needRedirects()
	b := s.newBucket()
	home := s.zoneHost(s.zones[0])
	for _, port := range []string{"", ":8080"} {
		s.do(request{method: "HEAD", host: s.domain + port, target: "/" + b.name}).
			want(http.StatusMovedPermanently).wantHeader("Location", s.scheme+"://"+home+port+"/"+b.name)
		s.do(request{method: "HEAD", host: b.name + "." + s.domain + port, target: "/"}).
			want(http.StatusTemporaryRedirect).wantHeader("Location", s.scheme+"://"+b.name+"."+home+port+"/")
	}
}

func TestClient02_MissingBucketIsNotRedirected(t *testing.T) {
	s := start(t)
	s.needRedirects()
	for _, r := range []request{
		{method: "HEAD", host: s.domain, target: "/" + freshName()},
		{method: "HEAD", host: freshName() + "." + s.domain, target: "/"},
	} {
		if a := s.do(r); a.status < 400 {
			t.Errorf("HEAD of a missing bucket at %s: %d to %q; want an error", r.host, a.status, a.header.Get("Location"))
		}
	}
}

func TestClient02_SignedHeadIsAnswered(t *testing.T) {
	s := start(t)
	s.needRedirects()
	b := s.newBucket()
	s.do(request{method: "HEAD", host: s.domain, target: "/" + b.name, by: s.owner}).want(http.StatusOK)
}

func TestClient03_TargetMayBeAbsolute(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	target := s.scheme + "://" + s.host + "/" + b.name
	s.do(request{method: "PUT", target: target + "/dir/a%20b.txt", by: s.owner, body: "hello"}).want(http.StatusCreated)
	s.do(request{method: "GET", target: target + "/dir/a%20b.txt", by: s.owner}).want(http.StatusOK).wantBody("hello")
	s.do(request{method: "GET", target: target + "?acl", by: s.owner}).want(http.StatusOK)
	b.get("dir/a b.txt").want(http.StatusOK)
}

func TestClient03_QueryMayEndInNothing(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.fill("a.txt")
	for _, suffix := range []string{"?acl", "?acl=", "?acl&", "?acl=&", "?&acl", "/?acl"} {
		if f := b.send("GET", suffix, "").want(http.StatusOK).fields(); f["acl"] == "" {
			t.Errorf("GET %s gives %v; want the access control list", suffix, f)
		}
	}
	for _, suffix := range []string{"/a.txt?", "/a.txt?&", "/a.txt?x=y&"} {
		b.send("GET", suffix, "").want(http.StatusOK).wantBody("a.txt")
	}
	for _, suffix := range []string{"?", "?&", "/?"} {
		if f := b.send("GET", suffix, "").want(http.StatusOK).fields(); f["keys"] == "" {
			t.Errorf("GET %s gives %v; want a listing", suffix, f)
		}
	}
}

func TestClient03_DeleteMultipleMayEndInEquals(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for _, suffix := range []string{"?delete", "?delete=", "?delete&"} {
		b.fill("a.txt")
		body := deletion("a.txt")
		b.send("POST", suffix, body, "Content-MD5: "+md5Of(body)).want(http.StatusOK)
		b.wantMissing("a.txt")
	}
}

func TestEscapedSlashBelongsToTheKey(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.send("PUT", "/dir%2Fsub%2fa.txt", "x").want(http.StatusCreated)
	b.get("dir/sub/a.txt").want(http.StatusOK).wantBody("x")
	if keys := b.list("").names(); !slices.Equal(keys, []string{"dir/sub/a.txt"}) {
		t.Errorf("keys are %q; want dir/sub/a.txt", keys)
	}
}

func TestPlusInThePathIsAPlus(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.send("PUT", "/a+b.txt", "x").want(http.StatusCreated)
	b.get("a+b.txt").want(http.StatusOK)
	b.wantMissing("a b.txt")
}
