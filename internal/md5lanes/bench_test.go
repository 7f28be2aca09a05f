package md5lanes

import (
	"crypto/md5"
	"fmt"
	"sync"
	"testing"
)

// BenchmarkStreams shows what a piece of 64 KiB costs when several streams are written at once, by our
// engine and by crypto/md5. With -cpu 1 the time is that of the processor.
func BenchmarkStreams(b *testing.B) {
	const piece = 64 << 10
	for _, streams := range []int{1, 2, 3, 4, 8, 16, 32} {
		b.Run(fmt.Sprintf("lanes/%d", streams), func(b *testing.B) {
			benchStreams(b, streams, piece, func() writer { return New() })
		})
		b.Run(fmt.Sprintf("std/%d", streams), func(b *testing.B) {
			benchStreams(b, streams, piece, func() writer { return md5.New() })
		})
	}
}

type writer interface{ Write(p []byte) (int, error) }

func benchStreams(b *testing.B, streams, piece int, open func() writer) {
	b.SetBytes(int64(piece))
	b.ReportAllocs()
	var todo sync.WaitGroup
	for s := range streams {
		n := b.N / streams
		if s < b.N%streams {
			n++
		}
		w, bufs := open(), make([]byte, 2*piece)
		todo.Go(func() {
			for i := range n {
				_, _ = w.Write(bufs[i%2*piece:][:piece])
			}
			if h, ok := w.(*Hash); ok {
				h.Wait()
			}
		})
	}
	todo.Wait()
}
