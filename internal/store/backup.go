package store

import (
	"sync"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/meta"
)

// A BackupReport says what a backup, or what was restored from one, holds.
type BackupReport struct {
	*Report         // of the check of what was made
	Dir     string  `json:"dir"`
	Seconds float64 `json:"seconds"` // that it took
}

// HoldSweeper keeps the sweeper from giving back anything until release is called: every blob that the metadata refers to at
// some moment of that time stays. A sweep that is under way ends before. Deletions go on, their space comes back later.
func (s *Store) HoldSweeper() (release func()) {
	s.swept.Lock()
	defer s.swept.Unlock()
	s.holds++
	return sync.OnceFunc(func() {
		s.swept.Lock()
		s.holds--
		s.swept.Unlock()
		s.wakeSweeper()
	})
}

// LiveBlobs tells to which blobs a snapshot of the metadata of a store refers.
func LiveBlobs(snap meta.Snapshot) blob.Live {
	return func(from blob.ID) (blob.ID, bool, error) {
		return firstLive(snap, from, []byte{kindRef + 1}, nil)
	}
}
