package store_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/oisproject/ois/internal/etag"
	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
)

// putIf stores an object under conditions.
func putIf(t *testing.T, b *store.Bucket, key, data, match, noneMatch string) error {
	t.Helper()
	_, err := b.PutObject(t.Context(), &op.PutObjectInput{
		Key: key, Body: strings.NewReader(data), ContentLength: int64(len(data)), IfMatch: match, IfNoneMatch: noneMatch,
	})
	return err
}

// writers are all operations that obey conditions. Each writes key, or makes a function that does.
func writers(t *testing.T, b *store.Bucket) map[string]func(key, match, noneMatch string) error {
	sources := atomic.Int64{}
	source := func() *store.Object {
		key := fmt.Sprint("source-", sources.Add(1))
		put(t, b, key, "of "+key)
		return object(t, b, key)
	}
	return map[string]func(key, match, noneMatch string) error{
		"put":       func(key, m, n string) error { return putIf(t, b, key, "small", m, n) },
		"put large": func(key, m, n string) error { return putIf(t, b, key, strings.Repeat("large", 20_000), m, n) },
		"copy": func(key, m, n string) error {
			_, err := b.CopyObject(t.Context(), source(), &op.CopyObjectInput{Key: key, IfMatch: m, IfNoneMatch: n})
			return err
		},
		"copy with another key": func(key, m, n string) error {
			in := copyInput(key, noKey, ourKey)
			in.IfMatch, in.IfNoneMatch = m, n
			_, err := b.CopyObject(t.Context(), source(), in)
			return err
		},
		"move": func(key, m, n string) error {
			_, err := b.MoveObject(t.Context(), source(), &op.MoveObjectInput{Key: key, IfMatch: m, IfNoneMatch: n})
			return err
		},
		"complete": func(key, m, n string) error {
			id := initiate(t, b, key)
			upload(t, b, key, id, 0, []byte("part"))
			_, err := b.CompleteMultipartUpload(t.Context(), &op.CompleteMultipartUploadInput{
				Key: key, UploadID: id, ObjectParts: []op.CompletedPart{{PartNumber: 0}}, IfMatch: m, IfNoneMatch: n,
			})
			return err
		},
	}
}

func TestWritesObeyTheirConditions(t *testing.T) {
	_, b := newBucket(t)
	for name, write := range writers(t, b) {
		t.Run(name, func(t *testing.T) {
			wantCode(t, write("missing", "*", ""), fault.PreconditionFailed)
			wantCode(t, write("missing", `"x"`, ""), fault.PreconditionFailed)
			wantCode(t, write("missing", "*", "*"), fault.PreconditionFailed)
			_, err := b.Stat(t.Context(), "missing")
			wantCode(t, err, fault.ObjectNotExists)

			put(t, b, "k", "old")
			old := object(t, b, "k").Info().ETag
			for _, c := range []etag.Condition{
				{NoneMatch: "*"}, {NoneMatch: old}, {NoneMatch: `"x", ` + old}, {Match: `"x"`}, {Match: "W/" + old}, {Match: old, NoneMatch: old},
			} {
				if err := write("k", c.Match, c.NoneMatch); fault.CodeOf(err) != fault.PreconditionFailed || err == nil {
					t.Errorf("%+v: %v; want precondition_failed", c, err)
				}
				wantCode(t, b.Judge(t.Context(), "k", c), fault.PreconditionFailed)
			}
			wantObject(t, b, "k", "old")
			for _, c := range []etag.Condition{{Match: "*"}, {Match: `"x",` + old}, {NoneMatch: `"x"`}, {Match: old, NoneMatch: `"x"`}} {
				put(t, b, "k", "old")
				if err := b.Judge(t.Context(), "k", c); err != nil {
					t.Errorf("Judge(%+v) = %v", c, err)
				}
				if err := write("k", c.Match, c.NoneMatch); err != nil {
					t.Errorf("%+v: %v", c, err)
				}
			}
			if err := write("fresh-"+name, "", "*"); err != nil {
				t.Errorf("where there is none: %v", err)
			}
		})
	}
}

