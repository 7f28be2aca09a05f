// Package bench measures `ois serve` from outside, as a process of its own: the CPU
// seconds it takes for 1,000 requests, its start and its memory at rest. Beside it stands a bare
// net/http server under the same load, since times of one machine say little about another.
//
// Run it with `make bench-server`. It is a module of its own, so that peers can be measured
// here without anybody depending on them.
package bench
