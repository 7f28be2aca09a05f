package oisblob

import (
	"bytes"
	"context"
	"crypto/md5" // what Go CDK compares
	"errors"
	"io"
	"runtime"
	"testing"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"

	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
)

const mebibyte = 1 << 20

// uploads counts the multipart uploads that are not finished.
func uploads(t *testing.T, b *ois.Bucket) int {
	t.Helper()
	client, err := ois.New(Settings)
	if err != nil {
		t.Fatal(err)
	}
	out, err := client.API().ListMultipartUploads(t.Context(), &api.ListMultipartUploadsInput{Bucket: b.Name()})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.Uploads)
}

// TestWritersNeedLittleMemory: a long stream goes through parts, and memory for five of them.
func TestWritersNeedLittleMemory(t *testing.T) {
	behind := newBucket(t, "streams")
	b := OpenBucket(behind)
	defer closing(t, b)
	w, err := b.NewWriter(t.Context(), "long", &blob.WriterOptions{BufferSize: 1}) // is raised to 4 MiB
	if err != nil {
		t.Fatal(err)
	}
	piece := bytes.Repeat([]byte("0123456789abcdef"), mebibyte/16)
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	most := uint64(0)
	for range 160 {
		if _, err := w.Write(piece); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&now)
		most = max(most, now.HeapSys)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if grown := int64(most - before.HeapSys); grown > 64*mebibyte {
		t.Errorf("the heap grew by %d MiB for 160 MiB", grown/mebibyte)
	}
	info, err := behind.Head(t.Context(), "long", nil)
	if err != nil || info.Size != 160*mebibyte {
		t.Errorf("%+v, %v", info, err)
	}
}

// TestManyWritersTakeTurns: a program that fills several objects at once, piece by piece, does not
// wait for itself.
func TestManyWritersTakeTurns(t *testing.T) {
	b := OpenBucket(newBucket(t, "in-turns"))
	defer closing(t, b)
	var all []*blob.Writer
	for i := range 12 {
		w, err := b.NewWriter(t.Context(), string(rune('a'+i)), &blob.WriterOptions{MaxConcurrency: 1, BufferSize: 4 * mebibyte})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, w)
	}
	for range 5 {
		for _, w := range all {
			if _, err := w.Write(make([]byte, mebibyte)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, w := range all {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestCancelledWritersLeaveNothing(t *testing.T) {
	behind := newBucket(t, "cancelled")
	b := OpenBucket(behind)
	defer closing(t, b)
	ctx, cancel := context.WithCancel(t.Context())
	w, err := b.NewWriter(ctx, "k", &blob.WriterOptions{BufferSize: 4 * mebibyte})
	if err != nil {
		t.Fatal(err)
	}
	for range 17 {
		if _, err := w.Write(make([]byte, mebibyte)); err != nil {
			t.Fatal(err)
		}
	}
	if n := uploads(t, behind); n != 1 {
		t.Fatalf("%d uploads are under way; want 1", n)
	}
	cancel()
	if err := w.Close(); gcerrors.Code(err) != gcerrors.Canceled {
		t.Errorf("Close = %v; want that it was cancelled", err)
	}
	if n := uploads(t, behind); n != 0 {
		t.Errorf("%d uploads are left", n)
	}
	if _, err := behind.Head(t.Context(), "k", nil); !errors.Is(err, ois.ErrNotFound) {
		t.Errorf("Head = %v", err)
	}
}

// TestCancelledWritersSaySo: whichever end of the pipe is closed first, the error is that of the context.
func TestCancelledWritersSaySo(t *testing.T) {
	b := &bucket{b: newBucket(t, "cancelled-early")}
	ctx, cancel := context.WithCancel(t.Context())
	d, err := b.NewTypedWriter(ctx, "k", "text/plain", &driver.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w := d.(*writer)
	if _, err := w.Write([]byte("k")); err != nil {
		t.Fatal(err)
	}
	cancel()
	_ = w.pipe.CloseWithError(ctx.Err()) // as the end of the context does, sooner or later
	if _, err := w.Write([]byte("k")); !errors.Is(err, context.Canceled) {
		t.Errorf("Write = %v; want that it was cancelled", err)
	}
	if err := w.Close(); !errors.Is(err, context.Canceled) {
		t.Errorf("Close = %v; want that it was cancelled", err)
	}
}

// TestAWriteFailsWhenTheUploadHas: nobody goes on writing for nothing.
func TestAWriteFailsWhenTheUploadHas(t *testing.T) {
	client, err := ois.New(Settings)
	if err != nil {
		t.Fatal(err)
	}
	b := OpenBucket(client.Bucket("never-made", ""))
	defer closing(t, b)
	w, err := b.NewWriter(t.Context(), "k", &blob.WriterOptions{ContentType: "text/plain"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(w, endless{})
	if gcerrors.Code(err) != gcerrors.NotFound {
		t.Errorf("Write = %v; want NotFound", err)
	}
	if err := w.Close(); gcerrors.Code(err) != gcerrors.NotFound {
		t.Errorf("Close = %v; want NotFound", err)
	}
	if err := w.Close(); gcerrors.Code(err) != gcerrors.NotFound {
		t.Errorf("the second Close = %v; want NotFound", err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// TestAReaderThatFailsLeavesNothing: neither half an object nor an empty one.
func TestAReaderThatFailsLeavesNothing(t *testing.T) {
	behind := newBucket(t, "half-objects")
	b := OpenBucket(behind)
	defer closing(t, b)
	broken := errors.New("broken")
	for key, n := range map[string]int{"small": 10, "large": 20 * mebibyte} {
		r := io.MultiReader(bytes.NewReader(make([]byte, n)), failing{broken})
		if err := b.Upload(t.Context(), key, r, &blob.WriterOptions{ContentType: "text/plain"}); !errors.Is(err, broken) {
			t.Errorf("%s: Upload = %v; want %v", key, err, broken)
		}
		if _, err := behind.Head(t.Context(), key, nil); !errors.Is(err, ois.ErrNotFound) {
			t.Errorf("%s: Head = %v", key, err)
		}
	}
	if n := uploads(t, behind); n != 0 {
		t.Errorf("%d uploads are left", n)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestTheMD5IsThatOfTheWhole: what was written under a given MD5 has it, also in parts.
func TestTheMD5IsThatOfTheWhole(t *testing.T) {
	b := OpenBucket(newBucket(t, "with-sums"))
	defer closing(t, b)
	data := bytes.Repeat([]byte("x"), 20*mebibyte)
	sum := md5Sum(data)
	if err := b.WriteAll(t.Context(), "k", data, &blob.WriterOptions{ContentMD5: sum}); err != nil {
		t.Fatal(err)
	}
	attrs, err := b.Attributes(t.Context(), "k")
	if err != nil || !bytes.Equal(attrs.MD5, sum) {
		t.Errorf("MD5 %x, %v; want %x", attrs.MD5, err, sum)
	}
	if err := b.WriteAll(t.Context(), "k2", data, &blob.WriterOptions{ContentMD5: make([]byte, 16)}); gcerrors.Code(err) != gcerrors.FailedPrecondition {
		t.Errorf("WriteAll with the MD5 of something else = %v", err)
	}
	if ok, err := b.Exists(t.Context(), "k2"); ok || err != nil {
		t.Errorf("Exists = %v, %v", ok, err)
	}
}

func md5Sum(b []byte) []byte {
	sum := md5.Sum(b)
	return sum[:]
}
