package store

import (
	"context"

	"github.com/oisproject/ois/internal/meta"
)

// DiscardSealed revokes the access keys whose secrets are sealed, and then the store is one without sealed secrets: nobody needs the key
// for them any more. It returns those keys; a dry run only that. If it is broken off it can be called again, since the store is called
// sealed until the last of them is gone.
func (s *Store) DiscardSealed(ctx context.Context, dry bool) (keys []Key, err error) {
	if keys, err = s.sealedKeys(ctx); err != nil || dry {
		return keys, err
	}
	for _, k := range keys {
		if err := s.DeleteKey(ctx, k.ID); err != nil {
			return nil, err
		}
	}
	err = s.retry(ctx, func(snap meta.Snapshot) (*meta.Change, error) {
		row, ok, err := snap.Get(sealKey())
		if !ok || err != nil {
			return nil, err
		}
		var c change
		c.unchanged(sealKey(), row, ok)
		c.drop(sealKey())
		return c.done(), nil
	})
	if err != nil {
		return nil, err
	}
	s.sealed = false
	return keys, nil
}

// sealedKeys returns the access keys whose secrets are sealed.
func (s *Store) sealedKeys(ctx context.Context) (keys []Key, err error) {
	err = s.view(ctx, func(snap meta.Snapshot) error {
		return walk(snap, []byte{kindKey}, func(r meta.Row) error {
			k, err := decodeKey(r.Val)
			if err == nil && len(k.sealed) > 0 { // nobody can use a damaged one, and fsck reports it
				keys = append(keys, Key{ID: string(r.Key[1:]), User: k.user, Created: k.created})
			}
			return nil
		})
	})
	return keys, err
}
