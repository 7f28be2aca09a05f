package wire

import (
	"strings"
	"testing"
)

func TestIsDomain(t *testing.T) {
	label := strings.Repeat("x", 63)
	long := strings.Repeat(label+".", 3)
	for name, want := range map[string]bool{
		"img.example.com": true, "a.b": true, "xn--fiqs8s.example": true, "1.example": true, "a-b.c-d": true,
		label + ".example": true, long + label[:61]: true,

		"": false, "localhost": false, ".": false, ".com": false, "a.": false, "a..b": false,
		"-a.com": false, "a-.com": false, "a.-com": false, "a.com-": false, "a.com.": false,
		"10.0.0.1": false, "0x7f.1": false, "a.1": false, "1.0x1": false, "::1": false, "2001:db8::1": false,
		"IMG.example.com": false, "img_1.example.com": false, "img example.com": false, "img.example.com:80": false,
		"例子.example": false, "*.example.com": false, "http://a.example": false, "a.example/": false,
		label + "x.example": false, long + label[:62]: false,
	} {
		if got := IsDomain(name); got != want {
			t.Errorf("IsDomain(%q) = %v; want %v", name, got, want)
		}
	}
}

func TestForeign(t *testing.T) {
	for _, test := range []struct {
		hosts      *Hosts
		host, want string // want is empty if the host is ours, or none
	}{
		{cloud, "img.example.com", "img.example.com"},
		{cloud, "IMG.Example.com.:8080", "img.example.com"},
		{cloud, "xis.shanhe.com", "xis.shanhe.com"},
		{cloud, "shanhe.com", "shanhe.com"},
		{cloud, "is.shanhe.com", ""},
		{cloud, "jn1a.is.shanhe.com:80", ""},
		{cloud, "a.b.pek3a.IS.shanhe.com", ""},
		{cloud, "localhost:9000", ""},
		{cloud, "jn1a.localhost", ""},
		{cloud, "10.0.0.1:80", ""},
		{cloud, "[::1]:80", ""},
		{cloud, "", ""},
		{local, "is.shanhe.com", "is.shanhe.com"},
		{local, "bucket1.jn1a.localhost", ""},
	} {
		got, ok := test.hosts.Foreign(test.host)
		if ok != (test.want != "") || ok && got != test.want {
			t.Errorf("Foreign(%q) = %q, %v; want %q", test.host, got, ok, test.want)
		}
	}
}

func TestResolveDomain(t *testing.T) {
	for path, want := range map[string]Address{
		"":             {Bucket: "bucket1", Virtual: true},
		"/":            {Bucket: "bucket1", Virtual: true},
		"/k":           {Bucket: "bucket1", Key: "k", Virtual: true},
		"/bucket1/a/":  {Bucket: "bucket1", Key: "bucket1/a/", Virtual: true},
		"//a%2Fb+c%20": {Bucket: "bucket1", Key: "/a/b+c ", Virtual: true},
	} {
		if got, err := ResolveDomain("bucket1", path); err != nil || got != want {
			t.Errorf("ResolveDomain(%q) = %+v, %v; want %+v", path, got, err, want)
		}
	}
	if _, err := ResolveDomain("bucket1", "/%zz"); err == nil {
		t.Error("ResolveDomain takes a malformed escape")
	}
}
