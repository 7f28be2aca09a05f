package simtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

// A kept is a version that the store has promised to keep.
type kept struct {
	id     string // empty if it was not told
	null   bool   // it is called null
	marker bool
	state  uint64 // its content follows from it
}

// push returns what a write makes of the versions of a key, of which the current one is the last.
func push(list []kept, v kept) []kept {
	list = slices.Clone(list)
	if v.null {
		list = slices.DeleteFunc(list, func(v kept) bool { return v.null })
	}
	return append(list, v)
}

// A chronicle knows what the store has promised of versions.
type chronicle struct {
	mu    sync.Mutex
	told  map[string][]kept
	maybe map[string][][]kept // what an operation under way may have made of a key
}

func newChronicle() *chronicle {
	return &chronicle{told: make(map[string][]kept), maybe: make(map[string][][]kept)}
}

func (c *chronicle) copy() *chronicle {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := newChronicle()
	maps.Copy(d.told, c.told)
	maps.Copy(d.maybe, c.maybe)
	return d
}

// begin notes what an operation may make of a key.
func (c *chronicle) begin(key string, states ...[]kept) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.maybe[key] = states
}

// end notes what it has made of keys. After an error that stays open.
func (c *chronicle) end(state map[string][]kept) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, v := range state {
		c.told[k] = v
		delete(c.maybe, k)
	}
}

// A chronicler writes versions of its own keys.
type chronicler struct {
	*worker
	chronicle *chronicle
	list      map[string][]kept // by key
}

func (c *chronicle) chronicler(b *store.Bucket, seed uint64, n int) *chronicler {
	w := newWorker(b, nil, seed, n)
	w.modest = true
	w.keys = w.keys[:3]
	return &chronicler{worker: w, chronicle: c, list: make(map[string][]kept)}
}

// write does an operation that puts versions on top of keys; it returns their ids by key.
func (c *chronicler) write(tops map[string]kept, operation func() (map[string]string, error)) error {
	for key, v := range tops {
		named, null := v, v
		null.null = true
		c.chronicle.begin(key, push(c.list[key], named), push(c.list[key], null)) // somebody else enables and suspends versioning
	}
	ids, err := operation()
	if err != nil {
		return err
	}
	now := make(map[string][]kept)
	for key, v := range tops {
		v.id = ids[key]
		v.null = v.id == "null"
		c.list[key] = push(c.list[key], v)
		now[key] = c.list[key]
	}
	c.chronicle.end(now)
	return nil
}

func (c *chronicler) step(ctx context.Context) error {
	key := c.keys[c.rand.IntN(len(c.keys))]
	switch n := c.rand.IntN(12); {
	case n < 4:
		return c.put(ctx, key)
	case n < 6:
		return c.remove(ctx, key)
	case n < 9:
		return c.erase(ctx, key)
	case n < 11:
		return c.restore(ctx, key)
	}
	return c.move(ctx, key, c.keys[c.rand.IntN(len(c.keys))])
}

func (c *chronicler) put(ctx context.Context, key string) error {
	state := c.seal(c.newState())
	demanded, holds, err := c.condition(ctx, key, c.current(key))
	if err != nil {
		return err
	}
	in := putInput(key, state)
	in.IfMatch, in.IfNoneMatch = demanded.Match, demanded.NoneMatch
	if !holds {
		return declined(func() error {
			_, err := c.bucket.PutObject(ctx, in)
			return err
		})
	}
	return c.write(map[string]kept{key: {state: state}}, func() (map[string]string, error) {
		out, err := c.bucket.PutObject(ctx, in)
		if err != nil {
			return nil, err
		}
		return map[string]string{key: out.VersionID}, nil
	})
}

// current reports whether the current version of a key is one that can be read.
func (c *chronicler) current(key string) bool {
	list := c.list[key]
	return len(list) > 0 && !list[len(list)-1].marker
}

func (c *chronicler) remove(ctx context.Context, key string) error {
	return c.write(map[string]kept{key: {marker: true}}, func() (map[string]string, error) {
		out, err := c.bucket.DeleteObject(ctx, &op.DeleteObjectInput{Key: key})
		if err != nil {
			return nil, err
		}
		return map[string]string{key: out.VersionID}, nil
	})
}

