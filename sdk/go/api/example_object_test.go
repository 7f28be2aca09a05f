package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
)

func ExampleClient_PutObject() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	out, err := c.PutObject(ctx, &api.PutObjectInput{
		Bucket: bucket, Key: "a//b.txt", ContentType: "text/plain", Metadata: map[string]string{"author": "team a"}, Body: strings.NewReader("hello"),
	})
	check(err)
	fmt.Println(out.ETag)
	// Output: "5d41402abc4b2a76b9719d911017c592"
}

func ExampleClient_CopyObject() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutObject(ctx, &api.PutObjectInput{Bucket: bucket, Key: "draft", Body: strings.NewReader("hello")})
	check(err)
	_, err = c.CopyObject(ctx, &api.CopyObjectInput{
		Bucket: bucket, Key: "copy", CopySource: "/" + bucket + "/draft", // percent-encoded, if need be
	})
	check(err)
	head, err := c.HeadObject(ctx, &api.HeadObjectInput{Bucket: bucket, Key: "copy"})
	check(err)
	fmt.Println(head.ContentLength)
	// Output: 5
}

func ExampleClient_MoveObject() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutObject(ctx, &api.PutObjectInput{Bucket: bucket, Key: "draft", Body: strings.NewReader("hello")})
	check(err)
	_, err = c.MoveObject(ctx, &api.MoveObjectInput{Bucket: bucket, Key: "final", MoveSource: "/" + bucket + "/draft"})
	check(err)
	_, err = c.HeadObject(ctx, &api.HeadObjectInput{Bucket: bucket, Key: "draft"})
	fmt.Println(errors.Is(err, ois.ErrNotFound))
	// Output: true
}

func ExampleClient_FetchObject() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutObject(ctx, &api.PutObjectInput{Bucket: bucket, Key: "k", Body: strings.NewReader("hello")})
	check(err)
	link, err := handle(bucket).PresignGet(ctx, "k", nil) // any address that the service can read
	check(err)
	_, err = c.FetchObject(ctx, &api.FetchObjectInput{Bucket: bucket, Key: "fetched", FetchSource: link})
	check(err)
	head, err := c.HeadObject(ctx, &api.HeadObjectInput{Bucket: bucket, Key: "fetched"})
	check(err)
	fmt.Println(head.ContentLength)
	// Output: 5
}

func ExampleClient_GetObject() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutObject(ctx, &api.PutObjectInput{Bucket: bucket, Key: "k", Body: strings.NewReader("hello")})
	check(err)
	out, err := c.GetObject(ctx, &api.GetObjectInput{Bucket: bucket, Key: "k", Range: "bytes=1-3"})
	check(err)
	defer out.Body.Close() // always
	text, err := io.ReadAll(out.Body)
	check(err)
	fmt.Printf("%s, %s\n", text, out.ContentRange)
	// Output: ell, bytes 1-3/5
}

func ExampleClient_HeadObject() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutObject(ctx, &api.PutObjectInput{Bucket: bucket, Key: "k", Body: strings.NewReader("hello"), ContentType: "text/plain"})
	check(err)
	out, err := c.HeadObject(ctx, &api.HeadObjectInput{Bucket: bucket, Key: "k"})
	check(err)
	fmt.Println(out.ContentLength, out.ContentType)
	// Output: 5 text/plain
}

func ExampleClient_DeleteObject() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutObject(ctx, &api.PutObjectInput{Bucket: bucket, Key: "k", Body: strings.NewReader("hello")})
	check(err)
	_, err = c.DeleteObject(ctx, &api.DeleteObjectInput{Bucket: bucket, Key: "k"})
	check(err)
	_, err = c.HeadObject(ctx, &api.HeadObjectInput{Bucket: bucket, Key: "k"})
	fmt.Println(errors.Is(err, ois.ErrNotFound))
	// Output: true
}

func ExampleClient_OptionsObject() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutBucketCORS(ctx, &api.PutBucketCORSInput{
		Bucket: bucket, CORSRules: []api.CORSRule{{AllowedOrigin: "https://app.example.com", AllowedMethods: []string{"PUT"}}},
	})
	check(err)
	out, err := c.OptionsObject(ctx, &api.OptionsObjectInput{
		Bucket: bucket, Key: "k", Origin: "https://app.example.com", AccessControlRequestMethod: "PUT",
	})
	check(err)
	fmt.Println(out.AccessControlAllowOrigin, out.AccessControlAllowMethods)
	// Output: https://app.example.com PUT
}

func ExampleClient_AppendObject() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	var position int64
	for _, line := range []string{"one\n", "two\n"} {
		out, err := c.AppendObject(ctx, &api.AppendObjectInput{Bucket: bucket, Key: "log", Position: position, Body: strings.NewReader(line)})
		check(err)
		position = out.NextAppendPosition
	}
	fmt.Println(position)
	// Output: 8
}

func ExampleClient_ImageProcess() {
	ctx, c, bucket, done := exampleBucket()
	defer done()

	_, err := c.PutObject(ctx, &api.PutObjectInput{Bucket: bucket, Key: "dot.gif", ContentType: "image/gif", Body: strings.NewReader(dot)})
	check(err)
	action, err := ois.ImageAction(ois.ImageResizeStep{Width: 4, Height: 2, Mode: ois.ImageForce})
	check(err)
	out, err := c.ImageProcess(ctx, &api.ImageProcessInput{Bucket: bucket, Key: "dot.gif", Action: action + "|info"})
	check(err)
	defer out.Body.Close() // always
	var info struct{ Width, Height int }
	check(json.NewDecoder(out.Body).Decode(&info))
	fmt.Println(info)
	// Output: {4 2}
}
