package api_test

import (
	"errors"
	"fmt"
	"strings"

	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
)

func ExampleClient_ListBuckets() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	out, err := c.ListBuckets(ctx, &api.ListBucketsInput{Limit: 1000})
	check(err)
	for _, b := range out.Buckets {
		if b.Name == bucket {
			fmt.Println("found it")
		}
	}
	// Output: found it
}

func ExampleClient_ListLocations() {
	ctx, c, _, done := exampleBucket()
	defer done()

	out, err := c.ListLocations(ctx, &api.ListLocationsInput{Lang: "en"})
	check(err)
	fmt.Println(len(out.Locations) > 0)
	// Output: true
}

func ExampleClient_PutBucket() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutBucket(ctx, &api.PutBucketInput{Bucket: bucket}) // the helper has made it already
	fmt.Println(errors.Is(err, ois.ErrExist))
	// Output: true
}

func ExampleClient_HeadBucket() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.HeadBucket(ctx, &api.HeadBucketInput{Bucket: bucket})
	check(err)
	_, err = c.HeadBucket(ctx, &api.HeadBucketInput{Bucket: bucket + "-missing"})
	fmt.Println(errors.Is(err, ois.ErrNotFound))
	// Output: true
}

func ExampleClient_DeleteBucket() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutObject(ctx, &api.PutObjectInput{Bucket: bucket, Key: "k", Body: strings.NewReader("hello")})
	check(err)
	_, err = c.DeleteBucket(ctx, &api.DeleteBucketInput{Bucket: bucket})
	fmt.Println(errors.Is(err, ois.ErrNotEmpty))
	// Output: true
}

func ExampleClient_ListObjects() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutObject(ctx, &api.PutObjectInput{Bucket: bucket, Key: "2026/a", Body: strings.NewReader("hello")})
	check(err)
	_, err = c.PutObject(ctx, &api.PutObjectInput{Bucket: bucket, Key: "index", Body: strings.NewReader("hello")})
	check(err)
	out, err := c.ListObjects(ctx, &api.ListObjectsInput{Bucket: bucket, Delimiter: "/"})
	check(err)
	for _, o := range out.Keys {
		fmt.Println(o.Key, o.Size)
	}
	fmt.Println(out.CommonPrefixes)
	// Output:
	// index 5
	// [2026/]
}

func ExampleClient_PostObject() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	// Who signs the request needs no policy in the form; for visitors see Bucket.PostForm of package ois.
	out, err := c.PostObject(ctx, &api.PostObjectInput{
		Bucket: bucket, Key: "up/${filename}", FileName: "note.txt", FileType: "text/plain", Body: strings.NewReader("hello"),
	})
	check(err)
	fmt.Println(out.Status)
	head, err := c.HeadObject(ctx, &api.HeadObjectInput{Bucket: bucket, Key: "up/note.txt"})
	check(err)
	fmt.Println(head.ContentLength, head.ContentType)
	// Output:
	// 201
	// 5 text/plain
}

func ExampleClient_GetBucketStatistics() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutObject(ctx, &api.PutObjectInput{Bucket: bucket, Key: "k", Body: strings.NewReader("hello")})
	check(err)
	out, err := c.GetBucketStatistics(ctx, &api.GetBucketStatisticsInput{Bucket: bucket})
	check(err)
	fmt.Println(out.Count, out.Size)
	// Output: 1 5
}

func ExampleClient_DeleteMultipleObjects() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutObject(ctx, &api.PutObjectInput{Bucket: bucket, Key: "a", Body: strings.NewReader("hello")})
	check(err)
	out, err := c.DeleteMultipleObjects(ctx, &api.DeleteMultipleObjectsInput{
		Bucket: bucket, Objects: []api.ObjectToDelete{{Key: "a"}, {Key: "never was"}},
	})
	check(err)
	fmt.Println(len(out.Deleted), len(out.Errors))
	// Output: 2 0
}

func ExampleClient_ListMultipartUploads() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	upload, err := c.InitiateMultipartUpload(ctx, &api.InitiateMultipartUploadInput{Bucket: bucket, Key: "big"})
	check(err)
	out, err := c.ListMultipartUploads(ctx, &api.ListMultipartUploadsInput{Bucket: bucket})
	check(err)
	for _, u := range out.Uploads {
		fmt.Println(u.Key, u.UploadID == upload.UploadID)
	}
	_, err = c.AbortMultipartUpload(ctx, &api.AbortMultipartUploadInput{Bucket: bucket, Key: "big", UploadID: upload.UploadID})
	check(err)
	// Output: big true
}

func ExampleClient_ListObjectVersions() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutBucketVersioning(ctx, &api.PutBucketVersioningInput{Bucket: bucket, VersioningStatus: "ENABLED"})
	check(err)
	for _, text := range []string{"old", "newer"} {
		_, err := c.PutObject(ctx, &api.PutObjectInput{Bucket: bucket, Key: "k", Body: strings.NewReader(text)})
		check(err)
	}
	out, err := c.ListObjectVersions(ctx, &api.ListObjectVersionsInput{Bucket: bucket})
	check(err)
	for _, v := range out.Keys {
		fmt.Println(v.Key, v.Size, v.IsLatest)
	}
	// Output:
	// k 5 true
	// k 3 false
}
