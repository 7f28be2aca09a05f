package pebblemeta_test

import (
	"encoding/binary"
	"flag"
	"os"
	"sync/atomic"
	"testing"

	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/meta/pebblemeta"
	"github.com/oisproject/ois/internal/vfs"
)

var benchDir = flag.String("benchdir", "", "directory on the disk to measure; empty means a temporary one")

// openBench opens an engine on the real disk.
func openBench(b *testing.B) *pebblemeta.Engine {
	b.Helper()
	dir := b.TempDir()
	if *benchDir != "" {
		var err error
		if dir, err = os.MkdirTemp(*benchDir, "pebblemeta"); err != nil { //nolint:usetesting // the place is asked for
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = os.RemoveAll(dir) }) // a leftover is only untidy
	}
	e, err := pebblemeta.Open(pebblemeta.Options{FS: vfs.Disk, Dir: dir})
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

// putChange is like that of a PUT: a guard, an object row, a reference row, two counters.
func putChange(n uint64) *meta.Change {
	key := binary.BigEndian.AppendUint64([]byte("o-bucket-object-"), n*0x9e3779b97f4a7c15)
	return &meta.Change{
		Guards: []meta.Guard{{Key: []byte("i-bucket"), Kind: meta.Live}, {Key: key, Kind: meta.Absent}},
		Sets:   []meta.KV{{Key: key, Val: make([]byte, 300)}, {Key: append([]byte("r-"), key...)}},
		Adds:   []meta.Delta{{Key: []byte("c-bucket-n"), N: 1}, {Key: []byte("c-bucket-s"), N: 4096}},
	}
}

func BenchmarkApply(b *testing.B) {
	for name, parallel := range map[string]int{"serial": 0, "parallel16": 8} { // times 2 processors
		b.Run(name, func(b *testing.B) {
			e := openBench(b)
			c := &meta.Change{Sets: []meta.KV{{Key: []byte("i-bucket")}}}
			if err := e.Apply(b.Context(), c); err != nil {
				b.Fatal(err)
			}
			var n atomic.Uint64
			b.ReportAllocs()
			if parallel == 0 {
				for b.Loop() {
					if err := e.Apply(b.Context(), putChange(n.Add(1))); err != nil {
						b.Fatal(err)
					}
				}
				return
			}
			b.SetParallelism(parallel)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := e.Apply(b.Context(), putChange(n.Add(1))); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

func BenchmarkGet(b *testing.B) {
	e := openBench(b)
	if err := e.Apply(b.Context(), &meta.Change{Sets: []meta.KV{{Key: []byte("i-bucket"), Val: make([]byte, 300)}}}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		s, err := e.Snapshot(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if _, ok, err := s.Get([]byte("i-bucket")); err != nil || !ok {
			b.Fatal(ok, err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
