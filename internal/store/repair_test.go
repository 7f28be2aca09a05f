package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/blob/packblob"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/meta/pebblemeta"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/store/storetest"
	"github.com/oisproject/ois/internal/vfs"
)

// A patient is a store that can be damaged: its engines are at hand while it is closed.
type patient struct {
	t     *testing.T
	fs    vfs.FS
	meta  *pebblemeta.Engine
	blobs *packblob.Engine
}

// engines opens the engines of the store.
func (p *patient) engines() {
	p.t.Helper()
	p.meta, p.blobs = storetest.Engines(p.t, p.fs)
}

// reopen ends what the engines know of each other.
func (p *patient) reopen() {
	p.t.Helper()
	if err := errors.Join(p.meta.Close(), p.blobs.Close()); err != nil {
		p.t.Fatal(err)
	}
	p.engines()
}

// open opens the store, whose engines may be open already.
func (p *patient) open(o store.Options) *store.Store {
	p.t.Helper()
	if p.meta == nil {
		p.engines()
	}
	o.Meta, o.Blobs = p.meta, p.blobs
	s, err := store.Open(p.t.Context(), o)
	if err != nil {
		p.t.Fatal(err)
	}
	p.meta = nil
	return s
}

func (p *patient) close(s *store.Store) {
	p.t.Helper()
	if err := s.Close(); err != nil {
		p.t.Fatal(err)
	}
}

// wholesome is what the objects of a patient hold.
var wholesome = map[string]string{
	"small":  "a small object",
	"empty":  "",
	"middle": strings.Repeat("0123456789", 7_000),
	"copy":   strings.Repeat("0123456789", 7_000),
	"log":    "first line\nsecond line\nthird line\n",
}

