package sample

import "testing"

// TestSample: without the race detector each case is taken, with it about as many as were asked for.
func TestSample(t *testing.T) {
	const cases, n = 100_000, 5
	taken, want := 0, cases
	if raceEnabled {
		want = cases / n
	}
	next := OneOf(n, t.Logf)
	for range cases {
		if next() {
			taken++
		}
	}
	if taken < want*9/10 || taken > want*11/10 || taken < want && !raceEnabled {
		t.Errorf("%d of %d cases were taken; want %d", taken, cases, want)
	}
	if got := Share(cases, n); got != want {
		t.Errorf("Share(%d, %d) = %d; want %d", cases, n, got, want)
	}
}
