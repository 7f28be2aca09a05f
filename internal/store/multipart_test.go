package store_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/store/storetest"
	"github.com/oisproject/ois/internal/vfs"
)

// noise returns n bytes that follow from seed.
func noise(n int, seed uint64) []byte {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(b) // never fails
	return b
}

func initiate(t *testing.T, b *store.Bucket, key string) string {
	t.Helper()
	out, err := b.InitiateMultipartUpload(t.Context(), &op.InitiateMultipartUploadInput{Key: key, ContentType: "video/mp4", StorageClass: "STANDARD_IA"})
	if err != nil {
		t.Fatal(err)
	}
	return out.UploadID
}

func complete(t *testing.T, b *store.Bucket, key, id string, numbers ...int64) (*op.CompleteMultipartUploadOutput, error) {
	t.Helper()
	in := &op.CompleteMultipartUploadInput{Key: key, UploadID: id}
	for _, n := range numbers {
		in.ObjectParts = append(in.ObjectParts, op.CompletedPart{PartNumber: n})
	}
	return b.CompleteMultipartUpload(t.Context(), in)
}

// TestMultipart covers both forms of a finished object: few parts, whose extents go into
// the object row, and many, whose rows it takes over.
func TestMultipart(t *testing.T) {
	for _, parts := range []int{1, 3, 9} {
		t.Run(fmt.Sprint(parts, " parts"), func(t *testing.T) {
			t.Parallel()
			s, b := newBucket(t)
			id := initiate(t, b, "big")
			var want []byte
			var numbers []int64
			for i := range parts {
				size := store.MinPart
				if i == parts-1 {
					size = 3
				}
				data := noise(size, uint64(i))
				if got := upload(t, b, "big", id, int64(2*i), data); got != md5Quoted(data) {
					t.Errorf("part %d: ETag %s", i, got)
				}
				upload(t, b, "big", id, int64(2*i+1), []byte("left out")) // a gap is legal, and so are parts left out
				want = append(want, data...)
				numbers = append(numbers, int64(2*i))
			}
			if _, err := get(t, b, "big"); fault.CodeOf(err) != fault.ObjectNotExists {
				t.Errorf("an unfinished upload can be read: %v", err)
			}
			out, err := complete(t, b, "big", id, numbers...)
			if err != nil || !strings.HasSuffix(out.ETag, fmt.Sprintf(`-%d"`, parts)) {
				t.Fatalf("complete = %+v, %v", out, err)
			}
			checkRange(t, b, "big", want, 0, int64(len(want)))
			checkRange(t, b, "big", want, int64(len(want))-2, 2)
			if parts > 1 {
				checkRange(t, b, "big", want, store.MinPart-1, 2)
			}
			_, err = complete(t, b, "big", id, numbers...)
			wantCode(t, err, fault.UploadNotExists)
			if err := s.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			checkRange(t, b, "big", want, 0, int64(len(want)))
			checkCopies(t, s, b, want)
		})
	}
}

func checkRange(t *testing.T, b *store.Bucket, key string, want []byte, off, n int64) {
	t.Helper()
	o, err := b.Object(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	r, err := o.Open(t.Context(), off, n)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, want[off:off+n]) {
		t.Errorf("%d bytes from %d of %s: got %d bytes, %v, or wrong ones", n, off, key, len(got), err)
	}
}

