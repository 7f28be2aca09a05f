package packblob

import (
	"sync/atomic"

	"github.com/oisproject/ois/internal/metrics"
)

// figures are what the engine counts.
type figures struct {
	puts, bytes, failed atomic.Int64
	syncs               metrics.Histogram
}

func (f *figures) put(n int64, err error) {
	if err != nil {
		f.failed.Add(1)
		return
	}
	f.puts.Add(1)
	f.bytes.Add(n)
}

// Tell tells the figures of the engine.
func (e *Engine) Tell(m *metrics.Sink) {
	f := &e.figures
	m.Counter("ois_blob_puts_total", "Blobs that were stored.", float64(f.puts.Load()))
	m.Counter("ois_blob_put_bytes_total", "Bytes of blobs that were stored.", float64(f.bytes.Load()))
	m.Counter("ois_blob_put_errors_total", "Blobs that could not be stored, also since a client has broken off.", float64(f.failed.Load()))
	m.Histogram("ois_blob_sync_seconds", "Time of syncs of packs, for which writers wait.", &f.syncs)
	e.files.mu.Lock()
	open := len(e.files.packs)
	e.files.mu.Unlock()
	m.Gauge("ois_packs_open", "Files of packs that are open.", float64(open))
}
