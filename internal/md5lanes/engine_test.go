package md5lanes

import (
	"crypto/md5"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"unsafe"
)

// A gate is a kernel that remembers how many streams it was called for, and waits for leave
// to hash them.
type gate struct {
	leave chan struct{}

	mu    sync.Mutex
	calls []int // guarded by mu
}

func newGate() *gate { return &gate{leave: make(chan struct{})} }

// engine returns an engine whose only kernel is g, with so many lanes.
func (g *gate) engine(width int) *engine {
	return newEngine([]kernel{{name: "gate", from: 1, lanes: width, blocks: g.blocks}})
}

func (g *gate) blocks(l *lanes, blocks int) {
	streams := make(map[*byte]bool) // those not in use have the data of another
	for _, p := range l.data {
		streams[p] = true
	}
	g.mu.Lock()
	g.calls = append(g.calls, len(streams))
	g.mu.Unlock()
	<-g.leave
	for i, p := range l.data {
		st := l.get(i)
		serially(&st, unsafe.Slice(p, blocks*blockSize))
		l.set(i, st)
	}
}

func TestPiecesJoinBetweenRounds(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2)) // so that there is one worker
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		e := g.engine(3)
		data := noise(9, 2*roundBlocks*blockSize)
		var hashes []*Hash
		begin := func() {
			h := e.newHash()
			writeAll(t, h, slices.Clone(data))
			hashes = append(hashes, h)
		}
		begin()
		synctest.Wait() // the first round has begun
		for range 4 {
			begin()
		}
		close(g.leave)
		for _, h := range hashes {
			if got, want := h.Sum(), md5.Sum(data); got != want {
				t.Errorf("MD5 = %x; want %x", got, want)
			}
		}
		if want := []int{1, 3, 3, 2, 1}; !slices.Equal(g.calls, want) {
			t.Errorf("rounds of %v streams; want %v", g.calls, want)
		}
	})
}

func TestWorkersAreAsManyAsNeeded(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(6))
	const width = 4
	for _, c := range []struct{ streams, workers int }{{1, 1}, {width, 1}, {width + 1, 2}, {100, 3}} {
		synctest.Test(t, func(t *testing.T) {
			g := newGate()
			e := g.engine(width)
			piece := noise(10, 5000)
			hashes := make([]*Hash, c.streams)
			for i := range hashes {
				hashes[i] = e.newHash()
				writeAll(t, hashes[i], piece)
			}
			if e.workers != c.workers {
				t.Errorf("%d pieces start %d workers; want %d", c.streams, e.workers, c.workers)
			}
			close(g.leave)
			for _, h := range hashes {
				h.Wait()
			}
		})
	}
	if n := newEngine(nil).maxWorkers(); n != 6 {
		t.Errorf("up to %d workers without kernels; want one for each of 6 processors", n)
	}
}

// TestNoWorkerStays relies on synctest, which waits for the goroutines of a bubble and
// reports those that are stuck.
func TestNoWorkerStays(t *testing.T) {
	eachEngine(t, func(t *testing.T, e *engine) {
		synctest.Test(t, func(t *testing.T) {
			piece := noise(11, 100_000)
			for range 20 {
				writeAll(t, e.newHash(), piece)
			}
		})
		if e.workers != 0 || e.open != 0 || e.first != nil || e.last != nil {
			t.Errorf("%d workers and %d pieces stay, queue %p to %p; want none", e.workers, e.open, e.first, e.last)
		}
	})
}

// TestBubblesShareAnEngine lets streams of several bubbles meet: the engine is the same
// for all tests of a program, and no test may notice.
func TestBubblesShareAnEngine(t *testing.T) {
	data := noise(12, 300_000)
	want := md5.Sum(data)
	hash := func(t *testing.T, h *Hash) {
		for range 20 {
			h.Reset()
			writeAll(t, h, data[:100_000], data[100_000:200_000], data[200_000:])
			if got := h.Sum(); got != want {
				t.Errorf("MD5 = %x; want %x", got, want)
			}
		}
	}
	for _, name := range []string{"a", "b", "c"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var all sync.WaitGroup
				for range 3 {
					all.Go(func() { hash(t, New()) })
				}
				all.Wait()
			})
		})
	}
	t.Run("outside", func(t *testing.T) {
		t.Parallel()
		hash(t, New())
	})
}
