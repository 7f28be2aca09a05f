package oisblob_test

import (
	"context"
	"fmt"
	"os"

	"gocloud.dev/blob"

	oisblob "github.com/oisproject/ois/adapters/gocloud"
	ois "github.com/oisproject/ois/sdk/go"
)

func Example() {
	if err := prepare(); err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()

	b, err := blob.OpenBucket(ctx, "ois://photos-2026?zone=jn1a&endpoint="+os.Getenv("ENDPOINT"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer b.Close()
	if err := b.WriteAll(ctx, "summer/beach.txt", []byte("sand"), nil); err != nil {
		fmt.Println(err)
		return
	}
	text, err := b.ReadAll(ctx, "summer/beach.txt")
	fmt.Println(string(text), err)
	// Output: sand <nil>
}

// prepare makes the bucket of the example, and the environment that it reads.
func prepare() error {
	client, err := ois.New(oisblob.Settings)
	if err != nil {
		return err
	}
	if err := client.Bucket("photos-2026", "").Create(context.Background()); err != nil {
		return err
	}
	for name, value := range map[string]string{
		"OIS_ACCESS_KEY_ID": oisblob.Settings.AccessKeyID, "OIS_SECRET_ACCESS_KEY": oisblob.Settings.SecretAccessKey,
		"ENDPOINT": oisblob.Settings.Endpoint,
	} {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return nil
}

func ExampleOpenBucket() {
	client, err := ois.New(ois.Config{Endpoint: "https://is.shanhe.com"})
	if err != nil {
		fmt.Println(err)
		return
	}
	b := oisblob.OpenBucket(client.Bucket("photos-2026", "jn1a"))
	defer b.Close()
	var behind *ois.Bucket
	fmt.Println(b.As(&behind), behind.Name())
	// Output: true photos-2026
}
