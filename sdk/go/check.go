package ois

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/oisproject/ois/sdk/go/internal/header"
)

// customerHeaders are the three headers of an encryption key.
type customerHeaders struct{ algorithm, key, sum string }

// customerKey returns the headers for a key of 32 bytes, and none for no key.
func customerKey(key []byte) (h customerHeaders, err error) {
	h.algorithm, h.key, h.sum, err = header.CustomerKey(key)
	return h, err
}

// checkMetadata refuses values that would not come back as they are.
func checkMetadata(m map[string]string) error { return header.CheckMetadata(m) }

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
