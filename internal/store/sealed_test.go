package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/meta/pebblemeta"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/seal"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/store/storetest"
	"github.com/oisproject/ois/internal/vfs"
)

// ring returns a ring with keys that consist of one byte each.
func ring(t *testing.T, keys ...byte) *seal.Ring {
	t.Helper()
	var list [][seal.KeyLen]byte
	for _, b := range keys {
		list = append(list, [seal.KeyLen]byte(bytes.Repeat([]byte{b}, seal.KeyLen)))
	}
	r, err := seal.NewRing(list[0], list[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var errBroken = errors.New("broken")

// breaking is an engine whose changes fail after some.
type breaking struct {
	meta.Engine
	left atomic.Int64 // changes that succeed; negative means all
}

func (b *breaking) Apply(ctx context.Context, c *meta.Change) error {
	if b.left.Load() == 0 {
		return errBroken
	}
	b.left.Add(-1)
	return b.Engine.Apply(ctx, c)
}

// openWith starts a store on a file system; after so many changes nothing can be changed any more.
func openWith(t *testing.T, fsys vfs.FS, changes int, o store.Options) (*store.Store, error) {
	t.Helper()
	m, blobs := storetest.Engines(t, fsys)
	b := &breaking{Engine: m}
	b.left.Store(int64(changes))
	o.Meta, o.Blobs = b, blobs
	return store.Open(t.Context(), o)
}

// reopen starts a store and closes it when do has used it.
func reopen(t *testing.T, fsys vfs.FS, o store.Options, do func(s *store.Store)) {
	t.Helper()
	s, err := openWith(t, fsys, -1, o)
	if err != nil {
		t.Fatal(err)
	}
	do(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// wantSecrets checks that all keys have their secrets.
func wantSecrets(t *testing.T, s *store.Store, keys []store.Key) {
	t.Helper()
	for range 2 { // the second time they are remembered
		for _, k := range keys {
			if secret, user, ok, err := s.Key(t.Context(), k.ID); secret != k.Secret || user != k.User || !ok || err != nil {
				t.Errorf("Key(%s) = %q, %s, %v, %v; want %q", k.ID, secret, user, ok, err, k.Secret)
			}
		}
	}
}

// makeKeys makes keys.
func makeKeys(t *testing.T, s *store.Store, n int) (keys []store.Key) {
	t.Helper()
	for range n {
		k, err := s.CreateKey(t.Context(), store.RootUser)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	return keys
}

// plainSecrets counts secrets that rows show as they are.
func plainSecrets(t *testing.T, fsys vfs.FS, keys []store.Key) (n int) {
	t.Helper()
	m, err := pebblemeta.Open(pebblemeta.Options{FS: fsys, Dir: "meta"})
	if err != nil {
		t.Fatal(err)
	}
	snap, err := m.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := snap.Walk(nil, nil, func(r meta.Row) ([]byte, bool) {
		for _, k := range keys {
			if bytes.Contains(r.Val, []byte(k.Secret)) {
				n++
			}
		}
		return nil, false
	}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(snap.Close(), m.Close()); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSecretsAreSealedAndStaySo(t *testing.T) {
	fsys := vfs.NewMem()
	var keys []store.Key
	reopen(t, fsys, store.Options{}, func(s *store.Store) { keys = makeKeys(t, s, 3) })
	if n := plainSecrets(t, fsys, keys); n != 3 {
		t.Fatalf("%d secrets are there as they are; want 3", n)
	}
	one := store.Options{Secrets: ring(t, 1)}
	reopen(t, fsys, one, func(s *store.Store) {
		wantSecrets(t, s, keys)
		keys = append(keys, makeKeys(t, s, 2)...)
		wantSecrets(t, s, keys)
		checkClean(t, s)
	})
	if n := plainSecrets(t, fsys, keys); n != 0 {
		t.Errorf("%d secrets are there as they are; want none", n)
	}
	// Without the key, or with another one, the store is refused.
	for name, o := range map[string]store.Options{"no key": {}, "other key": {Secrets: ring(t, 2)}} {
		if _, err := openWith(t, fsys, 0, o); !errors.Is(err, store.ErrSealed) || !strings.Contains(err.Error(), ring(t, 1).ID().String()) {
			t.Errorf("open with %s = %v; want %v, the id of the key, and no change", name, err, store.ErrSealed)
		}
	}
	// What needs no secret needs no key.
	reopen(t, fsys, store.Options{WithoutSecrets: true}, func(s *store.Store) {
		if _, err := s.CreateUser(t.Context(), "alice"); err != nil {
			t.Error(err)
		}
		if list, err := s.ListKeys(t.Context(), ""); len(list) != len(keys) || err != nil {
			t.Errorf("ListKeys = %d keys, %v; want %d", len(list), err, len(keys))
		}
		if _, err := s.CreateKey(t.Context(), store.RootUser); !errors.Is(err, store.ErrSealed) {
			t.Errorf("CreateKey = %v; want %v", err, store.ErrSealed)
		}
		if _, _, ok, err := s.Key(t.Context(), keys[0].ID); ok || !errors.Is(err, store.ErrSealed) {
			t.Errorf("Key = %v, %v; want %v", ok, err, store.ErrSealed)
		}
		checkClean(t, s)
	})
	reopen(t, fsys, store.Options{Still: true}, func(s *store.Store) { checkClean(t, s) })
	reopen(t, fsys, one, func(s *store.Store) { wantSecrets(t, s, keys) })
}

// TestSealingSurvivesACrash cuts the sealing, and the change to another key, off after each change there is.
func TestSealingSurvivesACrash(t *testing.T) {
	for _, test := range []struct {
		name        string
		before      []byte // keys with which secrets are sealed before; none means not at all
		now         []byte
		atLeastGood int // starts that succeed in the end
	}{{"first", nil, []byte{1}, 1}, {"another key", []byte{1}, []byte{2, 1}, 1}} {
		t.Run(test.name, func(t *testing.T) {
			for cut := 0; ; cut++ {
				if cut == 20 {
					t.Fatal("it never ends")
				}
				fsys := vfs.NewMem()
				var keys []store.Key
				var before store.Options
				if test.before != nil {
					before.Secrets = ring(t, test.before...)
				}
				reopen(t, fsys, before, func(s *store.Store) { keys = makeKeys(t, s, 3) })
				s, err := openWith(t, fsys, cut, store.Options{Secrets: ring(t, test.now...)})
				if err == nil {
					s.Close()
				} else if !errors.Is(err, errBroken) {
					t.Fatalf("after %d changes: %v", cut, err)
				}
				done := err == nil
				// The key that seals now is not enough before all is done; with all of them all is there.
				if s, err := openWith(t, fsys, -1, store.Options{Secrets: ring(t, test.now[0])}); err == nil {
					wantSecrets(t, s, keys)
					s.Close()
				} else if done || !errors.Is(err, store.ErrSealed) {
					t.Errorf("after %d changes: open with the new key = %v", cut, err)
				}
				reopen(t, fsys, store.Options{Secrets: ring(t, test.now...)}, func(s *store.Store) {
					wantSecrets(t, s, keys)
					checkClean(t, s)
				})
				if n := plainSecrets(t, fsys, keys); n != 0 {
					t.Errorf("after %d changes: %d secrets are there as they are", cut, n)
				}
				reopen(t, fsys, store.Options{Secrets: ring(t, test.now[0])}, func(s *store.Store) { wantSecrets(t, s, keys) })
				if done {
					return
				}
			}
		})
	}
}

// TestASealedSecretStaysWithItsKey moves the row of a key to another id.
func TestASealedSecretStaysWithItsKey(t *testing.T) {
	fsys := vfs.NewMem()
	var keys []store.Key
	o := store.Options{Secrets: ring(t, 1)}
	reopen(t, fsys, o, func(s *store.Store) { keys = makeKeys(t, s, 2) })
	m, err := pebblemeta.Open(pebblemeta.Options{FS: fsys, Dir: "meta"})
	if err != nil {
		t.Fatal(err)
	}
	snap, err := m.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	row, _, err := snap.Get([]byte("k" + keys[0].ID))
	if err := errors.Join(err, snap.Close()); err != nil {
		t.Fatal(err)
	}
	err = m.Apply(t.Context(), &meta.Change{Sets: []meta.KV{{Key: []byte("k" + keys[1].ID), Val: row.Val}}})
	if err := errors.Join(err, m.Close()); err != nil {
		t.Fatal(err)
	}
	reopen(t, fsys, o, func(s *store.Store) {
		if _, _, ok, err := s.Key(t.Context(), keys[1].ID); ok || !errors.Is(err, seal.ErrBroken) {
			t.Errorf("Key = %v, %v; want %v", ok, err, seal.ErrBroken)
		}
		r, err := s.Check(t.Context())
		if err != nil || len(r.Problems) != 1 || !strings.Contains(r.Problems[0], keys[1].ID) {
			t.Errorf("check finds %q, %v; want the key %s", r.Problems, err, keys[1].ID)
		}
	})
}

func TestSuspendedUsers(t *testing.T) {
	fsys := vfs.NewMem()
	var alice store.User
	reopen(t, fsys, store.Options{}, func(s *store.Store) {
		var err error
		if alice, err = s.CreateUser(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		wantNone(t, s.SetStanding(t.Context(), alice.ID, store.Problem))
		wantCode(t, s.CheckStanding(alice.ID), fault.AccountProblem)
		wantNone(t, s.CheckStanding(store.RootUser))
		wantNone(t, s.CheckStanding(""))
		if err := s.SetStanding(t.Context(), store.RootUser, store.Arrears); err == nil {
			t.Error("the root user was suspended")
		}
		if err := s.SetStanding(t.Context(), "usr-nobody", store.Arrears); !errors.Is(err, store.ErrUserNotExist) {
			t.Errorf("SetStanding of nobody = %v", err)
		}
		wantNone(t, s.SetStanding(t.Context(), alice.ID, store.Arrears))
	})
	reopen(t, fsys, store.Options{}, func(s *store.Store) {
		wantCode(t, s.CheckStanding(alice.ID), fault.DelinquentAccount)
		if users, err := s.ListUsers(t.Context()); err != nil || len(users) != 2 || fmt.Sprint(users[0].Standing, users[1].Standing) != " arrears" && fmt.Sprint(users[0].Standing, users[1].Standing) != "arrears " {
			t.Errorf("ListUsers = %+v, %v; want one in arrears", users, err)
		}
		checkClean(t, s)
		wantNone(t, s.SetStanding(t.Context(), alice.ID, store.Good))
		wantNone(t, s.CheckStanding(alice.ID))
	})
}

func wantNone(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("error is %v; want none", err)
	}
}

func TestSuspendedBuckets(t *testing.T) {
	s, b := newBucket(t)
	if err := s.SuspendBucket(t.Context(), "test-bucket", true); err != nil {
		t.Fatal(err)
	}
	if now, err := s.Bucket(t.Context(), "test-bucket"); err != nil || !now.Info().Suspended {
		t.Errorf("bucket is %+v, %v; want suspended", now.Info(), err)
	}
	if list, err := s.AllBuckets(t.Context()); err != nil || len(list) != 1 || !list[0].Suspended || list[0].Owner != store.RootUser {
		t.Errorf("AllBuckets = %+v, %v", list, err)
	}
	checkClean(t, s)
	if err := s.SuspendBucket(t.Context(), "test-bucket", false); err != nil {
		t.Fatal(err)
	}
	if now, err := s.Bucket(t.Context(), "test-bucket"); err != nil || now.Info().Suspended {
		t.Errorf("bucket is %+v, %v; want active", now.Info(), err)
	}
	if err := s.SuspendBucket(t.Context(), "no-such-bucket", true); !errors.Is(err, store.ErrBucketNotExist) {
		t.Errorf("SuspendBucket = %v; want %v", err, store.ErrBucketNotExist)
	}
	put(t, b, "k", "x")
}

// TestQuotaHoldsAtOnce lets a user make more buckets at the same time than it may have.
func TestQuotaHoldsAtOnce(t *testing.T) {
	fsys := vfs.NewMem()
	reopen(t, fsys, store.Options{MaxBuckets: 3}, func(s *store.Store) {
		errs := make(chan error)
		for i := range 8 {
			go func() {
				_, err := s.PutBucket(t.Context(), store.RootUser, "jn1a", &op.PutBucketInput{Bucket: fmt.Sprintf("bucket%d", i)})
				errs <- err
			}()
		}
		made := 0
		for range 8 {
			if err := <-errs; err == nil {
				made++
			} else {
				wantCode(t, err, fault.TooManyBuckets)
			}
		}
		if made != 3 {
			t.Errorf("%d buckets were made; want 3", made)
		}
		list, err := s.AllBuckets(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b, err := s.Bucket(t.Context(), list[0].Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.DeleteBucket(t.Context(), &op.DeleteBucketInput{}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.PutBucket(t.Context(), store.RootUser, "jn1a", &op.PutBucketInput{Bucket: "once-more"}); err != nil {
			t.Errorf("with room for one more: %v", err)
		}
		other, err := s.CreateUser(t.Context(), "other")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.PutBucket(t.Context(), other.ID, "jn1a", &op.PutBucketInput{Bucket: "of-another"}); err != nil {
			t.Errorf("another user: %v", err)
		}
	})
}
