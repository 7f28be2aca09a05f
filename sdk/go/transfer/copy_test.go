package transfer

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	ois "github.com/oisproject/ois/sdk/go"
)

func TestCopiesOfAnySize(t *testing.T) {
	for _, test := range []struct {
		size, parts int
		calls       []string // each once at least
	}{
		{10, 1, []string{"HeadObject a b?", "CopyObject k"}},
		{4 * mb, 1, []string{"CopyObject k"}},
		{13 * mb, 4, []string{"HeadObject a b?", "InitiateMultipartUpload k", "CopyPart k 3", "CompleteMultipartUpload k"}},
	} {
		s := newService()
		m := New(s.bucket(t), small)
		m.copyLimit = 4 * mb
		data := pattern(test.size)
		s.put("a b?", data)
		s.objects["photos/a b?"].header = http.Header{"Content-Type": {"image/jpeg"}, "X-Qs-Meta-Author": {"team a"}}
		res, err := m.Copy(t.Context(), "k", "a b?", nil)
		if err != nil {
			t.Fatalf("%d bytes: %v", test.size, err)
		}
		same(t, "copy", s.object("k"), data)
		if res.Size != int64(test.size) || res.Parts != test.parts || res.ETag != s.objects["photos/a b?"].etag {
			t.Errorf("%d bytes: result %+v; the source has %s", test.size, res, s.objects["photos/a b?"].etag)
		}
		for _, c := range test.calls {
			if s.count(c) == 0 {
				t.Errorf("%d bytes: calls %q; want %s", test.size, s.log(), c)
			}
		}
		if h := s.objects["photos/k"].header; test.parts > 1 && (h.Get("Content-Type") != "image/jpeg" || h.Get("X-Qs-Meta-Author") != "team a") {
			t.Errorf("%d bytes: the copy has %v", test.size, h)
		}
	}
}

func TestCopyKnowsTheSize(t *testing.T) {
	s := newService()
	s.put("a", pattern(10))
	if _, err := New(s.bucket(t), small).Copy(t.Context(), "k", "a", &CopyOptions{Size: 10}); err != nil || s.count("") != 1 {
		t.Errorf("calls %q, %v; want one", s.log(), err)
	}
}

func TestCopyOfASourceThatIsReplacedFails(t *testing.T) {
	s := newService()
	m := New(s.bucket(t), small)
	m.copyLimit = 4 * mb
	s.put("a", pattern(13*mb))
	s.before = func(_ http.ResponseWriter, _ *http.Request, call string) bool {
		if call == "CopyPart k 2" {
			s.put("a", pattern(14*mb))
		}
		return false
	}
	_, err := m.Copy(t.Context(), "k", "a", nil)
	if !errors.Is(err, ois.ErrPrecondition) || !strings.Contains(err.Error(), "replaced") || s.unfinished() != 0 || s.object("k") != nil {
		t.Errorf("%v; %d uploads are left", err, s.unfinished())
	}
}
