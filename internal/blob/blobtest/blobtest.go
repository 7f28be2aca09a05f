// Package blobtest is the suite that every blob engine passes.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/oisproject/ois/internal/blob"
)

// Run checks an engine. fresh makes an empty store and returns a function that opens it; the suite opens
// a store again only after it has closed it.
func Run(t *testing.T, fresh func(t *testing.T) (open func() (blob.Engine, error))) {
	for name, test := range map[string]func(*testing.T, *store){
		"PutAndOpen":        testPutAndOpen,
		"Ranges":            testRanges,
		"RangeOutside":      testRangeOutside,
		"UnknownSize":       testUnknownSize,
		"ReadsNoMore":       testReadsNoMore,
		"Short":             testShort,
		"BrokenReader":      testBrokenReader,
		"OddReaders":        testOddReaders,
		"Exist":             testExist,
		"NotExist":          testNotExist,
		"Delete":            testDelete,
		"Enumerate":         testEnumerate,
		"DeleteInEnumerate": testDeleteInEnumerate,
		"Context":           testContext,
		"ContextInPut":      testContextInPut,
		"Closed":            testClosed,
		"Concurrent":        testConcurrent,
		"Random":            testRandom,
	} {
		t.Run(name, func(t *testing.T) {
			s := &store{reopen: fresh(t)}
			s.open(t)
			test(t, s)
			s.close(t)
		})
	}
}

// A store is an engine that can be closed and opened again.
type store struct {
	blob.Engine
	reopen func() (blob.Engine, error)
}

func (s *store) open(t *testing.T) {
	t.Helper()
	e, err := s.reopen()
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	s.Engine = e
}

func (s *store) close(t *testing.T) {
	t.Helper()
	if s.Engine == nil {
		return
	}
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	s.Engine = nil
}

// sizes are lengths of blobs around the places where engines like to change their ways.
var sizes = []int{0, 1, 100, 4095, 4096, 4097, 64<<10 - 1, 64 << 10, 64<<10 + 1, 128 << 10, 1<<20 + 7}

// data returns n bytes that differ from those of other seeds.
func data(seed uint64, n int) []byte {
	b := make([]byte, n)
	rnd := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), 1})
	_, _ = rnd.Read(b) // never fails
	return b
}

func id(epoch uint32, seq uint64) blob.ID { return blob.ID{Epoch: epoch, Seq: seq} }

func (s *store) put(t *testing.T, id blob.ID, b []byte) {
	t.Helper()
	n, err := s.Put(t.Context(), id, int64(len(b)), bytes.NewReader(b))
	if err != nil || n != int64(len(b)) {
		t.Fatalf("Put(%s, %d bytes) = %d, %v; want all and nil", id, len(b), n, err)
	}
}

// read returns a range of a blob.
func (s *store) read(t *testing.T, id blob.ID, off, n int64) ([]byte, error) {
	t.Helper()
	r, err := s.Open(t.Context(), id, off, n)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	if cerr := r.Close(); cerr != nil {
		t.Errorf("close reader of %s: %v", id, cerr)
	}
	return b, err
}

// wantBlob checks that a blob holds what it should.
func (s *store) wantBlob(t *testing.T, id blob.ID, want []byte) {
	t.Helper()
	got, err := s.read(t, id, 0, -1)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("blob %s: read %d bytes, %v; want the %d that were put", id, len(got), err, len(want))
	}
}

func (s *store) wantAbsent(t *testing.T, id blob.ID) {
	t.Helper()
	r, err := s.Open(t.Context(), id, 0, -1)
	if err == nil {
		_ = r.Close() // the test fails anyway
	}
	if !errors.Is(err, blob.ErrNotExist) {
		t.Fatalf("Open(%s) = %v; want ErrNotExist", id, err)
	}
}

func testPutAndOpen(t *testing.T, s *store) {
	for i, n := range sizes {
		s.put(t, id(1, uint64(i)), data(uint64(i), n))
	}
	for round := range 2 {
		for i, n := range sizes {
			s.wantBlob(t, id(1, uint64(i)), data(uint64(i), n))
		}
		if round == 0 {
			s.close(t)
			s.open(t)
		}
	}
}

