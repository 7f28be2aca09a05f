package blobtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/oisproject/ois/internal/blob"
)

func testPutAndOpen(t *testing.T, s *store) {
	ids := make([]blob.ID, len(sizes))
	for i, n := range sizes {
		ids[i] = s.put(t, 1, data(uint64(i), n))
	}
	for round := range 2 {
		for i, n := range sizes {
			s.wantBlob(t, ids[i], data(uint64(i), n))
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
	id := s.put(t, 1, b)
	edges := []int64{0, 1, 4096, 65535, 65536, 65537, 131071, 131072, 131073, 196608, size - 1, size}
	for _, off := range edges {
		for _, end := range edges {
			if end < off {
				continue
			}
			got, err := s.read(t, id, off, end-off)
			if err != nil || !bytes.Equal(got, b[off:end]) {
				t.Errorf("range [%d, %d): %d bytes, %v; want what was put there", off, end, len(got), err)
			}
		}
		if got, err := s.read(t, id, off, -1); err != nil || !bytes.Equal(got, b[off:]) {
			t.Errorf("range [%d, end): %d bytes, %v; want what was put there", off, len(got), err)
		}
	}
}

func testRangeOutside(t *testing.T, s *store) {
	id := s.put(t, 1, data(1, 1000))
	for _, r := range []struct{ off, n int64 }{{-1, 1}, {0, 1001}, {1000, 1}, {1001, 0}, {1001, -1}, {999, 1 << 62}} {
		if _, err := s.read(t, id, r.off, r.n); !errors.Is(err, blob.ErrCorrupt) {
			t.Errorf("Open(off %d, n %d) of 1000 bytes = %v; want ErrCorrupt", r.off, r.n, err)
		}
	}
}

func testUnknownSize(t *testing.T, s *store) {
	for i, n := range sizes {
		b := data(uint64(i), n)
		id, got, err := s.Put(t.Context(), 1, -1, lend(b, blob.PieceLen, nil))
		if err != nil || got != int64(n) {
			t.Fatalf("Put of %d bytes without size = %d, %v; want all and nil", n, got, err)
		}
		s.keep(t, id)
		s.wantBlob(t, id, b)
	}
}

// wantFailure checks that a Put has failed with an error that matches want, if that is not nil.
func wantFailure(t *testing.T, what string, id blob.ID, err, want error) {
	t.Helper()
	if err == nil || want != nil && !errors.Is(err, want) || id != (blob.ID{}) {
		t.Errorf("Put of %s = %s, %v; want no id and an error: %v", what, id, err, want)
	}
}

func testMoreThanSize(t *testing.T, s *store) {
	for i, n := range sizes {
		for _, more := range []int{1, 5, 70_000} {
			id, _, err := s.Put(t.Context(), 1, int64(n), lend(data(uint64(i), n+more), blob.PieceLen, nil))
			wantFailure(t, "more than was announced", id, err, nil)
			if errors.Is(err, blob.ErrShort) {
				t.Errorf("Put of %d bytes more than announced = %v; want another error than ErrShort", more, err)
			}
		}
	}
	s.wantEpochs(t)
}

func testShort(t *testing.T, s *store) {
	for _, n := range sizes {
		for _, less := range []int{1, 70_000, 5 << 20} {
			id, _, err := s.Put(t.Context(), 1, int64(n+less), lend(data(1, n), blob.PieceLen, nil))
			wantFailure(t, "fewer than were announced", id, err, blob.ErrShort)
		}
	}
	s.wantEpochs(t)
}

func testBrokenSource(t *testing.T, s *store) {
	for _, broken := range []error{errors.New("broken"), io.ErrUnexpectedEOF} {
		for _, n := range sizes {
			for _, size := range []int64{-1, int64(n), int64(n) + 1, int64(n) + 5<<20} {
				id, _, err := s.Put(t.Context(), 1, size, lend(data(1, n), blob.PieceLen, broken))
				wantFailure(t, "a source that breaks", id, err, broken)
			}
		}
	}
	s.wantEpochs(t)
}

func testPiecesOfAnySize(t *testing.T, s *store) {
	for _, n := range []int{0, 1, 4060, 64 << 10, 64<<10 + 1, 128 << 10, 1200 << 10} {
		for _, piece := range []int{1, 2, 50} {
			for _, size := range []int64{-1, int64(n)} {
				b := data(uint64(n), n)
				id, got, err := s.Put(t.Context(), 1, size, lend(b, piece*blob.PieceLen, nil))
				if err != nil || got != int64(n) {
					t.Fatalf("Put of %d bytes, size %d, in pieces of %d × 64 KiB = %d, %v; want all and nil", n, size, piece, got, err)
				}
				s.keep(t, id)
				s.wantBlob(t, id, b)
			}
		}
	}
}

// A ruleBreaker lends a piece, and then one that no Source should.
type ruleBreaker struct {
	pieces [][]byte
}

// Next implements blob.Source.
func (r *ruleBreaker) Next() ([]byte, error) {
	if len(r.pieces) == 0 {
		return nil, io.EOF
	}
	b := r.pieces[0]
	r.pieces = r.pieces[1:]
	return b, nil
}

func testAgainstRules(t *testing.T, s *store) {
	piece := data(1, blob.PieceLen)
	for _, size := range []int64{-1, 3 * blob.PieceLen} {
		id, _, err := s.Put(t.Context(), 1, size, &ruleBreaker{[][]byte{piece, {}, piece, piece}})
		wantFailure(t, "an empty piece", id, err, nil)
		id, _, err = s.Put(t.Context(), 1, size, &ruleBreaker{[][]byte{piece, piece[1:], piece, piece[:1]}})
		wantFailure(t, "an odd piece in the middle", id, err, nil)
	}
}

func testContextInPut(t *testing.T, s *store) {
	for _, size := range []int64{-1, 10 << 20, 1 << 30} {
		ctx, cancel := context.WithCancel(t.Context())
		id, _, err := s.Put(ctx, 1, size, &canceler{cancel: cancel, left: 3})
		wantFailure(t, "an endless source whose context ends", id, err, context.Canceled)
	}
	s.wantEpochs(t)
}

// A canceler ends a context when it was asked a few times, and never ends itself.
type canceler struct {
	cancel context.CancelFunc
	left   int
	piece  [blob.PieceLen]byte
}

// Next implements blob.Source.
func (c *canceler) Next() ([]byte, error) {
	if c.left--; c.left == 0 {
		c.cancel()
	}
	return c.piece[:], nil
}
