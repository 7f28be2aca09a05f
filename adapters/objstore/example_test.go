package oisobjstore_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/thanos-io/objstore"

	oisobjstore "github.com/oisproject/ois/adapters/objstore"
	ois "github.com/oisproject/ois/sdk/go"
)

func ExampleNew() {
	ctx := context.Background()
	client, err := ois.New(oisobjstore.Settings)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := client.Bucket("metrics-2026", "").Create(ctx); err != nil {
		fmt.Println(err)
		return
	}

	var bkt objstore.Bucket = oisobjstore.New(client.Bucket("metrics-2026", "jn1a"))
	if err := bkt.Upload(ctx, "blocks/1/meta.json", strings.NewReader("{}")); err != nil {
		fmt.Println(err)
		return
	}
	err = bkt.Iter(ctx, "blocks", func(name string) error {
		fmt.Println(name)
		return nil
	}, objstore.WithRecursiveIter())
	if err != nil {
		fmt.Println(err)
	}
	// Output: blocks/1/meta.json
}
