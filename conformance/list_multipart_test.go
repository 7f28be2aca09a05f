package conformance

import (
	"net/http"
	"testing"
)

type partList struct {
	Count       int
	ObjectParts []struct {
		PartNumber    int `json:"part_number"`
		Size          int64
		Created, ETag string
	} `json:"object_parts"`
}

func (l partList) numbers() []int {
	var numbers []int
	for _, p := range l.ObjectParts {
		numbers = append(numbers, p.PartNumber)
	}
	return numbers
}

// parts lists the parts of the upload; more is appended to the query.
func (u *upload) parts(more string) partList {
	u.t.Helper()
	var l partList
	u.send("GET", u.suffix()+more, "").want(http.StatusOK).json(&l)
	return l
}

func TestClient29_LimitOfZeroAsksForTheUploadAlone(t *testing.T) {
	s := start(t)
	u := s.newBucket().initiate("a")
	for range 2 {
		f := u.send("GET", u.suffix()+"&limit=0", "").want(http.StatusOK).fields()
		if f["object_parts"] != "[]" {
			t.Errorf("limit=0 lists %s; want []", f["object_parts"])
		}
		u.part(5, "x").want(http.StatusCreated)
	}
	if l := u.parts("&limit=0"); l.Count != 1 {
		t.Errorf("limit=0 counts %d; want 1", l.Count)
	}
}

func TestClient29_CountIsTheTotalAndTheMarkerExclusive(t *testing.T) {
	s := start(t)
	u := s.newBucket().initiate("a")
	for _, n := range []int{12, 0, 1, 7, 10000, 2} {
		u.part(n, "part").want(http.StatusCreated)
	}
	for _, c := range []struct {
		query string
		want  []int
	}{
		{"", []int{0, 1, 2, 7, 12, 10000}},
		{"&limit=2", []int{0, 1}},
		{"&part_number_marker=0", []int{1, 2, 7, 12, 10000}},
		{"&part_number_marker=0&limit=1", []int{1}},
		{"&part_number_marker=1&limit=2", []int{2, 7}},
		{"&part_number_marker=5", []int{7, 12, 10000}},
		{"&part_number_marker=10000", nil},
		{"&part_number_marker=&limit=", []int{0, 1, 2, 7, 12, 10000}},
		{"&limit=5000", []int{0, 1, 2, 7, 12, 10000}},
	} {
		l := u.parts(c.query)
		if got := l.numbers(); len(got) != len(c.want) || len(got) > 0 && (got[0] != c.want[0] || got[len(got)-1] != c.want[len(c.want)-1]) {
			t.Errorf("%s lists %v; want %v", c.query, got, c.want)
		}
		if l.Count != 6 {
			t.Errorf("%s counts %d; want 6", c.query, l.Count)
		}
	}
	p := u.parts("").ObjectParts[0]
	if p.Size != 4 || p.ETag != hexOf("part") {
		t.Errorf("part is %+v; want 4 bytes and the MD5 without quotes", p)
	}
	wantRecent(t, "created", p.Created)
}

func TestListMultipartRefusesWhatItCannotRead(t *testing.T) {
	s := start(t)
	u := s.newBucket().initiate("a")
	for _, query := range []string{"&limit=-1", "&limit=many", "&part_number_marker=-2", "&part_number_marker=x"} {
		u.send("GET", u.suffix()+query, "").wantFault(http.StatusBadRequest, "invalid_argument")
	}
}
