package server

import (
	"net/http"
	"strings"
	"testing"
)

// TestEveryZoneServesEveryBucket: a bucket has the zone in which it was made, and is reached through all of them.
func TestEveryZoneServesEveryBucket(t *testing.T) {
	f := start(t, func(c *Config) { c.Domain = "ois.test" })
	f.ask(f.key, "PUT", "/bucket1", "", "Host: jn2.ois.test").want(http.StatusCreated)
	f.object("/bucket1/k", "hello")
	for _, at := range []struct{ host, path string }{
		{"ois.test", "/bucket1"},
		{"jn1a.ois.test", "/bucket1"},
		{"jn2.ois.test:80", "/bucket1"},
		{"127.0.0.1", "/bucket1"},
		{"bucket1.jn1a.ois.test", ""},
		{"bucket1.jn2.ois.test", ""},
		{"bucket1.ois.test", ""},
		{"pek3.ois.test", "/bucket1"},
	} {
		host := "Host: " + at.host
		if a := f.ask(f.key, "GET", at.path+"/k", "", host).want(http.StatusOK); a.text != "hello" {
			t.Errorf("at %s: %q", at.host, a.text)
		}
		f.ask(f.key, "PUT", at.path+"/copy", "", host, "X-QS-Copy-Source: /bucket1/k").want(http.StatusCreated)
		f.ask(f.key, "DELETE", at.path+"/copy", "", host).want(http.StatusNoContent)
		if a := f.ask(f.key, "GET", at.path+"/?stats", "", host).want(http.StatusOK); !strings.Contains(a.text, `"location":"jn2"`) {
			t.Errorf("at %s the statistics are %s", at.host, a.text)
		}
	}
}
