package oistest_test

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"image"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/oisproject/ois/oistest"
	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
)

func newBucket(t *testing.T, name string) (*oistest.Server, *ois.Bucket) {
	t.Helper()
	srv := oistest.New(t)
	bucket := srv.Client().Bucket(name, "")
	if err := bucket.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	return srv, bucket
}

// postForm sends a form as a browser does, with a file that is called like that, and returns the status and
// where the browser would go.
func postForm(t *testing.T, form *ois.Form, file, kind, text string) (status int, location string) {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, value := range form.Fields {
		if err := w.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.CreatePart(map[string][]string{
		"Content-Disposition": {`form-data; name="file"; filename="` + file + `"`}, "Content-Type": {kind},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(part, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, form.URL, &body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", w.FormDataContentType())
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close() // status and header tell
	return res.StatusCode, res.Header.Get("Location")
}

// TestSignedFormsAreTaken: a visitor without a key stores what the form allows, and nothing else.
func TestSignedFormsAreTaken(t *testing.T) {
	_, bucket := newBucket(t, "form-bucket")
	sign := func() *ois.Form {
		t.Helper()
		form, err := bucket.PostForm(t.Context(), "up/${filename}", &ois.FormOptions{
			ContentType: "text/plain", Redirect: "https://app.example.com/done?a=1", StorageClass: "STANDARD_IA", CacheControl: "no-cache",
			ContentDisposition: `attachment; filename="<ä>.txt"`, Metadata: map[string]string{"Author": "team a"},
		})
		if err != nil {
			t.Fatal(err)
		}
		return form
	}
	status, location := postForm(t, sign(), "note.txt", "text/plain", "hello")
	if status != http.StatusFound || !strings.HasPrefix(location, "https://app.example.com/done?a=1&") || !strings.Contains(location, "status=201") {
		t.Errorf("%d to %q; want a redirect with status 201", status, location)
	}
	info, err := bucket.Head(t.Context(), "up/note.txt", nil)
	if err != nil || info.Size != 5 || info.StorageClass != "STANDARD_IA" || info.Metadata["author"] != "team a" || info.CacheControl != "no-cache" {
		t.Errorf("stored %+v, %v", info, err)
	}
	for name, value := range map[string]string{"key": "elsewhere", "x-qs-meta-more": "x", "cache-control": "public", "signature": "x"} {
		form := sign()
		form.Fields[name] = value
		if status, location := postForm(t, form, "other.txt", "text/plain", "x"); !strings.Contains(location, "status=40") {
			t.Errorf("form with %s %q: %d to %q; want a refusal", name, value, status, location)
		}
	}
	if _, err := bucket.Head(t.Context(), "up/other.txt", nil); !errors.Is(err, ois.ErrNotFound) {
		t.Errorf("a changed form was taken: %v", err)
	}
}

// TestImageSteps: the server understands every step as it was meant.
func TestImageSteps(t *testing.T) {
	_, bucket := newBucket(t, "image-bucket")
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 40, 30))); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"p.png", "logo.png"} {
		if _, err := bucket.Put(t.Context(), key, bytes.NewReader(picture.Bytes()), &ois.PutOptions{ContentType: "image/png"}); err != nil {
			t.Fatal(err)
		}
	}
	logo, err := bucket.PresignGet(t.Context(), "logo.png", nil)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name          string
		step          ois.ImageStep
		width, height int
		kind          string
	}{
		{"crop", ois.ImageCropStep{Width: 10, Height: 20, Gravity: ois.ImageSouthEast}, 10, 20, "png"},
		{"crop from", ois.ImageCropStep{Left: 10, Top: 5}, 30, 25, "png"},
		{"rotate", ois.ImageRotateStep{Angle: 90}, 30, 40, "png"},
		{"resize", ois.ImageResizeStep{Width: 20}, 20, 15, "png"},
		{"pad", ois.ImageResizeStep{Width: 20, Height: 20}, 20, 20, "png"},
		{"thumbnail", ois.ImageResizeStep{Width: 20, Height: 20, Mode: ois.ImageThumbnail}, 20, 15, "png"},
		{"text", ois.ImageTextStep{Text: "OIS © >?", Size: 100, Opacity: 0.5, Colour: "#ff0000"}, 40, 30, "png"},
		{"overlay", ois.ImageOverlayStep{URL: logo, Left: 3, Top: 4, Opacity: 0.5}, 40, 30, "png"},
		{"format", ois.ImageFormatStep{Format: "webp"}, 40, 30, "webp"},
		{"save", ois.ImageSaveStep{Bucket: "image-bucket", Key: "saved_a/b.png"}, 40, 30, "png"},
	}
	for _, test := range tests {
		info, err := bucket.ImageInfo(t.Context(), "p.png", test.step)
		if err != nil || info.Width != test.width || info.Height != test.height || info.Type != test.kind {
			t.Errorf("%s: %+v, %v; want %d x %d, %s", test.name, info, err, test.width, test.height, test.kind)
		}
	}
	result, err := bucket.Image(t.Context(), "p.png", ois.ImageResizeStep{Width: 20}, ois.ImageFormatStep{Format: "jpeg"})
	if err != nil {
		t.Fatal(err)
	}
	defer result.Close()
	if data, err := io.ReadAll(result); err != nil || result.ContentType != "image/jpeg" || int64(len(data)) != result.Length {
		t.Errorf("result of %d bytes, %s, %v; want %d of image/jpeg", len(data), result.ContentType, err, result.Length)
	}
	if info, err := bucket.ImageInfo(t.Context(), "saved_a/b.png"); err != nil || info.Width != 40 {
		t.Errorf("saved: %+v, %v", info, err)
	}
}

