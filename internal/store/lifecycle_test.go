package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/job"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
)

func expire(prefix string, days int64) op.LifecycleRule {
	return op.LifecycleRule{
		ID: "expire " + prefix, Status: "enabled", Filter: op.LifecycleFilter{Prefix: prefix}, Expiration: &op.LifecycleExpiration{Days: days},
	}
}

func transition(prefix string, days int64) op.LifecycleRule {
	return op.LifecycleRule{
		ID: "move " + prefix, Status: "enabled", Filter: op.LifecycleFilter{Prefix: prefix},
		Transition: &op.LifecycleTransition{Days: days, StorageClass: "standard_ia"},
	}
}

func abort(prefix string, days int64) op.LifecycleRule {
	return op.LifecycleRule{
		ID: "abort " + prefix, Status: "enabled", Filter: op.LifecycleFilter{Prefix: prefix},
		AbortIncompleteMultipartUpload: &op.LifecycleAbort{DaysAfterInitiation: days},
	}
}

func setLifecycle(t *testing.T, b *store.Bucket, rules ...op.LifecycleRule) {
	t.Helper()
	if _, err := b.PutBucketLifecycle(t.Context(), &op.PutBucketLifecycleInput{Rule: rules}); err != nil {
		t.Fatal(err)
	}
}

