package blobtest

import (
	"errors"
	"testing"

	"github.com/oisproject/ois/internal/blob"
)

func testNotExist(t *testing.T, s *store) {
	s.wantAbsent(t, blob.ID{Epoch: 1})
	s.put(t, 1, nil)
	s.wantAbsent(t, blob.ID{Epoch: 1, Seq: 1<<64 - 1})
	s.wantAbsent(t, blob.ID{Epoch: 2})
	if err := s.delete(t.Context(), blob.ID{Epoch: 2}, blob.ID{Epoch: 1, Seq: 1 << 50}); err != nil {
		t.Errorf("Delete of blobs that were never there = %v; want nil", err)
	}
}

func testIDsAreNotReused(t *testing.T, s *store) {
	seen := make(map[blob.ID]bool)
	for i := range 20 {
		id := s.put(t, 1, data(uint64(i), 100_000))
		if seen[id] {
			t.Fatalf("id %s was given out twice", id)
		}
		seen[id] = true
		if err := s.delete(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		for id := range seen {
			s.wantAbsent(t, id)
		}
	}
}

func testDelete(t *testing.T, s *store) {
	if err := s.Delete(t.Context(), s.live); err != nil {
		t.Errorf("Delete of nothing = %v; want nil", err)
	}
	var ids []blob.ID
	for i := range 24 {
		ids = append(ids, s.put(t, uint32(i%3), data(uint64(i), i*3000)))
	}
	if err := s.delete(t.Context(), append(ids[6:], ids[8], blob.ID{Epoch: 9, Seq: 9})...); err != nil {
		t.Fatalf("Delete of some, one twice, one missing = %v; want nil", err)
	}
	for round := range 2 {
		for i, id := range ids {
			if i < 6 {
				s.wantBlob(t, id, data(uint64(i), i*3000))
			} else {
				s.wantAbsent(t, id)
			}
		}
		if round == 0 {
			s.close(t)
			s.open(t)
		}
	}
	for range 2 {
		if err := s.delete(t.Context(), ids...); err != nil {
			t.Errorf("Delete again = %v; want nil", err)
		}
	}
	for _, id := range ids {
		s.wantAbsent(t, id)
	}
	s.wantEpochs(t)
	id := s.put(t, 7, []byte("after"))
	s.wantBlob(t, id, []byte("after"))
}

// testDeleteLastOfMany deletes all blobs but one, in every order of the one, by an engine that has not put them.
func testDeleteLastOfMany(t *testing.T, s *store) {
	const n = 5
	for last := range n {
		var ids []blob.ID
		for i := range n {
			ids = append(ids, s.put(t, uint32(last), data(uint64(i), 5000)))
		}
		s.close(t)
		s.open(t)
		for i, id := range ids {
			if i == last {
				continue
			}
			if err := s.delete(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			s.wantAbsent(t, id)
		}
		s.wantBlob(t, ids[last], data(uint64(last), 5000))
		if err := s.delete(t.Context(), ids[last]); err != nil {
			t.Fatal(err)
		}
		s.wantAbsent(t, ids[last])
	}
	epochs, err := s.Epochs(t.Context())
	if err != nil || len(epochs) != 0 {
		t.Errorf("Epochs after all was deleted = %v, %v; want none", epochs, err)
	}
}

func testDeleteErrors(t *testing.T, s *store) {
	broken := errors.New("cannot tell")
	live := func(blob.ID) (blob.ID, bool, error) { return blob.ID{}, false, broken }
	a, b := s.put(t, 1, data(1, 100)), s.put(t, 1, data(2, 100))
	s.close(t)
	s.open(t)
	if err := s.Delete(t.Context(), live, a); err != nil && !errors.Is(err, broken) {
		t.Errorf("Delete where live fails = %v; want that error, or nil", err)
	}
	s.wantBlob(t, b, data(2, 100))
	if err := s.delete(t.Context(), a); err != nil {
		t.Errorf("Delete again = %v; want nil", err)
	}
	s.wantAbsent(t, a)
	s.wantBlob(t, b, data(2, 100))
}

// testUndecided deletes beside blobs that Put has returned and live does not know yet.
func testUndecided(t *testing.T, s *store) {
	for _, size := range []int{10, 1 << 20, 4 << 20} {
		var ids []blob.ID
		for range 4 {
			id, _, err := s.Put(t.Context(), 1, int64(size), lend(data(1, size), blob.PieceLen, nil))
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		s.keep(t, ids[0])
		s.keep(t, ids[1])
		for _, id := range []blob.ID{ids[0], ids[2], ids[1]} {
			if err := s.delete(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			s.wantAbsent(t, id)
			if _, err := s.read(t, ids[3], 0, 1); err != nil {
				t.Fatalf("undecided blob of %d bytes: %v", size, err)
			}
		}
		s.keep(t, ids[3])
		s.Settle(ids[3]) // again, and of one that is gone
		s.Settle(ids[0])
		s.Settle(blob.ID{Epoch: 99})
		s.wantBlob(t, ids[3], data(1, size))
	}
}

func testCollect(t *testing.T, s *store) {
	var ids []blob.ID
	for i := range 30 {
		ids = append(ids, s.put(t, uint32(1+i%2), data(uint64(i), 1+i*4000)))
	}
	s.close(t)
	s.open(t)
	for i, id := range ids {
		if i%3 != 0 {
			delete(s.alive, id)
		}
	}
	for _, epoch := range []uint32{1, 2} {
		would, err := s.Collect(t.Context(), epoch, s.live, true)
		if err != nil || would <= 0 {
			t.Errorf("dry Collect(%d) = %d, %v; want bytes and nil", epoch, would, err)
		}
		for i, id := range ids {
			s.wantBlob(t, id, data(uint64(i), 1+i*4000))
			if epoch == 2 && id.Epoch == 1 {
				break // they are gone
			}
		}
		if did, err := s.Collect(t.Context(), epoch, s.live, false); err != nil || did != would {
			t.Errorf("Collect(%d) = %d, %v; want the %d that the dry one told of", epoch, did, err, would)
		}
		if n, err := s.Collect(t.Context(), epoch, s.live, false); err != nil || n != 0 {
			t.Errorf("Collect(%d) again = %d, %v; want 0 and nil", epoch, n, err)
		}
	}
	for i, id := range ids {
		if i%3 == 0 {
			s.wantBlob(t, id, data(uint64(i), 1+i*4000))
		} else {
			s.wantAbsent(t, id)
		}
	}
	s.wantEpochs(t, 1, 2)
	clear(s.alive)
	s.wantEpochs(t)
}

func testCollectErrors(t *testing.T, s *store) {
	id := s.put(t, 1, data(1, 100))
	s.close(t)
	s.open(t)
	broken := errors.New("cannot tell")
	live := func(blob.ID) (blob.ID, bool, error) { return blob.ID{}, false, broken }
	for _, dry := range []bool{false, true} {
		if n, err := s.Collect(t.Context(), 1, live, dry); n != 0 || !errors.Is(err, broken) {
			t.Errorf("Collect where live fails = %d, %v; want 0 and that error", n, err)
		}
		if n, err := s.Collect(t.Context(), 5, s.live, dry); n != 0 || err != nil {
			t.Errorf("Collect of an epoch that never was = %d, %v; want 0 and nil", n, err)
		}
	}
	s.wantBlob(t, id, data(1, 100))
}

func testEpochs(t *testing.T, s *store) {
	s.wantEpochs(t)
	for _, epoch := range []uint32{5, 1<<32 - 1, 2, 5, 0} {
		s.put(t, epoch, []byte("x"))
	}
	s.wantEpochs(t, 0, 2, 5, 1<<32-1)
}
