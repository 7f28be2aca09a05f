// Package meta is the seam to metadata engines: ordered keys, consistent
// snapshots, and changes that happen completely or not at all.
//
// It knows no buckets and no objects; internal/store gives keys their meaning.
// Every engine passes the suite in metatest.
package meta

import (
	"context"
	"errors"
)

// Errors of Apply. They say which of three things happened; any other error
// means that nothing was changed.
var (
	// ErrGuard is returned when a guard did not hold. Nothing was changed:
	// read again and decide.
	ErrGuard = errors.New("guard does not hold")
	// ErrUnknown is returned when the engine cannot tell whether the change
	// happened. Apply the same change with the same token again: it happens
	// at most once.
	ErrUnknown = errors.New("outcome unknown")
	// ErrBusy is returned when the engine is overloaded. Nothing was changed:
	// back off and try again.
	ErrBusy = errors.New("engine busy")
	// ErrInvalid is returned for a change that breaks a rule of this package or a limit of the
	// engine, see [Change.Check]. Nothing was changed, and trying again does not help.
	ErrInvalid = errors.New("invalid change")
	// ErrClosed is returned by every call after Close.
	ErrClosed = errors.New("engine closed")
)

// An Engine keeps rows in byte order of their keys. It is safe for
// concurrent use.
//
// A key is not empty and does not begin with a zero byte: such keys are the engine's own.
type Engine interface {
	// Snapshot returns a consistent cut that contains every change whose Apply
	// has returned nil. It contains only durable changes: nothing read
	// from it, presence or absence, can be taken back by a crash.
	// The caller closes it.
	Snapshot(ctx context.Context) (Snapshot, error)

	// Apply makes the change, all of it or nothing. When it returns nil, the
	// change survives a power failure and is visible to later snapshots.
	// Concurrent changes are ordered; guards see every change ordered before, and
	// an answer that rests on such a change, also ErrGuard, waits until that is durable.
	// When ctx ends before the change has got its place in the order, nothing was changed;
	// after that Apply waits for the outcome.
	Apply(ctx context.Context, c *Change) error

	// Traits tells the limits of the engine.
	Traits() Traits

	// Close waits for changes under way and releases the engine. Snapshots must be closed before.
	Close() error
}

// A Snapshot reads one consistent cut. It is safe for concurrent use.
// Slices it returns must not be modified. Those that Get and MultiGet return stay as they are, also after Close.
type Snapshot interface {
	// Get returns the row at key; ok is false if there is none.
	Get(key []byte) (row Row, ok bool, err error)

	// MultiGet returns the rows at keys, in their order. A missing row has a
	// nil Key. A key may be asked for twice.
	MultiGet(keys [][]byte) ([]Row, error)

	// Walk calls visit for the rows with lo <= key < hi in byte order; a nil
	// hi means to the end, a nil lo from the beginning. The row is valid only during the call.
	// visit may return a key to continue from (greater than the row's, else Walk returns an error; nil
	// means the next row), which is how a listing skips what lies below a delimiter at the price of one seek.
	Walk(lo, hi []byte, visit func(Row) (seek []byte, stop bool)) error

	// Close releases the snapshot. Calls after it return ErrClosed.
	Close() error
}

// A Row is a key, its value, and the revision at which the value was set.
// Revisions are never reused, and a later change of a key has a greater one.
// A counter row has revision 0 and its sum as value, see [Counter].
type Row struct {
	Key, Val []byte
	Rev      uint64
}

// A Change is what Apply makes happen at once. A key must not stand
// more than once in Sets, Drops and Adds together. Apply reads it only while it runs.
type Change struct {
	// Token names the change for engines that can lose a reply: a repeated token is
	// applied at most once. The zero token names nothing. Engines in one
	// process ignore it.
	Token  [16]byte
	Guards []Guard
	Sets   []KV
	Drops  [][]byte
	// Adds change counters. They commute, so concurrent changes of one counter do not
	// conflict.
	Adds []Delta
}

// A KV is a key and its new value.
type KV struct{ Key, Val []byte }

// A Delta is an amount added to the counter at Key. A missing counter is 0.
// A key is used either for counters or for values, never both; to
// add to a value is ErrInvalid.
type Delta struct {
	Key []byte
	N   int64
}

// A Guard is a condition on one key that must hold for a change to happen.
type Guard struct {
	Key  []byte
	Kind GuardKind
	Rev  uint64 // for RevIs; not 0, which is no revision of a value
}

// GuardKind says what a guard demands.
type GuardKind uint8

// The kinds of guard.
const (
	Absent GuardKind = iota + 1 // there is no row
	RevIs                       // the row exists with revision Rev
	Live                        // the row exists; many changes may hold this at once
)

// Traits are the limits of an engine; zero means none.
type Traits struct {
	MaxKey    int // bytes of a key
	MaxValue  int // bytes of a value
	MaxChange int // guards, sets, drops and adds of one change together
	MaxBytes  int // bytes of all keys and values of one change together
}
