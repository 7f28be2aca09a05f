package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// A row's value is a version byte and then fields: a uvarint of number<<1|kind, and a
// uvarint (kind 0) or a uvarint length and that many bytes (kind 1). Fields ascend; a field that repeats is a list; a zero number
// and an empty text are left out. An unknown field is an error: it was written by a newer version,
// which may have meant something by it.
const recordVersion = 1

var errShortRecord = errors.New("ends inside a field")

// appendUint appends a number field unless it is zero.
func appendUint(b []byte, field int, v uint64) []byte {
	if v == 0 {
		return b
	}
	b = binary.AppendUvarint(b, uint64(field)<<1)
	return binary.AppendUvarint(b, v)
}

// appendBool appends a number field of 1 if v holds.
func appendBool(b []byte, field int, v bool) []byte {
	if !v {
		return b
	}
	return appendUint(b, field, 1)
}

// appendText appends a text field unless it is empty.
func appendText[T string | []byte](b []byte, field int, v T) []byte {
	if len(v) == 0 {
		return b
	}
	return appendItem(b, field, v)
}

// appendItem appends a text field, also an empty one.
func appendItem[T string | []byte](b []byte, field int, v T) []byte {
	b = binary.AppendUvarint(b, uint64(field)<<1|1)
	b = binary.AppendUvarint(b, uint64(len(v)))
	return append(b, v...)
}

// A field is one decoded field of a record: num for a number, text for bytes. text aliases the record.
type field struct {
	id   int
	num  uint64
	text []byte
}

// A scanner walks over the fields of a record:
//
//	for s := scan(b); s.next(); {
//		switch s.id { … default: s.unknown() }
//	}
//	return s.err
type scanner struct {
	field
	rest []byte
	last int
	err  error
}

// scan begins to walk over a record. It is inlined, so that the scanner stays on the stack.
func scan(b []byte) *scanner {
	s := &scanner{rest: b}
	s.begin()
	return s
}

// begin takes the version off.
func (s *scanner) begin() {
	b := s.rest
	if len(b) == 0 {
		s.err = errShortRecord
	} else if s.rest = b[1:]; b[0] != recordVersion {
		s.err = fmt.Errorf("record version %d, want %d", b[0], recordVersion)
	}
}

func (s *scanner) next() bool {
	if s.err != nil || len(s.rest) == 0 {
		return false
	}
	tag := s.uvarint()
	if s.err == nil && (tag>>1 == 0 || tag>>1 > math.MaxInt32 || int(tag>>1) < s.last) {
		s.err = fmt.Errorf("field %d after field %d", tag>>1, s.last)
	}
	s.field = field{id: int(tag >> 1 & math.MaxInt32)}
	s.last = s.id
	v := s.uvarint()
	if tag&1 == 0 {
		s.num = v
		return s.err == nil
	}
	if s.err == nil && v > uint64(len(s.rest)) {
		s.err = errShortRecord
	}
	if s.err != nil {
		return false
	}
	s.text, s.rest = s.rest[:v:v], s.rest[v:]
	return true
}

func (s *scanner) uvarint() uint64 {
	if s.err != nil {
		return 0
	}
	v, n := binary.Uvarint(s.rest)
	if n <= 0 {
		s.err = errShortRecord
		return 0
	}
	s.rest = s.rest[n:]
	return v
}

// unknown ends the scan: the record has a field this version does not know.
func (s *scanner) unknown() {
	s.err = fmt.Errorf("unknown field %d", s.id)
}

// fail ends the scan because the current field's content is wrong.
func (s *scanner) fail(err error) {
	if s.err == nil && err != nil {
		s.err = fmt.Errorf("field %d: %w", s.id, err)
	}
}

// done returns the error of the scan with what was scanned.
func (s *scanner) done(what string) error {
	if s.err != nil {
		return fmt.Errorf("%s: %w", what, s.err)
	}
	return nil
}
