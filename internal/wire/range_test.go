package wire

import (
	"math"
	"testing"

	"github.com/oisproject/ois/internal/fault"
)

func TestParseRange(t *testing.T) {
	tests := []struct {
		value string
		size  int64
		want  Span
	}{
		{"", 10, Span{0, 10, false}},
		{"", 0, Span{0, 0, false}},
		{"bytes=0-0", 10, Span{0, 1, true}},
		{"bytes=2-4", 10, Span{2, 3, true}},
		{"bytes=0-", 10, Span{0, 10, true}},
		{"bytes=9-", 10, Span{9, 1, true}},
		{"bytes=5-10", 10, Span{5, 5, true}},
		{"bytes=5-99999999999999999999999", 10, Span{5, 5, true}},
		{"bytes=-3", 10, Span{7, 3, true}},
		{"bytes=-10", 10, Span{0, 10, true}},
		{"bytes=-11", 10, Span{0, 10, true}},
		{"bytes=-99999999999999999999999", 10, Span{0, 10, true}},
		{"bytes=-5", 0, Span{0, 0, false}},
		{"BYTES=1-2", 10, Span{1, 2, true}},
		{" bytes=1-2 ", 10, Span{1, 2, true}},
		{"bytes=0-", math.MaxInt64, Span{0, math.MaxInt64, true}},
	}
	for _, test := range tests {
		if got, err := ParseRange(test.value, test.size); err != nil || got != test.want {
			t.Errorf("ParseRange(%q, %d) = %+v, %v; want %+v", test.value, test.size, got, err, test.want)
		}
	}
}

func TestContentRange(t *testing.T) {
	if got := (Span{Off: 2, Len: 3, Partial: true}).ContentRange(10); got != "bytes 2-4/10" {
		t.Errorf("ContentRange = %q; want bytes 2-4/10", got)
	}
}

func TestParseRangeRefuses(t *testing.T) {
	for _, value := range []string{
		"bytes=10-", "bytes=10-20", "bytes=99999999999999999999999-",
		"bytes=4-2", "bytes=-0", "bytes=-", "bytes=", "bytes", "bytes=a-b", "bytes=1-b", "bytes=a-2",
		"bytes=0-1,3-4", "bytes=0-1,", "bytes=-1-2", "bytes=--2", "bytes=+1-2", "bytes=1-+2", "bytes=1 - 2", "bytes= 1-2",
		"bytes 0-1", "items=0-1", "=0-1", "0-1", "bytes=0x1-2", "bytes=٣-٤", " ",
	} {
		if got, err := ParseRange(value, 10); fault.CodeOf(err) != fault.InvalidRange {
			t.Errorf("ParseRange(%q, 10) = %+v, %v; want %s", value, got, err, fault.InvalidRange)
		}
	}
	if got, err := ParseRange("bytes=0-", 0); fault.CodeOf(err) != fault.InvalidRange {
		t.Errorf("ParseRange of an empty object = %+v, %v; want %s", got, err, fault.InvalidRange)
	}
}

// FuzzParseRange checks that a range never leaves the object.
func FuzzParseRange(f *testing.F) {
	f.Add("bytes=1-2", int64(10))
	f.Add("bytes=-9223372036854775808", int64(1))
	f.Add("bytes=9223372036854775807-", int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, value string, size int64) {
		if size < 0 {
			return
		}
		s, err := ParseRange(value, size)
		if err != nil {
			return
		}
		if s.Off < 0 || s.Len < 0 || s.Len > size-s.Off || s.Partial && s.Len == 0 || !s.Partial && s != (Span{Len: size}) {
			t.Errorf("ParseRange(%q, %d) = %+v", value, size, s)
		}
	})
}
