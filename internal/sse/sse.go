// Package sse encrypts what clients store with a key of their own. It knows neither objects nor requests: it turns bytes into
// other bytes and back.
//
// # How bytes are sealed
//
// Each run of bytes has a random salt of its own. From the client's key and the salt a data key is derived (HKDF with SHA-256), which
// is used for that run alone, so that no two runs share a key stream, whatever key the client sends. The run is cut into
// chunks of 65520 bytes; the last one may be shorter. Each is sealed by AES-256-GCM, which makes it 16 bytes longer: but for the
// last one they fill the 64 KiB that a blob has a checksum for. The nonce is the number of the chunk and whether it
// is the last one. So a chunk that was changed, moved, left out, or taken from another run is not opened; and a range needs only
// the chunks that it touches. This is the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár (2015) with one key for each stream.
//
// A run without bytes is sealed as nothing.
package sse

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/md5" // the protocol's check against damaged keys
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

const (
	// Algorithm is the only one there is, as headers name it.
	Algorithm = "AES256"

	// ChunkLen is the length of a sealed chunk that is not the last one.
	ChunkLen = 64 << 10

	// Overhead is how many bytes a sealed chunk is longer.
	Overhead = 16

	plainLen = ChunkLen - Overhead
	keyLen   = 32
)

// What data keys and checks are derived for. A change of the form needs other words.
const (
	forData  = "ois customer key, chunks, 1"
	forCheck = "ois customer key, check, 1"
)

// ErrDamaged is returned for sealed bytes that are not what was sealed with the key.
var ErrDamaged = errors.New("sealed bytes are damaged")

// A Key is a key of a client. It prints as nothing.
type Key struct {
	secret [keyLen]byte
	md5    string
}

// Format implements fmt.Formatter, so that no log ever has a key.
func (*Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "(key)") } // as fmt does: its errors are not heard

// ParseKey reads the three headers of a key, whose names begin with prefix. It returns nil if there is none of them. The
// errors say what is wrong, and nothing of the key.
func ParseKey(prefix, algorithm, key, keyMD5 string) (*Key, error) {
	if algorithm == "" && key == "" && keyMD5 == "" {
		return nil, nil
	}
	for _, h := range []struct{ name, value string }{{"algorithm", algorithm}, {"key", key}, {"key-md5", keyMD5}} {
		if h.value == "" {
			return nil, fmt.Errorf("header %s%s is missing; the three headers %salgorithm, -key and -key-md5 come together", prefix, h.name, prefix)
		}
	}
	if algorithm != Algorithm {
		return nil, fmt.Errorf("header %salgorithm: got %.64q; want %s", prefix, algorithm, Algorithm)
	}
	secret, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(secret) != keyLen {
		return nil, fmt.Errorf("header %skey: want base64 of %d bytes", prefix, keyLen)
	}
	want, err := base64.StdEncoding.DecodeString(keyMD5)
	if err != nil || len(want) != md5.Size {
		return nil, fmt.Errorf("header %skey-md5: want base64 of %d bytes", prefix, md5.Size)
	}
	if sum := md5.Sum(secret); !bytes.Equal(sum[:], want) {
		return nil, fmt.Errorf("header %skey-md5 is not the MD5 of the key", prefix)
	}
	return &Key{secret: [keyLen]byte(secret), md5: base64.StdEncoding.EncodeToString(want)}, nil
}

// MD5 returns what the header with the MD5 of the key says, nothing if there is no key.
func (k *Key) MD5() string {
	if k == nil {
		return ""
	}
	return k.md5
}

// Equal reports whether two keys are the same, or both are none.
func (k *Key) Equal(o *Key) bool {
	if k == nil || o == nil {
		return k == o
	}
	return subtle.ConstantTimeCompare(k.secret[:], o.secret[:]) == 1
}

// A Salt belongs to one run of sealed bytes. It is no secret.
type Salt [16]byte

// NewSalt returns a salt that there was never before.
func NewSalt() (s Salt) {
	_, _ = rand.Read(s[:]) // it never fails
	return s
}

// derive returns n bytes that follow from the key, a salt and what they are for.
func (k *Key) derive(salt []byte, what string, n int) []byte {
	b, err := hkdf.Key(sha256.New, k.secret[:], salt, what, n)
	if err != nil {
		panic(err) // only if n is too large
	}
	return b
}

// A Check tells whether a key is the one it was made of, and nothing else: a salt, and what follows from it and the key.
type Check [2 * len(Salt{})]byte

// NewCheck returns a check of the key.
func (k *Key) NewCheck() Check {
	salt := NewSalt()
	return k.check(salt[:])
}

func (k *Key) check(salt []byte) (c Check) {
	n := copy(c[:], salt)
	copy(c[n:], k.derive(salt, forCheck, len(c)-n))
	return c
}

// Fits reports whether k is the key that c was made of.
func (c Check) Fits(k *Key) bool {
	again := k.check(c[:len(Salt{})])
	return subtle.ConstantTimeCompare(again[:], c[:]) == 1
}

// SealedLen returns how long n bytes are when they are sealed.
func SealedLen(n int64) int64 { return n + (n+plainLen-1)/plainLen*Overhead }

// PlainLen returns how many bytes are in n sealed ones; ok is false if no sealed bytes have that length.
func PlainLen(n int64) (plain int64, ok bool) {
	rest := n % ChunkLen
	plain = n - (n+ChunkLen-1)/ChunkLen*Overhead
	return plain, rest == 0 || rest > Overhead
}

// Span returns which sealed bytes n bytes from off on are in, where there are size bytes in all.
func Span(size, off, n int64) (from, length int64) {
	if n == 0 {
		return 0, 0
	}
	from = off / plainLen * ChunkLen
	return from, min(((off+n-1)/plainLen+1)*ChunkLen, SealedLen(size)) - from
}

