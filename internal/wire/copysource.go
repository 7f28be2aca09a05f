package wire

import (
	"net/url"
	"slices"
	"strings"

	"github.com/oisproject/ois/internal/fault"
)

// A Source is the object that a copy, a move or a part copy reads.
type Source struct {
	Bucket string
	// Objects are what the header can mean, the likeliest first: clients differ in what they
	// escape. The first that exists is meant.
	Objects []SourceObject
}

// A SourceObject names a version of a key; an empty version is the current one.
type SourceObject struct{ Key, VersionID string }

// versionMark separates a key from a version in a source.
const versionMark = "?version_id="

// ParseSource reads the value of the copy or move source header of that name:
// "/bucket/key", percent-encoded or not, with or without its leading slash. The key
// is taken as it stands, then decoded; only then is "?version_id=" looked for in both.
func ParseSource(header, value string) (Source, error) {
	bucket, key, ok := cutBucket(value)
	if !ok {
		bucket, key, ok = cutBucket(decoded(value))
	}
	if !ok {
		return Source{}, fault.Newf(fault.InvalidArgument, "the header %s is %q and should be /bucket/key", header, value)
	}
	s := Source{Bucket: decoded(bucket)}
	s.add(key, "")
	s.add(decoded(key), "")
	if i := strings.LastIndex(key, versionMark); i > 0 {
		version := decoded(key[i+len(versionMark):])
		s.add(key[:i], version)
		s.add(decoded(key[:i]), version)
	}
	if whole := decoded(key); strings.LastIndex(whole, versionMark) > 0 { // who escapes everything escapes the mark, too
		i := strings.LastIndex(whole, versionMark)
		s.add(whole[:i], whole[i+len(versionMark):])
	}
	return s, nil
}

func (s *Source) add(key, version string) {
	if o := (SourceObject{key, version}); !slices.Contains(s.Objects, o) {
		s.Objects = append(s.Objects, o)
	}
}

func cutBucket(value string) (bucket, key string, ok bool) {
	bucket, key, ok = strings.Cut(strings.TrimPrefix(value, "/"), "/")
	return bucket, key, ok && bucket != "" && key != ""
}

// decoded undoes percent-encoding, and returns what is malformed as it is. A
// plus sign stays one.
func decoded(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}
