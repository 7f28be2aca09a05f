package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/oisproject/ois/internal/blob"
)

func testContext(t *testing.T, s *store) {
	id := s.put(t, 1, []byte("x"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	calls := map[string]func() error{
		"Put": func() error { _, _, err := s.Put(ctx, 1, 1, lend([]byte("x"), blob.PieceLen, nil)); return err },
		"Open": func() error {
			r, err := s.Open(ctx, id, 0, -1)
			if err == nil {
				return r.Close()
			}
			return err
		},
		"Delete":  func() error { return s.Delete(ctx, s.live, id) },
		"Collect": func() error { _, err := s.Collect(ctx, 9, s.live, false); return err },
		"Epochs":  func() error { _, err := s.Epochs(ctx); return err },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a context that is over = %v; want Canceled", name, err)
		}
	}
	s.wantBlob(t, id, []byte("x"))
}

func testClosed(t *testing.T, s *store) {
	id := s.put(t, 1, []byte("x"))
	r, err := s.Open(t.Context(), id, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("Close of a reader = %v; want nil", err)
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, blob.ErrClosed) {
		t.Errorf("Read of a closed reader = %d, %v; want 0, ErrClosed", n, err)
	}
	if w, ok := r.(io.WriterTo); ok {
		if n, err := w.WriteTo(io.Discard); n != 0 || !errors.Is(err, blob.ErrClosed) {
			t.Errorf("WriteTo of a closed reader = %d, %v; want 0, ErrClosed", n, err)
		}
	}
	if err := r.Close(); !errors.Is(err, blob.ErrClosed) {
		t.Errorf("second Close of a reader = %v; want ErrClosed", err)
	}
	e := s.Engine
	s.close(t)
	e.Settle(id) // does nothing
	calls := map[string]func() error{
		"Put":     func() error { _, _, err := e.Put(t.Context(), 1, 0, lend(nil, 1, nil)); return err },
		"Open":    func() error { _, err := e.Open(t.Context(), id, 0, -1); return err },
		"Delete":  func() error { return e.Delete(t.Context(), s.live, id) },
		"Collect": func() error { _, err := e.Collect(t.Context(), 9, s.live, false); return err },
		"Epochs":  func() error { _, err := e.Epochs(t.Context()); return err },
		"Close":   e.Close,
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
				if err := putReadDelete(t, s, uint64(w*each+i), i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got, want := len(s.alive), workers*each/2; got != want {
		t.Errorf("%d blobs are left; want %d", got, want)
	}
	s.wantEpochs(t, 1)
	for id := range s.alive {
		if _, err := s.read(t, id, 0, -1); err != nil {
			t.Errorf("blob %s after Collect: %v", id, err)
		}
	}
}

// putReadDelete puts a blob and reads it, and deletes every other one.
func putReadDelete(t *testing.T, s *store, seed uint64, i int) error {
	b := data(seed, 1+i*5000)
	size := int64(len(b))
	if i%5 == 0 {
		size = -1
	}
	id, _, err := s.Put(t.Context(), 1, size, lend(b, blob.PieceLen, nil))
	if err != nil {
		return err
	}
	s.keep(t, id)
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
		return s.delete(t.Context(), id)
	}
	return nil
}

// A model is a store and what should be in it.
type model struct {
	*store
	rnd   *rand.Rand
	epoch uint32
	blobs map[blob.ID][]byte
	gone  []blob.ID
}

// testRandom compares an engine with a map over random operations.
func testRandom(t *testing.T, s *store) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	m := &model{store: s, rnd: rand.New(rand.NewPCG(seed, 0)), blobs: make(map[blob.ID][]byte)}
	for range 400 {
		switch op := m.rnd.IntN(20); {
		case op < 8:
			m.putOne(t)
		case op < 14:
			m.readOne(t)
		case op < 18:
			m.deleteSome(t)
		case op < 19 && len(m.gone) > 0:
			s.wantAbsent(t, m.gone[m.rnd.IntN(len(m.gone))])
		case m.rnd.IntN(5) == 0:
			m.restart(t)
		}
	}
	m.restart(t)
	for id, want := range m.blobs {
		s.wantBlob(t, id, want)
	}
	for _, id := range m.gone {
		s.wantAbsent(t, id)
	}
}

// one returns one of the blobs.
func (m *model) one() blob.ID {
	ids := make([]blob.ID, 0, len(m.blobs))
	for id := range m.blobs {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, blob.ID.Compare) // so that a seed tells it all
	return ids[m.rnd.IntN(len(ids))]
}

func (m *model) putOne(t *testing.T) {
	t.Helper()
	b := data(m.rnd.Uint64(), m.rnd.IntN(200_000))
	m.blobs[m.put(t, m.epoch, b)] = b
}

func (m *model) readOne(t *testing.T) {
	t.Helper()
	if len(m.blobs) == 0 {
		return
	}
	id := m.one()
	want := m.blobs[id]
	off := m.rnd.IntN(len(want) + 1)
	n := m.rnd.IntN(len(want) - off + 1)
	got, err := m.read(t, id, int64(off), int64(n))
	if err != nil || !bytes.Equal(got, want[off:off+n]) {
		t.Fatalf("blob %s, %d bytes from %d: %d bytes, %v; want what was put", id, n, off, len(got), err)
	}
}

func (m *model) deleteSome(t *testing.T) {
	t.Helper()
	var ids []blob.ID
	for n := m.rnd.IntN(4); n >= 0 && len(m.blobs) > 0; n-- {
		id := m.one()
		ids = append(ids, id)
		delete(m.blobs, id)
	}
	m.gone = append(m.gone, ids...)
	if err := m.delete(t.Context(), ids...); err != nil {
		t.Fatal(err)
	}
}

// restart opens the store for a new epoch, and collects the others.
func (m *model) restart(t *testing.T) {
	t.Helper()
	m.close(t)
	m.open(t)
	m.epoch++
	for epoch := range m.epoch {
		if _, err := m.Collect(t.Context(), epoch, m.live, false); err != nil {
			t.Fatal(err)
		}
	}
}
