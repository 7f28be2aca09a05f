// Package storetest opens stores for tests of those who work with one. It is called by tests only.
package storetest

import (
	"testing"

	"github.com/oisproject/ois/internal/blob/packblob"
	"github.com/oisproject/ois/internal/meta/pebblemeta"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
)

// Open opens the store on a file system, and makes it if it is not there; change may change its options. Who opens it closes it.
func Open(t testing.TB, fsys vfs.FS, change ...func(*store.Options)) *store.Store {
	t.Helper()
	var o store.Options
	o.Meta, o.Blobs = Engines(t, fsys)
	for _, change := range change {
		change(&o)
	}
	s, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Engines opens the engines of the store on a file system. The store closes them.
func Engines(t testing.TB, fsys vfs.FS) (*pebblemeta.Engine, *packblob.Engine) {
	t.Helper()
	m, err := pebblemeta.Open(pebblemeta.Options{FS: fsys, Dir: "meta"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := packblob.Open(fsys, "blobs", packblob.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m, b
}
