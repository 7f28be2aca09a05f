package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/oisproject/ois/internal/datadir"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
)

// A screen collects output, and tells when a text has appeared in it.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer    // guarded by mu
	want string          // guarded by mu
	seen chan<- struct{} // closed when want appears; guarded by mu
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.text.Write(p)
	s.look()
	return n, err
}

func (s *screen) look() {
	if s.seen != nil && strings.Contains(s.text.String(), s.want) {
		close(s.seen)
		s.seen = nil
	}
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// appears returns a channel that is closed when the text is there.
func (s *screen) appears(text string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := make(chan struct{})
	s.want, s.seen = text, seen
	s.look()
	return seen
}

// newApp returns an app that runs args, and what it prints.
func newApp(args ...string) (a *app, stdout, stderr *screen) {
	stdout, stderr = &screen{}, &screen{}
	env := Env{Args: args, Stdin: strings.NewReader(""), Stdout: stdout, Stderr: stderr, Getenv: func(string) string { return "" }}
	return &app{Env: env, disk: vfs.Disk}, stdout, stderr
}

func TestErrorsHaveTheirStatus(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		err  error
		ctx  context.Context
		want int
	}{
		{errors.New("odd"), t.Context(), 1},
		{usagef("odd"), t.Context(), 2},
		{fmt.Errorf("a: %w", store.ErrUserNotExist), t.Context(), 3},
		{fmt.Errorf("a: %w", store.ErrKeyNotExist), t.Context(), 3},
		{fmt.Errorf("a: %w", datadir.ErrNotExist), t.Context(), 3},
		{&fs.PathError{Err: fs.ErrNotExist}, t.Context(), 3},
		{&fs.PathError{Err: fs.ErrPermission}, t.Context(), 4},
		{&net.OpError{Err: fs.ErrPermission}, t.Context(), 4},
		{&net.OpError{Err: errors.New("refused")}, t.Context(), 5},
		{&fs.PathError{Op: "write", Path: "/dev/full", Err: syscall.ENOSPC}, t.Context(), 1},
		{syscall.EIO, t.Context(), 1},
		{fmt.Errorf("a: %w", context.Canceled), ended, 130},
		{context.Canceled, t.Context(), 1},
		{&stepError{"step", fs.ErrNotExist}, t.Context(), 1},
		{&stepError{"step", context.Canceled}, ended, 130},
	} {
		if got := (&app{parsed: true}).status(c.ctx, c.err); got != c.want {
			t.Errorf("status of %v = %d; want %d", c.err, got, c.want)
		}
	}
	if got := (&app{}).status(t.Context(), errors.New("odd")); got != 2 {
		t.Errorf("status of an error before the work = %d; want 2", got)
	}
}

// A full disk takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) {
	return 0, &fs.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}
}

// A closed pipe has no reader any more.
type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) {
	return 0, &fs.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.EPIPE}
}

func TestOutputThatCannotBeWrittenIsAFailure(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for _, args := range [][]string{{"version"}, {"demo"}, {"completion", "bash"}} {
		a, _, stderr := newApp(args...)
		a.Stdout = fullDisk{}
		if got := a.run(t.Context()); got != exitFailed || !strings.Contains(stderr.String(), "no space left") {
			t.Errorf("ois %q on a full disk = %d, %q; want 1 and the reason", args, got, stderr)
		}
		a, _, stderr = newApp(args...)
		a.Stdout = closedPipe{}
		if got := a.run(t.Context()); got != exitFailed || stderr.String() != "" {
			t.Errorf("ois %q with nobody reading = %d, %q; want 1 and no talk", args, got, stderr)
		}
	}
}

// hold opens a data directory as a server does that has no socket yet.
func hold(t *testing.T) (dir string, d *datadir.Dir) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	d, err := datadir.Open(t.Context(), vfs.Disk, dir, &datadir.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	return dir, d
}

func TestConnectWaitsForAServerThatStartsOrStops(t *testing.T) {
	dir, d := hold(t)
	a, _, stderr := newApp("user", "list", "--data", dir)
	done := make(chan int)
	go func() { done <- a.run(t.Context()) }()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if got := <-done; got != exitOK {
		t.Errorf("ois user list = %d; want 0\n%s", got, stderr)
	}
}

func TestConnectGivesUpAfterAWhile(t *testing.T) {
	dir, d := hold(t)
	synctest.Test(t, func(t *testing.T) {
		a, _, _ := newApp()
		if _, err := a.connect(t.Context(), dir); !errors.Is(err, datadir.ErrInUse) {
			t.Errorf("connect = %v; want ErrInUse", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), connectPatience/2)
		defer cancel()
		a, _, _ := newApp()
		if _, err := a.connect(ctx, dir); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("connect = %v; want context.DeadlineExceeded", err)
		}
	})
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
