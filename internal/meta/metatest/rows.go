package metatest

import (
	"bytes"
	"slices"
	"testing"

	"github.com/oisproject/ois/internal/meta"
)

func testSetGetDrop(t *testing.T, s *store) {
	s.want(t, "a", "", false)
	s.set(t, "a", "1")
	s.want(t, "a", "1", true)
	s.set(t, "a", "2")
	s.want(t, "a", "2", true)
	s.want(t, "ab", "", false)
	s.want(t, "\x00", "", false)
	s.want(t, "", "", false)
	s.apply(t, &meta.Change{Sets: []meta.KV{kv("b", "3")}, Drops: keys("a", "missing")})
	s.want(t, "a", "", false)
	s.want(t, "b", "3", true)
	s.apply(t, &meta.Change{})
	s.want(t, "b", "3", true)
}

func testEmptyValue(t *testing.T, s *store) {
	s.apply(t, &meta.Change{Sets: []meta.KV{{Key: []byte("a")}, kv("b", "")}})
	s.want(t, "a", "", true)
	s.want(t, "b", "", true)
	s.view(t, func(snap meta.Snapshot) {
		if got, want := walk(t, snap, nil, nil), []string{"a=", "b="}; !slices.Equal(got, want) {
			t.Errorf("Walk = %q; want %q", got, want)
		}
	})
}

func testMultiGet(t *testing.T, s *store) {
	s.apply(t, &meta.Change{Sets: []meta.KV{kv("a", "1"), kv("b", "2"), kv("c", "3")}, Adds: []meta.Delta{delta("n", 4)}})
	s.view(t, func(snap meta.Snapshot) {
		rows, err := snap.MultiGet(keys("c", "x", "a", "n", "c", "b"))
		if err != nil || len(rows) != 6 {
			t.Fatalf("MultiGet = %d rows, %v; want 6, nil", len(rows), err)
		}
		for i, want := range []string{"c3", "", "a1", "n" + string(meta.AppendCounter(nil, 4)), "c3", "b2"} {
			if got := string(rows[i].Key) + string(rows[i].Val); got != want || (rows[i].Key == nil) != (want == "") {
				t.Errorf("row %d = %q; want %q", i, got, want)
			}
		}
		if rows, err := snap.MultiGet(nil); err != nil || len(rows) != 0 {
			t.Errorf("MultiGet of nothing = %v, %v; want nothing", rows, err)
		}
	})
}

func testWalk(t *testing.T, s *store) {
	c := &meta.Change{}
	all := []string{"\x01", "\x01\x00", "a", "a\x00", "a\x00b", "ab", "b", "b\xff", "b\xff\xff", "\xff", "\xff\xff"}
	for _, k := range all {
		c.Sets = append(c.Sets, kv(k, ""))
	}
	s.apply(t, c)
	bounds := append([]string{"", "\x00", "\x00\xff", "\x02", "a\x01", "z", "\xff\xff\xff"}, all...)
	s.view(t, func(snap meta.Snapshot) {
		for _, lo := range bounds {
			for _, hi := range bounds {
				wantRange(t, snap, all, []byte(lo), []byte(hi))
			}
			wantRange(t, snap, all, []byte(lo), nil)
			wantRange(t, snap, all, nil, []byte(lo))
		}
		wantRange(t, snap, all, nil, nil)
	})
}

// wantRange checks that a walk visits those of all keys that lie in a range.
func wantRange(t *testing.T, snap meta.Snapshot, all []string, lo, hi []byte) {
	t.Helper()
	var want []string
	for _, k := range all {
		if k >= string(lo) && (hi == nil || k < string(hi)) {
			want = append(want, k+"=")
		}
	}
	if got := walk(t, snap, lo, hi); !slices.Equal(got, want) {
		t.Errorf("Walk(%q, %q) = %q; want %q", lo, hi, got, want)
	}
}

func testWalkSeek(t *testing.T, s *store) {
	c := &meta.Change{}
	for _, k := range []string{"a/1", "a/2", "a/3", "b", "c/1", "c/2", "d"} {
		c.Sets = append(c.Sets, kv(k, k))
	}
	s.apply(t, c)
	for _, test := range []struct {
		name   string
		lo, hi string
		stop   string // the walk stops at this row
		want   []string
	}{
		{"all", "a", "z", "", []string{"a/1", "b", "c/1", "d"}},
		{"from the middle", "a/2", "z", "", []string{"a/2", "b", "c/1", "d"}},
		{"seek past the end", "a", "a/3", "", []string{"a/1"}},
		{"stop", "a", "z", "c/1", []string{"a/1", "b", "c/1"}},
	} {
		s.view(t, func(snap meta.Snapshot) {
			var got []string
			err := snap.Walk([]byte(test.lo), []byte(test.hi), func(r meta.Row) ([]byte, bool) {
				got = append(got, string(r.Key))
				if i := bytes.IndexByte(r.Key, '/'); i >= 0 {
					return append(bytes.Clone(r.Key[:i]), '/'+1), string(r.Key) == test.stop
				}
				return nil, string(r.Key) == test.stop
			})
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("%s: visited %q, %v; want %q", test.name, got, err, test.want)
			}
		})
	}
}

