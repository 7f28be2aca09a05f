package pebblemeta

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Pebble meets errors of its background work by trying again at once, for ever. So a disk that stays
// broken has to be recognized here, and a loop to be slowed down.
const (
	maxFlushErrors  = 8           // in a row, then the engine fails
	backgroundPause = time.Second // between errors, where nobody is kept waiting
)

// background watches Pebble's work in the background.
type background struct {
	e *Engine

	mu         sync.Mutex
	flush      error     // of the last flush; guarded by mu
	flushes    int       // that failed in a row; guarded by mu
	compaction error     // of the last compaction; guarded by mu
	logged     time.Time // when an error was logged; guarded by mu
}

func (e *Engine) events() *pebble.EventListener {
	b := &background{e: e}
	return &pebble.EventListener{
		FlushEnd:        b.flushed,
		CompactionEnd:   b.compacted,
		BackgroundError: b.failed,
		DataCorruption: func(i pebble.DataCorruptionInfo) {
			// Whoever reads the damaged block gets an error; the rest of the store goes on.
			e.log.Error("metadata: corruption", slog.String("file", i.Path), slog.Any("err", i.Details))
		},
		WriteStallBegin: func(i pebble.WriteStallBeginInfo) {
			e.log.Warn("metadata: writes stall", slog.String("reason", i.Reason))
		},
		WriteStallEnd: func() { e.log.Warn("metadata: writes go on") },
	}
}

// flushed notes the end of a flush. An error here need not be one: a flush that had nothing to write has one, too.
func (b *background) flushed(i pebble.FlushInfo) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.flush = i.Err; i.Err == nil {
		b.flushes = 0
	}
}

func (b *background) compacted(i pebble.CompactionInfo) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.compaction = i.Err
}

// failed is called by the goroutine whose work has failed.
func (b *background) failed(err error) {
	b.log(err)
	flushes, waits := b.judge(err)
	if flushes >= maxFlushErrors {
		b.e.failure.set(fmt.Errorf("%d attempts to write a table: %w", flushes, err))
	}
	if waits && b.e.failure.err() == nil {
		b.pause()
	}
	if b.e.failure.err() != nil {
		runtime.Goexit() // else it would try again for ever; its deferred calls release its locks
	}
}

// judge returns how many flushes have failed in a row if err is that of a flush, and whether
// the goroutine may wait: those that flush and compact hold the lock of the database.
func (b *background) judge(err error) (flushes int, waits bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.flush != nil && errors.Is(err, b.flush):
		b.flushes++
		return b.flushes, false
	case b.compaction != nil && errors.Is(err, b.compaction):
		return 0, false
	}
	return 0, true
}

// log logs an error, unless another was logged a moment ago.
func (b *background) log(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.logged) < backgroundPause {
		return
	}
	b.logged = time.Now()
	b.e.log.Error("metadata: background work", slog.Any("err", err))
}

// pause waits a while, until Close or until the engine fails.
func (b *background) pause() {
	t := time.NewTimer(backgroundPause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-b.e.closing:
	case <-b.e.failure.done:
	}
}
