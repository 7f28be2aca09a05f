//go:build oischeck

package invariants

// Enabled reports whether checks are compiled in.
const Enabled = true
