package metatest

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/meta"
)

func testGuards(t *testing.T, s *store) {
	s.set(t, "there", "1")
	row, _ := s.get(t, "there")
	rev := row.Rev
	for _, test := range []struct {
		name  string
		guard meta.Guard
		holds bool
	}{
		{"absent, missing", absent("missing"), true},
		{"absent, there", absent("there"), false},
		{"live, missing", live("missing"), false},
		{"live, there", live("there"), true},
		{"revision, missing", revIs("missing", rev), false},
		{"revision, equal", revIs("there", rev), true},
		{"revision, less", revIs("there", rev+1), false},
		{"revision, greater", revIs("there", max(rev-1, 1)), rev == 1},
		{"absent, prefix", absent("th"), true},
	} {
		for _, more := range [][]meta.Guard{nil, {live("there")}, {absent("missing"), live("there")}} {
			c := &meta.Change{Guards: append(more, test.guard), Sets: []meta.KV{kv("probe", test.name)}}
			err := s.Apply(t.Context(), c)
			if test.holds && err != nil || !test.holds && !errors.Is(err, meta.ErrGuard) {
				t.Errorf("%s: Apply = %v; want ErrGuard: %t", test.name, err, !test.holds)
			}
			row, ok := s.get(t, "probe")
			if made := ok && string(row.Val) == test.name; made != test.holds {
				t.Errorf("%s: change was made: %t; want %t", test.name, made, test.holds)
			}
		}
	}
	// A guard on a key that the same change sets or drops sees the state before.
	s.apply(t, &meta.Change{Guards: []meta.Guard{absent("new")}, Sets: []meta.KV{kv("new", "1")}})
	s.apply(t, &meta.Change{Guards: []meta.Guard{live("new")}, Drops: keys("new")})
	if err := s.Apply(t.Context(), &meta.Change{Guards: []meta.Guard{live("new")}}); !errors.Is(err, meta.ErrGuard) {
		t.Errorf("guard alone on a dropped row = %v; want ErrGuard", err)
	}
	s.apply(t, &meta.Change{Guards: []meta.Guard{absent("new"), absent("new")}})
}

func testGuardsOnCounters(t *testing.T, s *store) {
	s.apply(t, &meta.Change{Guards: []meta.Guard{absent("n")}, Adds: []meta.Delta{delta("n", 0)}})
	s.apply(t, &meta.Change{Guards: []meta.Guard{live("n")}, Adds: []meta.Delta{delta("n", 5)}})
	for _, g := range []meta.Guard{absent("n"), revIs("n", 1)} {
		if err := s.Apply(t.Context(), &meta.Change{Guards: []meta.Guard{g}}); !errors.Is(err, meta.ErrGuard) {
			t.Errorf("guard of kind %d on a counter = %v; want ErrGuard", g.Kind, err)
		}
	}
	s.apply(t, &meta.Change{Drops: keys("n")})
	s.apply(t, &meta.Change{Guards: []meta.Guard{absent("n")}, Adds: []meta.Delta{delta("n", 2)}})
	if got := s.count(t, "n"); got != 2 {
		t.Errorf("counter that was dropped and made again = %d; want 2", got)
	}
}

func testAllOrNothing(t *testing.T, s *store) {
	s.apply(t, &meta.Change{Sets: []meta.KV{kv("a", "1"), kv("b", "1")}, Adds: []meta.Delta{delta("n", 1)}})
	err := s.Apply(t.Context(), &meta.Change{
		Guards: []meta.Guard{live("a"), absent("c"), absent("b")},
		Sets:   []meta.KV{kv("a", "2"), kv("c", "2")},
		Drops:  keys("b"),
		Adds:   []meta.Delta{delta("n", 1), delta("m", 1)},
	})
	if !errors.Is(err, meta.ErrGuard) {
		t.Fatalf("Apply = %v; want ErrGuard", err)
	}
	s.want(t, "a", "1", true)
	s.want(t, "b", "1", true)
	s.want(t, "c", "", false)
	s.want(t, "m", "", false)
	if got := s.count(t, "n"); got != 1 {
		t.Errorf("counter = %d; want 1", got)
	}
}

