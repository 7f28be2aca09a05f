package wire

import (
	"fmt"
	"math"
	"strings"

	"github.com/oisproject/ois/internal/fault"
)

// A Span is a run of bytes of an object.
type Span struct {
	Off, Len int64
	// Partial says that a range was asked for, so that the answer is 206. A whole
	// object can be partial: "bytes=0-".
	Partial bool
}

// ContentRange returns the value of the Content-Range header of a partial answer
// from an object of that size.
func (s Span) ContentRange(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", s.Off, s.Off+s.Len-1, size)
}

// ParseRange returns the bytes that the value of a Range header selects of an object
// of that size. An empty value is the whole object. There is one range, of bytes; its end is
// clipped; a start at or beyond the end, several ranges and whatever else
// cannot be read are invalid_range.
func ParseRange(value string, size int64) (Span, error) {
	if value == "" {
		return Span{Len: size}, nil
	}
	unit, set, ok := strings.Cut(strings.TrimSpace(value), "=")
	first, last, dash := strings.Cut(set, "-")
	if !ok || !dash || !strings.EqualFold(unit, "bytes") {
		return Span{}, badRange(value)
	}
	if first == "" {
		return suffix(value, last, size)
	}
	from, ok := digits(first)
	if !ok {
		return Span{}, badRange(value)
	}
	to := int64(math.MaxInt64)
	if last != "" {
		if to, ok = digits(last); !ok || to < from {
			return Span{}, badRange(value)
		}
	}
	if from >= size {
		return Span{}, fault.Newf(fault.InvalidRange, "the range %q starts beyond the end of the %d bytes of the object", value, size)
	}
	return Span{Off: from, Len: min(to, size-1) - from + 1, Partial: true}, nil
}

// suffix returns the last bytes of an object. There are none to be had of an
// empty object, which is then sent whole.
func suffix(value, last string, size int64) (Span, error) {
	n, ok := digits(last)
	if !ok || n == 0 {
		return Span{}, badRange(value)
	}
	if size == 0 {
		return Span{}, nil
	}
	n = min(n, size)
	return Span{Off: size - n, Len: n, Partial: true}, nil
}

func badRange(value string) error {
	return fault.Newf(fault.InvalidRange, "the range %q is not one of bytes=FIRST-LAST, bytes=FIRST- and bytes=-COUNT", value)
}

// digits reads a decimal number; one that does not fit counts as the largest.
func digits(s string) (n int64, ok bool) {
	for i := range len(s) {
		d := int64(s[i]) - '0'
		if d < 0 || d > 9 {
			return 0, false
		}
		if n > (math.MaxInt64-d)/10 {
			n = math.MaxInt64
			continue
		}
		n = n*10 + d
	}
	return n, s != ""
}