// newPatient returns a closed store with something of everything.
func newPatient(t *testing.T) *patient {
	t.Helper()
	p := &patient{t: t, fs: vfs.NewMem()}
	s := p.open(store.Options{})
	b := makeBucket(t, s, "test-bucket")
	makeBucket(t, s, "empty-bucket")
	for _, key := range []string{"small", "empty", "middle"} {
		put(t, b, key, wholesome[key])
	}
	o, err := b.Object(t.Context(), "middle")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.CopyObject(t.Context(), o, &op.CopyObjectInput{Key: "copy"}); err != nil {
		t.Fatal(err)
	}
	o.Close()
	at := int64(0)
	for line := range strings.Lines(wholesome["log"]) {
		in := &op.AppendObjectInput{Key: "log", Position: at, Body: strings.NewReader(line), ContentLength: int64(len(line))}
		if _, err := b.AppendObject(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		at += int64(len(line))
	}
	id := initiate(t, b, "unfinished")
	upload(t, b, "unfinished", id, 1, []byte("part one"))
	upload(t, b, "unfinished", id, 2, []byte("part two"))
	u, err := s.CreateUser(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateKey(t.Context(), u.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.close(s)
	return p
}

// rows returns the rows whose keys begin with a prefix.
func (p *patient) rows(prefix string) []meta.KV {
	p.t.Helper()
	snap, err := p.meta.Snapshot(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	defer snap.Close()
	var list []meta.KV
	err = snap.Walk([]byte(prefix), append([]byte(prefix), 0xff, 0xff), func(r meta.Row) ([]byte, bool) {
		list = append(list, meta.KV{Key: bytes.Clone(r.Key), Val: bytes.Clone(r.Val)})
		return nil, false
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return list
}

// object returns the row of an object.
func (p *patient) object(key string) meta.KV {
	p.t.Helper()
	for _, r := range p.rows("o") {
		if string(r.Key[9:]) == key {
			return r
		}
	}
	p.t.Fatalf("there is no object %q", key)
	return meta.KV{}
}

// refOf returns the ref in the row of an object, which is its first field.
func refOf(r meta.KV) string { return string(r.Val[3 : 3+16]) }

func (p *patient) set(key, val string) {
	p.change(meta.Change{Sets: []meta.KV{{Key: []byte(key), Val: []byte(val)}}})
}

func (p *patient) drop(keys ...[]byte) { p.change(meta.Change{Drops: keys}) }

func (p *patient) change(c meta.Change) {
	p.t.Helper()
	if err := p.meta.Apply(p.t.Context(), &c); err != nil {
		p.t.Fatal(err)
	}
}

// An ailment is a way in which rows may be wrong.
type ailment struct {
	harm     func(p *patient)
	problem  string   // one that is found
	repaired []string // what is done about it
	left     string   // the problem that stays; empty if the store is whole again
	lost     []string // objects that are not as they were
}

var ailments = map[string]ailment{
	"reference is missing": {
		harm:     func(p *patient) { p.drop(p.rows("r")[0].Key) },
		problem:  `: its reference to blob `,
		repaired: []string{`added the reference of object test-bucket/"`},
	},
	"reference of a part is missing": {
		harm: func(p *patient) {
			refs := p.rows("r")
			p.drop(refs[len(refs)-1].Key, refs[len(refs)-3].Key)
		},
		problem:  `part 2 of upload `,
		repaired: []string{`added the reference of part 2 of object test-bucket/"log"`, "added the reference of part 2 of upload "},
	},
	"reference is too much": {
		harm: func(p *patient) {
			k := p.rows("r")[0].Key
			p.set(string(k[:13])+strings.Repeat("z", 16), "")
		},
		problem:  "nothing needs this reference",
		repaired: []string{"dropped row \"r"},
	},
	"row of an object is gone": {
		harm:     func(p *patient) { p.drop(p.object("middle").Key, p.object("copy").Key, p.object("small").Key) },
		problem:  "nothing needs this reference",
		repaired: []string{`dropped row "r`, `dropped row "d`, "counter ", "removed 73728 bytes of epoch 1 that had no name"},
		lost:     []string{"middle", "copy", "small"},
	},
	"row of an upload is gone": {
		harm:     func(p *patient) { p.drop(p.rows("u")[0].Key) },
		problem:  "belongs to no upload and no object",
		repaired: []string{`dropped row "p`, `dropped row "r`, "bytes of epoch 1 that had no name"},
	},
	"data row of nobody": {
		harm:     func(p *patient) { p.set("d"+strings.Repeat("z", 16), "bytes") },
		problem:  "belongs to no object",
		repaired: []string{`dropped row "dzzzzzzzzzzzzzzzz"`},
	},
	"counter is wrong": {
		harm: func(p *patient) {
			var c meta.Change
			for _, r := range p.rows("c") {
				c.Adds = append(c.Adds, meta.Delta{Key: r.Key, N: 7})
			}
			p.change(c)
		},
		problem:  "counter says 12, want 5",
		repaired: []string{"says 5 again, not 12", "says 140048 again, not 140055"},
	},
	"counter is missing": {
		harm:     func(p *patient) { p.drop(p.rows("c")[0].Key) },
		problem:  "is missing, want 5",
		repaired: []string{"says 5 again, not 0"},
	},
	"counter of no bucket": {
		harm: func(p *patient) {
			p.change(meta.Change{Adds: []meta.Delta{{Key: append(binary.BigEndian.AppendUint64([]byte("c"), 99), 0, 'n'), N: 3}}})
		},
		problem:  "counter says 3, want 0",
		repaired: []string{"says 0 again, not 3"},
	},
	"garbage that is alive": {
		harm: func(p *patient) {
			p.set("g"+strings.Repeat("\x00", 8)+refOf(p.object("middle")), "\x01")
			p.set("g"+strings.Repeat("\x00", 8)+refOf(p.object("log")), "\x01\x0e\x01") // its part rows are to go
		},
		problem:  "gives back what is alive",
		repaired: []string{"dropped the garbage row of ref "},
	},
	"live row is gone": {
		harm:     func(p *patient) { p.drop(p.rows("i")[0].Key) },
		problem:  "bucket row and live row do not agree",
		repaired: []string{"made the live row of bucket test-bucket agree"},
	},
	"live row names another bucket": {
		harm:     func(p *patient) { p.set(string(p.rows("i")[1].Key), "test-bucket") },
		problem:  "bucket row and live row do not agree",
		repaired: []string{"made the live row of bucket empty-bucket agree"},
	},
	"live row of a bucket that is being deleted": {
		harm: func(p *patient) {
			r := p.rows("bempty-bucket")[0]
			p.set(string(r.Key), string(r.Val)+"\x0a\x01")
		},
		problem:  "bucket row and live row do not agree",
		repaired: []string{"made the live row of bucket empty-bucket agree"},
	},
	"live row of no bucket": {
		harm:     func(p *patient) { p.drop(p.rows("bempty-bucket")[0].Key) },
		problem:  "which does not exist",
		repaired: []string{"dropped the live row of bucket number "},
	},
	"setting of no bucket": {
		harm:     func(p *patient) { p.set("m"+strings.Repeat("\xee", 8)+"\x02", `{}`) },
		problem:  "which does not exist",
		repaired: []string{"dropped a setting of bucket number "},
	},
	"setting that the bucket has not": {
		harm: func(p *patient) {
			p.set("m"+string(p.rows("i")[0].Key[1:])+"\x02", `{}`)
		},
		problem:  "has no policy",
		repaired: []string{"dropped the policy of bucket "},
	},
	"setting that is lost": {
		harm: func(p *patient) {
			r := p.rows("bempty-bucket")[0]
			p.set(string(r.Key), string(r.Val)+"\x0e\x04")
		},
		problem:  "the policy is missing",
		repaired: []string{"noted that settings of bucket empty-bucket are lost"},
	},
	"lifecycle that is none": {
		harm: func(p *patient) {
			r := p.rows("bempty-bucket")[0]
			p.set(string(r.Key), string(r.Val)+"\x0e\x40")
			p.set("m"+string(p.rows("i")[1].Key[1:])+"\x06", `{"rule":[{"id":"x","status":"on"}]}`)
		},
		problem: `status "on" is unknown`,
		left:    `status "on" is unknown`,
	},
	"logging setting that is none": {
		harm: func(p *patient) {
			r := p.rows("bempty-bucket")[0]
			p.set(string(r.Key), string(r.Val)+"\x0e\x10")
			p.set("m"+string(p.rows("i")[1].Key[1:])+"\x04", `{"target_bucket":5}`)
		},
		problem: "cannot unmarshal number",
		left:    "cannot unmarshal number",
	},
	"last run of a job": {
		harm:     func(p *patient) { p.set("jlifecycle", "\x01\x7f") },
		problem:  `row "jlifecycle": job row: `,
		repaired: []string{`dropped the last run of job "lifecycle"`},
	},
	"key of no user": {
		harm: func(p *patient) {
			for _, r := range p.rows("w") {
				if bytes.Contains(r.Val, []byte("alice")) {
					p.drop(r.Key)
				}
			}
		},
		problem:  "who does not exist",
		repaired: []string{"dropped the access key "},
	},
	"bytes without a name": {
		harm: func(p *patient) {
			id, _, err := p.blobs.Put(p.t.Context(), 1, 9000, blob.Read(strings.NewReader(strings.Repeat("x", 9000))))
			if err != nil {
				p.t.Fatal(err)
			}
			p.blobs.Settle(id)
			p.reopen()
		},
		repaired: []string{"bytes of epoch 1 that had no name"},
	},
	"row of a bucket is gone": {
		harm:    func(p *patient) { p.drop(p.rows("btest-bucket")[0].Key) },
		problem: "which does not exist",
		left:    "belongs to bucket number ",
		lost:    slices.Collect(maps.Keys(wholesome)),
	},
	"row of an object that cannot be read": {
		harm: func(p *patient) {
			p.set(string(p.object("middle").Key), "nonsense")
			p.set("d"+strings.Repeat("z", 16), "whose?")
		},
		problem: "object row: record version 110, want 1",
		left:    "2 rows seem to belong to nothing; they may belong to those that cannot be read",
		lost:    []string{"middle"},
	},
	"row of a kind that is not known": {
		harm:    func(p *patient) { p.set("zzz", "") },
		problem: `row "zzz": rows of this kind are not known`,
		left:    "are not known",
	},
	"data row is gone": {
		harm:    func(p *patient) { p.drop(p.rows("d")[0].Key) },
		problem: `object test-bucket/"small": its data row is missing`,
		left:    "its data row is missing",
		lost:    []string{"small"},
	},
	"data row is too short": {
		harm:    func(p *patient) { p.set(string(p.rows("d")[0].Key), "a small objec") },
		problem: `object test-bucket/"small": its data row has 13 bytes, want 14`,
		left:    "has 13 bytes, want 14",
		lost:    []string{"small"},
	},
	"data row is another": {
		harm:    func(p *patient) { p.set(string(p.rows("d")[0].Key), "a small objecT") },
		problem: `object test-bucket/"small": the bytes in its data row are not those of its ETag`,
		left:    "not those of its ETag",
		lost:    []string{"small"},
	},
	"two objects of one ref": {
		harm: func(p *patient) {
			r := p.object("small")
			p.set(string(r.Key)+"-too", string(r.Val))
		},
		problem:  `object test-bucket/"small-too": another row has the ref `,
		left:     `object test-bucket/"small": another row has the ref `,
		repaired: []string{"says 6 again, not 5"},
	},
	"part row is gone": {
		harm:     func(p *patient) { p.drop(p.rows("p" + refOf(p.object("log")))[1].Key) },
		problem:  `object test-bucket/"log": has 22 bytes in its part rows, want 34`,
		repaired: []string{`dropped row "r`},
		left:     "has 22 bytes in its part rows, want 34",
		lost:     []string{"log"},
	},
	"number of appends": {
		harm: func(p *patient) {
			r := p.object("log")
			p.set(string(r.Key), strings.Replace(string(r.Val), "\x12\x01\x14\x03", "\x12\x01\x14\x02", 1))
		},
		problem: `object test-bucket/"log": has 3 part rows, want 2`,
		left:    "has 3 part rows, want 2",
	},
	"size of an object": {
		harm: func(p *patient) {
			r := p.object("middle") // 70000 is f0 a2 04
			p.set(string(r.Key), strings.Replace(string(r.Val), "\xf0\xa2\x04", "\xf1\xa2\x04", 1))
		},
		problem:  `object test-bucket/"middle": has 70000 bytes in its extents, want 70001`,
		repaired: []string{"says 140049 again, not 140048"},
		left:     "has 70000 bytes in its extents, want 70001",
		lost:     []string{"middle"},
	},
	"extent beyond the end": {
		harm: func(p *patient) {
			r := p.object("copy")
			p.set(string(r.Key), strings.ReplaceAll(string(r.Val), "\xf0\xa2\x04", "\xf1\xa2\x04"))
		},
		problem:  `object test-bucket/"copy": blob `,
		repaired: []string{"says 140049 again, not 140048"},
		left:     "has 70000 bytes, an extent ends at 70001",
		lost:     []string{"copy"},
	},
	"bad keys": {
		harm: func(p *patient) {
			for _, kind := range "iougpdr" {
				p.set(string(kind)+"k", "")
			}
			p.set("sx", "")
		},
		problem: `row "rk": reference row key "rk": 2 bytes, want 29`,
		left:    `row "gk": `,
	},
}

// TestRepair lets Check find each ailment and Repair mend it, without harm to what is not concerned.
func TestRepair(t *testing.T) {
	for name, a := range ailments {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a.test(newPatient(t))
		})
	}
}

func (a *ailment) test(p *patient) {
	t := p.t
	p.engines()
	a.harm(p)
	s := p.open(store.Options{Still: true})
	a.wantProblem(t, "check", check(t, s), a.problem)
	r, err := s.Repair(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range a.repaired {
		if !slices.ContainsFunc(r.Repaired, func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("repaired %s; want %q among it", text(r.Repaired), want)
		}
	}
	if len(a.repaired) == 0 && len(r.Repaired) > 0 {
		t.Errorf("repaired %s; want nothing", text(r.Repaired))
	}
	a.wantProblem(t, "repair", r, a.left)
	a.wantProblem(t, "second check", check(t, s), a.left)
	if r, err = s.Repair(t.Context()); err != nil || len(r.Repaired) > 0 {
		t.Errorf("second repair does %s, %v; want nothing", text(r.Repaired), err)
	}
	if a.left == "" && r.OrphanBytes > 0 {
		t.Errorf("%d bytes without a name are left", r.OrphanBytes)
	}
	p.close(s)
	a.wantRest(p)
}

// wantProblem wants a problem, or none at all if it is empty.
func (a *ailment) wantProblem(t *testing.T, when string, r *store.Report, want string) {
	t.Helper()
	found := slices.ContainsFunc(r.Problems, func(s string) bool { return strings.Contains(s, want) })
	if want == "" && len(r.Problems) > 0 || want != "" && !found {
		t.Errorf("%s found %s; want %q", when, text(r.Problems), want)
	}
}

// wantRest wants that a start of the store finds everything that was not lost.
func (a *ailment) wantRest(p *patient) {
	t := p.t
	s := p.open(store.Options{})
	defer p.close(s)
	b, err := s.Bucket(t.Context(), "test-bucket")
	for key, want := range wholesome {
		if slices.Contains(a.lost, key) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		wantObject(t, b, key, want)
	}
}

func check(t *testing.T, s *store.Store) *store.Report {
	t.Helper()
	r, err := s.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func text(list []string) string { return fmt.Sprintf("%d: %s", len(list), strings.Join(list, "\n\t")) }

func TestRepairNeedsTheStoreForItself(t *testing.T) {
	s, _ := newBucket(t)
	if _, err := s.Repair(t.Context()); err == nil || !strings.Contains(err.Error(), "the store is at work") {
		t.Errorf("repair of a store at work = %v; want an error that says so", err)
	}
}

func TestDamagedObjectsAreNamed(t *testing.T) {
	p := newPatient(t)
	flip(t, p.fs, "blobs")
	s := p.open(store.Options{Still: true})
	defer p.close(s)
	r, err := s.Repair(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []store.Lost{{Bucket: "test-bucket", Key: "copy"}, {Bucket: "test-bucket", Key: "middle"}}
	if !slices.Equal(r.Damaged, want) || len(r.Problems) != 2 || len(r.Repaired) != 0 {
		t.Errorf("repair = %+v; want the objects %v damaged, and nothing else", r, want)
	}
}
