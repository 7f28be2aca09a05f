// Package header makes and checks values of request headers for the packages of the SDK. It
// sends nothing.
package header

import (
	"crypto/md5" // the protocol's check against damaged keys
	"encoding/base64"
	"fmt"
	"strings"
)

// CustomerKey returns the three headers for an encryption key of 32 bytes, and empty ones for
// no key.
func CustomerKey(key []byte) (algorithm, text, sum string, err error) {
	if len(key) == 0 {
		return "", "", "", nil
	}
	if len(key) != 32 {
		return "", "", "", fmt.Errorf("encryption key of %d bytes; it must have 32", len(key))
	}
	md := md5.Sum(key)
	return "AES256", base64.StdEncoding.EncodeToString(key), base64.StdEncoding.EncodeToString(md[:]), nil
}

// CheckMetadata refuses values that would not come back as they are.
func CheckMetadata(m map[string]string) error {
	for name, value := range m {
		for i := range len(value) {
			if c := value[i]; c < ' ' || c > '~' {
				return fmt.Errorf("metadata %q: byte %#x is not printable ASCII; encode the value, by url.PathEscape for instance", name, c)
			}
		}
		if strings.Trim(value, " \t") != value {
			return fmt.Errorf("metadata %q: blanks at the ends of a header get lost; encode the value", name)
		}
	}
	return nil
}