// wantStates checks the states of the rules of a bucket, in their order.
func wantStates(t *testing.T, s *store.Store, b *store.Bucket, want ...string) {
	t.Helper()
	b, err := s.Bucket(t.Context(), b.Info().Name)
	if err != nil {
		t.Fatal(err)
	}
	out, err := b.GetBucketLifecycle(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range out.Rule {
		got = append(got, r.State)
	}
	if !slices.Equal(got, want) {
		t.Errorf("rules are %q; want %q", got, want)
	}
}

// days is the time so many days from now, and a minute.
func days(n int) time.Time { return time.Now().AddDate(0, 0, n).Add(time.Minute) }

// pass runs the lifecycle as of a time and checks what it says it has done.
func pass(t *testing.T, s *store.Store, at time.Time, want string) *job.Result {
	t.Helper()
	var r job.Result
	if err := s.RunLifecycle(t.Context(), job.Task{AsOf: at}, &r); err != nil {
		t.Errorf("pass: %v", err)
	}
	wantCounts(t, &r, want)
	return &r
}

func wantCounts(t *testing.T, r *job.Result, want string) {
	t.Helper()
	var parts []string
	for _, c := range r.Counts {
		if c.N != 0 {
			parts = append(parts, fmt.Sprintf("%s %d", c.Name, c.N))
		}
	}
	if got := strings.Join(parts, ", "); got != want {
		t.Errorf("the pass has done: %s; want %s", got, want)
	}
}

func keysOf(t *testing.T, b *store.Bucket) (keys []string) {
	t.Helper()
	out, err := b.ListObjects(t.Context(), &op.ListObjectsInput{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range out.Keys {
		keys = append(keys, o.Key)
	}
	return keys
}

func wantKeys(t *testing.T, b *store.Bucket, want ...string) {
	t.Helper()
	if got := keysOf(t, b); !slices.Equal(got, want) {
		t.Errorf("there are %q; want %q", got, want)
	}
}

func TestLifecycleDoesWhatRulesDemand(t *testing.T) {
	s, b := newBucket(t)
	other := makeBucket(t, s, "without-rules")
	makeBucket(t, s, "rules-to-come")
	put(t, other, "tmp/a", "x")
	for _, key := range []string{"tmp/a", "tmp/b", "tmp", "keep/a", "arch/\x00", "arch/b"} {
		put(t, b, key, key)
	}
	put(t, b, "tmp/large", string(noise(100_000, 1)))
	id := initiate(t, b, "up/\x00a")
	upload(t, b, "up/\x00a", id, 1, noise(100_000, 2))
	kept := initiate(t, b, "other")
	off := expire("keep/", 1)
	off.Status = "Disabled"
	setLifecycle(t, b, expire("tmp/", 7), abort("up/\x00", 3), transition("arch/", 30), off)
	before, err := b.Stat(t.Context(), "arch/b")
	if err != nil {
		t.Fatal(err)
	}

	pass(t, s, time.Now(), "")
	wantStates(t, s, b, "unchecked", "unchecked", "unchecked", "unchecked")
	var early job.Result
	if err := s.RunLifecycle(t.Context(), job.Task{AsOf: days(2), DryRun: true}, &early); err != nil {
		t.Error(err)
	}
	wantStates(t, s, b, "unchecked", "unchecked", "unchecked", "unchecked")
	pass(t, s, days(2), "buckets 1")
	wantStates(t, s, b, "ready", "ready", "ready", "unchecked")
	pass(t, s, days(3), "buckets 1, aborted 1")
	wantKeys(t, b, "arch/\x00", "arch/b", "keep/a", "tmp", "tmp/a", "tmp/b", "tmp/large")

	var dry job.Result
	if err := s.RunLifecycle(t.Context(), job.Task{AsOf: days(7), DryRun: true}, &dry); err != nil {
		t.Error(err)
	}
	wantCounts(t, &dry, "buckets 1, expired 3")
	if len(dry.Notes) != 3 || !strings.HasPrefix(dry.Notes[0], `expired test-bucket/"tmp/a", modified 20`) {
		t.Errorf("the dry run notes %q; want the three objects", dry.Notes)
	}
	wantKeys(t, b, "arch/\x00", "arch/b", "keep/a", "tmp", "tmp/a", "tmp/b", "tmp/large")

	r := pass(t, s, days(7), "buckets 1, expired 3")
	if len(r.Notes) != 3 {
		t.Errorf("the pass notes %q; want the three objects", r.Notes)
	}
	wantKeys(t, b, "arch/\x00", "arch/b", "keep/a", "tmp")
	pass(t, s, days(7), "buckets 1")

	pass(t, s, days(30), "buckets 1, transitioned 2")
	pass(t, s, days(300), "buckets 1")
	after, err := b.Stat(t.Context(), "arch/b")
	if err != nil || after.StorageClass != "STANDARD_IA" || !after.LastModified.Equal(before.LastModified) || after.ETag != before.ETag {
		t.Errorf("the object that moved is %+v, %v; want all as before but the class, %+v", after, err, before)
	}
	wantObject(t, b, "arch/b", "arch/b")
	out, err := b.ListObjects(t.Context(), &op.ListObjectsInput{Prefix: "arch/"})
	if err != nil || out.Keys[0].StorageClass != "STANDARD_IA" {
		t.Errorf("it is listed as %+v, %v", out.Keys, err)
	}
	st, err := b.GetBucketStatistics(t.Context(), "", nil)
	ia := op.StorageClassStatistics{Count: 2, Size: 12, BillingSize: 12}
	if err != nil || st.Count != 4 || st.StorageClasses["STANDARD_IA"] != ia || st.StorageClasses["STANDARD"].Count != 2 {
		t.Errorf("statistics are %+v, %v; want 2 objects of 12 bytes in STANDARD_IA, and 2 others", st, err)
	}
	if _, err := b.ListMultipart(t.Context(), &op.ListMultipartInput{Key: "other", UploadID: kept}); err != nil {
		t.Errorf("an upload under another prefix: %v", err)
	}
	wantKeys(t, other, "tmp/a")
	if err := s.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
	if r := checkClean(t, s); r.Blobs != 0 {
		t.Errorf("%d blobs are left; want those of the objects and parts that are gone to be given back", r.Blobs)
	}
}

// TestLifecycleTakesManyPages: more objects than a page and a change have, under prefixes one of which covers the other.
func TestLifecycleTakesManyPages(t *testing.T) {
	s, b := newBucket(t)
	const n = 2301
	for i := range n {
		put(t, b, fmt.Sprintf("p/%04d", i), "")
	}
	setLifecycle(t, b, expire("p/", 7), expire("p/1", 3))
	pass(t, s, days(4), "buckets 1, expired 1000")
	r := pass(t, s, days(8), "buckets 1, expired 1301")
	if len(r.Notes) != 1000 || r.Omitted != 301 {
		t.Errorf("%d notes and %d omitted; want 1000 and 301", len(r.Notes), r.Omitted)
	}
	wantKeys(t, b)
}

// TestLifecycleSparesWhatWasOverwritten between the moment an object was seen to be due and the moment it would go.
func TestLifecycleSparesWhatWasOverwritten(t *testing.T) {
	var c clock
	p := &patient{t: t, fs: vfs.NewMem()}
	p.engines()
	i := &interrupter{Engine: p.meta}
	s, err := store.Open(t.Context(), store.Options{Meta: i, Blobs: p.blobs, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	defer p.close(s)
	b := makeBucket(t, s, "test-bucket")
	for _, key := range []string{"a", "b", "c"} {
		put(t, b, key, "old")
	}
	setLifecycle(t, b, expire("", 5))
	c.ahead.Store(int64(24 * time.Hour))
	done := false
	i.before(drops('o'), func() {
		put(t, b, "b", "new")
		done = true
	})
	r := pass(t, s, days(5), "buckets 1, expired 2")
	if !done || len(r.Notes) != 2 {
		t.Fatalf("overwritten: %v, notes %q; want one overwritten and two expired", done, r.Notes)
	}
	wantKeys(t, b, "b")
	wantObject(t, b, "b", "new")
	checkClean(t, s)
}

// TestRemovedRulesDoNothingMore: once their removal is acknowledged, also a pass that is under way obeys.
func TestRemovedRulesDoNothingMore(t *testing.T) {
	for name, change := range map[string]func(*testing.T, *store.Store, *store.Bucket){
		"removed": func(t *testing.T, _ *store.Store, b *store.Bucket) {
			if _, err := b.DeleteBucketLifecycle(t.Context(), nil); err != nil {
				t.Error(err)
			}
		},
		"replaced": func(t *testing.T, _ *store.Store, b *store.Bucket) { setLifecycle(t, b, expire("", 300)) },
		"emptied":  func(t *testing.T, _ *store.Store, b *store.Bucket) { setLifecycle(t, b) },
	} {
		t.Run(name, func(t *testing.T) {
			s, i, _ := openInterrupted(t)
			b := makeBucket(t, s, "test-bucket")
			for n := range 250 {
				put(t, b, fmt.Sprintf("%03d", n), "")
			}
			setLifecycle(t, b, expire("", 5))
			first := true
			i.before(drops('o'), func() { // the first change
				first = false
				change(t, s, b)
			})
			want := ""
			if name == "replaced" {
				want = "buckets 1"
			}
			pass(t, s, days(6), want)
			if first || len(keysOf(t, b)) != 250 {
				t.Errorf("%d of 250 objects are left after the rules were %s; want all", len(keysOf(t, b)), name)
			}
		})
	}
}

// TestLifecycleOfASuspendedBucket does nothing from the moment on when it is suspended, and goes on later.
func TestLifecycleOfASuspendedBucket(t *testing.T) {
	s, i, _ := openInterrupted(t)
	b := makeBucket(t, s, "test-bucket")
	for n := range 250 {
		put(t, b, fmt.Sprintf("%03d", n), "")
	}
	setLifecycle(t, b, expire("", 5))
	suspend := func(on bool) {
		if err := s.SuspendBucket(t.Context(), "test-bucket", on); err != nil {
			t.Error(err)
		}
	}
	i.before(drops('o'), func() { suspend(true) }) // the first change
	pass(t, s, days(6), "")
	var dry job.Result
	if err := s.RunLifecycle(t.Context(), job.Task{AsOf: days(6), DryRun: true}, &dry); err != nil || len(dry.Notes) > 0 {
		t.Errorf("a dry run would do %q, %v; want nothing", dry.Notes, err)
	}
	if n := len(keysOf(t, b)); n != 250 {
		t.Errorf("%d of 250 objects are left; want all", n)
	}
	wantStates(t, s, b, "unchecked")
	suspend(false)
	i.before(drops('o'), func() { // another setting does not matter
		if _, err := b.PutBucketCORS(t.Context(), &op.PutBucketCORSInput{CORSRules: []op.CORSRule{{AllowedOrigin: "*"}}}); err != nil {
			t.Error(err)
		}
	})
	pass(t, s, days(6), "buckets 1, expired 250")
	wantStates(t, s, b, "ready")
	wantKeys(t, b)
}

func TestLifecycleOfABucketThatGoes(t *testing.T) {
	s, i, _ := openInterrupted(t)
	b := makeBucket(t, s, "test-bucket")
	id := initiate(t, b, "k")
	setLifecycle(t, b, abort("", 1))
	i.before(drops('u'), func() {
		if _, err := b.AbortMultipartUpload(t.Context(), &op.AbortMultipartUploadInput{Key: "k", UploadID: id}); err != nil {
			t.Error(err)
		}
		if _, err := b.DeleteBucket(t.Context(), nil); err != nil {
			t.Error(err)
		}
	})
	pass(t, s, days(3), "")
	checkClean(t, s)
}

// TestRulesAreReadyAfterAWholePassOnly, and what cannot be read keeps nothing else from its turn.
func TestRulesAreReadyAfterAWholePassOnly(t *testing.T) {
	p := &patient{t: t, fs: vfs.NewMem()}
	s := p.open(store.Options{})
	b := makeBucket(t, s, "test-bucket")
	for _, key := range []string{"a", "b", "c"} {
		put(t, b, key, "x")
	}
	setLifecycle(t, b, expire("", 5))
	p.close(s)
	p.engines()
	p.set(string(p.object("b").Key), "nonsense")
	s = p.open(store.Options{})
	defer p.close(s)
	b, err := s.Bucket(t.Context(), "test-bucket")
	if err != nil {
		t.Fatal(err)
	}
	var r job.Result
	err = s.RunLifecycle(t.Context(), job.Task{AsOf: days(5)}, &r)
	if err == nil || !strings.Contains(err.Error(), "lifecycle of bucket test-bucket: row") {
		t.Errorf("pass = %v; want an error that names the bucket and the row", err)
	}
	wantCounts(t, &r, "buckets 1, expired 2")
	wantStates(t, s, b, "unchecked")
}

// TestLifecycleOnAFullDisk: what is due goes, since that gives room; what would be written waits.
func TestLifecycleOnAFullDisk(t *testing.T) {
	full := false
	p := &patient{t: t, fs: vfs.NewMem()}
	s := p.open(store.Options{Room: func() error {
		if full {
			return fault.Newf(fault.ServiceUnavailable, "the disk is full")
		}
		return nil
	}})
	defer p.close(s)
	b := makeBucket(t, s, "test-bucket")
	put(t, b, "arch/a", "x")
	put(t, b, "tmp/a", "x")
	setLifecycle(t, b, expire("tmp/", 5), transition("arch/", 30))
	full = true
	var r job.Result
	err := s.RunLifecycle(t.Context(), job.Task{AsOf: days(30)}, &r)
	if err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("pass = %v; want that the disk is full", err)
	}
	wantCounts(t, &r, "buckets 1, expired 1")
	wantStates(t, s, b, "unchecked", "unchecked")
	full = false
	pass(t, s, days(30), "buckets 1, transitioned 1")
	wantStates(t, s, b, "ready", "ready")
}

// A breaker is an engine that fails after some changes, as if the process had been killed.
type breaker struct {
	meta.Engine
	left int
}

var errKilled = errors.New("killed")

func (b *breaker) Apply(ctx context.Context, c *meta.Change) error {
	if b.left--; b.left < 0 {
		return errKilled
	}
	return b.Engine.Apply(ctx, c)
}

// TestPassThatIsBrokenOffIsBegunAnew: each of its changes is whole, and the next pass does the rest.
func TestPassThatIsBrokenOffIsBegunAnew(t *testing.T) {
	p := &patient{t: t, fs: vfs.NewMem()}
	s := p.open(store.Options{})
	b := makeBucket(t, s, "test-bucket")
	for n := range 550 {
		put(t, b, fmt.Sprintf("%03d", n), "x")
	}
	setLifecycle(t, b, expire("", 5))
	p.close(s)

	p.engines()
	cut := &breaker{Engine: p.meta, left: 1 << 30}
	s, err := store.Open(t.Context(), store.Options{Meta: cut, Blobs: p.blobs, Still: true})
	if err != nil {
		t.Fatal(err)
	}
	cut.left = 2
	var r job.Result
	if err := s.RunLifecycle(t.Context(), job.Task{AsOf: days(6)}, &r); !errors.Is(err, errKilled) {
		t.Errorf("a pass that is broken off = %v", err)
	}
	wantCounts(t, &r, "expired 200")
	p.close(s)

	p.meta = nil
	s = p.open(store.Options{})
	defer p.close(s)
	if got := checkClean(t, s); got.Objects != 350 {
		t.Errorf("%d objects are left; want 350", got.Objects)
	}
	wantStates(t, s, again(t, s), "unchecked")
	pass(t, s, days(6), "buckets 1, expired 350")
	wantStates(t, s, again(t, s), "ready")
	checkClean(t, s)
}

func again(t *testing.T, s *store.Store) *store.Bucket {
	t.Helper()
	b, err := s.Bucket(t.Context(), "test-bucket")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPassEndsWithItsContext(t *testing.T) {
	s, b := newBucket(t)
	put(t, b, "a", "x")
	setLifecycle(t, b, expire("", 5))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var r job.Result
	if err := s.RunLifecycle(ctx, job.Task{AsOf: days(6)}, &r); !errors.Is(err, context.Canceled) {
		t.Errorf("pass = %v; want context.Canceled", err)
	}
	wantKeys(t, b, "a")
}

// TestChangedRulesWaitAnotherDay through the settings of a bucket, by a clock that is put forward.
func TestChangedRulesWaitAnotherDay(t *testing.T) {
	var c clock
	p := &patient{t: t, fs: vfs.NewMem()}
	s := p.open(store.Options{Now: c.now})
	defer p.close(s)
	b := makeBucket(t, s, "test-bucket")
	put(t, b, "a/1", "x")
	put(t, b, "b/1", "x")
	setLifecycle(t, b, expire("a/", 1), expire("b/", 1))
	c.ahead.Store(int64(23 * time.Hour))
	setLifecycle(t, b, expire("b/", 2), expire("a/", 1))
	out, err := again(t, s).GetBucketLifecycle(t.Context(), nil)
	if err != nil || len(out.Rule) != 2 || out.Rule[0].Created-out.Rule[1].Created < 22*3600 {
		t.Errorf("the rules are %+v, %v; want the one that changed to be younger", out.Rule, err)
	}
	pass(t, s, time.Now().Add(25*time.Hour), "buckets 1, expired 1")
	wantKeys(t, b, "b/1")
	wantStates(t, s, b, "unchecked", "ready")
	pass(t, s, time.Now().Add(46*time.Hour), "buckets 1")
	pass(t, s, time.Now().Add(49*time.Hour), "buckets 1, expired 1")
	wantStates(t, s, b, "ready", "ready")
}

// TestSettingThatIsTakenAwayMeanwhile is none that is lost: the bucket was looked up before.
func TestSettingThatIsTakenAwayMeanwhile(t *testing.T) {
	s, b := newBucket(t)
	setLifecycle(t, b, expire("", 5))
	old := again(t, s)
	if _, err := b.DeleteBucketLifecycle(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if out, err := old.GetBucketLifecycle(t.Context(), nil); err != nil || len(out.Rule) != 0 {
		t.Errorf("GetBucketLifecycle = %+v, %v; want no rules", out, err)
	}
	if _, err := old.PutBucketLifecycle(t.Context(), &op.PutBucketLifecycleInput{Rule: []op.LifecycleRule{expire("", 5)}}); err != nil {
		t.Errorf("PutBucketLifecycle = %v", err)
	}
}

// TestJobsAreRemembered over a restart.
func TestJobsAreRemembered(t *testing.T) {
	p := &patient{t: t, fs: vfs.NewMem()}
	s := p.open(store.Options{})
	if run, err := s.LastRun(t.Context(), "lifecycle"); err != nil || !run.Begun.IsZero() {
		t.Errorf("LastRun of a job that never ran = %+v, %v", run, err)
	}
	at := time.UnixMilli(1709626530123).UTC()
	want := job.Run{Begun: at, Ended: at.Add(time.Hour), Error: "no room", Counts: []job.Count{{Name: "expired", N: 3}}}
	if err := s.KeepRun(t.Context(), "lifecycle", want); err != nil {
		t.Fatal(err)
	}
	p.close(s)
	s = p.open(store.Options{})
	defer p.close(s)
	checkClean(t, s)
	got, err := s.LastRun(t.Context(), "lifecycle")
	if err != nil || !got.Begun.Equal(want.Begun) || !got.Ended.Equal(want.Ended) || got.Error != want.Error || !slices.Equal(got.Counts, want.Counts) {
		t.Errorf("LastRun = %+v, %v; want %+v", got, err, want)
	}
}
