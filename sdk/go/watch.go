package ois

import (
	"context"
	"sync/atomic"
	"time"
)

// A watch ends an attempt whose connection stands still. It runs while bytes are
// under way and rests while the caller is at work. A nil watch does nothing. Its
// methods may be called at once.
type watch struct {
	stall  time.Duration
	answer time.Duration // from the last byte sent to the header; 0 is no limit
	timer  *time.Timer
	over   atomic.Bool
}

// newWatch returns a resting watch, or nil if nothing may time out.
func newWatch(cancel context.CancelCauseFunc, stall, answer time.Duration) *watch {
	if stall <= 0 {
		return nil
	}
	w := &watch{stall: stall, answer: max(answer, 0)}
	w.timer = time.AfterFunc(stall, func() {
		if !w.over.Load() {
			cancel(&errStalled{"the connection stood still for " + stall.String()})
		}
	})
	w.timer.Stop()
	return w
}

// extend gives the connection another while.
func (w *watch) extend() {
	if w != nil {
		w.timer.Reset(w.stall)
	}
}

// final is extend for the last bytes of a body: they have to leave, and then the
// server may think. The transport's own limit for that is more exact, but does
// not run while a write is stuck.
func (w *watch) final() {
	switch {
	case w == nil:
	case w.answer == 0:
		w.timer.Stop()
	default:
		w.timer.Reset(w.stall + w.answer)
	}
}

// pause lets the watch rest.
func (w *watch) pause() {
	if w != nil {
		w.timer.Stop()
	}
}

// end lets it rest for good, even if somebody extends it later.
func (w *watch) end() {
	if w != nil {
		w.over.Store(true)
		w.timer.Stop()
	}
}
