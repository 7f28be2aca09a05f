// Package invariants checks, in tests, what must be true by construction.
//
// The build tag oischeck turns the checks on. Without it Enabled is a false constant,
// so that the compiler drops every block under it and production pays nothing.
package invariants

import "fmt"

// Check panics if ok is false and checks are enabled. Arguments are evaluated in any case:
// put a costly check under if invariants.Enabled.
func Check(ok bool, format string, args ...any) {
	if Enabled && !ok {
		panic("invariant violated: " + fmt.Sprintf(format, args...))
	}
}

// Scribble overwrites b if checks are enabled. Whoever lends a slice for a limited
// time calls it when the time is over, so that a borrower who kept the slice is found.
func Scribble(b []byte) {
	if !Enabled {
		return
	}
	for i := range b {
		b[i] = 0xdb
	}
}
