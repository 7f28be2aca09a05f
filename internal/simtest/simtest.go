// Package simtest runs a whole store on a disk that fails: power is lost at any call, calls
// return errors, and after each such day the store is opened again and compared with what it had promised.
//
// A day is a number of workers, each with keys of its own, doing operations drawn from a seed. What a worker
// was told is noted the moment it is told; so at the moment of the disaster it is
// known for every key what must be there and what may be there. The seed of a failing day is
// printed and can be given with -seed.
package simtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
)

const bucketName = "simulated-bucket"

// absent is the state of a key that has no object; other states are the seed its content follows from.
const absent = 0

// A ledger knows what the store has promised.
type ledger struct {
	mu sync.Mutex
	// told is the state of each key that was last acknowledged.
	told map[string]uint64
	// maybe is what an operation under way may have made of a key.
	maybe map[string]uint64
}

func newLedger() *ledger {
	return &ledger{told: make(map[string]uint64), maybe: make(map[string]uint64)}
}

// begin notes that an operation is about to change keys to states.
func (l *ledger) begin(change map[string]uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.Copy(l.maybe, change)
}

// end notes the outcome of the operation. After an error its outcome stays open.
func (l *ledger) end(change map[string]uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		return
	}
	for k, v := range change {
		l.told[k] = v
		delete(l.maybe, k)
	}
}

// copy returns the ledger as it is now.
func (l *ledger) copy() *ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := newLedger()
	maps.Copy(c.told, l.told)
	maps.Copy(c.maybe, l.maybe)
	return c
}

// A worker does operations on its own keys.
type worker struct {
	bucket *store.Bucket
	ledger *ledger
	rand   *rand.Rand
	keys   []string
	state  map[string]uint64 // what this worker was told
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
	switch n := w.rand.IntN(10); {
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

// content returns the bytes of an object in a state. The size follows from the state, too.
func content(state uint64) []byte {
	r := rand.New(rand.NewPCG(state, 1))
	size := []int{0, 1, 100, 4096, 70_000, 200_000}[r.IntN(6)]
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func (w *worker) newState() uint64 { return w.rand.Uint64() | 1 }

func (w *worker) put(ctx context.Context, key string) error {
	state := w.newState()
	return w.do(map[string]uint64{key: state}, func() error {
		data := content(state)
		_, err := w.bucket.PutObject(ctx, &op.PutObjectInput{Key: key, Body: bytes.NewReader(data), ContentLength: int64(len(data))})
		return err
	})
}

func (w *worker) remove(ctx context.Context, key string) error {
	return w.do(map[string]uint64{key: absent}, func() error {
		_, err := w.bucket.DeleteObject(ctx, &op.DeleteObjectInput{Key: key})
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
	return w.do(map[string]uint64{to: w.state[from]}, func() error {
		_, err := w.bucket.CopyObject(ctx, o, &op.CopyObjectInput{Key: to})
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
	return w.do(change, func() error {
		_, err := w.bucket.MoveObject(ctx, o, &op.MoveObjectInput{Key: to})
		return err
	})
}

// multipart uploads an object as a single part, beside a part that is left out.
func (w *worker) multipart(ctx context.Context, key string) error {
	up, err := w.bucket.InitiateMultipartUpload(ctx, &op.InitiateMultipartUploadInput{Key: key})
	if err != nil {
		return err
	}
	state := w.newState()
	for n, data := range [][]byte{content(state), []byte("left out")} {
		in := &op.UploadMultipartInput{Key: key, UploadID: up.UploadID, PartNumber: int64(n), Body: bytes.NewReader(data), ContentLength: int64(len(data))}
		if _, err := w.bucket.UploadMultipart(ctx, in); err != nil {
			return err
		}
	}
	return w.do(map[string]uint64{key: state}, func() error {
		_, err := w.bucket.CompleteMultipartUpload(ctx, &op.CompleteMultipartUploadInput{
			Key: key, UploadID: up.UploadID, ObjectParts: []op.CompletedPart{{PartNumber: 0}},
		})
		return err
	})
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
	r, err := o.Open(ctx, 0, o.Info().Size)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	data, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	for _, s := range states {
		if s != absent && bytes.Equal(data, content(s)) {
			return nil
		}
	}
	return fmt.Errorf("%w: %s has %d bytes that nobody was told of", errWrong, key, len(data))
}
