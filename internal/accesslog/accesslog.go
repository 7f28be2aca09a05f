// Package accesslog keeps the lines of access logs until their hour has ended, and then has them delivered.
//
// A line is a few bytes in memory first. Once a second what has gathered is written to spool files, one for each hour, bucket and place
// to deliver to. A file of an hour that is over is a piece: it is delivered as an object, and removed. Nothing is synced,
// since a log is no promise: a process that is killed loses the lines of the last second, a machine that loses its power those that the
// operating system had not written yet. What is left is whole lines.
//
// Nobody waits for a log. When the disk is nearly full, or cannot be written, or lines come faster than they can be
// written, lines are dropped and counted.
package accesslog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/vfs"
)

const (
	flushEvery = time.Second // how long a line is only in memory
	flushBytes = 1 << 20     // or how many bytes of lines are
	maxPending = 16 << 20    // bytes of lines in memory beyond which lines are dropped

	// maxPiece is the most bytes of a piece.
	maxPiece = op.LimitLogFileMaxBytes
	// MaxLine is the most bytes of a line, its end included.
	MaxLine = 64 << 10
)

// ErrNoTarget is matched by the error of a Target when a piece can never be delivered.
var ErrNoTarget = errors.New("the log has nowhere to go")

// A Destination says whose requests lines are about, and where they go. It is what was set when the request was made.
type Destination struct {
	Source string `json:"source"` // bucket
	Owner  string `json:"owner"`  // user id, of both buckets
	Zone   string `json:"zone"`   // of both buckets
	Target string `json:"target"` // bucket
	Prefix string `json:"prefix"` // of the keys of logs
}

// A Piece is the lines of one hour that go to one place, or some of them.
type Piece struct {
	Destination
	Name string    // no two pieces have the same
	Hour time.Time // its beginning
}

// A Target takes logs. PutLog stores a piece and returns its key; of a piece that is stored already it returns the key only.
// An error that matches ErrNoTarget is final.
type Target interface {
	PutLog(ctx context.Context, p *Piece, body io.Reader) (key string, err error)
}

// Options of a log. FS and Dir are required.
type Options struct {
	FS     vfs.FS
	Dir    string           // of the spool files; it is made with the first of them
	Room   func() error     // tells whether the disk has room; nil means that it has
	Now    func() time.Time // the clock; nil is time.Now
	Logger *slog.Logger     // nil means no log
}

// A Log takes lines. It is safe for concurrent use.
type Log struct {
	fs   vfs.FS
	dir  string
	room func() error
	now  func() time.Time
	log  *slog.Logger

	mu      sync.Mutex
	pending map[spoolKey][]byte // lines that are not written yet; guarded by mu
	size    int                 // their bytes; guarded by mu
	closed  bool                // guarded by mu
	limit   int                 // of size

	spool  spool // used with spool.mu held
	wake   chan struct{}
	stop   chan struct{}
	worker sync.WaitGroup

	lines, dropped, bytes atomic.Int64
	full                  atomic.Bool // lines are being dropped; the log has said so
}

// A spoolKey is what the lines of a spool file have in common.
type spoolKey struct {
	hour int64 // number since 1970
	Destination
}

// hourOf returns the number of the hour that t is in.
func hourOf(t time.Time) int64 { return t.Unix() / op.LimitLogInterval }

// Open makes a log. What an earlier process has left is delivered with the rest.
func Open(o Options) *Log {
	l := &Log{
		fs: o.FS, dir: o.Dir, room: o.Room, now: o.Now, log: o.Logger,
		pending: make(map[spoolKey][]byte), limit: maxPending, wake: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	if l.room == nil {
		l.room = func() error { return nil }
	}
	if l.now == nil {
		l.now = time.Now
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	l.spool.begin(l)
	l.worker.Go(l.loop)
	return l
}

// Append adds a line, which ends with a line feed, about a request that has ended now. It never waits for the disk.
func (l *Log) Append(to Destination, line []byte) {
	k := spoolKey{hourOf(l.now()), to}
	l.mu.Lock()
	took := !l.closed && len(line) <= MaxLine && l.size+len(line) <= l.limit
	if took {
		l.pending[k] = append(l.pending[k], line...)
		l.size += len(line)
	}
	much := l.size >= flushBytes
	l.mu.Unlock()
	if !took {
		l.drop(1, errors.New("too many lines are waiting to be written"))
		return
	}
	l.lines.Add(1)
	if much {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// drop counts lines that are lost, and says so when it begins.
func (l *Log) drop(n int64, why error) {
	all := l.dropped.Add(n)
	if !l.full.Swap(true) {
		l.log.Warn("lines of access logs are lost", slog.Int64("lost", all), slog.Any("error", why))
	}
}

// loop writes what has gathered.
func (l *Log) loop() {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-tick.C:
		case <-l.wake:
		}
		l.flush()
	}
}

// Close writes what has gathered. Lines that come later are dropped. It may be called again.
func (l *Log) Close() {
	l.mu.Lock()
	again := l.closed
	l.closed = true
	l.mu.Unlock()
	if again {
		return
	}
	close(l.stop)
	l.worker.Wait()
	l.flush()
}

// Figures are sums since the start.
type Figures struct {
	Lines   int64 // that were taken
	Dropped int64 // that were lost, also of those
	Bytes   int64 // that were written to spool files
}

// Figures returns the sums since the start.
func (l *Log) Figures() Figures {
	return Figures{Lines: l.lines.Load(), Dropped: l.dropped.Load(), Bytes: l.bytes.Load()}
}

// take returns the lines that have gathered and leaves none.
func (l *Log) take() map[spoolKey][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.pending
	l.pending, l.size = make(map[spoolKey][]byte), 0
	return lines
}

// flush writes what has gathered to spool files.
func (l *Log) flush() {
	l.spool.mu.Lock()
	defer l.spool.mu.Unlock()
	lost := false
	for k, lines := range l.take() {
		err := l.room()
		if err == nil {
			err = l.spool.write(k, lines)
		}
		if err != nil {
			lost = true
			l.drop(int64(count(lines)), fmt.Errorf("log of bucket %s: %w", k.Source, err))
		}
	}
	if !lost {
		l.full.Store(false)
	}
	l.spool.forget(hourOf(l.now()))
}
