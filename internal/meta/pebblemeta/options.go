package pebblemeta

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
)

// pebbleFormat is the version of Pebble's own files. A newer one needs a decision, since older
// programs cannot read it: never pebble.FormatNewest.
const pebbleFormat = pebble.FormatValueSeparation

// separateFrom is the size of a value, in bytes, from which on it lies in a file beside the tables. Tables stay small then, so that a
// compaction does not write small objects again and again, and looking for a row does not pass by them.
const separateFrom = 1 << 10

func (e *Engine) pebbleOptions(o Options, d *disk) *pebble.Options {
	p := &pebble.Options{
		FS:                          d,
		Lock:                        e.lock,
		FormatMajorVersion:          pebbleFormat,
		CacheSize:                   cmp.Or(o.CacheBytes, 64<<20),
		MemTableSize:                uint64(cmp.Or(o.MemTableBytes, 16<<20)),
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       2,
		L0StopWritesThreshold:       1000, // rather reads that take longer than writes that stop
		LBaseMaxBytes:               64 << 20,
		WALBytesPerSync:             512 << 10,
		CompactionConcurrencyRange:  func() (lower, upper int) { return 1, min(4, runtime.GOMAXPROCS(0)) },
		Logger:                      pebbleLogger{e},
		EventListener:               e.events(),
	}
	p.Experimental.ValueSeparationPolicy = func() pebble.ValueSeparationPolicy {
		return pebble.ValueSeparationPolicy{
			Enabled: true, MinimumSize: separateFrom, MaxBlobReferenceDepth: 10,
			RewriteMinimumAge: time.Minute, TargetGarbageRatio: 0.25,
		}
	}
	for i := range p.Levels {
		p.Levels[i].BlockSize = 4 << 10 // what a row that is not in the cache costs
		p.Levels[i].IndexBlockSize = 64 << 10
		p.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return p
}

// A pebbleLogger passes on what Pebble says.
type pebbleLogger struct{ e *Engine }

// Infof implements pebble.Logger.
func (l pebbleLogger) Infof(format string, args ...any) {
	if l.e.log.Enabled(context.Background(), slog.LevelDebug) {
		l.e.log.Debug("pebble: " + fmt.Sprintf(format, args...))
	}
}

// Errorf implements pebble.Logger.
func (l pebbleLogger) Errorf(format string, args ...any) {
	l.e.log.Error("pebble: " + fmt.Sprintf(format, args...))
}

// Fatalf implements pebble.Logger. It returns, unlike Pebble's own: what called it then fails or
// stops, and the engine refuses all further calls.
func (l pebbleLogger) Fatalf(format string, args ...any) {
	l.e.failure.set(fmt.Errorf(format, args...))
}
