package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// A row is one operation of the sweep.
type row struct {
	name    string
	size    int64 // bytes that a call writes; 0 if it writes none
	streams int
	calls   int64  // of a run, at most; the bare server gets four times as many
	family  string // of the keys that it makes and that are deleted after the run
	call    func(*conn, int64) error
	against string // calibration that it is measured against: "N" or "H+N+W"
	goal    string
}

// What GET and HEAD read is put before the first run.
var readSets = []struct{ size, count int64 }{{4 * kib, 1000}, {64 * kib, 500}, {mib, 64}, {64 * mib, 8}}

const (
	small    = "put-4K" // family that DELETE empties
	parts    = 5
	partSize = 5 * mib
)

func sweep() []row {
	rows := []row{
		{name: "PUT 4K", size: 4 * kib, streams: 8, calls: 20_000, call: putter(small, 4*kib), against: "N", goal: "<= 5 N; about 0.08"},
		{name: "PUT 64K", size: 64 * kib, streams: 8, calls: 6000, family: "put-64K", goal: "about 0.22"},
		{name: "PUT 1M, one stream", size: mib, streams: 1, calls: 600, family: "put-1M-1", against: "H+N+W", goal: "<= 1.1 (H+N+W); about 2.2"},
		{name: "PUT 1M", size: mib, streams: 8, calls: 600, family: "put-1M", against: "H+N+W"},
		{name: "PUT 64M, one stream", size: 64 * mib, streams: 1, calls: 8, family: "put-64M-1", against: "H+N+W", goal: "<= 1.1 (H+N+W); about 140"},
		{name: "PUT 64M", size: 64 * mib, streams: 8, calls: 16, family: "put-64M", against: "H+N+W", goal: "<= 0.6 (H+N+W)"},
		{name: "GET 4K", streams: 8, calls: 20_000, call: getter(0), against: "N", goal: "<= 3 N; about 0.05"},
		{name: "GET 64K", streams: 8, calls: 12_000, call: getter(1), against: "N"},
		{name: "GET 1M", streams: 8, calls: 6000, call: getter(2), against: "N", goal: "about 0.14"},
		{name: "GET 64M", streams: 8, calls: 128, call: getter(3), against: "N", goal: "<= 9"},
		{name: "HEAD", streams: 8, calls: 20_000, call: heads, against: "N", goal: "about 0.04"},
		{name: "DELETE", streams: 8, calls: 20_000, call: deletes, against: "N", goal: "about 0.06"},
		{name: "LIST 1,000 keys", streams: 8, calls: 500, call: lists, goal: "<= 2.0"},
		{name: "multipart 5 x 5M", size: parts * partSize, streams: 8, calls: 24, family: "multipart", against: "H+N+W", goal: "<= 55"},
	}
	for i := range rows {
		if r := &rows[i]; r.call == nil && r.family != "multipart" {
			r.call = putter(r.family, r.size)
		}
	}
	rows[len(rows)-1].call = func(c *conn, i int64) error { return c.multipart(key("multipart", i), parts, partSize, i) }
	return rows
}

func putter(family string, size int64) func(*conn, int64) error {
	return func(c *conn, i int64) error { return c.put(key(family, i), size, i) }
}

func readKey(set int, i int64) string { return key("get-"+sizeName(readSets[set].size), i) }

// pick chooses the i-th of n things, in no order.
func pick(i, n int64) int64 { return int64(scramble(i) % uint64(n)) }

func getter(set int) func(*conn, int64) error {
	return func(c *conn, i int64) error {
		return c.get(readKey(set, pick(i, readSets[set].count)), readSets[set].size)
	}
}

func heads(c *conn, i int64) error { return c.head4K(readKey(0, pick(i, readSets[0].count))) }

func deletes(c *conn, i int64) error { return c.delete(key(small, i)) }

func lists(c *conn, _ int64) error {
	p, err := c.list("list/", "", "")
	if err == nil && p.keys != 1000 {
		err = fmt.Errorf("the listing has %d keys, want 1000", p.keys)
	}
	return err
}

// measure runs a row once and takes away what it made.
func (b *bench) measure(ctx context.Context, s *server, r *row, l limit) (*result, error) {
	fills := int64(0)
	if s.data != "" {
		fills = r.size * l.calls * 3 / 2
	}
	if err := b.warm(fills); err != nil {
		return nil, err
	}
	first := s.done[r.name]
	if r.name == "DELETE" {
		l.calls = min(l.calls, s.done["PUT 4K"]-first)
	}
	got, err := s.load(ctx, l, first, r.call)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	s.done[r.name] += got.calls
	if r.family == "" || s.data == "" {
		return got, nil
	}
	all := limit{streams: 8, calls: got.calls, wall: longest}
	_, err = s.load(ctx, all, first, func(c *conn, i int64) error { return c.delete(key(r.family, i)) })
	return got, err
}

