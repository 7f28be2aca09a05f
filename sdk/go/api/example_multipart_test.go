package api_test

import (
	"errors"
	"fmt"
	"strings"

	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
)

func ExampleClient_InitiateMultipartUpload() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	upload, err := c.InitiateMultipartUpload(ctx, &api.InitiateMultipartUploadInput{Bucket: bucket, Key: "big"})
	check(err)
	part, err := c.UploadMultipart(ctx, &api.UploadMultipartInput{
		Bucket: bucket, Key: "big", UploadID: upload.UploadID, PartNumber: 0, Body: strings.NewReader("the only part"),
	})
	check(err)
	_, err = c.CompleteMultipartUpload(ctx, &api.CompleteMultipartUploadInput{
		Bucket: bucket, Key: "big", UploadID: upload.UploadID, ObjectParts: []api.CompletedPart{{PartNumber: 0, ETag: part.ETag}},
	})
	check(err)
	head, err := c.HeadObject(ctx, &api.HeadObjectInput{Bucket: bucket, Key: "big"})
	check(err)
	fmt.Println(head.ContentLength)
	// Output: 13
}

func ExampleClient_UploadMultipart() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	upload, err := c.InitiateMultipartUpload(ctx, &api.InitiateMultipartUploadInput{Bucket: bucket, Key: "big"})
	check(err)
	part, err := c.UploadMultipart(ctx, &api.UploadMultipartInput{
		Bucket: bucket, Key: "big", UploadID: upload.UploadID, PartNumber: 0, Body: strings.NewReader("the only part"),
	})
	check(err)
	fmt.Println(part.ETag)
	_, err = c.AbortMultipartUpload(ctx, &api.AbortMultipartUploadInput{Bucket: bucket, Key: "big", UploadID: upload.UploadID})
	check(err)
	// Output: "504273b20820fd7601eb2ed12719ff6d"
}

func ExampleClient_CopyPart() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutObject(ctx, &api.PutObjectInput{Bucket: bucket, Key: "k", Body: strings.NewReader("hello")})
	check(err)
	upload, err := c.InitiateMultipartUpload(ctx, &api.InitiateMultipartUploadInput{Bucket: bucket, Key: "big"})
	check(err)
	part, err := c.CopyPart(ctx, &api.CopyPartInput{
		Bucket: bucket, Key: "big", UploadID: upload.UploadID, PartNumber: 0, CopySource: "/" + bucket + "/k", CopyRange: "bytes=1-3",
	})
	check(err)
	_, err = c.CompleteMultipartUpload(ctx, &api.CompleteMultipartUploadInput{
		Bucket: bucket, Key: "big", UploadID: upload.UploadID, ObjectParts: []api.CompletedPart{{PartNumber: 0, ETag: part.ETag}},
	})
	check(err)
	head, err := c.HeadObject(ctx, &api.HeadObjectInput{Bucket: bucket, Key: "big"})
	check(err)
	fmt.Println(head.ContentLength)
	// Output: 3
}

func ExampleClient_ListMultipart() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	upload, err := c.InitiateMultipartUpload(ctx, &api.InitiateMultipartUploadInput{Bucket: bucket, Key: "big"})
	check(err)
	_, err = c.UploadMultipart(ctx, &api.UploadMultipartInput{
		Bucket: bucket, Key: "big", UploadID: upload.UploadID, PartNumber: 0, Body: strings.NewReader("the only part"),
	})
	check(err)
	out, err := c.ListMultipart(ctx, &api.ListMultipartInput{Bucket: bucket, Key: "big", UploadID: upload.UploadID})
	check(err)
	for _, p := range out.ObjectParts {
		fmt.Println(p.PartNumber, p.Size)
	}
	_, err = c.AbortMultipartUpload(ctx, &api.AbortMultipartUploadInput{Bucket: bucket, Key: "big", UploadID: upload.UploadID})
	check(err)
	// Output: 0 13
}

func ExampleClient_CompleteMultipartUpload() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	upload, err := c.InitiateMultipartUpload(ctx, &api.InitiateMultipartUploadInput{Bucket: bucket, Key: "big"})
	check(err)
	first, err := c.UploadMultipart(ctx, &api.UploadMultipartInput{
		Bucket: bucket, Key: "big", UploadID: upload.UploadID, PartNumber: 0, Body: strings.NewReader(strings.Repeat("x", 4<<20)),
	})
	check(err)
	last, err := c.UploadMultipart(ctx, &api.UploadMultipartInput{
		Bucket: bucket, Key: "big", UploadID: upload.UploadID, PartNumber: 1, Body: strings.NewReader("the last part may be small"),
	})
	check(err)
	_, err = c.CompleteMultipartUpload(ctx, &api.CompleteMultipartUploadInput{
		Bucket: bucket, Key: "big", UploadID: upload.UploadID, ObjectParts: []api.CompletedPart{{PartNumber: 0, ETag: first.ETag}, {PartNumber: 1, ETag: last.ETag}},
	})
	check(err)
	head, err := c.HeadObject(ctx, &api.HeadObjectInput{Bucket: bucket, Key: "big"})
	check(err)
	fmt.Println(head.ContentLength)
	// Output: 4194330
}

func ExampleClient_AbortMultipartUpload() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	upload, err := c.InitiateMultipartUpload(ctx, &api.InitiateMultipartUploadInput{Bucket: bucket, Key: "big"})
	check(err)
	_, err = c.AbortMultipartUpload(ctx, &api.AbortMultipartUploadInput{Bucket: bucket, Key: "big", UploadID: upload.UploadID})
	check(err)
	_, err = c.ListMultipart(ctx, &api.ListMultipartInput{Bucket: bucket, Key: "big", UploadID: upload.UploadID})
	fmt.Println(errors.Is(err, ois.ErrNotFound))
	// Output: true
}
