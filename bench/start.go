package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// idleAfter is how long after its start a server's memory is read.
const idleAfter = 2 * time.Second

// startTable prints how long servers take to start, and their memory at rest.
func (b *bench) startTable(ctx context.Context) error {
	seen := cells{}
	for n := range b.rounds {
		b.progress("start: empty store, round %d of %d", n+1, b.rounds)
		for _, start := range []func(context.Context, string) (*server, error){b.startOIS, b.startMinIO} {
			if err := b.startEmpty(ctx, start, seen); err != nil {
				return err
			}
		}
	}
	if err := b.fillMany(ctx); err != nil {
		return err
	}
	for n := range b.rounds {
		b.progress("start: %d objects, round %d of %d", b.objects, n+1, b.rounds)
		if err := b.startFull(ctx, seen); err != nil {
			return err
		}
	}
	col := func(row, column string) []float64 { return seen[[2]string{row, column}] }
	t := &table{
		title: "## Start until a signed request is answered, ms, and memory two seconds later, MiB",
		head:  []string{"", "ois", "MinIO", "goal"},
	}
	full := fmt.Sprintf(", %d objects", b.objects)
	for _, r := range [][2]string{{"start, empty store", "< 15"}, {"RSS, empty store", "< 40"}, {"RssAnon, empty store", ""}} {
		t.add(r[0], spread(col(r[0], "ois")), b.peer(col(r[0], "MinIO")), r[1])
	}
	for _, r := range [][2]string{{"start", "< 1000"}, {"start after kill -9 under load", "< 3000"}, {"RSS", ""}, {"RssAnon", ""}} {
		t.add(r[0]+full, spread(col(r[0], "ois")), none, r[1])
	}
	t.print(b.out)
	return nil
}

func (b *bench) startEmpty(ctx context.Context, start func(context.Context, string) (*server, error), seen cells) (err error) {
	dir := b.subdir("empty")
	s, err := start(ctx, dir)
	if s == nil || err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop(), os.RemoveAll(dir)) }()
	seen.add("start, empty store", s.name, milliseconds(s.start))
	return s.rest(ctx, seen, ", empty store")
}

// rest reads the memory of a server that has nothing to do.
func (s *server) rest(ctx context.Context, seen cells, suffix string) error {
	if err := sleep(ctx, idleAfter); err != nil {
		return err
	}
	for _, name := range []string{"RSS", "RssAnon"} {
		k, err := procNumber(s.pid(), "status", map[string]string{"RSS": "VmRSS", "RssAnon": "RssAnon"}[name])
		if err != nil {
			return err
		}
		seen.add(name+suffix, s.name, k/kib)
	}
	return nil
}

// fillMany fills the large store, if the scale table has not.
func (b *bench) fillMany(ctx context.Context) (err error) {
	if b.filled != "" {
		return nil
	}
	b.progress("start: fill with %d objects", b.objects)
	dir := b.subdir("many")
	s, err := b.startOIS(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := s.created(ctx); err != nil {
		return err
	}
	if _, err := s.fill(ctx, 0, int64(b.objects)); err != nil {
		return err
	}
	b.filled = dir
	return nil
}

// startFull starts the large store after a stop and after kill -9.
func (b *bench) startFull(ctx context.Context, seen cells) error {
	s, err := b.startOIS(ctx, b.filled)
	if err != nil {
		return err
	}
	seen.add("start", s.name, milliseconds(s.start))
	if err := s.rest(ctx, seen, ""); err != nil {
		return errors.Join(err, s.stop())
	}
	s.crash(ctx)
	if s, err = b.startOIS(ctx, b.filled); err != nil {
		return err
	}
	seen.add("start after kill -9 under load", s.name, milliseconds(s.start))
	return s.stop()
}

// crash kills the server while it is written to.
func (s *server) crash(ctx context.Context) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var r result // what the load reports is that the server went away
		_ = r.drive(ctx, s, limit{streams: 8, calls: 1 << 40, wall: time.Minute}, 0, putter(fmt.Sprint("crash-", s.pid()), 4*kib))
	}()
	_ = sleep(ctx, 1500*time.Millisecond) // ends early with the context, and so will the next step
	s.kill()
	<-ended
}
