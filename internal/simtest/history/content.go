package history

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
)

// A Content is bytes that were made to be the value of a key: noise that follows from seeds, so that it need not be
// kept.
type Content struct {
	Value  Value
	MD5    string // in hexadecimal digits
	Size   int
	Grown  bool // Extend has made it
	pieces []piece
}

type piece struct {
	seed uint64
	size int
}

// Noise returns bytes that follow from a seed.
func Noise(seed uint64, size int) []byte {
	b := make([]byte, size)
	fill(b, seed)
	return b
}

func fill(b []byte, seed uint64) {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	_, _ = rand.NewChaCha8(key).Read(b) // it never fails
}

// Bytes returns the bytes of the content.
func (c *Content) Bytes() []byte {
	b := make([]byte, c.Size)
	at := 0
	for _, p := range c.pieces {
		fill(b[at:at+p.size], p.seed)
		at += p.size
	}
	return b
}

// Contents know all bytes that a store may hold. Equal bytes are one content. The zero Contents are empty. They are safe
// for concurrent use.
type Contents struct {
	mu     sync.Mutex
	byMD5  map[string]*Content // guarded by mu
	byETag map[string]*Content // those whose ETag is not their MD5; guarded by mu
	ends   map[int]bool        // sizes of contents that Extend has made; guarded by mu
}

// Make returns the content that follows from a seed.
func (l *Contents) Make(seed uint64, size int) *Content {
	return l.add(&Content{pieces: []piece{{seed, size}}})
}

// Extend returns a content that begins with another one, or with nothing if that is nil, and adds noise of at
// least a size. No two contents that it makes are equally long, so that it is enough to say where one is to be extended.
func (l *Contents) Extend(c *Content, seed uint64, size int) *Content {
	var pieces []piece
	begin := 0
	if c != nil {
		pieces, begin = slices.Clone(c.pieces), c.Size
	}
	l.mu.Lock()
	if l.ends == nil {
		l.ends = make(map[int]bool)
	}
	for size == 0 || l.ends[begin+size] {
		size++
	}
	l.ends[begin+size] = true
	l.mu.Unlock()
	return l.add(&Content{pieces: append(pieces, piece{seed, size}), Grown: true})
}

// Last returns the bytes that the last Extend has added.
func (c *Content) Last() []byte {
	p := c.pieces[len(c.pieces)-1]
	return Noise(p.seed, p.size)
}

func (l *Contents) add(c *Content) *Content {
	for _, p := range c.pieces {
		c.Size += p.size
	}
	c.MD5 = digest(c.Bytes())
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byMD5 == nil {
		l.byMD5, l.byETag = make(map[string]*Content), make(map[string]*Content)
	}
	if old := l.byMD5[c.MD5]; old != nil {
		return old
	}
	c.Value = Value(len(l.byMD5) + 1)
	l.byMD5[c.MD5] = c
	return c
}

// Find returns the content of an ETag without quotes, which is its MD5 or one that was learnt; nil if it is not known.
func (l *Contents) Find(etag string) *Content {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.byMD5[etag]; c != nil {
		return c
	}
	return l.byETag[etag]
}

// Learn returns the content that has these bytes, and notes that they were found under an ETag. It is an error if
// nobody has made such bytes.
func (l *Contents) Learn(etag string, data []byte) (*Content, error) {
	sum := digest(data)
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.byMD5[sum]
	if c == nil {
		return nil, fmt.Errorf("%d bytes under the ETag %q are those of nothing that was ever written", len(data), etag)
	}
	l.byETag[etag] = c
	return c, nil
}

func digest(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}
