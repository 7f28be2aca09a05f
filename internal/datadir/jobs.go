package datadir

import (
	"context"
	"log/slog"
	"time"

	"github.com/oisproject/ois/internal/job"
)

// The hours of the jobs, UTC.
const (
	lifecycleHour = 18 * time.Hour  // night where most data is
	loggingDelay  = 5 * time.Minute // after each hour, when the requests of that hour have ended
)

// jobs returns the jobs of the directory.
func (d *Dir) jobs(now func() time.Time, log *slog.Logger) *job.Runner {
	return job.New(job.Options{Memory: d.Store, Now: now, Logger: log},
		job.Job{
			Name: "lifecycle", About: "delete, move and abort what the lifecycle rules of buckets say",
			Every: 24 * time.Hour, Offset: lifecycleHour, Do: d.Store.RunLifecycle,
		},
		job.Job{
			Name: "logging", About: "deliver the access logs of buckets, hour by hour",
			Every: time.Hour, Offset: loggingDelay,
			Do: func(ctx context.Context, t job.Task, r *job.Result) error {
				return d.AccessLog.Deliver(ctx, d.Store, t, r)
			},
		})
}
