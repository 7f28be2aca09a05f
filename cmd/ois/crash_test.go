package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
)

var (
	crashRounds = flag.Int("crash.rounds", 5, "how often TestCrash kills the server")
	crashSeed   = flag.Uint64("crash.seed", 0, "seed of TestCrash; 0 draws one")
)

const (
	crashWriters = 16
	crashKeys    = 6 // of each writer
	crashBucket  = "crash-bucket"
)

// TestCrash kills a server in the middle of concurrent writes, again and again on one data directory. After each
// restart every acknowledged write is there and right, of a write under way there is all or nothing, and
// the store is clean.
func TestCrash(t *testing.T) {
	seed := *crashSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("repeat with -crash.seed=%d", seed)
	c := &crash{t: t, dir: filepath.Join(t.TempDir(), "data"), rng: rand.New(rand.NewPCG(seed, 0))}
	for n := range crashWriters {
		c.writers = append(c.writers, &writer{
			name: fmt.Sprintf("w%02d", n), rng: rand.New(rand.NewPCG(seed, uint64(n)+1)), objects: make(map[string][]version),
		})
	}
	for round := range *crashRounds {
		c.round(round)
		if t.Failed() {
			t.Fatalf("round %d of %d has failed", round+1, *crashRounds)
		}
	}
	if out, err := run(t.Context(), "fsck", "--data", c.dir); err != nil {
		t.Errorf("offline: %v", err)
	} else if !strings.Contains(out, "problems  0") {
		t.Errorf("ois fsck prints\n%s; want no problem", out)
	}
}

// A crash is one run of TestCrash.
type crash struct {
	t       *testing.T
	dir     string
	rng     *rand.Rand
	writers []*writer
}

