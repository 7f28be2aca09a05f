// Package signature makes and checks the request signatures of OIS.
//
// A request is signed with HMAC-SHA256 over a text that names its method, type,
// date, x-qs- headers and resource. The signature travels in the Authorization
// header, or in the query of a pre-signed URL. [Message] builds the text, [Key]
// signs and verifies it; client and server use the same code.
//
// The package knows neither clocks nor users: whether a date is fresh enough and
// whose key it is, is the caller's to decide.
package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"strings"
	"sync"
)

// Names of the query parameters that carry a pre-signed request's signature.
const (
	ParamAccessKeyID = "access_key_id"
	ParamExpires     = "expires"
	ParamSignature   = "signature"
)

// scheme is what an Authorization header starts with.
const scheme = "QS "

// Size is the length of a signature in bytes of text.
const Size = 44

// A Key signs with one secret. It is safe for concurrent use, and worth keeping:
// the work that depends on the secret alone is done once.
type Key struct {
	id     string
	states sync.Pool // of *state
}

// state is what one signature needs.
type state struct {
	mac  hash.Hash
	text []byte
	sum  [sha256.Size]byte
}

// NewKey returns the key of that id.
func NewKey(accessKeyID, secretAccessKey string) *Key {
	secret := []byte(secretAccessKey)
	return &Key{
		id: accessKeyID,
		states: sync.Pool{New: func() any {
			return &state{mac: hmac.New(sha256.New, secret), text: make([]byte, 0, 512)}
		}},
	}
}

// ID returns the access key id.
func (k *Key) ID() string { return k.id }

// AppendSignature appends the signature of m to dst, in the base64 of the header.
func (k *Key) AppendSignature(dst []byte, m *Message) []byte {
	s := k.states.Get().(*state)
	defer k.release(s)
	s.text = m.AppendStringToSign(s.text[:0])
	return s.appendSum(dst)
}

// Sign returns the signature of m, in the base64 of the header.
func (k *Key) Sign(m *Message) string {
	var buf [Size]byte
	return string(k.AppendSignature(buf[:0], m))
}

// Authorization returns the value of the Authorization header for m.
func (k *Key) Authorization(m *Message) string {
	var few [128]byte
	buf := append(few[:0], scheme...)
	buf = append(buf, k.id...)
	buf = append(buf, ':')
	return string(k.AppendSignature(buf, m))
}

// SignText signs a text as it is. The policy of a POST form is signed so, in its base64 form.
func (k *Key) SignText(text string) string {
	s := k.states.Get().(*state)
	defer k.release(s)
	s.text = append(s.text[:0], text...)
	var buf [Size]byte
	return string(s.appendSum(buf[:0]))
}

// Verify reports whether signature was made with k for m, in any of the
// spellings that clients use: values of parameters decoded or as sent, a bucket's
// path with and without its slash, and the date in its line although x-qs-date
// repeats it. It takes the same time wherever two signatures differ.
func (k *Key) Verify(m *Message, signature string) bool {
	s := k.states.Get().(*state)
	defer k.release(s)
	for spelling := range 8 {
		v := *m
		v.RawValues = spelling&1 != 0
		v.OtherSlash = spelling&2 != 0
		v.KeepDate = spelling&4 != 0
		if v.skip() {
			continue
		}
		s.text = v.AppendStringToSign(s.text[:0])
		var buf [Size]byte
		if subtle.ConstantTimeCompare(s.appendSum(buf[:0]), []byte(signature)) == 1 {
			return true
		}
	}
	return false
}

// skip reports whether m's spelling cannot differ from the plain one.
func (m *Message) skip() bool {
	if m.RawValues && !strings.ContainsAny(m.Query, "%+") {
		return true
	}
	if m.KeepDate && (m.Expires != "" || m.Header.Get("Date") == "" || m.Header.Get("X-Qs-Date") == "") {
		return true
	}
	if m.OtherSlash {
		path := strings.Trim(m.Path, "/")
		return m.Bucket == "" && path == "" || m.Bucket != "" && path != "" || strings.Contains(path, "/")
	}
	return false
}

// release keeps s for the next signature, unless a huge request has blown it up.
func (k *Key) release(s *state) {
	if cap(s.text) <= 64<<10 {
		k.states.Put(s)
	}
}

// appendSum appends the base64 of the code of s.text.
func (s *state) appendSum(dst []byte) []byte {
	s.mac.Reset()
	_, _ = s.mac.Write(s.text) // a hash never fails
	return base64.StdEncoding.AppendEncode(dst, s.mac.Sum(s.sum[:0]))
}

// ParseAuthorization splits the value of an Authorization header into access key
// id and signature. It reports false for what is not "QS id:signature".
func ParseAuthorization(value string) (accessKeyID, signature string, ok bool) {
	rest, ok := strings.CutPrefix(trim(value), scheme)
	if !ok {
		return "", "", false
	}
	rest = trim(rest)
	accessKeyID, signature, ok = strings.Cut(rest, ":")
	if !ok || accessKeyID == "" || signature == "" || strings.ContainsAny(rest, " \t\r\n") {
		return "", "", false
	}
	return accessKeyID, signature, true
}