func TestDeleteObeysItsCondition(t *testing.T) {
	_, b := newBucket(t)
	put(t, b, "k", "old")
	etag := object(t, b, "k").Info().ETag
	del := func(key, match string) error {
		_, err := b.DeleteObject(t.Context(), &op.DeleteObjectInput{Key: key, IfMatch: match})
		return err
	}
	wantCode(t, del("missing", "*"), fault.PreconditionFailed)
	wantCode(t, del("k", `"x"`), fault.PreconditionFailed)
	wantObject(t, b, "k", "old")
	if err := del("k", etag); err != nil {
		t.Error(err)
	}
	wantCode(t, del("k", etag), fault.PreconditionFailed)
}

func TestAppendObeysItsCondition(t *testing.T) {
	_, b := newBucket(t)
	add := func(at int64, match, noneMatch string) error {
		_, err := b.AppendObject(t.Context(), &op.AppendObjectInput{
			Key: "log", Position: at, Body: strings.NewReader("x"), ContentLength: 1, IfMatch: match, IfNoneMatch: noneMatch,
		})
		return err
	}
	wantCode(t, add(0, "*", ""), fault.PreconditionFailed)
	if err := add(0, "", "*"); err != nil {
		t.Fatal(err)
	}
	first := object(t, b, "log").Info().ETag
	wantCode(t, add(1, "", "*"), fault.PreconditionFailed)
	if err := add(1, first, ""); err != nil {
		t.Fatal(err)
	}
	wantCode(t, add(2, first, ""), fault.PreconditionFailed)
	wantObject(t, b, "log", "xx")
}

// TestOfManyWritersOneWins: all want to be the first.
func TestOfManyWritersOneWins(t *testing.T) {
	const many = 32
	_, b := newBucket(t)
	for name, write := range writers(t, b) {
		for round := range 3 {
			key := fmt.Sprint("new-", name, "-", round)
			var won, lost atomic.Int64
			var all sync.WaitGroup
			begin := make(chan struct{})
			for range many {
				all.Go(func() {
					<-begin
					switch err := write(key, "", "*"); {
					case err == nil:
						won.Add(1)
					case fault.CodeOf(err) == fault.PreconditionFailed:
						lost.Add(1)
					default:
						t.Errorf("%s: %v", name, err)
					}
				})
			}
			close(begin)
			all.Wait()
			if won.Load() != 1 || lost.Load() != many-1 {
				t.Errorf("%s: %d won and %d lost; want 1 and %d", name, won.Load(), lost.Load(), many-1)
			}
		}
	}
}

// TestCompareAndSwapCounts: writers that replace only what they have read lose no update.
func TestCompareAndSwapCounts(t *testing.T) {
	const many, each = 8, 20
	_, b := newBucket(t)
	put(t, b, "counter", "0")
	var all sync.WaitGroup
	for range many {
		all.Go(func() {
			for done := 0; done < each; {
				o, err := b.Object(t.Context(), "counter")
				if err != nil {
					t.Error(err)
					return
				}
				text, err := get(t, b, "counter") // it may be a newer one; then the condition fails
				tag := o.Info().ETag
				o.Close()
				if err != nil {
					t.Error(err)
					return
				}
				n := 0
				if _, err := fmt.Sscan(text, &n); err != nil {
					t.Error(err)
					return
				}
				if err := putIf(t, b, "counter", fmt.Sprint(n+1), tag, ""); err == nil {
					done++
				} else if fault.CodeOf(err) != fault.PreconditionFailed {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	wantObject(t, b, "counter", fmt.Sprint(many*each))
}

// TestConditionIsJudgedInTheChange: another write comes between the look and the change.
func TestConditionIsJudgedInTheChange(t *testing.T) {
	s, i, fsys := openInterrupted(t)
	b := makeBucket(t, s, "test-bucket")
	i.before(sets('o'), func() { put(t, b, "k", "first") })
	wantCode(t, putIf(t, b, "k", strings.Repeat("second", 10_000), "", "*"), fault.PreconditionFailed)
	wantObject(t, b, "k", "first")
	if n := countBlobs(t, fsys); n != 0 {
		t.Errorf("%d blobs are left of the write that lost", n)
	}
	tag := object(t, b, "k").Info().ETag
	i.before(drops('o'), func() { put(t, b, "k", "newer") })
	_, err := b.DeleteObject(t.Context(), &op.DeleteObjectInput{Key: "k", IfMatch: tag})
	wantCode(t, err, fault.PreconditionFailed)
	wantObject(t, b, "k", "newer")
	checkClean(t, s)
}
