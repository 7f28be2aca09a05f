// Package replicate keeps copies of objects in other zones: it takes the keys that the store has marked as stale, and makes the
// object there what it is here.
//
// A key is marked by the change that makes its copy stale, and the mark goes when the copy is up to date. What is sent is what the
// object is at that moment, so that many changes of one key cost one copy, none is lost by a crash, and none is too late. A zone that
// cannot be reached only makes the marks wait.
package replicate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/metrics"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/queue"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/sdk/go/signature"
)

const (
	batch       = 100 // keys read at once
	senders     = 4   // objects of one bucket that are sent at the same time
	maxBuckets  = 8   // that are served at the same time
	firstPause  = time.Second
	longPause   = time.Minute
	backlogTick = time.Minute // how often backlogs are looked for
	answerTime  = 2 * time.Minute
)

// A Config says what a Replicator works with. Store is required.
type Config struct {
	Store  *store.Store
	Peers  []Peer
	Secret string // shared with all peers

	Now    func() time.Time // the clock; nil is time.Now
	Logger *slog.Logger     // nil means no log
}

// Figures tell what a Replicator has done.
type Figures struct {
	Copied  int64 // objects that were sent
	Deleted int64 // objects that were deleted elsewhere
	Failed  int64 // attempts that failed
	Waiting int64 // buckets that pause, since something cannot be sent
}

// A Replicator sends objects to other zones.
type Replicator struct {
	Config
	agents                  map[string]*agent // by zone
	buckets                 *queue.Runner[uint64]
	copied, deleted, failed atomic.Int64
}

// New returns a Replicator.
func New(c Config) *Replicator {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Replicator{Config: c, agents: make(map[string]*agent)}
	r.buckets = queue.New(queue.Options[uint64]{
		List: c.Store.StaleBuckets, Serve: r.pass, Wake: c.Store.Replicas(),
		Most: maxBuckets, First: firstPause, Longest: longPause,
		Paused: r.paused, Now: c.Now, Logger: c.Logger,
	})
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout, transport.MaxIdleConnsPerHost, transport.Proxy = answerTime, maxBuckets*senders, nil
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for _, p := range c.Peers {
		r.agents[p.Zone] = &agent{Peer: p, client: client, key: signature.NewKey(AccessKeyID, c.Secret), now: c.Now, piece: piece}
	}
	return r
}

// Figures returns what was done so far.
func (r *Replicator) Figures() Figures {
	return Figures{Copied: r.copied.Load(), Deleted: r.deleted.Load(), Failed: r.failed.Load(), Waiting: r.buckets.Waiting()}
}

// Tell tells the figures.
func (r *Replicator) Tell(m *metrics.Sink) {
	f := r.Figures()
	m.Counter("ois_replicated_total", "Objects that were sent to other zones.", float64(f.Copied))
	m.Counter("ois_replicated_deletions_total", "Objects that were deleted in other zones.", float64(f.Deleted))
	m.Counter("ois_replication_errors_total", "Attempts to replicate an object that failed.", float64(f.Failed))
	m.Gauge("ois_replication_waiting", "Buckets whose replication pauses, since something cannot be sent.", float64(f.Waiting))
}

// ErrNoDestination is matched when no peer has a bucket.
var ErrNoDestination = errors.New("no peer has a bucket of that name and owner")

// Find returns the zone of the peer that has a bucket of the user of that name. An error that is not ErrNoDestination says that a
// peer could not be asked.
func (r *Replicator) Find(ctx context.Context, owner, bucket string) (zone string, err error) {
	var failed error
	for zone, a := range r.agents {
		ok, err := a.has(ctx, owner, bucket)
		if ok {
			return zone, nil
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("zone %s: %w", zone, err))
		}
	}
	if failed != nil {
		return "", failed
	}
	return "", ErrNoDestination
}

// Run sends what is stale until ctx ends, and then waits for what is under way, which ctx cuts short.
func (r *Replicator) Run(ctx context.Context) {
	var marker sync.WaitGroup
	defer marker.Wait()
	marker.Go(func() { r.markBacklogs(ctx) })
	r.buckets.Run(ctx)
}