func testInvalid(t *testing.T, s *store) {
	s.set(t, "a", "1")
	for name, c := range map[string]*meta.Change{
		"set twice":        {Sets: []meta.KV{kv("x", "1"), kv("x", "2")}},
		"set and dropped":  {Sets: []meta.KV{kv("x", "1")}, Drops: keys("x")},
		"set and added to": {Sets: []meta.KV{kv("x", "1")}, Adds: []meta.Delta{delta("x", 1)}},
		"dropped twice":    {Drops: keys("a", "b", "a")},
		"drop and add":     {Drops: keys("a"), Adds: []meta.Delta{delta("a", 1)}},
		"added to twice":   {Adds: []meta.Delta{delta("n", 1), delta("n", 1)}},
		"empty set key":    {Sets: []meta.KV{kv("", "1")}},
		"empty drop key":   {Drops: keys("")},
		"empty add key":    {Adds: []meta.Delta{delta("", 1)}},
		"empty guard key":  {Guards: []meta.Guard{absent("")}},
		"zero byte":        {Sets: []meta.KV{kv("\x00r", "1")}},
		"zero byte guard":  {Guards: []meta.Guard{live("\x00r")}},
		"no guard kind":    {Guards: []meta.Guard{{Key: []byte("a")}}},
		"bad guard kind":   {Guards: []meta.Guard{{Key: []byte("a"), Kind: meta.Live + 1}}},
		"revision 0":       {Guards: []meta.Guard{revIs("a", 0)}},
	} {
		c.Sets = append(c.Sets, kv("made", name))
		if err := s.Apply(t.Context(), c); !errors.Is(err, meta.ErrInvalid) {
			t.Errorf("%s: Apply = %v; want ErrInvalid", name, err)
		}
		s.want(t, "made", "", false)
	}
}

func testLimits(t *testing.T, s *store) {
	tr := s.Traits()
	var c meta.Change
	for n := range tr.MaxChange {
		c.Drops = append(c.Drops, []byte("k"+strconv.Itoa(n)))
	}
	for _, test := range []struct {
		name  string
		limit int
		c     meta.Change
		over  func(*meta.Change)
	}{
		{
			"key", tr.MaxKey,
			meta.Change{Sets: []meta.KV{kv(strings.Repeat("k", tr.MaxKey), "1")}},
			func(c *meta.Change) { c.Sets[0].Key = append(c.Sets[0].Key, 'k') },
		},
		{
			"value", tr.MaxValue,
			meta.Change{Sets: []meta.KV{kv("k", strings.Repeat("v", tr.MaxValue))}},
			func(c *meta.Change) { c.Sets[0].Val = append(c.Sets[0].Val, 'v') },
		},
		{
			"change", tr.MaxChange, c,
			func(c *meta.Change) { c.Guards = append(c.Guards, absent("x")) },
		},
	} {
		if test.limit == 0 {
			continue // the engine has none
		}
		if err := s.Apply(t.Context(), &test.c); err != nil {
			t.Errorf("%s at its limit of %d: Apply = %v; want nil", test.name, test.limit, err)
		}
		test.over(&test.c)
		if err := s.Apply(t.Context(), &test.c); !errors.Is(err, meta.ErrInvalid) {
			t.Errorf("%s beyond its limit of %d: Apply = %v; want ErrInvalid", test.name, test.limit, err)
		}
	}
}

func testCounters(t *testing.T, s *store) {
	var want int64
	for i, n := range []int64{1, 10, -3, 0, -20, 1 << 40, -(1 << 41), 5} {
		want += n
		s.apply(t, &meta.Change{Adds: []meta.Delta{delta("n", n), delta("m", 1)}})
		if got := s.count(t, "n"); got != want {
			t.Errorf("counter after %d additions = %d; want %d", i+1, got, want)
		}
		if i == 4 {
			s.close(t)
			s.open(t)
		}
	}
	if got := s.count(t, "m"); got != 8 {
		t.Errorf("counter m = %d; want 8", got)
	}
	s.apply(t, &meta.Change{Adds: []meta.Delta{delta("n", -want)}})
	if row, ok := s.get(t, "n"); ok && s.count(t, "n") != 0 {
		t.Errorf("counter taken back to 0 holds %x", row.Val)
	}
}

