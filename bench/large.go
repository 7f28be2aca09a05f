package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// largeTable prints the time of copying and moving a large object within the store.
func (b *bench) largeTable(ctx context.Context) (err error) {
	servers, stop, err := b.startAll(ctx, "large", (*server).created)
	defer func() { err = errors.Join(err, stop()) }()
	if err != nil {
		return err
	}
	seen := cells{}
	for _, s := range servers {
		if s.data == "" {
			continue
		}
		b.progress("large: %s", s.name)
		if err := b.largeOn(ctx, s, seen); err != nil {
			return err
		}
	}
	t := &table{title: "## An object of 1 GiB within the store, ms", head: []string{"", "ois", "MinIO", "goal"}}
	for _, r := range [][2]string{{"PUT", ""}, {"copy", "< 5"}, {"move", "< 5"}} {
		t.add(r[0], spread(seen[[2]string{r[0], "ois"}]), b.peer(seen[[2]string{r[0], "MinIO"}]), r[1])
	}
	t.print(b.out)
	return nil
}

func (b *bench) largeOn(ctx context.Context, s *server, seen cells) error {
	const size = 1 << 30
	once := func(name string, call func(*conn, int64) error) error {
		r, err := s.load(ctx, limit{streams: 1, calls: 1, wall: time.Minute}, 0, call)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		seen.add(name, s.name, milliseconds(r.wall))
		return nil
	}
	if err := b.warm(size); err != nil {
		return err
	}
	if err := once("PUT", func(c *conn, _ int64) error { return c.put("whole", size, 0) }); err != nil {
		return err
	}
	at := "whole"
	for n := range b.rounds {
		copied := fmt.Sprint("copy-", n)
		if err := once("copy", func(c *conn, _ int64) error { return c.copyTo(copied, at, false) }); err != nil {
			return err
		}
		if s.dialect.source(true) != "" {
			from := at
			at = fmt.Sprint("moved-", n)
			if err := once("move", func(c *conn, _ int64) error { return c.copyTo(at, from, true) }); err != nil {
				return err
			}
		}
		_, err := s.load(ctx, limit{streams: 1, calls: 1, wall: time.Minute}, 0, func(c *conn, _ int64) error {
			return errors.Join(c.get(at, size), c.get(copied, size), c.delete(copied))
		})
		if err != nil {
			return err
		}
	}
	return nil
}