func testRanges(t *testing.T, s *store) {
	const size = 200_000
	b := data(1, size)
	s.put(t, id(1, 1), b)
	edges := []int64{0, 1, 4096, 65535, 65536, 65537, 131071, 131072, 131073, 196608, size - 1, size}
	for _, off := range edges {
		for _, end := range edges {
			if end < off {
				continue
			}
			got, err := s.read(t, id(1, 1), off, end-off)
			if err != nil || !bytes.Equal(got, b[off:end]) {
				t.Errorf("range [%d, %d): %d bytes, %v; want what was put there", off, end, len(got), err)
			}
		}
		if got, err := s.read(t, id(1, 1), off, -1); err != nil || !bytes.Equal(got, b[off:]) {
			t.Errorf("range [%d, end): %d bytes, %v; want what was put there", off, len(got), err)
		}
	}
}

func testRangeOutside(t *testing.T, s *store) {
	s.put(t, id(1, 1), data(1, 1000))
	for _, r := range []struct{ off, n int64 }{{-1, 1}, {0, 1001}, {1000, 1}, {1001, 0}, {1001, -1}, {999, 1 << 62}} {
		if _, err := s.read(t, id(1, 1), r.off, r.n); !errors.Is(err, blob.ErrCorrupt) {
			t.Errorf("Open(off %d, n %d) of 1000 bytes = %v; want ErrCorrupt", r.off, r.n, err)
		}
	}
}

func testUnknownSize(t *testing.T, s *store) {
	for i, n := range sizes {
		b := data(uint64(i), n)
		got, err := s.Put(t.Context(), id(1, uint64(i)), -1, bytes.NewReader(b))
		if err != nil || got != int64(n) {
			t.Fatalf("Put of %d bytes without size = %d, %v; want all and nil", n, got, err)
		}
		s.wantBlob(t, id(1, uint64(i)), b)
	}
}

func testReadsNoMore(t *testing.T, s *store) {
	for i, n := range sizes {
		b := data(uint64(i), n+5)
		r := bytes.NewReader(b)
		got, err := s.Put(t.Context(), id(1, uint64(i)), int64(n), r)
		if err != nil || got != int64(n) || r.Len() != 5 {
			t.Fatalf("Put of %d from %d bytes = %d, %v, %d left; want %d, nil, 5", n, n+5, got, err, r.Len(), n)
		}
		s.wantBlob(t, id(1, uint64(i)), b[:n])
	}
}

func testShort(t *testing.T, s *store) {
	for i, n := range sizes {
		_, err := s.Put(t.Context(), id(1, uint64(i)), int64(n+1), bytes.NewReader(data(1, n)))
		if !errors.Is(err, blob.ErrShort) {
			t.Errorf("Put of %d from %d bytes = %v; want ErrShort", n+1, n, err)
		}
		s.wantAbsent(t, id(1, uint64(i)))
	}
}

func testBrokenReader(t *testing.T, s *store) {
	for i, broken := range []error{errors.New("broken"), io.ErrUnexpectedEOF} {
		for j, n := range sizes {
			for k, size := range []int64{-1, int64(n) + 1} {
				id := id(uint32(i+1), uint64(2*j+k))
				r := io.MultiReader(bytes.NewReader(data(1, n)), iotest.ErrReader(broken))
				if _, err := s.Put(t.Context(), id, size, r); !errors.Is(err, broken) {
					t.Errorf("Put(size %d) from a reader that breaks after %d = %v; want %v", size, n, err, broken)
				}
				s.wantAbsent(t, id)
			}
		}
	}
}

func testOddReaders(t *testing.T, s *store) {
	b := data(1, 70_000)
	for i, odd := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader} {
		for j, size := range []int64{-1, int64(len(b))} {
			id := id(uint32(i+1), uint64(j))
			if n, err := s.Put(t.Context(), id, size, odd(bytes.NewReader(b))); err != nil || n != int64(len(b)) {
				t.Fatalf("Put from reader %d = %d, %v; want %d, nil", i, n, err, len(b))
			}
			s.wantBlob(t, id, b)
		}
	}
}

func testExist(t *testing.T, s *store) {
	s.put(t, id(1, 1), []byte("first"))
	for range 2 {
		_, err := s.Put(t.Context(), id(1, 1), 6, strings.NewReader("second"))
		if !errors.Is(err, blob.ErrExist) {
			t.Errorf("second Put = %v; want ErrExist", err)
		}
		s.wantBlob(t, id(1, 1), []byte("first"))
		s.close(t)
		s.open(t)
	}
}

func testNotExist(t *testing.T, s *store) {
	s.wantAbsent(t, id(1, 1))
	s.put(t, id(1, 1), nil)
	s.wantAbsent(t, id(1, 2))
	s.wantAbsent(t, id(2, 1))
}

