package ois_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
)

// exampleClient is a client of the server that the examples run against.
func exampleClient(ctx context.Context) *ois.Client {
	cfg, err := ois.DefaultConfig(ctx)
	if err != nil {
		panic(err)
	}
	cfg.Endpoint = os.Getenv("OIS_TEST_ENDPOINT")
	client, err := ois.New(cfg)
	if err != nil {
		panic(err)
	}
	return client
}

// exampleBucket creates a bucket for an example; done empties and deletes it.
func exampleBucket(ctx context.Context) (bucket *ois.Bucket, done func()) {
	bucket = exampleClient(ctx).Bucket(fmt.Sprintf("example-%x", time.Now().UnixNano()), "jn1a")
	if err := bucket.Create(ctx); err != nil {
		panic(err)
	}
	return bucket, func() {
		for v, err := range bucket.Versions(ctx, "") {
			if err != nil {
				panic(err)
			}
			if err := bucket.Remove(ctx, v.Key, &ois.RemoveOptions{VersionID: v.VersionID}); err != nil {
				panic(err)
			}
		}
		if err := bucket.Delete(ctx); err != nil {
			panic(err)
		}
	}
}

func ExampleNew() {
	client, err := ois.New(ois.Config{
		AccessKeyID:     "your key id",
		SecretAccessKey: "your secret",
		Endpoint:        "https://is.shanhe.com", // the default
		Logger:          slog.Default(),          // nil is silent
		Retry:           ois.RetryPolicy{MaxAttempts: 6},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = client.Bucket("photos-2026", "jn1a")
}

func ExampleBucket_Put() {
	ctx := context.Background()
	bucket, done := exampleBucket(ctx)
	defer done()

	// In memory or on the disk: the length is known, and a failed attempt is repeated.
	_, err := bucket.Put(ctx, "a//b.txt", strings.NewReader("hello"), &ois.PutOptions{
		ContentType: "text/plain",
		Metadata:    map[string]string{"author": "team a"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	// A stream: sent as it comes, once.
	r, w := io.Pipe()
	go func() {
		_, err := io.WriteString(w, "from a pipe")
		w.CloseWithError(err)
	}()
	if _, err := bucket.Put(ctx, "stream.txt", r, nil); err != nil {
		fmt.Println(err)
		return
	}

	info, err := bucket.Head(ctx, "a//b.txt", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(info.Size, info.ContentType, info.Metadata["author"])
	// Output: 5 text/plain team a
}

// A write that must not replace anything.
func ExampleBucket_Put_ifNoneMatch() {
	ctx := context.Background()
	bucket, done := exampleBucket(ctx)
	defer done()

	for range 2 {
		_, err := bucket.Put(ctx, "lock", strings.NewReader("mine"), &ois.PutOptions{IfNoneMatch: "*"})
		switch {
		case errors.Is(err, ois.ErrPrecondition):
			fmt.Println("somebody was there before")
		case errors.Is(err, ois.ErrUnsupported):
			fmt.Println("this server cannot do that; nothing was sent")
		case err != nil:
			fmt.Println(err)
			return
		default:
			fmt.Println("stored")
		}
	}
}

func ExampleBucket_Get() {
	ctx := context.Background()
	bucket, done := exampleBucket(ctx)
	defer done()
	if _, err := bucket.Put(ctx, "alphabet", strings.NewReader("abcdefghijklmnopqrstuvwxyz"), nil); err != nil {
		fmt.Println(err)
		return
	}

	r, err := bucket.Get(ctx, "alphabet", &ois.GetOptions{Offset: 3, Length: 5})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close() // always
	text, err := io.ReadAll(r)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s of %d bytes\n", text, r.Info.Size)

	_, err = bucket.Get(ctx, "missing", nil)
	var e *ois.Error
	if errors.As(err, &e) {
		fmt.Println(e.Status, e.Code, errors.Is(err, ois.ErrNotFound), errors.Is(err, fs.ErrNotExist))
	}
	// Output:
	// defgh of 26 bytes
	// 404 object_not_exists true true
}

func ExampleBucket_Objects() {
	ctx := context.Background()
	bucket, done := exampleBucket(ctx)
	defer done()
	for _, key := range []string{"2025/a.jpg", "2026/b.jpg", "2026/c.jpg", "index.html"} {
		if _, err := bucket.Put(ctx, key, strings.NewReader(key), nil); err != nil {
			fmt.Println(err)
			return
		}
	}

	for o, err := range bucket.Objects(ctx, &ois.ListOptions{Prefix: "2026/"}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(o.Key, o.Size)
	}
	for folder, err := range bucket.Prefixes(ctx, nil) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("folder", folder)
	}
	// Output:
	// 2026/b.jpg 10
	// 2026/c.jpg 10
	// folder 2025/
	// folder 2026/
}

func ExampleBucket_RemoveAll() {
	ctx := context.Background()
	bucket, done := exampleBucket(ctx)
	defer done()
	objects := map[string]string{"a": "1", "b": "2", "c": "3"}
	for key, text := range objects {
		if _, err := bucket.Put(ctx, key, strings.NewReader(text), nil); err != nil {
			fmt.Println(err)
			return
		}
	}

	if err := bucket.RemoveAll(ctx, maps.Keys(objects)); err != nil {
		fmt.Println(err)
		return
	}
	if err := bucket.RemoveAll(ctx, slices.Values([]string{"a", "never was"})); err != nil {
		fmt.Println(err)
		return
	}
	s, err := bucket.Statistics(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("left:", s.Count)
	// Output: left: 0
}

func ExampleBucket_Copy() {
	ctx := context.Background()
	bucket, done := exampleBucket(ctx)
	defer done()
	if _, err := bucket.Put(ctx, "draft", strings.NewReader("hello"), nil); err != nil {
		fmt.Println(err)
		return
	}

	if _, err := bucket.Copy(ctx, "draft (copy)", "draft", nil); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := bucket.Move(ctx, "final", "draft", nil); err != nil {
		fmt.Println(err)
		return
	}
	for o, err := range bucket.Objects(ctx, nil) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(o.Key)
	}
	// Output:
	// draft (copy)
	// final
}

func ExampleBucket_PresignGet() {
	ctx := context.Background()
	bucket, done := exampleBucket(ctx)
	defer done()
	if _, err := bucket.Put(ctx, "report.pdf", bytes.NewReader([]byte("pages")), nil); err != nil {
		fmt.Println(err)
		return
	}

	link, err := bucket.PresignGet(ctx, "report.pdf", &ois.PresignOptions{
		Expires:                    time.Hour,
		ResponseContentDisposition: `attachment; filename="report 2026.pdf"`,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := http.DefaultClient.Do(req) // anybody can do that, for an hour
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.Status, res.Header.Get("Content-Disposition"))
	fmt.Printf("%s\n", text)
	// Output:
	// 200 OK attachment; filename="report 2026.pdf"
	// pages
}

func ExampleBucket_PresignPut() {
	ctx := context.Background()
	bucket, done := exampleBucket(ctx)
	defer done()

	link, err := bucket.PresignPut(ctx, "upload.txt", &ois.PresignOptions{Expires: 10 * time.Minute})
	if err != nil {
		fmt.Println(err)
		return
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, link, strings.NewReader("from a browser"))
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	fmt.Println(res.Status)
	// Output: 201 Created
}

func ExampleBucket_ACL() {
	ctx := context.Background()
	bucket, done := exampleBucket(ctx)
	defer done()

	if err := bucket.SetACL(ctx, ois.GrantAll(ois.Read)); err != nil {
		fmt.Println(err)
		return
	}
	acl, err := bucket.ACL(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, grant := range acl.Grants {
		if grant.Grantee.Type == "group" {
			fmt.Println(grant.Grantee.Name, grant.Permission)
		}
	}
	// Output: QS_ALL_USERS READ
}

// The complete API is below the handle, with every field that the service knows.
func ExampleClient_API() {
	ctx := context.Background()
	bucket, done := exampleBucket(ctx)
	defer done()
	client := exampleClient(ctx)

	upload, err := client.API().InitiateMultipartUpload(ctx, &api.InitiateMultipartUploadInput{
		Bucket: bucket.Name(), Zone: bucket.Zone(), Key: "big.bin",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	part := api.UploadMultipartInput{
		Bucket: bucket.Name(), Zone: bucket.Zone(), Key: "big.bin", UploadID: upload.UploadID,
		PartNumber: 0, Body: strings.NewReader("the only part"),
	}
	if _, err := client.API().UploadMultipart(ctx, &part); err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.API().CompleteMultipartUpload(ctx, &api.CompleteMultipartUploadInput{
		Bucket: bucket.Name(), Zone: bucket.Zone(), Key: "big.bin", UploadID: upload.UploadID,
		ObjectParts: []api.CompletedPart{{PartNumber: 0}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	info, err := bucket.Head(ctx, "big.bin", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(info.Size)
	// Output: 13
}

func ExampleRefreshCredentials() {
	credentials := ois.RefreshCredentials(func(ctx context.Context) (ois.Credentials, error) {
		// Ask a vault; the answer is used until a minute before it expires.
		return ois.Credentials{AccessKeyID: "id", SecretAccessKey: "secret", Expires: time.Now().Add(time.Hour)}, nil
	})
	client, err := ois.New(ois.Config{Credentials: credentials})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(client.Endpoint())
	// Output: https://is.shanhe.com
}
