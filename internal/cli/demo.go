package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	ois "github.com/oisproject/ois/sdk/go"
)

func (a *app) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Walk through the quick start on a server of its own",
		Long: `Start a server in a temporary directory and use it as a program would: through the Go
SDK, over HTTP, with real files. First the six calls of the OIS quick start, then an
upload in parts, a download, a pre-signed link and an anonymous read. Each step is
printed with its HTTP status.

Nothing is left behind. The exit status is 1 as soon as a step is not as it should be.`,
		Example: "  ois demo",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.demo(cmd.Context())
		},
	}
}

// A demo is one run of "ois demo".
type demo struct {
	out     io.Writer
	files   string // directory of the local files
	address string // of the server
	status  *statusRecorder
	client  *ois.Client // with the root key pair
	bucket  *ois.Bucket
	upload  string // id of the upload that is under way
}

// A step is one request, or a few of a kind.
type step struct {
	what string
	want int // the HTTP status of the last answer
	do   func(*demo, context.Context) (detail string, err error)
}

// demo is "ois demo".
func (a *app) demo(ctx context.Context) (err error) {
	temp, err := os.MkdirTemp("", "ois-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	d := &demo{out: a.Stdout, files: filepath.Join(temp, "files")}
	if err := d.makeFiles(); err != nil {
		return err
	}
	began := time.Now()
	log := slog.New(slog.NewTextHandler(a.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	srv, err := start(ctx, runConfig{
		data: filepath.Join(temp, "data"), listen: "127.0.0.1:0", zones: []string{"jn1a"}, domain: "localhost", log: log, disk: a.disk,
		getenv: func(string) string { return "" }, // a key pair of its own
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.Stdout, "A server on %s, ready after %v, with its data in %s\n",
		baseURL("http", srv.address), time.Since(began).Round(time.Millisecond), temp)
	if err == nil {
		err = d.connect(srv, a.wrap)
	}
	if err == nil {
		err = d.run(ctx)
		d.status.CloseIdleConnections()
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(err, srv.stop(limited))
}

// connect makes a client of the server, whose requests go through wrap unless that is nil.
func (d *demo) connect(srv *running, wrap func(http.RoundTripper) http.RoundTripper) (err error) {
	d.address = baseURL("http", srv.address)
	transport := ois.NewTransport()
	d.status = &statusRecorder{RoundTripper: transport, closeIdle: transport.CloseIdleConnections}
	if wrap != nil {
		d.status.RoundTripper = wrap(transport)
	}
	d.client, err = ois.New(ois.Config{
		Endpoint: d.address, AccessKeyID: srv.key.ID, SecretAccessKey: srv.key.Secret, Transport: d.status,
	})
	if err == nil {
		d.bucket = d.client.Bucket("test-bucket", "jn1a")
	}
	return err
}

// run does the steps, up to the first that is not as it should be.
func (d *demo) run(ctx context.Context) error {
	began, done := time.Now(), 0
	for _, part := range parts {
		if _, err := fmt.Fprintf(d.out, "\n%s\n", part.title); err != nil {
			return err
		}
		for _, s := range part.steps {
			if err := d.step(ctx, s); err != nil {
				return err
			}
			done++
		}
	}
	_, err := fmt.Fprintf(d.out, "\nAll %d steps are as they should be, after %v.\n", done, time.Since(began).Round(time.Millisecond))
	return err
}

// step does one step and prints its line.
func (d *demo) step(ctx context.Context, s step) error {
	d.status.last.Store(0)
	detail, err := s.do(d, ctx)
	got := int(d.status.last.Load())
	if err == nil && got != s.want {
		err = fmt.Errorf("status %d, want %d", got, s.want)
	}
	if err != nil {
		err = &stepError{s.what, err}
		detail = "FAILED"
		if errors.Is(err, context.Canceled) {
			detail = "interrupted"
		}
	}
	status := "---" // no answer
	if got > 0 {
		status = strconv.Itoa(got)
	}
	_, unseen := fmt.Fprintf(d.out, "  %s  %-24s %s\n", status, s.what, detail)
	return cmp.Or(err, unseen)
}

// A stepError says which step is not as it should be. What it wraps is hidden, unless the reason is that
// somebody has interrupted the demo: an object that is missing here is no wrong argument of the user's.
type stepError struct {
	what string
	err  error
}

func (e *stepError) Error() string { return e.what + ": " + e.err.Error() }

func (e *stepError) Is(target error) bool {
	return target == context.Canceled && errors.Is(e.err, target)
}

// A statusRecorder remembers the status of the last answer.
type statusRecorder struct {
	http.RoundTripper
	closeIdle func()
	last      atomic.Int64 // 0 for none
}

// RoundTrip implements http.RoundTripper.
func (s *statusRecorder) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := s.RoundTripper.RoundTrip(r)
	if err != nil {
		s.last.Store(0)
		return nil, err
	}
	s.last.Store(int64(resp.StatusCode))
	return resp, nil
}

// CloseIdleConnections lets the server stop without waiting for them.
func (s *statusRecorder) CloseIdleConnections() { s.closeIdle() }
