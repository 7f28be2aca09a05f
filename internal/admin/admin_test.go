package admin

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/datadir"
	"github.com/oisproject/ois/internal/job"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
)

func newStore(t *testing.T) *store.Store {
	t.Helper()
	d, err := datadir.Open(t.Context(), vfs.NewMem(), "data", &datadir.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d.Store
}

// serve answers for s on a socket and returns a client of it.
func serve(t *testing.T, s Service) *Client {
	t.Helper()
	return dialed(t, Handler(s))
}

func dialed(t *testing.T, h http.Handler) *Client {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "ois.sock")
	l, err := Listen(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(h)
	srv.Listener.Close()
	srv.Listener = l
	srv.Start()
	t.Cleanup(srv.Close)
	c, err := Dial(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// endpoint is the address that the services of eachRoad are told.
const endpoint = "http://127.0.0.1:9000"

// eachRoad runs a test with a fresh store, once directly and once over a socket.
func eachRoad(t *testing.T, test func(t *testing.T, s Service, under *store.Store)) {
	t.Run("local", func(t *testing.T) {
		under := newStore(t)
		test(t, NewLocal(under, endpoint), under)
	})
	t.Run("socket", func(t *testing.T) {
		under := newStore(t)
		test(t, serve(t, NewLocal(under, endpoint)), under)
	})
}

func createUser(t *testing.T, s Service, name string) store.User {
	t.Helper()
	u, err := s.CreateUser(t.Context(), name)
	if err != nil || u.Name != name || u.ID == "" || u.Created.IsZero() {
		t.Fatalf("CreateUser(%q) = %+v, %v; want a user of that name", name, u, err)
	}
	return u
}

func createKey(t *testing.T, s Service, user string) store.Key {
	t.Helper()
	k, err := s.CreateKey(t.Context(), user)
	if err != nil || k.ID == "" || k.Secret == "" {
		t.Fatalf("CreateKey(%q) = %+v, %v; want a key pair", user, k, err)
	}
	return k
}

func TestUsers(t *testing.T) {
	eachRoad(t, func(t *testing.T, s Service, _ *store.Store) {
		alice := createUser(t, s, "alice & bob/../日本")
		users, err := s.Users(t.Context())
		if err != nil || len(users) != 2 {
			t.Fatalf("Users = %+v, %v; want root and alice", users, err)
		}
		for _, u := range users {
			if u.ID != store.RootUser && (u.ID != alice.ID || u.Name != alice.Name || !u.Created.Equal(alice.Created.Truncate(time.Millisecond))) {
				t.Errorf("Users has %+v; want %+v", u, alice)
			}
		}
		if err := s.DeleteUser(t.Context(), alice.Name); err != nil {
			t.Errorf("DeleteUser by name = %v; want nil", err)
		}
		again := createUser(t, s, alice.Name)
		if err := s.DeleteUser(t.Context(), again.ID); err != nil {
			t.Errorf("DeleteUser by id = %v; want nil", err)
		}
	})
}

func TestKeys(t *testing.T) {
	eachRoad(t, func(t *testing.T, s Service, under *store.Store) {
		alice := createUser(t, s, "alice")
		mine, roots := createKey(t, s, "alice"), createKey(t, s, "root")
		if mine.User != alice.ID || roots.User != store.RootUser {
			t.Errorf("keys belong to %s and %s; want %s and %s", mine.User, roots.User, alice.ID, store.RootUser)
		}
		for user, want := range map[string]int{"": 2, "alice": 1, alice.ID: 1} {
			keys, err := s.Keys(t.Context(), user)
			if err != nil || len(keys) != want {
				t.Errorf("Keys(%q) = %+v, %v; want %d", user, keys, err, want)
			}
			for _, k := range keys {
				if k.Secret != "" {
					t.Errorf("Keys(%q) tells the secret of %s", user, k.ID)
				}
			}
		}
		if err := s.DeleteKey(t.Context(), mine.ID); err != nil {
			t.Errorf("DeleteKey = %v; want nil", err)
		}
		if _, _, ok, err := under.Key(t.Context(), mine.ID); ok || err != nil {
			t.Errorf("the store still has the key, or fails: %v, %v", ok, err)
		}
		if err := s.DeleteUser(t.Context(), "alice"); err != nil {
			t.Errorf("DeleteUser = %v; want nil", err)
		}
	})
}

func TestErrorsKeepTheirIdentity(t *testing.T) {
	eachRoad(t, func(t *testing.T, s Service, under *store.Store) {
		ctx := t.Context()
		alice := createUser(t, s, "alice")
		if _, err := under.PutBucket(ctx, alice.ID, "jn1a", &op.PutBucketInput{Bucket: "photos"}); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			what string
			do   func() error
			is   error // nil for an error without an identity
			text string
		}{
			{"user twice", func() error { _, err := s.CreateUser(ctx, "alice"); return err }, store.ErrUserExists, `"alice"`},
			{"name that is an id", func() error { _, err := s.CreateUser(ctx, alice.ID); return err }, nil, "begin with usr-"},
			{"empty name", func() error { _, err := s.CreateUser(ctx, ""); return err }, nil, "allowed: 1 to"},
			{"user in use", func() error { return s.DeleteUser(ctx, "alice") }, store.ErrUserInUse, "photos"},
			{"no such user", func() error { return s.DeleteUser(ctx, "bob") }, store.ErrUserNotExist, `delete user: "bob"`},
			{"root user", func() error { return s.DeleteUser(ctx, "root") }, nil, "cannot be deleted"},
			{"keys of nobody", func() error { _, err := s.Keys(ctx, "bob"); return err }, store.ErrUserNotExist, `list keys: "bob"`},
			{"key for nobody", func() error { _, err := s.CreateKey(ctx, "bob"); return err }, store.ErrUserNotExist, `create key: "bob"`},
			{"no such key", func() error { return s.DeleteKey(ctx, "x/y") }, store.ErrKeyNotExist, `"x/y"`},
		} {
			err := c.do()
			if err == nil || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: got %v; want an error with %s", c.what, err, c.text)
			}
			for kind, sentinel := range kinds {
				want := c.is != nil && errors.Is(c.is, sentinel)
				if got := errors.Is(err, sentinel); got != want {
					t.Errorf("%s: errors.Is(%v, %s) = %v; want %v", c.what, err, kind, got, want)
				}
			}
		}
	})
}

func TestEndpointIsThatOfTheServer(t *testing.T) {
	eachRoad(t, func(t *testing.T, s Service, _ *store.Store) {
		if got, err := s.Endpoint(t.Context()); err != nil || got != endpoint {
			t.Errorf("Endpoint = %q, %v; want %q", got, err, endpoint)
		}
	})
}

func TestCheckReports(t *testing.T) {
	eachRoad(t, func(t *testing.T, s Service, under *store.Store) {
		if _, err := under.PutBucket(t.Context(), store.RootUser, "jn1a", &op.PutBucketInput{Bucket: "photos"}); err != nil {
			t.Fatal(err)
		}
		r, err := s.Check(t.Context())
		if err != nil || !r.Clean() || r.Buckets != 1 {
			t.Errorf("Check = %+v, %v; want one bucket and no problem", r, err)
		}
	})
}

func TestRepairNeedsTheStoreForItself(t *testing.T) {
	under := newStore(t)
	if _, err := serve(t, NewLocal(under, endpoint)).Repair(t.Context()); !errors.Is(err, ErrServerRuns) {
		t.Errorf("Repair of a server's store = %v; want ErrServerRuns", err)
	}
	if _, err := NewLocal(under, "").Repair(t.Context()); err == nil || !strings.Contains(err.Error(), "the store is at work") {
		t.Errorf("Repair of a store at work = %v; want an error that says so", err)
	}
}

func TestBackupIsMadeByWhoHasTheStore(t *testing.T) {
	under := newStore(t)
	local := NewLocal(under, endpoint)
	for name, s := range map[string]Service{"local": local, "socket": serve(t, local)} {
		local.BackUp = nil
		if _, err := s.Backup(t.Context(), "/b"); err == nil || !strings.Contains(err.Error(), "no directory") {
			t.Errorf("%s: Backup of a store without a directory = %v; want an error that says so", name, err)
		}
		local.BackUp = func(_ context.Context, dir string) (*store.BackupReport, error) {
			return &store.BackupReport{Report: &store.Report{Objects: 7, Problems: []string{"one"}}, Dir: dir, Seconds: 1.5}, nil
		}
		r, err := s.Backup(t.Context(), "/a & b/日本")
		if err != nil || r.Dir != "/a & b/日本" || r.Objects != 7 || r.Clean() || r.Seconds != 1.5 {
			t.Errorf("%s: Backup = %+v, %v; want the report as it was made", name, r, err)
		}
	}
}

func TestJobsAreRun(t *testing.T) {
	under := newStore(t)
	local := NewLocal(under, endpoint)
	later := time.Date(2027, 1, 31, 8, 0, 0, 123, time.FixedZone("", 8*3600))
	for name, s := range map[string]Service{"local": local, "socket": serve(t, local)} {
		local.Runner = nil
		if list, err := s.Jobs(t.Context()); len(list) != 0 || err != nil {
			t.Errorf("%s: Jobs without a runner = %v, %v; want none", name, list, err)
		}
		if _, err := s.RunJob(t.Context(), "count", job.Task{}); !errors.Is(err, job.ErrUnknown) {
			t.Errorf("%s: RunJob without a runner = %v; want ErrUnknown", name, err)
		}
		var got []job.Task
		local.Runner = job.New(job.Options{}, job.Job{Name: "count", Every: time.Hour, Do: func(_ context.Context, t job.Task, r *job.Result) error {
			got = append(got, t)
			r.Add("things", 3)
			r.Note("a thing")
			return errors.New("the last one failed")
		}})
		r, err := s.RunJob(t.Context(), "count", job.Task{AsOf: later, DryRun: true})
		if err != nil || r.Job != "count" || !r.AsOf.Equal(later) || !r.DryRun || r.Error != "the last one failed" || r.Counts[0].N != 3 || r.Notes[0] != "a thing" {
			t.Errorf("%s: RunJob = %+v, %v; want the report of the run", name, r, err)
		}
		if _, err := s.RunJob(t.Context(), "count", job.Task{}); err != nil {
			t.Errorf("%s: RunJob = %v", name, err)
		}
		if len(got) != 2 || !got[0].AsOf.Equal(later) || !got[0].DryRun || got[1].DryRun || time.Since(got[1].AsOf) > time.Minute {
			t.Errorf("%s: tasks are %+v; want a dry one as of %v, and one as of now", name, got, later)
		}
		if list, err := s.Jobs(t.Context()); err != nil || len(list) != 1 || list[0].Error != "the last one failed" || list[0].Begun.IsZero() {
			t.Errorf("%s: Jobs = %+v, %v; want the run that was not dry", name, list, err)
		}
		local.Runner.Stop()
	}
}

// A stuck service checks until its context ends.
type stuck struct {
	Service
	began, ended chan struct{}
}

func newStuck() *stuck { return &stuck{began: make(chan struct{}), ended: make(chan struct{})} }

func (s *stuck) Check(ctx context.Context) (*store.Report, error) {
	close(s.began)
	<-ctx.Done()
	close(s.ended)
	return nil, ctx.Err()
}

func TestCheckStopsWhenItsClientGoes(t *testing.T) {
	s := newStuck()
	c := serve(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-s.began
		cancel()
	}()
	if _, err := c.Check(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Check = %v; want context.Canceled", err)
	}
	<-s.ended
}

func TestCheckStopsWithTheServer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, w := newStuck(), httptest.NewRecorder()
	go func() {
		<-s.began
		cancel()
	}()
	Handler(s).ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, pathCheck, http.NoBody))
	if got := w.Body.String(); w.Code != 500 || !strings.Contains(got, "the server is stopping") {
		t.Errorf("the answer is %d %s; want 500, the server is stopping", w.Code, got)
	}
}

func TestForeignAnswersAreErrors(t *testing.T) {
	for body, status := range map[string]int{"not found\n": 404, "{}": 500, "[1]": 200} {
		c := dialed(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body)) // the client complains
		}))
		if _, err := c.Users(t.Context()); err == nil {
			t.Errorf("Users after the answer %d %q = nil; want an error", status, body)
		}
	}
}

func TestCallsFailWhenTheServerIsGone(t *testing.T) {
	c := dialed(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	_, err := c.Users(t.Context())
	if err == nil || !strings.Contains(err.Error(), "ask the server on") || strings.Contains(err.Error(), "http://") {
		t.Errorf("Users = %v; want an error that names the socket", err)
	}
}
