package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/oisproject/ois/internal/admin"
	"github.com/oisproject/ois/internal/datadir"
	"github.com/oisproject/ois/internal/egress"
	"github.com/oisproject/ois/internal/notify"
	"github.com/oisproject/ois/internal/replicate"
	"github.com/oisproject/ois/internal/seal"
	"github.com/oisproject/ois/internal/server"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
)

// A runConfig says how a server runs.
type runConfig struct {
	data        string
	listen      string
	adminListen string // empty means no such listener
	zones       []string
	domain      string
	proxies     []netip.Prefix // that are believed when they say who sends a request
	verifyCNAME bool           // domains are bound only to the bucket that they lead to
	minFree     int64          // as in datadir.Options
	scrubRate   int64          // likewise
	peers       []replicate.Peer
	peerSecret  string         // that they share with this server
	egress      egress.Options // of requests to other servers
	imageFont   []byte         // for watermarks, if there is one
	certificate *certificate   // nil means plain HTTP
	secrets     *seal.Ring     // nil means that secrets are stored as they are
	limits
	disk   vfs.FS
	getenv func(string) string
	log    *slog.Logger
}

// ports are where a server listens.
type ports struct {
	api  net.Listener
	side net.Listener // for administration; nil without such a port
}

// listen takes the ports of a server.
func listen(ctx context.Context, c runConfig) (p ports, err error) {
	if p.api, err = listenTCP(ctx, c.listen); err != nil || c.adminListen == "" {
		return p, err
	}
	if p.side, err = listenTCP(ctx, c.adminListen); err != nil {
		return p, errors.Join(err, p.api.Close())
	}
	return p, nil
}

func listenTCP(ctx context.Context, address string) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(ctx, "tcp", address)
}

func (p ports) close() error {
	err := p.api.Close()
	if p.side != nil {
		err = errors.Join(err, p.side.Close())
	}
	return err
}

// A running is a server at work on a data directory.
type running struct {
	dir     *datadir.Dir
	log     *slog.Logger
	key     datadir.RootKey
	api     *server.Server
	address net.Addr
	side    []*http.Server // administration, on the socket and on a port

	adminAddress net.Addr // nil without such a port

	notifier   *notify.Notifier
	replicator *replicate.Replicator // nil without other zones

	background context.CancelFunc // ends what works beside the requests
	worked     sync.WaitGroup     // what that is

	failed chan error // receives what ends the server although nobody asked for it
	served sync.WaitGroup
}

// start opens the data directory and serves it until stop. It takes its ports before, so
// that no directory is made where one of them is in use.
func start(ctx context.Context, c runConfig) (*running, error) {
	p, err := listen(ctx, c)
	if err != nil {
		return nil, err
	}
	r := &running{log: c.log, failed: make(chan error, 4)} // room for one of each sender, so that none waits
	if err := r.open(ctx, c); err != nil {
		return nil, errors.Join(err, p.close())
	}
	if err := r.answer(ctx, c, p); err != nil {
		return nil, errors.Join(err, p.close(), r.stop(ctx))
	}
	return r, nil
}

// open opens the data directory and puts the server over its store.
func (r *running) open(ctx context.Context, c runConfig) (err error) {
	fatal := func(err error) { r.failed <- err }
	r.dir, err = datadir.Open(ctx, c.disk, c.data, &datadir.Options{
		Create: true, Logger: c.log, MinFree: c.minFree, ScrubRate: c.scrubRate, Fatal: fatal,
		Secrets: c.secrets, MaxBuckets: c.maxBuckets,
	})
	if errors.Is(err, store.ErrSealed) {
		return fmt.Errorf("%w, "+lostKeyFile, err)
	}
	if err != nil {
		return err
	}
	if len(c.peers) > 0 {
		r.replicator = replicate.New(replicate.Config{Store: r.dir.Store, Peers: c.peers, Secret: c.peerSecret, Logger: c.log})
	}
	others := egress.New(c.egress)
	r.key, err = r.dir.RootKey(c.getenv)
	if err == nil {
		config := server.Config{
			Replicator: r.replicator, PeerSecret: c.peerSecret,
			Store: r.dir.Store, Keys: datadir.Keys{Root: r.key, Store: r.dir.Store},
			Zones: c.zones, Domain: c.domain, TrustedProxies: c.proxies, Logger: c.log, MaxConnections: c.maxConnections,
			AccessLog: r.dir.AccessLog, BucketLease: c.bucketLease, BucketRate: c.bucketRate,
			Resolver:  resolver(c.verifyCNAME),
			Egress:    others,
			ImageFont: c.imageFont,
		}
		if c.certificate != nil {
			config.TLS = c.certificate.config()
		}
		r.api, err = server.New(config)
	}
	if err != nil {
		return errors.Join(err, r.dir.Close())
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.background = stop
	r.notifier = notify.New(notify.Config{Store: r.dir.Store, Poster: others, Image: r.api.NotifiedImage, Logger: c.log})
	r.worked.Go(func() { r.notifier.Run(background) })
	if r.replicator != nil {
		r.worked.Go(func() { r.replicator.Run(background) })
	}
	return nil
}

// resolver returns who is asked about domains, nobody if they are not verified.
func resolver(verify bool) server.Resolver {
	if !verify {
		return nil
	}
	return net.DefaultResolver
}

// answer answers requests, an operator on the socket, and on the port for administration if there is one.
func (r *running) answer(ctx context.Context, c runConfig, p ports) error {
	socket, err := admin.Listen(ctx, datadir.Socket(c.disk, c.data))
	if err != nil {
		return err
	}
	r.address = p.api.Addr()
	local := admin.NewLocal(r.dir.Store, c.url(r.address))
	local.BackUp, local.Runner = r.dir.Backup, r.dir.Jobs
	r.serveSide(ctx, socket, &http.Server{Handler: admin.Handler(local), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute})
	if p.side != nil {
		r.adminAddress = p.side.Addr()
		r.serveSide(ctx, p.side, adminServer(r))
	}
	r.serve(func() error { return r.api.Serve(p.api) })
	r.dir.Jobs.Start()
	return nil
}

// url returns an address of the API that clients on this machine can use.
func (c *runConfig) url(addr net.Addr) string {
	if c.certificate != nil {
		return baseURL("https", addr)
	}
	return baseURL("http", addr)
}

// serveSide runs s on l. What it does ends with stop, not with ctx.
func (r *running) serveSide(ctx context.Context, l net.Listener, s *http.Server) {
	base, halt := context.WithCancel(context.WithoutCancel(ctx))
	s.BaseContext = func(net.Listener) context.Context { return base }
	s.RegisterOnShutdown(halt)
	r.side = append(r.side, s)
	r.serve(func() error {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
}

// serve runs a server in a goroutine of its own.
func (r *running) serve(do func() error) {
	r.served.Go(func() {
		if err := do(); err != nil {
			r.failed <- err
		}
	})
}

// stop takes no more requests, waits for those under way as long as ctx allows, and closes the
// data directory. What an operator has asked for on the side is cut short.
func (r *running) stop(ctx context.Context) error {
	r.dir.Jobs.Stop()
	err := r.api.Shutdown(ctx)
	for _, s := range r.side {
		err = errors.Join(err, s.Shutdown(ctx))
	}
	r.served.Wait()
	r.background()
	r.worked.Wait()
	return errors.Join(err, r.dir.Close())
}
