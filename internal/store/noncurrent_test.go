package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/job"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
)

func eraseOlder(prefix string, days int64) op.LifecycleRule {
	return op.LifecycleRule{
		ID: "erase " + prefix, Status: "enabled", Filter: op.LifecycleFilter{Prefix: prefix},
		NoncurrentVersionExpiration: &op.LifecycleExpiration{Days: days},
	}
}

func moveOlder(days int64) op.LifecycleRule {
	return op.LifecycleRule{
		ID: "move older", Status: "enabled",
		NoncurrentVersionTransition: &op.LifecycleTransition{Days: days, StorageClass: "STANDARD_IA"},
	}
}

// newest returns the id of the newest version of a key, and whether that is a delete marker.
func newest(t *testing.T, b *store.Bucket, key string) (id string, marker bool) {
	t.Helper()
	out, err := b.ListObjectVersions(t.Context(), &op.ListObjectVersionsInput{Prefix: key, Limit: 1})
	if err != nil || len(out.Keys) != 1 || out.Keys[0].Key != key || !out.Keys[0].IsLatest {
		t.Fatalf("versions of %s: %+v, %v", key, out, err)
	}
	return out.Keys[0].VersionID, out.Keys[0].DeleteMarker
}

// TestLifecycleOfVersions goes through half a year, by a clock that is put forward.
func TestLifecycleOfVersions(t *testing.T) {
	var c clock
	p := &patient{t: t, fs: vfs.NewMem()}
	s := p.open(store.Options{Now: c.now})
	defer p.close(s)
	b := versioned(t, s, makeBucket(t, s, "test-bucket"), "ENABLED")
	on := func(day int, want string) {
		t.Helper()
		c.ahead.Store(int64(time.Duration(day)*24*time.Hour + time.Duration(day)*time.Minute)) // each day a bit later
		pass(t, s, c.now(), want)
	}
	k1 := putVersion(t, b, "k", string(noise(70_000, 1)))
	l1 := putVersion(t, b, "l", "l1")
	setLifecycle(t, b, expire("", 40), moveOlder(30), eraseOlder("", 60))
	on(5, "buckets 1")
	k2 := putVersion(t, b, "k", "k2")
	before, err := b.StatVersion(t.Context(), "k", k1)
	if err != nil {
		t.Fatal(err)
	}
	on(34, "buckets 1")
	on(35, "buckets 1, transitioned 1")
	after, err := b.StatVersion(t.Context(), "k", k1)
	if err != nil || after.StorageClass != "STANDARD_IA" || !after.LastModified.Equal(before.LastModified) || after.ETag != before.ETag {
		t.Errorf("the version that moved is %+v, %v; want all as before but the class, %+v", after, err, before)
	}

	on(40, "buckets 1, expired 1") // l, by a delete marker
	lMarker, marker := newest(t, b, "l")
	if !marker {
		t.Errorf("the newest version of l is no delete marker")
	}
	wantVersions(t, b, "k "+k2+" *", "k "+k1, "l "+lMarker+" * -", "l "+l1)
	_, err = get(t, b, "l")
	wantCode(t, err, fault.ObjectNotExists)
	on(45, "buckets 1, expired 1") // k2
	kMarker, _ := newest(t, b, "k")
	on(64, "buckets 1")
	on(65, "buckets 1, erased 1") // k1
	wantVersions(t, b, "k "+kMarker+" * -", "k "+k2, "l "+lMarker+" * -", "l "+l1)
	on(70, "buckets 1, transitioned 1") // l1
	on(75, "buckets 1, transitioned 1") // k2
	on(80, "buckets 1")
	k3 := putVersion(t, b, "k", "k3")
	on(100, "buckets 1, erased 1") // l1
	wantVersions(t, b, "k "+k3+" *", "k "+kMarker+" -", "k "+k2, "l "+lMarker+" * -")
	on(105, "buckets 1, erased 2") // k2, and the delete marker of l, which hides nothing any more
	wantVersions(t, b, "k "+k3+" *", "k "+kMarker+" -")
	on(120, "buckets 1, expired 1") // k3; a delete marker moves nowhere
	second, _ := newest(t, b, "k")
	on(139, "buckets 1")
	on(140, "buckets 1, erased 1") // the first delete marker of k
	on(150, "buckets 1, transitioned 1")
	wantVersions(t, b, "k "+second+" * -", "k "+k3)
	on(180, "buckets 1, erased 1") // k3
	wantVersions(t, b, "k "+second+" * -")
	on(365, "buckets 1, erased 1") // the delete marker
	wantVersions(t, b)
	if err := s.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
	if r := checkClean(t, s); r.Blobs != 0 {
		t.Errorf("%d blobs are left; want none", r.Blobs)
	}
}