// prepare makes the bucket and what the sweep reads.
func (s *server) prepare(ctx context.Context) error {
	if err := s.created(ctx); err != nil {
		return err
	}
	all := limit{streams: 4, wall: longest}
	for set, r := range readSets {
		all.calls = r.count
		_, err := s.load(ctx, all, 0, func(c *conn, i int64) error {
			if err := c.put(readKey(set, i), r.size, i); err != nil || i > 0 {
				return err
			}
			return c.verify(readKey(set, i), r.size, i)
		})
		if err != nil {
			return err
		}
	}
	all.calls = 1000
	_, err := s.load(ctx, all, 0, func(c *conn, i int64) error { return c.put(key("list", i), kib, i) })
	return err
}

// cells holds figures by row and column, one for each round.
type cells map[[2]string][]float64

func (c cells) add(row, column string, f float64) {
	at := [2]string{row, column}
	c[at] = append(c[at], f)
}

// cpuTable prints the CPU that servers take for 1,000 operations.
func (b *bench) cpuTable(ctx context.Context) (err error) {
	servers, stop, err := b.startAll(ctx, "cpu", (*server).prepare)
	defer func() { err = errors.Join(err, stop()) }()
	if err != nil {
		return err
	}
	rows, seen := sweep(), cells{}
	for n := range b.rounds {
		b.progress("cpu: round %d of %d", n+1, b.rounds)
		for i := range rows {
			if err := b.cpuRow(ctx, &rows[i], servers, seen); err != nil {
				return err
			}
		}
	}
	b.printCPU(rows, seen, servers)
	return nil
}

// startAll starts those that are measured side by side: ois, MinIO if there is one, and the bare server.
// Each that keeps something is then set up.
func (b *bench) startAll(ctx context.Context, name string, setUp func(*server, context.Context) error) (servers []*server, stop func() error, err error) {
	stop = func() error {
		errs := []error{}
		for _, s := range servers {
			errs = append(errs, s.stop())
			if s.data != "" {
				errs = append(errs, os.RemoveAll(s.data))
			}
		}
		return errors.Join(errs...)
	}
	starts := []func() (*server, error){
		func() (*server, error) { return b.startOIS(ctx, b.subdir(name+"-ois")) },
		func() (*server, error) { return b.startMinIO(ctx, b.subdir(name+"-minio")) },
		func() (*server, error) { return b.startBare(ctx) },
	}
	for _, start := range starts {
		s, err := start()
		if err != nil {
			return servers, stop, err
		}
		if s == nil {
			continue
		}
		servers = append(servers, s)
		if s.data == "" {
			continue
		}
		if err := setUp(s, ctx); err != nil {
			return servers, stop, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return servers, stop, nil
}

// cpuRow measures one row on every server, and its calibration.
func (b *bench) cpuRow(ctx context.Context, r *row, servers []*server, seen cells) error {
	for _, s := range servers {
		l := limit{streams: r.streams, calls: r.calls, wall: b.wall}
		if s.data == "" {
			if r.against == "" && r.size == 0 {
				continue // there is no bare listing
			}
			l.calls *= 4
		}
		got, err := b.measure(ctx, s, r, l)
		if err != nil {
			return err
		}
		seen.add(r.name, s.name, got.perThousand())
	}
	if r.size == 0 {
		return nil
	}
	file := b.subdir("calibration")
	if err := b.warm(512 * mib); err != nil {
		return err
	}
	hash, err := calibrate(ctx, "md5", r.size, 256*mib)
	if err != nil {
		return err
	}
	write, err := calibrate(ctx, "write", r.size, 512*mib, file)
	if err != nil {
		return err
	}
	seen.add(r.name, "H", hash)
	seen.add(r.name, "W", write)
	return os.Remove(file)
}

func (b *bench) printCPU(rows []row, seen cells, servers []*server) {
	t := &table{
		title: "## Server CPU seconds per 1,000 operations\n\n" +
			"N is bare net/http with the same verb and size, H is MD5 of the size, W is a buffered write of it, each in a process of its own.",
		head: []string{"operation", "streams", "ois", "MinIO", "N", "H", "W", "MinIO / ois", "ois / calibration", "goal"},
	}
	for _, r := range rows {
		col := func(name string) []float64 { return seen[[2]string{r.name, name}] }
		calibration := none
		switch r.against {
		case "N":
			calibration = factor(col("ois"), col("bare net/http")) + " N"
		case "H+N+W":
			calibration = factor(col("ois"), sum(col("H"), col("bare net/http"), col("W"))) + " (H+N+W)"
		}
		t.add(r.name, strconv.Itoa(r.streams), spread(col("ois")), b.peer(col("MinIO")), spread(col("bare net/http")),
			spread(col("H")), spread(col("W")), factor(col("MinIO"), col("ois")), calibration, r.goal)
	}
	t.print(b.out)
	for _, s := range servers {
		if s.data != "" {
			fmt.Fprintf(b.out, "Private memory (RssAnon) of %s at its highest: %d MiB.\n\n", s.name, s.peak.Load()/mib)
		}
	}
}

// peer prints the figures of MinIO.
func (b *bench) peer(v []float64) string {
	if b.minio == "" {
		return "not installed"
	}
	return spread(v)
}
