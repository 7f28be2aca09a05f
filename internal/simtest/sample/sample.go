// Package sample says which cases a test takes that goes through very many like ones: calls of the file system that
// may fail, bytes whose bits may flip. A plain go test takes all of them. With the race detector each takes 20 times
// as long, also since Pebble checks itself then; so some are taken, drawn by chance, and other ones in each run.
package sample

import (
	"flag"
	"math/rand/v2"
	"sync"
)

var given = flag.Uint64("sample.seed", 0, "seed of the cases that are taken with the race detector; 0 draws one")

// OneOf returns a function that reports whether a test takes its next case: always, or with the race detector once in n
// times, drawn from a seed that is logged. It is safe for concurrent use.
func OneOf(n int, logf func(format string, args ...any)) func() bool {
	if !raceEnabled {
		return func() bool { return true }
	}
	seed := *given
	if seed == 0 {
		seed = rand.Uint64() >> 32
	}
	logf("one of %d cases, -sample.seed %d", n, seed)
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seed, 0))
	return func() bool {
		mu.Lock()
		defer mu.Unlock()
		return r.IntN(n) == 0
	}
}

// Share returns how many of so many cases a test takes that draws each anew: all, or with the race detector one of n.
func Share(cases, n int) int {
	if raceEnabled {
		return cases / n
	}
	return cases
}
