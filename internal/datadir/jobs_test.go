package datadir

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oisproject/ois/internal/accesslog"
	"github.com/oisproject/ois/internal/metrics"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
)

// TestJobsAreDoneByTheClock, over the days and restarts of a server: virtual time begins at midnight.
func TestJobsAreDoneByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := vfs.NewMem()
		start := func() (*Dir, *store.Bucket) {
			d, err := Open(t.Context(), fsys, "data", &Options{Create: true})
			if err != nil {
				t.Fatal(err)
			}
			if d.Created {
				if _, err := d.Store.PutBucket(t.Context(), store.RootUser, "jn1a", &op.PutBucketInput{Bucket: "bucket1"}); err != nil {
					t.Fatal(err)
				}
			}
			b, err := d.Store.Bucket(t.Context(), "bucket1")
			if err != nil {
				t.Fatal(err)
			}
			d.Jobs.Start()
			return d, b
		}
		stop := func(d *Dir) {
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
		}
		objects := func(b *store.Bucket) int {
			out, err := b.ListObjects(t.Context(), &op.ListObjectsInput{})
			if err != nil {
				t.Fatal(err)
			}
			return len(out.Keys)
		}
		d, b := start()
		if _, err := b.PutObject(t.Context(), &op.PutObjectInput{Key: "tmp/a"}); err != nil {
			t.Fatal(err)
		}
		rule := op.LifecycleRule{ID: "r", Status: "enabled", Filter: op.LifecycleFilter{Prefix: "tmp/"}, Expiration: &op.LifecycleExpiration{Days: 2}}
		if _, err := b.PutBucketLifecycle(t.Context(), &op.PutBucketLifecycleInput{Rule: []op.LifecycleRule{rule}}); err != nil {
			t.Fatal(err)
		}
		to := accesslog.Destination{Source: "bucket1", Owner: store.RootUser, Zone: "jn1a", Target: "bucket1", Prefix: "log-"}
		d.AccessLog.Append(to, []byte("a line\n"))
		time.Sleep(59 * time.Minute)
		if n := objects(b); n != 1 {
			t.Errorf("before an hour is over there are %d objects; want 1", n)
		}
		time.Sleep(7 * time.Minute)
		if n := objects(b); n != 2 {
			t.Errorf("five minutes after the hour there are %d objects; want the log, too", n)
		}
		d.AccessLog.Append(to, []byte("another line\n"))
		stop(d)

		time.Sleep(30 * time.Hour) // while no server runs
		d, b = start()
		time.Sleep(2 * time.Minute)
		if n := objects(b); n != 3 {
			t.Errorf("after a restart there are %d objects; want the log of before", n)
		}
		time.Sleep(35 * time.Hour)
		if n := objects(b); n != 2 {
			t.Errorf("after more than two days there are %d objects; want the logs only", n)
		}
		rules, err := b.GetBucketLifecycle(t.Context(), nil)
		if err != nil || rules.Rule[0].State != "ready" {
			t.Errorf("the rule is %+v, %v; want it ready", rules.Rule, err)
		}
		figures := metrics.New()
		figures.Add(d.Tell)
		w := httptest.NewRecorder()
		figures.Handler(slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
		for _, line := range []string{
			`ois_job_runs_total{job="lifecycle"} 3`, `ois_job_failures_total{job="lifecycle"} 0`, `ois_job_done_total{job="lifecycle",what="expired"} 1`,
			`ois_job_done_total{job="logging",what="lines"} 1`, "ois_access_log_lines_total 0", "ois_access_log_dropped_lines_total 0",
		} {
			if !strings.Contains(w.Body.String(), line+"\n") {
				t.Errorf("there is no line %s in\n%s", line, w.Body)
			}
		}
		stop(d)
	})
}
