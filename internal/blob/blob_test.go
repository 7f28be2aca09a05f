package blob_test

import (
	"bytes"
	"cmp"
	"math"
	"testing"

	"github.com/oisproject/ois/internal/blob"
)

func TestIDKeepsOrder(t *testing.T) {
	var ids []blob.ID // ascending
	for _, epoch := range []uint32{0, 1, 255, 256, math.MaxUint32} {
		for _, seq := range []uint64{0, 1, 255, 256, 1 << 40, math.MaxUint64} {
			ids = append(ids, blob.ID{Epoch: epoch, Seq: seq})
		}
	}
	for i, a := range ids {
		for j, b := range ids {
			want := cmp.Compare(i, j)
			if got := a.Compare(b); got != want {
				t.Errorf("%s.Compare(%s) = %d; want %d", a, b, got, want)
			}
			if got := bytes.Compare(a.Append(nil), b.Append(nil)); got != want {
				t.Errorf("encoded %s against %s compares as %d; want %d", a, b, got, want)
			}
			if got := cmp.Compare(a.String(), b.String()); got != want {
				t.Errorf("%s against %s as strings compares as %d; want %d", a, b, got, want)
			}
		}
	}
}

func TestParseID(t *testing.T) {
	id := blob.ID{Epoch: 0x01020304, Seq: 0x05060708090a0b0c}
	if got, err := blob.ParseID(id.Append(nil)); err != nil || got != id {
		t.Errorf("ParseID of %s = %s, %v; want the same", id, got, err)
	}
	if got, want := id.String(), "0102030405060708090a0b0c"; got != want {
		t.Errorf("String = %s; want %s", got, want)
	}
	for _, n := range []int{0, blob.IDLen - 1, blob.IDLen + 1} {
		if _, err := blob.ParseID(make([]byte, n)); err == nil {
			t.Errorf("ParseID of %d bytes = nil; want an error", n)
		}
	}
}
