package packblob_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/blob/packblob"
	"github.com/oisproject/ois/internal/vfs"
)

var benchDir = flag.String("benchdir", "", "directory on the disk to measure; empty means a temporary one")

// openBench opens an engine on the real disk.
func openBench(b *testing.B) *packblob.Engine {
	b.Helper()
	dir := b.TempDir()
	if *benchDir != "" {
		var err error
		if dir, err = os.MkdirTemp(*benchDir, "packblob"); err != nil { //nolint:usetesting // the place is asked for
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = os.RemoveAll(dir) }) // a leftover is only untidy
	}
	e, err := packblob.Open(vfs.Disk, dir, packblob.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := e.Close(); err != nil {
			b.Error(err)
		}
	})
	return e
}

// whole is a Source that lends one slice again and again, without touching it.
type whole struct{ left []byte }

// Next implements blob.Source.
func (w *whole) Next() ([]byte, error) {
	if len(w.left) == 0 {
		return nil, io.EOF
	}
	n := min(len(w.left), 2*blob.PieceLen)
	piece := w.left[:n]
	w.left = w.left[n:]
	return piece, nil
}

// benchSizes are small, middle and large.
var benchSizes = map[string]int{"16K": 16 << 10, "64K": 64 << 10, "1M": 1 << 20, "64M": 64 << 20}

// bench calls one b.N times by so many goroutines, and reports the processor time of each call.
func bench(b *testing.B, workers, size int, one func(worker int) error) {
	b.Helper()
	b.ReportAllocs()
	b.SetBytes(int64(size))
	b.ResetTimer()
	start := cpuTime()
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := one(w); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64((cpuTime()-start).Microseconds())/float64(b.N), "cpu-µs/op")
}

func BenchmarkPut(b *testing.B) {
	for name, size := range benchSizes {
		for _, workers := range []int{1, 8} {
			b.Run(fmt.Sprintf("%s/by%d", name, workers), func(b *testing.B) {
				e := openBench(b)
				data := make([]byte, size)
				sources := make([]whole, workers)
				bench(b, workers, size, func(w int) error {
					src := &sources[w]
					src.left = data
					id, _, err := e.Put(b.Context(), 1, int64(size), src)
					if err == nil && size > 1<<20 {
						return e.Delete(b.Context(), alive(), id)
					}
					e.Settle(id)
					return err
				})
			})
		}
	}
}

func BenchmarkGet(b *testing.B) {
	for name, size := range benchSizes {
		for _, workers := range []int{1, 8} {
			b.Run(fmt.Sprintf("%s/by%d", name, workers), func(b *testing.B) {
				e := openBench(b)
				id, _, err := e.Put(b.Context(), 1, int64(size), &whole{left: make([]byte, size)})
				if err != nil {
					b.Fatal(err)
				}
				bench(b, workers, size, func(int) error { return discard(b.Context(), e, id) })
			})
		}
	}
}

// discard reads a blob and throws it away.
func discard(ctx context.Context, e *packblob.Engine, id blob.ID) error {
	r, err := e.Open(ctx, id, 0, -1)
	if err != nil {
		return err
	}
	_, err = r.(io.WriterTo).WriteTo(struct{ io.Writer }{io.Discard})
	return errors.Join(err, r.Close())
}
