package ois

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

func TestConditionalWritesNeedAnAnnouncement(t *testing.T) {
	for _, test := range []struct {
		announce  string
		headFails bool
		allowed   bool
	}{
		{"conditional-write", false, true},
		{"other, Conditional-Write ,x", false, true},
		{"conditional-write", true, true}, // a refused HEAD tells it as well
		{"conditional-writes", false, false},
		{"", false, false},
	} {
		rec, srv := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
			if test.announce != "" {
				w.Header().Set("X-OIS-Extensions", test.announce)
			}
			switch {
			case r.Method == http.MethodPut:
				w.WriteHeader(http.StatusCreated)
			case test.headFails:
				w.WriteHeader(http.StatusForbidden)
			}
		})
		b := client(t, srv, nil).Bucket("photos-1", "")
		for i := range 2 {
			_, err := b.Put(t.Context(), "k", strings.NewReader("x"), &PutOptions{IfNoneMatch: "*"})
			_, err2 := b.Copy(t.Context(), "k", "l", &CopyOptions{IfMatch: `"e"`})
			for _, err := range []error{err, err2} {
				if test.allowed && err != nil || !test.allowed && (!errors.Is(err, ErrUnsupported) || !errors.Is(err, errors.ErrUnsupported)) {
					t.Errorf("%+v, call %d: %v", test, i, err)
				}
			}
		}
		heads, puts := 0, 0
		for _, s := range rec.requests() {
			if s.Method == http.MethodHead && s.Target == "/photos-1" {
				heads++
			} else if s.Header.Get("If-None-Match")+s.Header.Get("If-Match") != "" {
				puts++
			}
		}
		if want := map[bool]int{true: 4}[test.allowed]; heads != 1 || puts != want {
			t.Errorf("%+v: asked %d times, %d writes; want 1 and %d", test, heads, puts, want)
		}
	}
}

func TestAnnouncementsAreRememberedBySite(t *testing.T) {
	var log []string
	extension := "conditional-write"
	c := client(t, nil, func(c *Config) {
		c.Retry = quick
		c.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			log = append(log, r.Method+" "+strings.TrimSuffix(r.URL.Host, ".is.shanhe.com"))
			res := reply(map[string]int{"PUT": 201, "HEAD": 200}[r.Method], "", "X-OIS-Extensions", extension)
			if r.URL.Host == "jn3.is.shanhe.com" { // a balancer's own page
				res.StatusCode = 502
				res.Header.Del(requestIDHeader)
			}
			return res, nil
		})
	})
	put := func(zone string) error {
		_, err := c.Bucket("photos-1", zone).Put(t.Context(), "k", nil, &PutOptions{IfNoneMatch: "*"})
		return err
	}
	if _, err := c.Bucket("photos-1", "jn1").Head(t.Context(), "k", nil); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(put("jn1"), put("jn2"), put("jn2")); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(log, ","); got != "HEAD jn1,PUT jn1,HEAD jn2,PUT jn2,PUT jn2" {
		t.Errorf("requests: %s", got)
	}
	extension = "" // the zone has got an older server
	if err := put("jn2"); err != nil {
		t.Fatal(err)
	}
	if err := put("jn2"); !errors.Is(err, ErrUnsupported) {
		t.Errorf("after an answer without the announcement: %v", err)
	}
	extension = "conditional-write"
	if err := put("jn3"); !errors.Is(err, ErrUnsupported) {
		t.Errorf("when nobody of the service has answered: %v", err)
	}
}
