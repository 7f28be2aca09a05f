package simtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/oisproject/ois/internal/etag"
	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/simtest/history"
	"github.com/oisproject/ois/internal/store"
)

// A worker does operations on its own keys.
type worker struct {
	bucket *store.Bucket
	ledger *ledger
	rand   *rand.Rand
	keys   []string
	state  map[string]uint64 // what this worker was told
	modest bool              // makes no large objects
}

func newWorker(b *store.Bucket, l *ledger, seed uint64, n int) *worker {
	w := &worker{bucket: b, ledger: l, rand: rand.New(rand.NewPCG(seed, uint64(n))), state: make(map[string]uint64)}
	for i := range 6 {
		w.keys = append(w.keys, fmt.Sprintf("worker-%d/key-%d", n, i))
	}
	return w
}

// step does one operation and returns its error. After an error the worker must stop: it
// does not know the state of its keys any more.
func (w *worker) step(ctx context.Context) error {
	key := w.keys[w.rand.IntN(len(w.keys))]
	other := w.keys[w.rand.IntN(len(w.keys))]
	if !w.modest && w.rand.IntN(400) == 0 {
		return w.weave(ctx, key)
	}
	switch n := w.rand.IntN(11); {
	case n < 4:
		return w.put(ctx, key)
	case n < 5:
		return w.remove(ctx, key)
	case n < 6:
		return w.removeMany(ctx)
	case n < 7:
		return w.copy(ctx, key, other)
	case n < 8:
		return w.move(ctx, key, other)
	case n < 9:
		return w.multipart(ctx, key)
	case n < 10:
		return w.append(ctx, key)
	}
	return w.read(ctx, key)
}

// do notes what an operation is about to change, does it, and notes the outcome.
func (w *worker) do(change map[string]uint64, operation func() error) error {
	w.ledger.begin(change)
	err := operation()
	w.ledger.end(change, err)
	if err == nil {
		maps.Copy(w.state, change)
	}
	return err
}

// sizes are on both sides of what the store does in different ways: nothing, beside the row, in a pack with
// others, in several chunks, in a pack of its own.
var sizes = [...]int{
	0, 1, 100, 4 << 10, 16 << 10, 16<<10 + 1, 20_000, 64 << 10, 70_000, 200_000,
	1<<20 + 1, 5 << 20, 17 << 20,
}

const (
	smallSizes = 10 // so many of sizes are small

	// Flags of states that stand for objects of several pieces.
	twoParts = 1 << 63 // two parts, of which the first has the least size allowed
	woven    = 1 << 62 // made of such an object several times
	grown    = 1 << 61 // made by appends, of which the state has the number
	fixed    = 1 << 55 // a copy of such an object, which cannot grow

	sealed    = 1 << 52 // the place of the number of the secret that the object is encrypted with
	sealsMask = 3 * sealed

	weaves = 5 // so many times; these are more pieces than a row holds

	oneAppend  = 1 << 56 // the place of that number
	maxAppends = 31
)

// content returns the bytes of an object in a state. The size follows from the state, too.
func content(state uint64) []byte {
	state &^= sealsMask
	if state&woven != 0 {
		return bytes.Repeat(content(state&^woven), weaves)
	}
	if state &^= fixed; state&grown != 0 {
		var b []byte
		for n := range state / oneAppend & maxAppends {
			b = append(b, appended(state, n)...)
		}
		return b
	}
	size := sizes[state%uint64(len(sizes))]
	if state&twoParts != 0 {
		size = store.MinPart + 100
	}
	return history.Noise(state, size)
}

// appended returns the bytes of append n, from 0, to an object.
func appended(state, n uint64) []byte {
	first := state % oneAppend
	return history.Noise(first+n<<55, sizes[(first+n)%smallSizes])
}

// newState draws a state. Few objects are large.
func (w *worker) newState() uint64 {
	size := w.rand.IntN(smallSizes)
	switch n := w.rand.IntN(1000); {
	case w.modest:
	case n < 1:
		size = smallSizes + 2
	case n < 3:
		size = smallSizes + 1
	case n < 30:
		size = smallSizes
	}
	return (1+w.rand.Uint64N(1<<48))*uint64(len(sizes)) + uint64(size)
}

// seal returns a state of the same content, encrypted or not.
func (w *worker) seal(state uint64) uint64 {
	state &^= sealsMask
	if w.rand.IntN(3) > 0 {
		return state
	}
	return state | uint64(w.rand.IntN(len(secrets)))*sealed
}

func secretNumber(state uint64) int { return int(state & sealsMask / sealed) }

func secretOf(state uint64) secret { return secrets[secretNumber(state)] }

