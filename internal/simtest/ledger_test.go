package simtest

import (
	"maps"
	"sync"

	"github.com/oisproject/ois/internal/fault"
)

const bucketName = "simulated-bucket"

// absent is the state of a key that has no object; other states are the seed its content follows from.
const absent = 0

// A ledger knows what the store has promised.
type ledger struct {
	mu sync.Mutex
	// told is the state of each key that was last acknowledged.
	told map[string]uint64
	// maybe is what an operation under way may have made of a key.
	maybe map[string]uint64
}

func newLedger() *ledger {
	return &ledger{told: make(map[string]uint64), maybe: make(map[string]uint64)}
}

// begin notes that an operation is about to change keys to states.
func (l *ledger) begin(change map[string]uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.Copy(l.maybe, change)
}

// end notes the outcome of the operation. After an error its outcome stays open, unless its bucket was gone.
func (l *ledger) end(change map[string]uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	gone := err != nil && fault.CodeOf(err) == fault.BucketNotExists
	for k, v := range change {
		if err == nil {
			l.told[k] = v
		}
		if err == nil || gone {
			delete(l.maybe, k)
		}
	}
}

// copy returns the ledger as it is now.
func (l *ledger) copy() *ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := newLedger()
	maps.Copy(c.told, l.told)
	maps.Copy(c.maybe, l.maybe)
	return c
}
