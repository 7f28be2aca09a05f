package ois_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"html"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
)

// A file of an archive in a bucket, without the rest of it.
func ExampleBucket_File() {
	ctx := context.Background()
	bucket, done := exampleBucket(ctx)
	defer done()
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	note, err := w.Create("note.txt")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Fprint(note, "hello")
	if err := w.Close(); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := bucket.Put(ctx, "archive.zip", &archive, nil); err != nil {
		fmt.Println(err)
		return
	}

	f, err := bucket.File(ctx, "archive.zip", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close() // always
	r, err := zip.NewReader(f, f.Info.Size)
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := fs.ReadFile(r, "note.txt")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n", text)
	// Output: hello
}

// What reads file systems reads buckets: http.FileServerFS, template.ParseFS, fs.WalkDir.
func ExampleBucket_FS() {
	ctx := context.Background()
	bucket, done := exampleBucket(ctx)
	defer done()
	for _, key := range []string{"2026/a.jpg", "2026/b.jpg", "index.html"} {
		if _, err := bucket.Put(ctx, key, strings.NewReader(key), nil); err != nil {
			fmt.Println(err)
			return
		}
	}

	err := fs.WalkDir(bucket.FS(ctx), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fmt.Println(path, d.IsDir())
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// . true
	// 2026 true
	// 2026/a.jpg false
	// 2026/b.jpg false
	// index.html false
}

// A web page on which visitors choose a picture and store it.
func ExampleBucket_PostForm() {
	ctx := context.Background()
	bucket, done := exampleBucket(ctx)
	defer done()

	form, err := bucket.PostForm(ctx, "visitors/${filename}", &ois.FormOptions{Redirect: "https://example.com/thanks"})
	if err != nil {
		fmt.Println(err)
		return
	}
	page := fmt.Sprintf("<form method=post enctype=multipart/form-data action=%q>\n", form.URL)
	for _, name := range slices.Sorted(maps.Keys(form.Fields)) {
		page += fmt.Sprintf("<input type=hidden name=%q value=%q>\n", name, html.EscapeString(form.Fields[name]))
	}
	page += "<input type=file name=file><button>Send</button></form>\n" // the file comes last
	fmt.Println(strings.Count(page, "type=hidden"), "hidden fields")
	// Output: 5 hidden fields
}

func ExampleBucket_Image() {
	ctx := context.Background()
	bucket, done := exampleBucket(ctx)
	defer done()
	const dot = "GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
	if _, err := bucket.Put(ctx, "dot.gif", strings.NewReader(dot), nil); err != nil {
		fmt.Println(err)
		return
	}

	image, err := bucket.Image(ctx, "dot.gif", ois.ImageResizeStep{Width: 8})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer image.Close() // always
	fmt.Println(image.ContentType)
	info, err := bucket.ImageInfo(ctx, "dot.gif", ois.ImageResizeStep{Width: 8})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(info.Width, info.Height)
	// Output:
	// image/gif
	// 8 8
}

func ExampleBucket_Append() {
	ctx := context.Background()
	bucket, done := exampleBucket(ctx)
	defer done()

	var end int64
	for _, line := range []string{"started\n", "stopped\n"} {
		next, err := bucket.Append(ctx, "app.log", end, strings.NewReader(line), nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		end = next
	}
	fmt.Println(end)
	// Output: 16
}

func ExampleBucket_Versions() {
	ctx := context.Background()
	bucket, done := exampleBucket(ctx)
	defer done()
	if _, err := exampleClient(ctx).API().PutBucketVersioning(ctx, &api.PutBucketVersioningInput{Bucket: bucket.Name(), VersioningStatus: "ENABLED"}); err != nil {
		fmt.Println(err)
		return
	}
	for _, text := range []string{"first", "second one"} {
		if _, err := bucket.Put(ctx, "k", strings.NewReader(text), nil); err != nil {
			fmt.Println(err)
			return
		}
	}

	for v, err := range bucket.Versions(ctx, "k") {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(v.Key, v.Size, v.Latest)
	}
	// Output:
	// k 10 true
	// k 5 false
}

// slowCalls is a tracer that reports calls that take long.
type slowCalls struct{ log *slog.Logger }

func (s slowCalls) Trace(ctx context.Context, c ois.TraceCall) (context.Context, func(ois.TraceResult)) {
	start := time.Now()
	return ctx, func(r ois.TraceResult) {
		if took := time.Since(start); took > time.Second {
			s.log.LogAttrs(ctx, slog.LevelWarn, "slow call", slog.String("op", c.Op), slog.Duration("took", took), slog.Int("attempts", r.Attempts))
		}
	}
}

func ExampleTracer() {
	client, err := ois.New(ois.Config{Tracer: slowCalls{slog.Default()}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(client.Endpoint())
	// Output: https://is.shanhe.com
}