// putInput is what puts a state under a key.
func putInput(key string, state uint64) *op.PutObjectInput {
	data := content(state)
	in := &op.PutObjectInput{Key: key, Body: bytes.NewReader(data), ContentLength: int64(len(data))}
	secretOf(state).put(in)
	return in
}

func (w *worker) put(ctx context.Context, key string) error {
	state := w.seal(w.newState())
	return w.write(ctx, key, map[string]uint64{key: state}, func(c etag.Condition) error {
		in := putInput(key, state)
		in.IfMatch, in.IfNoneMatch = c.Match, c.NoneMatch
		if w.rand.IntN(8) == 0 {
			in.ContentLength = -1 // a body whose length is not announced
		}
		_, err := w.bucket.PutObject(ctx, in)
		return err
	})
}

func (w *worker) remove(ctx context.Context, key string) error {
	return w.write(ctx, key, map[string]uint64{key: absent}, func(c etag.Condition) error {
		_, err := w.bucket.DeleteObject(ctx, &op.DeleteObjectInput{Key: key, IfMatch: c.Match})
		return err
	})
}

func (w *worker) removeMany(ctx context.Context) error {
	change := make(map[string]uint64)
	in := &op.DeleteMultipleObjectsInput{Quiet: true}
	for _, k := range w.keys[:3] {
		change[k] = absent
		in.Objects = append(in.Objects, op.ObjectToDelete{Key: k})
	}
	return w.do(change, func() error {
		_, err := w.bucket.DeleteMultipleObjects(ctx, in)
		return err
	})
}

// source opens the object at a key; it is nil if the worker knows of none.
func (w *worker) source(ctx context.Context, key string) (*store.Object, error) {
	o, err := w.bucket.Object(ctx, key)
	if fault.CodeOf(err) == fault.ObjectNotExists && w.state[key] == absent {
		return nil, nil
	}
	return o, err
}

func (w *worker) copy(ctx context.Context, from, to string) error {
	o, err := w.source(ctx, from)
	if o == nil || err != nil {
		return err
	}
	defer o.Close()
	state := w.state[from]
	if state&grown != 0 {
		state |= fixed
	}
	before := secretOf(state)
	state = w.seal(state)
	return w.write(ctx, to, map[string]uint64{to: state}, func(c etag.Condition) error {
		in := &op.CopyObjectInput{Key: to, IfMatch: c.Match, IfNoneMatch: c.NoneMatch}
		secretOf(state).copy(in, before)
		_, err := w.bucket.CopyObject(ctx, o, in)
		return err
	})
}

func (w *worker) move(ctx context.Context, from, to string) error {
	o, err := w.source(ctx, from)
	if o == nil || err != nil {
		return err
	}
	defer o.Close()
	change := map[string]uint64{from: absent}
	change[to] = w.state[from] // also if it is the same key
	return w.write(ctx, to, change, func(c etag.Condition) error {
		_, err := w.bucket.MoveObject(ctx, o, &op.MoveObjectInput{Key: to, IfMatch: c.Match, IfNoneMatch: c.NoneMatch})
		return err
	})
}

// multipart uploads an object as a single part, beside a part that is left out.
func (w *worker) multipart(ctx context.Context, key string) error {
	state := w.seal(w.newState())
	id, err := w.initiate(ctx, key, state)
	if err != nil {
		return err
	}
	for n, data := range [][]byte{content(state), []byte("left out")} {
		if err := w.upload(ctx, key, id, int64(n), data, state); err != nil {
			return err
		}
	}
	return w.complete(ctx, key, id, state, 1)
}

func (w *worker) initiate(ctx context.Context, key string, state uint64) (string, error) {
	in := &op.InitiateMultipartUploadInput{Key: key}
	secretOf(state).initiate(in)
	up, err := w.bucket.InitiateMultipartUpload(ctx, in)
	if err != nil {
		return "", err
	}
	return up.UploadID, nil
}

func (w *worker) upload(ctx context.Context, key, id string, n int64, data []byte, state uint64) error {
	in := &op.UploadMultipartInput{Key: key, UploadID: id, PartNumber: n, Body: bytes.NewReader(data), ContentLength: int64(len(data))}
	secretOf(state).upload(in)
	_, err := w.bucket.UploadMultipart(ctx, in)
	return err
}

// complete makes an object of the first parts of an upload. Where its conditions do not hold, the upload stays, and is completed without any.
func (w *worker) complete(ctx context.Context, key, id string, state uint64, parts int64) error {
	in := &op.CompleteMultipartUploadInput{Key: key, UploadID: id}
	for n := range parts {
		in.ObjectParts = append(in.ObjectParts, op.CompletedPart{PartNumber: n})
	}
	change, done := map[string]uint64{key: state}, false
	err := w.write(ctx, key, change, func(c etag.Condition) error {
		in.IfMatch, in.IfNoneMatch = c.Match, c.NoneMatch
		_, err := w.bucket.CompleteMultipartUpload(ctx, in)
		done = err == nil
		return err
	})
	if done || err != nil {
		return err
	}
	in.IfMatch, in.IfNoneMatch = "", ""
	return w.do(change, func() error {
		_, err := w.bucket.CompleteMultipartUpload(ctx, in)
		return err
	})
}

