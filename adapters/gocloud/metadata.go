package oisblob

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Names of metadata have letters, digits and "-_." in this API, and values printable ASCII. Other
// bytes of names are written as ".x2f", those of values as "%2f". What other programs have written
// is taken as it is unless it reads like that.
//
// The API keeps no Content-Language, so it is metadata of that name, which Go CDK does not see. Metadata
// that a program gives this name start with an escaped letter.
const (
	languageName = "content-language"
	mark         = ".x"
	hexDigits    = "0123456789abcdef"
)

// encodeMetadata makes metadata of the API of those of Go CDK.
func encodeMetadata(m map[string]string, contentLanguage string) (map[string]string, error) {
	if len(m) == 0 && contentLanguage == "" {
		return nil, nil
	}
	encoded := make(map[string]string, len(m)+1)
	for name, value := range m {
		if name == "" {
			return nil, fmt.Errorf("the name of metadata with value %q is empty", value)
		}
		encoded[encodeName(name)] = encodeValue(value)
	}
	if contentLanguage != "" {
		encoded[languageName] = encodeValue(contentLanguage)
	}
	return encoded, nil
}

// decodeMetadata undoes encodeMetadata.
func decodeMetadata(m map[string]string) (metadata map[string]string, contentLanguage string) {
	for name, value := range m {
		if name == languageName {
			contentLanguage = decodeValue(value)
			continue
		}
		if metadata == nil {
			metadata = make(map[string]string, len(m))
		}
		metadata[decodeName(name)] = decodeValue(value)
	}
	return metadata, contentLanguage
}

func encodeName(name string) string {
	var b strings.Builder
	for i := range len(name) {
		_, escaped := unescape(name[i:])
		if c := name[i]; isNameByte(c) && !escaped && (i > 0 || name != languageName) {
			b.WriteByte(c)
		} else {
			b.WriteString(mark)
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-_.", c) >= 0
}

// decodeName undoes encodeName. A name that did not come from there stays as it is.
func decodeName(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		c, ok := unescape(name[i:])
		if ok {
			i += len(mark) + 1
		} else {
			c = name[i]
		}
		b.WriteByte(c)
	}
	if s := b.String(); utf8.ValidString(s) && encodeName(s) == name {
		return s
	}
	return name
}

// unescape returns the byte that the start of s stands for, if it is escaped.
func unescape(s string) (byte, bool) {
	if len(s) < len(mark)+2 || !strings.HasPrefix(s, mark) {
		return 0, false
	}
	high, low := strings.IndexByte(hexDigits, s[2]), strings.IndexByte(hexDigits, s[3])
	return byte(high<<4 | low&15), high >= 0 && low >= 0
}

func encodeValue(value string) string {
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		blank := c == ' ' && i > 0 && i < len(value)-1 // at the ends it would get lost
		if c > ' ' && c <= '~' && c != '%' || blank {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}

func decodeValue(value string) string {
	if s, err := url.PathUnescape(value); err == nil && utf8.ValidString(s) {
		return s
	}
	return value
}
