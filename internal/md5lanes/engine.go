package md5lanes

import (
	"runtime"
	"sync"
)

// shared is the engine of the process.
var shared = newEngine(fastest())

// An engine hashes the pieces of all streams, as many at once as its widest kernel has lanes.
//
// There is nothing to close: a worker starts when there is more to hash than the others have
// lanes for, and ends when there is nothing left.
//
//	let others run
//	until the queue is empty and so are the lanes:
//		fill the lanes from the queue
//		hash the next blocks of each lane: up to roundBlocks, or to where the shortest piece ends
//		give streams whose piece is done back, and let others run
//
// So a piece waits for a free lane no longer than a round takes, lanes of different
// length keep each other company, and a lone stream waits for nobody.
//
// To let others run is what fills the lanes. On a busy machine those who would bring more pieces stand
// in the same queue for a processor as the worker does; without it, eight streams were
// hashed by ones and twos. A worker for each stream would end sooner on an idle machine, at
// several times the cost: all lanes together take as long as two streams one after the other.
type engine struct {
	kernels []kernel
	lanes   int // of the widest kernel
	worth   int // bytes that are worth the way to a worker; whoever writes less hashes it at once

	mu          sync.Mutex
	first, last *Hash // the queue; guarded by mu
	open        int   // pieces in the queue and in lanes; guarded by mu
	workers     int   // guarded by mu
}

// newEngine returns an engine with some kernels, the widest last. Without any it hashes serially.
func newEngine(kernels []kernel) *engine {
	e := &engine{kernels: kernels, lanes: 1, worth: 4 << 10}
	if n := len(kernels); n > 0 {
		e.lanes = kernels[n-1].lanes
	}
	return e
}

// newHash returns the Hash of an empty stream, to be hashed by this engine.
func (e *engine) newHash() *Hash { return &Hash{engine: e, state: start} }

// maxWorkers returns how many workers may run at once. A vector kernel does the work
// of many; half of the processors with it keep up with whatever the others bring.
func (e *engine) maxWorkers() int {
	procs := runtime.GOMAXPROCS(0)
	if e.lanes > pairLanes {
		return max(1, procs/2)
	}
	return procs
}

// submit queues h, which is busy and has a piece, and sees to it that somebody works.
func (e *engine) submit(h *Hash) {
	e.mu.Lock()
	if e.last == nil {
		e.first = h
	} else {
		e.last.next = h
	}
	e.last = h
	e.open++
	short := e.open > e.workers*e.lanes && (e.workers == 0 || e.workers < e.maxWorkers())
	if short {
		e.workers++
	}
	e.mu.Unlock()
	if short {
		go e.work()
	}
}

// work hashes until nothing is left.
func (e *engine) work() {
	b := batches.Get().(*batch)
	runtime.Gosched()
	for e.fill(b) {
		b.round(e.kernel(b.n))
		done := b.done()
		e.release(done)
		// Twice if there are many: one time in 61 the scheduler prefers who has yielded.
		for range min(len(done), 2) {
			runtime.Gosched()
		}
	}
	batches.Put(b)
}

// fill puts what is queued into free lanes. If the batch is empty then, it counts the
// worker out and returns false.
func (e *engine) fill(b *batch) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for b.n < e.lanes && e.first != nil {
		h := e.first
		e.first, h.next = h.next, nil
		if e.first == nil {
			e.last = nil
		}
		b.add(h)
	}
	if b.n == 0 {
		e.workers--
	}
	return b.n > 0
}

// kernel returns what is fastest for n streams; nil means one after the other.
func (e *engine) kernel(n int) *kernel {
	for i := len(e.kernels) - 1; i >= 0; i-- {
		if k := &e.kernels[i]; n >= k.from {
			return k
		}
	}
	return nil
}

// release gives streams back to those who wait for them.
func (e *engine) release(done []*Hash) {
	if len(done) == 0 {
		return
	}
	e.mu.Lock()
	e.open -= len(done)
	e.mu.Unlock()
	for i, h := range done {
		done[i] = nil
		h.busy.Unlock()
	}
}
