package store

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/oisproject/ois/internal/fault"
)

// Limits of the API.
const (
	MaxKey           = 1023               // bytes of an object key
	MaxBody          = 5 << 30            // bytes of one body or part
	MinPart          = 4 << 20            // bytes of a part that is not the last
	MaxParts         = 10000              // parts of an object
	MaxPartNumber    = 10000              // part numbers start at 0
	MaxObject        = MaxParts * MaxBody // bytes of a multipart object
	MaxMetadata      = 2048               // bytes of custom metadata, names and values
	MaxMetadataName  = 512                // bytes of one name
	MaxDeletes       = 1000               // keys of one multi-delete
	MaxContentType   = 255                // bytes
	maxListed        = 1000               // entries of a page
	defaultListed    = 100                // keys of a page when nothing is asked for
	defaultBuckets   = 200                // buckets and uploads of a page likewise
	maxStoredHeader  = 1024               // bytes of Cache-Control and its like
	octetStream      = "application/octet-stream"
	minBucketName    = 6
	maxBucketName    = 63
	bucketNameRule   = "6 to 63 of a-z, 0-9 and -, the first and last a letter or digit"
	metadataNameRule = "letters, digits, - _ and ."
)

func checkBucketName(name string) error {
	ok := len(name) >= minBucketName && len(name) <= maxBucketName
	for i := 0; ok && i < len(name); i++ {
		c := name[i]
		alnum := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		ok = alnum || c == '-' && i > 0 && i < len(name)-1
	}
	if !ok {
		return fault.Newf(fault.InvalidBucketName, "bucket name %q is not allowed; allowed: %s", name, bucketNameRule)
	}
	return nil
}

// CheckKey refuses keys that cannot be written, with invalid_object_name.
func CheckKey(key string) error { return checkKey(key) }

// checkKey refuses keys that cannot be written.
func checkKey(key string) error {
	why := ""
	switch {
	case key == "":
		why = "it is empty"
	case len(key) > MaxKey:
		why = fmt.Sprintf("it has %d bytes", len(key))
	case key[0] == '/':
		why = "it starts with /"
	case !utf8.ValidString(key):
		why = "it is not UTF-8"
	default:
		return nil
	}
	return fault.Newf(fault.InvalidObjectName, "object key is not allowed: %s; allowed: 1 to %d bytes of UTF-8 that do not start with /", why, MaxKey)
}

// checkHeaders refuses headers that cannot be stored, and fills in the default type.
func checkHeaders(h *headers) error {
	if h.contentType == "" {
		h.contentType = octetStream
	}
	if len(h.contentType) > MaxContentType {
		return fault.Newf(fault.InvalidArgument, "Content-Type has %d bytes; allowed: %d", len(h.contentType), MaxContentType)
	}
	for name, value := range map[string]string{
		"Cache-Control": h.cacheControl, "Content-Disposition": h.contentDisposition,
		"Content-Encoding": h.contentEncoding, "Expires": h.expires,
	} {
		if len(value) > maxStoredHeader {
			return fault.Newf(fault.InvalidArgument, "%s has %d bytes; allowed: %d", name, len(value), maxStoredHeader)
		}
	}
	return checkMetadata(h.metadata)
}

func checkMetadata(m map[string]string) error {
	total := 0
	for _, name := range sortedNames(m) {
		value := m[name]
		total += len(name) + len(value)
		if len(name) > MaxMetadataName {
			return fault.Newf(fault.MetadataTooLarge, "metadata name %.40q… has %d bytes; allowed: %d", name, len(name), MaxMetadataName)
		}
		if name == "" || strings.ContainsFunc(name, notInMetadataName) {
			return fault.Newf(fault.InvalidArgument, "metadata name %q is not allowed; allowed: %s", name, metadataNameRule)
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < 32 || r > 126 }) {
			return fault.Newf(fault.InvalidArgument, "value of metadata %q has characters beyond printable ASCII; encode them", name)
		}
	}
	if total > MaxMetadata {
		return fault.Newf(fault.MetadataTooLarge, "metadata has %d bytes, names and values together; allowed: %d", total, MaxMetadata)
	}
	return nil
}

func notInMetadataName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
}

// parseMD5 reads a Content-MD5 in base64, or in the hexadecimal digits that some
// clients send; nil if absent.
func parseMD5(s string) ([]byte, error) {
	if s == "" {
		return nil, nil
	}
	if sum, err := base64.StdEncoding.DecodeString(s); err == nil && len(sum) == md5.Size {
		return sum, nil
	}
	if sum, err := hex.DecodeString(s); err == nil && len(sum) == md5.Size {
		return sum, nil
	}
	return nil, fault.Newf(fault.InvalidArgument, "Content-MD5 %q is not an MD5; allowed: base64 of its 16 bytes, or 32 hexadecimal digits", s)
}

// parseETag reads an ETag that a client sends, with or without quotes.
func parseETag(s string) (string, error) {
	etag := s
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		etag = s[1 : len(s)-1]
	}
	bad := func(r rune) bool { return r <= 32 || r >= 127 || r == '"' || r == '\\' }
	if len(etag) > 255 || strings.ContainsFunc(etag, bad) {
		return "", fault.Newf(fault.InvalidArgument, "ETag %.300q is not well-formed; allowed: up to 255 printable characters, quotes around them optional", s)
	}
	return etag, nil
}

func quote(etag string) string { return `"` + etag + `"` }

func sortedNames(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
