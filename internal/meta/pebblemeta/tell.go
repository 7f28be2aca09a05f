package pebblemeta

import (
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/oisproject/ois/internal/metrics"
)

// figures are what the engine counts itself; Pebble counts the rest.
type figures struct {
	changes atomic.Int64 // that were decided about, also against
	groups  atomic.Int64 // of them, committed
}

// Tell tells the figures of the engine. After Close there are none.
func (e *Engine) Tell(m *metrics.Sink) {
	m.Counter("ois_meta_changes_total", "Changes of metadata that were decided about.", float64(e.figures.changes.Load()))
	m.Counter("ois_meta_commits_total", "Groups of changes that were committed, with one sync each.", float64(e.figures.groups.Load()))
	m.Histogram("ois_meta_log_sync_seconds", "Time of syncs of the log, for which writers wait.", &e.disk.syncs)
	m.Flag("ois_meta_failed", "The metadata can promise nothing any more.", e.failure.err() != nil)
	if e.enter() != nil {
		return
	}
	defer e.active.Done()
	var p *pebble.Metrics
	if e.failure.guard(func() error { p = e.db.Metrics(); return nil }) != nil {
		return
	}
	m.Gauge("ois_meta_disk_bytes", "Bytes of all files of the metadata.", float64(p.DiskSpaceUsage()))
	m.Gauge("ois_meta_memtable_bytes", "Bytes of changes that are in no table yet.", float64(p.MemTable.Size))
	m.Gauge("ois_meta_read_amplification", "Tables that a row may have to be looked for in.", float64(p.ReadAmp()))
	m.Counter("ois_meta_log_bytes_total", "Bytes written to the log.", float64(p.WAL.BytesWritten))
	m.Counter("ois_meta_flushes_total", "Tables that were written from memory.", float64(p.Flush.Count))
	m.Counter("ois_meta_compactions_total", "Compactions.", float64(p.Compact.Count))
	m.Counter("ois_meta_compaction_seconds_total", "Time that compactions took.", p.Compact.Duration.Seconds())
	m.Gauge("ois_meta_compactions_in_progress", "Compactions under way.", float64(p.Compact.NumInProgress))
	m.Gauge("ois_meta_compaction_debt_bytes", "Bytes that are to be compacted, as far as can be said.", float64(p.Compact.EstimatedDebt))
	m.Gauge("ois_meta_block_cache_bytes", "Bytes of blocks that are kept in memory.", float64(p.BlockCache.Size))
	m.Counter("ois_meta_block_cache_hits_total", "Blocks that were found in memory.", float64(p.BlockCache.Hits))
	m.Counter("ois_meta_block_cache_misses_total", "Blocks that were read from the disk.", float64(p.BlockCache.Misses))
	m.Gauge("ois_meta_value_file_bytes", "Bytes of the files with values of 1 KiB and more.", float64(p.BlobFiles.LiveSize))
	m.Gauge("ois_meta_value_file_used_bytes", "Bytes of values in them that are still needed.", float64(p.BlobFiles.ReferencedValueSize))
}
