package cli

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
)

// A tripper answers requests by a function of their number, from 1, and of the real answer.
type tripper struct {
	http.RoundTripper
	n     atomic.Int64
	alter func(n int64, r *http.Request, resp *http.Response)
}

func (t *tripper) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(r)
	if err == nil {
		t.alter(t.n.Add(1), r, resp)
	}
	return resp, err
}

// runDemo runs the demo with altered answers and returns its status and output. It
// must leave nothing behind.
func runDemo(ctx context.Context, t *testing.T, alter func(int64, *http.Request, *http.Response)) (status int, out, talk string) {
	t.Helper()
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	a, stdout, stderr := newApp("demo")
	a.wrap = func(rt http.RoundTripper) http.RoundTripper { return &tripper{RoundTripper: rt, alter: alter} }
	status = a.run(ctx)
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("the demo leaves %v, %v; want nothing", left, err)
	}
	return status, stdout.String(), stderr.String()
}

func TestDemoDoesTheQuickStart(t *testing.T) {
	status, out, talk := runDemo(t.Context(), t, func(int64, *http.Request, *http.Response) {})
	if status != 0 || talk != "" {
		t.Errorf("ois demo = %d, %q; want 0 and no talk", status, talk)
	}
	at := 0
	for _, want := range []string{
		"200  list buckets", "201  create bucket            test-bucket in zone jn1a", "200  list objects", "201  put object",
		"204  delete object", "200  set bucket ACL",
	} {
		i := strings.Index(out[at:], "  "+want)
		if i < 0 {
			t.Fatalf("%q is missing, or in the wrong place, in\n%s", want, out)
		}
		at += i
	}
}

// TestDemoStopsAtABrokenStep spoils the answer to each request in turn.
func TestDemoStopsAtABrokenStep(t *testing.T) {
	const firstSteps = 6
	for n := int64(1); ; n++ {
		spoiled := false
		status, out, talk := runDemo(t.Context(), t, func(got int64, _ *http.Request, resp *http.Response) {
			if got == n {
				spoiled = true
				resp.StatusCode = http.StatusTeapot
			}
		})
		if !spoiled {
			if n < firstSteps || status != 0 {
				t.Errorf("no request %d, status %d; want more requests", n, status)
			}
			return
		}
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if last := lines[len(lines)-1]; status != 1 || !strings.HasPrefix(last, "  418  ") || !strings.HasSuffix(last, "FAILED") {
			t.Errorf("answer %d is spoiled: ois demo = %d, the last line is %q; want 1 and a step that failed", n, status, last)
		}
		if !strings.HasPrefix(talk, "ois demo: ") || strings.Count(out, "FAILED") != 1 {
			t.Errorf("answer %d is spoiled: ois demo says %q; want the step that failed", n, talk)
		}
	}
}

func TestDemoWantsTheExactStatus(t *testing.T) {
	status, out, talk := runDemo(t.Context(), t, func(n int64, _ *http.Request, resp *http.Response) {
		if n == 2 { // create bucket
			resp.StatusCode = http.StatusOK
		}
	})
	if status != 1 || !strings.Contains(out, "200  create bucket            FAILED") {
		t.Errorf("ois demo = %d, %q\n%s; want 1 at the second step", status, talk, out)
	}
}

func TestDemoComparesEveryByte(t *testing.T) {
	status, _, talk := runDemo(t.Context(), t, func(_ int64, r *http.Request, resp *http.Response) {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, largeFile) {
			return
		}
		data, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		resp.Body.Close()
		data[len(data)-1] ^= 1
		resp.Body = io.NopCloser(bytes.NewReader(data))
	})
	if status != 1 || !strings.HasPrefix(talk, "ois demo: get object: ") {
		t.Errorf("ois demo = %d, %q; want 1 for the download", status, talk)
	}
}

func TestDemoCanBeInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	status, out, talk := runDemo(ctx, t, func(n int64, _ *http.Request, _ *http.Response) {
		if n == 4 {
			cancel()
		}
	})
	if status != 130 || talk != "ois demo: interrupted\n" {
		t.Errorf("ois demo = %d, %q; want 130, interrupted", status, talk)
	}
	if !strings.HasSuffix(out, " interrupted\n") || strings.Contains(out, "FAILED") {
		t.Errorf("ois demo prints\n%s; want a last step that was interrupted", out)
	}
}
