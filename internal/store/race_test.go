package store_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/store/storetest"
	"github.com/oisproject/ois/internal/vfs"
)

// An interrupter is an engine that lets something else happen just before the next change that matches, which
// is the worst moment: all is decided, nothing is done.
type interrupter struct {
	meta.Engine
	most  int // sets, drops and adds that a change may have; 0 means as many as the engine takes
	mu    sync.Mutex
	match func(*meta.Change) bool // guarded by mu
	then  func()                  // guarded by mu
}

func (i *interrupter) before(match func(*meta.Change) bool, then func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.match, i.then = match, then
}

func (i *interrupter) Apply(ctx context.Context, c *meta.Change) error {
	i.mu.Lock()
	var then func()
	if i.match != nil && i.match(c) {
		then, i.match, i.then = i.then, nil, nil
	}
	i.mu.Unlock()
	if then != nil {
		then()
	}
	if n := len(c.Sets) + len(c.Drops) + len(c.Adds); i.most > 0 && n > i.most {
		return fmt.Errorf("%w: %d sets, drops and adds; this test allows %d", meta.ErrInvalid, n, i.most)
	}
	return i.Engine.Apply(ctx, c)
}

// drops and sets match changes of rows of a kind.
func drops(kind byte) func(*meta.Change) bool {
	return func(c *meta.Change) bool {
		for _, k := range c.Drops {
			if k[0] == kind {
				return true
			}
		}
		return false
	}
}

func sets(kind byte) func(*meta.Change) bool {
	return func(c *meta.Change) bool {
		for _, kv := range c.Sets {
			if kv.Key[0] == kind {
				return true
			}
		}
		return false
	}
}

// openInterrupted starts a store whose changes can be interrupted.
func openInterrupted(t *testing.T) (*store.Store, *interrupter, vfs.FS) {
	t.Helper()
	fsys := vfs.NewMem()
	i := &interrupter{}
	s := storetest.Open(t, fsys, func(o *store.Options) { i.Engine, o.Meta = o.Meta, i })
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, i, fsys
}

// TestPartThatArrivesWhileCompleteDecides: a part with a new number must not slip into the object, nor
// stay behind.
func TestPartThatArrivesWhileCompleteDecides(t *testing.T) {
	for _, parts := range []int{2, 9} { // inline, and by taking over part rows
		t.Run(fmt.Sprint(parts, " parts"), func(t *testing.T) {
			t.Parallel()
			s, i, _ := openInterrupted(t)
			b := makeBucket(t, s, "test-bucket")
			id := initiate(t, b, "big")
			var want []byte
			var numbers []int64
			for n := range parts {
				data := noise(store.MinPart, uint64(n))
				upload(t, b, "big", id, int64(2*n), data)
				want = append(want, data...)
				numbers = append(numbers, int64(2*n))
			}
			i.before(drops('u'), func() { upload(t, b, "big", id, 1, []byte("late part")) })
			if _, err := complete(t, b, "big", id, numbers...); err != nil {
				t.Fatal(err)
			}
			checkRange(t, b, "big", want, 0, int64(len(want)))
			if err := s.Sweep(t.Context()); err != nil {
				t.Error(err)
			}
			checkClean(t, s)
		})
	}
}

// TestSweeperGetsThroughManyReferences: parts made of many pieces must not make a change that grows with their number. The
// sweeper's own measure is 4096 rows and those of one part.
func TestSweeperGetsThroughManyReferences(t *testing.T) {
	s, i, fsys := openInterrupted(t)
	i.most = 5000
	b := makeBucket(t, s, "test-bucket")
	ctx := t.Context()
	put(t, b, "pieces", string(noise(store.MinPart, 1)))
	const pieces, copies = 100, 100 // twice as many references
	for range pieces {              // append a byte by copying all and adding a part
		id := initiate(t, b, "pieces")
		copyPart(t, b, "pieces", "pieces", id, 0)
		upload(t, b, "pieces", id, 1, []byte("y"))
		if _, err := complete(t, b, "pieces", id, 0, 1); err != nil {
			t.Fatal(err)
		}
	}
	id := initiate(t, b, "copies")
	for n := range int64(copies) {
		copyPart(t, b, "pieces", "copies", id, n)
	}
	if _, err := b.AbortMultipartUpload(ctx, &op.AbortMultipartUploadInput{Key: "copies", UploadID: id}); err != nil {
		t.Fatal(err)
	}
	if err := s.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if n, want := countBlobs(t, fsys), 1+pieces; n != want {
		t.Errorf("%d blobs are left; want %d", n, want)
	}
	checkClean(t, s)
}

