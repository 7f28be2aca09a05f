package oisblob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"

	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
)

func TestErrorsHaveCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		want gcerrors.ErrorCode
	}{
		{&ois.Error{Status: 404, Code: "object_not_exists"}, gcerrors.NotFound},
		{&ois.Error{Status: 403}, gcerrors.PermissionDenied},
		{&ois.Error{Status: 401, Code: "signature_not_matched"}, gcerrors.PermissionDenied},
		{&ois.Error{Status: 403, Code: "too_many_buckets"}, gcerrors.Unknown},
		{&ois.Error{Status: 409, Code: "bucket_already_exists"}, gcerrors.AlreadyExists},
		{&ois.Error{Status: 412}, gcerrors.FailedPrecondition},
		{&ois.Error{Status: 304}, gcerrors.FailedPrecondition},
		{&ois.Error{Status: 416}, gcerrors.InvalidArgument},
		{&ois.Error{Status: 400, Code: "invalid_argument"}, gcerrors.InvalidArgument},
		{&ois.Error{Err: &api.InputError{}}, gcerrors.InvalidArgument},
		{&ois.Error{Status: 503}, gcerrors.ResourceExhausted},
		{&ois.Error{Status: 501}, gcerrors.Unimplemented},
		{&ois.Error{Err: ois.ErrUnsupported}, gcerrors.Unimplemented},
		{&ois.Error{Status: 500}, gcerrors.Unknown},
		{&ois.Error{Err: io.ErrUnexpectedEOF}, gcerrors.Unknown},
	} {
		if got := new(bucket).ErrorCode(fmt.Errorf("wrapped: %w", c.err)); got != c.want {
			t.Errorf("%v: code %v; want %v", c.err, got, c.want)
		}
	}
}

