package transfer

import (
	"sync"
	"time"
)

// A Kind says what an Event is about.
type Kind uint8

// The kinds of events. A transfer has one Started, any number of others, and one Done.
const (
	Started   Kind = iota + 1
	Progress       // bytes have moved, ten times a second at most
	PartDone       // a part is where it belongs
	Restarted      // what an earlier run has left is of no use; Reason says why
	Done           // the transfer has ended; Err says how
)

// String returns the name of the kind.
func (k Kind) String() string {
	names := []string{"", "started", "progress", "part done", "restarted", "done"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

// A Direction says where bytes go.
type Direction uint8

// The directions.
const (
	Up   Direction = iota + 1 // from here to the service
	Down                      // from the service to here
	Copy                      // within the service
)

// String returns the name of the direction.
func (d Direction) String() string {
	names := []string{"", "upload", "download", "copy"}
	if int(d) < len(names) {
		return names[d]
	}
	return "unknown"
}

// An Event tells how a transfer is going. Bytes that are sent again after a failure do not
// count twice, so Bytes may become less.
type Event struct {
	Kind      Kind
	Direction Direction
	Bucket    string
	Key       string
	Path      string // of the file, if the transfer is one of a file

	Bytes   int64 // that have moved, with those of earlier runs
	Resumed int64 // of these, that earlier runs have moved
	Total   int64 // bytes of the whole; -1 if nobody knows yet
	Part    int   // number of the part that is done, from 0
	Parts   int   // how many there are; 0 if nobody knows yet

	Reason string // of Restarted
	Err    error  // of Done
}

// A tracker makes the events of one transfer.
type tracker struct {
	tell func(Event) // nil if nobody wants to know

	mu   sync.Mutex
	e    Event     // guarded by mu
	last time.Time // of the last event Progress; guarded by mu
}

// track begins to tell about a transfer.
func (m *Manager) track(d Direction, key, path string, total int64) *tracker {
	t := &tracker{tell: m.o.Progress}
	t.e = Event{Direction: d, Bucket: m.b.Name(), Key: key, Path: path, Total: total}
	t.event(Started, nil)
	return t
}

// event tells what set adds to the state of the transfer.
func (t *tracker) event(k Kind, set func(*Event)) {
	if t.tell == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.e
	e.Kind = k
	if set != nil {
		set(&e)
	}
	t.tell(e)
}

// size sets what was not known at the start.
func (t *tracker) size(total int64, parts int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.e.Total, t.e.Parts = total, parts
}

// add counts bytes that have moved.
func (t *tracker) add(n int64) {
	if t.tell == nil || n == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.e.Bytes += n
	if now := time.Now(); now.Sub(t.last) >= time.Second/10 {
		t.last = now
		e := t.e
		e.Kind = Progress
		t.tell(e)
	}
}

// resume counts bytes that an earlier run has moved.
func (t *tracker) resume(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.e.Bytes += n
	t.e.Resumed += n
}

// resumed is how many bytes earlier runs have moved.
func (t *tracker) resumed() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.e.Resumed
}

func (t *tracker) part(n int) { t.event(PartDone, func(e *Event) { e.Part = n }) }

func (t *tracker) done(err error) { t.event(Done, func(e *Event) { e.Err = err }) }

// restart says that what an earlier run has left is of no use.
func (t *tracker) restart(reason string) {
	t.event(Restarted, func(e *Event) { e.Reason = reason })
}