// append adds to an object that was made by appends, or makes one. Another object, and one that was added to often, is deleted.
func (w *worker) append(ctx context.Context, key string) error {
	state := w.state[key]
	n := state / oneAppend & maxAppends
	switch {
	case state == absent:
		state = w.newState() | grown
	case state&grown == 0 || state&fixed != 0 || n == maxAppends:
		return w.remove(ctx, key)
	}
	data := appended(state, n)
	in := &op.AppendObjectInput{Key: key, Body: bytes.NewReader(data), ContentLength: int64(len(data))}
	if n > 0 {
		in.Position = int64(len(content(state)))
	}
	return w.write(ctx, key, map[string]uint64{key: state + oneAppend}, func(c etag.Condition) error {
		in.IfMatch, in.IfNoneMatch = c.Match, c.NoneMatch
		_, err := w.bucket.AppendObject(ctx, in)
		return err
	})
}

// weave makes an object of two parts, and of that, several times over, an object of many pieces.
func (w *worker) weave(ctx context.Context, key string) error {
	state := w.seal(w.newState() | twoParts)
	data := content(state)
	err := w.compose(ctx, key, state, 2, func(id string, n int64) error {
		return w.upload(ctx, key, id, n, [][]byte{data[:store.MinPart], data[store.MinPart:]}[n], state)
	})
	if err != nil {
		return err
	}
	o, err := w.bucket.Object(ctx, key)
	if err != nil {
		return err
	}
	defer o.Close()
	many := w.seal(state | woven)
	return w.compose(ctx, key, many, weaves, func(id string, n int64) error {
		in := &op.CopyPartInput{Key: key, UploadID: id, PartNumber: n}
		secretOf(many).copyPart(in, secretOf(state))
		_, err := w.bucket.CopyPart(ctx, o, 0, int64(len(data)), in)
		return err
	})
}

// compose makes an upload of some parts, and an object of it.
func (w *worker) compose(ctx context.Context, key string, state uint64, parts int64, part func(id string, n int64) error) error {
	id, err := w.initiate(ctx, key, state)
	if err != nil {
		return err
	}
	for n := range parts {
		if err := part(id, n); err != nil {
			return err
		}
	}
	return w.complete(ctx, key, id, state, parts)
}

// errWrong is matched when the store answers what it must not.
var errWrong = errors.New("wrong answer")

// read compares an object with what this worker was told.
func (w *worker) read(ctx context.Context, key string) error {
	return check(ctx, w.bucket, key, w.state[key])
}

// check compares the object at a key with one of the states it may have.
func check(ctx context.Context, b *store.Bucket, key string, states ...uint64) error {
	o, err := b.Object(ctx, key)
	if fault.CodeOf(err) == fault.ObjectNotExists && err != nil {
		if slices.Contains(states, absent) {
			return nil
		}
		return fmt.Errorf("%w: %s is not there, though it was acknowledged", errWrong, key)
	}
	if err != nil {
		return err
	}
	defer o.Close()
	data, secret, err := readLocked(ctx, o)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	for _, s := range states {
		if s != absent && secretNumber(s) == secret && bytes.Equal(data, content(s)) {
			return nil
		}
	}
	return fmt.Errorf("%w: %s has %d bytes, and key %d, that nobody was told of", errWrong, key, len(data), secret)
}

// readLocked reads all of an object, and finds out which of the secrets it is encrypted with.
func readLocked(ctx context.Context, o *store.Object) (data []byte, secret int, err error) {
	if o.Info().Encryption != "" {
		if r, err := o.Open(ctx, 0, o.Info().Size); err == nil {
			return nil, 0, errors.Join(fmt.Errorf("%w: it is encrypted, and opened without a key", errWrong), r.Close())
		}
	}
	if secret, err = unlock(o); err != nil {
		return nil, 0, err
	}
	data, err = readObject(ctx, o)
	return data, secret, err
}

// readObject reads all of an object that was unlocked.
func readObject(ctx context.Context, o *store.Object) ([]byte, error) {
	r, err := o.Open(ctx, 0, o.Info().Size)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.Grow(int(o.Info().Size) + bytes.MinRead)
	_, err = b.ReadFrom(r)
	return b.Bytes(), errors.Join(err, r.Close())
}