// TestErrorsOfTheServerHaveCodes: the same, by way of the server.
func TestErrorsOfTheServerHaveCodes(t *testing.T) {
	name := newBucket(t, "errors").Name()
	anonymous, err := ois.New(ois.Config{Endpoint: Settings.Endpoint, Credentials: ois.AnonymousCredentials()})
	if err != nil {
		t.Fatal(err)
	}
	b := OpenBucket(anonymous.Bucket(name, ""))
	defer closing(t, b)
	if _, err := b.ReadAll(t.Context(), "k"); gcerrors.Code(err) != gcerrors.PermissionDenied {
		t.Errorf("ReadAll as anybody = %v", err)
	}
	if err := b.WriteAll(t.Context(), "k", []byte("x"), nil); gcerrors.Code(err) != gcerrors.PermissionDenied {
		t.Errorf("WriteAll as anybody = %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.ReadAll(ctx, "k"); gcerrors.Code(err) != gcerrors.Canceled {
		t.Errorf("ReadAll after the end of its context = %v", err)
	}
}

func closing(t *testing.T, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestReadsBehindTheEndAreEmpty(t *testing.T) {
	b := &bucket{b: newBucket(t, "ranges")}
	for key, text := range map[string]string{"empty": "", "full": "12345"} {
		if _, err := b.b.Put(t.Context(), key, strings.NewReader(text), nil); err != nil {
			t.Fatal(err)
		}
		for _, r := range [][2]int64{{0, 0}, {0, 3}, {0, -1}, {5, -1}, {5, 1}, {9, 0}, {9, -1}} {
			offset, length := r[0], r[1]
			rest := text[min(int(offset), len(text)):]
			if length >= 0 {
				rest = rest[:min(int(length), len(rest))]
			}
			r, err := b.NewRangeReader(t.Context(), key, offset, length, new(driver.ReaderOptions))
			if err != nil {
				t.Errorf("%s, offset %d, length %d: %v", key, offset, length, err)
				continue
			}
			got, err := io.ReadAll(r)
			if err != nil || string(got) != rest || r.Attributes().Size != int64(len(text)) {
				t.Errorf("%s, offset %d, length %d: %q of %d bytes, %v; want %q", key, offset, length, got, r.Attributes().Size, err, rest)
			}
			closing(t, r)
		}
	}
	for _, length := range []int64{0, 1} {
		if _, err := b.NewRangeReader(t.Context(), "missing", 0, length, new(driver.ReaderOptions)); !errors.Is(err, ois.ErrNotFound) {
			t.Errorf("%d bytes of an object that is not there: %v", length, err)
		}
	}
}

// TestListingsAreInOneOrder: objects and prefixes come apart from the service, and an object may stand between two prefixes.
func TestListingsAreInOneOrder(t *testing.T) {
	b := &bucket{b: newBucket(t, "one-order")}
	for _, key := range []string{"a/1", "b", "c/1", "d"} {
		if _, err := b.b.Put(t.Context(), key, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"a/", "b", "c/", "d"}
	for size := range 6 {
		var got []string
		o := &driver.ListOptions{Delimiter: "/", PageSize: size}
		for {
			page, err := b.ListPaged(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			for _, object := range page.Objects {
				got = append(got, object.Key)
			}
			if len(page.NextPageToken) == 0 {
				break
			}
			o.PageToken = page.NextPageToken
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d: %q; want %q", size, got, want)
		}
	}
	if _, err := b.ListPaged(t.Context(), &driver.ListOptions{PageSize: 5000}); err != nil {
		t.Errorf("a page of more than the service gives at once: %v", err)
	}
}

func TestMD5IsThatOfTheBytes(t *testing.T) {
	const hash = `"5d41402abc4b2a76b9719d911017c592"`
	for etag, want := range map[string]bool{hash: true, `"5d41402abc4b2a76b9719d911017c592-2"`: false, `"5d41"`: false, "": false} {
		if got := md5Of(etag, false); (got != nil) != want {
			t.Errorf("md5Of(%s) = %x", etag, got)
		}
	}
	if got := md5Of(hash, true); got != nil {
		t.Errorf("md5Of an encrypted object = %x", got)
	}
}

func TestSignedURLOfOtherMethodsIsRefused(t *testing.T) {
	b := &bucket{b: newBucket(t, "methods")}
	if url, err := b.SignedURL(t.Context(), "k", &driver.SignedURLOptions{Method: http.MethodPost}); err == nil {
		t.Errorf("SignedURL(POST) = %s", url)
	}
}

func TestMetadataComesBack(t *testing.T) {
	b := OpenBucket(newBucket(t, "metadata"))
	defer closing(t, b)
	want := map[string]string{"content-language": "mine", "a.x2f": "100%", "ü": " ends ", "plain": "two words"}
	o := &blob.WriterOptions{Metadata: want, ContentLanguage: "de"}
	if err := b.WriteAll(t.Context(), "k", nil, o); err != nil {
		t.Fatal(err)
	}
	attrs, err := b.Attributes(t.Context(), "k")
	if err != nil || !maps.Equal(attrs.Metadata, want) || attrs.ContentLanguage != "de" {
		t.Errorf("metadata %q, language %q, %v", attrs.Metadata, attrs.ContentLanguage, err)
	}
}

// TestMetadataOfOthersIsTakenAsItIs: nobody else knows how names and values are escaped here.
func TestMetadataOfOthersIsTakenAsItIs(t *testing.T) {
	for name, want := range map[string]string{
		"plain": "plain", "v1.20": "v1.20", "a.xff": "a.xff", "a.x61": "a.x61", "a.x2f": "a/", ".x": ".x", ".x2": ".x2", ".x63ontent-language": "content-language",
	} {
		if got := decodeName(name); got != want {
			t.Errorf("decodeName(%q) = %q; want %q", name, got, want)
		}
	}
	for value, want := range map[string]string{"100%": "100%", "%zz": "%zz", "%ff": "%ff", "two words": "two words", "a%2Fb": "a/b"} {
		if got := decodeValue(value); got != want {
			t.Errorf("decodeValue(%q) = %q; want %q", value, got, want)
		}
	}
}

func FuzzMetadata(f *testing.F) {
	for _, s := range []string{"", "plain", "content-language", ".x2f", ".x.x2f", "a%20b", " ends ", "ü", "\x00\x7f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToLower(strings.ToValidUTF8(s, "")) // as Go CDK does
		name, value := encodeName(s), encodeValue(s)
		for i := range len(name) {
			if !isNameByte(name[i]) {
				t.Fatalf("encodeName(%q) = %q", s, name)
			}
		}
		if strings.Trim(value, " ") != value || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("encodeValue(%q) = %q", s, value)
		}
		if name == languageName || decodeName(name) != s || decodeValue(value) != s {
			t.Fatalf("%q became %q and %q, and then %q and %q", s, name, value, decodeName(name), decodeValue(value))
		}
	})
}
