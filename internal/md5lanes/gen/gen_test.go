package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestFileIsWhatGenWrites(t *testing.T) {
	got, err := os.ReadFile(filepath.Join("..", file))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, generate()) {
		t.Errorf("%s is not what gen writes; run go generate ./internal/md5lanes", file)
	}
}

// TestRoundsAreThoseOfTheRFC compares with the sentences of RFC 1321, 3.4: a condition, a
// condition, the odd number of ones, and the fourth for all inputs.
func TestRoundsAreThoseOfTheRFC(t *testing.T) {
	for i := range 8 {
		b, c, d := i>>2, i>>1&1, i&1
		pick := func(which, yes, no int) int {
			if which == 1 {
				return yes
			}
			return no
		}
		want := [4]int{pick(b, c, d), pick(d, b, c), (b + c + d) % 2, c ^ pick(d, b, 1)}
		for r, w := range want {
			if got := round(r).of(b, c, d); got != w {
				t.Errorf("round %d of %d, %d, %d = %d; want %d", r+1, b, c, d, got, w)
			}
		}
	}
}
