// Command sdk measures what a call costs in four ways to make it: net/http with a signature by hand, package
// ois, minio-go and the official Go SDK of QingStor. All speak to the same server on the loopback, which answers at once
// and is part of every row: what a client adds is the difference from the first.
//
//	cd bench/sdk && GOWORK=off go run .
//
// Rounds take turns between the clients, and of each the fastest round counts, so that what else the machine does
// bothers all alike. The S3 client speaks S3, the others QingStor. They run with what they have as it is: checks of
// bodies, loggers, pools.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"
)

// size is that of the object: small, so that the call is measured and not the copying.
const size = 4096

// A client calls the server in one way.
type client struct {
	name string
	ops  [3]func() error // by verb
}

var verbs = [3]string{"PUT", "GET", "HEAD"}

// A cost is that of one call.
type cost struct {
	time   time.Duration
	bytes  float64
	allocs float64
}

func main() {
	rounds := flag.Int("rounds", 6, "how often each client runs")
	span := flag.Duration("span", 300*time.Millisecond, "how long it runs each time")
	flag.Parse()
	if err := run(*rounds, *span); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(rounds int, span time.Duration) error {
	endpoint, err := serve()
	if err != nil {
		return err
	}
	var clients []client
	for _, open := range []func(string) (client, error){bareClient, oisClient, minioClient, qingstorClient} {
		c, err := open(endpoint)
		if err != nil {
			return err
		}
		clients = append(clients, c)
	}
	fmt.Printf("%-6s %-16s %10s %8s %12s %8s\n", "", "", "us", "x bare", "bytes", "allocs")
	for verb, name := range verbs {
		best := make([]cost, len(clients))
		for range rounds {
			for i, c := range clients {
				got, err := measure(c.ops[verb], span)
				if err != nil {
					return fmt.Errorf("%s %s: %w", name, c.name, err)
				}
				if best[i].time == 0 || got.time < best[i].time {
					best[i] = got
				}
			}
		}
		for i, c := range clients {
			b := best[i]
			fmt.Printf("%-6s %-16s %10.1f %8.2f %12.0f %8.0f\n", name, c.name, float64(b.time.Nanoseconds())/1000, float64(b.time)/float64(best[0].time), b.bytes, b.allocs)
		}
	}
	return nil
}

// measure runs op for about that long, after some times that do not count.
func measure(op func() error, span time.Duration) (cost, error) {
	for range 20 {
		if err := op(); err != nil {
			return cost{}, err
		}
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n, start := 0, time.Now()
	for time.Since(start) < span {
		for range 10 {
			if err := op(); err != nil {
				return cost{}, err
			}
		}
		n += 10
	}
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	return cost{
		time:   took / time.Duration(n),
		bytes:  float64(after.TotalAlloc-before.TotalAlloc) / float64(n),
		allocs: float64(after.Mallocs-before.Mallocs) / float64(n),
	}, nil
}
