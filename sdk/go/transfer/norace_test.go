//go:build !race

package transfer

// raceEnabled reports that the race detector is on: it makes pools forget, so
// allocations are not counted then.
const raceEnabled = false