// copyPart makes a part of all of src.
func copyPart(t *testing.T, b *store.Bucket, src, key, id string, n int64) {
	t.Helper()
	o, err := b.Object(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if _, err := b.CopyPart(t.Context(), o, 0, o.Info().Size, &op.CopyPartInput{Key: key, UploadID: id, PartNumber: n}); err != nil {
		t.Fatal(err)
	}
}

// TestKeyOfAUserThatIsBeingDeleted: either the key is refused, or the user stays.
func TestKeyOfAUserThatIsBeingDeleted(t *testing.T) {
	s, i, _ := openInterrupted(t)
	ctx := t.Context()
	u, err := s.CreateUser(ctx, "alice")
	if err != nil {
		t.Fatal(err)
	}
	var k store.Key
	i.before(drops('w'), func() { k, err = s.CreateKey(ctx, u.ID) })
	if deleted := s.DeleteUser(ctx, u.ID); deleted != nil || err != nil {
		t.Fatalf("delete = %v, create key = %v", deleted, err)
	}
	if _, _, ok, err := s.Key(ctx, k.ID); ok || err != nil {
		t.Errorf("the key of a deleted user works: %t, %v", ok, err)
	}
	checkClean(t, s)
}

func TestTwoUsersOfOneNameAtOnce(t *testing.T) {
	s, i, _ := openInterrupted(t)
	var first error
	i.before(sets('w'), func() { _, first = s.CreateUser(t.Context(), "bob") })
	_, second := s.CreateUser(t.Context(), "bob")
	if first != nil || second == nil {
		t.Errorf("two users of one name: %v, %v; want the second refused", first, second)
	}
}

// TestSecondDeletionWaitsForTheFirst: while one deletion decides, another must not say that the bucket is gone: it
// may turn out to be full and stay.
func TestSecondDeletionWaitsForTheFirst(t *testing.T) {
	s, i, _ := openInterrupted(t)
	b := makeBucket(t, s, "test-bucket")
	second := make(chan error, 1)
	i.before(drops('i'), func() { // the first has found the bucket empty and is about to close it
		put(t, b, "a", "x")
		i.before(sets('i'), func() { // it has found the object and is about to open the bucket again
			go func() {
				_, err := b.DeleteBucket(t.Context(), nil)
				second <- err
			}()
		})
	})
	_, err := b.DeleteBucket(t.Context(), nil)
	wantCode(t, err, fault.BucketNotEmpty)
	wantCode(t, <-second, fault.BucketNotEmpty)
	wantObject(t, b, "a", "x")
}

// TestDeletionThatTheSweeperEnds: the sweeper ends deletions that were cut off, and may meet one that goes on. Both
// must come to one end.
func TestDeletionThatTheSweeperEnds(t *testing.T) {
	s, i, _ := openInterrupted(t)
	settle := func() {
		if err := store.SettleClosing(s, t.Context()); err != nil {
			t.Error(err)
		}
	}
	b := makeBucket(t, s, "empty-bucket")
	i.before(drops('b'), settle)
	if _, err := b.DeleteBucket(t.Context(), nil); err != nil {
		t.Error(err)
	}
	_, err := s.Bucket(t.Context(), "empty-bucket")
	wantCode(t, err, fault.BucketNotExists)
	b = makeBucket(t, s, "full-bucket")
	i.before(drops('i'), func() {
		put(t, b, "a", "x")
		i.before(sets('i'), settle)
	})
	_, err = b.DeleteBucket(t.Context(), nil)
	wantCode(t, err, fault.BucketNotEmpty)
	wantObject(t, b, "a", "x")
	checkClean(t, s)
}

func TestDamagedRowsDoNotStopTheSweeper(t *testing.T) {
	s, i, fsys := openInterrupted(t)
	b := makeBucket(t, s, "test-bucket")
	bad := []meta.KV{{Key: []byte("g" + strings.Repeat("\x00", 24)), Val: []byte("nonsense")}, {Key: []byte("gshort")}}
	if err := i.Engine.Apply(t.Context(), &meta.Change{Sets: bad}); err != nil {
		t.Fatal(err)
	}
	if report, err := s.Check(t.Context()); err != nil || len(report.Problems) != len(bad) {
		t.Errorf("fsck = %+v, %v; want a problem for each row", report, err)
	}
	for range 10 {
		put(t, b, "a", big("x"))
	}
	if err := s.Sweep(t.Context()); err == nil {
		t.Error("a damaged row was not reported")
	}
	if n := countBlobs(t, fsys); n != 1 {
		t.Errorf("%d blobs are left; want 1", n)
	}
}
