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
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/simtest/history"
	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
)

var (
	crashRounds = flag.Int("crash.rounds", 5, "how often TestCrash kills the server")
	crashSeed   = flag.Uint64("crash.seed", 0, "seed of TestCrash; 0 draws one")
)

const (
	crashClients = 16
	crashOwn     = 3 // keys of each client that no other writes to
	crashShared  = 3 // pairs of keys that all clients fight for
	crashBucket  = "crash-bucket"
	crashPart    = 4 << 20 // bytes of a part
)

// TestCrash kills a server while clients are at work, again and again on one data directory. One history goes through
// all its lives: what was acknowledged or read before a kill counts after it, what was under way has happened then or
// never will. There must be an order that explains all that clients were told, and the store must be clean.
func TestCrash(t *testing.T) {
	seed := *crashSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("repeat with -crash.seed=%d", seed)
	c := &crash{t: t, dir: filepath.Join(t.TempDir(), "data"), rng: rand.New(rand.NewPCG(seed, 0))}
	for n := range crashShared {
		c.shared = append(c.shared, []string{fmt.Sprintf("shared-%d/a", n), fmt.Sprintf("shared-%d/b", n)})
		c.keys = append(c.keys, c.shared[n]...)
	}
	for n := range crashClients {
		k := &crashClient{crash: c, rng: rand.New(rand.NewPCG(seed, uint64(n)+1))}
		for i := range crashOwn {
			k.own = append(k.own, fmt.Sprintf("own-%02d/%d", n, i))
		}
		c.keys = append(c.keys, k.own...)
		c.clients = append(c.clients, k)
	}
	for round := range *crashRounds {
		if c.live(round, c.work); t.Failed() {
			t.Fatalf("round %d of %d has failed", round+1, *crashRounds)
		}
	}
	c.fsck("offline")
	c.live(*crashRounds, (*process).kill)
	calls, unknown := c.history.Len()
	t.Logf("%d kills, %d operations, %d of unknown outcome", *crashRounds, calls, unknown)
	if err := c.history.Check(time.Minute); err != nil {
		t.Error(err)
	}
	c.fsck("offline")
}

// A crash is one run of TestCrash.
type crash struct {
	t        *testing.T
	dir      string
	rng      *rand.Rand
	keys     []string   // all there are
	shared   [][]string // those that are shared
	clients  []*crashClient
	history  history.History
	contents history.Contents
	service  *ois.Client // of this round
	bucket   *ois.Bucket
}

