// Package target reads what the arguments of commands name: an object, a folder or a bucket of the service, a file of this
// machine, or one of the standard streams.
//
// It only looks at the text. Whether there is such an object or file is for others to find out.
package target

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Scheme is how the names of buckets and objects start.
const Scheme = "ois://"

// A Target is what an argument names.
type Target struct {
	// Remote says that it is in the service. Then Bucket may be empty, which is the service as a whole, and so may Key.
	Remote bool
	Bucket string
	Key    string // as it is: nothing in it is escaped

	Path string // of a local file; "-" is a standard stream
}

// Parse reads an argument.
func Parse(arg string) (Target, error) {
	if arg == "" {
		return Target{}, fmt.Errorf("an empty name is not allowed: want %sBUCKET/KEY or the name of a file", Scheme)
	}
	rest, remote := strings.CutPrefix(arg, Scheme)
	if !remote {
		if scheme, _, ok := strings.Cut(arg, "://"); ok && isScheme(scheme) {
			return Target{}, fmt.Errorf("%q is not understood: want %sBUCKET/KEY, or the name of a file, with ./ before it if it looks like that", arg, Scheme)
		}
		return Target{Path: arg}, nil
	}
	bucket, key, slash := strings.Cut(rest, "/")
	if bucket == "" && slash {
		return Target{}, fmt.Errorf("%q names no bucket: want %sBUCKET/KEY", arg, Scheme)
	}
	return Target{Remote: true, Bucket: bucket, Key: key}, nil
}

func isScheme(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '+' && r != '-'
	})
}

// String is the target as it is typed.
func (t Target) String() string {
	switch {
	case !t.Remote:
		return t.Path
	case t.Key == "":
		return Scheme + t.Bucket
	}
	return Scheme + t.Bucket + "/" + t.Key
}

// IsStream reports whether t is a standard stream.
func (t Target) IsStream() bool { return !t.Remote && t.Path == "-" }

// IsFolder reports whether t is written as a folder. A local folder may also be written without the slash.
func (t Target) IsFolder() bool {
	if t.Remote {
		return t.Key == "" || strings.HasSuffix(t.Key, "/")
	}
	return strings.HasSuffix(t.Path, "/") || strings.HasSuffix(t.Path, string(filepath.Separator))
}

// Folder is t as a folder: its key, if there is one, ends in a slash.
func (t Target) Folder() Target {
	if t.Remote && !t.IsFolder() {
		t.Key += "/"
	}
	return t
}

// Join is what has the name below the folder t. It is for showing names and for keys; local files are opened below a root.
func (t Target) Join(name string) Target {
	switch {
	case t.Remote:
		t.Key = t.Folder().Key + name
	case t.IsFolder():
		t.Path += name
	default:
		t.Path += string(filepath.Separator) + filepath.FromSlash(name)
	}
	return t
}

// Base is the last part of the name.
func (t Target) Base() string {
	if !t.Remote {
		return filepath.Base(t.Path)
	}
	return t.Key[strings.LastIndexByte(t.Key, '/')+1:]
}
