package fileblob_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/oisproject/ois/internal/blob/fileblob"
	"github.com/oisproject/ois/internal/vfs"
)

func BenchmarkRead(b *testing.B) {
	for name, size := range map[string]int{"4K": 4096, "16M": 16 << 20} {
		b.Run(name, func(b *testing.B) {
			b.Chdir(b.TempDir())
			put(b, vfs.Disk, id(1, 1), bytes.Repeat([]byte("x"), size))
			e, err := fileblob.Open(vfs.Disk, root)
			if err != nil {
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
