package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	ois "github.com/oisproject/ois/sdk/go"
)

// TestMain makes this test binary the command ois for the processes that tests start.
func TestMain(m *testing.M) {
	// With the race detector every process would stay for another second.
	if err := os.Setenv(raceVar, noSleep); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){"ois": main})
}

const (
	raceVar = "GORACE"
	noSleep = "atexit_sleep_ms=0"
)

// A process is "ois serve", running.
type process struct {
	cmd *exec.Cmd
	url string

	log   log
	ended chan struct{}
}

// serve starts "ois serve" with a port of its own and returns when it is ready.
func serve(ctx context.Context, dir string, env []string, args ...string) (*process, error) {
	args = append([]string{"serve", "--listen", "127.0.0.1:0", "--log-format", "json"}, args...)
	p := &process{cmd: exec.CommandContext(ctx, "ois", args...), ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = dir, env
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan string, 1)
	go func() {
		defer close(p.ended)
		p.log.follow(stderr, ready)
		_ = p.cmd.Wait() // the state is asked for later
		close(ready)
	}()
	if p.url = <-ready; p.url == "" {
		return nil, fmt.Errorf("ois serve was never ready: %v\n%s", p.cmd.ProcessState, p.log.text())
	}
	return p, nil
}

// stop sends a signal and returns the exit status.
func (p *process) stop(sig os.Signal) (int, error) {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return 0, err
	}
	<-p.ended
	return p.cmd.ProcessState.ExitCode(), nil
}

// kill ends the process without any warning.
func (p *process) kill() {
	_, _ = p.stop(syscall.SIGKILL) // it may have ended
}

// A log is what a server has logged.
type log struct {
	mu   sync.Mutex
	data bytes.Buffer // guarded by mu
}

func (l *log) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.data.String()
}

// follow collects what is logged, and sends the address of the server when it is ready.
func (l *log) follow(r io.Reader, ready chan<- string) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		l.mu.Lock()
		l.data.Write(append(lines.Bytes(), '\n'))
		l.mu.Unlock()
		var line struct{ Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "ois is ready" {
			ready <- line.Address
		}
	}
}

// run runs ois to its end and returns what it printed.
func run(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "ois", args...).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("ois %q: %w\n%s", args, err, out)
	}
	return string(out), nil
}

// fetch returns the bytes of an object.
func fetch(ctx context.Context, b *ois.Bucket, key string) ([]byte, error) {
	r, err := b.Get(ctx, key, nil)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}
