package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// A scale is what a store takes at one number of objects.
type scale struct {
	put, get      []float64 // CPU seconds per 1,000
	disk          []float64 // bytes per object
	amplification []float64 // bytes written per byte of payload
	memory        float64   // MiB, private, at its highest
}

const stock = "stock" // family of the objects of the scale table

// few is the number of objects that the large number is compared with.
func (b *bench) few() int64 { return max(500, int64(b.objects)/100) }

// scaleTable prints what requests cost in a small and in a large store. It leaves the large one for the start table.
func (b *bench) scaleTable(ctx context.Context) error {
	var low, high, peer scale
	for n := range b.rounds {
		b.progress("scale: %d objects, round %d of %d", b.few(), n+1, b.rounds)
		if err := b.scaleFew(ctx, b.startOIS, &low); err != nil {
			return err
		}
		if b.minio == "" {
			continue
		}
		if err := b.scaleFew(ctx, b.startMinIO, &peer); err != nil {
			return err
		}
	}
	b.progress("scale: %d objects", b.objects)
	if err := b.scaleMany(ctx, &high); err != nil {
		return err
	}
	t := &table{
		title: fmt.Sprintf("## Objects of 4 KiB under keys in no order: at %d and at %d\n\n"+
			"PUT is the CPU of %d and of %d of them around and up to that number, with the flushes and compactions that follow; GET is of keys at random. 8 streams.",
			b.few(), b.objects, b.few(), b.objects/10),
		head: []string{"", fmt.Sprint("ois, ", b.few()), fmt.Sprint("ois, ", b.objects), "ratio", "goal", fmt.Sprint("MinIO, ", b.few())},
	}
	t.add("PUT, CPU s per 1,000", spread(low.put), spread(high.put), factor(high.put, []float64{median(low.put)}), "<= 1.3 times", b.peer(peer.put))
	t.add("GET, CPU s per 1,000", spread(low.get), spread(high.get), factor(high.get, []float64{median(low.get)}), "<= 1.3 times", b.peer(peer.get))
	t.add("RssAnon at its highest, MiB", number(low.memory), number(high.memory), none, "< 300", b.peer([]float64{peer.memory}))
	t.add("disk bytes per object", spread(low.disk), spread(high.disk), none, "<= 5120", b.peer(peer.disk))
	t.add("bytes written / payload", spread(low.amplification), spread(high.amplification), none, "stated", b.peer(peer.amplification))
	t.print(b.out)
	return nil
}

// scaleFew measures around the small number of objects in a store of its own.
func (b *bench) scaleFew(ctx context.Context, start func(context.Context, string) (*server, error), to *scale) (err error) {
	dir := b.subdir("few")
	s, err := start(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop(), os.RemoveAll(dir)) }()
	if err := s.created(ctx); err != nil {
		return err
	}
	warm := b.few() / 2
	if _, err := s.fill(ctx, 0, warm); err != nil {
		return err
	}
	return b.scaleAt(ctx, s, warm, warm+b.few(), to)
}

// scaleMany fills the large store and measures its last tenth.
func (b *bench) scaleMany(ctx context.Context, to *scale) (err error) {
	dir := b.subdir("many")
	s, err := b.startOIS(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := s.created(ctx); err != nil {
		return err
	}
	many := int64(b.objects)
	if _, err := s.fill(ctx, 0, many-many/10); err != nil {
		return err
	}
	if err := b.scaleAt(ctx, s, many-many/10, many, to); err != nil {
		return err
	}
	b.filled = dir
	return nil
}

// fill puts the objects from number first up to, but not with, number end.
func (s *server) fill(ctx context.Context, first, end int64) (*result, error) {
	return s.load(ctx, limit{streams: 8, calls: end - first, wall: 2 * time.Hour, calm: time.Second}, first, putter(stock, 4*kib))
}

// scaleAt measures a store that holds the objects up to first, while it grows to end.
func (b *bench) scaleAt(ctx context.Context, s *server, first, end int64, to *scale) error {
	if err := b.warm(4 * (end - first) * 4 * kib); err != nil {
		return err
	}
	put, err := s.fill(ctx, first, end)
	if err != nil {
		return err
	}
	get, err := s.load(ctx, limit{streams: 8, calls: 50_000, wall: time.Minute}, 0, func(c *conn, i int64) error {
		return c.get(key(stock, pick(-i-1, end)), 4*kib)
	})
	if err != nil {
		return err
	}
	disk, err := diskBytes(ctx, s.data)
	if err != nil {
		return err
	}
	written, err := procNumber(s.pid(), "io", "write_bytes")
	if err != nil {
		return err
	}
	to.put = append(to.put, put.perThousand())
	to.get = append(to.get, get.perThousand())
	to.disk = append(to.disk, disk/float64(end))
	to.amplification = append(to.amplification, written/float64(end*4*kib))
	to.memory = max(to.memory, float64(s.peak.Load())/mib)
	return nil
}
