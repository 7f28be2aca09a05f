package meta

import (
	"encoding/binary"
	"fmt"
)

// Counter returns the sum that a counter row holds.
func Counter(r Row) (int64, error) {
	if len(r.Val) != 8 {
		return 0, fmt.Errorf("counter %q: value has %d bytes, want 8", r.Key, len(r.Val))
	}
	return int64(binary.BigEndian.Uint64(r.Val)), nil
}

// AppendCounter appends the value of a counter row that holds n.
func AppendCounter(dst []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(n))
}
