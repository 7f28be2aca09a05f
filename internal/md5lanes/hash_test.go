package md5lanes

import (
	"crypto/md5"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

// eachEngine runs a test on an engine without kernels, on one for each kernel that this machine can
// run, and on the one that programs get. They hand over every block.
func eachEngine(t *testing.T, f func(t *testing.T, e *engine)) {
	t.Helper()
	sets := map[string][]kernel{"serial": nil, "fastest": fastest()}
	for _, k := range runnable() {
		k.from = 1
		sets[k.name] = []kernel{k}
	}
	for name, kernels := range sets {
		e := newEngine(kernels)
		e.worth = blockSize
		t.Run(name, func(t *testing.T) { f(t, e) })
	}
}

// noise returns n bytes, the same for the same seed.
func noise(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b) // never fails
	return b
}

// TestVectors checks the test suite of RFC 1321, A.5.
func TestVectors(t *testing.T) {
	eachEngine(t, func(t *testing.T, e *engine) {
		for in, want := range map[string]string{
			"":                           "d41d8cd98f00b204e9800998ecf8427e",
			"a":                          "0cc175b9c0f1b6a831c399e269772661",
			"abc":                        "900150983cd24fb0d6963f7d28e17f72",
			"message digest":             "f96b697d7cb7938d525a2f31aaf161d0",
			"abcdefghijklmnopqrstuvwxyz": "c3fcd3d76192e4007dfb496cca67e13b",
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789":                   "d174ab98d277d9f5a5611c2c9f419d9f",
			"12345678901234567890123456789012345678901234567890123456789012345678901234567890": "57edf4a22be3c955ac49da2e2107b67a",
		} {
			h := e.newHash()
			if n, err := h.Write([]byte(in)); n != len(in) || err != nil {
				t.Fatalf("Write(%q) = %d, %v; want %d, nil", in, n, err, len(in))
			}
			if got := fmt.Sprintf("%x", h.Sum()); got != want {
				t.Errorf("MD5 of %q = %s; want %s", in, got, want)
			}
		}
	})
}

func TestLengths(t *testing.T) {
	data := noise(1, 300)
	eachEngine(t, func(t *testing.T, e *engine) {
		for n := range len(data) + 1 {
			for _, cut := range []int{0, n / 3, n} {
				h := e.newHash()
				writeAll(t, h, data[:cut], data[cut:n])
				if got, want := h.Sum(), md5.Sum(data[:n]); got != want {
					t.Errorf("MD5 of %d bytes, cut at %d = %x; want %x", n, cut, got, want)
				}
			}
		}
	})
}

func writeAll(t *testing.T, h *Hash, pieces ...[]byte) {
	t.Helper()
	for _, p := range pieces {
		if n, err := h.Write(p); n != len(p) || err != nil {
			t.Fatalf("Write of %d bytes = %d, %v", len(p), n, err)
		}
	}
}

func TestManyStreamsAtOnce(t *testing.T) {
	data := noise(2, 1<<20)
	eachEngine(t, func(t *testing.T, e *engine) {
		for streams := 1; streams <= 40; streams += 1 + streams/6 {
			var all sync.WaitGroup
			for s := range streams {
				all.Go(func() { hashParts(t, e, data, uint64(s)) })
			}
			all.Wait()
		}
	})
}

// hashParts hashes a part of data in random pieces, with the two buffers of one who reads
// a piece while the one before is hashed.
func hashParts(t *testing.T, e *engine, data []byte, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0))
	from := r.IntN(64)
	part := data[from : from+r.IntN(len(data)-from)>>r.IntN(8)]
	var bufs [2][]byte
	h := e.newHash()
	for i, rest := 0, part; len(rest) > 0; i++ {
		n := min(len(rest), r.IntN(1+64<<10>>r.IntN(10)))
		bufs[i%2] = append(bufs[i%2][:0], rest[:n]...)
		writeAll(t, h, bufs[i%2])
		rest = rest[n:]
	}
	if got, want := h.Sum(), md5.Sum(part); got != want {
		t.Errorf("MD5 of %d bytes of stream %d = %x; want %x", len(part), seed, got, want)
	}
}

func TestSumCanBeAskedAgain(t *testing.T) {
	eachEngine(t, func(t *testing.T, e *engine) {
		h, data := e.newHash(), noise(3, 100_000)
		for _, n := range []int{10, 70_000, len(data)} {
			writeAll(t, h, data[h.size:n])
			for range 2 {
				if got, want := h.Sum(), md5.Sum(data[:n]); got != want {
					t.Errorf("MD5 of the first %d bytes = %x; want %x", n, got, want)
				}
			}
		}
	})
}

func TestResetBeginsAnew(t *testing.T) {
	eachEngine(t, func(t *testing.T, e *engine) {
		h, data := e.newHash(), noise(4, 100_000)
		writeAll(t, h, data)
		h.Reset()
		writeAll(t, h, data[:70_001])
		if got, want := h.Sum(), md5.Sum(data[:70_001]); got != want {
			t.Errorf("MD5 after Reset = %x; want %x", got, want)
		}
	})
}

func TestPieceIsFreeAfterWait(t *testing.T) {
	eachEngine(t, func(t *testing.T, e *engine) {
		h, data := e.newHash(), noise(5, 100_000)
		want := md5.Sum(data)
		writeAll(t, h, data)
		h.Wait()
		clear(data)
		if h.piece != nil {
			t.Error("the stream keeps its piece after Wait")
		}
		if got := h.Sum(); got != want {
			t.Errorf("MD5 of a piece that changed after Wait = %x; want %x", got, want)
		}
	})
}

func TestWriteAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools forget")
	}
	eachEngine(t, func(t *testing.T, e *engine) {
		h, piece := e.newHash(), noise(6, 10_000)
		n := testing.AllocsPerRun(200, func() {
			writeAll(t, h, piece, piece[:1])
			h.Wait()
		})
		if n > 0 {
			t.Errorf("two Writes allocate %v times; want 0", n)
		}
	})
}

// FuzzPieces writes up to 24 streams of different lengths in pieces. It is itself the worker: with
// others, no run would be like the one before.
func FuzzPieces(f *testing.F) {
	f.Add([]byte("abc"), uint16(1), uint8(0))
	f.Add(noise(7, 1000), uint16(64), uint8(3))
	f.Add(noise(8, 5000), uint16(777), uint8(17))
	kernels := append(runnable(), kernel{})
	f.Fuzz(func(t *testing.T, data []byte, size uint16, streams uint8) {
		for _, k := range kernels {
			e := newEngine(nil)
			if k.name != "" {
				k.from = 1
				e = newEngine([]kernel{k})
			}
			e.worth = blockSize
			hashes := make([]*Hash, 1+streams%24)
			for i := range hashes {
				hashes[i] = e.newHash()
			}
			hashPieces(t, e, hashes, data, max(1+int(size), len(data)/20))
		}
	})
}

// hashPieces writes data to the first of some streams, and to each of the others a byte less than to the one
// before.
func hashPieces(t *testing.T, e *engine, hashes []*Hash, data []byte, size int) {
	for from := 0; from < len(data); from += size {
		e.workers = len(hashes) // enough of them, it seems
		for i, h := range hashes {
			part := data[:max(0, len(data)-i)]
			writeAll(t, h, part[min(from, len(part)):min(from+size, len(part))])
		}
		e.work()
	}
	for i, h := range hashes {
		part := data[:max(0, len(data)-i)]
		if got, want := h.Sum(), md5.Sum(part); got != want {
			t.Errorf("MD5 of %d bytes in pieces of %d = %x; want %x", len(part), size, got, want)
		}
	}
}
