package store

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/blob/packblob"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/meta/pebblemeta"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/vfs"
)

// TestPortionsFindWhatOneFinds: however few claims a portion has, a check reports the same.
func TestPortionsFindWhatOneFinds(t *testing.T) {
	s := openMem(t)
	fill(t, s)
	harm(t, s)
	whole := portioned(t, s, maxClaims)
	if len(whole.Problems) != 8 || whole.Objects != 80 || whole.Blobs != 59 {
		t.Fatalf("check = %+v; want 80 objects, 59 blobs and 8 problems", whole)
	}
	for _, portion := range []int{1, 2, 3, 7, 30, 1000} {
		r := portioned(t, s, portion)
		if !slices.Equal(r.Problems, whole.Problems) || r.Objects != whole.Objects || r.Parts != whole.Parts || r.Blobs != whole.Blobs || r.Bytes != whole.Bytes {
			t.Errorf("in portions of %d: %+v; want %+v", portion, r, whole)
		}
	}
}

func openMem(t *testing.T) *Store {
	t.Helper()
	fsys := vfs.NewMem()
	m, err := pebblemeta.Open(pebblemeta.Options{FS: fsys, Dir: "meta"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := packblob.Open(fsys, "blobs", packblob.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Options{Meta: m, Blobs: b, Still: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// fill makes 20 small objects, 20 large ones and a copy of each, and 20 of two appends.
func fill(t *testing.T, s *Store) {
	t.Helper()
	if _, err := s.PutBucket(t.Context(), RootUser, "jn1a", &op.PutBucketInput{Bucket: "test-bucket"}); err != nil {
		t.Fatal(err)
	}
	b, err := s.Bucket(t.Context(), "test-bucket")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		for kind, size := range map[string]int{"small": 10, "large": maxInline + 1} {
			in := &op.PutObjectInput{Key: fmt.Sprintf("%s-%d", kind, i), Body: strings.NewReader(strings.Repeat("x", size)), ContentLength: int64(size)}
			if _, err := b.PutObject(t.Context(), in); err != nil {
				t.Fatal(err)
			}
		}
		o, err := b.Object(t.Context(), fmt.Sprintf("large-%d", i))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.CopyObject(t.Context(), o, &op.CopyObjectInput{Key: fmt.Sprintf("copy-%d", i)}); err != nil {
			t.Fatal(err)
		}
		o.Close()
		for at := range int64(2) {
			in := &op.AppendObjectInput{Key: fmt.Sprintf("log-%d", i), Position: at, Body: strings.NewReader("x"), ContentLength: 1}
			if _, err := b.AppendObject(t.Context(), in); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// harm drops a row of each kind that is claimed, adds one that nobody claims, and makes a counter wrong.
func harm(t *testing.T, s *Store) {
	t.Helper()
	var c change
	err := s.view(t.Context(), func(snap meta.Snapshot) error {
		for _, kind := range []byte{kindData, kindPart, kindRef, kindCounter} {
			var keys [][]byte
			err := walk(snap, []byte{kind}, func(r meta.Row) error {
				keys = append(keys, bytes.Clone(r.Key))
				return nil
			})
			if err != nil {
				return err
			}
			if kind == kindCounter {
				c.add(keys[0], 1)
				return nil
			}
			last := bytes.Clone(keys[len(keys)-1])
			c.drop(keys[len(keys)/2])
			last[1] = 0xff // one of its kind that is claimed by nobody
			c.set(last, (&partRow{}).encode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.meta.Apply(t.Context(), c.done()); err != nil {
		t.Fatal(err)
	}
}

func portioned(t *testing.T, s *Store, n int) *Report {
	t.Helper()
	c := newChecker(s)
	c.portion = n
	if err := c.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	slices.Sort(c.report.Problems) // those of counters come with the first portion
	return c.report
}
