package store_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
)

// TestSealedKeysAreDiscarded loses the key, and is broken off after each number of changes.
func TestSealedKeysAreDiscarded(t *testing.T) {
	const sealed = 3
	without := store.Options{Still: true, WithoutSecrets: true}
	for changes, brokenOff := 0, 0; ; changes++ {
		fsys := vfs.NewMem()
		var lost []store.Key
		reopen(t, fsys, store.Options{Secrets: ring(t, 1)}, func(s *store.Store) { lost = makeKeys(t, s, sealed) })
		slices.SortFunc(lost, func(a, b store.Key) int { return slices.Compare([]byte(a.ID), []byte(b.ID)) })

		reopen(t, fsys, without, func(s *store.Store) {
			found, err := s.DiscardSealed(t.Context(), true)
			if err != nil || len(found) != sealed || found[0].ID != lost[0].ID || found[2].User != store.RootUser || found[1].Created.IsZero() {
				t.Fatalf("a dry run finds %+v, %v; want %+v", found, err, lost)
			}
		})
		s, err := openWith(t, fsys, changes, without)
		if errors.Is(err, errBroken) {
			continue // to open it takes changes, too
		}
		if err != nil {
			t.Fatal(err)
		}
		found, failed := s.DiscardSealed(t.Context(), false)
		if failed == nil && len(found) != sealed {
			t.Errorf("discarded %+v; want %+v", found, lost)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if failed != nil { // it is still known to be sealed
			if _, err := openWith(t, fsys, -1, store.Options{}); !errors.Is(err, store.ErrSealed) {
				t.Fatalf("broken off after %d keys the store opens with %v; want ErrSealed", brokenOff, err)
			}
			brokenOff++
			reopen(t, fsys, without, func(s *store.Store) {
				if found, err := s.DiscardSealed(t.Context(), false); err != nil || len(found) > sealed {
					t.Errorf("the second time: %+v, %v", found, err)
				}
			})
		}
		for _, o := range []store.Options{{}, {Secrets: ring(t, 2)}} { // all goes on, without a key or with another
			reopen(t, fsys, o, func(s *store.Store) {
				if keys, err := s.ListKeys(t.Context(), ""); err != nil || len(keys) > 1 {
					t.Errorf("there are the keys %+v, %v; want none of those before", keys, err)
				}
				wantSecrets(t, s, makeKeys(t, s, 1))
				checkClean(t, s)
			})
		}
		if failed == nil {
			if brokenOff != sealed+1 {
				t.Errorf("it was broken off %d times; want it before each key, and before the end", brokenOff)
			}
			return
		}
	}
}

// TestPlainKeysAreNotDiscarded: only what nobody can open is.
func TestPlainKeysAreNotDiscarded(t *testing.T) {
	fsys := vfs.NewMem()
	var plain []store.Key
	reopen(t, fsys, store.Options{}, func(s *store.Store) { plain = makeKeys(t, s, 2) })
	reopen(t, fsys, store.Options{Still: true, WithoutSecrets: true}, func(s *store.Store) {
		if found, err := s.DiscardSealed(t.Context(), false); len(found) > 0 || err != nil {
			t.Errorf("discarded %+v, %v; want none", found, err)
		}
	})
	reopen(t, fsys, store.Options{}, func(s *store.Store) { wantSecrets(t, s, plain) })
}
