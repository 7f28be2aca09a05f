package oisobjstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thanos-io/objstore"

	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
)

func TestAcceptance(t *testing.T) {
	objstore.AcceptanceTest(t, New(newBucket(t, "acceptance")))
}

func TestAcceptanceBelowAPrefix(t *testing.T) {
	objstore.AcceptanceTest(t, objstore.NewPrefixedBucket(New(newBucket(t, "acceptance-below")), "some_prefix"))
}

func TestErrorsAreTold(t *testing.T) {
	b := New(newBucket(t, "errors"))
	client, err := ois.New(Settings)
	if err != nil {
		t.Fatal(err)
	}
	anonymous, err := ois.New(ois.Config{Endpoint: Settings.Endpoint, Credentials: ois.AnonymousCredentials()})
	if err != nil {
		t.Fatal(err)
	}
	missing, denied := New(client.Bucket("never-made", "")), New(anonymous.Bucket(b.Name(), ""))
	get := func(b *Bucket, off, length int64) error {
		r, err := b.GetRange(t.Context(), "missing", off, length)
		if err == nil {
			err = r.Close()
		}
		return err
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, cancelled := b.Get(ctx, "k")
	for what, c := range map[string]struct {
		err              error
		notFound, denied bool
	}{
		"no object":      {get(b, 0, -1), true, false},
		"no bytes of it": {get(b, 0, 0), true, false},
		"not to delete":  {b.Delete(t.Context(), "missing"), true, false},
		"no bucket":      {get(missing, 0, -1), false, false},
		"nowhere to put": {missing.Upload(t.Context(), "k", strings.NewReader("x")), false, false},
		"no rights":      {get(denied, 0, -1), false, true},
		"not to write":   {denied.Upload(t.Context(), "k", strings.NewReader("x")), false, true},
		"bad offset":     {get(b, -1, -1), false, false},
		"bad length":     {get(b, 0, -2), false, false},
		"cancelled":      {cancelled, false, false},
	} {
		err := fmt.Errorf("wrapped: %w", c.err)
		if c.err == nil || b.IsObjNotFoundErr(err) != c.notFound || b.IsAccessDeniedErr(err) != c.denied {
			t.Errorf("%s: %v, not found: %v, denied: %v", what, c.err, b.IsObjNotFoundErr(err), b.IsAccessDeniedErr(err))
		}
	}
	if b.IsObjNotFoundErr(nil) || b.IsAccessDeniedErr(nil) {
		t.Error("no error is one")
	}
	if _, err := denied.Exists(t.Context(), "k"); !denied.IsAccessDeniedErr(err) {
		t.Errorf("Exists as anybody = %v", err)
	}
}

func TestEmptyRangesAreEmpty(t *testing.T) {
	b := New(newBucket(t, "empty-ranges"))
	if err := b.Upload(t.Context(), "k", strings.NewReader("text")); err != nil {
		t.Fatal(err)
	}
	r, err := b.GetRange(t.Context(), "k", 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	size, err := objstore.TryToGetSize(r)
	text, err2 := io.ReadAll(r)
	if err := errors.Join(err, err2, r.Close()); err != nil || size != 0 || len(text) > 0 {
		t.Errorf("%d bytes announced, %q, %v", size, text, err)
	}
	if _, err := b.GetRange(t.Context(), "k", 5, 1); !errors.Is(err, ois.ErrRange) {
		t.Errorf("a range behind the end: %v", err)
	}
}

// TestIterInOrder: objects and folders come apart from the service. The object of the folder itself does not count.
func TestIterInOrder(t *testing.T) {
	b := New(newBucket(t, "in-order"))
	start := time.Now().Add(-2 * time.Second)
	for _, name := range []string{"dir/", "dir/a/1", "dir/b", "dir/c/1", "dir/d", "e"} {
		if err := b.Upload(t.Context(), name, bytes.NewReader(nil)); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	err := b.IterWithAttributes(t.Context(), "dir", func(a objstore.IterObjectAttributes) error {
		got = append(got, a.Name)
		if at, ok := a.LastModified(); ok == strings.HasSuffix(a.Name, "/") || ok && at.Before(start) {
			t.Errorf("%s: modified %v, %v", a.Name, at, ok)
		}
		return nil
	}, objstore.WithUpdatedAt())
	if want := []string{"dir/a/", "dir/b", "dir/c/", "dir/d"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	stop := errors.New("stop")
	n := 0
	err = b.Iter(t.Context(), "", func(string) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("%d names and %v; want one and %v", n, err, stop)
	}
	err = b.Iter(t.Context(), "", func(string) error { return nil }, objstore.IterOption{Type: 99, Apply: func(*objstore.IterParams) {}})
	if !errors.Is(err, objstore.ErrOptionNotSupported) {
		t.Errorf("an option that is not known: %v", err)
	}
}

// TestStreamsGoUpWhole: a reader whose length nobody knows, longer than a part; and one that breaks.
func TestStreamsGoUpWhole(t *testing.T) {
	behind := newBucket(t, "streams")
	b := New(behind)
	data := bytes.Repeat([]byte("0123456789abcdef"), 20<<20/16)
	if err := b.Upload(t.Context(), "long", io.MultiReader(bytes.NewReader(data)), objstore.WithContentType("text/plain")); err != nil {
		t.Fatal(err)
	}
	r, err := b.Get(t.Context(), "long")
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v; want %d", len(got), err, len(data))
	}
	info, err := behind.Head(t.Context(), "long", nil)
	if err != nil || info.ContentType != "text/plain" {
		t.Errorf("%+v, %v", info, err)
	}
	broken := errors.New("broken")
	if err := b.Upload(t.Context(), "half", io.MultiReader(bytes.NewReader(data), failing{broken})); !errors.Is(err, broken) {
		t.Errorf("Upload = %v; want %v", err, broken)
	}
	if ok, err := b.Exists(t.Context(), "half"); ok || err != nil {
		t.Errorf("Exists = %v, %v", ok, err)
	}
	client, err := ois.New(Settings)
	if err != nil {
		t.Fatal(err)
	}
	out, err := client.API().ListMultipartUploads(t.Context(), &api.ListMultipartUploadsInput{Bucket: b.Name()})
	if err != nil || len(out.Uploads) > 0 {
		t.Errorf("%d uploads are left, %v", len(out.Uploads), err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestBucketsSayWhatTheyAre(t *testing.T) {
	b := New(newBucket(t, "identity"))
	if b.Name() != "identity" || b.Provider() != "OIS" || b.Close() != nil {
		t.Errorf("%s of %s", b.Name(), b.Provider())
	}
	if err := b.Upload(t.Context(), "k", strings.NewReader("12345")); err != nil {
		t.Fatal(err)
	}
	attrs, err := b.Attributes(t.Context(), "k")
	if err != nil || attrs.Size != 5 || time.Since(attrs.LastModified) > time.Minute {
		t.Errorf("%+v, %v", attrs, err)
	}
}
