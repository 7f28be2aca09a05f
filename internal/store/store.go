// Package store is what each API operation means: buckets, objects, uploads,
// users and keys over the two seams, internal/meta and internal/blob.
//
// It knows no HTTP and decides nothing about who may do what: internal/access does.
//
// # How a write happens
//
// Bytes go first: a fresh blob is written and durable. Then one meta.Change
// publishes it: the object row, a reference row for the blob, a garbage row for what was
// replaced, and the counters of the bucket. That Change is the only moment at which
// anything becomes visible, and it is guarded: by the bucket being alive, and by the
// row it replaces being the one that was read. A guard that fails means that somebody
// else was first; the write reads again and decides anew, its bytes stay where they are.
//
// # How space comes back
//
// Nothing is deleted in the way of a request. What loses its name gets a garbage row in the same
// Change; the sweeper gives its blobs back once no reader holds it and no other reference
// is left. Bytes without any name, left by a crash between blob and Change, belong to an epoch that
// ended: each start of the store takes a new epoch, and sweeps the ones before it.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/seal"
)

// Options of a store. Meta and Blobs are required.
type Options struct {
	Meta   meta.Engine // closed by Close
	Blobs  blob.Engine // closed by Close
	Logger *slog.Logger
	Now    func() time.Time // the clock; nil is time.Now

	// Room reports whether the disk has room for more; nil means that it has. Writes that need room fail with what
	// it returns, before anything is written. It is called for each, at the same time.
	Room func() error

	// ScrubRate is how many bytes a second the scrub reads in the background, to find what a disk has lost. 0 means that
	// it does not.
	ScrubRate int64

	// Secrets seals secret access keys and opens them. Nil means that they are stored as they are; a store in which they are sealed is
	// then refused with ErrSealed, unless it is opened for what needs no secret, by WithoutSecrets or Still.
	Secrets        *seal.Ring
	WithoutSecrets bool

	// MaxBuckets is how many buckets a user may have; 0 means any number.
	MaxBuckets int

	// Still opens the store to be checked or repaired: nothing is done by itself, also not what a crash has left undone.
	Still bool
}

// A Store keeps buckets, objects, users and keys. It is safe for concurrent use.
type Store struct {
	meta  meta.Engine
	blobs blob.Engine
	log   *slog.Logger
	clock func() time.Time
	room  func() error

	epoch uint32
	seq   atomic.Uint64 // of blobs, refs and buckets in this epoch
	pins  pins

	scrub scrub
	still bool

	figures figures

	secrets        *seal.Ring
	withoutSecrets bool
	sealed         bool     // there is a seal row
	opened         sync.Map // access key id → openedKey

	maxBuckets int
	standings  standings

	swept  sync.Mutex // held while the sweeper looks at garbage, or a step of fsck or scrub at a blob
	holds  int        // calls of HoldSweeper that last; guarded by swept
	wake   chan struct{}
	told   chan struct{} // see Events
	copied chan struct{} // see Replicas
	stop   context.CancelFunc
	worker sync.WaitGroup
}

