package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"time"

	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
)

// The files of the demo and the objects made of them.
const (
	smallFile = "hello.txt"
	largeFile = "holiday.bin"
	copyFile  = "holiday.copy.bin"

	demoPart  = 5 << 20 // bytes of a part
	demoParts = 3
)

// parts are the steps in their order. The first six are the quick start of OIS.
var parts = []struct {
	title string
	steps []step
}{
	{"The quick start", []step{
		{"list buckets", http.StatusOK, (*demo).listBuckets},
		{"create bucket", http.StatusCreated, (*demo).createBucket},
		{"list objects", http.StatusOK, (*demo).listNothing},
		{"put object", http.StatusCreated, (*demo).putObject},
		{"delete object", http.StatusNoContent, (*demo).deleteSmall},
		{"set bucket ACL", http.StatusOK, (*demo).setACL},
	}},
	{"A larger file", []step{
		{"start an upload", http.StatusOK, (*demo).startUpload},
		{"upload parts", http.StatusCreated, (*demo).uploadParts},
		{"complete the upload", http.StatusCreated, (*demo).completeUpload},
		{"list objects", http.StatusOK, (*demo).listLarge},
		{"get object", http.StatusOK, (*demo).download},
	}},
	{"For others", []step{
		{"get a pre-signed link", http.StatusOK, (*demo).fetchLink},
		{"get as anybody", http.StatusOK, (*demo).getAnonymously},
	}},
	{"Clean-up", []step{
		{"delete object", http.StatusNoContent, (*demo).deleteLarge},
		{"delete bucket", http.StatusNoContent, (*demo).deleteBucket},
		{"list buckets", http.StatusOK, (*demo).listBuckets},
	}},
}

func (d *demo) path(name string) string { return filepath.Join(d.files, name) }

// makeFiles writes the local files. The large one is noise, the same every time.
func (d *demo) makeFiles() error {
	if err := os.Mkdir(d.files, 0o700); err != nil {
		return err
	}
	noise := make([]byte, demoParts*demoPart)
	_, _ = rand.NewChaCha8([32]byte{'o', 'i', 's'}).Read(noise) // never fails
	return errors.Join(
		os.WriteFile(d.path(smallFile), []byte("Hello, object storage!\n"), 0o600),
		os.WriteFile(d.path(largeFile), noise, 0o600),
	)
}

func (d *demo) listBuckets(ctx context.Context) (string, error) {
	list, err := d.client.ListBuckets(ctx, nil)
	if err == nil && len(list) > 0 {
		err = fmt.Errorf("there are %d buckets, want none", len(list))
	}
	return "none there", err
}

func (d *demo) createBucket(ctx context.Context) (string, error) {
	return fmt.Sprintf("%s in zone %s", d.bucket.Name(), d.bucket.Zone()), d.bucket.Create(ctx)
}

// list wants the bucket to hold the keys.
func (d *demo) list(ctx context.Context, want ...string) error {
	var got []string
	for o, err := range d.bucket.Objects(ctx, nil) {
		if err != nil {
			return err
		}
		got = append(got, fmt.Sprintf("%s of %d bytes", o.Key, o.Size))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		return fmt.Errorf("the bucket holds %q, want %q", got, want)
	}
	return nil
}

func (d *demo) listNothing(ctx context.Context) (string, error) { return "none there", d.list(ctx) }

func (d *demo) listLarge(ctx context.Context) (string, error) {
	want := fmt.Sprintf("%s of %d bytes", largeFile, demoParts*demoPart)
	return want, d.list(ctx, want)
}

func (d *demo) putObject(ctx context.Context) (string, error) {
	f, err := os.Open(d.path(smallFile))
	if err != nil {
		return "", err
	}
	defer f.Close()
	w, err := d.bucket.Put(ctx, smallFile, f, &ois.PutOptions{ContentType: "text/plain"})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s from a file, ETag %s", smallFile, w.ETag), nil
}

