package signature

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A Message holds the parts of a request that a signature covers.
//
// A signer fills it with what it is about to send; a verifier fills it with
// what arrived, byte for byte. The fields after Expires select one of the
// spellings that clients in the field use: a signer leaves them alone, and
// [Key.Verify] tries them all.
type Message struct {
	Method string // upper case, such as "GET"

	// Path is the path of the request line, still percent-encoded. It is never
	// decoded and encoded again: clients differ in what they escape. The empty
	// path counts as "/".
	Path string

	// Query is the raw query, without its "?". Only the parameters for which
	// [SignedParameter] holds take part.
	Query string

	// Header gives Content-MD5, Content-Type, Date and every x-qs- header.
	Header http.Header

	// Bucket is set where the host selects the bucket (virtual-host style, bound
	// domains), and empty where the path does.
	Bucket string

	// Expires is the decimal Unix time of a pre-signed request, as sent. It takes
	// the place of the date. Empty means the header form.
	Expires string

	// RawValues takes the values of signed parameters as they are in Query, instead
	// of decoded: the rule of the Python SDKs.
	RawValues bool

	// OtherSlash spells a bucket's own path the other way: "/b/" as "/b", and
	// "/b" as "/b/". It changes nothing on other levels.
	OtherSlash bool

	// KeepDate keeps the Date line although x-qs-date is present.
	KeepDate bool
}

// AppendStringToSign appends to dst the text over which the signature is made.
func (m *Message) AppendStringToSign(dst []byte) []byte {
	dst = append(dst, m.Method...)
	dst = append(dst, '\n')
	dst = append(dst, trim(m.Header.Get("Content-Md5"))...)
	dst = append(dst, '\n')
	dst = append(dst, trim(m.Header.Get("Content-Type"))...)
	dst = append(dst, '\n')
	dst = append(dst, m.date()...)
	dst = append(dst, '\n')
	dst = m.appendHeaders(dst)
	return m.AppendResource(dst)
}

// date is the fourth line. A date in x-qs-date stands among the headers, and
// leaves this line empty.
func (m *Message) date() string {
	if m.Expires != "" {
		return m.Expires
	}
	if !m.KeepDate && trim(m.Header.Get("X-Qs-Date")) != "" {
		return ""
	}
	return trim(m.Header.Get("Date"))
}

// appendHeaders appends one line for each x-qs- header, in the order of the
// lower-case names. Repeated headers are joined by commas.
func (m *Message) appendHeaders(dst []byte) []byte {
	var few [16]string
	names := few[:0]
	for name := range m.Header {
		if hasPrefixFold(name, "x-qs-") {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, compareNames)
	open := ""
	for _, name := range names {
		for _, value := range m.Header[name] {
			if open != "" && compareFold(open, name) == 0 {
				dst = append(dst, ',')
			} else {
				if open != "" {
					dst = append(dst, '\n')
				}
				dst = append(appendLower(dst, name), ':')
				open = name
			}
			dst = append(dst, trim(value)...)
		}
	}
	if open != "" {
		dst = append(dst, '\n')
	}
	return dst
}

// AppendResource appends the canonical resource to dst: the bucket if the host
// names it, the path as it was sent, and the signed parameters by name.
func (m *Message) AppendResource(dst []byte) []byte {
	start := len(dst)
	if m.Bucket != "" {
		dst = append(dst, '/')
		dst = append(dst, m.Bucket...)
	}
	if m.Path == "" {
		dst = append(dst, '/')
	} else {
		dst = append(dst, m.Path...)
	}
	if m.OtherSlash && isBucketPath(dst[start:]) {
		if last := len(dst) - 1; dst[last] == '/' {
			dst = dst[:last]
		} else {
			dst = append(dst, '/')
		}
	}
	return m.appendParameters(dst)
}

// parameter is a signed parameter as it stands in the query.
type parameter struct{ name, value string }

func (m *Message) appendParameters(dst []byte) []byte {
	var few [8]parameter
	list := few[:0]
	for rest := m.Query; rest != ""; {
		var piece string
		piece, rest, _ = strings.Cut(rest, "&")
		name, value, _ := strings.Cut(piece, "=")
		name = decode(name)
		if !SignedParameter(name) {
			continue
		}
		if !m.RawValues {
			value = decode(value)
		}
		list = append(list, parameter{name, value})
	}
	// A repeated parameter is covered as often as it is there: the order of
	// equal names is the order in the query.
	slices.SortStableFunc(list, func(a, b parameter) int { return strings.Compare(a.name, b.name) })
	mark := byte('?')
	for _, p := range list {
		dst = append(dst, mark)
		mark = '&'
		dst = append(dst, p.name...)
		if p.value != "" {
			dst = append(dst, '=')
			dst = append(dst, p.value...)
		}
	}
	return dst
}

// SignedParameter reports whether the query parameter of that name is part of
// the canonical resource. There are 26 such names; all others, such as prefix
// and limit, are not signed.
func SignedParameter(name string) bool {
	switch name {
	case "acl", "append", "cname", "cors", "delete", "image", "lifecycle", "logging",
		"mirror", "notification", "part_number", "policy", "position", "replication",
		"stats", "upload_id", "uploads", "version_id", "versioning", "versions",
		"response-cache-control", "response-content-disposition",
		"response-content-encoding", "response-content-language",
		"response-content-type", "response-expires":
		return true
	}
	return false
}

// SplitTarget splits the target of a request line into raw path and raw query.
// It understands the absolute form that proxies get ("http://host/path?query").
func SplitTarget(target string) (path, query string) {
	path, query, _ = strings.Cut(target, "?")
	if strings.HasPrefix(path, "/") {
		return path, query
	}
	if _, rest, ok := strings.Cut(path, "://"); ok {
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			return rest[i:], query
		}
		return "", query
	}
	return path, query
}

// isBucketPath reports whether resource is "/name" or "/name/".
func isBucketPath(resource []byte) bool {
	if len(resource) < 2 || resource[0] != '/' || resource[1] == '/' {
		return false
	}
	i := slices.Index(resource[1:], '/')
	return i < 0 || i == len(resource)-2
}

// decode undoes percent-encoding and "+" for space. What is malformed stays as it is.
func decode(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	if d, err := url.QueryUnescape(s); err == nil {
		return d
	}
	return s
}

func trim(s string) string { return strings.Trim(s, " \t") }

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

func appendLower(dst []byte, s string) []byte {
	for i := range len(s) {
		dst = append(dst, lower(s[i]))
	}
	return dst
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && compareFold(s[:len(prefix)], prefix) == 0
}

// compareFold compares the lower-case forms of a and b byte by byte.
func compareFold(a, b string) int {
	for i := range min(len(a), len(b)) {
		if x, y := lower(a[i]), lower(b[i]); x != y {
			return int(x) - int(y)
		}
	}
	return len(a) - len(b)
}

// compareNames orders spellings of one name as net/http writes them: by bytes.
func compareNames(a, b string) int {
	if c := compareFold(a, b); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}
