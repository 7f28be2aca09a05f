package api_test

import (
	"context"
	"flag"
	"fmt"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
)

// TestMain skips the examples unless OIS_TEST_ENDPOINT names a server to run them
// against, with keys in OIS_ACCESS_KEY_ID and OIS_SECRET_ACCESS_KEY.
func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv("OIS_TEST_ENDPOINT") == "" {
		skip := flag.Lookup("test.skip").Value
		pattern := "^Example"
		if given := skip.String(); given != "" {
			pattern += "|" + given
		}
		check(skip.Set(pattern))
	}
	os.Exit(m.Run())
}

// TestEveryOperationHasAnExample: the page of the package shows how each method is called, and that it works.
func TestEveryOperationHasAnExample(t *testing.T) {
	names, err := filepath.Glob("example_*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	examples := make(map[string]bool)
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range doc.Examples(file) {
			examples[e.Name] = e.Output != "" || e.EmptyOutput // else it is compiled and never run
		}
	}
	client := reflect.TypeFor[*api.Client]()
	for i := range client.NumMethod() {
		if name := client.Method(i).Name; !examples["Client_"+name] {
			t.Errorf("%s has no example that runs", name)
		}
	}
}

// dot is a GIF of one pixel.
const dot = "GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"

// check ends an example that fails.
func check(err error) {
	if err != nil {
		panic(err)
	}
}

func exampleClient(ctx context.Context) *ois.Client {
	cfg, err := ois.DefaultConfig(ctx)
	check(err)
	cfg.Endpoint = os.Getenv("OIS_TEST_ENDPOINT")
	client, err := ois.New(cfg)
	check(err)
	return client
}

// handle is the bucket as package ois has it.
func handle(bucket string) *ois.Bucket {
	return exampleClient(context.Background()).Bucket(bucket, "")
}

// exampleBucket creates a bucket for an example; done empties and deletes it.
func exampleBucket() (ctx context.Context, c *api.Client, bucket string, done func()) {
	ctx, bucket = context.Background(), fmt.Sprintf("example-%x", time.Now().UnixNano())
	b := exampleClient(ctx).Bucket(bucket, "")
	check(b.Create(ctx))
	return ctx, exampleClient(ctx).API(), bucket, func() {
		for v, err := range b.Versions(ctx, "") {
			check(err)
			check(b.Remove(ctx, v.Key, &ois.RemoveOptions{VersionID: v.VersionID}))
		}
		check(b.Delete(ctx))
	}
}
