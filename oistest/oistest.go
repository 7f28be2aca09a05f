// Package oistest runs an OIS server inside a Go test. It is the real server, with signatures, users,
// access control lists and all, on a port of its own and with its data in memory; it is there in
// milliseconds and gone when the test ends.
//
//	func TestUpload(t *testing.T) {
//		srv := oistest.New(t)
//		bucket := srv.Client().Bucket("test-bucket", "")
//		if err := bucket.Create(t.Context()); err != nil {
//			t.Fatal(err)
//		}
//		// Hand srv.Endpoint, srv.AccessKeyID and srv.SecretAccessKey to the code under test.
//	}
//
// Servers share nothing: each test that starts one may run in parallel, and finds no buckets.
package oistest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/datadir"
	"github.com/oisproject/ois/internal/egress"
	"github.com/oisproject/ois/internal/notify"
	"github.com/oisproject/ois/internal/server"
	"github.com/oisproject/ois/internal/vfs"
	ois "github.com/oisproject/ois/sdk/go"
)

// Options tune a server. The zero value is the default.
type Options struct {
	// Zones are the ids of the zones, the default zone first; none means jn1a. An id is 1 to 63
	// of a-z, 0-9 and -, and does not begin or end with -.
	Zones []string

	// Domain is the base domain; empty means localhost. Requests that name another host, such as
	// those to Endpoint, are served as well.
	Domain string

	// Dir is a data directory on the disk, which is made if there is none, and kept. Empty
	// keeps all data in memory.
	Dir string

	// Logger gets what the server logs. Nil logs warnings and errors to the test.
	Logger *slog.Logger
}

// A Server is an OIS server that runs until its test ends.
type Server struct {
	Endpoint        string // such as http://127.0.0.1:40213
	AccessKeyID     string // of the root user, like the secret
	SecretAccessKey string

	t      testing.TB
	dir    *datadir.Dir
	api    *server.Server
	served chan error
	rest   func() // ends what works beside the requests
	root   *ois.Client

	mu      sync.Mutex
	clients []*ois.Client // all that were handed out; guarded by mu
}

// patience is how long the end of a test waits for requests that are under way.
const patience = 5 * time.Second

// New starts a server with its data in memory. It fails the test if that does not work.
func New(t testing.TB) *Server {
	t.Helper()
	return NewWith(t, nil)
}

// NewWith is New with options.
func NewWith(t testing.TB, o *Options) *Server {
	t.Helper()
	if o == nil {
		o = &Options{}
	}
	s := &Server{t: t, served: make(chan error, 1)}
	if err := s.start(t.Context(), o); err != nil {
		t.Fatalf("oistest: start server: %v", err)
	}
	t.Cleanup(s.stop)
	s.root = s.client(ois.Config{AccessKeyID: s.AccessKeyID, SecretAccessKey: s.SecretAccessKey})
	return s
}

// memory is the name of a data directory that is not on the disk.
const memory = "data"

func (s *Server) start(ctx context.Context, o *Options) error {
	if err := checkZones(o.Zones); err != nil {
		return err
	}
	fsys, dir := vfs.FS(vfs.NewMem()), memory
	if o.Dir != "" {
		fsys, dir = vfs.Disk, o.Dir
	}
	log := o.Logger
	if log == nil {
		log = slog.New(slog.NewTextHandler(s.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	var err error
	if s.dir, err = datadir.Open(ctx, fsys, dir, &datadir.Options{Create: true, Logger: log}); err != nil {
		return err
	}
	if err := s.serve(ctx, fsys, dir, log, o); err != nil {
		return errors.Join(err, s.dir.Close())
	}
	return nil
}

var zoneID = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// checkZones allows what "ois serve --zone" allows.
func checkZones(zones []string) error {
	for i, z := range zones {
		if !zoneID.MatchString(z) {
			return fmt.Errorf("zone %q is not allowed: want 1 to 63 of a-z, 0-9 and -, such as jn1a", z)
		}
		if slices.Contains(zones[:i], z) {
			return fmt.Errorf("zone %q is there twice", z)
		}
	}
	return nil
}

func (s *Server) serve(ctx context.Context, fsys vfs.FS, dir string, log *slog.Logger, o *Options) error {
	// The environment of the test is not asked: its keys may be those of a real service.
	key, err := datadir.LoadRootKey(fsys, dir, func(string) string { return "" })
	if err != nil {
		return err
	}
	s.AccessKeyID, s.SecretAccessKey = key.ID, key.Secret
	zones := o.Zones
	if len(zones) == 0 {
		zones = []string{"jn1a"}
	}
	others := egress.New(egress.Options{AllowPrivate: true}) // the origins of tests are on this machine
	s.api, err = server.New(server.Config{
		Store: s.dir.Store, Keys: datadir.Keys{Root: key, Store: s.dir.Store},
		Zones: zones, Domain: o.Domain, AccessLog: s.dir.AccessLog, Logger: log,
		Egress: others,
	})
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.Endpoint = "http://" + l.Addr().String()
	go func() { s.served <- s.api.Serve(l) }()
	s.dir.Jobs.Start()
	n := notify.New(notify.Config{Store: s.dir.Store, Poster: others, Image: s.api.NotifiedImage, Logger: log})
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() { defer close(ended); n.Run(background) }()
	s.rest = func() { stop(); <-ended }
	return nil
}

// stop ends the server. A test that has left requests under way fails.
func (s *Server) stop() {
	s.mu.Lock()
	for _, c := range s.clients {
		c.CloseIdleConnections()
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience) // the test's context has ended
	defer cancel()
	if err := s.api.Shutdown(ctx); err != nil {
		s.t.Errorf("oistest: requests are still under way %v after the test, is a body not closed? %v", patience, err)
	}
	served := <-s.served
	s.rest()
	if err := errors.Join(served, s.dir.Close()); err != nil {
		s.t.Errorf("oistest: stop server: %v", err)
	}
}

// Client returns a client of the root user, the same one every time.
func (s *Server) Client() *ois.Client { return s.root }

// AnonymousClient returns a client that does not sign its requests.
func (s *Server) AnonymousClient() *ois.Client {
	return s.client(ois.Config{Credentials: ois.AnonymousCredentials()})
}

func (s *Server) client(cfg ois.Config) *ois.Client {
	s.t.Helper()
	cfg.Endpoint = s.Endpoint
	c, err := ois.New(cfg)
	if err != nil {
		s.t.Fatalf("oistest: make client: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients = append(s.clients, c)
	return c
}

// A User is somebody with an access key. Users see only buckets of their own, and those of
// others that an access control list opens to them.
type User struct {
	ID              string // names the user in access control lists
	Name            string
	AccessKeyID     string
	SecretAccessKey string

	server *Server
}

// NewUser makes a user and an access key. It fails the test if there is one of that name.
func (s *Server) NewUser(name string) *User {
	s.t.Helper()
	ctx := s.t.Context()
	u, err := s.dir.Store.CreateUser(ctx, name)
	if err != nil {
		s.t.Fatalf("oistest: make user: %v", err)
	}
	k, err := s.dir.Store.CreateKey(ctx, u.ID)
	if err != nil {
		s.t.Fatalf("oistest: make user %q: %v", name, err)
	}
	return &User{ID: u.ID, Name: name, AccessKeyID: k.ID, SecretAccessKey: k.Secret, server: s}
}

// Client returns a client of the user.
func (u *User) Client() *ois.Client {
	u.server.t.Helper()
	return u.server.client(ois.Config{AccessKeyID: u.AccessKeyID, SecretAccessKey: u.SecretAccessKey})
}
