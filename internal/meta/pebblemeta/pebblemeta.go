// Package pebblemeta is the metadata engine on Pebble, for one process.
//
// # What Pebble gives and what it does not
//
// Pebble's batches are atomic, and a batch committed with Sync has survived when the commit
// returns. But a batch can be read before its sync, so a reader may see what a crash takes back; and
// nothing in a batch can depend on what is there. Both are added here, by one rule:
//
//	at any time one writer, the leader, commits, and readers only use the snapshot it published last.
//
// # A write, step by step
//
//	Apply     check the change; join the queue
//	          first in the queue: lead. Else wait for the outcome, or for being told to lead
//	lead      take the queue, up to a limit, as the group
//	          for each change, in order:
//	              its guards hold, in what is committed and what the group has so far?
//	                  put it into the batch, under the next revision
//	                  else its outcome is ErrGuard
//	          commit the batch with one sync
//	          take a snapshot, publish it, release the one before
//	          tell the group its outcomes; tell the next in the queue to lead
//
// While a group syncs the next one gathers, so concurrent writers share syncs and a lone writer pays
// no goroutine switch of ours. No key is ever locked: the leader decides alone. Readers
// wait for nobody. Each outcome, also a guard that failed because of a change in the same group, is
// told after the sync, so no answer rests on what a crash could take back.
//
// # Counters
//
// The leader adds to a counter by writing its new sum, once for each group. Pebble's merge operands were
// considered: they make every read of a busy counter walk all operands since the last flush, a value that stands
// under a counter's key breaks compaction for good, and no other tool could open the files. One writer needs
// no operands: it reads the sum, and it keeps the sums of busy counters at hand.
//
// # When the disk fails
//
// After a failed write or sync of the log nobody knows what the disk holds. The engine then fails: it calls
// Options.Fatal, which should end the process, and from then on no call succeeds and no file is changed, see
// type disk. A restart replays the log and has every change that was acknowledged.
package pebblemeta

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"

	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/vfs"
)

// traits are the limits of the engine. A change that does not fit into the memory for rows becomes a table at once.
var traits = meta.Traits{
	MaxKey:    4 << 10,
	MaxValue:  8 << 20,
	MaxChange: 1 << 17,
	MaxBytes:  16 << 20,
}

// Options say where an engine keeps its files and how.
type Options struct {
	FS  vfs.FS // required
	Dir string // made if missing; required

	// Fatal is called once when the engine can promise nothing any more, see the package comment.
	// It should end the process; no change that was under way has its outcome before it returns. Nil means that the engine only refuses every call.
	Fatal func(error)

	Logger        *slog.Logger // nil means no log
	CacheBytes    int64        // blocks kept in memory; 0 means 64 MiB
	MemTableBytes int64        // changes gathered before they become a table; 0 means 16 MiB
}

// An Engine is a meta.Engine.
type Engine struct {
	db   *pebble.DB
	lock *pebble.Lock
	log  *slog.Logger

	disk    *disk
	failure failure
	active  sync.WaitGroup // calls of Apply in the queue or beyond
	writes  sync.Pool      // of *write

	mu      sync.Mutex
	closed  bool     // guarded by mu
	leading bool     // somebody leads, or was told to; guarded by mu
	queue   []*write // guarded by mu

	leader leader // used by the one that leads

	current current
	cache   rowCache
	figures figures

	closing  chan struct{} // closed when Close begins
	closeMu  sync.Mutex    // held by Close
	released atomic.Bool   // files and lock
}

var _ meta.Engine = (*Engine)(nil)

// Open opens the engine in a directory, which it makes if there is none. It
// returns an error matching vfs.ErrLocked if another process has it open.
func Open(o Options) (*Engine, error) {
	e := &Engine{log: o.Logger, closing: make(chan struct{})}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	e.failure.init(o.Fatal)
	if err := e.open(o); err != nil {
		return nil, fmt.Errorf("open metadata in %s: %w", o.Dir, err)
	}
	return e, nil
}

func (e *Engine) open(o Options) (err error) {
	if err := vfs.MkdirAll(o.FS, o.Dir, 0o700); err != nil {
		return err
	}
	if e.lock, err = pebble.LockDirectory(o.Dir, o.FS); err != nil {
		return err
	}
	err = e.failure.guard(func() error { return e.openLocked(o) })
	if err != nil && e.failure.err() == nil { // else Pebble is stuck and keeps its files: so the lock stays, too
		err = errors.Join(err, e.lock.Close())
	}
	return err
}

