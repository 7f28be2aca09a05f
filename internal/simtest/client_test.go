package simtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/simtest/history"
	"github.com/oisproject/ois/internal/store"
)

// A world is what clients have in common: a bucket and a few keys that all of them fight for.
type world struct {
	bucket   *store.Bucket
	keys     []string
	history  *history.History
	contents *history.Contents
}

func newWorld(b *store.Bucket, keys int) *world {
	w := &world{bucket: b, history: &history.History{}, contents: &history.Contents{}}
	for n := range keys {
		w.keys = append(w.keys, fmt.Sprintf("shared/%d", n))
	}
	return w
}

// after returns the world after a disaster, of which the history is known.
func (w *world) after(b *store.Bucket, h *history.History) *world {
	return &world{bucket: b, keys: w.keys, history: h, contents: w.contents}
}

// A client does operations on the keys of its world, and notes all of them.
type client struct {
	*world
	rand *rand.Rand
}

func (w *world) client(seed uint64, n int) *client {
	return &client{w, rand.New(rand.NewPCG(seed, uint64(n)))}
}

func (c *client) key() string { return c.keys[c.rand.IntN(len(c.keys))] }

// step does one operation. Its error is not one that clients must expect when they fight for keys.
func (c *client) step(ctx context.Context) error {
	if c.rand.IntN(30) == 0 { // a client that goes away
		hasty, cancel := context.WithCancel(ctx)
		defer cancel()
		patience := c.rand.IntN(50)
		go func() {
			yield(patience)
			cancel()
		}()
		ctx = hasty
	}
	err := c.draw()(ctx)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil
	}
	return err
}

func (c *client) draw() func(context.Context) error {
	switch n := c.rand.IntN(22); {
	case n < 5:
		return c.put
	case n < 7:
		return c.remove
	case n < 8:
		return c.removeTwo
	case n < 10:
		return c.copy
	case n < 12:
		return c.move
	case n < 13:
		return c.multipart
	case n < 14:
		return c.append
	case n < 15:
		return c.list
	case n < 16:
		return c.page
	}
	return c.get
}

// yield lets others run.
func yield(times int) {
	for range times {
		runtime.Gosched()
	}
}

// sharedSizes are on both sides of what the store does in different ways: nothing, beside the row, in a pack with others,
// in several chunks.
var sharedSizes = []int{0, 1, 100, 4 << 10, 16 << 10, 16<<10 + 1, 20_000, 64 << 10, 70_000, 200_000}

// newContent returns bytes that were not written before, if they are long enough for that.
func (c *client) newContent() *history.Content {
	size := sharedSizes[c.rand.IntN(len(sharedSizes))]
	if c.rand.IntN(100) == 0 {
		size = 1<<20 + c.rand.IntN(1<<20)
	}
	return c.contents.Make(c.rand.Uint64(), size)
}

// locks is how many values a content has: one for each secret that it may be encrypted with.
const locks = history.Value(len(secrets))

// value returns the value of a content that is encrypted with one of the secrets.
func value(c *history.Content, secret int) history.Value {
	return c.Value*locks + history.Value(secret)
}

// secret draws one of the secrets, mostly that of none.
func (c *client) secret() int {
	if c.rand.IntN(3) > 0 {
		return 0
	}
	return c.rand.IntN(len(secrets))
}

// A thing is an object that is held, and what a client has found out about it.
type thing struct {
	*store.Object
	*history.Content
	secret int // that it is encrypted with
}

func (t *thing) value() history.Value { return value(t.Content, t.secret) }

// change does an operation that changes something, and tells why not if its conditions do not hold. By the rules of meta.Engine each error
// but one means that nothing has happened.
func (c *client) change(o history.Op, unmet history.Tests, operation func() error) error {
	call := c.history.Begin(o)
	err := operation()
	switch {
	case err == nil:
		call.Done()
	case fault.CodeOf(err) == fault.PreconditionFailed:
		call.Declined(unmet)
		if unmet != nil {
			return nil
		}
	case !errors.Is(err, meta.ErrUnknown):
		call.Refused()
	}
	if errors.Is(err, store.ErrSourceChanged) {
		return nil // somebody else was faster
	}
	return err
}

