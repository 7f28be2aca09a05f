// Package history notes what concurrent clients of a store did and what they were told, and decides whether
// there is an order of all that in which each operation happens at one moment between its call and its return.
//
// An operation is what it found under some keys and what it left under some. A GET finds, a PUT leaves, a
// copy does both, a move finds under one key and leaves under two. Keys that no operation touches together
// are decided apart. What a client was never told of may have happened or not, until the
// moment after which it cannot happen any more: the end of the history, or a crash.
package history

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// A Value is what a key holds. The zero Value is that there is nothing.
type Value uint64

// Nothing is what a key holds before its first operation, and after a deletion.
const Nothing Value = 0

// Keys are values of some keys. They must not be modified once they are part of an operation.
type Keys map[string]Value

// A Test is what an operation learns of a key without learning its value.
type Test struct {
	Name  string // as it stands behind the key in a report, like "!=3"
	Holds func(Value) bool
}

// Tests are tests of some keys. They must not be modified once they are part of an operation.
type Tests map[string]Test

// An Op is an operation: if it happens, it finds what it reads, its tests hold, and it leaves what it writes, at one moment.
type Op struct {
	Name   string
	Reads  Keys
	Tests  Tests
	Writes Keys
}

// never is later than all moments.
const never = 1<<63 - 1

// A Call is an operation of a history. It is over once one of its methods was called; until then
// nobody knows whether it has happened.
type Call struct {
	history *History
	n       int
}

// A record is what a history knows of a call.
type record struct {
	Op
	began, ended int64
	maybe        bool // it may never have happened
	refused      bool
}

// A History is safe for concurrent use.
type History struct {
	mu    sync.Mutex
	now   int64 // counts beginnings and ends; guarded by mu
	calls []record
}

// Begin notes that an operation is called now.
func (h *History) Begin(op Op) Call {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now++
	h.calls = append(h.calls, record{Op: op, began: h.now, ended: never, maybe: true})
	return Call{h, len(h.calls) - 1}
}

// Done notes that the operation has happened.
func (c Call) Done() { c.Found(nil) }

// Found notes that the operation has happened, and what else it has found.
func (c Call) Found(reads Keys) {
	c.end(func(r *record) {
		r.maybe = false
		if len(reads) > 0 {
			r.Reads = maps.Clone(r.Reads)
			if r.Reads == nil {
				r.Reads = make(Keys)
			}
			maps.Copy(r.Reads, reads)
		}
	})
}

// Learnt notes that the operation has happened, and which tests have held.
func (c Call) Learnt(tests Tests) {
	c.end(func(r *record) { r.maybe, r.Tests = false, tests })
}

// Declined notes that the operation has found that tests hold and has changed nothing.
func (c Call) Declined(tests Tests) {
	c.end(func(r *record) { r.maybe, r.Reads, r.Tests, r.Writes = false, nil, tests, nil })
}

// Refused notes that the operation has not happened and will not.
func (c Call) Refused() { c.end(func(r *record) { r.refused = true }) }

func (c Call) end(note func(*record)) {
	c.history.mu.Lock()
	defer c.history.mu.Unlock()
	c.history.now++
	r := &c.history.calls[c.n]
	r.ended = c.history.now
	note(r)
}

// Crash notes that what is under way has happened by now, or never will.
func (h *History) Crash() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now++
	for i := range h.calls {
		if r := &h.calls[i]; r.ended == never {
			r.ended = h.now
		}
	}
}

// Fork returns the history as it is now. Calls of h do not end in the fork.
func (h *History) Fork() *History {
	h.mu.Lock()
	defer h.mu.Unlock()
	return &History{now: h.now, calls: slices.Clone(h.calls)}
}

// Len returns the number of calls, and how many of them nobody knows the outcome of.
func (h *History) Len() (calls, unknown int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.calls {
		if h.calls[i].maybe && !h.calls[i].refused {
			unknown++
		}
	}
	return len(h.calls), unknown
}

// String tells the operation as "3-7 put a=12".
func (r *record) String() string {
	var s strings.Builder
	if fmt.Fprintf(&s, "%d-", r.began); r.ended != never {
		fmt.Fprint(&s, r.ended)
	}
	fmt.Fprintf(&s, " %s", r.Name)
	for _, k := range slices.Sorted(maps.Keys(r.Reads)) {
		fmt.Fprintf(&s, " %s=%d", k, r.Reads[k])
	}
	for _, k := range slices.Sorted(maps.Keys(r.Tests)) {
		fmt.Fprintf(&s, " %s%s", k, r.Tests[k].Name)
	}
	for _, k := range slices.Sorted(maps.Keys(r.Writes)) {
		fmt.Fprintf(&s, " %s:=%d", k, r.Writes[k])
	}
	if r.maybe {
		s.WriteString(" (perhaps)")
	}
	return s.String()
}
