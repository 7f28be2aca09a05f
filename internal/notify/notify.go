// Package notify tells the world what happens to objects: it takes the events that the store has queued, rule by rule, and does what
// the rule says.
//
// An event is queued by the change that makes it true, and leaves the queue after it was told. So none is lost by a crash, and one
// may be told twice. The events of one rule are told one after the other, in their order; rules do not wait for each other.
package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/oisproject/ois/internal/metrics"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/queue"
	"github.com/oisproject/ois/internal/store"
)

// The functions that a rule can call.
const (
	FuncNotifier = "notifier"
	FuncImage    = "image"
)

const (
	batch      = 100              // events read at once
	turns      = 10               // batches of one rule before others have their turn
	maxTellers = 16               // rules that are served at the same time
	keepFor    = 24 * time.Hour   // how long an event is worth telling
	firstPause = 10 * time.Second // of a rule whose events cannot be told
	longPause  = 5 * time.Minute
	timeout    = op.LimitNotificationTimeout * time.Second
	retryDelay = op.LimitNotificationRetryDelay * time.Second
	tries      = 1 + op.LimitNotificationRetries
)

// A Poster sends a body to an address of a user and returns the status of the answer.
type Poster interface {
	Post(ctx context.Context, url, contentType string, body []byte, timeout time.Duration) (status int, err error)
}

// A Config says what a Notifier works with. Store and Poster are required.
type Config struct {
	Store  *store.Store
	Poster Poster

	// Image does what a rule with the function image asks for, and returns what its notify_url is told. Nil means that there are no
	// such rules. An error that cannot be mended by trying again is an *Unfit.
	Image func(ctx context.Context, b *store.Bucket, e *store.Event, rule *op.Notification) (result any, err error)

	Now    func() time.Time // the clock; nil is time.Now
	Logger *slog.Logger     // nil means no log
}

// An Unfit says that a function can do nothing with an object, however often it is tried.
type Unfit struct{ Err error }

func (u *Unfit) Error() string { return u.Err.Error() }
func (u *Unfit) Unwrap() error { return u.Err }

// Figures tell what a Notifier has done.
type Figures struct {
	Told    int64 // events that were told
	Failed  int64 // attempts that failed
	Dropped int64 // events that were given up
	Waiting int64 // rules that pause, since their events cannot be told
}

// A Notifier tells events.
type Notifier struct {
	Config
	rules                 *queue.Runner[store.Queue]
	told, failed, dropped atomic.Int64
}

// New returns a Notifier.
func New(c Config) *Notifier {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	n := &Notifier{Config: c}
	n.rules = queue.New(queue.Options[store.Queue]{
		List: c.Store.Queues, Serve: n.serve, Wake: c.Store.Events(),
		Most: maxTellers, First: firstPause, Longest: longPause,
		Paused: n.paused, Now: c.Now, Logger: c.Logger,
	})
	return n
}

// Figures returns what was done so far.
func (n *Notifier) Figures() Figures {
	return Figures{Told: n.told.Load(), Failed: n.failed.Load(), Dropped: n.dropped.Load(), Waiting: n.rules.Waiting()}
}

// Tell tells the figures.
func (n *Notifier) Tell(m *metrics.Sink) {
	f := n.Figures()
	m.Counter("ois_events_told_total", "Events of notification rules that were told.", float64(f.Told))
	m.Counter("ois_event_errors_total", "Attempts to tell an event that failed.", float64(f.Failed))
	m.Counter("ois_events_dropped_total", "Events that were given up.", float64(f.Dropped))
	m.Gauge("ois_event_rules_waiting", "Rules of notification that pause, since their events cannot be told.", float64(f.Waiting))
}

// Run tells events until ctx ends, and then waits for what is under way, which ctx cuts short.
func (n *Notifier) Run(ctx context.Context) { n.rules.Run(ctx) }

// serve tells the events of a queue until it is empty, cannot be told now, or has had its turn.
func (n *Notifier) serve(ctx context.Context, q store.Queue) error {
	more, err := true, error(nil)
	for turn := 0; more && err == nil && ctx.Err() == nil && turn < turns; turn++ {
		more, err = n.some(ctx, q)
	}
	return err
}

func (n *Notifier) paused(ctx context.Context, q store.Queue, pause time.Duration, err error) {
	n.Logger.WarnContext(ctx, "events cannot be told; they are kept and tried again", slog.String("rule", q.Rule),
		slog.Duration("pause", pause), slog.Any("error", err))
}

// some tells the oldest events of a queue.
func (n *Notifier) some(ctx context.Context, q store.Queue) (more bool, err error) {
	b, rule, list, err := n.Store.Queued(ctx, q, batch)
	if err != nil || len(list) == 0 {
		return false, err
	}
	if rule == nil {
		return true, n.Store.Told(ctx, list)
	}
	for i := range list {
		if err := n.tell(ctx, b, rule, &list[i]); err != nil {
			return false, err
		}
		if err := n.Store.Told(ctx, list[i:i+1]); err != nil {
			return false, err
		}
	}
	return true, nil
}

// tell tells one event, or gives it up if it is too old or nothing can come of it. An error means that it is to be tried again.
func (n *Notifier) tell(ctx context.Context, b *store.Bucket, rule *op.Notification, e *store.Event) error {
	if n.Now().Sub(e.Time) > keepFor {
		n.giveUp(ctx, b, rule, e, fmt.Errorf("it is older than %s", keepFor))
		return nil
	}
	var err error
	for try := range tries {
		if try > 0 {
			if err := sleep(ctx, retryDelay); err != nil {
				return err
			}
		}
		if err = n.do(ctx, b, rule, e); err == nil {
			n.told.Add(1)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		n.failed.Add(1)
		if unfit, ok := err.(*Unfit); ok { //nolint:errorlint // it is made right here, and never wrapped
			n.giveUp(ctx, b, rule, e, unfit.Err)
			return nil
		}
	}
	return err
}

func (n *Notifier) giveUp(ctx context.Context, b *store.Bucket, rule *op.Notification, e *store.Event, why error) {
	n.dropped.Add(1)
	n.Logger.WarnContext(ctx, "an event was not told", slog.String("bucket", b.Info().Name), slog.String("rule", rule.ID),
		slog.String("event", e.Type), slog.String("key", e.Key), slog.Any("error", why))
}

// do does what a rule says, once.
func (n *Notifier) do(ctx context.Context, b *store.Bucket, rule *op.Notification, e *store.Event) error {
	var message any
	switch rule.Cloudfunc {
	case FuncNotifier:
		message = newMessage(b.Info(), rule, e)
	case FuncImage:
		if n.Image == nil {
			return &Unfit{fmt.Errorf("this server processes no images")}
		}
		result, err := n.Image(ctx, b, e, rule)
		if err != nil {
			return err
		}
		message = result
	default:
		return &Unfit{fmt.Errorf("there is no function %q", rule.Cloudfunc)}
	}
	if rule.NotifyURL == "" {
		return nil
	}
	text, err := json.Marshal(message)
	if err != nil {
		return &Unfit{err}
	}
	status, err := n.Poster.Post(ctx, rule.NotifyURL, "application/json", text, timeout)
	if err == nil && (status < 200 || status > 299) {
		err = fmt.Errorf("notify_url answered with status %d; want 200", status)
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
