package conformance

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"testing"

	"github.com/oisproject/ois/oistest"
)

// A process stands in for the test that a server lives in: this server is shared by all tests, as
// a service in the world would be, so that it lives as long as the process.
type process struct {
	testing.TB
	cleanups []func()
	failed   bool
}

// startService starts a server in this process and returns how to stop it. The server has names and
// zones, so that nothing needs to be skipped.
func startService() (_ *service, stop func() bool, err error) {
	p := &process{}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("start a server: %v", r)
		}
	}()
	srv := oistest.NewWith(p, &oistest.Options{Zones: []string{"jn1a", "jn1b"}, Domain: "ois.test"})
	other := srv.NewUser("other")
	u, err := url.Parse(srv.Endpoint)
	if err != nil {
		return nil, nil, err
	}
	return &service{
		scheme: u.Scheme, addr: u.Host, host: u.Host, zones: []string{"jn1a", "jn1b"}, domain: "ois.test", origin: "127.0.0.1",
		owner: newAccount(srv.AccessKeyID, srv.SecretAccessKey), other: newAccount(other.AccessKeyID, other.SecretAccessKey),
	}, p.stop, nil
}

// stop ends what began, the last first, and reports whether that went well.
func (p *process) stop() bool {
	for _, end := range slices.Backward(p.cleanups) {
		end()
	}
	return !p.failed
}

func (p *process) Helper()                  {}
func (p *process) Cleanup(end func())       { p.cleanups = append(p.cleanups, end) }
func (p *process) Context() context.Context { return context.Background() }
func (p *process) Output() io.Writer        { return os.Stderr }

func (p *process) Errorf(format string, args ...any) {
	p.failed = true
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

func (p *process) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