// live starts the server, reads everything that the last round has left, and lets end bring the server to its end.
func (c *crash) live(round int, end func(*process)) {
	env := append(os.Environ(), "OIS_ROOT_ACCESS_KEY_ID=root", "OIS_ROOT_SECRET_ACCESS_KEY=secret")
	p, err := serve(c.t.Context(), "", env, "--data", c.dir)
	if err != nil {
		c.t.Fatal(err)
	}
	defer p.kill()
	c.service, err = ois.New(ois.Config{
		Endpoint: p.url, AccessKeyID: "root", SecretAccessKey: "secret", Retry: ois.RetryPolicy{MaxAttempts: 1},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	defer c.service.CloseIdleConnections()
	c.bucket = c.service.Bucket(crashBucket, "")
	if round == 0 {
		if err := c.bucket.Create(c.t.Context()); err != nil {
			c.t.Fatal(err)
		}
	}
	c.read()
	c.fsck("online")
	end(p)
}

var fsckClean = regexp.MustCompile(`(?m)^problems +0$`)

// fsck wants the store to be clean.
func (c *crash) fsck(how string) {
	if out, err := run(c.t.Context(), "fsck", "--data", c.dir); err != nil {
		c.t.Errorf("%s: %v", how, err)
	} else if !fsckClean.MatchString(out) {
		c.t.Errorf("%s: ois fsck prints\n%s; want no problem", how, out)
	}
}

// read lists all keys and reads them.
func (c *crash) read() {
	var all sync.WaitGroup
	for n, k := range c.clients {
		all.Go(func() {
			for i := n; i < len(c.keys); i += len(c.clients) {
				if _, err := k.get(c.t.Context(), c.keys[i], nil); err != nil {
					c.t.Errorf("after the crash: %s: %v", c.keys[i], err)
				}
			}
		})
	}
	all.Wait()
	if err := c.clients[0].list(c.t.Context()); err != nil {
		c.t.Errorf("after the crash: list: %v", err)
	}
}

// work lets all clients work until one of them, at the n-th operation, kills the server.
func (c *crash) work(p *process) {
	var left atomic.Int64
	var killed atomic.Bool
	left.Store(20 + c.rng.Int64N(300))
	var all sync.WaitGroup
	for _, k := range c.clients {
		all.Go(func() {
			for !killed.Load() {
				err := k.step(c.t.Context())
				if err != nil && !killed.Load() {
					c.t.Errorf("before the crash: %v\n%s", err, p.log.text())
					left.Store(1)
				}
				if left.Add(-1) == 0 {
					killed.Store(true)
					p.kill()
				}
			}
		})
	}
	all.Wait()
	c.history.Crash()
}

// A crashClient makes requests, one after the other, and notes them.
type crashClient struct {
	*crash
	rng *rand.Rand
	own []string
}

// family draws a few keys that requests may touch together: those of the client, or a shared pair. Histories of families
// are decided apart, and the smaller a family, the sooner.
func (k *crashClient) family() []string {
	if k.rng.IntN(2) == 0 {
		return k.shared[k.rng.IntN(len(k.shared))]
	}
	return k.own
}

// step makes one request. If it fails, its outcome is unknown.
func (k *crashClient) step(ctx context.Context) error {
	family := k.family()
	key, other := family[k.rng.IntN(len(family))], family[k.rng.IntN(len(family))]
	var err error
	switch n := k.rng.IntN(43); {
	case n < 3:
		err = k.append(ctx, key)
	case n < 17:
		err = k.put(ctx, key)
	case n < 26:
		_, err = k.get(ctx, key, k.part())
	case n < 31:
		err = k.change(history.Op{Name: "DELETE", Writes: history.Keys{key: history.Nothing}}, func() error {
			return k.bucket.Remove(ctx, key, nil)
		})
	case n < 33:
		err = k.removeAll(ctx, family)
	case n < 35:
		err = k.transfer(ctx, key, other)
	case n < 37:
		err = k.multipart(ctx, key)
	case n < 38:
		err = k.list(ctx)
	default:
		_, _, err = k.head(ctx, key)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// change makes a request that changes something. An answer that refuses it means that nothing has happened; some codes are to be
// expected when several clients use a key.
func (k *crashClient) change(op history.Op, request func() error, expected ...string) error {
	call := k.history.Begin(op)
	err := request()
	if err == nil {
		call.Done()
		return nil
	}
	if answer, ok := errors.AsType[*ois.Error](err); ok && answer.Status/100 == 4 {
		call.Refused()
		if slices.Contains(append(expected, "object_not_exists", "precondition_failed"), answer.Code) {
			return nil
		}
	}
	return err
}

// crashSizes are on both sides of what the store does in different ways.
var crashSizes = []int{0, 100, 4 << 10, 16 << 10, 16<<10 + 1, 20 << 10, 100 << 10, 1 << 20}

func (k *crashClient) content() *history.Content {
	size := crashSizes[k.rng.IntN(len(crashSizes))]
	if k.rng.IntN(200) == 0 {
		size = 20 << 20
	}
	return k.contents.Make(k.rng.Uint64(), size)
}

func (k *crashClient) put(ctx context.Context, key string) error {
	content := k.content()
	return k.change(history.Op{Name: "PUT", Writes: history.Keys{key: content.Value}}, func() error {
		_, err := k.bucket.Put(ctx, key, bytes.NewReader(content.Bytes()), nil)
		return err
	})
}

// removeAll deletes several keys by one request, which is to say, at one moment.
func (k *crashClient) removeAll(ctx context.Context, keys []string) error {
	writes := make(history.Keys)
	for _, key := range keys {
		writes[key] = history.Nothing
	}
	return k.change(history.Op{Name: "DELETE", Writes: writes}, func() error {
		return k.bucket.RemoveAll(ctx, slices.Values(keys))
	})
}

// transfer copies or moves what it has seen under a key.
func (k *crashClient) transfer(ctx context.Context, from, to string) error {
	content, info, err := k.head(ctx, from)
	if content == nil || err != nil {
		return err
	}
	source := ois.SourceConditions{IfMatch: info.ETag}
	op := history.Op{Name: "COPY", Reads: history.Keys{from: content.Value}, Writes: history.Keys{to: content.Value}}
	if k.rng.IntN(2) == 0 {
		return k.change(op, func() error {
			_, err := k.bucket.Copy(ctx, to, from, &ois.CopyOptions{Source: source})
			return err
		})
	}
	op.Name, op.Writes = "MOVE", history.Keys{from: history.Nothing}
	op.Writes[to] = content.Value // also if it is the same key
	return k.change(op, func() error {
		_, err := k.bucket.Move(ctx, to, from, &ois.MoveOptions{Source: source})
		return err
	})
}

// multipart uploads an object in parts.
func (k *crashClient) multipart(ctx context.Context, key string) error {
	content := k.content()
	if k.rng.IntN(3) == 0 {
		content = k.contents.Make(k.rng.Uint64(), crashPart+100)
	}
	a := k.service.API()
	up, err := a.InitiateMultipartUpload(ctx, &api.InitiateMultipartUploadInput{Bucket: crashBucket, Key: key})
	if err != nil {
		return err
	}
	done := &api.CompleteMultipartUploadInput{Bucket: crashBucket, Key: key, UploadID: up.UploadID, ETag: `"` + content.MD5 + `"`}
	for n, data := int64(0), content.Bytes(); n == 0 || len(data) > 0; n++ {
		piece := data[:min(crashPart, len(data))]
		data = data[len(piece):]
		_, err := a.UploadMultipart(ctx, &api.UploadMultipartInput{
			Bucket: crashBucket, Key: key, UploadID: up.UploadID, PartNumber: n, Body: bytes.NewReader(piece),
		})
		if err != nil {
			return err
		}
		done.ObjectParts = append(done.ObjectParts, api.CompletedPart{PartNumber: n})
	}
	return k.change(history.Op{Name: "COMPLETE", Writes: history.Keys{key: content.Value}}, func() error {
		_, err := a.CompleteMultipartUpload(ctx, done)
		return err
	})
}

// append begins an object, or extends one that was begun so. That it ends where the bytes go says what it must have been, since
// no two contents of that kind are equally long.
func (k *crashClient) append(ctx context.Context, key string) error {
	before, err := k.get(ctx, key, nil)
	if err != nil || before != nil && !before.Grown {
		return err
	}
	in, found := &api.AppendObjectInput{Bucket: crashBucket, Key: key}, history.Nothing
	if before != nil {
		in.Position, found = int64(before.Size), before.Value
	}
	after := k.contents.Extend(before, k.rng.Uint64(), crashSizes[k.rng.IntN(len(crashSizes))])
	in.Body = bytes.NewReader(after.Last())
	op := history.Op{Name: "APPEND", Reads: history.Keys{key: found}, Writes: history.Keys{key: after.Value}}
	return k.change(op, func() error {
		_, err := k.service.API().AppendObject(ctx, in)
		return err
	}, "invalid_object_state", "invalid_argument") // it is another object by now
}

// head looks at a key. The content is nil if there is nothing, or an ETag that says nothing.
func (k *crashClient) head(ctx context.Context, key string) (*history.Content, *ois.Info, error) {
	call := k.history.Begin(history.Op{Name: "HEAD"})
	info, err := k.bucket.Head(ctx, key, nil)
	if err != nil {
		return nil, nil, k.absent(call, key, err)
	}
	content := k.contents.Find(strings.Trim(info.ETag, `"`))
	if content == nil {
		return nil, nil, nil
	}
	if info.Size != int64(content.Size) {
		return nil, nil, fmt.Errorf("%d bytes with the ETag of %d others", info.Size, content.Size)
	}
	call.Found(history.Keys{key: content.Value})
	return content, info, nil
}

// absent notes that there is nothing under a key, if that is what the error says.
func (k *crashClient) absent(call history.Call, key string, err error) error {
	if errors.Is(err, ois.ErrNotFound) {
		call.Found(history.Keys{key: history.Nothing})
		return nil
	}
	return err
}

// get reads an object, or a range of it. The content is nil if there is nothing, or if what was read does not tell.
func (k *crashClient) get(ctx context.Context, key string, part *ois.GetOptions) (*history.Content, error) {
	call := k.history.Begin(history.Op{Name: "GET"})
	r, err := k.bucket.Get(ctx, key, part)
	if errors.Is(err, ois.ErrRange) {
		return nil, nil // there is an object, but who knows which
	}
	if err != nil {
		return nil, k.absent(call, key, err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	etag := strings.Trim(r.Info.ETag, `"`)
	content := k.contents.Find(etag)
	if content == nil && part == nil {
		content, err = k.contents.Learn(etag, data)
	}
	if content == nil || err != nil {
		return nil, err
	}
	want := content.Bytes()
	if part != nil {
		want = want[part.Offset:min(part.Offset+part.Length, int64(len(want)))]
	}
	if r.Info.Size != int64(content.Size) || !bytes.Equal(data, want) {
		return nil, fmt.Errorf("%d bytes of %d, %+v, are not those of the ETag %s", len(data), r.Info.Size, part, etag)
	}
	call.Found(history.Keys{key: content.Value})
	return content, nil
}

// part draws what to read of an object: nil for all of it.
func (k *crashClient) part() *ois.GetOptions {
	if k.rng.IntN(2) == 0 {
		return nil
	}
	return &ois.GetOptions{Offset: k.rng.Int64N(30_000), Length: 1 + k.rng.Int64N(100_000)}
}

// list lists the bucket: each key is there, or not, at some moment during the listing.
func (k *crashClient) list(ctx context.Context) error {
	calls := make(map[string]history.Call)
	for _, key := range k.keys {
		calls[key] = k.history.Begin(history.Op{Name: "LIST"})
	}
	for o, err := range k.bucket.Objects(ctx, nil) {
		if err != nil {
			return err
		}
		call, ok := calls[o.Key]
		if !ok {
			return fmt.Errorf("listed %s, which nobody has written, or for the second time", o.Key)
		}
		delete(calls, o.Key)
		content := k.contents.Find(strings.Trim(o.ETag, `"`))
		if content == nil {
			continue // an ETag that says nothing
		}
		if o.Size != int64(content.Size) {
			return fmt.Errorf("listed %s with %d bytes; want %d", o.Key, o.Size, content.Size)
		}
		call.Found(history.Keys{o.Key: content.Value})
	}
	for key, call := range calls {
		call.Found(history.Keys{key: history.Nothing})
	}
	return nil
}
