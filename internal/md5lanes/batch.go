package md5lanes

import "sync"

const (
	// maxLanes is the number of lanes of the widest kernel.
	maxLanes = 16
	// pairLanes is that of the kernel without vectors.
	pairLanes = 2
	// roundBlocks is how many blocks of each lane are hashed before others may join: 16 KiB, at most
	// about 50 microseconds, in which the scheduler cannot interrupt.
	roundBlocks = 256
)

//go:generate go run ./gen

// lanes is what a kernel works on: the states, word by word, and where the blocks of each
// lane begin. A lane that is not in use has the data of another. Command gen knows the layout.
type lanes struct {
	state [4][maxLanes]uint32
	data  [maxLanes]*byte
}

func (l *lanes) get(i int) (st state) {
	for w := range st {
		st[w] = l.state[w][i]
	}
	return st
}

func (l *lanes) set(i int, st state) {
	for w := range st {
		l.state[w][i] = st[w]
	}
}

// A kernel hashes several streams at once.
type kernel struct {
	name   string
	from   int                        // the least number of streams that it is good for
	lanes  int                        // how many it can take
	blocks func(l *lanes, blocks int) // hashes so many blocks of each lane
}

// A batch is the streams that a worker hashes together, each with a piece.
type batch struct {
	lanes lanes
	n     int             // lanes in use, the first ones
	in    [maxLanes]*Hash // who is in them
	out   [maxLanes]*Hash // who left last
}

var batches = sync.Pool{New: func() any { return new(batch) }}

// add puts a stream into a free lane.
func (b *batch) add(h *Hash) {
	b.in[b.n] = h
	b.lanes.set(b.n, h.state)
	b.n++
}

// remove takes the stream out of lane i, and moves the last one there.
func (b *batch) remove(i int) *Hash {
	h := b.in[i]
	h.state, h.piece = b.lanes.get(i), nil
	b.n--
	b.in[i] = b.in[b.n]
	b.lanes.set(i, b.lanes.get(b.n))
	b.in[b.n] = nil
	return h
}

// done removes the streams that have nothing left of their piece and returns them. The slice is good until
// the next call.
func (b *batch) done() []*Hash {
	out := b.out[:0]
	for i := b.n - 1; i >= 0; i-- {
		if len(b.in[i].piece) == 0 {
			out = append(out, b.remove(i))
		}
	}
	return out
}

// round hashes as many blocks as every lane has, but no more than roundBlocks.
func (b *batch) round(k *kernel) {
	blocks := roundBlocks
	for _, h := range b.in[:b.n] {
		blocks = min(blocks, len(h.piece)/blockSize)
	}
	if k == nil {
		b.serially(blocks)
	} else {
		b.together(k, blocks)
	}
	for _, h := range b.in[:b.n] {
		touch(h.piece[:blocks*blockSize])
		h.piece = h.piece[blocks*blockSize:]
	}
}

func (b *batch) together(k *kernel, blocks int) {
	for i := range b.lanes.data {
		h := b.in[0] // for lanes not in use
		if i < b.n {
			h = b.in[i]
		}
		b.lanes.data[i] = &h.piece[0]
	}
	k.blocks(&b.lanes, blocks)
	clear(b.lanes.data[:])
}

func (b *batch) serially(blocks int) {
	for i, h := range b.in[:b.n] {
		st := b.lanes.get(i)
		serially(&st, h.piece[:blocks*blockSize])
		b.lanes.set(i, st)
	}
}
