package vfs_test

import (
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/oisproject/ois/internal/vfs"
)

// benchPack returns a pack of 256 MiB in the page cache.
func benchPack(b *testing.B) vfs.Pack {
	b.Helper()
	p := newPack(b, vfs.Disk, vfs.Disk.PathJoin(b.TempDir(), "p"))
	piece := pattern(1<<20, 1)
	for i := range int64(benchSize) >> 20 {
		writeAt(b, p, piece, i<<20)
	}
	b.Cleanup(func() { _ = p.Close() })
	return p
}

const benchSize = 256 << 20

// ranges runs a benchmark for ranges of some sizes, at random places.
func ranges(b *testing.B, sizes []int64, call func(off, n int64) error) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("%dKiB", n>>10), func(b *testing.B) {
			b.SetBytes(n)
			b.ReportAllocs()
			for b.Loop() {
				if err := call(rand.Int64N(benchSize/n)*n, n); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func BenchmarkPackView(b *testing.B) {
	p := benchPack(b)
	ranges(b, []int64{4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20}, func(off, n int64) error {
		return p.View(off, n, func(b []byte) error {
			_ = crc32.Update(0, castagnoli, b)
			return nil
		})
	})
}

func BenchmarkPackWriteAt(b *testing.B) {
	p := benchPack(b)
	buf := pattern(1<<20, 2)
	ranges(b, []int64{4 << 10, 64 << 10, 1 << 20}, func(off, n int64) error {
		_, err := p.WriteAt(buf[:n], off)
		return err
	})
}

func BenchmarkMemPackWriteFarAway(b *testing.B) {
	for b.Loop() {
		p := newPack(b, vfs.NewMem(), "p")
		writeAt(b, p, []byte("x"), 64<<20)
	}
}

// drain returns a connection whose other end throws away all it gets.
func drain(b *testing.B) net.Conn {
	b.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		for buf := make([]byte, 256<<10); err == nil; {
			_, err = c.Read(buf)
		}
	}()
	var d net.Dialer
	c, err := d.DialContext(b.Context(), "tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _, _ = c.Close(), l.Close() })
	return c
}

var sendSizes = []int64{64 << 10, 1 << 20, 16 << 20}

// BenchmarkPackCheckAndSend reads, checks and writes, as who serves a blob does.
func BenchmarkPackCheckAndSend(b *testing.B) {
	p, c := benchPack(b), drain(b)
	ranges(b, sendSizes, func(off, n int64) error {
		for end := off + n; off < end; off += 64 << 10 {
			if err := p.View(off, 64<<10, func(b []byte) error {
				_ = crc32.Update(0, castagnoli, b)
				_, err := c.Write(b)
				return err
			}); err != nil {
				return err
			}
		}
		return nil
	})
}