func (c *client) put(ctx context.Context) error {
	key, content := c.key(), c.newContent()
	length := int64(content.Size)
	if c.rand.IntN(8) == 0 {
		length = -1 // a body whose length is not announced
	}
	secret, d := c.secret(), c.demand(ctx, key)
	in := &op.PutObjectInput{Key: key, Body: bytes.NewReader(content.Bytes()), ContentLength: length, IfMatch: d.Match, IfNoneMatch: d.NoneMatch}
	secrets[secret].put(in)
	return c.change(history.Op{Name: "put", Tests: d.met, Writes: history.Keys{key: value(content, secret)}}, d.unmet, func() error {
		_, err := c.bucket.PutObject(ctx, in)
		return err
	})
}

func (c *client) remove(ctx context.Context) error {
	key := c.key()
	d := c.demand(ctx, key)
	if d.NoneMatch != "" {
		d = demand{} // a deletion has no such condition
	}
	return c.change(history.Op{Name: "delete", Tests: d.met, Writes: history.Keys{key: history.Nothing}}, d.unmet, func() error {
		_, err := c.bucket.DeleteObject(ctx, &op.DeleteObjectInput{Key: key, IfMatch: d.Match})
		return err
	})
}

func (c *client) removeTwo(ctx context.Context) error {
	writes := history.Keys{c.key(): history.Nothing, c.key(): history.Nothing}
	in := &op.DeleteMultipleObjectsInput{}
	for k := range writes {
		in.Objects = append(in.Objects, op.ObjectToDelete{Key: k})
	}
	return c.change(history.Op{Name: "delete-multiple", Writes: writes}, nil, func() error {
		_, err := c.bucket.DeleteMultipleObjects(ctx, in)
		return err
	})
}

