package datadir

import (
	"github.com/oisproject/ois/internal/accesslog"
	"github.com/oisproject/ois/internal/job"
	"github.com/oisproject/ois/internal/metrics"
)

// Tell tells the figures of what the directory holds, and of its disk.
func (d *Dir) Tell(m *metrics.Sink) {
	d.Store.Tell(m)
	d.meta.Tell(m)
	d.blobs.Tell(m)
	d.space.tell(m)
	for _, f := range d.Jobs.Figures() {
		tellJob(m, &f)
	}
	tellAccessLog(m, d.AccessLog.Figures())
}

func tellJob(m *metrics.Sink, f *job.Figures) {
	m.Counter("ois_job_runs_total", "Runs of a job that have ended, but for dry ones.", float64(f.Runs), "job", f.Job)
	m.Counter("ois_job_failures_total", "Those of them that have failed.", float64(f.Failures), "job", f.Job)
	m.Counter("ois_job_busy_seconds_total", "How long they took.", f.Busy.Seconds(), "job", f.Job)
	for _, c := range f.Counts {
		m.Counter("ois_job_done_total", "What they have done.", float64(c.N), "job", f.Job, "what", c.Name)
	}
}

func tellAccessLog(m *metrics.Sink, f accesslog.Figures) {
	m.Counter("ois_access_log_lines_total", "Lines of access logs that were taken.", float64(f.Lines))
	m.Counter("ois_access_log_dropped_lines_total", "Lines of access logs that were lost.", float64(f.Dropped))
	m.Counter("ois_access_log_bytes_total", "Bytes of access logs that were written to files, until they are delivered.", float64(f.Bytes))
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
