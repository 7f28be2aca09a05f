package simtest

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
)

// TestSharedKeys lets workers fight for a handful of keys, while the sweeper and fsck run. Nobody knows who wins; but
// what is read is always a whole object, errors are those of the API, and in the end
// the store is clean and no byte too many is on the disk.
func TestSharedKeys(t *testing.T) {
	d, b, err := morning(t.Context(), vfs.NewMem())
	if err != nil {
		t.Fatal(err)
	}
	first := rand.Uint64()
	t.Logf("seed %d", first)
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
	defer stop()
	var all sync.WaitGroup
	for n := range 6 {
		r := rand.New(rand.NewPCG(first, uint64(n)))
		all.Go(func() {
			for ctx.Err() == nil {
				if err := scuffle(t.Context(), b, r); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Go(func() {
		for ctx.Err() == nil {
			if err := d.Store.Sweep(t.Context()); err != nil {
				t.Error(err)
			}
			report(t, d.Store)
		}
	})
	all.Wait()
	if err := d.Store.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
	report(t, d.Store)
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// scuffle does one operation on keys that everybody uses. That a key or an upload is not there, or
// changed under a copy, is no error here.
func scuffle(ctx context.Context, b *store.Bucket, r *rand.Rand) error {
	key, other := fmt.Sprint("shared-", r.IntN(4)), fmt.Sprint("shared-", r.IntN(4))
	data := content(r.Uint64() | 1)
	var err error
	switch r.IntN(8) {
	case 0, 1:
		_, err = b.PutObject(ctx, &op.PutObjectInput{Key: key, Body: bytes.NewReader(data), ContentLength: int64(len(data))})
	case 2:
		_, err = b.DeleteObject(ctx, &op.DeleteObjectInput{Key: key})
	case 3:
		err = scuffleUpload(ctx, b, r, key, data)
	case 4, 5:
		err = transfer(ctx, b, r, key, other)
	default:
		err = readWhole(ctx, b, key)
	}
	switch fault.CodeOf(err) {
	case fault.ObjectNotExists, fault.UploadNotExists:
		return nil
	}
	if errors.Is(err, store.ErrSourceChanged) {
		return nil
	}
	return err
}

// scuffleUpload uploads some parts and completes or aborts.
func scuffleUpload(ctx context.Context, b *store.Bucket, r *rand.Rand, key string, data []byte) error {
	up, err := b.InitiateMultipartUpload(ctx, &op.InitiateMultipartUploadInput{Key: key})
	if err != nil {
		return err
	}
	for range 1 + r.IntN(3) {
		_, err := b.UploadMultipart(ctx, &op.UploadMultipartInput{
			Key: key, UploadID: up.UploadID, PartNumber: r.Int64N(3), Body: bytes.NewReader(data), ContentLength: int64(len(data)),
		})
		if err != nil {
			return err
		}
	}
	if r.IntN(2) == 0 {
		_, err = b.AbortMultipartUpload(ctx, &op.AbortMultipartUploadInput{Key: key, UploadID: up.UploadID})
		return err
	}
	list, err := b.ListMultipart(ctx, &op.ListMultipartInput{Key: key, UploadID: up.UploadID})
	if err != nil {
		return err
	}
	_, err = b.CompleteMultipartUpload(ctx, &op.CompleteMultipartUploadInput{
		Key: key, UploadID: up.UploadID, ETag: list.ObjectParts[0].ETag, ObjectParts: []op.CompletedPart{{PartNumber: list.ObjectParts[0].PartNumber}},
	})
	return err
}

// transfer copies or moves.
func transfer(ctx context.Context, b *store.Bucket, r *rand.Rand, from, to string) error {
	o, err := b.Object(ctx, from)
	if err != nil {
		return err
	}
	defer o.Close()
	if r.IntN(2) == 0 {
		_, err = b.CopyObject(ctx, o, &op.CopyObjectInput{Key: to})
	} else {
		_, err = b.MoveObject(ctx, o, &op.MoveObjectInput{Key: to})
	}
	return err
}

// readWhole reads an object and compares it with its ETag.
func readWhole(ctx context.Context, b *store.Bucket, key string) error {
	o, err := b.Object(ctx, key)
	if err != nil {
		return err
	}
	defer o.Close()
	reader, err := o.Open(ctx, 0, o.Info().Size)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(reader)
	if err := errors.Join(err, reader.Close()); err != nil {
		return err
	}
	if want := strings.Trim(o.Info().ETag, `"`); want != fmt.Sprintf("%x", md5.Sum(data)) {
		return fmt.Errorf("%w: %s has %d bytes that are not those of its ETag", errWrong, key, len(data))
	}
	return nil
}
