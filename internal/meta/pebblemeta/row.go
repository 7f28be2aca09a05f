package pebblemeta

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"github.com/oisproject/ois/internal/meta"
)

// formatVersion is the version of the layout of rows. docs/format.md describes it.
const formatVersion = 1

// Keys that the engine keeps for itself begin with a zero byte, as no other key does. Their
// values are 8-byte numbers without a revision.
var (
	formatKey   = []byte{0, 'f'} // formatVersion
	revisionKey = []byte{0, 'r'} // the greatest revision given so far
	firstKey    = []byte{1}      // no row of the engine's users is before it
)

// A stored value is the row's revision and what was set; a counter is revision 0 and the sum.
const (
	revLen     = 8
	counterLen = 8
)

var errRow = errors.New("stored value does not have the form of a row")

// decodeValue splits a stored value into revision and value, which is part of b.
func decodeValue(b []byte) (rev uint64, val []byte, err error) {
	if len(b) < revLen {
		return 0, nil, errRow
	}
	rev, val = binary.BigEndian.Uint64(b), b[revLen:]
	if rev == 0 && len(val) != counterLen {
		return 0, nil, errRow
	}
	return rev, val, nil
}

// decodeRow returns the row that is stored at key; its value is part of stored.
func decodeRow(key, stored []byte) (meta.Row, error) {
	rev, val, err := decodeValue(stored)
	if err != nil {
		return meta.Row{}, fmt.Errorf("row %q: %w", key, err)
	}
	return meta.Row{Key: key, Val: val, Rev: rev}, nil
}

func encodeNumber(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// getNumber reads a row of the engine's own.
func getNumber(r pebble.Reader, key []byte) (n uint64, ok bool, err error) {
	ok, err = view(r, key, func(b []byte) error {
		if len(b) != 8 {
			return fmt.Errorf("row %q: %w", key, errRow)
		}
		n = binary.BigEndian.Uint64(b)
		return nil
	})
	return n, ok, err
}

// view calls read with what is stored at key, for the time of the call; ok is false, and read not called, if
// there is nothing.
func view(r pebble.Reader, key []byte, read func(stored []byte) error) (ok bool, err error) {
	it, err := r.NewIter(&pointOptions)
	if err != nil {
		return false, fmt.Errorf("row %q: %w", key, err)
	}
	var bad error
	if ok = it.SeekPrefixGE(key); ok {
		var stored []byte
		if stored, err = storedValue(it); err == nil {
			bad = read(stored)
		}
	}
	if closed := it.Close(); err == nil { // else Close only repeats it
		err = closed
	}
	if err != nil {
		return false, fmt.Errorf("row %q: %w", key, err)
	}
	return ok, bad
}

// storedValue returns the value at which an iterator stands. Pebble 2.1 meets a file of values whose ends are damaged with a panic,
// holding nothing: that becomes an error about this row.
func storedValue(it *pebble.Iterator) (v []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			if s, ok := p.(string); !ok || !strings.HasPrefix(s, "unknown metadata type") {
				panic(p)
			}
			err = errors.New("its file of values is damaged")
		}
	}()
	return it.ValueAndErr()
}

// pointOptions are for reading single rows. That a row does not exist is known by a filter then, also on the last level, where nearly
// everything lies. Reader.Get asks none there, and each new object would cost the reading of a block.
var pointOptions = pebble.IterOptions{UseL6Filters: true}
