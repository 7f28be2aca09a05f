package main

import (
	"context"
	"io"
	"slices"
	"strings"

	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/transfer"
)

// sealing is an encryption key.
var sealing = []byte("0123456789abcdef0123456789abcdef")

// verbs are what programs do most, by the names that the test in Python has for them.
var verbs = map[string]func(context.Context, *ois.Bucket) error{
	"create": func(ctx context.Context, b *ois.Bucket) error { return b.Create(ctx) },
	"exists": func(ctx context.Context, b *ois.Bucket) error {
		_, err := b.Exists(ctx)
		return err
	},
	"delete bucket": func(ctx context.Context, b *ois.Bucket) error { return b.Delete(ctx) },
	"list buckets": func(ctx context.Context, b *ois.Bucket) error {
		_, err := b.Client().ListBuckets(ctx, nil)
		return err
	},
	"list": func(ctx context.Context, b *ois.Bucket) error {
		return first(b.Objects(ctx, nil))
	},
	"list prefix": func(ctx context.Context, b *ois.Bucket) error {
		return first(b.Objects(ctx, &ois.ListOptions{Prefix: "目录/a b", Marker: "目录/a b&c"}))
	},
	"list folder": func(ctx context.Context, b *ois.Bucket) error {
		return first(b.Pages(ctx, &ois.ListOptions{Prefix: "a/", Delimiter: "/"}))
	},
	"versions": func(ctx context.Context, b *ois.Bucket) error { return first(b.Versions(ctx, "a/")) },
	"put":      func(ctx context.Context, b *ois.Bucket) error { return put(ctx, b, nil) },
	"put all": func(ctx context.Context, b *ois.Bucket) error {
		return put(ctx, b, &ois.PutOptions{
			ContentType: "text/x-a; charset=utf-8", CacheControl: "no-store", ContentDisposition: "attachment",
			ContentEncoding: "gzip", Expires: "Tue, 05 Mar 2024 08:15:30 GMT", StorageClass: "STANDARD_IA",
			Metadata: map[string]string{"author": "team a", "Two": "2"}, EncryptionKey: sealing,
		})
	},
	"put new":   func(ctx context.Context, b *ois.Bucket) error { return put(ctx, b, &ois.PutOptions{IfNoneMatch: "*"}) },
	"put match": func(ctx context.Context, b *ois.Bucket) error { return put(ctx, b, &ois.PutOptions{IfMatch: `"e"`}) },
	"put empty": func(ctx context.Context, b *ois.Bucket) error {
		_, err := b.Put(ctx, "a/b.txt", strings.NewReader(""), nil)
		return err
	},
	"put stream": func(ctx context.Context, b *ois.Bucket) error {
		_, err := b.Put(ctx, "a/b.txt", io.MultiReader(strings.NewReader("12"), strings.NewReader("345")), nil)
		return err
	},
	"get": func(ctx context.Context, b *ois.Bucket) error { return get(ctx, b, nil) },
	"get range": func(ctx context.Context, b *ois.Bucket) error {
		return get(ctx, b, &ois.GetOptions{Offset: 3, Length: 4})
	},
	"get tail": func(ctx context.Context, b *ois.Bucket) error { return get(ctx, b, &ois.GetOptions{Offset: 3}) },
	"get sealed": func(ctx context.Context, b *ois.Bucket) error {
		return get(ctx, b, &ois.GetOptions{EncryptionKey: sealing})
	},
	"get version": func(ctx context.Context, b *ois.Bucket) error {
		return get(ctx, b, &ois.GetOptions{VersionID: "v 1", IfNoneMatch: `"e"`})
	},
	"head": func(ctx context.Context, b *ois.Bucket) error {
		_, err := b.Head(ctx, "a/b c+目.txt", nil)
		return err
	},
	"remove": func(ctx context.Context, b *ois.Bucket) error { return b.Remove(ctx, "a/b.txt", nil) },
	"remove version": func(ctx context.Context, b *ois.Bucket) error {
		return b.Remove(ctx, "a/b.txt", &ois.RemoveOptions{VersionID: "v1"})
	},
	"remove many": func(ctx context.Context, b *ois.Bucket) error {
		return b.RemoveAll(ctx, slices.Values([]string{"a", "目录/b"}))
	},
	"copy": func(ctx context.Context, b *ois.Bucket) error { return duplicate(ctx, b, nil) },
	"copy all": func(ctx context.Context, b *ois.Bucket) error {
		return duplicate(ctx, b, &ois.CopyOptions{
			SourceBucket: "other-bucket", SourceVersion: "v1", Replace: true, ContentType: "text/x-a",
			Metadata: map[string]string{"n": "1"}, StorageClass: "STANDARD_IA", EncryptionKey: sealing, SourceEncryptionKey: sealing,
		})
	},
	"move": func(ctx context.Context, b *ois.Bucket) error {
		_, err := b.Move(ctx, "a/new.txt", "a/b c+目.txt", nil)
		return err
	},
	"append": func(ctx context.Context, b *ois.Bucket) error {
		_, err := b.Append(ctx, "a/log.txt", 12, strings.NewReader("line"), &ois.AppendOptions{ContentType: "text/x-a"})
		return err
	},
	"upload": func(ctx context.Context, b *ois.Bucket) error {
		_, err := transfer.New(b, transfer.Options{}).Upload(ctx, "a/b.txt", strings.NewReader("12345"), nil)
		return err
	},
}

func put(ctx context.Context, b *ois.Bucket, opts *ois.PutOptions) error {
	_, err := b.Put(ctx, "a/b c+目.txt", strings.NewReader("content"), opts)
	return err
}

func get(ctx context.Context, b *ois.Bucket, opts *ois.GetOptions) error {
	r, err := b.Get(ctx, "a/b c+目.txt", opts)
	if err != nil {
		return err
	}
	return r.Close()
}

func duplicate(ctx context.Context, b *ois.Bucket, opts *ois.CopyOptions) error {
	_, err := b.Copy(ctx, "a/new.txt", "a/b c+目.txt", opts)
	return err
}

// first begins a listing.
func first[T any](all func(func(T, error) bool)) error {
	for _, err := range all {
		return err
	}
	return nil
}
