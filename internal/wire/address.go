package wire

import (
	"net/url"
	"slices"
	"strings"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
)

// localhost is the base domain that needs no name service: it serves path style
// and never redirects.
const localhost = "localhost"

// Hosts are the names a server answers to, in lower case.
type Hosts struct {
	Domain string   // base domain, such as "is.shanhe.com"
	Zones  []string // zone ids; the first is the default zone
}

// An Address is what the host and the path of a request select.
type Address struct {
	Zone   string // named by the host; empty if it names none
	Bucket string // empty on service level
	Key    string // empty on service and bucket level

	// Virtual says that the host names the bucket, not the path.
	Virtual bool
	// Zoneless says that the host could name a zone and does not. An unsigned
	// HEAD of a bucket there asks for its zone.
	Zoneless bool
}

// Level returns what kind of resource a selects.
func (a *Address) Level() op.Level {
	switch {
	case a.Bucket == "":
		return op.LevelService
	case a.Key == "":
		return op.LevelBucket
	}
	return op.LevelObject
}

// Resolve returns what host, with or without a port, and path select. The path
// is that of the request line, still percent-encoded: an escaped slash belongs to the
// key, and nothing is normalised. Any host that is not one of ours is path style.
func (h *Hosts) Resolve(host, path string) (Address, error) {
	bucket, zone, zoneless := h.split(Hostname(host))
	return Address{Zone: zone, Bucket: bucket, Virtual: bucket != "", Zoneless: zoneless}.resolve(path)
}

// ResolveDomain returns what a path selects at a domain that leads to a bucket: the same as at the bucket's own host.
func ResolveDomain(bucket, path string) (Address, error) {
	return Address{Bucket: bucket, Virtual: true}.resolve(path)
}

// resolve returns the address with what path selects.
func (a Address) resolve(path string) (Address, error) {
	rest, ok := strings.CutPrefix(path, "/")
	if !ok && path != "" {
		return a, fault.Newf(fault.InvalidArgument, "the path %q does not begin with a slash", path)
	}
	var err error
	if !a.Virtual {
		var bucket string
		bucket, rest, ok = strings.Cut(rest, "/")
		if ok && bucket == "" {
			return a, fault.Newf(fault.InvalidBucketName, "the path %q begins with an empty bucket name", path)
		}
		if a.Bucket, err = unescape(bucket); err != nil {
			return a, err
		}
	}
	a.Key, err = unescape(rest)
	return a, err
}

// split takes bucket and zone off a host name that ends in the base domain.
func (h *Hosts) split(name string) (bucket, zone string, zoneless bool) {
	redirects := h.Domain != localhost
	if name == h.Domain {
		return "", "", redirects
	}
	labels, ok := strings.CutSuffix(name, "."+h.Domain)
	if !ok || labels == "" {
		return "", "", false
	}
	zone = labels
	if i := strings.LastIndexByte(labels, '.'); i >= 0 {
		bucket, zone = labels[:i], labels[i+1:]
	}
	switch {
	case slices.Contains(h.Zones, zone):
		return bucket, zone, false
	case redirects && bucketLabel(labels):
		return labels, "", true
	}
	return "", "", false
}

// bucketLabel reports whether a bucket can have that name. Others, such as a
// zone that is not configured here, make an unknown host.
func bucketLabel(s string) bool {
	if len(s) < 6 || len(s) > 63 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// Hostname returns the name in a Host header: in lower case, without port,
// without the brackets of an IPv6 address and without the final dot.
func Hostname(host string) string {
	name, _ := splitPort(host)
	if n := len(name); n >= 2 && name[0] == '[' && name[n-1] == ']' {
		return strings.ToLower(name[1 : n-1])
	}
	return strings.ToLower(strings.TrimSuffix(name, "."))
}

// splitPort cuts host before the colon of its port. The colons of an IPv6
// address, bracketed or not, are none.
func splitPort(host string) (name, port string) {
	i := strings.LastIndexByte(host, ':')
	if i < 0 || strings.HasSuffix(host, "]") {
		return host, ""
	}
	if strings.IndexByte(host, ':') != i && host[i-1] != ']' {
		return host, ""
	}
	return host[:i], host[i:]
}

// ZoneHost returns the host that leads to a bucket through its zone, in the style of a
// request to host, whose address is a. It keeps the port.
func (h *Hosts) ZoneHost(host string, a *Address, zone string) string {
	_, port := splitPort(host)
	if strings.Trim(port, ":0123456789") != "" {
		port = "" // it is not one
	}
	name := zone + "." + h.Domain + port
	if a.Virtual {
		return a.Bucket + "." + name
	}
	return name
}

// BucketHost returns the host of its own that a bucket has for whoever can reach host; ok is false
// for a host that is none of ours, below which buckets are reached by path only.
func (h *Hosts) BucketHost(host, bucket, zone string) (name string, ok bool) {
	base := Hostname(host)
	if h.Domain == localhost || base != h.Domain && !strings.HasSuffix(base, "."+h.Domain) {
		return "", false
	}
	_, port := splitPort(host)
	return bucket + "." + zone + "." + h.Domain + port, true
}

// unescape undoes percent-encoding. A plus sign in a path is a plus sign.
func unescape(s string) (string, error) {
	u, err := url.PathUnescape(s)
	if err != nil {
		return "", fault.Newf(fault.InvalidArgument, "the path has a malformed percent-encoding: %w", err)
	}
	return u, nil
}
