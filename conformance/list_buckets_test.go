package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"
)

type bucketList struct {
	Count   int64
	Buckets []struct {
		Name, Location, URL, Created string
	}
}

func (s *session) listBuckets(r request) bucketList {
	s.t.Helper()
	var l bucketList
	r.by = s.owner
	s.do(r).want(http.StatusOK).json(&l)
	return l
}

// bucketNames returns the names of all buckets that r and the pages after it list.
func (s *session) bucketNames(r request) []string {
	s.t.Helper()
	var names []string
	target := r.target
	for {
		r.target = withQuery(target, fmt.Sprintf("offset=%d", len(names)))
		l := s.listBuckets(r)
		for _, b := range l.Buckets {
			names = append(names, b.Name)
		}
		if len(l.Buckets) == 0 || int64(len(names)) >= l.Count {
			return names
		}
	}
}

func TestListBucketsTellsNameZoneAddressAndTime(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	l := s.listBuckets(request{method: "GET", target: "/?limit=1000"})
	if l.Count < int64(len(l.Buckets)) {
		t.Errorf("count is %d for %d buckets; want the total", l.Count, len(l.Buckets))
	}
	for _, entry := range l.Buckets {
		if entry.Name != b.name {
			continue
		}
		if entry.Location == "" || entry.URL == "" {
			t.Errorf("entry %+v has no location or no url", entry)
		}
		wantRecent(t, "created", entry.Created)
		return
	}
	t.Errorf("%s is not on the first page", b.name)
}

// wantRecent checks that text is a time in the form of JSON answers, and not long ago.
func wantRecent(t *testing.T, what, text string) {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	if d := time.Since(at); d < -15*time.Minute || d > 15*time.Minute {
		t.Errorf("%s is %s, %v ago; want now", what, text, d)
	}
}

func TestClient30_LocationHeaderRestrictsTheZone(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for _, c := range []struct {
		zone string
		want bool
	}{{"", true}, {b.statistics().Location, true}} {
		names := s.bucketNames(request{method: "GET", target: "/?limit=1000", header: []string{"Location: " + c.zone}})
		if slices.Contains(names, b.name) != c.want {
			t.Errorf("Location: %q lists the bucket: %v; want %v", c.zone, !c.want, c.want)
		}
	}
	if len(s.zones) > 1 {
		names := s.bucketNames(request{method: "GET", target: "/?limit=1000", header: []string{"Location: " + s.zones[1]}})
		if slices.Contains(names, b.name) {
			t.Errorf("Location: %s lists a bucket of %s", s.zones[1], s.zones[0])
		}
	}
}

func TestClient30_OffsetMayBeZero(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for _, target := range []string{"/?offset=0&limit=1000", "/?limit=1000&offset=", "/?limit=1000"} {
		l := s.listBuckets(request{method: "GET", target: target, header: []string{"Location:"}})
		if !slices.ContainsFunc(l.Buckets, func(e struct{ Name, Location, URL, Created string }) bool { return e.Name == b.name }) {
			t.Errorf("GET %s does not list %s", target, b.name)
		}
	}
}

func TestListBucketsPages(t *testing.T) {
	s := start(t)
	a, b := s.newBucket(), s.newBucket()
	l := s.listBuckets(request{method: "GET", target: "/?limit=1"})
	if len(l.Buckets) != 1 || l.Count < 2 {
		t.Fatalf("limit=1: %d buckets, count %d; want 1 and at least 2", len(l.Buckets), l.Count)
	}
	// Buckets of other tests come and go, so that one page may repeat or miss a name of theirs.
	l = s.listBuckets(request{method: "GET", target: fmt.Sprintf("/?offset=%d", 1<<40)})
	if len(l.Buckets) != 0 || l.Count < 2 {
		t.Errorf("offset beyond the end: %d buckets, count %d; want none, and the total", len(l.Buckets), l.Count)
	}
	names := s.bucketNames(request{method: "GET", target: "/?limit=1000"})
	for _, name := range []string{a.name, b.name} {
		if !slices.Contains(names, name) {
			t.Errorf("the pages do not have %s", name)
		}
	}
}

func TestListBucketsShowsOwnBucketsOnly(t *testing.T) {
	s := start(t)
	s.needOther()
	b := s.newBucket()
	b.grant(toAll("FULL_CONTROL"))
	other := *s.service
	other.owner = s.other
	strange := &session{service: &other, t: t}
	if slices.Contains(strange.bucketNames(request{method: "GET", target: "/?limit=1000"}), b.name) {
		t.Error("another user's list has our bucket")
	}
}

func TestListBucketsNeedsASignature(t *testing.T) {
	s := start(t)
	s.do(request{method: "GET", target: "/"}).wantFault(http.StatusForbidden, "permission_denied")
}

func TestListBucketsRefusesWhatItCannotRead(t *testing.T) {
	s := start(t)
	for _, query := range []string{"limit=-1", "limit=many", "offset=-1", "offset=1.5"} {
		s.do(request{method: "GET", target: "/?" + query, by: s.owner}).wantFault(http.StatusBadRequest, "invalid_argument")
	}
	s.do(request{method: "GET", target: "/", by: s.owner, header: []string{"Location: nowhere9z"}}).
		wantFault(http.StatusBadRequest, "invalid_location")
}

func TestServiceTakesNoOtherMethod(t *testing.T) {
	s := start(t)
	for _, method := range []string{"PUT", "POST", "DELETE", "PATCH"} {
		s.do(request{method: method, target: "/", by: s.owner}).wantFault(http.StatusMethodNotAllowed, "method_not_allowed")
	}
}
