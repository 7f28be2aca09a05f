package ois

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestBucketZone(t *testing.T) {
	tests := []struct {
		endpoint string
		status   int
		location string
		want     string
		err      error
	}{
		{"https://is.example.com", 301, "https://jn1.is.example.com/photos-1", "jn1", nil},
		{"https://is.example.com", 301, "http://jn1.is.example.com:8080/photos-1/", "jn1", nil},
		{"https://is.example.com", 307, "https://photos-1.jn1.is.example.com/", "jn1", nil},
		{"https://jn2.is.example.com", 301, "https://jn1.is.example.com/photos-1", "jn1", nil},
		{"https://is.example.com", 301, "https://www.example.com/", "", &RedirectError{}},
		{"https://is.example.com", 301, "https://www.example.com/photos-12", "", &RedirectError{}},
		{"https://is.example.com", 302, "https://is.example.com/photos-1", "", &RedirectError{}},
		{"https://is.example.com", 301, "https://10.0.0.1/photos-1", "", &RedirectError{}},
		{"https://is.example.com", 301, "", "", &Error{}},
		{"http://127.0.0.1:9000", 200, "", "", nil},
		{"http://127.0.0.1:9000", 403, "", "", nil},
		{"http://127.0.0.1:9000", 404, "", "", ErrNotFound},
	}
	for _, test := range tests {
		c := client(t, nil, func(c *Config) {
			c.Endpoint, c.Zone, c.VirtualHost = test.endpoint, "jn9", true
			c.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.Header.Get("Authorization") != "" || r.URL.String() != test.endpoint+"/photos-1" || r.Method != http.MethodHead {
					t.Errorf("%s %s with %v", r.Method, r.URL, r.Header)
				}
				if test.location == "" {
					return reply(test.status, ""), nil
				}
				return reply(test.status, "", "Location", test.location), nil
			})
		})
		got, err := c.BucketZone(t.Context(), "photos-1")
		if got != test.want || (err == nil) != (test.err == nil) {
			t.Errorf("%d %s: %q, %v; want %q, %v", test.status, test.location, got, err, test.want, test.err)
		}
		if errors.Is(test.err, ErrNotFound) && !errors.Is(err, ErrNotFound) {
			t.Errorf("%d: %v; want ErrNotFound", test.status, err)
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		n := 0
		b := client(t, nil, func(c *Config) {
			c.Endpoint = "https://is.example.com"
			c.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				n++
				return reply(status, "", "Location", "https://jn2.is.example.com/photos-1/k"), nil
			})
		}).Bucket("photos-1", "jn1")
		_, err := b.Put(t.Context(), "k", strings.NewReader("x"), nil)
		var redirect *RedirectError
		if !errors.As(err, &redirect) || redirect.Zone != "jn2" || n != 1 || !strings.Contains(err.Error(), `the bucket is in zone "jn2"`) {
			t.Errorf("status %d: %v after %d requests; want a RedirectError that names the zone", status, err, n)
		}
	}
}

func TestMirrorIsFollowedWithoutSecrets(t *testing.T) {
	for _, test := range []struct {
		endpoint, location string
		follows            bool
	}{
		{"https://is.example.com", "https://origin.example.net/k?x=1", true},
		{"http://127.0.0.1:9000", "http://origin.example.net/k?x=1", true},
		{"http://127.0.0.1:9000", "https://origin.example.net/k?x=1", true},
		{"https://is.example.com", "http://origin.example.net/k?x=1", false},
		{"https://is.example.com", "file:///etc/passwd", false},
		{"https://is.example.com", "https://is.example.com/loop", false},
	} {
		n := 0
		b := client(t, nil, func(c *Config) {
			c.Endpoint, c.Retry = test.endpoint, quick
			c.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				if n++; n > 1 && r.URL.Host == "origin.example.net" {
					for name := range r.Header {
						if name != "User-Agent" && name != "Range" {
							t.Errorf("%s goes to the origin", name)
						}
					}
					res := reply(206, "123", "Content-Range", "bytes 1-3/9", "Content-Type", "text/html")
					res.Header.Del(requestIDHeader)
					return res, nil
				}
				return reply(302, "", "Location", test.location), nil
			})
		}).Bucket("photos-1", "")
		r, err := b.Get(t.Context(), "k", &GetOptions{Offset: 1, Length: 3, EncryptionKey: make([]byte, 32)})
		var redirect *RedirectError
		if !test.follows {
			if !errors.As(err, &redirect) || n > maxHops+1 {
				t.Errorf("%s: %v after %d requests; want a RedirectError", test.location, err, n)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.location, err)
			continue
		}
		data, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil || string(data) != "123" || r.Info.Size != 9 {
			t.Errorf("%s: %q, %v", test.location, data, err)
		}
	}
}

// FuzzZoneOf checks that no address of a server makes a zone that is no label.
func FuzzZoneOf(f *testing.F) {
	f.Add("https://jn1.is.shanhe.com/photos-1")
	f.Add("http://photos-1.jn1.is.shanhe.com:8080/")
	f.Add("//photos-1..is.shanhe.com")
	c, err := New(Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, location string) {
		if zone := c.zoneOf(location, "photos-1"); zone != "" && !isLabel(zone) {
			t.Errorf("zoneOf(%q) = %q", location, zone)
		}
	})
}
