package simtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/etag"
	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/job"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/simtest/history"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
)

// The buckets of a brawl. All have notifications. Of the first two, versioning is enabled and suspended all the time; the third is copied
// elsewhere.
var brawlBuckets = []string{"versions-one", "versions-two", copiedBucket}

const copiedBucket = "copied-bucket"

// brawlKeys are few, and one begins with another one.
var brawlKeys = []string{"a", "a\x00", "b"}

const (
	fighters   = 6
	brawlSteps = 50
)

// TestBrawl lets fighters do everything at once that a store can do, in the same few keys of some buckets; half of the
// days end with a loss of power. There is no model of it: what is there in the end must fit together, what has followed the queues must have
// come to the same, and when everything is deleted nothing is left.
func TestBrawl(t *testing.T) {
	eachDay(t, func(t *testing.T, seed uint64) {
		s, disk := setupOf(seed), vfs.NewCrashableMem()
		fsys := errfs.New(disk)
		lost, followed := disk, (*follower)(nil)
		f := newFollower()
		now := func() { followed = f }
		if seed%4 > 1 {
			var hook errfs.Hook
			hook, now = cutAt(200+rand.New(rand.NewPCG(seed, 92)).Int64N(3000), func() {
				followed = f.copy() // before the copy of the disk: what was taken from a queue by now was followed
				lost = disk.PowerLoss([]int{0, 50, 100}[seed%3], seed)
				count(t, "losses of power", 1)
			})
			fsys.SetHook(hook)
		}
		h, err := s.open(t.Context(), fsys)
		if err != nil {
			t.Fatal(err)
		}
		if err := openBuckets(t.Context(), h.Store); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(brawl(t.Context(), h.Store, f, seed), h.close()); err != nil {
			t.Error(err)
		}
		now()
		s.aftermath(t, lost, followed)
	})
}

// openBuckets makes all buckets of a brawl.
func openBuckets(ctx context.Context, s *store.Store) error {
	for _, name := range brawlBuckets {
		if _, err := s.PutBucket(ctx, store.RootUser, "jn1a", &op.PutBucketInput{Bucket: name}); err != nil {
			return err
		}
		b, err := s.Bucket(ctx, name)
		if err != nil {
			return err
		}
		rules := []op.Notification{{ID: "all", EventTypes: []string{store.EventCreate, store.EventDelete, store.EventComplete, store.EventAbort}}}
		if _, err := b.PutBucketNotification(ctx, &op.PutBucketNotificationInput{Notifications: rules}); err != nil {
			return err
		}
		if _, err := b.PutBucketLifecycle(ctx, &op.PutBucketLifecycleInput{Rule: brawlRules()}); err != nil {
			return err
		}
		if name == copiedBucket {
			in := &op.PutBucketReplicationInput{Rules: []op.ReplicationRule{{ID: "all", Status: "enabled"}}}
			if _, err := b.PutBucketReplication(ctx, in); err != nil {
				return err
			}
		}
	}
	return nil
}

func brawlRules() []op.LifecycleRule {
	return []op.LifecycleRule{
		{ID: "move", Status: "enabled", Transition: &op.LifecycleTransition{Days: 30, StorageClass: "STANDARD_IA"}},
		{ID: "expire", Status: "enabled", Expiration: &op.LifecycleExpiration{Days: 200}},
		{ID: "move older", Status: "enabled", NoncurrentVersionTransition: &op.LifecycleTransition{Days: 30, StorageClass: "STANDARD_IA"}},
		{ID: "erase older", Status: "enabled", NoncurrentVersionExpiration: &op.LifecycleExpiration{Days: 100}},
		{ID: "abort", Status: "enabled", AbortIncompleteMultipartUpload: &op.LifecycleAbort{DaysAfterInitiation: 50}},
	}
}

// brawl lets all fighters fight while the queues are followed.
func brawl(ctx context.Context, s *store.Store, f *follower, seed uint64) error {
	following, stop := context.WithCancel(ctx)
	var other, all sync.WaitGroup
	var lost error
	other.Go(func() {
		for following.Err() == nil && lost == nil {
			lost = f.follow(ctx, s)
			yield(50)
		}
	})
	wrong := make([]error, fighters)
	for n := range fighters {
		all.Go(func() {
			f := &fighter{store: s, rand: rand.New(rand.NewPCG(seed, uint64(n)))}
			for i := 0; i < brawlSteps && wrong[n] == nil; i++ {
				wrong[n] = f.step(ctx)
			}
		})
	}
	all.Wait()
	stop()
	other.Wait()
	return errors.Join(append(wrong, lost)...)
}

// A fighter does what it likes.
type fighter struct {
	store *store.Store
	rand  *rand.Rand
}

func (f *fighter) key() string { return brawlKeys[f.rand.IntN(len(brawlKeys))] }

func (f *fighter) secret() secret {
	return secrets[max(0, f.rand.IntN(len(secrets)+1)-1)]
}

func (f *fighter) class() string { return []string{"", "", "STANDARD_IA"}[f.rand.IntN(3)] }

