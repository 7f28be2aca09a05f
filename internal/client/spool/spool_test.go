package spool

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestSpool(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir)
	var s Spool
	if err := s.Close(); err != nil || s.Len() != 0 {
		t.Errorf("empty: %v, %d", err, s.Len())
	}
	text := func(i int) string { return strings.Repeat(fmt.Sprintf("%d\x00\n", i), i%50) }
	for i := range 10_000 {
		if err := s.Add(text(i)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		i := 0
		for got, err := range s.All() {
			if err != nil || got != text(i) {
				t.Fatalf("%d: got %q, %v", i, got, err)
			}
			i++
		}
		if i != 10_000 || s.Len() != 10_000 {
			t.Fatalf("%d texts, %d counted", i, s.Len())
		}
	}
	if err := s.Add(strings.Repeat("x", maxText+1)); err == nil {
		t.Error("a text can have any length")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("%d files are left", len(left))
	}
}
