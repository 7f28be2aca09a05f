package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/oisproject/ois/oistest"
)

// TestStandardInputDoesNotHoldCommands interrupts commands that wait for somebody to type.
func TestStandardInputDoesNotHoldCommands(t *testing.T) {
	srv := oistest.New(t)
	b := newBucket(t, srv, "a")
	for _, test := range []struct {
		args   string
		person bool
	}{
		{"put - ois://my-bucket/new", false},
		{"cp - ois://my-bucket/new", false},
		{"run", false},
		{"bucket put acl ois://my-bucket", false},
		{"rm -r ois://my-bucket", true},
		{"rb --force ois://my-bucket", true},
	} {
		a, _, stderr := clientApp(t, srv, strings.Fields(test.args)...)
		typed, typing := io.Pipe() // nobody types
		read := make(chan struct{})
		a.Stdin, a.Terminal = &noticed{Reader: typed, read: read}, test.person
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-read
			cancel()
		}()
		if status := a.run(ctx); status != exitInterrupted || count(t, b) != 1 {
			t.Errorf("%s: status %d, %d objects; want %d, 1\n%s", test.args, status, count(t, b), exitInterrupted, stderr)
		}
		typing.Close()
	}
}

// noticed closes a channel when somebody reads.
type noticed struct {
	io.Reader
	read chan struct{}
}

func (n *noticed) Read(p []byte) (int, error) {
	if n.read != nil {
		close(n.read)
		n.read = nil
	}
	return n.Reader.Read(p)
}

func TestStandardInputIsAllThere(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789"), 3*pumpSize/10+1)
	got, err := io.ReadAll(interruptible(t.Context(), struct{ io.Reader }{bytes.NewReader(want)}))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, %v; want %d", len(got), err, len(want))
	}
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, want, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if interruptible(t.Context(), f) != io.Reader(f) {
		t.Error("a file is hidden, so that its parts cannot be read at once")
	}
}

// TestNoTerminal wants nobody to be asked who is not there.
func TestNoTerminal(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, ok := columns(f); ok {
		t.Errorf("%s is a terminal of %d columns", os.DevNull, n)
	}
}

// A leftPipe is an output that nobody reads any more after some writes.
type leftPipe struct{ left int }

func (c *leftPipe) Write(p []byte) (int, error) {
	if c.left--; c.left < 0 {
		return 0, &os.PathError{Op: "write", Path: "stdout", Err: syscall.EPIPE}
	}
	return len(p), nil
}

// TestRunEndsWhenNobodyReads is "ois run | head -1".
func TestRunEndsWhenNobodyReads(t *testing.T) {
	srv := oistest.New(t)
	newBucket(t, srv, "a")
	a, _, stderr := clientApp(t, srv, "run")
	const many = 100
	a.Stdin = strings.NewReader(strings.Repeat("ls ois://my-bucket\n", many))
	out := &leftPipe{left: 1}
	a.Stdout = out
	if status := a.run(t.Context()); status != exitFailed || stderr.String() != "" || out.left < -3 {
		t.Errorf("status %d, %d writes, says %q; want %d, few and nothing", status, 1-out.left, stderr, exitFailed)
	}
}
