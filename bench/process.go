package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/oisproject/ois/sdk/go/signature"
)

const (
	keyID  = "OISBENCHEXAMPLEKEY01"
	secret = "oisBenchExampleSecretKey0000000000000001"
	bucket = "bench-bucket"
)

// A server is a process under load, and what was put into it.
type server struct {
	name    string
	cmd     *exec.Cmd
	addr    string
	data    string // its directory; empty if it keeps nothing
	dialect dialect
	noise   []byte
	log     *os.File
	start   time.Duration    // until it answered a signed request
	peak    atomic.Int64     // RssAnon at its highest, bytes
	done    map[string]int64 // calls of a row so far: each row has its own run of numbers
	unwatch func()
}

func (s *server) pid() int { return s.cmd.Process.Pid }

func oisArgs(dir, addr string) []string { return []string{"serve", "--data", dir, "--listen", addr} }

func minioArgs(dir, addr string) []string {
	return []string{"server", "--quiet", "--address", addr, "--console-address", "127.0.0.1:0", dir}
}

var minioEnv = []string{"MINIO_BROWSER=off", "MINIO_UPDATE=off"}

// startOIS starts ois on a data directory, which may be there already.
func (b *bench) startOIS(ctx context.Context, data string) (*server, error) {
	return b.startOISWith(ctx, data)
}

func (b *bench) startOISWith(ctx context.Context, data string, flags ...string) (*server, error) {
	addr, err := freeAddr(ctx)
	if err != nil {
		return nil, err
	}
	s := &server{name: "ois", addr: addr, data: data, dialect: qingstor{signature.NewKey(keyID, secret)}, noise: b.noise}
	s.cmd = exec.CommandContext(ctx, b.ois, append(oisArgs(data, addr), flags...)...)
	s.cmd.Env = append(os.Environ(), "OIS_ROOT_ACCESS_KEY_ID="+keyID, "OIS_ROOT_SECRET_ACCESS_KEY="+secret)
	return s, s.begin(ctx, b.dir)
}

// startMinIO returns nil if there is no MinIO.
func (b *bench) startMinIO(ctx context.Context, data string) (*server, error) {
	if b.minio == "" {
		return nil, nil
	}
	addr, err := freeAddr(ctx)
	if err != nil {
		return nil, err
	}
	s := &server{name: "MinIO", addr: addr, data: data, dialect: s3{&v4Key{id: keyID, secret: secret}, addr}, noise: b.noise}
	s.cmd = exec.CommandContext(ctx, b.minio, minioArgs(data, addr)...)
	s.cmd.Env = append(append(os.Environ(), minioEnv...), "MINIO_ROOT_USER="+keyID, "MINIO_ROOT_PASSWORD="+secret)
	return s, s.begin(ctx, b.dir)
}

// startBare starts this program again, as a server that keeps nothing.
func (b *bench) startBare(ctx context.Context) (*server, error) {
	addr, err := freeAddr(ctx)
	if err != nil {
		return nil, err
	}
	s := &server{name: "bare net/http", addr: addr, dialect: plain{}, noise: b.noise}
	if s.cmd, err = roleCommand(ctx, "serve", addr); err != nil {
		return nil, err
	}
	return s, s.begin(ctx, b.dir)
}

// begin starts the process and waits until it answers a signed request. The context ends it.
func (s *server) begin(ctx context.Context, dir string) (err error) {
	s.done = map[string]int64{}
	if s.log, err = os.CreateTemp(dir, "log-"); err != nil {
		return err
	}
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	s.watch()
	for time.Since(began) < time.Minute && err == nil {
		if s.service(ctx) == nil {
			s.start = time.Since(began)
			return nil
		}
		err = sleep(ctx, 300*time.Microsecond)
	}
	s.kill()
	return errors.Join(err, fmt.Errorf("%s does not answer; its log ends:\n%s", s.name, s.logTail()))
}

// service lists the buckets: the least that shows that a server is there.
func (s *server) service(ctx context.Context) error {
	c, err := dial(ctx, s)
	if err != nil {
		return err
	}
	defer c.close()
	_, err = c.do(&request{method: http.MethodGet, path: "/", want: -1})
	return err
}

// watch follows the private memory until stop or kill.
func (s *server) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for sleep(ctx, 50*time.Millisecond) == nil {
			if k, err := procNumber(s.pid(), "status", "RssAnon"); err == nil {
				s.peak.Store(max(s.peak.Load(), int64(k)*kib))
			}
		}
	}()
	s.unwatch = func() { cancel(); <-ended }
}

// stop ends the server in good order. A nil server is one that is not installed.
func (s *server) stop() error {
	if s == nil {
		return nil
	}
	s.unwatch()
	defer s.log.Close()
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		return fmt.Errorf("stop %s: %w; its log ends:\n%s", s.name, err, s.logTail())
	}
	err := s.cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Exited() || err == nil {
		return nil // it ended by itself, whatever it says to an interrupt
	}
	if s.data == "" {
		return nil // nothing handles the signal there
	}
	return fmt.Errorf("stop %s: %w", s.name, err)
}

// kill ends the server as kill -9 does.
func (s *server) kill() {
	s.unwatch()
	_ = s.cmd.Process.Kill() // it may have ended
	_ = s.cmd.Wait()         // it was killed, and says so
	_ = s.log.Close()
}

func (s *server) logTail() string {
	b, err := os.ReadFile(s.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-2000):])
}

// created makes the bucket.
func (s *server) created(ctx context.Context) error {
	c, err := dial(ctx, s)
	if err != nil {
		return err
	}
	defer c.close()
	_, err = c.do(&request{method: http.MethodPut, path: "/" + bucket, want: -1})
	return err
}

func (b *bench) subdir(name string) string { return filepath.Join(b.dir, name) }

func freeAddr(ctx context.Context) (string, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