// markBacklogs marks what was there before a replication setting, again and again.
func (r *Replicator) markBacklogs(ctx context.Context) {
	tick := time.NewTicker(backlogTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := r.Store.MarkBacklogs(ctx, r.Now()); err != nil && ctx.Err() == nil {
			r.Logger.ErrorContext(ctx, "mark objects from before a replication setting", slog.Any("error", err))
		}
	}
}

func (r *Replicator) paused(ctx context.Context, _ uint64, pause time.Duration, err error) {
	r.Logger.WarnContext(ctx, "replication waits; nothing is lost", slog.Duration("pause", pause), slog.Any("error", err))
}

// pass goes once through the stale keys of a bucket. One that fails does not keep the others.
func (r *Replicator) pass(ctx context.Context, id uint64) error {
	var failed error
	for after := ""; ctx.Err() == nil; {
		b, keys, err := r.Store.StaleIn(ctx, id, after, batch)
		if err != nil || len(keys) == 0 {
			return errors.Join(failed, err)
		}
		after = keys[len(keys)-1].Key
		if err := r.some(ctx, b, keys); err != nil {
			failed = err
		}
		if away(failed) {
			return failed
		}
	}
	return ctx.Err()
}

// away reports whether an error says that nobody is there, so that other keys need not be tried. A damaged object breaks off a request,
// too, and says nothing about the next one.
func away(err error) bool {
	var broken *url.Error
	return errors.As(err, &broken) && !errors.Is(err, blob.ErrCorrupt)
}

// some sends some keys of a bucket and returns an error of one of them. The bucket is nil if it is gone.
func (r *Replicator) some(ctx context.Context, b *store.Bucket, keys []store.Stale) error {
	var rules []op.ReplicationRule
	var owner string
	if b != nil {
		set, err := b.GetBucketReplication(ctx, nil)
		if err != nil {
			return err
		}
		if rules = set.Rules; len(rules) > 0 {
			if owner, err = r.Store.UserName(ctx, b.Info().Owner); err != nil {
				return err
			}
		}
	}
	var wait sync.WaitGroup
	next := make(chan *store.Stale)
	errs := make([]error, senders)
	for i := range senders {
		wait.Go(func() {
			for k := range next {
				if err := r.one(ctx, b, owner, rules, k); err != nil && errs[i] == nil {
					errs[i] = fmt.Errorf("object %q: %w", k.Key, err)
					r.failed.Add(1)
				}
			}
		})
	}
	for i := range keys {
		next <- &keys[i]
	}
	close(next)
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// one makes one copy what the object is.
func (r *Replicator) one(ctx context.Context, b *store.Bucket, owner string, rules []op.ReplicationRule, k *store.Stale) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if rule := store.RuleFor(rules, k.Key); rule != nil {
		if err := r.copy(ctx, b, owner, rule, k.Key); err != nil {
			return err
		}
	}
	return r.Store.Replicated(ctx, k)
}

func (r *Replicator) copy(ctx context.Context, b *store.Bucket, owner string, rule *op.ReplicationRule, key string) error {
	to := rule.Destination
	a := r.agents[to.Zone]
	if a == nil {
		return fmt.Errorf("there is no --peer for zone %s", to.Zone)
	}
	o, err := b.Object(ctx, key)
	if fault.CodeOf(err) == fault.ObjectNotExists {
		if !strings.EqualFold(rule.DeleteMarker, "enabled") {
			return nil
		}
		if err := a.remove(ctx, owner, to.Bucket, key); err != nil {
			return err
		}
		r.deleted.Add(1)
		return nil
	}
	if err != nil {
		return err
	}
	defer o.Close()
	if o.Info().Encryption != "" {
		return nil // only the customer could read what arrives
	}
	if err := a.send(ctx, owner, to.Bucket, to.StorageClass, o); err != nil {
		return err
	}
	r.copied.Add(1)
	return nil
}
