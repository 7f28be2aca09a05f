package conformance

import (
	"net/http"
	"testing"
)

type statistics struct {
	Name, Location, URL, Created, Status string
	Count, Size                          int64
	StorageClasses                       map[string]struct{ Count, Size int64 } `json:"storage_classes"`
}

func (b *bucket) statistics() statistics {
	b.t.Helper()
	var st statistics
	b.send("GET", "?stats", "").want(http.StatusOK).json(&st)
	return st
}

func TestClient14_StatisticsSayActiveAndCount(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	f := b.send("GET", "?stats", "").want(http.StatusOK).fields()
	if f["status"] != `"active"` || f["count"] != "0" || f["size"] != "0" {
		t.Errorf("status %s, count %s, size %s; want active, 0 and 0, all present", f["status"], f["count"], f["size"])
	}
	st := b.statistics()
	if st.Name != b.name || st.Location == "" || st.URL == "" {
		t.Errorf("statistics are %+v; want name %s, a location and a url", st, b.name)
	}
	wantRecent(t, "created", st.Created)
}

func TestClient14_StatisticsAreExactAtOnce(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	check := func(what string, count, size int64) {
		t.Helper()
		if st := b.statistics(); st.Count != count || st.Size != size {
			t.Errorf("after %s: %d objects of %d bytes; want %d of %d", what, st.Count, st.Size, count, size)
		}
	}
	b.put("a.txt", "12345").want(http.StatusCreated)
	check("a put", 1, 5)
	b.put("a.txt", "123").want(http.StatusCreated)
	check("an overwrite", 1, 3)
	b.put("b.txt", "", "X-QS-Copy-Source: "+b.path("a.txt")).want(http.StatusCreated)
	check("a copy", 2, 6)
	b.put("c.txt", "", "X-QS-Move-Source: "+b.path("b.txt")).want(http.StatusCreated)
	check("a move", 2, 6)
	u := b.initiate("d.bin")
	u.part(0, "1234567").want(http.StatusCreated)
	check("a part of an unfinished upload", 2, 6)
	u.complete("", 0).want(http.StatusCreated)
	check("a completed upload", 3, 13)
	b.delete("a.txt").want(http.StatusNoContent)
	b.delete("a.txt").want(http.StatusNoContent)
	check("a delete", 2, 10)
	b.deleteMultiple(deletion("c.txt", "d.bin", "never.txt")).want(http.StatusOK)
	check("a delete of all", 0, 0)
}

func TestClient14_StatisticsOfADeletedBucketAreMissing(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.send("DELETE", "", "").want(http.StatusNoContent)
	b.send("GET", "?stats", "").wantFault(http.StatusNotFound, "bucket_not_exists")
}

func TestStatisticsCountByClass(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.put("a.txt", "12345").want(http.StatusCreated)
	b.put("b.txt", "123", "X-QS-Storage-Class: STANDARD_IA").want(http.StatusCreated)
	st := b.statistics()
	for class, size := range map[string]int64{"STANDARD": 5, "STANDARD_IA": 3} {
		if c := st.StorageClasses[class]; c.Count != 1 || c.Size != size {
			t.Errorf("class %s: %d objects of %d bytes; want 1 of %d", class, c.Count, c.Size, size)
		}
	}
}

func TestStatisticsAreForTheOwner(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	b.grant(toAll("FULL_CONTROL"))
	b.as(nil).send("GET", "?stats", "").wantFault(http.StatusForbidden, "permission_denied")
}