// look looks a key up and notes what it has found. The thing is nil if there is none.
func (c *client) look(ctx context.Context, name, key string) (*thing, error) {
	call := c.history.Begin(history.Op{Name: name})
	o, err := c.bucket.Object(ctx, key)
	if err != nil && fault.CodeOf(err) == fault.ObjectNotExists {
		call.Found(history.Keys{key: history.Nothing})
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t := &thing{Object: o}
	if t.secret, err = unlock(o); err == nil {
		t.Content, err = c.identify(ctx, o)
	}
	if err != nil {
		o.Close()
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	call.Found(history.Keys{key: t.value()})
	return t, nil
}

// identify returns what an object that is held has, by its ETag. One that was appended to has an ETag that says
// nothing before somebody has read it.
func (w *world) identify(ctx context.Context, o *store.Object) (*history.Content, error) {
	etag := strings.Trim(o.Info().ETag, `"`)
	content := w.contents.Find(etag)
	if content == nil {
		data, err := readObject(ctx, o)
		if err != nil {
			return nil, err
		}
		if content, err = w.contents.Learn(etag, data); err != nil {
			return nil, fmt.Errorf("%w: %w", errWrong, err)
		}
	}
	if size := o.Info().Size; size != int64(content.Size) {
		return nil, fmt.Errorf("%w: %d bytes with the ETag of %d others", errWrong, size, content.Size)
	}
	return content, nil
}

// append begins an object, or extends one that was begun so. That it ends where the bytes go says what it must have
// been, since no two contents of that kind are equally long.
func (c *client) append(ctx context.Context) error {
	key := c.key()
	t, err := c.look(ctx, "look", key)
	if err != nil {
		return err
	}
	d := c.demand(ctx, key)
	in, found, before := &op.AppendObjectInput{Key: key, IfMatch: d.Match, IfNoneMatch: d.NoneMatch}, history.Nothing, (*history.Content)(nil)
	if t != nil {
		t.Close()
		if !t.Grown {
			return nil
		}
		in.Position, found, before = int64(t.Size), t.value(), t.Content
	}
	after := c.contents.Extend(before, c.rand.Uint64(), sharedSizes[c.rand.IntN(len(sharedSizes))])
	in.Body, in.ContentLength = bytes.NewReader(after.Last()), int64(len(after.Last()))
	change := history.Op{Name: "append", Reads: history.Keys{key: found}, Tests: d.met, Writes: history.Keys{key: value(after, 0)}}
	err = c.change(change, d.unmet, func() error {
		_, err := c.bucket.AppendObject(ctx, in)
		return err
	})
	switch fault.CodeOf(err) {
	case fault.InvalidObjectState, fault.InvalidArgument: // it is another object by now, or cannot be extended
		return nil
	}
	return err
}

// get reads nothing, a range or all of an object, while others replace it.
func (c *client) get(ctx context.Context) error {
	key := c.key()
	t, err := c.look(ctx, "get", key)
	if t == nil || err != nil {
		return err
	}
	defer t.Close()
	from, to := 0, t.Size
	switch c.rand.IntN(3) {
	case 0:
		return nil // a HEAD
	case 1:
		from = c.rand.IntN(t.Size + 1)
		to = from + c.rand.IntN(t.Size-from+1)
	}
	yield(c.rand.IntN(20)) // it is held meanwhile
	r, err := t.Open(ctx, int64(from), int64(to-from))
	if err != nil {
		return err
	}
	data, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	if !bytes.Equal(data, t.Bytes()[from:to]) {
		return fmt.Errorf("%w: %s: bytes %d to %d are not those of its ETag", errWrong, key, from, to)
	}
	return nil
}

func (c *client) copy(ctx context.Context) error {
	from, to := c.key(), c.key()
	t, err := c.look(ctx, "look", from)
	if t == nil || err != nil {
		return err
	}
	defer t.Close()
	secret, d := c.secret(), c.demand(ctx, to)
	in := &op.CopyObjectInput{Key: to, IfMatch: d.Match, IfNoneMatch: d.NoneMatch}
	secrets[secret].copy(in, secrets[t.secret])
	o := history.Op{Name: "copy", Tests: d.met, Writes: history.Keys{to: value(t.Content, secret)}}
	if secret == t.secret || from == to { // else it is enough that the source was there when it was looked up
		o.Reads = history.Keys{from: t.value()}
	}
	return c.change(o, d.unmet, func() error {
		_, err := c.bucket.CopyObject(ctx, t.Object, in)
		return err
	})
}

func (c *client) move(ctx context.Context) error {
	from, to := c.key(), c.key()
	t, err := c.look(ctx, "look", from)
	if t == nil || err != nil {
		return err
	}
	defer t.Close()
	d := c.demand(ctx, to)
	reads, writes := history.Keys{from: t.value()}, history.Keys{from: history.Nothing}
	writes[to] = t.value() // also if it is the same key
	return c.change(history.Op{Name: "move", Reads: reads, Tests: d.met, Writes: writes}, d.unmet, func() error {
		_, err := c.bucket.MoveObject(ctx, t.Object, &op.MoveObjectInput{Key: to, IfMatch: d.Match, IfNoneMatch: d.NoneMatch})
		return err
	})
}

// multipart uploads an object as one part, or makes the part of another object. Another part is left out.
func (c *client) multipart(ctx context.Context) error {
	key, secret := c.key(), c.secret()
	begin := &op.InitiateMultipartUploadInput{Key: key}
	secrets[secret].initiate(begin)
	up, err := c.bucket.InitiateMultipartUpload(ctx, begin)
	if err != nil {
		return err
	}
	for n := range int64(2) { // part 0 is sent twice, part 1 is left out
		in := &op.UploadMultipartInput{Key: key, UploadID: up.UploadID, PartNumber: n, Body: strings.NewReader("other"), ContentLength: 5}
		secrets[secret].upload(in)
		if _, err := c.bucket.UploadMultipart(ctx, in); err != nil {
			return err
		}
	}
	content, err := c.part(ctx, key, up.UploadID, secret)
	if content == nil || err != nil {
		return err
	}
	if c.rand.IntN(5) == 0 {
		_, err := c.bucket.AbortMultipartUpload(ctx, &op.AbortMultipartUploadInput{Key: key, UploadID: up.UploadID})
		return err
	}
	d := c.demand(ctx, key)
	in := &op.CompleteMultipartUploadInput{
		Key: key, UploadID: up.UploadID, ETag: content.MD5, ObjectParts: []op.CompletedPart{{PartNumber: 0}}, IfMatch: d.Match, IfNoneMatch: d.NoneMatch,
	}
	return c.change(history.Op{Name: "complete", Tests: d.met, Writes: history.Keys{key: value(content, secret)}}, d.unmet, func() error {
		_, err := c.bucket.CompleteMultipartUpload(ctx, in)
		return err
	})
}

// part makes part 0 of an upload of new bytes, or of those of an object. The content is nil if there is none.
func (c *client) part(ctx context.Context, key, upload string, secret int) (*history.Content, error) {
	if c.rand.IntN(2) == 0 {
		content := c.newContent()
		in := &op.UploadMultipartInput{Key: key, UploadID: upload, Body: bytes.NewReader(content.Bytes()), ContentLength: int64(content.Size)}
		secrets[secret].upload(in)
		_, err := c.bucket.UploadMultipart(ctx, in)
		return content, err
	}
	t, err := c.look(ctx, "look", c.key())
	if t == nil || err != nil {
		return nil, err
	}
	defer t.Close()
	in := &op.CopyPartInput{Key: key, UploadID: upload}
	secrets[secret].copyPart(in, secrets[t.secret])
	_, err = c.bucket.CopyPart(ctx, t.Object, 0, int64(t.Size), in)
	if errors.Is(err, store.ErrSourceChanged) {
		return nil, nil
	}
	return t.Content, err
}

// list lists all keys on one page, which shows one moment.
func (c *client) list(ctx context.Context) error {
	call := c.history.Begin(history.Op{Name: "list"})
	out, err := c.bucket.ListObjects(ctx, &op.ListObjectsInput{})
	if err != nil {
		return err
	}
	found, err := c.listed(out.Keys)
	if err == nil {
		call.Learnt(found)
	}
	return err
}

// page lists all keys on several pages: each key is there, or not, at some moment during the listing.
func (c *client) page(ctx context.Context) error {
	calls := make([]history.Call, len(c.keys))
	for i := range c.keys {
		calls[i] = c.history.Begin(history.Op{Name: "page"})
	}
	var all []op.Object
	for in := (&op.ListObjectsInput{Limit: 2}); ; {
		out, err := c.bucket.ListObjects(ctx, in)
		if err != nil {
			return err
		}
		all = append(all, out.Keys...)
		if in.Marker = out.NextMarker; !out.HasMore {
			break
		}
		yield(c.rand.IntN(20))
	}
	found, err := c.listed(all)
	if err != nil {
		return err
	}
	for i, k := range c.keys {
		calls[i].Learnt(history.Tests{k: found[k]})
	}
	return nil
}

// listed returns what a listing has found under all keys. It does not say with which key an object is encrypted, and some ETags say
// nothing.
func (c *client) listed(objects []op.Object) (history.Tests, error) {
	found := make(history.Tests)
	for _, k := range c.keys {
		found[k] = history.Test{Name: "=nothing", Holds: func(v history.Value) bool { return v == history.Nothing }}
	}
	last := ""
	for _, o := range objects {
		if o.Key <= last || !slices.Contains(c.keys, o.Key) {
			return nil, fmt.Errorf("%w: listed %q behind %q", errWrong, o.Key, last)
		}
		content := c.contents.Find(strings.Trim(o.ETag, `"`))
		if last = o.Key; content != nil && o.Size != int64(content.Size) {
			return nil, fmt.Errorf("%w: listed %s with %d bytes; want %d", errWrong, o.Key, o.Size, content.Size)
		}
		found[o.Key] = entry(content, o.Encrypted)
	}
	return found, nil
}

// entry returns what the entry of a listing says, of which the content may not be known.
func entry(content *history.Content, encrypted bool) history.Test {
	t := history.Test{Name: fmt.Sprintf("=something, encrypted %t", encrypted)}
	if content != nil {
		t.Name = fmt.Sprintf("=bytes %d, encrypted %t", content.Value, encrypted)
	}
	t.Holds = func(v history.Value) bool {
		return v != history.Nothing && (content == nil || v/locks == content.Value) && (v%locks != 0) == encrypted
	}
	return t
}

// readAll reads every key, as one client does that comes after a disaster.
func (w *world) readAll(ctx context.Context) error {
	c := w.client(0, 0)
	for _, k := range w.keys {
		t, err := c.look(ctx, "read", k)
		if err != nil {
			return err
		}
		if t == nil {
			continue
		}
		data, err := readObject(ctx, t.Object)
		t.Close()
		if err == nil && !bytes.Equal(data, t.Bytes()) {
			err = fmt.Errorf("%w: not the bytes of its ETag", errWrong)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
	}
	return c.list(ctx)
}
