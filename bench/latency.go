package main

import (
	"context"
	"errors"
	"fmt"
)

// latencyTable prints what a client sees: small writes under load, and each operation alone.
func (b *bench) latencyTable(ctx context.Context) (err error) {
	servers, stop, err := b.startAll(ctx, "latency", (*server).prepare)
	defer func() { err = errors.Join(err, stop()) }()
	if err != nil {
		return err
	}
	if err := b.loaded(ctx, servers); err != nil {
		return err
	}
	return b.alone(ctx, servers)
}

// loaded prints throughput and latency of 4-KiB PUT with sixteen streams.
func (b *bench) loaded(ctx context.Context, servers []*server) error {
	b.progress("latency: 16 streams")
	seen := cells{}
	put := &row{name: "PUT 4K", size: 4 * kib, call: putter(small, 4*kib)}
	for range b.rounds {
		for _, s := range servers {
			r, err := b.measure(ctx, s, put, limit{streams: 16, calls: 100_000, wall: b.wall})
			if err != nil {
				return err
			}
			seen.add("ops/s", s.name, r.rate())
			seen.add("p50 ms", s.name, r.latency(0.5))
			seen.add("p99 ms", s.name, r.latency(0.99))
		}
	}
	t := &table{
		title: "## 4-KiB PUT with 16 streams\n\nThe goal: at least 8 times the throughput of MinIO, and p99 below MinIO's p50.",
		head:  []string{"", "ois", "MinIO", "bare net/http", "ois / MinIO"},
	}
	col := func(row, column string) []float64 { return seen[[2]string{row, column}] }
	for _, name := range []string{"ops/s", "p50 ms", "p99 ms"} {
		t.add(name, spread(col(name, "ois")), b.peer(col(name, "MinIO")), spread(col(name, "bare net/http")), factor(col(name, "ois"), col(name, "MinIO")))
	}
	t.add("p99 ms / p50 ms of MinIO", none, none, none, factor(col("p99 ms", "ois"), col("p50 ms", "MinIO")))
	t.print(b.out)
	return nil
}

// alone prints the median latency of each operation when nothing else is under way.
func (b *bench) alone(ctx context.Context, servers []*server) error {
	rows, seen := sweep(), cells{}
	for n := range b.rounds {
		b.progress("latency: one stream, round %d of %d", n+1, b.rounds)
		for i := range rows {
			r := &rows[i]
			for _, s := range servers {
				if s.data == "" || r.streams == 1 {
					continue // it is compared with MinIO; and here all are with one stream
				}
				got, err := b.measure(ctx, s, r, limit{streams: 1, calls: r.calls, wall: b.wall / 2})
				if err != nil {
					return err
				}
				seen.add(r.name, s.name, got.latency(0.5))
			}
		}
	}
	t := &table{
		title: "## Median latency with one stream, ms\n\nThe goal: nothing slower than MinIO.",
		head:  []string{"operation", "ois", "MinIO", "ois / MinIO"},
	}
	for _, r := range rows {
		if r.streams == 1 {
			continue
		}
		ois, minio := seen[[2]string{r.name, "ois"}], seen[[2]string{r.name, "MinIO"}]
		t.add(r.name, spread(ois), b.peer(minio), factor(ois, minio))
	}
	t.print(b.out)
	for _, s := range servers {
		if s.data != "" {
			fmt.Fprintf(b.out, "Private memory (RssAnon) of %s at its highest: %d MiB.\n\n", s.name, s.peak.Load()/mib)
		}
	}
	return nil
}