// checkCopies copies big, deletes big and reads the copies.
func checkCopies(t *testing.T, s *store.Store, b *store.Bucket, want []byte) {
	t.Helper()
	ctx := t.Context()
	for i, in := range []*op.CopyObjectInput{{Key: "copy"}, {Key: "copy"}, {Key: "big", StorageClass: "STANDARD"}, {Key: "replaced", MetadataDirective: "replace", ContentType: "text/x"}} {
		o, err := b.Object(ctx, "big")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.CopyObject(ctx, o, in); err != nil {
			t.Fatalf("copy %d: %v", i, err)
		}
		o.Close()
	}
	o, err := b.Object(ctx, "big")
	if err != nil {
		t.Fatal(err)
	}
	if i := o.Info(); i.StorageClass != "STANDARD" || i.ContentType != "video/mp4" {
		t.Errorf("a copy onto itself left %+v", i)
	}
	if _, err := b.MoveObject(ctx, o, &op.MoveObjectInput{Key: "moved"}); err != nil {
		t.Fatal(err)
	}
	o.Close()
	if _, err := get(t, b, "big"); fault.CodeOf(err) != fault.ObjectNotExists {
		t.Errorf("the source of a move: %v; want object_not_exists", err)
	}
	if _, err := b.DeleteObject(ctx, &op.DeleteObjectInput{Key: "replaced"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"copy", "moved"} {
		checkRange(t, b, key, want, 0, int64(len(want)))
	}
}

func TestCompleteRefuses(t *testing.T) {
	s, b := newBucket(t)
	id := initiate(t, b, "k")
	big := noise(store.MinPart, 1)
	upload(t, b, "k", id, 0, []byte("small"))
	upload(t, b, "k", id, 1, big)
	for name, c := range map[string]struct {
		key, id string
		numbers []int64
		want    fault.Code
	}{
		"nothing":       {"k", id, nil, fault.InvalidRequest},
		"unknown part":  {"k", id, []int64{1, 7}, fault.InvalidRequest},
		"wrong order":   {"k", id, []int64{1, 0}, fault.InvalidRequest},
		"twice":         {"k", id, []int64{1, 1}, fault.InvalidRequest},
		"small part":    {"k", id, []int64{0, 1}, fault.EntityTooSmall},
		"other key":     {"other", id, []int64{1}, fault.UploadNotExists},
		"other upload":  {"k", strings.Repeat("0", 32), []int64{1}, fault.UploadNotExists},
		"no id":         {"k", "x", []int64{1}, fault.UploadNotExists},
		"too many":      {"k", id, make([]int64, 10001), fault.MaxPartsExceeded},
		"negative part": {"k", id, []int64{-1}, fault.InvalidRequest},
	} {
		if _, err := complete(t, b, c.key, c.id, c.numbers...); err == nil || fault.CodeOf(err) != c.want {
			t.Errorf("%s: %v; want %s", name, err, c.want)
		}
	}
	_, err := b.CompleteMultipartUpload(t.Context(), &op.CompleteMultipartUploadInput{Key: "k", UploadID: id, ObjectParts: []op.CompletedPart{{PartNumber: 1, ETag: "abc"}}})
	wantCode(t, err, fault.InvalidRequest)
	_, err = b.CompleteMultipartUpload(t.Context(), &op.CompleteMultipartUploadInput{Key: "k", UploadID: id, ETag: "a\"b", ObjectParts: []op.CompletedPart{{PartNumber: 1}}})
	wantCode(t, err, fault.InvalidArgument)
	for _, n := range []int64{-1, 10001} {
		_, err = b.UploadMultipart(t.Context(), &op.UploadMultipartInput{Key: "k", UploadID: id, PartNumber: n, Body: strings.NewReader("x"), ContentLength: 1})
		wantCode(t, err, fault.InvalidArgument)
	}
	out, err := b.CompleteMultipartUpload(t.Context(), &op.CompleteMultipartUploadInput{
		Key: "k", UploadID: id, ETag: `"4072783b8efb99a9e5817067d68f61c6"`, ObjectParts: []op.CompletedPart{{PartNumber: 1, ETag: md5Quoted(big)}},
	})
	if err != nil || out.ETag != `"4072783b8efb99a9e5817067d68f61c6"` {
		t.Errorf("complete with an ETag of the client's = %+v, %v", out, err)
	}
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkRange(t, b, "k", big, 0, int64(len(big)))
}

func TestListUploadsAndParts(t *testing.T) {
	_, b := newBucket(t)
	ids := map[string][]string{}
	for _, key := range []string{"b", "a", "a", "dir/x", "dir/y", "a\x00"} {
		ids[key] = append(ids[key], initiate(t, b, key))
	}
	var got []string
	in := &op.ListMultipartUploadsInput{Limit: 1, Delimiter: "/"}
	for range 10 {
		out, err := b.ListMultipartUploads(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, out.CommonPrefixes...)
		for _, u := range out.Uploads {
			got = append(got, u.Key+" "+u.UploadID)
		}
		if !out.HasMore {
			break
		}
		in.KeyMarker, in.UploadIDMarker = out.NextKeyMarker, out.NextUploadIDMarker
	}
	want := []string{"a " + ids["a"][0], "a " + ids["a"][1], "a\x00 " + ids["a\x00"][0], "b " + ids["b"][0], "dir/"}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("uploads %q; want %q", got, want)
	}
	out, err := b.ListMultipartUploads(t.Context(), &op.ListMultipartUploadsInput{KeyMarker: "a", Prefix: "a"})
	if err != nil || len(out.Uploads) != 1 || out.Uploads[0].Key != "a\x00" {
		t.Errorf("uploads after the key a = %+v, %v", out, err)
	}
	id := ids["b"][0]
	for _, n := range []int64{0, 5, 859} {
		upload(t, b, "b", id, n, noise(int(n)+1, 1))
	}
	zero, five := int64(0), int64(5)
	for _, c := range []struct {
		marker, limit *int64
		want          []int64
	}{{nil, nil, []int64{0, 5, 859}}, {&zero, nil, []int64{5, 859}}, {&five, nil, []int64{859}}, {nil, &zero, nil}} {
		out, err := b.ListMultipart(t.Context(), &op.ListMultipartInput{Key: "b", UploadID: id, PartNumberMarker: c.marker, Limit: c.limit})
		if err != nil || out.Count != 3 || len(out.ObjectParts) != len(c.want) {
			t.Errorf("parts = %+v, %v; want %v of 3", out, err, c.want)
			continue
		}
		for i, n := range c.want {
			if p := out.ObjectParts[i]; p.PartNumber != n || p.Size != n+1 {
				t.Errorf("part %d = %+v", i, p)
			}
		}
	}
}

