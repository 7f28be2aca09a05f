package packblob

import "runtime"

// SetFlushStep makes an engine sync large blobs in smaller steps.
func SetFlushStep(e *Engine, n int64) { e.flushStep = n }

// WaitForWriter returns when something is being put in an epoch.
func WaitForWriter(e *Engine, epoch uint32) {
	for e.written(epoch) == nil {
		runtime.Gosched()
	}
}

// WaitForGroup returns when n Puts of an epoch wait for a sync that has not begun.
func WaitForGroup(e *Engine, epoch uint32, n int) {
	w := e.written(epoch)
	for {
		w.mu.Lock()
		waiting := w.current != nil && w.current.group != nil && w.current.group.n == n
		w.mu.Unlock()
		if waiting {
			return
		}
		runtime.Gosched()
	}
}
