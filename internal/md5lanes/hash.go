// Package md5lanes computes the MD5 of several streams at once, in the lanes of
// vector registers.
//
// MD5 is one long chain of dependent steps: a core that hashes a single stream mostly
// waits for itself. Sixteen streams side by side take hardly longer than one. So a
// [Hash] hands its pieces to an engine, one for the process, which hashes together
// what is there at the same time, in the background of those who wrote it.
//
// The package computes checksums and nothing else: it knows neither requests nor files, and
// where the processor has no vectors for it, it is crypto/md5 in the background.
package md5lanes

import (
	"encoding/binary"
	"sync"
)

// Size is the length of an MD5 sum in bytes.
const Size = 16

// blockSize is the length in bytes of what MD5 takes in one step.
const blockSize = 64

// A state is that of MD5 between two blocks.
type state [4]uint32

// start is the state before the first block.
var start = state{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}

// A Hash is the MD5 of one stream, computed in the background. It is used by one goroutine
// at a time. Who gives up on a stream calls Wait before the last piece may change.
type Hash struct {
	engine *engine

	// busy is held by whoever works on the stream: the caller inside of a method, and after Write
	// the engine until the piece is hashed. One goroutine locks it and another unlocks
	// it. A channel would do the same, but bubbles of synctest cannot share one.
	busy  sync.Mutex
	state state
	size  uint64          // bytes so far
	tail  [blockSize]byte // the size%blockSize bytes that make no block yet

	piece []byte // what the engine hashes: whole blocks
	next  *Hash  // behind this one in the queue; guarded by engine.mu
}

// New returns the Hash of an empty stream. It may be used for one stream after another, with Reset.
func New() *Hash { return shared.newHash() }

// Reset waits for the piece at work and begins a new stream.
func (h *Hash) Reset() {
	h.busy.Lock()
	h.state, h.size = start, 0
	h.busy.Unlock()
}

// Write waits until the piece before is hashed, begins with p and returns. p must not
// change until the next Write, Wait, Sum or Reset has returned. The error is always nil.
//
// The way to a worker and back costs about a microsecond on a busy machine, and up to 20 where a
// processor has to wake up for it. So for large bodies pieces of 256 KiB are better than of 64 KiB.
func (h *Hash) Write(p []byte) (int, error) {
	h.busy.Lock()
	n := len(p)
	p = h.complete(p)
	whole := len(p) &^ (blockSize - 1)
	copy(h.tail[:], p[whole:])
	switch {
	case whole >= h.engine.worth:
		h.piece = p[:whole]
		h.engine.submit(h) // and unlock when it is done
		return n, nil
	case whole > 0:
		serially(&h.state, p[:whole])
	}
	h.busy.Unlock()
	return n, nil
}

// complete counts p in and fills the block that was begun with the head of p. It returns the
// rest of p, which starts a block or is empty.
func (h *Hash) complete(p []byte) []byte {
	begun := int(h.size % blockSize)
	h.size += uint64(len(p))
	if begun == 0 {
		return p
	}
	n := copy(h.tail[begun:], p)
	if begun+n < blockSize {
		return nil
	}
	serially(&h.state, h.tail[:])
	return p[n:]
}

// Wait returns when all that was written is hashed, and no slice is in use any more.
func (h *Hash) Wait() {
	h.busy.Lock()
	defer h.busy.Unlock()
}

// Sum waits and returns the MD5 of all that was written.
func (h *Hash) Sum() [Size]byte {
	h.busy.Lock()
	end := h.state
	serially(&end, h.padding())
	h.busy.Unlock()

	var sum [Size]byte
	for i, word := range end {
		binary.LittleEndian.PutUint32(sum[4*i:], word)
	}
	return sum
}

// padding returns the last blocks: the tail, a one bit, zeros, and the length in bits.
func (h *Hash) padding() []byte {
	var b [2 * blockSize]byte
	n := copy(b[:], h.tail[:h.size%blockSize])
	b[n] = 0x80
	end := blockSize
	if n+1+8 > end {
		end = 2 * blockSize
	}
	binary.LittleEndian.PutUint64(b[end-8:], h.size<<3)
	return b[:end]
}
