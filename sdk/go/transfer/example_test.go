package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/transfer"
)

// exampleBucket creates a bucket for an example; done empties and deletes it.
func exampleBucket(ctx context.Context) (bucket *ois.Bucket, done func()) {
	cfg, err := ois.DefaultConfig(ctx)
	if err != nil {
		panic(err)
	}
	cfg.Endpoint = os.Getenv("OIS_TEST_ENDPOINT")
	client, err := ois.New(cfg)
	if err != nil {
		panic(err)
	}
	bucket = client.Bucket(fmt.Sprintf("example-%x", time.Now().UnixNano()), "jn1a")
	if err := bucket.Create(ctx); err != nil {
		panic(err)
	}
	return bucket, func() {
		for o, err := range bucket.Objects(ctx, nil) {
			if err == nil {
				err = bucket.Remove(ctx, o.Key, nil)
			}
			if err != nil {
				panic(err)
			}
		}
		if err := bucket.Delete(ctx); err != nil {
			panic(err)
		}
	}
}

func exampleDir() string {
	dir, err := os.MkdirTemp("", "ois-example-")
	if err != nil {
		panic(err)
	}
	return dir
}

// A large file goes up and comes back. If the program ends in between, the next call of the same
// kind goes on where this one stopped.
func ExampleManager_UploadFile() {
	ctx := context.Background()
	bucket, done := exampleBucket(ctx)
	defer done()
	dir := exampleDir()
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "big.iso")
	if err := os.WriteFile(path, make([]byte, 20<<20), 0o600); err != nil {
		fmt.Println(err)
		return
	}

	m := transfer.New(bucket, transfer.Options{Checkpoint: filepath.Join(dir, "checkpoints")})
	res, err := m.UploadFile(ctx, "big.iso", path, &transfer.UploadOptions{
		PutOptions: ois.PutOptions{ContentType: "application/x-iso9660-image"},
	})
	var unfinished *transfer.UnfinishedError
	if errors.As(err, &unfinished) {
		fmt.Println("later:", err)
		return
	} else if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.Size, "bytes in", res.Parts, "parts, verified:", res.Verified)

	back, err := m.DownloadFile(ctx, "big.iso", filepath.Join(dir, "copy.iso"), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(back.Size, "bytes of", back.Info.ContentType)
	// Output:
	// 20971520 bytes in 3 parts, verified: true
	// 20971520 bytes of application/x-iso9660-image
}

// A stream whose length nobody knows. What is short takes one request.
func ExampleManager_Upload() {
	ctx := context.Background()
	bucket, done := exampleBucket(ctx)
	defer done()

	m := transfer.New(bucket, transfer.Options{})
	r, w := io.Pipe()
	go func() {
		_, err := io.WriteString(w, strings.Repeat("line\n", 1000))
		w.CloseWithError(err)
	}()
	res, err := m.Upload(ctx, "log.txt", r, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.Size, "bytes in", res.Parts, "request")
	// Output: 5000 bytes in 1 request
}

// An object is read in parts, several at once, and comes out in order.
func ExampleManager_Download() {
	ctx := context.Background()
	bucket, done := exampleBucket(ctx)
	defer done()

	m := transfer.New(bucket, transfer.Options{})
	if _, err := m.Upload(ctx, "k", strings.NewReader("in order"), nil); err != nil {
		fmt.Println(err)
		return
	}
	var out bytes.Buffer
	if _, err := m.Download(ctx, "k", &out, nil); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(out.String())
	// Output: in order
}

// A folder goes up; one manager has the limits of all transfers, of other buckets, too.
func ExampleManager_UploadPrefix() {
	ctx := context.Background()
	bucket, done := exampleBucket(ctx)
	defer done()
	other, doneToo := exampleBucket(ctx)
	defer doneToo()
	dir := exampleDir()
	defer os.RemoveAll(dir)
	for _, name := range []string{"a", "b", "c"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			fmt.Println(err)
			return
		}
	}

	m := transfer.New(bucket, transfer.Options{Concurrency: 16, UploadLimit: 10 << 20})
	res, err := m.UploadPrefix(ctx, "2026/", dir, nil)
	if err != nil {
		fmt.Println(err) // and res says what went well
	}
	fmt.Println(res.Objects, "files")
	if _, err := m.For(other).Copy(ctx, "a", "2026/a", &transfer.CopyOptions{
		CopyOptions: ois.CopyOptions{SourceBucket: bucket.Name()},
	}); err != nil {
		fmt.Println(err)
	}
	// Output: 3 files
}
