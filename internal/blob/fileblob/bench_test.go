package fileblob_test

import (
	"bytes"
	"flag"
	"io"
	"os"
	"sync/atomic"
	"testing"

	"github.com/oisproject/ois/internal/blob/fileblob"
	"github.com/oisproject/ois/internal/vfs"
)

var benchDir = flag.String("benchdir", "", "directory on the disk to measure; empty means a temporary one")

// openBench opens an engine on the real disk.
func openBench(b *testing.B) *fileblob.Engine {
	b.Helper()
	dir := b.TempDir()
	if *benchDir != "" {
		var err error
		if dir, err = os.MkdirTemp(*benchDir, "fileblob"); err != nil { //nolint:usetesting // the place is asked for
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = os.RemoveAll(dir) }) // a leftover is only untidy
	}
	e, err := fileblob.Open(vfs.Disk, dir)
	if err != nil {
		b.Fatal(err)
	}
	return e
}

func BenchmarkPut4K(b *testing.B) {
	for name, parallel := range map[string]int{"serial": 0, "parallel16": 8} { // times 2 processors
		b.Run(name, func(b *testing.B) {
			e := openBench(b)
			data := make([]byte, 4096)
			var n atomic.Uint64
			one := func() {
				if err := put(b.Context(), e, id(1, n.Add(1)), data); err != nil {
					b.Error(err)
				}
			}
			b.ReportAllocs()
			b.SetBytes(4096)
			if parallel == 0 {
				for b.Loop() {
					one()
				}
				return
			}
			b.SetParallelism(parallel)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					one()
				}
			})
		})
	}
}

func BenchmarkPut16M(b *testing.B) {
	e := openBench(b)
	data := make([]byte, 16<<20)
	n := uint64(0)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		n++
		if err := put(b.Context(), e, id(1, n), data); err != nil {
			b.Fatal(err)
		}
		if err := e.Delete(b.Context(), id(1, n)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	for name, size := range map[string]int{"4K": 4096, "16M": 16 << 20} {
		b.Run(name, func(b *testing.B) {
			e := openBench(b)
			if err := put(b.Context(), e, id(1, 1), bytes.Repeat([]byte("x"), size)); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				r, err := e.Open(b.Context(), id(1, 1), 0, -1)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, r); err != nil {
					b.Fatal(err)
				}
				if err := r.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
