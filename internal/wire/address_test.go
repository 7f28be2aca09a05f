package wire

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
)

var (
	cloud = &Hosts{Domain: "is.shanhe.com", Zones: []string{"jn1a", "jn2"}}
	local = &Hosts{Domain: "localhost", Zones: []string{"jn1a"}}
)

func TestResolveHost(t *testing.T) {
	tests := []struct {
		name  string
		hosts *Hosts
		host  string
		path  string
		want  Address
	}{
		{"base domain", cloud, "is.shanhe.com", "/", Address{Zoneless: true}},
		{"base domain, path style", cloud, "is.shanhe.com", "/bucket1/k", Address{Bucket: "bucket1", Key: "k", Zoneless: true}},
		{"zone", cloud, "jn1a.is.shanhe.com", "/", Address{Zone: "jn1a"}},
		{"zone, path style", cloud, "jn2.is.shanhe.com", "/bucket1", Address{Zone: "jn2", Bucket: "bucket1"}},
		{"virtual host", cloud, "bucket1.jn1a.is.shanhe.com", "/k", Address{Zone: "jn1a", Bucket: "bucket1", Key: "k", Virtual: true}},
		{"virtual host, bucket level", cloud, "bucket1.jn1a.is.shanhe.com", "/", Address{Zone: "jn1a", Bucket: "bucket1", Virtual: true}},
		{"virtual host, empty path", cloud, "bucket1.jn1a.is.shanhe.com", "", Address{Zone: "jn1a", Bucket: "bucket1", Virtual: true}},
		{"virtual host, no zone", cloud, "bucket1.is.shanhe.com", "/k", Address{Bucket: "bucket1", Key: "k", Virtual: true, Zoneless: true}},
		{"all left of the zone is the bucket", cloud, "a.b.jn1a.is.shanhe.com", "/", Address{Zone: "jn1a", Bucket: "a.b", Virtual: true}},
		{"a zone not configured here is an unknown host", cloud, "pek3a.is.shanhe.com", "/bucket1", Address{Bucket: "bucket1"}},
		{"a bucket below it, too", cloud, "bucket1.pek3a.is.shanhe.com", "/bucket2", Address{Bucket: "bucket2"}},
		{"unknown host", cloud, "storage.example.com", "/bucket1/k", Address{Bucket: "bucket1", Key: "k"}},
		{"ends like the domain", cloud, "xis.shanhe.com", "/bucket1", Address{Bucket: "bucket1"}},
		{"only a dot before the domain", cloud, ".is.shanhe.com", "/bucket1", Address{Bucket: "bucket1"}},
		{"no host", cloud, "", "/bucket1", Address{Bucket: "bucket1"}},
		{"upper case", cloud, "Bucket1.JN1A.IS.Shanhe.COM", "/K", Address{Zone: "jn1a", Bucket: "bucket1", Key: "K", Virtual: true}},
		{"port", cloud, "jn1a.is.shanhe.com:443", "/bucket1", Address{Zone: "jn1a", Bucket: "bucket1"}},
		{"empty port", cloud, "jn1a.is.shanhe.com:", "/bucket1", Address{Zone: "jn1a", Bucket: "bucket1"}},
		{"final dot", cloud, "jn1a.is.shanhe.com.:80", "/bucket1", Address{Zone: "jn1a", Bucket: "bucket1"}},
		{"IPv4", cloud, "10.0.0.5:8080", "/bucket1/k", Address{Bucket: "bucket1", Key: "k"}},
		{"IPv6", cloud, "[::1]:9000", "/bucket1/k", Address{Bucket: "bucket1", Key: "k"}},
		{"IPv6, no port", cloud, "[::1]", "/bucket1/k", Address{Bucket: "bucket1", Key: "k"}},
		{"localhost never redirects", local, "localhost:9000", "/bucket1", Address{Bucket: "bucket1"}},
		{"localhost with a zone", local, "jn1a.localhost:9000", "/bucket1", Address{Zone: "jn1a", Bucket: "bucket1"}},
		{"localhost with bucket and zone", local, "bucket1.jn1a.localhost:9000", "/k", Address{Zone: "jn1a", Bucket: "bucket1", Key: "k", Virtual: true}},
		{"localhost with anything else", local, "bucket1.localhost:9000", "/bucket2", Address{Bucket: "bucket2"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.hosts.Resolve(test.host, test.path)
			if err != nil {
				t.Fatalf("Resolve(%q, %q): %v", test.host, test.path, err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Resolve(%q, %q) (-want +got):\n%s", test.host, test.path, diff)
			}
		})
	}
}

func TestResolvePath(t *testing.T) {
	tests := []struct {
		path        string
		bucket, key string
		level       op.Level
	}{
		{"", "", "", op.LevelService},
		{"/", "", "", op.LevelService},
		{"/bucket1", "bucket1", "", op.LevelBucket},
		{"/bucket1/", "bucket1", "", op.LevelBucket},
		{"/b%75cket1", "bucket1", "", op.LevelBucket},
		{"/bucket1/k", "bucket1", "k", op.LevelObject},
		{"/bucket1/k/", "bucket1", "k/", op.LevelObject},
		{"/bucket1//k", "bucket1", "/k", op.LevelObject},
		{"/bucket1/a//b", "bucket1", "a//b", op.LevelObject},
		{"/bucket1/a/../b/./c", "bucket1", "a/../b/./c", op.LevelObject},
		{"/bucket1/..", "bucket1", "..", op.LevelObject},
		{"/bucket1/a%2Fb%2fc", "bucket1", "a/b/c", op.LevelObject},
		{"/bucket1/a+b%20c", "bucket1", "a+b c", op.LevelObject},
		{"/bucket1/%E4%B8%AD%e6%96%87", "bucket1", "中文", op.LevelObject},
		{"/bucket1/%25%00%0A%3F", "bucket1", "%\x00\n?", op.LevelObject},
		{"/bucket1/a%252Fb", "bucket1", "a%2Fb", op.LevelObject},
	}
	for _, test := range tests {
		got, err := local.Resolve("127.0.0.1", test.path)
		if err != nil || got.Bucket != test.bucket || got.Key != test.key || got.Level() != test.level {
			t.Errorf("Resolve(%q) = bucket %q, key %q, level %v, %v; want %q, %q, %v",
				test.path, got.Bucket, got.Key, got.Level(), err, test.bucket, test.key, test.level)
		}
	}
}

func TestResolveRefuses(t *testing.T) {
	tests := []struct {
		path string
		want fault.Code
	}{
		{"/bucket1/a%2", fault.InvalidArgument},
		{"/bucket1/%zz", fault.InvalidArgument},
		{"/%/k", fault.InvalidArgument},
		{"*", fault.InvalidArgument},
		{"bucket1/k", fault.InvalidArgument},
		{"//k", fault.InvalidBucketName},
		{"//", fault.InvalidBucketName},
	}
	for _, test := range tests {
		if _, err := local.Resolve("127.0.0.1", test.path); fault.CodeOf(err) != test.want {
			t.Errorf("Resolve(%q) = %v; want %s", test.path, err, test.want)
		}
	}
}

func TestZoneHost(t *testing.T) {
	tests := []struct{ host, path, want string }{
		{"is.shanhe.com", "/bucket1", "jn2.is.shanhe.com"},
		{"IS.shanhe.com:8080", "/bucket1", "jn2.is.shanhe.com:8080"},
		{"bucket1.is.shanhe.com:8080", "/", "bucket1.jn2.is.shanhe.com:8080"},
	}
	for _, test := range tests {
		a, err := cloud.Resolve(test.host, test.path)
		if err != nil {
			t.Fatal(err)
		}
		if got := cloud.ZoneHost(test.host, &a, "jn2"); got != test.want {
			t.Errorf("ZoneHost(%q) = %q; want %q", test.host, got, test.want)
		}
	}
}

func TestBucketHost(t *testing.T) {
	tests := []struct {
		hosts      *Hosts
		host, want string
	}{
		{cloud, "is.shanhe.com", "bucket1.jn2.is.shanhe.com"},
		{cloud, "jn1a.is.shanhe.com:8080", "bucket1.jn2.is.shanhe.com:8080"},
		{cloud, "10.0.0.5:8080", ""},
		{cloud, "xis.shanhe.com", ""},
		{local, "jn1a.localhost:9000", ""},
	}
	for _, test := range tests {
		if got, ok := test.hosts.BucketHost(test.host, "bucket1", "jn2"); got != test.want || ok != (got != "") {
			t.Errorf("BucketHost(%q) = %q, %v; want %q", test.host, got, ok, test.want)
		}
	}
}

// FuzzResolve checks that every key survives its escaping, in both styles, and
// that no host or path is too odd.
func FuzzResolve(f *testing.F) {
	f.Add("is.shanhe.com:80", "/bucket1/a%2Fb", "key")
	f.Add("[::1]:x", "//%", "../\x00/")
	f.Add("bucket1.jn1a.is.shanhe.com.", "*", "中文 (v1).txt")
	f.Add("IMG.example.com.:80", "/%2e%2e/a", "k")
	f.Add("xn--fiqs8s.example", "", "")
	f.Fuzz(func(t *testing.T, host, path, key string) {
		if name, ok := cloud.Foreign(host); ok {
			a, err := cloud.Resolve(host, path)
			again, still := cloud.Foreign(name)
			if err == nil && (a.Virtual || a.Zone != "" || a.Zoneless) || again != name || !still {
				t.Errorf("Foreign(%q) = %q, and Resolve finds %+v there, Foreign %q, %v", host, name, a, again, still)
			}
		}
		if a, err := ResolveDomain("bucket1", path); err == nil && (a.Bucket != "bucket1" || !a.Virtual) {
			t.Errorf("ResolveDomain(%q) = %+v; want an address in the bucket", path, a)
		}
		if a, err := cloud.Resolve(host, path); err == nil && a.Bucket == "" && a.Key != "" {
			t.Errorf("Resolve(%q, %q) = %+v: a key without a bucket", host, path, a)
		}
		for _, escaped := range []string{url.PathEscape(key), strings.ReplaceAll(url.PathEscape(key), "%2F", "/")} {
			for host, path := range map[string]string{"jn1a.is.shanhe.com": "/bucket1/", "bucket1.jn1a.is.shanhe.com": "/"} {
				a, err := cloud.Resolve(host, path+escaped)
				if err != nil || a.Bucket != "bucket1" || a.Key != key {
					t.Errorf("Resolve(%q, %q) = %+v, %v; want key %q", host, path+escaped, a, err, key)
				}
			}
		}
	})
}