func (d *demo) deleteSmall(ctx context.Context) (string, error) {
	return smallFile, d.bucket.Remove(ctx, smallFile, nil)
}

func (d *demo) setACL(ctx context.Context) (string, error) {
	return "QS_ALL_USERS have FULL_CONTROL", d.bucket.SetACL(ctx, ois.GrantAll(ois.FullControl))
}

func (d *demo) startUpload(ctx context.Context) (string, error) {
	out, err := d.client.API().InitiateMultipartUpload(ctx, &api.InitiateMultipartUploadInput{
		Zone: d.bucket.Zone(), Bucket: d.bucket.Name(), Key: largeFile, ContentType: "application/octet-stream",
	})
	if err != nil {
		return "", err
	}
	d.upload = out.UploadID
	return largeFile, nil
}

func (d *demo) uploadParts(ctx context.Context) (string, error) {
	f, err := os.Open(d.path(largeFile))
	if err != nil {
		return "", err
	}
	defer f.Close()
	for n := range int64(demoParts) {
		_, err := d.client.API().UploadMultipart(ctx, &api.UploadMultipartInput{
			Zone: d.bucket.Zone(), Bucket: d.bucket.Name(), Key: largeFile, UploadID: d.upload, PartNumber: n,
			Body: io.NewSectionReader(f, n*demoPart, demoPart), ContentLength: demoPart,
		})
		if err != nil {
			return "", fmt.Errorf("part %d: %w", n, err)
		}
	}
	return fmt.Sprintf("%d of %d MiB", demoParts, demoPart>>20), nil
}

func (d *demo) completeUpload(ctx context.Context) (string, error) {
	in := &api.CompleteMultipartUploadInput{
		Zone: d.bucket.Zone(), Bucket: d.bucket.Name(), Key: largeFile, UploadID: d.upload,
	}
	for n := range int64(demoParts) {
		in.ObjectParts = append(in.ObjectParts, api.CompletedPart{PartNumber: n})
	}
	_, err := d.client.API().CompleteMultipartUpload(ctx, in)
	return largeFile, err
}

func (d *demo) download(ctx context.Context) (string, error) {
	r, err := d.bucket.Get(ctx, largeFile, nil)
	if err != nil {
		return "", err
	}
	defer r.Close()
	f, err := os.Create(d.path(copyFile))
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, r)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	got, err := os.Open(d.path(copyFile))
	if err != nil {
		return "", err
	}
	defer got.Close()
	return "into a file, the same byte for byte", d.compare(got)
}

// compare wants r to yield what is in the large file.
func (d *demo) compare(r io.Reader) error {
	want, err := os.ReadFile(d.path(largeFile))
	if err != nil {
		return err
	}
	got, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("the %d bytes that came are not the %d bytes of the file", len(got), len(want))
	}
	return nil
}

func (d *demo) fetchLink(ctx context.Context) (string, error) {
	link, err := d.bucket.PresignGet(ctx, largeFile, &ois.PresignOptions{Expires: time.Minute})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, http.NoBody)
	if err != nil {
		return "", err
	}
	resp, err := (&http.Client{Transport: d.status}).Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	return "without the SDK, good for a minute", d.compare(resp.Body)
}

func (d *demo) getAnonymously(ctx context.Context) (string, error) {
	anybody, err := ois.New(ois.Config{Endpoint: d.address, Credentials: ois.AnonymousCredentials(), Transport: d.status})
	if err != nil {
		return "", err
	}
	r, err := anybody.Bucket(d.bucket.Name(), d.bucket.Zone()).Get(ctx, largeFile, nil)
	if err != nil {
		return "", err
	}
	defer r.Close()
	return "unsigned, as the ACL allows", d.compare(r)
}

func (d *demo) deleteLarge(ctx context.Context) (string, error) {
	return largeFile, d.bucket.Remove(ctx, largeFile, nil)
}

func (d *demo) deleteBucket(ctx context.Context) (string, error) {
	return d.bucket.Name(), d.bucket.Delete(ctx)
}
