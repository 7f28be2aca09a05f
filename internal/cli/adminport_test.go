package cli

import (
	"net/http"
	"strings"
	"testing"
)

func TestAdminPort(t *testing.T) {
	s := serve(t, nil, "--admin-listen", "127.0.0.1:0", "--max-connections", "77")
	s.bucket(t)
	figures := get(t, http.DefaultClient, s.admin+"/metrics")
	if figures.status != http.StatusOK {
		t.Fatalf("GET /metrics = %+v", figures)
	}
	text := figures.text
	for _, line := range []string{
		`ois_requests_total{class="2xx",operation="PutBucket"} 1`, "ois_connections_limit 77", // of the server
		"ois_buckets 1", `ois_objects{storage_class="STANDARD"} 0`, "ois_scrub_damaged_total 0", // of the store
		"ois_meta_failed 0", "ois_meta_block_cache_misses_total 0", "ois_blob_puts_total 0", // of the engines
		"ois_disk_full 0", // of the disk
		`ois_job_runs_total{job="lifecycle"} 0`, `ois_job_runs_total{job="logging"} 0`, "ois_access_log_lines_total 0",
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("there is no line %s", line)
		}
	}
	for _, name := range []string{"ois_meta_log_sync_seconds_count ", `ois_disk_free_bytes{of="blobs"} `, "go_goroutines "} {
		if !strings.Contains(text, "\n"+name) {
			t.Errorf("there is no figure %s", name)
		}
	}
	if p := get(t, http.DefaultClient, s.admin+"/-/health"); p.status != http.StatusOK || p.text != "ok\n" {
		t.Errorf("health is %+v", p)
	}
	if p := get(t, http.DefaultClient, s.admin+"/debug/pprof/goroutine?debug=1"); p.status != http.StatusOK || !strings.Contains(p.text, "goroutine profile") {
		t.Errorf("profile is %+v", p)
	}
	// Profiles and figures are not on the port of the API.
	for _, path := range []string{"/metrics", "/debug/pprof/"} {
		if p := get(t, http.DefaultClient, s.url+path); p.status == http.StatusOK {
			t.Errorf("GET %s on the port of the API = %d", path, p.status)
		}
	}
	s.end(t)
	if strings.Contains(s.stderr.String(), "has no password") {
		t.Errorf("a port that only this machine reaches is warned of:\n%s", s.stderr)
	}
}

func TestAdminPortThatOthersReachIsWarnedOf(t *testing.T) {
	s := serve(t, nil, "--admin-listen", "0.0.0.0:0")
	s.end(t)
	if !strings.Contains(s.stderr.String(), "level=WARN msg=\"--admin-listen has no password") {
		t.Errorf("nothing is said of a port that others reach:\n%s", s.stderr)
	}
}
