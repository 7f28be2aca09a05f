package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// listTable prints the time of listing many objects, and of listing the prefixes above them.
func (b *bench) listTable(ctx context.Context) (err error) {
	servers, stop, err := b.startAll(ctx, "list", (*server).created)
	defer func() { err = errors.Join(err, stop()) }()
	if err != nil {
		return err
	}
	seen := cells{}
	for _, s := range servers {
		if s.data == "" {
			continue
		}
		if err := b.fillTree(ctx, s); err != nil {
			return err
		}
		for range b.rounds {
			if err := b.listOnce(ctx, s, seen); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	col := func(row, column string) []float64 { return seen[[2]string{row, column}] }
	t := &table{
		title: fmt.Sprintf("## Listing %d objects with %d common prefixes, pages of 1,000, one client", b.listed, b.prefixes()),
		head:  []string{"", "ois", "MinIO", "MinIO / ois", "goal"},
	}
	for _, name := range []string{"all keys, ms", "all keys, CPU s", "prefixes, ms"} {
		t.add(name, spread(col(name, "ois")), b.peer(col(name, "MinIO")), factor(col(name, "MinIO"), col(name, "ois")), "")
	}
	t.add("prefixes / all keys, time", share(col("prefixes, ms", "ois"), col("all keys, ms", "ois")),
		share(col("prefixes, ms", "MinIO"), col("all keys, ms", "MinIO")), none, "< 1/20")
	t.print(b.out)
	return nil
}

func share(a, b []float64) string {
	if q := median(ratios(a, b)); q > 0 {
		return fmt.Sprintf("1/%.0f", 1/q)
	}
	return none
}

func (b *bench) prefixes() int64 { return int64(b.listed) / 100 }

// fillTree puts objects of up to 1 KiB below the prefixes.
func (b *bench) fillTree(ctx context.Context, s *server) error {
	b.progress("list: fill %s", s.name)
	_, err := s.load(ctx, limit{streams: 16, calls: int64(b.listed), wall: time.Hour, calm: time.Second}, 0, func(c *conn, i int64) error {
		return c.put(key(fmt.Sprintf("dir%04d", i%b.prefixes()), i), pick(i, kib+1), i)
	})
	return err
}

func (b *bench) listOnce(ctx context.Context, s *server, seen cells) error {
	for _, l := range []struct {
		name, delimiter string
		want            page
	}{
		{"all keys", "", page{keys: b.listed}},
		{"prefixes", "/", page{prefixes: int(b.prefixes())}},
	} {
		var got page
		r, err := s.load(ctx, limit{streams: 1, calls: 1, wall: time.Minute}, 0, func(c *conn, _ int64) (err error) {
			got, err = c.listAll(l.delimiter)
			return err
		})
		if err != nil {
			return err
		}
		if got != l.want {
			return fmt.Errorf("listing %s: got %+v, want %+v", l.name, got, l.want)
		}
		seen.add(l.name+", ms", s.name, milliseconds(r.wall))
		seen.add(l.name+", CPU s", s.name, r.cpu)
	}
	return nil
}

// listAll counts what all pages of a listing hold.
func (c *conn) listAll(delimiter string) (total page, err error) {
	for {
		p, err := c.list("", delimiter, total.next)
		if err != nil {
			return total, err
		}
		total.keys += p.keys
		total.prefixes += p.prefixes
		if total.next = p.next; p.next == "" {
			return total, nil
		}
	}
}