// Open starts a store on its engines: it takes a new epoch, finishes bucket deletions
// that a crash interrupted, and starts the sweeper. The engines are closed by Close, or by Open if it fails.
func Open(ctx context.Context, o Options) (*Store, error) {
	s := &Store{
		meta: o.Meta, blobs: o.Blobs, log: o.Logger, clock: o.Now, room: o.Room, still: o.Still,
		secrets: o.Secrets, withoutSecrets: o.WithoutSecrets, maxBuckets: o.MaxBuckets,
		wake: make(chan struct{}, 1), told: make(chan struct{}, 1), copied: make(chan struct{}, 1),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", err), s.meta.Close(), s.blobs.Close())
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	if o.Still {
		return s, nil
	}
	s.worker.Go(func() { s.sweepLoop(background) })
	if o.ScrubRate > 0 {
		s.worker.Go(func() { s.scrubLoop(background, o.ScrubRate) })
	}
	return s, nil
}

func (s *Store) start(ctx context.Context) error {
	if err := s.checkEpochs(ctx); err != nil {
		return err
	}
	if err := s.checkSeal(ctx); err != nil {
		return err
	}
	if err := s.takeEpoch(ctx); err != nil {
		return err
	}
	if err := s.ensureRoot(ctx); err != nil {
		return err
	}
	if err := s.sealAll(ctx); err != nil {
		return err
	}
	if err := s.readStandings(ctx); err != nil {
		return err
	}
	if s.still {
		return nil
	}
	return s.settleClosing(ctx)
}

// Close stops the sweeper and closes the engines. Readers must be closed before.
func (s *Store) Close() error {
	s.stop()
	s.worker.Wait()
	return errors.Join(s.meta.Close(), s.blobs.Close())
}

// ErrMismatch is returned by Open when the blobs are not those of the metadata. Nothing was changed.
var ErrMismatch = errors.New("blobs and metadata do not belong together")

// checkEpochs refuses blobs of an epoch that the metadata does not know: metadata that is empty or older than the blobs
// would take them for orphans and delete them. It also refuses objects without any blobs: new ones would
// be written to a place that is not theirs.
func (s *Store) checkEpochs(ctx context.Context) error {
	epochs, err := s.blobs.Epochs(ctx)
	if err != nil {
		return err
	}
	return s.view(ctx, func(snap meta.Snapshot) error {
		for _, e := range epochs {
			_, ok, err := snap.Get(epochKey(e))
			if err != nil {
				return err
			}
			if !ok {
				return fmt.Errorf("%w: there are blobs of epoch %d, which the metadata does not know; is it missing, or an older copy?", ErrMismatch, e)
			}
		}
		if len(epochs) > 0 {
			return nil
		}
		_, ok, err := firstLive(snap, blob.ID{}, []byte{kindRef + 1}, nil)
		if ok && err == nil {
			ok, err = livesBeyondGarbage(snap)
		}
		if ok {
			err = fmt.Errorf("%w: there are references to blobs and no blobs; is a volume not mounted?", ErrMismatch)
		}
		return err
	})
}

// livesBeyondGarbage reports whether a blob is needed by anything but what is to be given back. The last blobs may be gone
// while the rows of that garbage are still there.
func livesBeyondGarbage(snap meta.Snapshot) (bool, error) {
	var list []dead
	err := walk(snap, []byte{kindGarbage}, func(r meta.Row) error {
		d := dead{}
		var bad, damaged error // which fsck reports
		d.ref, bad = garbageOf(r.Key)
		d.row, damaged = decodeGarbage(r.Val)
		if bad == nil && damaged == nil {
			list = append(list, d)
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	for i := range list {
		all := math.MaxInt
		if err := list[i].expand(snap, &all); err != nil {
			return false, err
		}
	}
	_, ok, err := firstLive(snap, blob.ID{}, []byte{kindRef + 1}, dyingOf(list))
	return ok, err
}

// takeEpoch makes this start of the store the owner of a number that no start had before.
func (s *Store) takeEpoch(ctx context.Context) error {
	return s.retry(ctx, func(snap meta.Snapshot) (*meta.Change, error) {
		last := uint32(0)
		err := walk(snap, []byte{kindEpoch}, func(r meta.Row) (err error) {
			last, err = epochOf(r.Key)
			return err
		})
		if err != nil {
			return nil, err
		}
		s.epoch = last + 1
		c := &meta.Change{}
		c.Guards = append(c.Guards, meta.Guard{Key: epochKey(s.epoch), Kind: meta.Absent})
		c.Sets = append(c.Sets, meta.KV{Key: epochKey(s.epoch), Val: (&epochRow{}).encode()})
		return c, nil
	})
}

// admit refuses what needs room on the disk when there is none.
func (s *Store) admit() error {
	if s.room == nil {
		return nil
	}
	return s.room()
}

// now returns the time to the millisecond, as rows keep it.
func (s *Store) now() time.Time { return s.clock().Truncate(time.Millisecond) }

func (s *Store) newRef() ref { return makeRef(s.now().UnixMilli(), s.epoch, s.seq.Add(1)) }

// retry applies the change that decide makes from a fresh snapshot, until its guards hold. A nil change ends it: there
// is nothing to do.
func (s *Store) retry(ctx context.Context, decide func(meta.Snapshot) (*meta.Change, error)) error {
	for wait := time.Millisecond; ; {
		c, err := s.decide(ctx, decide)
		if c == nil || err != nil {
			return err
		}
		err = s.meta.Apply(ctx, c) // commit: the change happens here or not at all.
		switch {
		case err == nil:
			s.noticeGarbage(c)
			s.noticeEvents(c)
			return nil
		case errors.Is(err, meta.ErrGuard):
			if err := ctx.Err(); err != nil {
				return err
			}
		case errors.Is(err, meta.ErrBusy):
			if err := sleep(ctx, wait); err != nil {
				return err
			}
			wait = min(2*wait, time.Second)
		default:
			return err
		}
	}
}

func (s *Store) decide(ctx context.Context, decide func(meta.Snapshot) (*meta.Change, error)) (*meta.Change, error) {
	snap, err := s.meta.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	c, err := decide(snap)
	return c, errors.Join(err, snap.Close())
}

// view calls read with a snapshot.
func (s *Store) view(ctx context.Context, read func(meta.Snapshot) error) error {
	_, err := s.decide(ctx, func(snap meta.Snapshot) (*meta.Change, error) { return nil, read(snap) })
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