func (e *Engine) openLocked(o Options) (err error) {
	e.disk = &disk{FS: o.FS, failure: &e.failure}
	if err := errors.Join(checkManifest(o.FS, o.Dir), checkLog(o.FS, o.Dir)); err != nil {
		return err
	}
	if err := setFormat(e.disk, o.Dir); err != nil {
		return err
	}
	if e.db, err = pebble.Open(o.Dir, e.pebbleOptions(o, e.disk)); err != nil {
		return err
	}
	e.disk.opened.Store(true)
	rev, err := load(e.db)
	if err := e.failure.after(err); err != nil {
		close(e.closing)
		return errors.Join(err, e.db.Close())
	}
	e.cache.init()
	e.leader.init(e.db, &e.cache, rev)
	e.current.publish(e.db.NewSnapshot(), 0)
	return nil
}

// setFormat writes into an empty directory which format Pebble is to use. It would begin with the oldest one it knows, and go on from there step
// by step: with a sync for each, and with a first log of a form of which checkLog can tell nothing.
func setFormat(d *disk, dir string) error {
	names, err := d.List(dir)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(names, func(name string) bool { return name != lockName }) {
		return nil
	}
	m, _, err := atomicfs.LocateMarker(d, dir, formatMarker)
	if err != nil {
		return err
	}
	return errors.Join(m.Move(pebbleFormat.String()), m.Close())
}

// Names of Pebble's files.
const (
	lockName     = "LOCK"
	formatMarker = "format-version"
)

// load reads what the engine keeps for itself, or writes it into a new database. It returns the last
// revision given.
func load(db *pebble.DB) (rev uint64, err error) {
	format, ok, err := getNumber(db, formatKey)
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, create(db)
	}
	if format != formatVersion {
		return 0, fmt.Errorf("rows have format %d, this program knows %d", format, formatVersion)
	}
	rev, _, err = getNumber(db, revisionKey)
	return rev, err
}

// create makes an empty database one of ours.
func create(db *pebble.DB) error {
	it, err := db.NewIter(nil)
	if err != nil {
		return err
	}
	found := it.First()
	if err := it.Close(); err != nil {
		return err
	}
	if found {
		return errors.New("there are rows, but no format row: another program has written them")
	}
	return db.Set(formatKey, encodeNumber(formatVersion), pebble.Sync)
}

// Traits implements meta.Engine.
func (e *Engine) Traits() meta.Traits { return traits }

// Snapshot implements meta.Engine. It never waits.
func (e *Engine) Snapshot(ctx context.Context) (meta.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := e.failure.err(); err != nil {
		return nil, err
	}
	p := e.current.acquire()
	if p == nil {
		return nil, meta.ErrClosed
	}
	return &snapshot{published: p, cache: &e.cache}, nil
}

// Close implements meta.Engine. While a snapshot is open it returns an error and leaves files and lock as
// they are, for another call of Close; after a failure it leaves them to the end of the process.
func (e *Engine) Close() error {
	e.closeMu.Lock()
	defer e.closeMu.Unlock()
	if e.released.Load() {
		return meta.ErrClosed
	}
	e.mu.Lock()
	if !e.closed {
		e.closed = true
		close(e.closing)
	}
	e.mu.Unlock()
	return e.failure.guard(e.close)
}

func (e *Engine) close() error {
	e.active.Wait()
	e.current.publish(nil, 0)
	if n := e.current.open.Load(); n > 0 {
		return fmt.Errorf("close metadata: %d snapshots are open", n)
	}
	e.released.Store(true)
	return errors.Join(e.db.Close(), e.lock.Close())
}

// A published is a Pebble snapshot that readers share. It is closed with its
// last reference: one is the engine's own as long as it is the current one.
type published struct {
	snap *pebble.Snapshot
	n    uint64 // of the commit before it, see rowCache
	refs atomic.Int64
	open *atomic.Int64 // of current
}

func (p *published) release() {
	if p.refs.Add(-1) > 0 {
		return
	}
	_ = p.snap.Close() // it only takes itself off a list
	p.open.Add(-1)
}

// current is the snapshot that was published last.
type current struct {
	open atomic.Int64 // snapshots not closed yet

	mu sync.Mutex
	p  *published // guarded by mu; nil when the engine is closed
}

// acquire returns the current snapshot with a reference for the caller.
func (c *current) acquire() *published {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.p != nil {
		c.p.refs.Add(1)
	}
	return c.p
}

// publish makes s, with what commit n has written, the current snapshot; nil means none.
func (c *current) publish(s *pebble.Snapshot, n uint64) {
	var next *published
	if s != nil {
		next = &published{snap: s, n: n, open: &c.open}
		next.refs.Store(1)
		c.open.Add(1)
	}
	c.mu.Lock()
	prev := c.p
	c.p = next
	c.mu.Unlock()
	if prev != nil {
		prev.release()
	}
}