func testCounterOverflow(t *testing.T, s *store) {
	s.apply(t, &meta.Change{Adds: []meta.Delta{delta("n", math.MaxInt64), delta("m", math.MinInt64)}})
	for _, c := range []*meta.Change{
		{Adds: []meta.Delta{delta("n", 1)}},
		{Adds: []meta.Delta{delta("m", -1)}},
		{Adds: []meta.Delta{delta("k", 1), delta("n", math.MaxInt64)}},
	} {
		if err := s.Apply(t.Context(), c); !errors.Is(err, meta.ErrInvalid) {
			t.Errorf("addition that overflows = %v; want ErrInvalid", err)
		}
	}
	s.want(t, "k", "", false)
	s.apply(t, &meta.Change{Adds: []meta.Delta{delta("n", math.MinInt64), delta("m", math.MaxInt64)}})
	if n, m := s.count(t, "n"), s.count(t, "m"); n != -1 || m != -1 {
		t.Errorf("counters = %d, %d; want -1, -1", n, m)
	}
}

func testAddToValue(t *testing.T, s *store) {
	s.set(t, "a", "12345678")
	err := s.Apply(t.Context(), &meta.Change{Sets: []meta.KV{kv("b", "1")}, Adds: []meta.Delta{delta("a", 1)}})
	if !errors.Is(err, meta.ErrInvalid) {
		t.Errorf("addition to a value = %v; want ErrInvalid", err)
	}
	s.want(t, "a", "12345678", true)
	s.want(t, "b", "", false)
}

func testRevisions(t *testing.T, s *store) {
	used := make(map[uint64]string)
	var last uint64
	for i := range 40 {
		val := strings.Repeat("v", i)
		c := &meta.Change{Sets: []meta.KV{kv("a", val), kv("b", val)}, Adds: []meta.Delta{delta("n", 1)}}
		if i%3 == 1 {
			s.apply(t, &meta.Change{Drops: keys("a", "b")})
		}
		s.apply(t, c)
		a, _ := s.get(t, "a")
		if a.Rev <= last || used[a.Rev] != "" {
			t.Fatalf("revision %d after %d; want a greater one that was never used", a.Rev, last)
		}
		used[a.Rev], last = val+".", a.Rev
		if i%5 == 4 {
			s.close(t)
			s.open(t)
		}
	}
	a, _ := s.get(t, "a")
	s.apply(t, &meta.Change{Guards: []meta.Guard{revIs("a", a.Rev)}, Drops: keys("b")})
	if again, _ := s.get(t, "a"); again.Rev != a.Rev {
		t.Errorf("revision became %d, though nothing was set; want %d", again.Rev, a.Rev)
	}
}

func testReopen(t *testing.T, s *store) {
	s.apply(t, &meta.Change{Sets: []meta.KV{kv("a", "1"), kv("b", "1")}, Adds: []meta.Delta{delta("n", 7)}})
	s.apply(t, &meta.Change{Drops: keys("b")})
	rev, _ := s.get(t, "a")
	for range 3 {
		s.close(t)
		s.open(t)
		s.want(t, "a", "1", true)
		s.want(t, "b", "", false)
		if got := s.count(t, "n"); got != 7 {
			t.Errorf("counter = %d; want 7", got)
		}
		if row, _ := s.get(t, "a"); row.Rev != rev.Rev {
			t.Errorf("revision = %d; want %d", row.Rev, rev.Rev)
		}
	}
}

func testClosed(t *testing.T, s *store) {
	s.set(t, "a", "1")
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := snap.Close(); err != nil {
		t.Fatal(err)
	}
	e := s.Engine
	s.close(t)
	visit := func(meta.Row) ([]byte, bool) { return nil, false }
	for name, call := range map[string]func() error{
		"Get":            func() error { _, _, err := snap.Get([]byte("a")); return err },
		"MultiGet":       func() error { _, err := snap.MultiGet(keys("a")); return err },
		"Walk":           func() error { return snap.Walk(nil, nil, visit) },
		"Snapshot.Close": snap.Close,
		"Snapshot":       func() error { _, err := e.Snapshot(t.Context()); return err },
		"Apply":          func() error { return e.Apply(t.Context(), &meta.Change{Drops: keys("a")}) },
		"Close":          e.Close,
	} {
		if err := call(); !errors.Is(err, meta.ErrClosed) {
			t.Errorf("%s after Close = %v; want ErrClosed", name, err)
		}
	}
}

func testContext(t *testing.T, s *store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Apply(ctx, &meta.Change{Sets: []meta.KV{kv("a", "1")}}); !errors.Is(err, context.Canceled) {
		t.Errorf("Apply with a context that is over = %v; want Canceled", err)
	}
	s.want(t, "a", "", false)
	if _, err := s.Snapshot(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Snapshot with a context that is over = %v; want Canceled", err)
	}
}
