package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/oisproject/ois/internal/meta"
)

// Errors of users and keys.
var (
	ErrUserNotExist = errors.New("no such user")
	ErrUserExists   = errors.New("a user of that name exists")
	ErrUserInUse    = errors.New("the user still owns buckets")
	ErrKeyNotExist  = errors.New("no such access key")
)

// RootUser is the id of the user that every store has. It has the root key pair and cannot be deleted.
const RootUser = "usr-root"

// maxUserName is the longest name of a user in bytes.
const maxUserName = 64

// A User owns buckets and access keys.
type User struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`

	Standing Standing `json:"suspended,omitempty"` // why it may do nothing, if that is so
}

// A Key is an access key and the user it speaks for.
type Key struct {
	ID      string    `json:"access_key_id"`
	Secret  string    `json:"secret_access_key,omitempty"` // only when the key is created
	User    string    `json:"user"`
	Created time.Time `json:"created"`
}

func (s *Store) ensureRoot(ctx context.Context) error {
	return s.retry(ctx, func(snap meta.Snapshot) (*meta.Change, error) {
		if _, ok, err := snap.Get(userKey(RootUser)); ok || err != nil {
			return nil, err
		}
		return newUser(User{ID: RootUser, Name: "root", Created: s.now()}).done(), nil
	})
}

func newUser(u User) *change {
	c := new(change)
	row := userRow{name: u.Name, created: u.Created}
	c.guard(meta.Absent, userKey(u.ID))
	c.set(userKey(u.ID), row.encode())
	return c
}

// CreateUser makes a user. Names are unique; the id is made up.
func (s *Store) CreateUser(ctx context.Context, name string) (User, error) {
	if !allowedName(name) {
		return User{}, fmt.Errorf("user name %q is not allowed; allowed: 1 to %d bytes of UTF-8 without control characters, and no blanks at the ends", name, maxUserName)
	}
	var u User
	err := s.retry(ctx, func(snap meta.Snapshot) (*meta.Change, error) {
		users, err := listUsers(snap)
		if err != nil {
			return nil, err
		}
		for _, old := range users {
			if old.Name == name {
				return nil, fmt.Errorf("create user %q: %w", name, ErrUserExists)
			}
		}
		root, _, err := snap.Get(userKey(RootUser))
		if err != nil {
			return nil, err
		}
		u = User{ID: "usr-" + strings.ToLower(rand.Text()[:8]), Name: name, Created: s.now()}
		c := newUser(u)
		c.touch(userKey(RootUser), root) // so that of two users of one name at once the second is refused
		return c.done(), nil
	})
	return u, err
}

func allowedName(name string) bool {
	return name != "" && len(name) <= maxUserName && utf8.ValidString(name) && name == strings.TrimSpace(name) &&
		!strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
}

// ListUsers returns all users, ordered by id.
func (s *Store) ListUsers(ctx context.Context) ([]User, error) {
	var users []User
	err := s.view(ctx, func(snap meta.Snapshot) (err error) {
		users, err = listUsers(snap)
		return err
	})
	return users, err
}

func listUsers(snap meta.Snapshot) ([]User, error) {
	var users []User
	err := walk(snap, []byte{kindUser}, func(r meta.Row) error {
		u, err := decodeUser(r.Val)
		users = append(users, User{ID: string(r.Key[1:]), Name: u.name, Created: u.created, Standing: u.standing})
		return err
	})
	return users, err
}

// DeleteUser deletes a user that owns no buckets, and its access keys with it.
func (s *Store) DeleteUser(ctx context.Context, id string) error {
	if id == RootUser {
		return fmt.Errorf("delete user %s: the root user cannot be deleted", id)
	}
	return s.retry(ctx, func(snap meta.Snapshot) (*meta.Change, error) {
		var c change
		row, ok, err := snap.Get(userKey(id))
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("delete user %q: %w", id, ErrUserNotExist)
		}
		c.unchanged(userKey(id), row, ok)
		c.drop(userKey(id))
		if err := ownsNothing(snap, id); err != nil {
			return nil, err
		}
		err = walkKeys(snap, func(k Key) {
			if k.User == id {
				c.drop(accessKey(k.ID))
			}
		})
		return c.done(), err
	})
}

func ownsNothing(snap meta.Snapshot, user string) error {
	owned := ""
	err := walk(snap, []byte{kindBucket}, func(r meta.Row) error {
		b, err := decodeBucket(r.Val)
		if err == nil && b.owner == user {
			owned = string(r.Key[1:])
		}
		return err
	})
	if err == nil && owned != "" {
		err = fmt.Errorf("delete user %q: %w, %s among them", user, ErrUserInUse, owned)
	}
	return err
}

// CreateKey makes an access key for a user. The secret is returned once and
// cannot be read again.
func (s *Store) CreateKey(ctx context.Context, user string) (Key, error) {
	k := NewKeyPair()
	k.User, k.Created = user, s.now()
	err := s.retry(ctx, func(snap meta.Snapshot) (*meta.Change, error) {
		owner, ok, err := snap.Get(userKey(user))
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("create key for user %q: %w", user, ErrUserNotExist)
		}
		var c change
		row := keyRow{user: user, created: k.Created}
		if err := s.keep(k.Secret, k.ID, &row); err != nil {
			return nil, err
		}
		c.touch(userKey(user), owner)
		c.guard(meta.Absent, accessKey(k.ID))
		c.set(accessKey(k.ID), row.encode())
		return c.done(), nil
	})
	return k, err
}

// NewKeyPair makes up an access key id of 20 characters and a secret of 40.
func NewKeyPair() Key {
	return Key{ID: rand.Text()[:20], Secret: (rand.Text() + rand.Text())[:40]}
}

// ListKeys returns the access keys of a user, or of all if user is empty, without their secrets,
// ordered by id.
func (s *Store) ListKeys(ctx context.Context, user string) ([]Key, error) {
	var keys []Key
	err := s.view(ctx, func(snap meta.Snapshot) error {
		return walkKeys(snap, func(k Key) {
			if user == "" || k.User == user {
				keys = append(keys, k)
			}
		})
	})
	return keys, err
}

func walkKeys(snap meta.Snapshot, visit func(Key)) error {
	return walk(snap, []byte{kindKey}, func(r meta.Row) error {
		k, err := decodeKey(r.Val)
		if err == nil {
			visit(Key{ID: string(r.Key[1:]), User: k.user, Created: k.created})
		}
		return err
	})
}

// DeleteKey revokes an access key: requests signed with it are refused from now on.
func (s *Store) DeleteKey(ctx context.Context, id string) error {
	return s.retry(ctx, func(snap meta.Snapshot) (*meta.Change, error) {
		row, ok, err := snap.Get(accessKey(id))
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("delete key %q: %w", id, ErrKeyNotExist)
		}
		var c change
		c.unchanged(accessKey(id), row, ok)
		c.drop(accessKey(id))
		return c.done(), nil
	})
}

// Key returns the secret of an access key and its user; ok is false for an
// unknown id.
func (s *Store) Key(ctx context.Context, id string) (secret, user string, ok bool, err error) {
	err = s.view(ctx, func(snap meta.Snapshot) error {
		row, found, err := snap.Get(accessKey(id))
		if !found || err != nil {
			return err
		}
		k, err := decodeKey(row.Val)
		if err != nil {
			return err
		}
		user = k.user
		secret, err = s.openAgain(id, &k)
		ok = err == nil
		return err
	})
	return secret, user, ok, err
}

// userName returns the name of a user, or its id if it is gone.
func userName(snap meta.Snapshot, id string) (string, error) {
	row, ok, err := snap.Get(userKey(id))
	if !ok || err != nil {
		return id, err
	}
	u, err := decodeUser(row.Val)
	return u.name, err
}

// walk visits the rows whose key starts with prefix, until visit fails.
func walk(snap meta.Snapshot, prefix []byte, visit func(meta.Row) error) error {
	var failed error
	err := snap.Walk(prefix, successor(prefix), func(r meta.Row) ([]byte, bool) {
		if failed = visit(r); failed != nil {
			failed = fmt.Errorf("row %q: %w", r.Key, failed)
		}
		return nil, failed != nil
	})
	return errors.Join(failed, err)
}

// UserName returns the name of a user.
func (s *Store) UserName(ctx context.Context, id string) (name string, err error) {
	err = s.view(ctx, func(snap meta.Snapshot) error {
		name, err = userName(snap, id)
		return err
	})
	return name, err
}

// UserNamed returns the id of the user of that name; ok is false if there is none.
func (s *Store) UserNamed(ctx context.Context, name string) (id string, ok bool, err error) {
	users, err := s.ListUsers(ctx)
	for _, u := range users {
		if u.Name == name {
			return u.ID, true, err
		}
	}
	return "", false, err
}
