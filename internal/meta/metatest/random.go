package metatest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/oisproject/ois/internal/meta"
)

// A model is what an engine should hold.
type model map[string]modelRow

type modelRow struct {
	val   string
	rev   uint64 // as the engine gave it
	n     int64
	count bool // the row is a counter
}

func (r modelRow) stored() string {
	if r.count {
		return string(meta.AppendCounter(nil, r.n))
	}
	return r.val
}

// holds reports whether a guard holds.
func (m model) holds(g meta.Guard) bool {
	r, ok := m[string(g.Key)]
	switch g.Kind {
	case meta.Absent:
		return !ok
	case meta.Live:
		return ok
	default:
		return ok && r.rev == g.Rev
	}
}

// apply returns the model after a change and what Apply should say.
func (m model) apply(c *meta.Change) (model, error) {
	for _, g := range c.Guards {
		if !m.holds(g) {
			return m, meta.ErrGuard
		}
	}
	next := maps.Clone(m)
	for _, d := range c.Adds {
		r, ok := m[string(d.Key)]
		if ok && !r.count {
			return m, meta.ErrInvalid
		}
		next[string(d.Key)] = modelRow{count: true, n: r.n + d.N}
	}
	for _, kv := range c.Sets {
		next[string(kv.Key)] = modelRow{val: string(kv.Val)}
	}
	for _, k := range c.Drops {
		delete(next, string(k))
	}
	return next, nil
}

// testRandom makes random changes, one after another, and compares what the engine
// holds with a model after each.
func testRandom(t *testing.T, s *store) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0))}
	m := make(model)
	var lastRev uint64
	for i := range 1000 {
		c := g.change(m)
		next, want := m.apply(c)
		if err := s.Apply(t.Context(), c); !errors.Is(err, want) {
			t.Fatalf("step %d: Apply(%s) = %v; want %v", i, describe(c), err, want)
		}
		if want == nil {
			lastRev = learn(t, s, next, c, lastRev)
		}
		m = next
		if g.IntN(100) == 0 {
			s.close(t)
			s.open(t)
		}
		s.view(t, func(snap meta.Snapshot) { compare(t, snap, m, g) })
		if t.Failed() {
			t.Fatalf("step %d, after %s", i, describe(c))
		}
	}
}

// learn notes the revisions that the engine gave to the rows of a change. It returns the
// greatest revision seen.
func learn(t *testing.T, s *store, m model, c *meta.Change, last uint64) uint64 {
	t.Helper()
	greatest := last
	for _, kv := range c.Sets {
		row, ok := s.get(t, string(kv.Key))
		if !ok || row.Rev <= last {
			t.Fatalf("row %q was set: exists %t, revision %d; want one greater than %d", kv.Key, ok, row.Rev, last)
		}
		r := m[string(kv.Key)]
		r.rev = row.Rev
		m[string(kv.Key)] = r
		greatest = max(greatest, row.Rev)
	}
	return greatest
}

// compare checks all rows by a walk with random seeks, and some by key.
func compare(t *testing.T, snap meta.Snapshot, m model, g *generator) {
	t.Helper()
	lo, hi := g.bound(), g.bound()
	want := slices.Sorted(maps.Keys(m))
	want = slices.DeleteFunc(want, func(k string) bool { return k < string(lo) || hi != nil && k >= string(hi) })
	err := snap.Walk(lo, hi, func(r meta.Row) (seek []byte, stop bool) {
		if len(want) == 0 || want[0] != string(r.Key) {
			t.Errorf("Walk(%q, %q) visits %q; want the first of %q", lo, hi, r.Key, want)
			return nil, true
		}
		if w := m[want[0]]; string(r.Val) != w.stored() || r.Rev != w.rev {
			t.Errorf("row %q = %q, revision %d; want %q, %d", r.Key, r.Val, r.Rev, w.stored(), w.rev)
		}
		want = want[1:]
		if g.IntN(4) > 0 {
			return nil, false
		}
		if k := g.key(); string(k) > string(r.Key) {
			want = slices.DeleteFunc(want, func(w string) bool { return w < string(k) })
			return k, false
		}
		return nil, false
	})
	if err != nil || len(want) > 0 {
		t.Errorf("Walk(%q, %q) = %v and did not visit %q", lo, hi, err, want)
	}
	for range 3 {
		k := string(g.key())
		w, there := m[k]
		if row, ok := getRow(t, snap, k); ok != there || string(row.Val) != w.stored() && there || row.Rev != w.rev {
			t.Errorf("Get(%q) = %q, revision %d, %t; want %q, %d, %t", k, row.Val, row.Rev, ok, w.stored(), w.rev, there)
		}
	}
}

// A generator makes random changes over few keys, so that they meet.
type generator struct{ *rand.Rand }

func (g *generator) key() []byte {
	return fmt.Appendf(nil, "k%02d", g.IntN(20))[:1+g.IntN(3)]
}

func (g *generator) counter() []byte { return fmt.Appendf(nil, "n%d", g.IntN(4)) }

// bound returns an end of a range: a key, or none.
func (g *generator) bound() []byte {
	if g.IntN(2) == 0 {
		return nil
	}
	return g.key()
}

// change returns a valid change, most of whose guards hold.
func (g *generator) change(m model) *meta.Change {
	c := &meta.Change{}
	used := make(map[string]bool)
	fresh := func(k []byte) bool {
		if used[string(k)] {
			return false
		}
		used[string(k)] = true
		return true
	}
	for range g.IntN(3) {
		c.Guards = append(c.Guards, g.guard(m))
	}
	for range g.IntN(4) {
		if k := g.key(); fresh(k) {
			c.Sets = append(c.Sets, meta.KV{Key: k, Val: make([]byte, g.IntN(200))})
		}
	}
	for range g.IntN(3) {
		if k := g.key(); fresh(k) {
			c.Drops = append(c.Drops, k)
		}
	}
	for range g.IntN(3) {
		k := g.counter()
		if g.IntN(20) == 0 {
			k = g.key() // perhaps a value
		}
		if !fresh(k) {
			continue
		}
		if g.IntN(10) == 0 {
			c.Drops = append(c.Drops, k)
		} else {
			c.Adds = append(c.Adds, meta.Delta{Key: k, N: g.Int64N(2000) - 1000})
		}
	}
	return c
}

func (g *generator) guard(m model) meta.Guard {
	k := g.key()
	if g.IntN(4) == 0 {
		k = g.counter()
	}
	r, ok := m[string(k)]
	switch {
	case g.IntN(10) == 0: // likely not to hold
		return meta.Guard{Key: k, Kind: meta.RevIs, Rev: r.rev + 1}
	case !ok:
		return meta.Guard{Key: k, Kind: meta.Absent}
	case r.rev > 0 && g.IntN(2) == 0:
		return meta.Guard{Key: k, Kind: meta.RevIs, Rev: r.rev}
	default:
		return meta.Guard{Key: k, Kind: meta.Live}
	}
}

func describe(c *meta.Change) string {
	var b []byte
	for _, g := range c.Guards {
		b = fmt.Appendf(b, "guard %q kind %d rev %d; ", g.Key, g.Kind, g.Rev)
	}
	for _, kv := range c.Sets {
		b = fmt.Appendf(b, "set %q to %d bytes; ", kv.Key, len(kv.Val))
	}
	for _, k := range c.Drops {
		b = fmt.Appendf(b, "drop %q; ", k)
	}
	for _, d := range c.Adds {
		b = fmt.Appendf(b, "add %d to %q; ", d.N, d.Key)
	}
	return string(b)
}
