package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/meta"
)

// A Standing says whether a user may do anything. The numbers are those on the disk.
type Standing uint8

// The standings.
const (
	Good     Standing = iota
	Problem           // account_problem
	Arrears           // delinquent_account
	standing          // their number
)

var standingNames = [standing]string{"", "problem", "arrears"}

// String returns the word for a standing, which is empty for Good.
func (s Standing) String() string { return standingNames[s] }

// MarshalText implements encoding.TextMarshaler.
func (s Standing) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Standing) UnmarshalText(text []byte) error {
	for i, name := range standingNames {
		if name == string(text) {
			*s = Standing(i)
			return nil
		}
	}
	return fmt.Errorf("reason %q is not known; there are %s and %s", text, Problem, Arrears)
}

func (s *scanner) standing(v *Standing) {
	if s.num >= uint64(standing) {
		s.fail(fmt.Errorf("standing %d is unknown", s.num))
		return
	}
	*v = Standing(s.num)
}

// standings are those of users that are not Good, of which there are few. Each request asks, and so no row is read for it.
type standings struct {
	mu  sync.Mutex // held while they change
	bad atomic.Pointer[map[string]Standing]
}

// readStandings reads them from the rows.
func (s *Store) readStandings(ctx context.Context) error {
	users, err := s.ListUsers(ctx)
	if err != nil && s.still {
		return nil // a row that cannot be read is what fsck is there to find
	}
	bad := make(map[string]Standing)
	for _, u := range users {
		if u.Standing != Good {
			bad[u.ID] = u.Standing
		}
	}
	s.standings.bad.Store(&bad)
	return err
}

// CheckStanding returns account_problem or delinquent_account for a user who is suspended.
func (s *Store) CheckStanding(user string) error {
	bad := s.standings.bad.Load()
	if bad == nil || len(*bad) == 0 {
		return nil
	}
	switch (*bad)[user] {
	case Problem:
		return fault.Newf(fault.AccountProblem, "the account is suspended; ask the operator of the service")
	case Arrears:
		return fault.Newf(fault.DelinquentAccount, "the account is suspended because it is in arrears; ask the operator of the service")
	case Good, standing:
	}
	return nil
}

// SetStanding suspends a user, or lets it go on. The root user cannot be suspended.
func (s *Store) SetStanding(ctx context.Context, id string, to Standing) error {
	if id == RootUser && to != Good {
		return fmt.Errorf("suspend user %s: the root user cannot be suspended", id)
	}
	s.standings.mu.Lock()
	defer s.standings.mu.Unlock()
	err := s.retry(ctx, func(snap meta.Snapshot) (*meta.Change, error) {
		row, ok, err := snap.Get(userKey(id))
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("user %q: %w", id, ErrUserNotExist)
		}
		u, err := decodeUser(row.Val)
		if err != nil || u.standing == to {
			return nil, err
		}
		u.standing = to
		var c change
		c.still(userKey(id), row.Rev)
		c.set(userKey(id), u.encode())
		return c.done(), nil
	})
	if err != nil {
		return err
	}
	bad := maps.Clone(*s.standings.bad.Load())
	if bad[id] = to; to == Good {
		delete(bad, id)
	}
	s.standings.bad.Store(&bad)
	return nil
}

// ErrBucketNotExist is matched when an operator names a bucket that is not there.
var ErrBucketNotExist = errors.New("no such bucket")

// SuspendBucket suspends a bucket, or lets it go on: while it is suspended nobody may use it.
func (s *Store) SuspendBucket(ctx context.Context, name string, suspended bool) error {
	b, err := s.Bucket(ctx, name)
	if err == nil {
		err = b.change(ctx, func(_ meta.Snapshot, row *bucketRow, _ *change) error {
			row.suspended = suspended
			return nil
		})
	}
	if fault.CodeOf(err) == fault.BucketNotExists {
		return fmt.Errorf("bucket %q: %w", name, ErrBucketNotExist)
	}
	return err
}

// AllBuckets returns all buckets of all users, in order of their names.
func (s *Store) AllBuckets(ctx context.Context) ([]BucketInfo, error) {
	var list []BucketInfo
	err := s.view(ctx, func(snap meta.Snapshot) error {
		return walk(snap, []byte{kindBucket}, func(r meta.Row) error {
			row, err := decodeBucket(r.Val)
			b := Bucket{name: string(r.Key[1:]), row: row}
			list = append(list, b.Info())
			return err
		})
	})
	return list, err
}

// checkQuota refuses one more bucket of a user who has as many as it may have.
func (s *Store) checkQuota(snap meta.Snapshot, user string) error {
	if s.maxBuckets == 0 {
		return nil
	}
	n := 0
	err := walk(snap, []byte{kindBucket}, func(r meta.Row) error {
		b, err := decodeBucket(r.Val)
		if b.owner == user {
			n++
		}
		return err
	})
	if err == nil && n >= s.maxBuckets {
		err = fault.Newf(fault.TooManyBuckets, "the account has %d buckets; allowed: %d", n, s.maxBuckets)
	}
	return err
}
