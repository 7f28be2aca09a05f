// Package seal keeps secrets from those who see only where they are stored: it seals them with AES-256-GCM under a key that lies
// elsewhere. It knows no files and no rows.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// KeyLen is the length of a key in bytes.
const KeyLen = 32

// An ID names a key and does not tell it.
type ID [8]byte

// String returns the id as 16 hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Errors of Open.
var (
	// ErrOtherKey is matched when a secret was sealed with a key that is not there.
	ErrOtherKey = errors.New("sealed with another key")
	// ErrBroken is matched when a sealed secret is not what was sealed, or stands in another place.
	ErrBroken = errors.New("sealed secret is damaged, or not in its place")
)

// ParseKey reads the text of a key file: 32 bytes as 64 hexadecimal digits or in base64. What surrounds them may be
// white space. The error does not tell the text.
func ParseKey(text string) (key [KeyLen]byte, err error) {
	text = strings.TrimSpace(text)
	var b []byte
	switch len(text) {
	case hex.EncodedLen(KeyLen):
		b, err = hex.DecodeString(text)
	case base64.StdEncoding.EncodedLen(KeyLen):
		b, err = base64.StdEncoding.Strict().DecodeString(text)
	case base64.RawStdEncoding.EncodedLen(KeyLen):
		b, err = base64.RawStdEncoding.Strict().DecodeString(text)
	}
	if err != nil || len(b) != KeyLen {
		return key, errors.New("want a key of 32 bytes, as 64 hexadecimal digits or in base64")
	}
	return [KeyLen]byte(b), nil
}

// A Ring seals with one key and opens with all of several. It is safe for concurrent use.
type Ring struct {
	keys []sealer
}

type sealer struct {
	id   ID
	aead cipher.AEAD
}

// NewRing returns a Ring that seals with the first key.
func NewRing(first [KeyLen]byte, others ...[KeyLen]byte) (*Ring, error) {
	r := &Ring{}
	for _, key := range append([][KeyLen]byte{first}, others...) {
		block, err := aes.NewCipher(key[:])
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		mac := hmac.New(sha256.New, key[:])
		mac.Write([]byte("ois: id of a key for secrets"))
		r.keys = append(r.keys, sealer{ID(mac.Sum(nil)[:len(ID{})]), aead})
	}
	return r, nil
}

// ID returns the id of the key that seals.
func (r *Ring) ID() ID { return r.keys[0].id }

// Has reports whether the ring has a key.
func (r *Ring) Has(id ID) bool { return r.find(id) != nil }

func (r *Ring) find(id ID) *sealer {
	for i := range r.keys {
		if r.keys[i].id == id {
			return &r.keys[i]
		}
	}
	return nil
}

// Seal returns the sealed form of a secret that has its place at context: only there can it be opened. It is the id of the key, a nonce
// of 12 random bytes, and what AES-256-GCM makes of the secret.
func (r *Ring) Seal(secret, context string) []byte {
	s := &r.keys[0]
	b := make([]byte, len(s.id)+s.aead.NonceSize(), len(s.id)+s.aead.NonceSize()+len(secret)+s.aead.Overhead())
	copy(b, s.id[:])
	nonce := b[len(s.id):]
	_, _ = rand.Read(nonce) // it never fails
	return s.aead.Seal(b, nonce, []byte(secret), []byte(context))
}

// KeyOf returns the id of the key with which a secret was sealed.
func KeyOf(sealed []byte) (id ID, err error) {
	if copy(id[:], sealed) < len(id) {
		return id, fmt.Errorf("%w: it is too short", ErrBroken)
	}
	return id, nil
}

// Open returns a secret that was sealed at context.
func (r *Ring) Open(sealed []byte, context string) (string, error) {
	id, err := KeyOf(sealed)
	if err != nil {
		return "", err
	}
	s := r.find(id)
	if s == nil {
		return "", fmt.Errorf("%w, %s", ErrOtherKey, id)
	}
	rest := sealed[len(id):]
	if len(rest) < s.aead.NonceSize() {
		return "", fmt.Errorf("%w: it is too short", ErrBroken)
	}
	nonce, text := rest[:s.aead.NonceSize()], rest[s.aead.NonceSize():]
	secret, err := s.aead.Open(nil, nonce, text, []byte(context))
	if err != nil {
		return "", ErrBroken
	}
	return string(secret), nil
}