// TestAppendsAndVersions: what grows, and what is kept of what was.
func TestAppendsAndVersions(t *testing.T) {
	srv, bucket := newBucket(t, "append-bucket")
	ctx, at := t.Context(), int64(0)
	for _, line := range []string{"one\n", "two\n"} {
		next, err := bucket.Append(ctx, "log", at, strings.NewReader(line), &ois.AppendOptions{ContentType: "text/plain"})
		if err != nil || next != at+4 {
			t.Fatalf("append at %d: %d, %v", at, next, err)
		}
		at = next
	}
	if info, err := bucket.Head(ctx, "log", nil); err != nil || !info.Appendable || info.NextPosition != 8 || info.ContentType != "text/plain" {
		t.Errorf("got %+v, %v; want 8 bytes to append to", info, err)
	}
	var e *ois.Error
	if _, err := bucket.Append(ctx, "log", 4, strings.NewReader("x"), nil); !errors.As(err, &e) || e.Code == "" || e.Attempts != 1 {
		t.Errorf("append in the middle: %v; want the service's error", err)
	}
	in := api.PutBucketVersioningInput{Bucket: bucket.Name(), VersioningStatus: "ENABLED"}
	if _, err := srv.Client().API().PutBucketVersioning(ctx, &in); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"a", "bb"} {
		if _, err := bucket.Put(ctx, "k", strings.NewReader(text), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := bucket.Remove(ctx, "k", nil); err != nil {
		t.Fatal(err)
	}
	var sizes []int64
	for v, err := range bucket.Versions(ctx, "k") {
		if err != nil {
			t.Fatal(err)
		}
		if v.Latest != (len(sizes) == 0) || v.DeleteMarker != v.Latest || v.Key != "k" || v.Modified.IsZero() {
			t.Errorf("version %+v", v)
		}
		sizes = append(sizes, v.Size)
		if !v.DeleteMarker {
			f, err := bucket.File(ctx, "k", &ois.FileOptions{VersionID: v.VersionID})
			if err != nil {
				t.Fatal(err)
			}
			if data, err := io.ReadAll(f); err != nil || int64(len(data)) != v.Size {
				t.Errorf("version %s: %q, %v", v.VersionID, data, err)
			}
			f.Close()
		}
	}
	if len(sizes) != 3 || sizes[1] != 2 || sizes[2] != 1 {
		t.Errorf("sizes %v; want a marker, 2 and 1", sizes)
	}
}

// TestEncryptionKeysGoEverywhere: with a customer's key, every verb that knows one works, and none without.
func TestEncryptionKeysGoEverywhere(t *testing.T) {
	srv, bucket := newBucket(t, "secret-bucket")
	ctx, key, other := t.Context(), []byte(strings.Repeat("k", 32)), []byte(strings.Repeat("o", 32))
	if _, err := bucket.Put(ctx, "k", strings.NewReader("secret"), &ois.PutOptions{EncryptionKey: key}); err != nil {
		t.Fatal(err)
	}
	if _, err := bucket.Copy(ctx, "copy", "k", &ois.CopyOptions{SourceEncryptionKey: key, EncryptionKey: other}); err != nil {
		t.Fatal(err)
	}
	if _, err := bucket.Move(ctx, "moved", "copy", nil); err != nil {
		t.Fatal(err)
	}
	putParts(t, srv, bucket, key)
	for name, key := range map[string][]byte{"k": key, "moved": other, "parts": key} {
		r, err := bucket.Get(ctx, name, &ois.GetOptions{EncryptionKey: key, Offset: 1})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		data, err := io.ReadAll(r)
		if err != nil || !strings.HasPrefix(string(data), "ecret") || !r.Info.Encrypted {
			t.Errorf("%s: %q, %v", name, data, err)
		}
		r.Close()
		if info, err := bucket.Head(ctx, name, &ois.HeadOptions{EncryptionKey: key}); err != nil || !info.Encrypted {
			t.Errorf("Head of %s: %+v, %v", name, info, err)
		}
		var e *ois.Error
		if _, err := bucket.Get(ctx, name, nil); !errors.As(err, &e) || e.Status/100 != 4 {
			t.Errorf("%s without its key: %v; want a refusal", name, err)
		}
	}
}

// putParts makes the object "parts" of a part that is sent and one that is copied.
func putParts(t *testing.T, srv *oistest.Server, bucket *ois.Bucket, key []byte) {
	t.Helper()
	sum := md5.Sum(key)
	text, check := base64.StdEncoding.EncodeToString(key), base64.StdEncoding.EncodeToString(sum[:])
	ctx, name, c := t.Context(), bucket.Name(), srv.Client().API()
	up, err := c.InitiateMultipartUpload(ctx, &api.InitiateMultipartUploadInput{
		Bucket: name, Key: "parts", EncryptionCustomerAlgorithm: "AES256", EncryptionCustomerKey: text, EncryptionCustomerKeyMD5: check,
	})
	if err != nil {
		t.Fatal(err)
	}
	big := strings.NewReader("secret" + strings.Repeat("x", 4<<20))
	one, err := c.UploadMultipart(ctx, &api.UploadMultipartInput{
		Bucket: name, Key: "parts", UploadID: up.UploadID, PartNumber: 0, Body: big,
		EncryptionCustomerAlgorithm: "AES256", EncryptionCustomerKey: text, EncryptionCustomerKeyMD5: check,
	})
	if err != nil {
		t.Fatal(err)
	}
	two, err := c.CopyPart(ctx, &api.CopyPartInput{
		Bucket: name, Key: "parts", UploadID: up.UploadID, PartNumber: 1, CopySource: "/" + name + "/k",
		CopySourceEncryptionCustomerAlgorithm: "AES256", CopySourceEncryptionCustomerKey: text, CopySourceEncryptionCustomerKeyMD5: check,
		EncryptionCustomerAlgorithm: "AES256", EncryptionCustomerKey: text, EncryptionCustomerKeyMD5: check,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.CompleteMultipartUpload(ctx, &api.CompleteMultipartUploadInput{
		Bucket: name, Key: "parts", UploadID: up.UploadID,
		ObjectParts: []api.CompletedPart{{PartNumber: 0, ETag: one.ETag}, {PartNumber: 1, ETag: two.ETag}},
	})
	if err != nil {
		t.Fatal(err)
	}
}