// round starts the server, checks what the last round has left, and kills it while all write.
func (c *crash) round(round int) {
	env := append(os.Environ(), "OIS_ROOT_ACCESS_KEY_ID=root", "OIS_ROOT_SECRET_ACCESS_KEY=secret")
	p, err := serve(c.t.Context(), "", env, "--data", c.dir)
	if err != nil {
		c.t.Fatal(err)
	}
	defer p.kill()
	client, err := ois.New(ois.Config{
		Endpoint: p.url, AccessKeyID: "root", SecretAccessKey: "secret", Retry: ois.RetryPolicy{MaxAttempts: 1},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	b := client.Bucket(crashBucket, "")
	if round == 0 {
		if err := b.Create(c.t.Context()); err != nil {
			c.t.Fatal(err)
		}
	}
	c.verify(b)
	if out, err := run(c.t.Context(), "fsck", "--data", c.dir); err != nil {
		c.t.Errorf("online: %v\n%s", err, out)
	}
	c.write(client, p)
}

// write lets all writers write until one of them, at its n-th acknowledgement, kills the server.
func (c *crash) write(client *ois.Client, p *process) {
	var left atomic.Int64
	var killed atomic.Bool
	left.Store(20 + c.rng.Int64N(150))
	var all sync.WaitGroup
	for _, w := range c.writers {
		all.Go(func() {
			for !killed.Load() {
				err := w.once(c.t.Context(), client)
				if err != nil && !killed.Load() {
					c.t.Errorf("before the crash: %v\n%s", err, p.log.text())
					killed.Store(true)
					p.kill()
				}
				if left.Add(-1) == 0 {
					killed.Store(true)
					p.kill()
				}
			}
		})
	}
	all.Wait()
}

// verify reads what the writers know of, and wants nothing else to be there.
func (c *crash) verify(b *ois.Bucket) {
	var all sync.WaitGroup
	for _, w := range c.writers {
		all.Go(func() {
			if err := w.verify(c.t.Context(), b); err != nil {
				c.t.Error(err)
			}
		})
	}
	all.Wait()
	sizes := make(map[string]int64)
	for _, w := range c.writers {
		for key, versions := range w.objects {
			if v := versions[0]; v.size >= 0 {
				sizes[key] = v.size
			}
		}
	}
	for o, err := range b.Objects(c.t.Context(), nil) {
		if err != nil {
			c.t.Error(err)
			return
		}
		if size, ok := sizes[o.Key]; !ok || size != o.Size {
			c.t.Errorf("the listing has %s of %d bytes; want %d (there is one: %v)", o.Key, o.Size, size, ok)
		}
		delete(sizes, o.Key)
	}
	if len(sizes) > 0 {
		c.t.Errorf("the listing lacks %v", sizes)
	}
}

// A version is what an object may be: noise of a size from a seed, or nothing if size is negative.
type version struct {
	seed uint64
	size int64
}

var nothing = version{size: -1}

func (v version) bytes() []byte {
	data := make([]byte, v.size)
	var seed [32]byte
	seed[0], seed[1], seed[2], seed[3] = byte(v.seed), byte(v.seed>>8), byte(v.seed>>16), byte(v.seed>>24)
	_, _ = rand.NewChaCha8(seed).Read(data) // never fails
	return data
}

// A writer writes to keys of its own, one after the other.
type writer struct {
	name string
	rng  *rand.Rand
	// objects holds what each key may be: what was acknowledged last, and behind it
	// what was under way when the server died.
	objects map[string][]version
}

var crashSizes = []int64{0, 1, 100, 4 << 10, 4<<10 + 1, 64 << 10, 300 << 10, 1 << 20}

// once makes one write.
func (w *writer) once(ctx context.Context, client *ois.Client) error {
	key := fmt.Sprintf("%s/%d", w.name, w.rng.IntN(crashKeys))
	before := w.objects[key]
	if before == nil {
		before = []version{nothing}
	}
	b, v := client.Bucket(crashBucket, ""), nothing
	do := func() error { return b.Remove(ctx, key, nil) }
	switch n := w.rng.IntN(20); {
	case n == 0:
		v = w.version(4<<20 + 100)
		do = func() error { return multipart(ctx, client, key, v.bytes()) }
	case n > 2:
		v = w.version(crashSizes[w.rng.IntN(len(crashSizes))])
		do = func() error {
			_, err := b.Put(ctx, key, bytes.NewReader(v.bytes()), nil)
			return err
		}
	}
	w.objects[key] = append([]version{before[0]}, v)
	if err := do(); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	w.objects[key] = []version{v}
	return nil
}

func (w *writer) version(size int64) version { return version{w.rng.Uint64(), size} }

// multipart uploads data in parts of 4 MiB.
func multipart(ctx context.Context, client *ois.Client, key string, data []byte) error {
	const part = 4 << 20
	a := client.API()
	up, err := a.InitiateMultipartUpload(ctx, &api.InitiateMultipartUploadInput{Bucket: crashBucket, Key: key})
	if err != nil {
		return err
	}
	done := &api.CompleteMultipartUploadInput{Bucket: crashBucket, Key: key, UploadID: up.UploadID}
	for n := int64(0); len(data) > 0; n++ {
		piece := data[:min(part, len(data))]
		data = data[len(piece):]
		_, err := a.UploadMultipart(ctx, &api.UploadMultipartInput{
			Bucket: crashBucket, Key: key, UploadID: up.UploadID, PartNumber: n, Body: bytes.NewReader(piece),
		})
		if err != nil {
			return err
		}
		done.ObjectParts = append(done.ObjectParts, api.CompletedPart{PartNumber: n})
	}
	_, err = a.CompleteMultipartUpload(ctx, done)
	return err
}

// verify reads all objects of the writer, and settles which version each is.
func (w *writer) verify(ctx context.Context, b *ois.Bucket) error {
	for key, versions := range w.objects {
		got, err := fetch(ctx, b, key)
		gone := errors.Is(err, ois.ErrNotFound)
		if err != nil && !gone {
			return fmt.Errorf("%s: %w", key, err)
		}
		settled := false
		for _, v := range versions {
			if gone && v == nothing || !gone && v != nothing && bytes.Equal(got, v.bytes()) {
				w.objects[key], settled = []version{v}, true
			}
		}
		if !settled {
			return fmt.Errorf("%s has %d bytes (there is none: %v); want one of %+v", key, len(got), gone, versions)
		}
	}
	return nil
}

// fetch returns the bytes of an object.
func fetch(ctx context.Context, b *ois.Bucket, key string) ([]byte, error) {
	r, err := b.Get(ctx, key, nil)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}