// A box seals and opens the chunks of one run.
type box struct{ aead cipher.AEAD }

func (k *Key) box(salt Salt) box {
	block, err := aes.NewCipher(k.derive(salt[:], forData, keyLen))
	if err != nil {
		panic(err) // only for keys of another length
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // only for other ciphers
	}
	return box{aead}
}

func (b box) nonce(number int64, last bool) []byte {
	nonce := make([]byte, 12)
	binary.BigEndian.PutUint64(nonce, uint64(number))
	if last {
		nonce[11] = 1
	}
	return nonce
}

func (b box) seal(dst, plain []byte, number int64, last bool) []byte {
	return b.aead.Seal(dst, b.nonce(number, last), plain, nil)
}

func (b box) open(dst, sealed []byte, number int64, last bool) ([]byte, error) {
	plain, err := b.aead.Open(dst, b.nonce(number, last), sealed, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: chunk %d does not belong to its place", ErrDamaged, number)
	}
	return plain, nil
}

// Seal seals a run that is one chunk: up to 65520 bytes.
func (k *Key) Seal(salt Salt, plain []byte) []byte {
	if len(plain) == 0 {
		return nil
	}
	if len(plain) > plainLen {
		panic(fmt.Sprintf("sse: one chunk of %d bytes; allowed: %d", len(plain), plainLen))
	}
	return k.box(salt).seal(make([]byte, 0, len(plain)+Overhead), plain, 0, true)
}

// Open opens what Seal made. It leaves sealed as it is.
func (k *Key) Open(salt Salt, sealed []byte) ([]byte, error) {
	if len(sealed) == 0 {
		return nil, nil
	}
	return k.box(salt).open(make([]byte, 0, len(sealed)), sealed, 0, true)
}

var chunks = sync.Pool{New: func() any { return new([ChunkLen]byte) }}

// A Sealer seals a run piece by piece.
type Sealer struct {
	box
	pull   func() ([]byte, error)
	number int64
	rest   []byte // of the last piece that was pulled
	n      int    // bytes in plain
	ended  bool

	plain, sealed *[ChunkLen]byte
}

// NewSealer returns a Sealer of what pull yields until it returns exactly io.EOF: pieces of any length, each of which stays as it is
// until the next call. The salt must be a new one. Close must be called.
func (k *Key) NewSealer(salt Salt, pull func() ([]byte, error)) *Sealer {
	return &Sealer{
		box: k.box(salt), pull: pull,
		plain: chunks.Get().(*[ChunkLen]byte), sealed: chunks.Get().(*[ChunkLen]byte),
	}
}

// Next lends the next sealed chunk, until the call after it. At the end it returns exactly io.EOF. Errors of pull are returned as they
// are.
func (s *Sealer) Next() ([]byte, error) {
	// A full chunk waits until it is known whether it is the last one.
	for !s.ended && (s.n < plainLen || len(s.rest) == 0) {
		if len(s.rest) == 0 {
			var err error
			if s.rest, err = s.pull(); err == io.EOF { //nolint:errorlint // exactly: whoever wraps it means a failure
				s.ended, s.rest = true, nil
				break
			}
			if err != nil {
				return nil, err
			}
			continue
		}
		m := copy(s.plain[s.n:plainLen], s.rest)
		s.n, s.rest = s.n+m, s.rest[m:]
	}
	if s.n == 0 {
		return nil, io.EOF
	}
	sealed := s.seal(s.sealed[:0], s.plain[:s.n], s.number, s.ended)
	s.n = 0
	s.number++
	return sealed, nil
}

// Close gives back the memory.
func (s *Sealer) Close() {
	clear(s.plain[:])
	chunks.Put(s.plain)
	chunks.Put(s.sealed)
	s.plain, s.sealed = nil, nil
}

// An Opener opens a range of a run.
type Opener struct {
	box
	src    io.Reader
	number int64 // of the next chunk
	last   int64 // the number of the last chunk of the run
	tail   int   // its length
	skip   int   // bytes at the begin of the next chunk that are not wanted
	left   int64 // bytes that are still to come
	buf    *[ChunkLen]byte
}

// NewOpener returns an Opener of n bytes from off on of a run of size bytes. src yields the sealed bytes that Span tells. Close must be
// called.
func (k *Key) NewOpener(salt Salt, size, off, n int64, src io.Reader) *Opener {
	last := max(size-1, 0) / plainLen
	return &Opener{
		box: k.box(salt), src: src, number: off / plainLen, last: last, tail: int(SealedLen(size) - last*ChunkLen),
		skip: int(off % plainLen), left: n, buf: chunks.Get().(*[ChunkLen]byte),
	}
}

// Next lends the next bytes, until the call after it. At the end it returns io.EOF. Errors of the source are returned as they are.
func (o *Opener) Next() ([]byte, error) {
	if o.left == 0 {
		return nil, io.EOF
	}
	sealed := o.buf[:]
	if o.number == o.last {
		sealed = sealed[:o.tail]
	}
	if _, err := io.ReadFull(o.src, sealed); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("%w: it ends within chunk %d", ErrDamaged, o.number)
		}
		return nil, err
	}
	plain, err := o.open(sealed[:0], sealed, o.number, o.number == o.last)
	if err != nil {
		return nil, err
	}
	plain = plain[o.skip:]
	plain = plain[:min(int64(len(plain)), o.left)]
	o.number, o.skip, o.left = o.number+1, 0, o.left-int64(len(plain))
	return plain, nil
}

// Close gives back the memory.
func (o *Opener) Close() {
	clear(o.buf[:])
	chunks.Put(o.buf)
	o.buf = nil
}