// erase erases a version of a key for good, if there is one.
func (c *chronicler) erase(ctx context.Context, key string) error {
	list := c.list[key]
	if len(list) == 0 {
		return nil
	}
	n := c.rand.IntN(len(list))
	rest := slices.Delete(slices.Clone(list), n, n+1)
	c.chronicle.begin(key, rest)
	if _, err := c.bucket.DeleteObject(ctx, &op.DeleteObjectInput{Key: key, VersionID: list[n].id}); err != nil {
		return err
	}
	c.list[key] = rest
	c.chronicle.end(map[string][]kept{key: rest})
	return nil
}

// restore makes a version of a key current again, by a copy.
func (c *chronicler) restore(ctx context.Context, key string) error {
	list := c.list[key]
	if len(list) == 0 {
		return nil
	}
	v := list[c.rand.IntN(len(list))]
	if v.marker {
		return nil
	}
	o, err := c.bucket.Version(ctx, key, v.id)
	if err != nil {
		return err
	}
	defer o.Close()
	state, in := c.seal(v.state), &op.CopyObjectInput{Key: key}
	secretOf(state).copy(in, secretOf(v.state))
	return c.write(map[string]kept{key: {state: state}}, func() (map[string]string, error) {
		out, err := c.bucket.CopyObject(ctx, o, in)
		if err != nil {
			return nil, err
		}
		return map[string]string{key: out.VersionID}, nil
	})
}

func (c *chronicler) move(ctx context.Context, from, to string) error {
	list := c.list[from]
	if !c.current(from) || from == to {
		return nil
	}
	o, err := c.bucket.Object(ctx, from)
	if err != nil {
		return err
	}
	defer o.Close()
	tops := map[string]kept{to: {state: list[len(list)-1].state}, from: {marker: true}}
	return c.write(tops, func() (map[string]string, error) {
		out, err := c.bucket.MoveObject(ctx, o, &op.MoveObjectInput{Key: to})
		if err != nil {
			return nil, err
		}
		_, err = c.bucket.Object(ctx, from)
		marker, ok := errors.AsType[*store.MarkerError](err)
		if !ok {
			return nil, fmt.Errorf("%w: moved from %s, and it has no delete marker: %w", errWrong, from, err)
		}
		return map[string]string{to: out.VersionID, from: marker.VersionID}, nil
	})
}

// setVersioning sets the state, and looks the bucket up as it is then.
func setVersioning(ctx context.Context, s *store.Store, b *store.Bucket, state string) (*store.Bucket, error) {
	if _, err := b.PutBucketVersioning(ctx, &op.PutBucketVersioningInput{VersioningStatus: state}); err != nil {
		return nil, err
	}
	return s.Bucket(ctx, bucketName)
}

// waver enables and suspends versioning until ctx ends or that fails.
func waver(ctx context.Context, s *store.Store, b *store.Bucket) error {
	for n := 0; ctx.Err() == nil; n++ {
		var err error
		if b, err = setVersioning(context.WithoutCancel(ctx), s, b, []string{"SUSPENDED", "ENABLED"}[n%2]); err != nil {
			return err
		}
		yield(200)
	}
	return nil
}

