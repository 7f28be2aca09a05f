package store

import "testing"

// TestLastPinTellsWhetherTheSweeperWaits: a read wakes the sweeper only if it has kept it from something.
func TestLastPinTellsWhetherTheSweeperWaits(t *testing.T) {
	var p pins
	r := makeRef(1, 1, 1)
	p.add(r)
	if p.remove(r) {
		t.Error("the sweeper waits for what it never asked for")
	}
	p.add(r)
	p.add(r)
	if p.unpinned([]ref{r})[r] {
		t.Error("a held ref is free")
	}
	if p.remove(r) {
		t.Error("the first of two pins was the last")
	}
	if !p.remove(r) {
		t.Error("the sweeper is not told that it can go on")
	}
	if !p.unpinned([]ref{r})[r] || len(p.held) != 0 || len(p.wanted) != 0 {
		t.Errorf("something is left: %v, %v", p.held, p.wanted)
	}
}
