package ois_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	ois "github.com/oisproject/ois/sdk/go"
)

// The quick start: list buckets, create one in a zone, list its objects, put a
// file, delete it, and open the bucket to everybody.
func Example() {
	ctx := context.Background()

	// Keys come from OIS_ACCESS_KEY_ID and OIS_SECRET_ACCESS_KEY, or from ~/.ois/config.yaml.
	cfg, err := ois.DefaultConfig(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg.Endpoint = os.Getenv("OIS_TEST_ENDPOINT") // leave it out for the public service
	client, err := ois.New(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}

	buckets, err := client.ListBuckets(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, b := range buckets {
		_ = b.Name // and Zone, URL, Created
	}
	fmt.Println("buckets are listed")

	// Names of buckets are unique in the whole service.
	bucket := client.Bucket(fmt.Sprintf("quick-start-%x", time.Now().UnixNano()), "jn1a")
	if err := bucket.Create(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = bucket.Delete(ctx) }() // an example cleans up as well as it can
	fmt.Println("bucket is created in", bucket.Zone())

	count := 0
	for _, err := range bucket.Objects(ctx, nil) {
		if err != nil {
			fmt.Println(err)
			return
		}
		count++
	}
	fmt.Println("objects in it:", count)

	path := filepath.Join(os.TempDir(), "ois-quick-start.txt")
	if err := os.WriteFile(path, []byte("hello, ois\n"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.Remove(path) }() // the same
	file, err := os.Open(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	written, err := bucket.Put(ctx, "hello.txt", file, &ois.PutOptions{ContentType: "text/plain"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("file is stored with ETag", written.ETag)

	if err := bucket.Remove(ctx, "hello.txt", nil); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("object is deleted")

	if err := bucket.SetACL(ctx, ois.GrantAll(ois.FullControl)); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("bucket is open to everybody")

	// Output:
	// buckets are listed
	// bucket is created in jn1a
	// objects in it: 0
	// file is stored with ETag "9a019da5eefb097dd2832679dd4c1054"
	// object is deleted
	// bucket is open to everybody
}
