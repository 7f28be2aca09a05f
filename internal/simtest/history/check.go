package history

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// Errors of Check.
var (
	// ErrImpossible is matched when there is no such order.
	ErrImpossible = errors.New("history is not linearizable")
	// ErrUndecided is matched when the time was too short to tell.
	ErrUndecided = errors.New("history could not be decided in time")
)

// Check decides, for each group of keys apart. Its error shows the part of the history that does not fit.
func (h *History) Check(limit time.Duration) error {
	h.mu.Lock()
	calls := slices.Clone(h.calls)
	h.mu.Unlock()
	until := time.Now().Add(limit)
	for _, g := range groups(settle(calls)) {
		if err := g.check(until); err != nil {
			return err
		}
	}
	return nil
}

// settle leaves out calls that have no part in the decision, and ends others sooner: a write of unknown outcome
// has happened before the first read that found its value, and may be left out if none did and no test is of its key. There is an
// order of what remains if and only if there was one before; but it is found much sooner.
func settle(calls []record) []record {
	found, asked := firstFound(calls), tested(calls)
	origins := make(map[Value]int)
	for i := range calls {
		for v := range calls[i].brings() {
			origins[v]++
		}
	}
	var kept []record
	for _, r := range calls {
		if v := r.origin(); r.maybe && origins[v] == 1 {
			at, ok := found[v]
			if !ok && !r.writes(asked) {
				continue
			}
			if ok {
				r.maybe, r.ended = false, min(r.ended, at)
			}
		}
		if r.refused || r.maybe && len(r.Writes) == 0 {
			continue
		}
		kept = append(kept, r)
	}
	return kept
}

// firstFound returns for each value when it was known to have been found.
func firstFound(calls []record) map[Value]int64 {
	found := make(map[Value]int64)
	for _, r := range calls {
		if r.maybe {
			continue
		}
		for _, v := range r.Reads {
			if at, ok := found[v]; !ok || r.ended < at {
				found[v] = r.ended
			}
		}
	}
	return found
}

// tested returns the keys that tests were of.
func tested(calls []record) map[string]bool {
	asked := make(map[string]bool)
	for _, r := range calls {
		for k := range r.Tests {
			asked[k] = true
		}
	}
	return asked
}

// writes reports whether a call writes one of some keys.
func (r *record) writes(some map[string]bool) bool {
	for k := range r.Writes {
		if some[k] {
			return true
		}
	}
	return false
}

// brings yields the values that a call may have brought into the world: it writes them, and has them from no key.
func (r *record) brings() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		for _, v := range r.Writes {
			if r.refused || v == Nothing || slices.Contains(slices.Collect(maps.Values(r.Reads)), v) {
				continue
			}
			if !yield(v) {
				return
			}
		}
	}
}

// origin returns the value that a call may have brought into the world, if it writes nothing else.
func (r *record) origin() Value {
	if len(r.Writes) == 1 {
		for v := range r.brings() {
			return v
		}
	}
	return Nothing
}

// keys yields the keys that a call touches, some of them twice.
func (r *record) keys() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, m := range []Keys{r.Reads, r.Writes} {
			for k := range m {
				if !yield(k) {
					return
				}
			}
		}
		for k := range r.Tests {
			if !yield(k) {
				return
			}
		}
	}
}

// A group is the calls on keys that are connected by calls.
type group struct {
	index map[string]int // where in the state a key has its place
	calls []record
}

// groups parts a history. There is an order of the whole if and only if there is one of each group,
// since calls of two groups have no key in common.
func groups(calls []record) []*group {
	parent := make(map[string]string)
	root := func(k string) string {
		for parent[k] != k {
			k = parent[k]
		}
		return k
	}
	for i := range calls {
		first := ""
		for k := range calls[i].keys() {
			if _, ok := parent[k]; !ok {
				parent[k] = k
			}
			if first == "" {
				first = root(k)
			}
			parent[root(k)] = first
		}
	}
	byRoot := make(map[string]*group)
	for _, k := range slices.Sorted(maps.Keys(parent)) {
		g := byRoot[root(k)]
		if g == nil {
			g = &group{index: make(map[string]int)}
			byRoot[root(k)] = g
		}
		g.index[k] = len(g.index)
	}
	for i := range calls {
		for k := range calls[i].keys() {
			g := byRoot[root(k)]
			g.calls = append(g.calls, calls[i])
			break
		}
	}
	return slices.Collect(maps.Values(byRoot))
}

// check decides about one group.
func (g *group) check(until time.Time) error {
	model, history := g.model(), g.operations()
	switch porcupine.CheckOperationsTimeout(model, history, left(until)) {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return fmt.Errorf("%w: %d operations on %q", ErrUndecided, len(g.calls), slices.Sorted(maps.Keys(g.index)))
	}
	_, info := porcupine.CheckOperationsVerbose(model, history, left(until)) // once more, for the report
	return fmt.Errorf("%w: %s", ErrImpossible, g.report(info.PartialLinearizationsOperations()[0]))
}

// left returns how long it is until then; not 0, which would be for ever.
func left(until time.Time) time.Duration { return max(time.Until(until), 1) }

func (g *group) operations() []porcupine.Operation {
	var list []porcupine.Operation
	for i := range g.calls {
		r := &g.calls[i]
		list = append(list, porcupine.Operation{Input: r, Call: r.began, Return: r.ended})
	}
	return list
}

// model returns what a register for each key of the group does.
func (g *group) model() porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init:  func() []any { return []any{make([]Value, len(g.index))} },
		Equal: func(a, b any) bool { return slices.Equal(a.([]Value), b.([]Value)) },
		Step: func(state, call, _ any) []any {
			return g.step(state.([]Value), call.(*record))
		},
	}
	return m.ToModel()
}

// step returns what the state may be after a call; nothing if the call cannot have happened in it.
func (g *group) step(state []Value, r *record) (next []any) {
	if r.maybe {
		next = append(next, state)
	}
	for k, v := range r.Reads {
		if state[g.index[k]] != v {
			return next
		}
	}
	for k, t := range r.Tests {
		if !t.Holds(state[g.index[k]]) {
			return next
		}
	}
	if len(r.Writes) > 0 {
		state = slices.Clone(state)
	}
	for k, v := range r.Writes {
		state[g.index[k]] = v
	}
	return append(next, state)
}

// report shows the first call that has no place in the longest order found, among those beside and before it.
func (g *group) report(orders [][]porcupine.Operation) string {
	placed := make(map[*record]bool)
	if len(orders) > 0 {
		longest := slices.MaxFunc(orders, func(a, b []porcupine.Operation) int { return len(a) - len(b) })
		for _, o := range longest {
			placed[o.Input.(*record)] = true
		}
	}
	var odd *record
	for i := range g.calls {
		if r := &g.calls[i]; !placed[r] && (odd == nil || r.ended < odd.ended) {
			odd = r
		}
	}
	const around = 12
	list := slices.DeleteFunc(slices.Clone(g.calls), func(r record) bool { return odd == nil || r.began > odd.ended })
	slices.SortFunc(list, func(a, b record) int { return cmp.Compare(a.ended, b.ended) })
	var s strings.Builder
	fmt.Fprintf(&s, "%d of %d operations fit, not %s; what ended before or beside it:", len(placed), len(g.calls), odd)
	for _, r := range list[max(0, len(list)-around):] {
		fmt.Fprintf(&s, "\n\t%s", &r)
	}
	return s.String()
}
