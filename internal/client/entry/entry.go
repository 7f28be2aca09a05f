// Package entry holds what commands know of an object or a file before they read it.
package entry

import (
	"errors"
	"iter"
	"slices"
	"strings"
	"time"
)

// An Entry is an object or a file, named relative to the folder that is looked at, with slashes.
type Entry struct {
	Key      string
	Size     int64
	Modified time.Time
	ETag     string // of an object, in double quotes
	Class    string // storage class of an object

	Encrypted bool // so that the ETag of the object is that of other bytes
	Skipped   bool // it is there and left out, with all that may be below it
}

// A List yields entries in the byte order of their keys. An error ends it, unless it is a [*Bad]: that is about one entry
// or all of one folder, and others follow.
type List = iter.Seq2[Entry, error]

// Bad is the error of a single entry.
type Bad struct {
	Key string
	Err error
}

// Error returns the reason, without the key.
func (b *Bad) Error() string { return b.Err.Error() }

// Unwrap returns the reason.
func (b *Bad) Unwrap() error { return b.Err }

// Ends reports whether err ends a list.
func Ends(err error) bool {
	var bad *Bad
	return err != nil && !errors.As(err, &bad)
}

// Only returns the entries of a list that pass, and its errors.
func Only(list List, passes func(Entry) bool) List {
	return func(yield func(Entry, error) bool) {
		for e, err := range list {
			if (err != nil || passes(e)) && !yield(e, err) {
				return
			}
		}
	}
}

// Skipped finds keys that are below something that is left out. It is told all keys, in their byte order.
type Skipped struct{ names []string }

// Add notes what is left out.
func (s *Skipped) Add(key string) { s.names = append(s.trim(key), key) }

// Has reports whether a key is left out, itself or with what it is in.
func (s *Skipped) Has(key string) bool {
	s.names = s.trim(key)
	return slices.ContainsFunc(s.names, func(n string) bool { return len(key) == len(n) || key[len(n)] == '/' })
}

// trim returns the names that a key starts with, so never more than it has bytes. No key to come starts with another.
func (s *Skipped) trim(key string) []string {
	n := len(s.names)
	for n > 0 && !strings.HasPrefix(key, s.names[n-1]) {
		n--
	}
	return s.names[:n]
}

// Single is a list of one entry.
func Single(e Entry) List {
	return func(yield func(Entry, error) bool) { yield(e, nil) }
}

// Shadows finds keys that no tree of files can hold together: "a", which would be a file, and "a/b", for which it would be a
// folder. It is told all keys, in their byte order.
//
// It keeps only keys that the one at hand starts with, so never more than a key has bytes.
type Shadows struct{ files []string }

// Of returns the key before that is in the way of this one, if there is one.
func (s *Shadows) Of(key string) (file string, ok bool) {
	for n := len(s.files); n > 0 && !strings.HasPrefix(key, s.files[n-1]); n-- {
		s.files = s.files[:n-1]
	}
	for _, f := range s.files {
		if len(key) > len(f) && key[len(f)] == '/' {
			return f, true
		}
	}
	if !strings.HasSuffix(key, "/") {
		s.files = append(s.files, key)
	}
	return "", false
}