func testWalkSeekBack(t *testing.T, s *store) {
	s.apply(t, &meta.Change{Sets: []meta.KV{kv("a", ""), kv("b", ""), kv("c", "")}})
	s.view(t, func(snap meta.Snapshot) {
		for _, seek := range []string{"b", "a", ""} {
			visits := 0
			err := snap.Walk([]byte("b"), nil, func(meta.Row) ([]byte, bool) {
				visits++
				return []byte(seek), false
			})
			if err == nil || visits != 1 {
				t.Errorf("Walk with a seek from %q to %q: %v after %d rows; want an error after 1", "b", seek, err, visits)
			}
		}
	})
}

func testSnapshotIsStable(t *testing.T, s *store) {
	s.apply(t, &meta.Change{Sets: []meta.KV{kv("a", "1"), kv("b", "1")}, Adds: []meta.Delta{delta("n", 1)}})
	s.view(t, func(old meta.Snapshot) {
		before := walk(t, old, nil, nil)
		s.apply(t, &meta.Change{Sets: []meta.KV{kv("a", "2"), kv("c", "2")}, Drops: keys("b"), Adds: []meta.Delta{delta("n", 1)}})
		if got := walk(t, old, nil, nil); !slices.Equal(got, before) {
			t.Errorf("snapshot holds %q after a change; want %q", got, before)
		}
		if row, ok := getRow(t, old, "a"); !ok || string(row.Val) != "1" {
			t.Errorf("snapshot holds a = %q, %t after a change; want 1", row.Val, ok)
		}
		if _, ok := getRow(t, old, "c"); ok {
			t.Error("snapshot holds a row set later")
		}
		s.view(t, func(snap meta.Snapshot) {
			want := []string{"a=2", "c=2", "n=" + string(meta.AppendCounter(nil, 2))}
			if got := walk(t, snap, nil, nil); !slices.Equal(got, want) {
				t.Errorf("new snapshot holds %q; want %q", got, want)
			}
		})
	})
}

func testSlicesLiveUntilClose(t *testing.T, s *store) {
	s.apply(t, &meta.Change{Sets: []meta.KV{kv("a", "1"), kv("b", "2")}})
	s.view(t, func(snap meta.Snapshot) {
		a, _, err := snap.Get([]byte("a"))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := snap.MultiGet(keys("a", "b"))
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			s.set(t, "a", "other")
			_ = walk(t, snap, nil, nil)
		}
		if got := string(a.Key) + string(a.Val) + string(rows[0].Val) + string(rows[1].Key) + string(rows[1].Val); got != "a11b2" {
			t.Errorf("rows of an open snapshot became %q; want a11b2", got)
		}
	})
}

// testCallerKeepsSlices checks that slices of a change and of calls may be used again once the call is over, and that a row stays what it is after Close.
func testCallerKeepsSlices(t *testing.T, s *store) {
	key, val := []byte("key"), []byte("val")
	s.apply(t, &meta.Change{Sets: []meta.KV{{Key: key, Val: val}}})
	n := []byte("num")
	s.apply(t, &meta.Change{Adds: []meta.Delta{{Key: n, N: 1}}})
	copy(val, "xxx")
	copy(n, "xxx")
	var row meta.Row
	s.view(t, func(snap meta.Snapshot) {
		var ok bool
		var err error
		if row, ok, err = snap.Get(key); err != nil || !ok {
			t.Errorf("Get = %t, %v; want a row", ok, err)
		}
	})
	copy(key, "xxx")
	s.view(t, func(old meta.Snapshot) {
		for range 100 {
			s.set(t, "key", "other")
		}
		s.view(t, func(now meta.Snapshot) {
			for _, v := range []struct {
				snap meta.Snapshot
				want string
			}{{now, "other"}, {old, "val"}, {now, "other"}} {
				if r, _, err := v.snap.Get([]byte("key")); err != nil || string(r.Val) != v.want {
					t.Errorf("Get beside a snapshot of another time = %q, %v; want %q", r.Val, err, v.want)
				}
			}
		})
	})
	if string(row.Key) != "key" || string(row.Val) != "val" {
		t.Errorf("a row has become %q, %q; want key, val", row.Key, row.Val)
	}
	s.apply(t, &meta.Change{Adds: []meta.Delta{delta("num", 1)}})
	if got := s.count(t, "num"); got != 2 {
		t.Errorf("counter = %d; want 2", got)
	}
}
