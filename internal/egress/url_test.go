package egress

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	c := New(Options{})
	for _, tt := range []struct{ text, want string }{
		{"http://example.com", "http://example.com"},
		{"https://example.com:8443/a?b=c#d", "https://example.com:8443/a?b=c"},
		{"HTTPS://example.com/", "https://example.com/"},
		{"example.com/a", "http://example.com/a"},
		{"example.com:8080/a", "http://example.com:8080/a"},
		{"example.com/a?u=ftp://x", "http://example.com/a?u=ftp://x"},
		{"example.com?u=ftp://x", "http://example.com?u=ftp://x"},
		{"http://example.com/a b/ä", "http://example.com/a%20b/%C3%A4"},
		{"http://example.com/a%2fb%2F", "http://example.com/a%2fb%2F"},
		{"http://8.8.8.8/", "http://8.8.8.8/"},
		{"http://[2606:4700::1111]:81/", "http://[2606:4700::1111]:81/"},
	} {
		u, err := c.Parse(tt.text)
		if err != nil || u.String() != tt.want {
			t.Errorf("Parse(%q) = %v, %v; want %s", tt.text, u, err, tt.want)
		}
	}
	for _, tt := range []struct{ text, what string }{
		{"", "no host"},
		{"/etc/passwd", "no host"},
		{"http://", "no host"},
		{"http:///a", "no host"},
		{"http://:80/", "no host"},
		{"//example.com/", "no host"},
		{"ftp://example.com/", `"ftp"`},
		{"file:///etc/passwd", `"file"`},
		{"gopher://example.com/", "allowed: http, https"},
		{"http://user:hunter2@example.com/", "user name"},
		{"http://@example.com/", "user name"},
		{"user@example.com/", "user name"},
		{"http://example.com:0/", "port"},
		{"http://example.com:65536/", "port"},
		{"http://example.com:/", "port"},
		{"http://example.com:x/", "port"},
		{"http://exa mple.com/", "invalid character"},
		{"http://example.com/%zz", "invalid URL escape"},
		{"http://example.com/\r\nX: y", "control character"},
		{"http://example.com/" + strings.Repeat("x", 9000), "bytes; allowed: 8192"},
		{"http://127.0.0.1/", "does not connect to 127.0.0.1"},
		{"http://[::1]:80/", "does not connect"},
		{"http://[::ffff:10.0.0.1]/", "does not connect"},
		{"http://[fe80::1%25eth0]/", "does not connect"},
		{"http://169.254.169.254/latest/meta-data/", "does not connect"},
	} {
		u, err := c.Parse(tt.text)
		if !errors.Is(err, ErrURL) || !strings.Contains(err.Error(), tt.what) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Parse(%.60q) = %v, %v; want ErrURL with %q", tt.text, u, err, tt.what)
		}
	}
	if _, err := New(Options{AllowPrivate: true}).Parse("http://127.0.0.1/"); err != nil {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"http://example.com/", "example.com:80", "http://[::1]/", "http://u:p@h/", "https://127.0.0.1:1/a?b#c", "//x", "http://[fe80::1%25a]/"} {
		f.Add(s)
	}
	c := New(Options{})
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 1000 {
			return // it grows when it is escaped
		}
		u, err := c.Parse(s)
		if err != nil {
			if !errors.Is(err, ErrURL) {
				t.Errorf("Parse(%q): %v", s, err)
			}
			return
		}
		if u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Hostname() == "" || u.Fragment != "" {
			t.Errorf("Parse(%q) = %#v", s, u)
		}
		if a, err := netip.ParseAddr(u.Hostname()); err == nil && refused(a) {
			t.Errorf("Parse(%q) lets %v pass", s, a)
		}
		if again, err := c.Parse(u.String()); err != nil || again.String() != u.String() {
			t.Errorf("Parse(%q) = %v, which parses as %v, %v", s, u, again, err)
		}
	})
}