func testDelete(t *testing.T, s *store) {
	if err := s.Delete(t.Context()); err != nil {
		t.Errorf("Delete of nothing = %v; want nil", err)
	}
	var ids []blob.ID
	for _, seq := range []uint64{0, 1, 255, 256, 4095, 4096, 1 << 40, 1<<64 - 1} {
		for epoch := range uint32(3) {
			ids = append(ids, id(epoch, seq))
			s.put(t, id(epoch, seq), data(seq, 10))
		}
	}
	if err := s.Delete(t.Context(), append(ids[3:], ids[5], id(9, 9))...); err != nil {
		t.Fatalf("Delete of some, one twice, one missing = %v; want nil", err)
	}
	for round := range 2 {
		for i, id := range ids {
			if i < 3 {
				s.wantBlob(t, id, data(0, 10))
			} else {
				s.wantAbsent(t, id)
			}
		}
		if round == 0 {
			s.close(t)
			s.open(t)
		}
	}
	if err := s.Delete(t.Context(), ids...); err != nil {
		t.Errorf("Delete again = %v; want nil", err)
	}
	if got := s.epochs(t); len(got) != 0 {
		t.Errorf("Epochs after all is deleted = %v; want none", got)
	}
	s.put(t, id(7, 1), []byte("after"))
	s.wantBlob(t, id(7, 1), []byte("after"))
}

func (s *store) epochs(t *testing.T) []uint32 {
	t.Helper()
	epochs, err := s.Epochs(t.Context())
	if err != nil {
		t.Fatalf("Epochs: %v", err)
	}
	return epochs
}

// enumerate returns the ids of an epoch.
func (s *store) enumerate(t *testing.T, epoch uint32) (ids []blob.ID) {
	t.Helper()
	err := s.Enumerate(t.Context(), epoch, func(id blob.ID, size int64) error {
		if size <= 0 {
			t.Errorf("blob %s takes %d bytes on the disk; want some", id, size)
		}
		ids = append(ids, id)
		return nil
	})
	if err != nil {
		t.Fatalf("Enumerate(%d): %v", epoch, err)
	}
	return ids
}

func testEnumerate(t *testing.T, s *store) {
	if got := s.epochs(t); len(got) != 0 {
		t.Errorf("Epochs of an empty store = %v; want none", got)
	}
	var want []blob.ID
	for _, seq := range []uint64{1 << 63, 70_000, 3, 5000, 0, 4096, 4095} {
		want = append(want, id(5, seq))
		s.put(t, id(5, seq), []byte("x"))
	}
	s.put(t, id(1<<32-1, 1), nil)
	s.put(t, id(2, 1), []byte("x"))
	slices.SortFunc(want, blob.ID.Compare)
	if got := s.enumerate(t, 5); !slices.Equal(got, want) {
		t.Errorf("Enumerate(5) = %v; want %v", got, want)
	}
	if got := s.enumerate(t, 3); len(got) != 0 {
		t.Errorf("Enumerate of an unknown epoch = %v; want none", got)
	}
	if got, want := s.epochs(t), []uint32{2, 5, 1<<32 - 1}; !slices.Equal(got, want) {
		t.Errorf("Epochs = %v; want %v", got, want)
	}
	stop := errors.New("stop")
	calls := 0
	err := s.Enumerate(t.Context(), 5, func(blob.ID, int64) error { calls++; return stop })
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("Enumerate that is stopped at once: %v after %d calls; want the error of fn after 1", err, calls)
	}
}

func testDeleteInEnumerate(t *testing.T, s *store) {
	for seq := range uint64(10) {
		s.put(t, id(1, seq*3000), []byte("x"))
	}
	n := 0
	err := s.Enumerate(t.Context(), 1, func(id blob.ID, _ int64) error {
		n++
		return s.Delete(t.Context(), id)
	})
	if err != nil || n != 10 {
		t.Errorf("Enumerate with Delete = %v after %d; want nil after 10", err, n)
	}
	if got := s.enumerate(t, 1); len(got) != 0 {
		t.Errorf("left over: %v", got)
	}
}