// TestLifecycleWithVersioningSuspended: what expires is the version null, which leaves nothing but its delete marker; older versions stay.
func TestLifecycleWithVersioningSuspended(t *testing.T) {
	s, b := newBucket(t)
	b = versioned(t, s, b, "ENABLED")
	first := putVersion(t, b, "k", "1")
	b = versioned(t, s, b, "SUSPENDED")
	put(t, b, "k", "2")
	put(t, b, "l", "3")
	setLifecycle(t, b, expire("", 5))
	pass(t, s, days(5), "buckets 1, expired 2")
	wantVersions(t, b, "k null * -", "k "+first, "l null * -")
	setLifecycle(t, b, eraseOlder("", 5))
	pass(t, s, days(5), "buckets 1, erased 1")
	wantVersions(t, b, "k null * -", "l null * -")
	checkClean(t, s)
}

// TestNullVersionIsErasedWithItsNote, and those that it is between stay what they are.
func TestNullVersionIsErasedWithItsNote(t *testing.T) {
	var c clock
	p := &patient{t: t, fs: vfs.NewMem()}
	s := p.open(store.Options{Now: c.now})
	defer p.close(s)
	b := versioned(t, s, makeBucket(t, s, "test-bucket"), "SUSPENDED")
	put(t, b, "k", "null")
	b = versioned(t, s, b, "ENABLED")
	next := putVersion(t, b, "k", "next")
	c.ahead.Store(int64(24 * time.Hour))
	last := putVersion(t, b, "k", "last")
	setLifecycle(t, b, eraseOlder("", 5))
	pass(t, s, time.Now().Add(5*24*time.Hour+time.Minute), "buckets 1, erased 1")
	wantVersions(t, b, "k "+last+" *", "k "+next)
	checkClean(t, s)
}

// TestPassErasesNothingThatItHasExpired, however late it says it is: what a dry run shows is what happens.
func TestPassErasesNothingThatItHasExpired(t *testing.T) {
	s, b := newBucket(t)
	b = versioned(t, s, b, "ENABLED")
	id := putVersion(t, b, "k", "1")
	setLifecycle(t, b, expire("", 1), eraseOlder("", 1))
	var dry job.Result
	if err := s.RunLifecycle(t.Context(), job.Task{AsOf: days(300), DryRun: true}, &dry); err != nil {
		t.Error(err)
	}
	wantCounts(t, &dry, "buckets 1, expired 1")
	pass(t, s, days(300), "buckets 1, expired 1")
	if err := s.RunLifecycle(t.Context(), job.Task{AsOf: days(300), DryRun: true}, &dry); err != nil {
		t.Error(err)
	}
	want := `erased test-bucket/"k", version ` + id + ", not current since "
	if len(dry.Notes) != 2 || !strings.HasPrefix(dry.Notes[1], want) {
		t.Errorf("the dry run notes %q; want %q", dry.Notes, want)
	}
	pass(t, s, days(300), "buckets 1, erased 1")
	pass(t, s, days(900), "buckets 1, erased 1")
	wantVersions(t, b)
}

// TestDeleteMarkersThatHideNothing go when they are as old as an object that expires; others stay.
func TestDeleteMarkersThatHideNothing(t *testing.T) {
	s, b := newBucket(t)
	b = versioned(t, s, b, "ENABLED")
	hidden := putVersion(t, b, "a/hides", "1")
	var markers []string
	for _, key := range []string{"a/hides", "a/lone", "b/lone"} {
		if _, err := b.DeleteObject(t.Context(), &op.DeleteObjectInput{Key: key}); err != nil {
			t.Fatal(err)
		}
		id, _ := newest(t, b, key)
		markers = append(markers, key+" "+id+" * -")
	}
	setLifecycle(t, b, expire("a/", 5), eraseOlder("b/", 1))
	pass(t, s, days(4), "buckets 1")
	r := pass(t, s, days(5), "buckets 1, erased 1")
	if want := `erased test-bucket/"a/lone", delete marker `; len(r.Notes) != 1 || !strings.HasPrefix(r.Notes[0], want) {
		t.Errorf("the pass notes %q; want %q", r.Notes, want)
	}
	wantVersions(t, b, markers[0], "a/hides "+hidden, markers[2])
	checkClean(t, s)
}