func TestCopyPartAndAbort(t *testing.T) {
	fsys := vfs.NewMem()
	s := storetest.Open(t, fsys)
	defer s.Close()
	b := makeBucket(t, s, "test-bucket")
	data := noise(6<<20, 3)
	put(t, b, "src", string(data))
	id := initiate(t, b, "dst")
	o, err := b.Object(t.Context(), "src")
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range [][2]int64{{0, 5 << 20}, {5 << 20, 1 << 20}} {
		out, err := b.CopyPart(t.Context(), o, r[0], r[1], &op.CopyPartInput{Key: "dst", UploadID: id, PartNumber: int64(i), CopyRange: "bytes=…"})
		if err != nil || out.ETag == "" || !strings.HasSuffix(out.ContentCopyRange, "/6291456") {
			t.Errorf("copy part %d = %+v, %v", i, out, err)
		}
	}
	o.Close()
	if _, err := b.DeleteObject(t.Context(), &op.DeleteObjectInput{Key: "src"}); err != nil {
		t.Fatal(err)
	}
	if _, err := complete(t, b, "dst", id, 0, 1); err != nil {
		t.Fatal(err)
	}
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkRange(t, b, "dst", data, 0, int64(len(data)))
	checkClean(t, s)
	id = initiate(t, b, "gone")
	for n := range int64(20) {
		upload(t, b, "gone", id, n, []byte("x"))
	}
	for range 2 {
		if _, err := b.AbortMultipartUpload(t.Context(), &op.AbortMultipartUploadInput{Key: "gone", UploadID: id}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = b.UploadMultipart(t.Context(), &op.UploadMultipartInput{Key: "gone", UploadID: id, Body: strings.NewReader("x"), ContentLength: 1})
	wantCode(t, err, fault.UploadNotExists)
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := countBlobs(t, fsys); n != 1 {
		t.Errorf("%d blobs are left after an abort; want 1", n)
	}
	checkClean(t, s)
}

func TestCopyOfASourceThatChangedIsRefused(t *testing.T) {
	_, b := newBucket(t)
	put(t, b, "src", "old")
	o, err := b.Object(t.Context(), "src")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	put(t, b, "src", "new")
	if _, err := b.CopyObject(t.Context(), o, &op.CopyObjectInput{Key: "dst"}); err == nil {
		t.Error("a copy of what is gone was made")
	}
}
