package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/seal"
)

// ErrSealed is matched when the secrets of a store are sealed and the key for them is not there.
var ErrSealed = errors.New("its secret access keys are sealed")

// A sealRow says with which key the secrets of a store are sealed. Where there is none they are stored as they are.
type sealRow struct{ key seal.ID }

func (r *sealRow) encode() []byte { return appendText([]byte{recordVersion}, 1, r.key[:]) }

func decodeSeal(b []byte) (r sealRow, err error) {
	s := scan(b)
	for s.next() {
		switch s.id {
		case 1:
			if copy(r.key[:], s.text) != len(s.text) || len(s.text) != len(r.key) {
				s.fail(fmt.Errorf("id of a key with %d bytes, want %d", len(s.text), len(r.key)))
			}
		default:
			s.unknown()
		}
	}
	return r, s.done("seal row")
}

func sealIn(snap meta.Snapshot) (r sealRow, row meta.Row, ok bool, err error) {
	if row, ok, err = snap.Get(sealKey()); !ok || err != nil {
		return r, row, ok, err
	}
	r, err = decodeSeal(row.Val)
	return r, row, ok, err
}

// sealContext is where the secret of an access key is: it cannot be opened at another one, nor as that of another user.
func sealContext(id, user string) string { return "access key " + id + " of " + user }

// checkSeal refuses a store whose secrets cannot be opened, before anything is changed.
func (s *Store) checkSeal(ctx context.Context) error {
	return s.view(ctx, func(snap meta.Snapshot) error {
		r, _, ok, err := sealIn(snap)
		switch {
		case err != nil || !ok:
			return err
		case s.secrets == nil && !s.still && !s.withoutSecrets:
			return fmt.Errorf("%w with the key %s; give the file with that key", ErrSealed, r.key)
		case s.secrets != nil && !s.secrets.Has(r.key):
			return fmt.Errorf("%w with the key %s; the file that is given has the key %s", ErrSealed, r.key, s.secrets.ID())
		}
		s.sealed = true
		return nil
	})
}

// sealAll seals the secrets that are not sealed with the first key. Two orders make a crash harmless: a store is called sealed
// before its first secret is, so nobody takes it for a plain one; and what is sealed anew is so before the store says that the key before is
// needed no more.
func (s *Store) sealAll(ctx context.Context) error {
	if s.secrets == nil || s.still {
		return nil
	}
	if err := s.markSealed(ctx, false); err != nil {
		return err
	}
	for more := true; more; {
		if err := s.retry(ctx, func(snap meta.Snapshot) (_ *meta.Change, err error) {
			var c change
			more, err = s.sealSome(snap, &c)
			if len(c.Sets) == 0 {
				return nil, err
			}
			return c.done(), err
		}); err != nil {
			return err
		}
	}
	s.sealed = true
	return s.markSealed(ctx, true)
}

// markSealed notes the key that seals from now on, also if another is noted when again is true.
func (s *Store) markSealed(ctx context.Context, again bool) error {
	return s.retry(ctx, func(snap meta.Snapshot) (*meta.Change, error) {
		r, row, ok, err := sealIn(snap)
		if err != nil || ok && (!again || r.key == s.secrets.ID()) {
			return nil, err
		}
		var c change
		c.unchanged(sealKey(), row, ok)
		c.set(sealKey(), (&sealRow{key: s.secrets.ID()}).encode())
		return c.done(), nil
	})
}

// sealBatch is how many secrets are sealed in one change.
const sealBatch = 4096

// sealSome adds to a change what seals some secrets, and reports whether there may be more of them.
func (s *Store) sealSome(snap meta.Snapshot, c *change) (more bool, err error) {
	errEnough := errors.New("enough")
	err = walk(snap, []byte{kindKey}, func(r meta.Row) error {
		k, err := decodeKey(r.Val)
		if err != nil {
			return nil //nolint:nilerr // nobody can use it, and fsck reports it
		}
		id := string(r.Key[1:])
		if key, err := seal.KeyOf(k.sealed); len(k.sealed) > 0 && (err != nil || key == s.secrets.ID()) {
			return nil //nolint:nilerr // sealed so, or damaged
		}
		secret, err := s.open(id, &k)
		if errors.Is(err, seal.ErrBroken) {
			return nil // as above
		}
		if err != nil {
			return err
		}
		if len(c.Sets) == sealBatch {
			return errEnough
		}
		k.secret, k.sealed = "", s.secrets.Seal(secret, sealContext(id, k.user))
		key := bytes.Clone(r.Key)
		c.still(key, r.Rev)
		c.set(key, k.encode())
		return nil
	})
	if errors.Is(err, errEnough) {
		return true, nil
	}
	return false, err
}

// keep puts a secret into the row of its access key.
func (s *Store) keep(secret, id string, k *keyRow) error {
	switch {
	case s.secrets != nil:
		k.sealed = s.secrets.Seal(secret, sealContext(id, k.user))
	case s.sealed:
		return fmt.Errorf("%w; give the file with the key, or start the server and do it then", ErrSealed)
	default:
		k.secret = secret
	}
	return nil
}

// open returns the secret in the row of an access key.
func (s *Store) open(id string, k *keyRow) (string, error) {
	if len(k.sealed) == 0 {
		return k.secret, nil
	}
	if s.secrets == nil {
		return "", ErrSealed
	}
	secret, err := s.secrets.Open(k.sealed, sealContext(id, k.user))
	if err != nil {
		return "", fmt.Errorf("access key %s: %w", id, err)
	}
	return secret, nil
}

// An openedKey is a secret that was opened a moment ago.
type openedKey struct{ sealed, secret string }

// openAgain is open, and remembers: each request asks for a secret.
func (s *Store) openAgain(id string, k *keyRow) (string, error) {
	if len(k.sealed) == 0 {
		return k.secret, nil
	}
	if v, ok := s.opened.Load(id); ok && v.(openedKey).sealed == string(k.sealed) {
		return v.(openedKey).secret, nil
	}
	secret, err := s.open(id, k)
	if err == nil {
		s.opened.Store(id, openedKey{string(k.sealed), secret})
	}
	return secret, err
}

// seal checks the row that says how secrets are sealed.
func (c *checker) seal(r meta.Row) error {
	if len(r.Key) != 1 {
		return errors.New("key is too long")
	}
	_, err := decodeSeal(r.Val)
	return err
}

// sealedSecret checks a secret, as far as that can be done: whether it is right shows only with the key.
func (c *checker) sealedSecret(id string, k *keyRow) error {
	switch {
	case len(k.sealed) == 0 && k.secret == "":
		return errors.New("there is no secret")
	case len(k.sealed) == 0:
		return nil
	case k.secret != "":
		return errors.New("the secret is there sealed and as it is")
	}
	if _, _, ok, err := sealIn(c.snap); err != nil || !ok {
		return errors.Join(errors.New("the secret is sealed in a store that is not"), err)
	}
	if c.store.secrets == nil {
		_, err := seal.KeyOf(k.sealed)
		return err
	}
	_, err := c.store.open(id, k)
	return err
}