func testContext(t *testing.T, s *store) {
	s.put(t, id(1, 1), []byte("x"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	calls := map[string]func() error{
		"Put": func() error { _, err := s.Put(ctx, id(1, 2), 1, strings.NewReader("x")); return err },
		"Open": func() error {
			r, err := s.Open(ctx, id(1, 1), 0, -1)
			if err == nil {
				return r.Close()
			}
			return err
		},
		"Delete":    func() error { return s.Delete(ctx, id(1, 1)) },
		"Enumerate": func() error { return s.Enumerate(ctx, 1, func(blob.ID, int64) error { return nil }) },
		"Epochs":    func() error { _, err := s.Epochs(ctx); return err },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a context that is over = %v; want Canceled", name, err)
		}
	}
	s.wantAbsent(t, id(1, 2))
	s.wantBlob(t, id(1, 1), []byte("x"))
}

// cancelReader ends a context when it has been read from a few times, and never ends itself.
type cancelReader struct {
	cancel context.CancelFunc
	left   int
}

func (r *cancelReader) Read(p []byte) (int, error) {
	if r.left--; r.left == 0 {
		r.cancel()
	}
	return len(p), nil
}

func testContextInPut(t *testing.T, s *store) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := s.Put(ctx, id(1, 1), -1, &cancelReader{cancel, 3})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Put of an endless reader whose context ends = %v; want Canceled", err)
	}
	s.wantAbsent(t, id(1, 1))
}

func testClosed(t *testing.T, s *store) {
	s.put(t, id(1, 1), []byte("x"))
	r, err := s.Open(t.Context(), id(1, 1), 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("Close of a reader = %v; want nil", err)
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, blob.ErrClosed) {
		t.Errorf("Read of a closed reader = %d, %v; want 0, ErrClosed", n, err)
	}
	e := s.Engine
	s.close(t)
	calls := map[string]func() error{
		"Put":       func() error { _, err := e.Put(t.Context(), id(1, 2), 0, strings.NewReader("")); return err },
		"Open":      func() error { _, err := e.Open(t.Context(), id(1, 1), 0, -1); return err },
		"Delete":    func() error { return e.Delete(t.Context(), id(1, 1)) },
		"Enumerate": func() error { return e.Enumerate(t.Context(), 1, func(blob.ID, int64) error { return nil }) },
		"Epochs":    func() error { _, err := e.Epochs(t.Context()); return err },
		"Close":     e.Close,
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, blob.ErrClosed) {
			t.Errorf("%s after Close = %v; want ErrClosed", name, err)
		}
	}
}

func testConcurrent(t *testing.T, s *store) {
	const workers, each = 8, 20
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				if err := putReadDelete(t, s, id(1, uint64(i*workers+w)*1000), i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got, want := len(s.enumerate(t, 1)), workers*each/2; got != want {
		t.Errorf("%d blobs are left; want %d", got, want)
	}
}

// putReadDelete puts a blob and reads it, and deletes every other one.
func putReadDelete(t *testing.T, s *store, id blob.ID, i int) error {
	b := data(id.Seq, 1+i*5000)
	if _, err := s.Put(t.Context(), id, int64(len(b)), bytes.NewReader(b)); err != nil {
		return err
	}
	r, err := s.Open(t.Context(), id, 0, -1)
	if err != nil {
		return err
	}
	got, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	if !bytes.Equal(got, b) {
		return fmt.Errorf("blob %s: what was read is not what was put", id)
	}
	if i%2 == 1 {
		return s.Delete(t.Context(), id)
	}
	return nil
}

// testRandom compares an engine with a map over random operations.
func testRandom(t *testing.T, s *store) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	model := make(map[blob.ID][]byte)
	for range 300 {
		id := id(uint32(rnd.IntN(3)), uint64(rnd.IntN(12))*1500)
		want, there := model[id]
		switch op := rnd.IntN(10); {
		case op < 4 && !there:
			model[id] = data(rnd.Uint64(), rnd.IntN(200_000))
			s.put(t, id, model[id])
		case op < 4:
			if _, err := s.Put(t.Context(), id, 1, strings.NewReader("x")); !errors.Is(err, blob.ErrExist) {
				t.Fatalf("Put of %s, which exists, = %v; want ErrExist", id, err)
			}
		case op < 8 && !there:
			s.wantAbsent(t, id)
		case op < 8:
			off := rnd.IntN(len(want) + 1)
			n := rnd.IntN(len(want) - off + 1)
			got, err := s.read(t, id, int64(off), int64(n))
			if err != nil || !bytes.Equal(got, want[off:off+n]) {
				t.Fatalf("blob %s, %d bytes from %d: %d bytes, %v; want what was put", id, n, off, len(got), err)
			}
		case op == 8:
			delete(model, id)
			if err := s.Delete(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		case rnd.IntN(5) == 0:
			s.close(t)
			s.open(t)
		}
	}
	for epoch := range uint32(3) {
		var want []blob.ID
		for id := range model {
			if id.Epoch == epoch {
				want = append(want, id)
			}
		}
		slices.SortFunc(want, blob.ID.Compare)
		if got := s.enumerate(t, epoch); !slices.Equal(got, want) {
			t.Errorf("Enumerate(%d) = %v; want %v", epoch, got, want)
		}
	}
}
