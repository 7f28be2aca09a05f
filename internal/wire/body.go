package wire

import (
	"bytes"
	"cmp"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"unicode/utf8"

	"github.com/oisproject/ois/internal/fault"
)

// What a JSON body may be at most.
const (
	maxJSONBytes = 2 << 20
	maxJSONDepth = 32
)

// bodyRules say what a request of an operation must carry.
type bodyRules struct {
	json     bool
	required bool  // the body must not be empty
	md5      bool  // Content-MD5 must be there
	max      int64 // bytes; 0 means maxJSONBytes
	shape    *shape
}

// readJSON reads a JSON body into v. A body that is not what its length and its digest
// announce is refused before it is looked at.
func readJSON(r *Request, rules *bodyRules, v any) error {
	limit := cmp.Or(rules.max, maxJSONBytes)
	if r.ContentLength > limit {
		return fault.Newf(fault.InvalidRequest, "the body has %d bytes; want at most %d", r.ContentLength, limit)
	}
	data, err := readAll(r, limit)
	if err != nil {
		return err
	}
	if err := checkMD5(r.Header, data, rules.md5); err != nil {
		return err
	}
	if len(bytes.TrimSpace(data)) == 0 {
		if rules.required {
			return fault.Newf(fault.InvalidJSON, "the body is empty; want a JSON object")
		}
		return nil
	}
	if err := checkJSON(data, rules.shape); err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fault.Newf(fault.InvalidRequest, "the body does not fit: %w", err)
	}
	return nil
}

// readAll reads the body.
func readAll(r *Request, limit int64) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	data, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fault.Newf(fault.IncompleteBody, "the body ends after %d bytes: %w", len(data), err)
	case err == nil && int64(len(data)) > limit:
		return nil, fault.Newf(fault.InvalidRequest, "the body is longer than %d bytes", limit)
	case err != nil:
		return nil, fault.Newf(fault.IncompleteBody, "the body cannot be read: %w", err)
	case r.ContentLength > int64(len(data)):
		return nil, fault.Newf(fault.IncompleteBody, "the body has %d bytes; announced were %d", len(data), r.ContentLength)
	}
	return data, nil
}

// checkMD5 compares data with Content-MD5, which is base64 or hexadecimal.
func checkMD5(h http.Header, data []byte, required bool) error {
	value := h.Get("Content-Md5")
	if value == "" {
		if required {
			return fault.Newf(fault.InvalidArgument, "header Content-MD5 is missing")
		}
		return nil
	}
	want, err := ParseMD5(value)
	if err != nil {
		return err
	}
	if got := md5.Sum(data); got != want {
		return fault.Newf(fault.BadDigest, "the body has the MD5 %s; Content-MD5 says %s",
			base64.StdEncoding.EncodeToString(got[:]), base64.StdEncoding.EncodeToString(want[:]))
	}
	return nil
}

// ParseMD5 reads the value of a Content-MD5 header: base64 of 16 bytes, or 32 hexadecimal digits.
func ParseMD5(value string) (sum [md5.Size]byte, err error) {
	var data []byte
	if len(value) == hex.EncodedLen(md5.Size) {
		data, err = hex.DecodeString(value)
	} else {
		data, err = base64.StdEncoding.DecodeString(value)
	}
	if err != nil || copy(sum[:], data) != len(data) || len(data) != md5.Size {
		return sum, fault.Newf(fault.InvalidArgument, "header Content-MD5: got %q; want base64 of 16 bytes", value)
	}
	return sum, nil
}

// checkJSON refuses what is not one JSON value of reasonable depth, and a value whose
// shape is another one.
func checkJSON(data []byte, s *shape) error {
	if !utf8.Valid(data) {
		return fault.Newf(fault.InvalidJSON, "the body is not UTF-8")
	}
	if depth(data) > maxJSONDepth {
		return fault.Newf(fault.InvalidJSON, "the body is nested deeper than %d levels", maxJSONDepth)
	}
	if err := json.Unmarshal(data, new(json.RawMessage)); err != nil {
		return fault.Newf(fault.InvalidJSON, "the body is not JSON: %w", err)
	}
	return s.check(data)
}

// depth returns how deep objects and arrays are nested.
func depth(data []byte) int {
	deepest, now, quoted := 0, 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{', c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}', c == ']':
			now--
		}
	}
	return deepest
}