// TestDeleteMarkerThatIsCoveredMeanwhileStays as an older version.
func TestDeleteMarkerThatIsCoveredMeanwhileStays(t *testing.T) {
	s, i, _ := openInterrupted(t)
	b := versioned(t, s, makeBucket(t, s, "test-bucket"), "ENABLED")
	if _, err := b.DeleteObject(t.Context(), &op.DeleteObjectInput{Key: "k"}); err != nil {
		t.Fatal(err)
	}
	marker, _ := newest(t, b, "k")
	setLifecycle(t, b, expire("", 5))
	id := ""
	i.before(drops('v'), func() { id = putVersion(t, b, "k", "1") })
	pass(t, s, days(5), "buckets 1, expired 1") // what covers it: that is as old on that day
	top, _ := newest(t, b, "k")
	wantVersions(t, b, "k "+top+" * -", "k "+id, "k "+marker+" -")
	checkClean(t, s)
}

// TestOlderVersionThatBecomesCurrentMeanwhileStays, and so do those under it.
func TestOlderVersionThatBecomesCurrentMeanwhileStays(t *testing.T) {
	s, i, _ := openInterrupted(t)
	b := versioned(t, s, makeBucket(t, s, "test-bucket"), "ENABLED")
	first := putVersion(t, b, "k", "1")
	second := putVersion(t, b, "k", "2")
	third := putVersion(t, b, "k", "3")
	setLifecycle(t, b, eraseOlder("", 5))
	done := false
	i.before(drops('v'), func() {
		erase(t, b, third)
		done = true
	})
	pass(t, s, days(5), "buckets 1, erased 1")
	if !done {
		t.Error("nothing was erased meanwhile")
	}
	wantVersions(t, b, "k "+second+" *")
	wantObject(t, b, "k", "2")
	_, err := b.StatVersion(t.Context(), "k", first)
	wantCode(t, err, fault.ObjectNotExists)
	checkClean(t, s)
}

// TestLifecycleThatMeetsVersioning: what expires after versioning was enabled can be had back.
func TestLifecycleThatMeetsVersioning(t *testing.T) {
	s, i, _ := openInterrupted(t)
	b := makeBucket(t, s, "test-bucket")
	put(t, b, "k", "1")
	setLifecycle(t, b, expire("", 5))
	i.before(drops('o'), func() { b = versioned(t, s, b, "ENABLED") })
	pass(t, s, days(5), "buckets 1, expired 1")
	marker, _ := newest(t, b, "k")
	wantVersions(t, b, "k "+marker+" * -", "k null")
	checkClean(t, s)
}

// TestVersionThatCannotBeReadKeepsNoOtherFromItsTurn: neither as a row that is due, nor as one that is in the way of a delete marker.
func TestVersionThatCannotBeReadKeepsNoOtherFromItsTurn(t *testing.T) {
	p := &patient{t: t, fs: vfs.NewMem()}
	s := p.open(store.Options{})
	b := makeBucket(t, s, "test-bucket")
	for _, key := range []string{"a", "b", "c"} {
		put(t, b, key, "null")
	}
	b = versioned(t, s, b, "ENABLED")
	for _, key := range []string{"a", "b", "c"} {
		put(t, b, key, "new")
	}
	b = versioned(t, s, b, "SUSPENDED")
	setLifecycle(t, b, expire("", 5))
	p.close(s)
	p.engines()
	p.set(string(p.older("b")[0].Key), "nonsense")
	s = p.open(store.Options{})
	defer p.close(s)
	run := func(want string) {
		t.Helper()
		var r job.Result
		err := s.RunLifecycle(t.Context(), job.Task{AsOf: days(5)}, &r)
		if err == nil || !strings.Contains(err.Error(), "lifecycle of bucket test-bucket: row") {
			t.Errorf("pass = %v; want an error that names the bucket and the row", err)
		}
		wantCounts(t, &r, want)
	}
	run("buckets 1, expired 2")
	b = again(t, s)
	wantKeys(t, b, "b")
	setLifecycle(t, b, eraseOlder("", 5))
	run("buckets 1, erased 2")
	wantStates(t, s, b, "unchecked")
}

// TestLifecycleTakesManyVersions: more than a page and a change have, of a few keys.
func TestLifecycleTakesManyVersions(t *testing.T) {
	s, b := newBucket(t)
	b = versioned(t, s, b, "ENABLED")
	var want []string
	for _, key := range []string{"a", "b", "\x00", "\x00b"} {
		for n := range 401 {
			id := putVersion(t, b, key, fmt.Sprint(n))
			if n == 400 {
				want = append(want, key+" "+id+" *")
			} else if key == "b" {
				want = append(want, key+" "+id)
			}
		}
	}
	setLifecycle(t, b, eraseOlder("a", 5), eraseOlder("\x00", 6))
	pass(t, s, days(7), "buckets 1, erased 1200")
	got := versionsIn(t, b)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("versions are %q; want %q", got, want)
	}
	checkClean(t, s)
}
