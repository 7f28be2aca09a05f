//go:build nos3

// Command juicefs uses the object layer of JuiceFS, as its authors wrote it, with the driver that the interop tests use. Tags leave out
// all others: together they take minutes to build.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"

	"github.com/juicedata/juicefs/pkg/object"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return errors.New("usage: juicefs ENDPOINT KEY SECRET")
	}
	s, err := object.CreateStorage("qingstor", args[0], args[1], args[2], "")
	if err != nil {
		return err
	}
	for _, step := range []struct {
		name string
		run  func(object.ObjectStorage) error
	}{
		{"create", create}, {"ranges", ranges}, {"keys", keys}, {"listing", listing}, {"parts", parts}, {"uploads", uploads}, {"end", end},
	} {
		if err := step.run(s); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Println(step.name)
	}
	return nil
}

// create asks twice, as two machines that mount the same volume do.
func create(s object.ObjectStorage) error {
	if sc, ok := s.(interface{ SetStorageClass(string) error }); ok {
		if err := sc.SetStorageClass("STANDARD_IA"); err != nil {
			return err
		}
	}
	return errors.Join(s.Create(), s.Create())
}

func get(s object.ObjectStorage, key string, off, limit int64) ([]byte, error) {
	r, err := s.Get(key, off, limit)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func ranges(s object.ObjectStorage) error {
	if _, err := s.Get("none", 0, -1); err == nil {
		return errors.New("an object that does not exist was read")
	}
	if _, err := s.Head("none"); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("head of an object that does not exist: %w", err)
	}
	if err := s.Put("hello", bytes.NewReader([]byte("hello"))); err != nil {
		return err
	}
	for _, c := range []struct {
		off, limit int64
		want       string
	}{{0, -1, "hello"}, {0, 5, "hello"}, {0, 1, "h"}, {4, 1, "o"}, {2, 2, "ll"}, {2, -1, "llo"}, {4, 2, "o"}} {
		if got, err := get(s, "hello", c.off, c.limit); err != nil || string(got) != c.want {
			return fmt.Errorf("get from %d, %d bytes: %q, %w; want %q", c.off, c.limit, got, err, c.want)
		}
	}
	o, err := s.Head("hello")
	if err != nil {
		return err
	}
	if o.Size() != 5 || o.StorageClass() != "STANDARD_IA" {
		return fmt.Errorf("head: size %d, storage class %q", o.Size(), o.StorageClass())
	}
	return nil
}

// keys are the sort of key that the suite of JuiceFS uses.
func keys(s object.ObjectStorage) error {
	for _, key := range []string{"中文" + `{"name":"x"}` + "\x1f%uFF08.jpg", "a b+c", "empty/"} {
		if err := s.Put(key, bytes.NewReader(nil)); err != nil {
			return fmt.Errorf("put %q: %w", key, err)
		}
		if err := s.Copy("copied", key); err != nil {
			return fmt.Errorf("copy %q: %w", key, err)
		}
		listed, _, _, err := s.List(key, "", "", "", 1, true)
		if err != nil || len(listed) != 1 || listed[0].Key() != key {
			return fmt.Errorf("list %q: %v, %w", key, listed, err)
		}
		if err := errors.Join(s.Delete(key), s.Delete(key), s.Delete("copied")); err != nil {
			return fmt.Errorf("delete %q: %w", key, err)
		}
	}
	return nil
}

// listing goes through a listing with a delimiter in pages, where a page may end with a common prefix.
func listing(s object.ObjectStorage) error {
	for _, key := range []string{"a/a", "a/b/c", "a1", "b/b", "c/", "c/x"} {
		if err := s.Put(key, bytes.NewReader([]byte("x"))); err != nil {
			return err
		}
	}
	want := []string{"a/", "a1", "b/", "c/", "hello"}
	for limit := range int64(6) {
		var got []string
		marker, more := "", true
		for more && len(got) <= len(want) { // pages that repeat themselves end here
			page, has, next, err := s.List("", marker, "", "/", limit+1, true)
			if err != nil {
				return err
			}
			for _, o := range page {
				got = append(got, o.Key())
			}
			if marker, more = next, has; more == (next == "") {
				return fmt.Errorf("has more %t, next marker %q", has, next)
			}
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("%d a page: %q; want %q", limit+1, got, want)
		}
	}
	return nil
}

// parts uploads parts, out of order and from number 1, and copies parts of what that makes.
func parts(s object.ObjectStorage) error {
	content := make([]byte, 9<<20)
	for i := range content {
		content[i] = byte(rand.Uint32())
	}
	const size = 4 << 20
	upload := func(key string, part func(up *object.MultipartUpload, num, from, to int) (*object.Part, error)) error {
		up, err := s.CreateMultipartUpload(key)
		if err != nil {
			return err
		}
		done := make([]*object.Part, 3)
		for _, i := range []int{2, 0, 1} {
			if done[i], err = part(up, i+1, i*size, min((i+1)*size, len(content))); err != nil {
				return err
			}
		}
		if err := s.CompleteUpload(key, up.UploadID, done); err != nil {
			return err
		}
		got, err := get(s, key, 0, -1)
		if err != nil || !bytes.Equal(got, content) {
			return fmt.Errorf("%s came back with %d bytes, %w", key, len(got), err)
		}
		return nil
	}
	return errors.Join(upload("big", func(up *object.MultipartUpload, num, from, to int) (*object.Part, error) {
		return s.UploadPart("big", up.UploadID, num, content[from:to])
	}), upload("big copy", func(up *object.MultipartUpload, num, from, to int) (*object.Part, error) {
		return s.UploadPartCopy("big copy", up.UploadID, num, "big", int64(from), int64(to-from))
	}))
}

func uploads(s object.ObjectStorage) error {
	up, err := s.CreateMultipartUpload("later")
	if err != nil {
		return err
	}
	pending, _, err := s.ListUploads("")
	if err != nil || len(pending) != 1 || pending[0].UploadID != up.UploadID {
		return fmt.Errorf("list uploads: %v, %w", pending, err)
	}
	s.AbortUpload("later", up.UploadID)
	if pending, _, err = s.ListUploads(""); err != nil || len(pending) != 0 {
		return fmt.Errorf("list uploads after the abort: %v, %w", pending, err)
	}
	return nil
}

// end leaves an empty bucket: the layer cannot delete one.
func end(s object.ObjectStorage) error {
	all, _, _, err := s.List("", "", "", "", 1000, true)
	for _, o := range all {
		err = errors.Join(err, s.Delete(o.Key()))
	}
	return err
}
