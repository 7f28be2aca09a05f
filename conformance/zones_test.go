package conformance

import (
	"net/http"
	"slices"
	"testing"
)

func TestLocationsAreTheSameEverywhere(t *testing.T) {
	s := start(t)
	s.needZones()
	for _, host := range []string{s.host, s.domain, s.domain + ":8080", s.zoneHost(s.zones[0]), s.zoneHost(s.zones[1])} {
		var l struct {
			Locations []struct{ ID, Endpoint string }
		}
		s.do(request{method: "GET", host: host, target: "/?location"}).want(http.StatusOK).json(&l)
		var ids []string
		for _, z := range l.Locations {
			ids = append(ids, z.ID)
			if want := s.zoneHost(z.ID); z.Endpoint != want {
				t.Errorf("at %s the endpoint of zone %s is %q; want %q", host, z.ID, z.Endpoint, want)
			}
		}
		for _, zone := range s.zones {
			if !slices.Contains(ids, zone) {
				t.Errorf("at %s there are zones %v; want %s among them", host, ids, zone)
			}
		}
	}
}

func TestHostsOfZonesListThatZone(t *testing.T) {
	s := start(t)
	s.needZones()
	here, there := s.newBucket(), s.newBucketIn(s.zones[1])
	for _, c := range []struct {
		host, header string
		here, there  bool
	}{
		{s.domain, s.zones[1], false, true},
		{s.host, s.zones[0], true, false},
		{s.host, "", true, true},
		{s.zoneHost(s.zones[1]) + ":80", "", false, true},
		{s.zoneHost(s.zones[1]), s.zones[1], false, true},
	} {
		names := s.bucketNames(request{method: "GET", host: c.host, target: "/?limit=1000", header: []string{"Location: " + c.header}})
		if slices.Contains(names, here.name) != c.here || slices.Contains(names, there.name) != c.there {
			t.Errorf("%s with Location %q lists bucket of zone %s: %v, of zone %s: %v; want %v, %v", c.host, c.header, s.zones[0],
				!c.here, s.zones[1], !c.there, c.here, c.there)
		}
	}
}

func TestBucketIsCreatedAtAHostOfItsOwn(t *testing.T) {
	s := start(t)
	s.needZones()
	for _, zone := range s.zones {
		b := &bucket{session: s, name: freshName(), by: s.owner}
		host := b.name + "." + s.zoneHost(zone)
		s.do(request{method: "PUT", host: host, target: "/", bucket: b.name, by: s.owner}).want(http.StatusCreated)
		t.Cleanup(b.remove)
		if st := b.statistics(); st.Location != zone {
			t.Errorf("bucket created at %s has the location %q; want %q", host, st.Location, zone)
		}
	}
}

func TestBucketNamesAreUniqueOverZones(t *testing.T) {
	s := start(t)
	s.needZones()
	b := s.newBucketIn(s.zones[0])
	s.do(request{method: "PUT", host: s.zoneHost(s.zones[1]), target: "/" + b.name, by: s.owner}).
		wantFault(http.StatusConflict, "bucket_already_exists")
	if st := b.statistics(); st.Location != s.zones[0] {
		t.Errorf("the bucket has moved to %q", st.Location)
	}
}

func TestHostOfAZoneDoesNotRedirect(t *testing.T) {
	s := start(t)
	s.needDomain()
	b := s.newBucket()
	for _, r := range []request{
		{method: "HEAD", host: s.zoneHost(s.zones[0]), target: "/" + b.name},
		{method: "HEAD", host: s.bucketHost(b.name), target: "/"},
	} {
		s.do(r).want(http.StatusForbidden)
	}
}

func TestClient03_AbsoluteTargetsSelectLikeHosts(t *testing.T) {
	s := start(t)
	s.needDomain()
	b := s.newBucket()
	b.fill("a b.txt")
	for _, port := range []string{"", ":8080"} {
		for _, c := range []struct{ target, bucket string }{
			{s.domain + port + "/" + b.name, ""},
			{s.zoneHost(s.zones[0]) + port + "/" + b.name, ""},
			{s.bucketHost(b.name) + port, b.name},
		} {
			// The target counts, whatever Host says.
			for _, host := range []string{"", s.domain, "other.example.com"} {
				r := request{method: "GET", host: host, target: "http://" + c.target + "/a%20b.txt", bucket: c.bucket, by: s.owner}
				s.do(r).want(http.StatusOK).wantBody("a b.txt")
				r.target = "http://" + c.target + "?acl"
				s.do(r).want(http.StatusOK)
			}
		}
	}
}
