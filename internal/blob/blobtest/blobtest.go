// Package blobtest is the suite that every blob engine passes.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/oisproject/ois/internal/blob"
)

// Run checks an engine. fresh makes an empty store and returns a function that opens it; the suite opens
// a store again only after it has closed it, and puts nothing into an epoch that was used before that.
func Run(t *testing.T, fresh func(t *testing.T) (open func() (blob.Engine, error))) {
	for name, test := range map[string]func(*testing.T, *store){
		"PutAndOpen":       testPutAndOpen,
		"Ranges":           testRanges,
		"RangeOutside":     testRangeOutside,
		"UnknownSize":      testUnknownSize,
		"MoreThanSize":     testMoreThanSize,
		"Short":            testShort,
		"BrokenSource":     testBrokenSource,
		"PiecesOfAnySize":  testPiecesOfAnySize,
		"AgainstRules":     testAgainstRules,
		"NotExist":         testNotExist,
		"IDsAreNotReused":  testIDsAreNotReused,
		"Delete":           testDelete,
		"DeleteLastOfMany": testDeleteLastOfMany,
		"DeleteErrors":     testDeleteErrors,
		"Undecided":        testUndecided,
		"Collect":          testCollect,
		"CollectErrors":    testCollectErrors,
		"Epochs":           testEpochs,
		"Context":          testContext,
		"ContextInPut":     testContextInPut,
		"Closed":           testClosed,
		"Concurrent":       testConcurrent,
		"Random":           testRandom,
	} {
		t.Run(name, func(t *testing.T) {
			s := &store{reopen: fresh(t), alive: make(map[blob.ID]bool)}
			s.open(t)
			test(t, s)
			s.close(t)
		})
	}
}

// A store is an engine that can be closed and opened again, and knows which blobs live.
type store struct {
	blob.Engine
	reopen func() (blob.Engine, error)

	mu    sync.Mutex
	alive map[blob.ID]bool // guarded by mu
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

// live is the blob.Live of the store.
func (s *store) live(from blob.ID) (first blob.ID, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.alive {
		if id.Compare(from) >= 0 && (!ok || id.Compare(first) < 0) {
			first, ok = id, true
		}
	}
	return first, ok, nil
}

// sizes are lengths of blobs around the places where engines like to change their ways.
var sizes = []int{0, 1, 100, 4059, 4060, 4061, 4095, 4096, 4097, 64<<10 - 1, 64 << 10, 64<<10 + 1, 128 << 10, 1<<20 + 7}

// noise is what data takes its bytes from.
var noise = sync.OnceValue(func() []byte {
	b := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b) // never fails
	return b
})

// data returns n bytes that differ from those of other seeds.
func data(seed uint64, n int) []byte {
	from := noise()
	start := int(seed * 7919 % uint64(len(from)))
	b := make([]byte, 0, n)
	for len(b) < n {
		b = append(b, from[start:min(len(from), start+n-len(b))]...)
		start = 0
	}
	return b
}

// put puts a blob, which lives from now on.
func (s *store) put(t *testing.T, epoch uint32, b []byte) blob.ID {
	t.Helper()
	id, n, err := s.Put(t.Context(), epoch, int64(len(b)), lend(b, blob.PieceLen, nil))
	if err != nil || n != int64(len(b)) || id.Epoch != epoch {
		t.Fatalf("Put(epoch %d, %d bytes) = %s, %d, %v; want an id of the epoch, all and nil", epoch, len(b), id, n, err)
	}
	s.keep(t, id)
	return id
}

// keep makes a blob live.
func (s *store) keep(t *testing.T, id blob.ID) {
	t.Helper()
	s.mu.Lock()
	again := s.alive[id]
	s.alive[id] = true
	s.mu.Unlock()
	if again {
		t.Errorf("id %s was given out twice", id)
	}
	s.Settle(id)
}

// delete deletes blobs, which do not live any more.
func (s *store) delete(ctx context.Context, ids ...blob.ID) error {
	s.mu.Lock()
	for _, id := range ids {
		delete(s.alive, id)
	}
	s.mu.Unlock()
	return s.Delete(ctx, s.live, ids...)
}

// read returns a range of a blob, which it reads in each way that the reader knows.
func (s *store) read(t *testing.T, id blob.ID, off, n int64) (b []byte, err error) {
	t.Helper()
	for _, way := range []func(w io.Writer, r io.Reader) (int64, error){
		io.Copy,
		func(w io.Writer, r io.Reader) (int64, error) { return io.Copy(struct{ io.Writer }{w}, r) },
		func(w io.Writer, r io.Reader) (int64, error) { return io.Copy(w, struct{ io.Reader }{r}) },
	} {
		r, err := s.Open(t.Context(), id, off, n)
		if err != nil {
			return nil, err
		}
		var buf bytes.Buffer
		m, err := way(&buf, r)
		if cerr := r.Close(); cerr != nil {
			t.Errorf("close reader of %s: %v", id, cerr)
		}
		if err != nil {
			return nil, err
		}
		if m != int64(buf.Len()) || b != nil && !bytes.Equal(b, buf.Bytes()) {
			t.Errorf("ways to read %s differ", id)
		}
		b = buf.Bytes()
	}
	return b, nil
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

// wantEpochs checks of which epochs anything is stored, once what is not live was collected.
func (s *store) wantEpochs(t *testing.T, want ...uint32) {
	t.Helper()
	for i, collect := range []bool{true, false} {
		s.close(t)
		s.open(t)
		epochs, err := s.Epochs(t.Context())
		if err != nil {
			t.Fatalf("Epochs: %v", err)
		}
		if !slices.IsSorted(epochs) {
			t.Fatalf("Epochs = %v; want them ascending", epochs)
		}
		for _, epoch := range epochs {
			if n, err := s.Collect(t.Context(), epoch, s.live, !collect); err != nil || n < 0 || n > 0 && i > 0 {
				t.Fatalf("Collect(%d) number %d = %d, %v; want nil, and nothing the second time", epoch, i+1, n, err)
			}
		}
		if i > 0 && !slices.Equal(epochs, want) {
			t.Fatalf("Epochs = %v; want %v", epochs, want)
		}
	}
}

// lend returns a Source of b that lends pieces of so many bytes, and fails in the end with the error, if any. It spoils each
// piece when its time is over.
func lend(b []byte, piece int, end error) blob.Source {
	if end == nil {
		end = io.EOF
	}
	return &lender{left: b, piece: make([]byte, piece), end: end}
}

type lender struct {
	left  []byte
	piece []byte
	lent  int // bytes of piece
	end   error
}

// Next implements blob.Source.
func (l *lender) Next() ([]byte, error) {
	copy(l.piece[:l.lent], bytes.Repeat([]byte{0xdb}, l.lent))
	n := copy(l.piece, l.left)
	l.lent = n
	l.left = l.left[n:]
	if n == 0 {
		return nil, l.end
	}
	return l.piece[:n], nil
}
