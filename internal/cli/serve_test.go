package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/internal/vfs/errfs"
	ois "github.com/oisproject/ois/sdk/go"
)

// A serving is "ois serve", running in this process.
type serving struct {
	url, admin string
	stderr     *screen
	stop       context.CancelFunc
	status     chan int
}

var (
	address      = regexp.MustCompile(`ois is ready.* address=(\S+)`)
	adminAddress = regexp.MustCompile(`ois is ready.* admin=(\S+)`)
)

// serve starts "ois serve" in a fresh directory, after change has had a look at it, and waits until it is ready.
func serve(t *testing.T, change func(*app), args ...string) *serving {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	a, _, stderr := newApp(append([]string{"serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(t.TempDir(), "data")}, args...)...)
	a.Getenv = func(name string) string {
		return map[string]string{"OIS_ROOT_ACCESS_KEY_ID": "id", "OIS_ROOT_SECRET_ACCESS_KEY": "secret"}[name]
	}
	if change != nil {
		change(a)
	}
	s := &serving{stderr: stderr, stop: stop, status: make(chan int, 1)}
	go func() { s.status <- a.run(ctx) }()
	select {
	case <-stderr.appears("ois is ready"):
	case status := <-s.status:
		t.Fatalf("ois serve = %d; want that it goes on\n%s", status, stderr)
	}
	s.url = address.FindStringSubmatch(stderr.String())[1]
	if m := adminAddress.FindStringSubmatch(stderr.String()); m != nil {
		s.admin = m[1]
	}
	return s
}

// end stops the server and wants it to end well.
func (s *serving) end(t *testing.T) {
	t.Helper()
	s.stop()
	if got := <-s.status; got != exitOK {
		t.Errorf("ois serve = %d; want 0\n%s", got, s.stderr)
	}
}

func (s *serving) bucket(t *testing.T) *ois.Bucket {
	t.Helper()
	c, err := ois.New(ois.Config{Endpoint: s.url, AccessKeyID: "id", SecretAccessKey: "secret", Retry: ois.RetryPolicy{MaxAttempts: 1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	b := c.Bucket("test-bucket", "")
	if err := b.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestServeFinishesRequestsThatAreUnderWay stops the server when it has asked for the body of a request.
func TestServeFinishesRequestsThatAreUnderWay(t *testing.T) {
	s := serve(t, nil)
	link, err := s.bucket(t).PresignPut(t.Context(), "slow.txt", nil)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n", strings.TrimPrefix(link, s.url))
	answers := bufio.NewReader(conn)
	if line, err := answers.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatalf("the first answer is %q, %v; want 100 Continue", line, err)
	}
	stopping := s.stderr.appears("ois is stopping")
	s.stop()
	<-stopping
	fmt.Fprint(conn, "hello world")
	if _, err := answers.ReadString('\n'); err != nil { // the empty line after 100 Continue
		t.Fatal(err)
	}
	if line, err := answers.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 201 ") {
		t.Errorf("the answer is %q, %v; want 201 Created", line, err)
	}
	if got := <-s.status; got != exitOK {
		t.Errorf("ois serve = %d; want 0\n%s", got, s.stderr)
	}
}

// TestServeEndsWhenTheStoreFails breaks the log of the metadata, after which nothing can be promised.
func TestServeEndsWhenTheStoreFails(t *testing.T) {
	disk := errfs.New(vfs.Disk)
	s := serve(t, func(a *app) { a.disk = disk })
	b := s.bucket(t)
	disk.SetHook(func(op errfs.Op) error {
		if strings.HasSuffix(op.Path, ".log") {
			return errfs.ErrInjected
		}
		return nil
	})
	if _, err := b.Put(t.Context(), "a.txt", strings.NewReader("hello"), nil); err == nil {
		t.Error("Put = nil; want an error")
	}
	if got := <-s.status; got != exitFailed {
		t.Errorf("ois serve = %d; want 1", got)
	}
	if !strings.Contains(s.stderr.String(), "ois serve: metadata engine has failed") {
		t.Errorf("ois serve says\n%s; want the reason", s.stderr)
	}
}

func TestServeMakesNothingWhenAPortIsInUse(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, args := range [][]string{
		{"--listen", l.Addr().String()},
		{"--listen", "127.0.0.1:0", "--admin-listen", l.Addr().String()},
	} {
		dir := filepath.Join(t.TempDir(), "data")
		a, _, stderr := newApp(append([]string{"serve", "--data", dir}, args...)...)
		if got := a.run(t.Context()); got != exitNetwork || !strings.Contains(stderr.String(), l.Addr().String()) {
			t.Errorf("ois serve %q = %d, %q; want 5 and the address", args, got, stderr)
		}
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("ois serve %q: Stat of the data directory = %v; want that it was not made", args, err)
		}
	}
}

func TestPortsAreFreeAfterAFailedStart(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	dir := t.TempDir()
	for _, name := range []string{"data", "ois.sock"} { // not a data directory; nothing that a socket may replace
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "FORMAT"), []byte("ois-data 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, data := range []string{filepath.Join(dir, "data"), dir} {
		a, _, stderr := newApp("serve", "--data", data, "--listen", address)
		if got := a.run(t.Context()); got != exitFailed {
			t.Errorf("ois serve --data %s = %d, %q; want 1", data, got, stderr)
		}
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Fatalf("Listen after it = %v; want nil", err)
		}
		l.Close()
	}
}

func TestServeShowsTheKeyToPeopleOnly(t *testing.T) {
	for _, person := range []bool{true, false} {
		s := serve(t, func(a *app) {
			a.Terminal = person
			a.Getenv = func(string) string { return "" }
		})
		s.end(t)
		text := s.stderr.String()
		shown := regexp.MustCompile(`(?m)^access_key_id: \w{20}\nsecret_access_key: \w{40}\nendpoint: ` + regexp.QuoteMeta(s.url) + `$`)
		if shown.MatchString(text) != person || strings.Contains(text, "secret_access_key") != person {
			t.Errorf("a person reads: %v; ois serve prints\n%s", person, text)
		}
		if !strings.Contains(text, "root-key") {
			t.Errorf("the log does not name the file:\n%s", text)
		}
	}
}

func TestServeShowsNoKeyOfTheEnvironment(t *testing.T) {
	s := serve(t, func(a *app) { a.Terminal = true })
	s.end(t)
	if text := s.stderr.String(); strings.Contains(text, "secret_access_key") || !strings.Contains(text, "root_key=environment") {
		t.Errorf("ois serve prints\n%s; want only where the key is from", text)
	}
}

func TestAdminPortTellsHealthAndProfiles(t *testing.T) {
	s := serve(t, nil, "--admin-listen", "127.0.0.1:0")
	defer s.end(t)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for path, want := range map[string]int{"/-/health": 200, "/debug/pprof/": 200, "/debug/pprof/goroutine": 200, "/": 404} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.admin+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != want {
			t.Errorf("GET %s = %d, %v; want %d", path, resp.StatusCode, err, want)
		}
	}
}

func TestSizesHaveUnits(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1": 1, "4096": 4096, "3KiB": 3 << 10, "512MiB": 512 << 20, "2GiB": 2 << 30, "1TiB": 1 << 40,
		"9223372036854775807": 1<<63 - 1, "8388607TiB": 8388607 << 40,
	} {
		if got, ok := parseSize(text); !ok || got != want {
			t.Errorf("parseSize(%q) = %d, %t; want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "-1", "+1", "1.5GiB", "1 GiB", "MiB", "1GB", "1gib", "1MiBKiB", "9223372036854775808", "8388608TiB", "0x10"} {
		if got, ok := parseSize(text); ok {
			t.Errorf("parseSize(%q) = %d; want that it is refused", text, got)
		}
	}
}

func TestMinFreeIsChecked(t *testing.T) {
	for text, want := range map[string]int64{"": 0, "0": -1, "0MiB": -1, "512MiB": 512 << 20} {
		f := &serveFlags{minFreeSize: text}
		if err := f.parseMinFree(); err != nil || f.minFree != want {
			t.Errorf("--min-free %q is %d, %v; want %d", text, f.minFree, err, want)
		}
	}
	a, _, stderr := newApp("serve", "--min-free", "5%")
	if got := a.run(t.Context()); got != exitUsage || !strings.Contains(stderr.String(), `--min-free "5%" is not allowed: want a number of bytes`) {
		t.Errorf("ois serve --min-free 5%% = %d, %q; want 2 and what is allowed", got, stderr)
	}
}
