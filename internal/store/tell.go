package store

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oisproject/ois/internal/meta"
	"github.com/oisproject/ois/internal/metrics"
)

// figures are what the store counts.
type figures struct {
	sweeps, sweepErrors, buried atomic.Int64

	mu    sync.Mutex
	usage usage // guarded by mu
}

// A usage is how much the store holds. To find that out it takes a walk over some rows of each bucket.
type usage struct {
	at      time.Time
	buckets int64
	objects [classes]int64
	bytes   [classes]int64
	garbage int64 // rows
	scrub   scrubRow
}

const (
	usageFor   = 30 * time.Second // how long a usage is good
	maxGarbage = 100_000          // rows that are counted at most
)

// Tell tells the figures of the store.
func (s *Store) Tell(m *metrics.Sink) {
	u, err := s.used()
	if err == nil {
		m.Gauge("ois_buckets", "Buckets.", float64(u.buckets))
		for class := range classes {
			m.Gauge("ois_objects", "Objects, by storage class.", float64(u.objects[class]), "storage_class", class.String())
			m.Gauge("ois_object_bytes", "Bytes of objects, by storage class.", float64(u.bytes[class]), "storage_class", class.String())
		}
		m.Gauge("ois_garbage_rows", "Objects and uploads that are gone and whose room is still to be given back; counted up to 100000.", float64(u.garbage))
		m.Time("ois_scrub_begun_timestamp_seconds", "Begin of the last pass of the scrub.", u.scrub.begun)
		m.Time("ois_scrub_ended_timestamp_seconds", "End of the last pass of the scrub that came to its end.", u.scrub.ended)
		m.Flag("ois_scrub_under_way", "A pass of the scrub is under way.", len(u.scrub.next) > 0)
	}
	f := &s.figures
	m.Counter("ois_sweeps_total", "Rounds of the sweeper, which gives room back.", float64(f.sweeps.Load()))
	m.Counter("ois_sweep_errors_total", "Rounds of the sweeper in which something failed.", float64(f.sweepErrors.Load()))
	m.Counter("ois_swept_total", "Objects and uploads whose room was given back.", float64(f.buried.Load()))
	scrub := s.Scrub()
	m.Counter("ois_scrub_passes_total", "Passes of the scrub that came to their end.", float64(scrub.Passes))
	m.Counter("ois_scrub_bytes_total", "Bytes that the scrub has read.", float64(scrub.Bytes))
	m.Counter("ois_scrub_damaged_total", "Objects, uploads, parts and ranges of rows that the scrub has found damaged.", float64(scrub.Damaged))
}

// used returns how much the store holds, as it was a moment ago.
func (s *Store) used() (usage, error) {
	f := &s.figures
	f.mu.Lock()
	defer f.mu.Unlock()
	now := s.clock()
	if age := now.Sub(f.usage.at); !f.usage.at.IsZero() && age >= 0 && age < usageFor {
		return f.usage, nil
	}
	u := usage{at: now}
	err := s.view(context.Background(), u.read)
	if err == nil {
		f.usage = u
	}
	return u, err
}

func (u *usage) read(snap meta.Snapshot) error {
	err := walk(snap, []byte{kindCounter}, func(r meta.Row) error {
		n, err := meta.Counter(r)
		if len(r.Key) != 11 || storageClass(r.Key[9]) >= classes {
			return nil // fsck reports it
		}
		if r.Key[10] == countObjects {
			u.objects[r.Key[9]] += n
		} else {
			u.bytes[r.Key[9]] += n
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := walk(snap, []byte{kindLive}, func(meta.Row) error { u.buckets++; return nil }); err != nil {
		return err
	}
	err = snap.Walk([]byte{kindGarbage}, []byte{kindGarbage + 1}, func(meta.Row) ([]byte, bool) {
		u.garbage++
		return nil, u.garbage == maxGarbage
	})
	if err != nil {
		return err
	}
	row, ok, err := snap.Get(scrubKey())
	if ok && err == nil {
		u.scrub, _ = decodeScrub(row.Val) // it is only a position
	}
	return err
}
