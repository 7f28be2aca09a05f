package store_test

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store/storetest"
	"github.com/oisproject/ois/internal/vfs"
)

// atOnce returns a body of unknown length whose last bytes come together with its end, as a chunked request's do that fits into
// one packet.
func atOnce(n int) io.Reader {
	return iotest.DataErrReader(strings.NewReader(strings.Repeat("x", n)))
}

func TestBodyOfUnknownLengthIsKeptWhole(t *testing.T) {
	for _, n := range []int{0, 1, 2, 16 << 10, 16<<10 + 1, 16<<10 + 2, 64 << 10, 64<<10 + 1, 300_000} {
		s, b := newBucket(t)
		want := strings.Repeat("x", n)
		if _, err := b.PutObject(t.Context(), &op.PutObjectInput{Key: "put", Body: atOnce(n), ContentLength: -1}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.AppendObject(t.Context(), &op.AppendObjectInput{Key: "append", Body: atOnce(n), ContentLength: -1}); err != nil {
			t.Fatal(err)
		}
		id := initiate(t, b, "part")
		in := &op.UploadMultipartInput{Key: "part", UploadID: id, Body: atOnce(n), ContentLength: -1}
		if _, err := b.UploadMultipart(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if _, err := complete(t, b, "part", id, 0); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"put", "append", "part"} {
			wantObject(t, b, key, want)
		}
		checkClean(t, s)
	}
}

func TestAppendGrowsAnObject(t *testing.T) {
	fsys := vfs.NewMem()
	s := storetest.Open(t, fsys)
	defer s.Close()
	b := makeBucket(t, s, "test-bucket")
	want, size := "", int64(0)
	tag := ""
	for _, piece := range []string{"", "a", strings.Repeat("b", 100_000), "", "c", "d", "e", "f", "g", "h", "i", "j", "k"} {
		in := &op.AppendObjectInput{Key: "log", Position: size, Body: strings.NewReader(piece), ContentLength: int64(len(piece)), ContentType: "text/plain"}
		out, err := b.AppendObject(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		want += piece
		if size = int64(len(want)); out.NextAppendPosition != size {
			t.Errorf("next position is %d; want %d", out.NextAppendPosition, size)
		}
		info, err := b.Stat(t.Context(), "log")
		if err != nil || !info.Appendable || info.Size != size || info.ETag == tag || info.ContentType != "text/plain" {
			t.Errorf("after %d bytes: %+v, %v; want another ETag than %s", size, info, err, tag)
		}
		tag = info.ETag
		wantObject(t, b, "log", want)
	}
	_, err := b.AppendObject(t.Context(), &op.AppendObjectInput{Key: "log", Position: size - 1, Body: strings.NewReader("x"), ContentLength: 1})
	wantCode(t, err, "invalid_argument")
	put(t, b, "plain", "x")
	_, err = b.AppendObject(t.Context(), &op.AppendObjectInput{Key: "plain", Position: 1, Body: strings.NewReader("x"), ContentLength: 1})
	wantCode(t, err, "invalid_object_state")
	checkClean(t, s)

	put(t, b, "log", "short")
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := countBlobs(t, fsys); n != 0 {
		t.Errorf("%d blobs of an appendable object are left; want none", n)
	}
	checkClean(t, s)
}

// TestStoreOpensAfterItsLastBlobsWent stands for a crash of the sweeper when it had deleted blobs and not yet their rows.
func TestStoreOpensAfterItsLastBlobsWent(t *testing.T) {
	fsys := vfs.NewMem()
	s := storetest.Open(t, fsys)
	b := makeBucket(t, s, "test-bucket")
	put(t, b, "a", big("x"))
	put(t, b, "small", "x")
	id := initiate(t, b, "parts")
	upload(t, b, "parts", id, 0, []byte("y"))
	if _, err := b.AbortMultipartUpload(t.Context(), &op.AbortMultipartUploadInput{Key: "parts", UploadID: id}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.DeleteObject(t.Context(), &op.DeleteObjectInput{Key: "a"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil { // before the sweeper has begun
		t.Fatal(err)
	}
	if err := fsys.RemoveAll("blobs"); err != nil {
		t.Fatal(err)
	}
	s = storetest.Open(t, fsys)
	defer s.Close()
	if err := s.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
	checkClean(t, s)
	if b, err := s.Bucket(t.Context(), "test-bucket"); err != nil {
		t.Error(err)
	} else {
		wantObject(t, b, "small", "x")
	}
}
