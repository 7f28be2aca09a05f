package datadir

import "github.com/oisproject/ois/internal/metrics"

// Tell tells the figures of what the directory holds, and of its disk.
func (d *Dir) Tell(m *metrics.Sink) {
	d.Store.Tell(m)
	d.meta.Tell(m)
	d.blobs.Tell(m)
	d.space.tell(m)
}

// tell tells how much room there is.
func (s *space) tell(m *metrics.Sink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.watches() {
		return
	}
	_ = s.measure() // else what was known goes on to hold
	for _, p := range []struct {
		name string
		*place
	}{{"metadata", &s.meta}, {"blobs", &s.packs}} {
		m.Gauge("ois_disk_free_bytes", "Free room on the disk.", float64(p.free), "of", p.name)
		m.Gauge("ois_disk_reserve_bytes", "Room that stays free: writes are refused while less is left.", float64(p.reserve), "of", p.name)
	}
	m.Flag("ois_disk_full", "Writes are refused because the disk is full.", s.full)
	m.Flag("ois_ballast_held", "There is the ballast, which is given up when the metadata has no room left.", s.ballast.held)
}
