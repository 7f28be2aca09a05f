package md5lanes

import (
	"crypto/md5"
	"encoding"
	"encoding/binary"
	"hash"
	"sync"
)

// magic is how the saved state of crypto/md5 starts. There follow the four words of the state, big
// endian, the block that was begun, and the length so far.
const magic = "md5\x01"

// savedSize is the length of the saved state of crypto/md5.
const savedSize = len(magic) + 4*4 + blockSize + 8

// A serialHash is crypto/md5, which can go on from any state.
type serialHash struct {
	hash  resumable
	saved [savedSize]byte
}

// A resumable is what crypto/md5 promises of its hash.
type resumable interface {
	hash.Hash
	encoding.BinaryAppender
	encoding.BinaryUnmarshaler
}

var serialHashes = sync.Pool{New: func() any {
	s := &serialHash{hash: md5.New().(resumable)}
	copy(s.saved[:], magic)
	return s
}}

// serially hashes whole blocks of one stream with crypto/md5.
func serially(st *state, p []byte) {
	s := serialHashes.Get().(*serialHash)
	s.blocks(st, p)
	serialHashes.Put(s)
}

// blocks hashes whole blocks. It panics where crypto/md5 refuses to work, which is in a
// program that was told to use no MD5 (GODEBUG=fips140=only).
func (s *serialHash) blocks(st *state, p []byte) {
	words := s.saved[len(magic):]
	for i, word := range st {
		binary.BigEndian.PutUint32(words[4*i:], word)
	}
	if err := s.hash.UnmarshalBinary(s.saved[:]); err != nil {
		panic(err)
	}
	if _, err := s.hash.Write(p); err != nil {
		panic(err)
	}
	if _, err := s.hash.AppendBinary(s.saved[:0]); err != nil {
		panic(err)
	}
	for i := range st {
		st[i] = binary.BigEndian.Uint32(words[4*i:])
	}
	clear(words[4*len(st):])
}
