package interop

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The names and keys that all clients use.
const (
	domain = "ois.test"
	zone   = "jn1a"
	keyID  = "OISINTEROPEXAMPLE001"
	secret = "oisInteropExampleSecretKey00000000000001"
)

// hostBuckets are the buckets of clients that look names up.
var hostBuckets = []string{
	"interop-python", "interop-python-scenarios", "interop-rclone", "interop-js", "interop-java",
}

// port is where the server of this run listens, on all of its names.
var port string

// oisBin is the server, built from this tree.
var oisBin string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

// run starts one server for all tests and stops it in the end; a server that does not stop cleanly
// fails the run.
func run(m *testing.M) int {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "ois-interop-")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // it is in the place for such
	oisBin = filepath.Join(dir, "ois")
	build := exec.CommandContext(ctx, "go", "build", "-o", oisBin, "./cmd/ois")
	build.Dir, build.Env = "..", append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fail(fmt.Errorf("build ois: %w", err))
	}
	if port, err = freePort(ctx); err != nil {
		return fail(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return fail(err)
	}
	defer log.Close()
	server, err := serve(ctx, filepath.Join(dir, "data"), domain, port, log)
	if err != nil {
		return fail(err)
	}
	status := m.Run()
	if err := stop(server); err != nil {
		status = fail(fmt.Errorf("stop ois: %w", err))
	}
	if status != 0 {
		printTail(log.Name())
	}
	return status
}

// serve starts a server and waits until it is ready.
func serve(ctx context.Context, dir, domain, port string, log io.Writer) (*exec.Cmd, error) {
	server := exec.CommandContext(ctx, oisBin, "serve", "--data", dir, "--listen", "127.0.0.1:"+port, "--domain", domain, "--zone", zone,
		"--allow-private-egress") // for watermarks that are objects of the same server
	server.Env = append(os.Environ(), "OIS_ROOT_ACCESS_KEY_ID="+keyID, "OIS_ROOT_SECRET_ACCESS_KEY="+secret)
	server.Stderr, server.Stdout = log, log
	if err := server.Start(); err != nil {
		return nil, err
	}
	if err := waitReady(ctx, port); err != nil {
		_ = server.Process.Kill()
		return nil, err
	}
	return server, nil
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "interop:", err)
	return 1
}

func freePort(ctx context.Context) (string, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return "", err
	}
	return port, l.Close()
}

func waitReady(ctx context.Context, port string) error {
	health, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+port+"/-/health", http.NoBody)
	if err != nil {
		return err
	}
	var last error
	for range 200 {
		resp, err := http.DefaultClient.Do(health)
		if err == nil {
			_ = resp.Body.Close() // nothing was written
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("health: %s", resp.Status)
		}
		last = err
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("ois did not become ready: %w", last)
}

func stop(server *exec.Cmd) error {
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- server.Wait() }()
	select {
	case err := <-done:
		return err
	case <-time.After(20 * time.Second):
		_ = server.Process.Kill()
		return fmt.Errorf("still running 20 s after SIGTERM: %w", <-done)
	}
}

func printTail(name string) {
	f, err := os.Open(name)
	if err != nil {
		return
	}
	defer f.Close()
	var lines []string
	for s := bufio.NewScanner(f); s.Scan(); {
		lines = append(lines, s.Text())
	}
	fmt.Fprintf(os.Stderr, "the server's last lines:\n%s\n", strings.Join(lines[max(0, len(lines)-60):], "\n"))
}

// withNames returns a command that sees the server's names in a private /etc/hosts: clients
// put zone and bucket before the host and look that up. Only the command's own mount namespace has it.
func withNames(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	hosts := filepath.Join(t.TempDir(), "hosts")
	var names strings.Builder
	names.WriteString("127.0.0.1 localhost\n127.0.0.1 " + domain + " " + zone + "." + domain)
	for _, b := range hostBuckets {
		names.WriteString(" " + b + "." + zone + "." + domain)
	}
	if err := os.WriteFile(hosts, []byte(names.String()+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	script := `mount --bind "$0" /etc/hosts && exec "$@"`
	if out, err := exec.CommandContext(t.Context(), "unshare", "--mount", "sh", "-c", script, hosts, "true").CombinedOutput(); err != nil {
		t.Skipf("cannot give the client its own /etc/hosts here (unshare: %v, %s)", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "unshare", append([]string{"--mount", "sh", "-c", script, hosts, name}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "no_proxy=*", "OIS_PORT_UNDER_TEST="+port)
	return cmd
}