// chronicleDay lets all workers write versions, while versioning is suspended and enabled again.
func chronicleDay(ctx context.Context, s *store.Store, b *store.Bucket, l *chronicle, seed uint64) error {
	b, err := setVersioning(ctx, s, b, "ENABLED")
	if err != nil {
		return err
	}
	changing, stop := context.WithCancel(ctx)
	var other sync.WaitGroup
	var failed error
	other.Go(func() { failed = waver(changing, s, b) })
	err = together(func(n int) error {
		w := l.chronicler(b, seed, n)
		for range 50 {
			if err := w.step(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	stop()
	other.Wait()
	return errors.Join(err, failed)
}

// TestVersionsInDisasters ends a day on which versions are written, by a loss of power or by calls that fail and a kill. Every version that
// was acknowledged is there afterwards, those that were erased are not, and the one that was written last is current.
func TestVersionsInDisasters(t *testing.T) {
	eachDay(t, func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 93))
		s := setupOf(seed)
		disk, l := vfs.NewCrashableMem(), newChronicle()
		fsys := errfs.New(disk)
		at := 1 + r.Int64N(900)
		if r.IntN(2) == 0 {
			s.versionsLost(t, fsys, disk, l, at, seed)
			return
		}
		h, b, err := s.morning(t.Context(), fsys)
		if err != nil {
			t.Fatal(err)
		}
		fsys.SetHook(errfs.FailAt(fsys.Calls()+at, true))
		if err := chronicleDay(t.Context(), h.Store, b, l, seed); errors.Is(err, errWrong) {
			t.Error(err)
		}
		count(t, "kills", 1)
		after := disk.PowerLoss(100, seed)
		abandon(h, disk)
		s.versionsKept(t, after, l)
	})
}

// versionsLost takes what the disk would hold at a call of the file system, and what was promised then.
func (s setup) versionsLost(t *testing.T, fsys *errfs.FS, disk *vfs.Mem, l *chronicle, at int64, seed uint64) {
	t.Helper()
	var lost *vfs.Mem
	var saved *chronicle
	hook, now := cutAt(at, func() {
		saved = l.copy() // before the copy of the disk: what was told by now must be in it
		lost = disk.PowerLoss([]int{0, 50, 100}[seed%3], seed)
		count(t, "losses of power", 1)
	})
	fsys.SetHook(hook)
	h, b, err := s.morning(t.Context(), fsys)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(chronicleDay(t.Context(), h.Store, b, l, seed), h.close()); err != nil {
		t.Error(err)
	}
	now()
	s.versionsKept(t, lost, saved)
	s.versionsKept(t, lost, saved) // and once more after a clean day
}

// versionsKept opens the store again and compares it with what was promised.
func (s setup) versionsKept(t *testing.T, fsys vfs.FS, l *chronicle) {
	t.Helper()
	h, b, err := s.morning(t.Context(), fsys)
	if err != nil {
		t.Errorf("open again: %v", err)
		return
	}
	defer func() {
		if err := h.close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	keys := make(map[string]bool)
	for k := range l.told {
		keys[k] = true
	}
	for k := range l.maybe {
		keys[k] = true
	}
	for key := range keys {
		states := append([][]kept{l.told[key]}, l.maybe[key]...)
		if err := compareVersions(t.Context(), b, key, states); err != nil {
			t.Error(err)
		}
		count(t, "keys", 1)
	}
	report(t, h.Store)
	sweep(t, h.Store)
}

// compareVersions compares the versions of a key with those of the states that it may have.
func compareVersions(ctx context.Context, b *store.Bucket, key string, states [][]kept) error {
	out, err := b.ListObjectVersions(ctx, &op.ListObjectVersionsInput{Prefix: key, Limit: 1000})
	if err != nil {
		return err
	}
	var found []string
	for i, v := range out.Keys {
		found = append(found, fmt.Sprintf("%s marker %t size %d", v.VersionID, v.DeleteMarker, v.Size))
		if v.IsLatest != (i == 0) {
			return fmt.Errorf("%w: version %d of %s is current: %t", errWrong, i, key, v.IsLatest)
		}
	}
	for _, state := range states {
		if ok, err := holds(ctx, b, key, out.Keys, state); ok || err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: %s has the versions\n\t%s; want one of %+v", errWrong, key, strings.Join(found, "\n\t"), states)
}

// holds reports whether the versions that were listed are those of a state, and compares the bytes of them.
func holds(ctx context.Context, b *store.Bucket, key string, list []op.ObjectVersion, state []kept) (bool, error) {
	if len(list) != len(state) {
		return false, nil
	}
	for i, v := range list {
		want := state[len(state)-1-i]
		null := v.VersionID == "null"
		if v.DeleteMarker != want.marker || null != want.null || want.id != "" && v.VersionID != want.id {
			return false, nil
		}
		if v.DeleteMarker {
			continue
		}
		o, err := b.Version(ctx, key, v.VersionID)
		if err != nil {
			return false, err
		}
		data, secret, err := readLocked(ctx, o)
		o.Close()
		if err != nil {
			return false, fmt.Errorf("version %s of %s: %w", v.VersionID, key, err)
		}
		if secret != secretNumber(want.state) || !bytes.Equal(data, content(want.state)) {
			return false, nil
		}
	}
	return true, nil
}