// bucket looks a bucket up, as each request does.
func (f *fighter) bucket(ctx context.Context) (*store.Bucket, error) {
	return f.store.Bucket(ctx, brawlBuckets[f.rand.IntN(len(brawlBuckets))])
}

func (f *fighter) data() []byte {
	size := 1 + f.rand.IntN(100)
	switch f.rand.IntN(4) {
	case 0:
		size = 0
	case 1:
		size = 17_000 + f.rand.IntN(200_000)
	}
	return history.Noise(f.rand.Uint64(), size)
}

// condition draws conditions of a write; most of them are none.
func (f *fighter) condition(ctx context.Context, b *store.Bucket, key string) etag.Condition {
	switch f.rand.IntN(8) {
	case 0:
		return etag.Condition{NoneMatch: "*"}
	case 1:
		return etag.Condition{Match: "*"}
	case 2:
		if info, err := b.Stat(ctx, key); err == nil {
			return etag.Condition{Match: info.ETag}
		}
	}
	return etag.Condition{}
}

// version draws the id of a version that a key has, or had a moment ago.
func (f *fighter) version(ctx context.Context, b *store.Bucket, key string) (string, error) {
	out, err := b.ListObjectVersions(ctx, &op.ListObjectVersionsInput{Prefix: key, Limit: 1000})
	if err != nil {
		return "", err
	}
	list := slices.DeleteFunc(out.Keys, func(v op.ObjectVersion) bool { return v.Key != key })
	if len(list) == 0 {
		return "null", nil
	}
	return list[f.rand.IntN(len(list))].VersionID, nil
}

