package ois

import (
	"crypto/md5" // the protocol's check against damaged keys
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// customerHeaders are the three headers of an encryption key.
type customerHeaders struct{ algorithm, key, sum string }

// customerKey returns the headers for a key of 32 bytes, and none for no key.
func customerKey(key []byte) (customerHeaders, error) {
	if len(key) == 0 {
		return customerHeaders{}, nil
	}
	if len(key) != 32 {
		return customerHeaders{}, fmt.Errorf("encryption key of %d bytes; it must have 32", len(key))
	}
	sum := md5.Sum(key)
	return customerHeaders{
		"AES256", base64.StdEncoding.EncodeToString(key), base64.StdEncoding.EncodeToString(sum[:]),
	}, nil
}

// checkMetadata refuses values that would not come back as they are.
func checkMetadata(m map[string]string) error {
	for name, value := range m {
		for i := range len(value) {
			if c := value[i]; c < ' ' || c > '~' {
				return fmt.Errorf("metadata %q: byte %#x is not printable ASCII; encode the value, by url.PathEscape for instance", name, c)
			}
		}
		if trimBlanks(value) != value {
			return fmt.Errorf("metadata %q: blanks at the ends of a header get lost; encode the value", name)
		}
	}
	return nil
}

// checkBucket refuses a name that would make a bucket's path an object's.
func checkBucket(name string) error {
	if strings.Contains(name, "/") {
		return fmt.Errorf("bucket %q: a slash is no part of a name", name)
	}
	return nil
}

// checkKey refuses keys that JSON would turn into other keys.
func checkKey(key string) error {
	switch {
	case key == "":
		return errors.New("the key is empty")
	case !utf8.ValidString(key):
		return errors.New("the key is not UTF-8")
	}
	return nil
}
