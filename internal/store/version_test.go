package store_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
)

// versioned sets the state of versioning of a bucket and looks it up again.
func versioned(t *testing.T, s *store.Store, b *store.Bucket, state string) *store.Bucket {
	t.Helper()
	if _, err := b.PutBucketVersioning(t.Context(), &op.PutBucketVersioningInput{VersioningStatus: state}); err != nil {
		t.Fatal(err)
	}
	b, err := s.Bucket(t.Context(), b.Info().Name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// putVersion stores an object and returns the id of its version.
func putVersion(t *testing.T, b *store.Bucket, key, data string) string {
	t.Helper()
	out, err := b.PutObject(t.Context(), &op.PutObjectInput{Key: key, Body: strings.NewReader(data), ContentLength: int64(len(data))})
	if err != nil {
		t.Fatal(err)
	}
	return out.VersionID
}

// erase erases a version of k.
func erase(t *testing.T, b *store.Bucket, id string) {
	t.Helper()
	if _, err := b.DeleteObject(t.Context(), &op.DeleteObjectInput{Key: "k", VersionID: id}); err != nil {
		t.Fatal(err)
	}
}

// versionsIn lists the versions of a bucket in a short form: key, id, and * if it is current, - if it is a delete marker.
func versionsIn(t *testing.T, b *store.Bucket) []string {
	t.Helper()
	out, err := b.ListObjectVersions(t.Context(), &op.ListObjectVersionsInput{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, v := range out.Keys {
		e := v.Key + " " + v.VersionID
		if v.IsLatest {
			e += " *"
		}
		if v.DeleteMarker {
			e += " -"
		}
		list = append(list, e)
	}
	return list
}

func wantVersions(t *testing.T, b *store.Bucket, want ...string) {
	t.Helper()
	if got := versionsIn(t, b); !slices.Equal(got, want) {
		t.Errorf("versions are %q; want %q", got, want)
	}
}

func TestStatesOfVersioningThatAreRefused(t *testing.T) {
	_, b := newBucket(t)
	for _, state := range []string{"", "DISABLED", "enabled", "Suspended", "ENABLED "} {
		_, err := b.PutBucketVersioning(t.Context(), &op.PutBucketVersioningInput{VersioningStatus: state})
		wantCode(t, err, fault.InvalidRequest)
	}
	out, err := b.GetBucketVersioning(t.Context(), nil)
	if err != nil || out.VersioningStatus != "DISABLED" {
		t.Errorf("versioning is %+v, %v; want it disabled", out, err)
	}
}

// TestWritesThatMeetAChangeOfTheState: what was decided before versioning was enabled or suspended must not happen after it.
func TestWritesThatMeetAChangeOfTheState(t *testing.T) {
	for name, write := range map[string]func(t *testing.T, b *store.Bucket) string{
		"put": func(t *testing.T, b *store.Bucket) string { return putVersion(t, b, "k", "new") },
		"delete": func(t *testing.T, b *store.Bucket) string {
			out, err := b.DeleteObject(t.Context(), &op.DeleteObjectInput{Key: "k"})
			if err != nil {
				t.Fatal(err)
			}
			return out.VersionID
		},
		"move": func(t *testing.T, b *store.Bucket) string {
			put(t, b, "source", "new")
			o, err := b.Object(t.Context(), "source")
			if err != nil {
				t.Fatal(err)
			}
			defer o.Close()
			out, err := b.MoveObject(t.Context(), o, &op.MoveObjectInput{Key: "k"})
			if err != nil {
				t.Fatal(err)
			}
			return out.VersionID
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, i, _ := openInterrupted(t)
			b := makeBucket(t, s, "test-bucket")
			put(t, b, "k", "old")
			writes := func(c *meta.Change) bool {
				has := func(k []byte) bool { return k[0] == 'o' && k[9] == 'k' || k[0] == 'v' && k[9] == 'k' }
				return slices.ContainsFunc(c.Sets, func(kv meta.KV) bool { return has(kv.Key) }) || slices.ContainsFunc(c.Drops, has)
			}
			i.before(writes, func() { versioned(t, s, b, "ENABLED") })
			if id := write(t, b); id == "" || id == "null" {
				t.Errorf("the version is called %q; want an id", id)
			}
			b, err := s.Bucket(t.Context(), "test-bucket")
			if err != nil {
				t.Fatal(err)
			}
			o, err := b.Version(t.Context(), "k", "null")
			if err != nil {
				t.Fatalf("what was there before is lost: %v", err)
			}
			o.Close()

			i.before(writes, func() { versioned(t, s, b, "SUSPENDED") })
			if id := write(t, b); id != "null" {
				t.Errorf("suspended, the version is called %q; want null", id)
			}
			checkClean(t, s)
		})
	}
}

// TestWritesUnderOneKeyAtOnce: of two writes of which each is decided without knowledge of the other, the second one decides again.
func TestWritesUnderOneKeyAtOnce(t *testing.T) {
	remove := func(t *testing.T, b *store.Bucket) {
		if _, err := b.DeleteObject(t.Context(), &op.DeleteObjectInput{Key: "k"}); err != nil {
			t.Fatal(err)
		}
	}
	next := func(*meta.Change) bool { return true }
	t.Run("a marker on nothing", func(t *testing.T) {
		s, i, _ := openInterrupted(t)
		b := versioned(t, s, makeBucket(t, s, "test-bucket"), "ENABLED")
		i.before(next, func() { remove(t, b) })
		id := putVersion(t, b, "k", "x") // its number was drawn before that of the marker
		list := versionsIn(t, b)
		if len(list) != 2 || list[0] != "k "+id+" *" || !strings.HasSuffix(list[1], " -") {
			t.Errorf("versions are %q; want the object above the marker", list)
		}
		erase(t, b, id)
		if list := versionsIn(t, b); len(list) != 1 || !strings.HasSuffix(list[0], " * -") {
			t.Errorf("versions are %q; want the marker", list)
		}
		checkClean(t, s)
	})
	t.Run("a marker on a marker that is erased", func(t *testing.T) {
		s, i, _ := openInterrupted(t)
		b := versioned(t, s, makeBucket(t, s, "test-bucket"), "ENABLED")
		id := putVersion(t, b, "k", "x")
		remove(t, b)
		_, err := b.Object(t.Context(), "k")
		marker, ok := errors.AsType[*store.MarkerError](err)
		if !ok {
			t.Fatal(err)
		}
		i.before(next, func() { remove(t, b) })
		erase(t, b, marker.VersionID) // which was current when it was looked up
		list := versionsIn(t, b)
		if len(list) != 2 || !strings.HasSuffix(list[0], " * -") || list[1] != "k "+id {
			t.Errorf("versions are %q; want the second marker above the object", list)
		}
		checkClean(t, s)
	})
	t.Run("what is to become current is erased", func(t *testing.T) {
		s, i, _ := openInterrupted(t)
		b := versioned(t, s, makeBucket(t, s, "test-bucket"), "ENABLED")
		first, second, third := putVersion(t, b, "k", "1"), putVersion(t, b, "k", "2"), putVersion(t, b, "k", "3")
		i.before(next, func() { erase(t, b, second) })
		erase(t, b, third)
		wantVersions(t, b, "k "+first+" *")
		wantObject(t, b, "k", "1")
		checkClean(t, s)
	})
	t.Run("what becomes an older version is erased", func(t *testing.T) {
		s, i, _ := openInterrupted(t)
		b := versioned(t, s, makeBucket(t, s, "test-bucket"), "ENABLED")
		first := putVersion(t, b, "k", "1")
		var second string
		i.before(next, func() { second = putVersion(t, b, "k", "2") })
		erase(t, b, first)
		wantVersions(t, b, "k "+second+" *")
		checkClean(t, s)
	})
}

// TestManyWritersOfOneKey: every version that was acknowledged is there, in the order of its id, and one is current.
func TestManyWritersOfOneKey(t *testing.T) {
	s, b := newBucket(t)
	b = versioned(t, s, b, "ENABLED")
	const writers, writes = 8, 25
	var all sync.WaitGroup
	var mu sync.Mutex
	var told []string
	for n := range writers {
		all.Go(func() {
			for i := range writes {
				var id string
				if (n+i)%5 == 0 {
					out, err := b.DeleteObject(t.Context(), &op.DeleteObjectInput{Key: "k"})
					if err != nil {
						t.Error(err)
						return
					}
					id = out.VersionID + " -"
				} else {
					out, err := b.PutObject(t.Context(), &op.PutObjectInput{Key: "k", Body: strings.NewReader(fmt.Sprint(n, i)), ContentLength: -1})
					if err != nil {
						t.Error(err)
						return
					}
					id = out.VersionID
				}
				mu.Lock()
				told = append(told, "k "+id)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	list := versionsIn(t, b)
	if len(list) != writers*writes || strings.Count(strings.Join(list, ""), "*") != 1 || !strings.Contains(list[0], " *") {
		t.Fatalf("there are %d versions, the first is %q; want %d, and that one current", len(list), list[0], writers*writes)
	}
	list[0] = strings.Replace(list[0], " *", "", 1)
	slices.Sort(told)
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	if !slices.Equal(sorted, told) {
		t.Errorf("versions are %q; want %q", sorted, told)
	}
}

// TestListingGoesOnWhereItWas: a page begins where the last one ended, also if the versions there are others by now.
func TestListingGoesOnWhereItWas(t *testing.T) {
	s, b := newBucket(t)
	b = versioned(t, s, b, "ENABLED")
	first, second, third := putVersion(t, b, "k", "1"), putVersion(t, b, "k", "2"), putVersion(t, b, "k", "3")
	last := putVersion(t, b, "l", "4")
	page := func(marker string) (ids []string) {
		out, err := b.ListObjectVersions(t.Context(), &op.ListObjectVersionsInput{KeyMarker: "k", VersionIDMarker: marker})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range out.Keys {
			ids = append(ids, v.VersionID)
		}
		return ids
	}
	erase(t, b, third) // makes the second one current
	if got, want := page(third), []string{second, first, last}; !slices.Equal(got, want) {
		t.Errorf("behind what was erased are %q; want %q", got, want)
	}
	if got, want := page("null"), []string{second, first, last}; !slices.Equal(got, want) {
		t.Errorf("behind what is not there are %q; want all, %q", got, want)
	}
	if got, want := page(""), []string{last}; !slices.Equal(got, want) {
		t.Errorf("without a version %q are listed; want %q", got, want)
	}
	for _, marker := range []string{"nonsense", third + "=", "AAAA"} {
		_, err := b.ListObjectVersions(t.Context(), &op.ListObjectVersionsInput{KeyMarker: "k", VersionIDMarker: marker})
		wantCode(t, err, fault.InvalidArgument)
	}
}

func TestMoveTakesNoOlderVersion(t *testing.T) {
	s, b := newBucket(t)
	b = versioned(t, s, b, "ENABLED")
	first := putVersion(t, b, "k", "1")
	putVersion(t, b, "k", "2")
	o, err := b.Version(t.Context(), "k", first)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	_, err = b.MoveObject(t.Context(), o, &op.MoveObjectInput{Key: "l"})
	wantCode(t, err, fault.InvalidArgument)
}

// TestMoveBetweenBucketsOfDifferentStates: nothing stays behind in a bucket without versioning, and a version in one with it.
func TestMoveBetweenBucketsOfDifferentStates(t *testing.T) {
	s, plain := newBucket(t)
	other := versioned(t, s, makeBucket(t, s, "other-bucket"), "ENABLED")
	move := func(from, to *store.Bucket) {
		t.Helper()
		o, err := from.Object(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		if _, err := to.MoveObject(t.Context(), o, &op.MoveObjectInput{Key: "k"}); err != nil {
			t.Fatal(err)
		}
	}
	for _, data := range []string{"small", string(noise(70_000, 1))} {
		put(t, plain, "k", data)
		move(plain, other)
		wantVersions(t, plain)
		wantObject(t, other, "k", data)
		move(other, plain)
		wantVersions(t, plain, "k null *")
		wantObject(t, plain, "k", data)
		if _, err := plain.DeleteObject(t.Context(), &op.DeleteObjectInput{Key: "k"}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(versionsIn(t, other)); n != 4 {
		t.Errorf("the other bucket has %d versions; want 2 objects and 2 delete markers", n)
	}
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// newHistory returns a closed store that has old-bucket with versions, beside what every patient has.
func newHistory(t *testing.T) *patient {
	t.Helper()
	p := newPatient(t)
	s := p.open(store.Options{})
	b := makeBucket(t, s, "old-bucket")
	put(t, b, "k", "zero")
	b = versioned(t, s, b, "ENABLED")
	put(t, b, "k", string(noise(20_000, 1)))
	put(t, b, "k", string(noise(20_000, 2)))
	put(t, b, "m", "hidden")
	if _, err := b.DeleteObject(t.Context(), &op.DeleteObjectInput{Key: "m"}); err != nil {
		t.Fatal(err)
	}
	put(t, b, "n", "first")
	b = versioned(t, s, b, "SUSPENDED")
	put(t, b, "n", "second")
	b = versioned(t, s, b, "ENABLED")
	put(t, b, "n", "third")
	p.close(s)
	return p
}

// older returns the rows of older versions of a key, the newest first.
func (p *patient) older(key string) []meta.KV {
	p.t.Helper()
	var list []meta.KV
	for _, r := range p.rows("v") {
		if string(r.Key[9:len(r.Key)-8]) == key+"\x00\x00" {
			list = append(list, r)
		}
	}
	return list
}

// historic are ailments of versions.
var historic = map[string]ailment{
	"note of null is gone": {
		harm:     func(p *patient) { p.drop(p.older("n")[2].Key) },
		problem:  "nothing notes that it is called null",
		repaired: []string{`noted which version of old-bucket/"n" is called null`},
	},
	"note about nothing": {
		harm: func(p *patient) {
			k := p.older("m")[0].Key
			p.set(string(k[:len(k)-8])+strings.Repeat("\xff", 8), "\x01\x16\x05")
		},
		problem:  "the version 5 that it notes is not called null",
		repaired: []string{`dropped a note about version 5 of old-bucket/"m"`},
	},
	"delete marker is gone": {
		harm:     func(p *patient) { p.drop(p.older("m")[0].Key) },
		problem:  "no version of the key is current",
		repaired: []string{`made the newest version of old-bucket/"m" current`, "counter "},
	},
	"current version is gone": {
		harm:     func(p *patient) { p.drop(p.object("n").Key) },
		problem:  "no version of the key is current",
		repaired: []string{`made the newest version of old-bucket/"n" current`},
	},
	"delete marker and object": {
		harm: func(p *patient) {
			k := p.older("m")[0].Key
			p.set("o"+string(k[1:9])+"m", "\x01")
		},
		problem:  "a delete marker is current, and an object, too",
		repaired: []string{"counter "},
		left:     "a delete marker is current, and an object, too",
	},
	"version in another's place": {
		harm: func(p *patient) {
			r := p.older("k")[0]
			at := r.Key[len(r.Key)-8:]
			p.drop(r.Key)
			p.set(string(r.Key[:len(r.Key)-8])+string(binary.BigEndian.AppendUint64(nil, binary.BigEndian.Uint64(at)+1)), string(r.Val))
		},
		problem: "has the number ",
		left:    "has the number ",
	},
	"version that is newer than what is current": {
		harm: func(p *patient) {
			r := p.older("k")[0]
			p.set(string(r.Key[:len(r.Key)-8])+"\x00\x00\x00\x00\x00\x00\x00\x05", "\x01\x16\xfa\xff\xff\xff\xff\xff\xff\xff\xff\x01")
		},
		problem:  "and what is current ",
		repaired: []string{"counter "},
		left:     "and what is current ",
	},
	"two versions called null": {
		harm: func(p *patient) {
			r := p.object("k")
			p.set(string(r.Key), strings.Replace(string(r.Val), ")\x18application/", "\x18\x01)\x18application/", 1))
		},
		problem: "is called null, and what is current, too",
		left:    "is called null, and what is current, too",
	},
	"version of no bucket": {
		harm:     func(p *patient) { p.set("v"+strings.Repeat("\xee", 8)+"k\x00\x00"+strings.Repeat("\x11", 8), "\x01") },
		problem:  "which does not exist",
		repaired: []string{"counter "},
		left:     "which does not exist",
	},
	"data row of an older version is gone": {
		harm: func(p *patient) {
			p.drop([]byte("d" + refOf(p.older("n")[1])))
		},
		problem: `of object old-bucket/"n": its data row is missing`,
		left:    `of object old-bucket/"n": its data row is missing`,
	},
	"state in the live row": {
		harm: func(p *patient) {
			for _, r := range p.rows("i") {
				if strings.HasPrefix(string(r.Val), "old-bucket") {
					p.set(string(r.Key), "old-bucket")
				}
			}
		},
		problem:  "bucket row and live row do not agree",
		repaired: []string{"made the live row of bucket old-bucket agree"},
	},
	"bad keys of versions": {
		harm: func(p *patient) {
			p.set("vk", "")
			p.set("v"+strings.Repeat("\x01", 30), "\x01")
		},
		problem: `row "vk": version row key "vk": too short`,
		left:    "no end of the object key",
	},
}

func TestRepairOfVersions(t *testing.T) {
	for name, a := range historic {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a.test(newHistory(t))
		})
	}
}

// TestDamagedVersionsAreNamed: a version that has lost bytes is named by fsck, by the scrub and by who reads it.
func TestDamagedVersionsAreNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &patient{t: t, fs: vfs.NewMem()}
		s := p.open(store.Options{})
		b := versioned(t, s, makeBucket(t, s, "test-bucket"), "ENABLED")
		id := putVersion(t, b, "k", string(noise(70_000, 1)))
		put(t, b, "k", "new")
		p.close(s)
		flip(t, p.fs, "blobs")
		log := &journal{}
		s = p.open(store.Options{ScrubRate: 100 << 20, Logger: log.logger()})
		defer p.close(s)
		time.Sleep(2 * time.Minute)
		if lines := log.lines("scrub: object is damaged"); len(lines) != 1 || !strings.Contains(lines[0], "version="+id) {
			t.Errorf("the scrub has told %q; want it to name version %s", lines, id)
		}
		if r := check(t, s); !slices.Equal(r.Damaged, []store.Lost{{Bucket: "test-bucket", Key: "k", Version: id}}) {
			t.Errorf("fsck finds %+v; want it to name version %s", r, id)
		}
		b, err := s.Bucket(t.Context(), "test-bucket")
		if err != nil {
			t.Fatal(err)
		}
		wantObject(t, b, "k", "new")
		o, err := b.Version(t.Context(), "k", id)
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		r, err := o.Open(t.Context(), 0, 70_000)
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = r.Read(make([]byte, 4096))
		}
		if !strings.Contains(err.Error(), "version "+id+" of object test-bucket/\"k\"") {
			t.Errorf("a read of it fails with %v; want it to name the version", err)
		}
		_ = r.Close() // it has failed
	})
}

// TestOlderVersionsAreNotSwept: what an older version needs is no garbage, after a restart, too.
func TestOlderVersionsAreNotSwept(t *testing.T) {
	p := &patient{t: t, fs: vfs.NewMem()}
	s := p.open(store.Options{})
	b := versioned(t, s, makeBucket(t, s, "test-bucket"), "ENABLED")
	want := make(map[string]string)
	for n := range 3 {
		data := string(noise(20_000+n, uint64(n)))
		want[putVersion(t, b, "k", data)] = data
	}
	for range 2 {
		if err := s.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkClean(t, s)
		p.close(s)
		s = p.open(store.Options{})
	}
	defer p.close(s)
	b, err := s.Bucket(t.Context(), "test-bucket")
	if err != nil {
		t.Fatal(err)
	}
	for id, data := range want {
		o, err := b.Version(t.Context(), "k", id)
		if err != nil {
			t.Fatal(err)
		}
		if o.Info().Size != int64(len(data)) {
			t.Errorf("version %s has %d bytes; want %d", id, o.Info().Size, len(data))
		}
		o.Close()
		erase(t, b, id)
	}
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := countBlobs(t, p.fs); n != 0 {
		t.Errorf("%d blobs are left when all versions are erased; want none", n)
	}
}

// TestVersionsAreInOrderWhenNumbersComeRound: an old version must not look new, nor a new one old.
func TestVersionsAreInOrderWhenNumbersComeRound(t *testing.T) {
	s, b := newBucket(t)
	b = versioned(t, s, b, "ENABLED")
	store.SetSequence(s, 1<<40-7)
	var want []string
	for n := range 6 {
		want = append([]string{"k " + putVersion(t, b, "k", fmt.Sprint(n))}, want...)
	}
	want[0] += " *"
	wantVersions(t, b, want...)
}

// A meter counts what is read of an engine, and what is changed.
type meter struct {
	meta.Engine
	gets, walks, changed int
}

func (m *meter) Snapshot(ctx context.Context) (meta.Snapshot, error) {
	s, err := m.Engine.Snapshot(ctx)
	return &meteredSnapshot{s, m}, err
}

func (m *meter) Apply(ctx context.Context, c *meta.Change) error {
	m.changed += len(c.Sets) + len(c.Drops)
	return m.Engine.Apply(ctx, c)
}

type meteredSnapshot struct {
	meta.Snapshot
	m *meter
}

func (s *meteredSnapshot) Get(k []byte) (meta.Row, bool, error) {
	s.m.gets++
	return s.Snapshot.Get(k)
}

func (s *meteredSnapshot) Walk(lo, hi []byte, visit func(meta.Row) ([]byte, bool)) error {
	s.m.walks++
	return s.Snapshot.Walk(lo, hi, visit)
}

// TestVersioningCostsNothingWhereItIsNot holds the rows that are read and changed to those that the objects themselves need.
func TestVersioningCostsNothingWhereItIsNot(t *testing.T) {
	p := &patient{t: t, fs: vfs.NewMem()}
	p.engines()
	m := &meter{Engine: p.meta}
	s, err := store.Open(t.Context(), store.Options{Meta: m, Blobs: p.blobs, Still: true})
	if err != nil {
		t.Fatal(err)
	}
	defer p.close(s)
	b := makeBucket(t, s, "test-bucket")
	put(t, b, "old", "x")
	for name, test := range map[string]struct {
		do            func()
		gets, changed int
	}{
		"put":     {func() { put(t, b, "new", "x") }, 2, 2},                                     // live and object; object and data
		"replace": {func() { put(t, b, "old", "y") }, 2, 3},                                     // and the old data goes
		"get":     {func() { _, _ = get(t, b, "old") }, 2, 0},                                   // object and data
		"missing": {func() { _, _ = get(t, b, "none") }, 1, 0},                                  // object
		"delete":  {func() { _, _ = b.DeleteObject(t.Context(), none()) }, 2, 0},                // live and object
		"head":    {func() { _, _ = b.Stat(t.Context(), "old") }, 1, 0},                         // object
		"list":    {func() { _, _ = b.ListObjects(t.Context(), &op.ListObjectsInput{}) }, 1, 0}, // the owner's name
	} {
		*m = meter{Engine: m.Engine}
		test.do()
		walks := 0
		if name == "list" {
			walks = 1
		}
		if m.gets != test.gets || m.changed != test.changed || m.walks != walks {
			t.Errorf("%s reads %d rows, walks %d times and changes %d rows; want %d, %d and %d", name, m.gets, m.walks, m.changed, test.gets, walks, test.changed)
		}
	}
}

func none() *op.DeleteObjectInput { return &op.DeleteObjectInput{Key: "none"} }

// TestListingGoesOnBehindADamagedVersion: a row that says another number than its place must not hold a listing for ever, neither in one page
// nor from page to page.
func TestListingGoesOnBehindADamagedVersion(t *testing.T) {
	p := newHistory(t)
	p.engines()
	r := p.older("k")[0]
	prefix, age := string(r.Key[:len(r.Key)-8]), binary.BigEndian.Uint64(r.Key[len(r.Key)-8:])
	p.drop(r.Key)
	p.set(prefix+string(binary.BigEndian.AppendUint64(nil, age+1)), string(r.Val))
	s := p.open(store.Options{Still: true})
	defer p.close(s)
	b, err := s.Bucket(t.Context(), "old-bucket")
	if err != nil {
		t.Fatal(err)
	}
	in := &op.ListObjectVersionsInput{Prefix: "k", Limit: 1}
	for n := 1; ; n++ {
		out, err := b.ListObjectVersions(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if !out.HasMore {
			if n != 3 {
				t.Errorf("there are %d pages of one version; want 3", n)
			}
			return
		}
		if n == 3 {
			t.Fatal("there is always a page more")
		}
		in.KeyMarker, in.VersionIDMarker = out.NextKeyMarker, out.NextVersionIDMarker
	}
}

// TestMoveThatMeetsAChangeOfTheStateOfItsSource: what is left behind follows the state at the moment of the move.
func TestMoveThatMeetsAChangeOfTheStateOfItsSource(t *testing.T) {
	s, i, _ := openInterrupted(t)
	from := versioned(t, s, makeBucket(t, s, "from-bucket"), "ENABLED")
	to := makeBucket(t, s, "to-bucket")
	id := putVersion(t, from, "k", "x")
	o, err := from.Object(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	i.before(func(*meta.Change) bool { return true }, func() { versioned(t, s, from, "SUSPENDED") })
	if _, err := to.MoveObject(t.Context(), o, &op.MoveObjectInput{Key: "k"}); err != nil {
		t.Fatal(err)
	}
	wantVersions(t, from, "k null * -", "k "+id)
	checkClean(t, s)
}

func TestFetchTellsItsVersion(t *testing.T) {
	s, b := newBucket(t)
	b = versioned(t, s, b, "ENABLED")
	out, err := b.FetchObject(t.Context(), &op.FetchObjectInput{Key: "k"}, origin("x", nil))
	if err != nil {
		t.Fatal(err)
	}
	wantVersions(t, b, "k "+out.VersionID+" *")
}

// TestCopyOfAsManyAppendsAsThereMayBe: what could be appended to must not become too much for the one change of a copy, nor of a
// move in a bucket with versioning.
func TestCopyOfAsManyAppendsAsThereMayBe(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	s, b := newBucket(t)
	b = versioned(t, s, b, "SUSPENDED")
	var err error
	n := int64(-1)
	for ; err == nil; n++ {
		_, err = b.AppendObject(t.Context(), &op.AppendObjectInput{Key: "k", Position: n + 1, Body: strings.NewReader("x"), ContentLength: 1})
	}
	wantCode(t, err, fault.InvalidObjectState)
	o := object(t, b, "k")
	if o.Info().Size != n || n < 65_000 {
		t.Errorf("%d of %d appends are there; want all, and at least 65000", o.Info().Size, n)
	}
	putVersion(t, b, "copy", "is replaced")
	putVersion(t, b, "move", "is replaced")
	if _, err := b.CopyObject(t.Context(), o, &op.CopyObjectInput{Key: "copy"}); err != nil {
		t.Errorf("copy: %v", err)
	}
	if _, err := b.MoveObject(t.Context(), o, &op.MoveObjectInput{Key: "move"}); err != nil {
		t.Errorf("move: %v", err)
	}
}