// step does one operation. Its error is not one that fighters must expect.
func (f *fighter) step(ctx context.Context) error {
	b, err := f.bucket(ctx)
	if err != nil {
		return err
	}
	name, operation := "put", f.put
	switch n := f.rand.IntN(32); {
	case n < 7:
	case n < 9:
		name, operation = "delete", f.remove
	case n < 13:
		name, operation = "erase", f.erase
	case n < 15:
		name, operation = "delete multiple", f.removeMany
	case n < 20:
		name, operation = "copy", f.copy
	case n < 22:
		name, operation = "move", f.move
	case n < 25:
		name, operation = "append", f.append
	case n < 28:
		name, operation = "multipart", f.multipart
	case n < 30:
		name, operation = "versioning", f.waver
	case n < 31:
		name, operation = "lifecycle", f.age
	default:
		name, operation = "sweep", func(ctx context.Context, _ *store.Bucket, _ string) error { return f.store.Sweep(ctx) }
	}
	if err := operation(ctx, b, f.key()); err != nil && !beaten(err) {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// beaten reports whether an error is one that a fighter must expect, since others were faster.
func beaten(err error) bool {
	if errors.Is(err, store.ErrSourceChanged) {
		return true
	}
	switch fault.CodeOf(err) {
	case fault.ObjectNotExists, fault.PreconditionFailed, fault.InvalidObjectState, fault.MethodNotAllowed, fault.UploadNotExists:
		return true
	case fault.InvalidArgument:
		return strings.Contains(err.Error(), "position") || strings.Contains(err.Error(), "a move takes")
	}
	return false
}

func (f *fighter) put(ctx context.Context, b *store.Bucket, key string) error {
	c, data := f.condition(ctx, b, key), f.data()
	in := &op.PutObjectInput{
		Key: key, Body: bytes.NewReader(data), ContentLength: int64(len(data)), StorageClass: f.class(), IfMatch: c.Match, IfNoneMatch: c.NoneMatch,
	}
	f.secret().put(in)
	_, err := b.PutObject(ctx, in)
	return err
}

func (f *fighter) remove(ctx context.Context, b *store.Bucket, key string) error {
	_, err := b.DeleteObject(ctx, &op.DeleteObjectInput{Key: key, IfMatch: f.condition(ctx, b, key).Match})
	return err
}

func (f *fighter) erase(ctx context.Context, b *store.Bucket, key string) error {
	id, err := f.version(ctx, b, key)
	if err != nil {
		return err
	}
	_, err = b.DeleteObject(ctx, &op.DeleteObjectInput{Key: key, VersionID: id})
	return err
}

func (f *fighter) removeMany(ctx context.Context, b *store.Bucket, _ string) error {
	in := &op.DeleteMultipleObjectsInput{}
	for range 1 + f.rand.IntN(6) {
		o := op.ObjectToDelete{Key: f.key()}
		if f.rand.IntN(2) == 0 {
			id, err := f.version(ctx, b, o.Key)
			if err != nil {
				return err
			}
			o.VersionID = id
		}
		in.Objects = append(in.Objects, o)
	}
	_, err := b.DeleteMultipleObjects(ctx, in)
	return err
}

// source opens a version of some key of some bucket, often the current one, and tells with what it is encrypted.
func (f *fighter) source(ctx context.Context) (o *store.Object, s secret, err error) {
	b, err := f.bucket(ctx)
	if err != nil {
		return nil, s, err
	}
	key, id := f.key(), ""
	if f.rand.IntN(2) == 0 {
		if id, err = f.version(ctx, b, key); err != nil {
			return nil, s, err
		}
	}
	if o, err = b.Version(ctx, key, id); err != nil {
		return nil, s, err
	}
	n, err := unlock(o)
	if err != nil {
		o.Close()
		return nil, s, err
	}
	return o, secrets[n], nil
}

func (f *fighter) copy(ctx context.Context, b *store.Bucket, key string) error {
	o, from, err := f.source(ctx)
	if err != nil {
		return err
	}
	defer o.Close()
	c := f.condition(ctx, b, key)
	in := &op.CopyObjectInput{Key: key, StorageClass: f.class(), IfMatch: c.Match, IfNoneMatch: c.NoneMatch}
	f.secret().copy(in, from)
	_, err = b.CopyObject(ctx, o, in)
	return err
}

func (f *fighter) move(ctx context.Context, b *store.Bucket, key string) error {
	o, _, err := f.source(ctx)
	if err != nil {
		return err
	}
	defer o.Close()
	c := f.condition(ctx, b, key)
	_, err = b.MoveObject(ctx, o, &op.MoveObjectInput{Key: key, IfMatch: c.Match, IfNoneMatch: c.NoneMatch})
	return err
}

func (f *fighter) append(ctx context.Context, b *store.Bucket, key string) error {
	c, data := f.condition(ctx, b, key), f.data()
	in := &op.AppendObjectInput{Key: key, Body: bytes.NewReader(data), ContentLength: int64(len(data)), IfMatch: c.Match, IfNoneMatch: c.NoneMatch}
	if info, err := b.Stat(ctx, key); err == nil && info.Appendable {
		in.Position = info.Size
	}
	out, err := b.AppendObject(ctx, in)
	if err != nil || f.rand.IntN(2) > 0 {
		return err
	}
	nothing := &op.AppendObjectInput{Key: key, Position: out.NextAppendPosition, Body: strings.NewReader("")} // in the same millisecond
	_, err = b.AppendObject(ctx, nothing)
	return err
}

// multipart sends three parts, one of which may be a copy, and takes the second. Some uploads are aborted, and some forgotten.
func (f *fighter) multipart(ctx context.Context, b *store.Bucket, key string) error {
	s := f.secret()
	begin := &op.InitiateMultipartUploadInput{Key: key, StorageClass: f.class()}
	s.initiate(begin)
	up, err := b.InitiateMultipartUpload(ctx, begin)
	if err != nil {
		return err
	}
	for n := range int64(3) {
		if err := f.part(ctx, b, key, up.UploadID, n, s); err != nil {
			return err
		}
	}
	switch f.rand.IntN(5) {
	case 0:
		_, err := b.AbortMultipartUpload(ctx, &op.AbortMultipartUploadInput{Key: key, UploadID: up.UploadID})
		return err
	case 1:
		return nil
	}
	c := f.condition(ctx, b, key)
	_, err = b.CompleteMultipartUpload(ctx, &op.CompleteMultipartUploadInput{
		Key: key, UploadID: up.UploadID, ObjectParts: []op.CompletedPart{{PartNumber: 1}}, IfMatch: c.Match, IfNoneMatch: c.NoneMatch,
	})
	return err
}

func (f *fighter) part(ctx context.Context, b *store.Bucket, key, id string, n int64, s secret) error {
	if n == 2 {
		o, from, err := f.source(ctx)
		if err != nil && beaten(err) {
			return nil
		}
		if err != nil {
			return err
		}
		defer o.Close()
		in := &op.CopyPartInput{Key: key, UploadID: id, PartNumber: n}
		s.copyPart(in, from)
		_, err = b.CopyPart(ctx, o, 0, o.Info().Size, in)
		if errors.Is(err, store.ErrSourceChanged) {
			return nil
		}
		return err
	}
	data := f.data()
	in := &op.UploadMultipartInput{Key: key, UploadID: id, PartNumber: n, Body: bytes.NewReader(data), ContentLength: int64(len(data))}
	s.upload(in)
	_, err := b.UploadMultipart(ctx, in)
	return err
}

func (f *fighter) waver(ctx context.Context, b *store.Bucket, _ string) error {
	if b.Info().Name == copiedBucket {
		return nil // the two do not go together
	}
	status := []string{"ENABLED", "SUSPENDED"}[f.rand.IntN(2)]
	_, err := b.PutBucketVersioning(ctx, &op.PutBucketVersioningInput{VersioningStatus: status})
	return err
}

// age makes a pass of the lifecycle, as of some day to come.
func (f *fighter) age(ctx context.Context, _ *store.Bucket, _ string) error {
	days := []int{20, 45, 75, 150, 300}[f.rand.IntN(5)]
	return f.store.RunLifecycle(ctx, job.Task{AsOf: time.Now().AddDate(0, 0, days)}, &job.Result{})
}
