package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/blob"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/store/storetest"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/sdk/go/signature"
)

// fixture is a server on a port of its own, over a store in memory.
type fixture struct {
	*Server
	t    testing.TB
	addr string
	key  *signature.Key // of the root user
	id   string         // of key
	log  *logBuffer
	disk *damagedBlobs
	stop func() // waits until all requests are answered and logged; once
}

// logBuffer keeps the lines of the request log.
type logBuffer struct {
	mu    sync.Mutex
	lines []string // guarded by mu
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, string(p))
	return len(p), nil
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.lines, "")
}

func (b *logBuffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = nil
}

// last returns the fields of the last line.
func (b *logBuffer) last(t *testing.T) map[string]any {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lines) == 0 {
		t.Fatal("the log is empty")
	}
	var line map[string]any
	if err := json.Unmarshal([]byte(b.lines[len(b.lines)-1]), &line); err != nil {
		t.Fatal(err)
	}
	return line
}

// damagedBlobs is a blob engine whose reads break off after some bytes, when asked to.
type damagedBlobs struct {
	blob.Engine
	mu    sync.Mutex
	after int64 // bytes that are fine; negative means all. guarded by mu
	full  bool  // takes nothing; guarded by mu

	deleted atomic.Int64 // blobs
}

// refuse makes every Put fail from now on.
func (d *damagedBlobs) refuse() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = true
}

func (d *damagedBlobs) Put(ctx context.Context, epoch uint32, size int64, src blob.Source) (blob.ID, int64, error) {
	d.mu.Lock()
	full := d.full
	d.mu.Unlock()
	if full {
		return blob.ID{}, 0, errors.New("the disk is full")
	}
	return d.Engine.Put(ctx, epoch, size, src)
}

func (d *damagedBlobs) damage(after int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.after = after
}

func (d *damagedBlobs) Open(ctx context.Context, id blob.ID, off, n int64) (io.ReadCloser, error) {
	rc, err := d.Engine.Open(ctx, id, off, n)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil || d.after < 0 {
		return rc, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(io.LimitReader(rc, d.after), errorReader{blob.ErrCorrupt}), rc}, nil
}

func (d *damagedBlobs) Delete(ctx context.Context, live blob.Live, ids ...blob.ID) error {
	d.deleted.Add(int64(len(ids)))
	return d.Engine.Delete(ctx, live, ids...)
}

type errorReader struct{ error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.error }

// start starts a server; change may change its configuration.
func start(t testing.TB, change ...func(*Config)) *fixture {
	t.Helper()
	f := &fixture{t: t, log: new(logBuffer)}
	s := f.openStore()
	k, err := s.CreateKey(t.Context(), store.RootUser)
	if err != nil {
		t.Fatal(err)
	}
	f.key, f.id = signature.NewKey(k.ID, k.Secret), k.ID
	c := Config{Store: s, Zones: []string{"jn1a", "jn2"}, Logger: slog.New(slog.NewJSONHandler(f.log, nil))}
	for _, change := range change {
		change(&c)
	}
	if f.Server, err = New(c); err != nil {
		t.Fatal(err)
	}
	f.listen()
	return f
}

func (f *fixture) openStore(change ...func(*store.Options)) *store.Store {
	f.t.Helper()
	s := storetest.Open(f.t, vfs.NewMem(), append([]func(*store.Options){func(o *store.Options) {
		f.disk = &damagedBlobs{Engine: o.Blobs, after: -1}
		o.Blobs = f.disk
	}}, change...)...)
	f.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.t.Error(err)
		}
	})
	return s
}

func (f *fixture) listen() {
	f.t.Helper()
	l, err := new(net.ListenConfig).Listen(f.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	f.addr = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- f.Serve(l) }()
	f.stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := errors.Join(f.Shutdown(ctx), <-served); err != nil {
			f.t.Error(err)
		}
	})
	f.t.Cleanup(f.stop)
}

// dial opens a connection, which a test may leave to the fixture.
func (f *fixture) dial() (net.Conn, *bufio.Reader) {
	f.t.Helper()
	c, err := new(net.Dialer).DialContext(f.t.Context(), "tcp", f.addr)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = c.Close() }) // it may be closed already
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		f.t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

// head returns the head of a request, signed with k unless that is nil. Headers
// are lines such as "Content-Type: text/plain".
func (f *fixture) head(k *signature.Key, method, target string, headers ...string) string {
	h := http.Header{}
	host := f.addr
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" {
			host = value
			continue
		}
		h.Add(name, value)
	}
	if k != nil {
		h.Set("Date", f.date())
		m := signature.Message{Method: method, Header: h}
		m.Path, m.Query = signature.SplitTarget(target)
		if a, err := f.hosts.Resolve(host, m.Path); err == nil && a.Virtual {
			m.Bucket = a.Bucket
		}
		h.Set("Authorization", k.Authorization(&m))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, target, host)
	if err := h.Write(&b); err != nil {
		f.t.Fatal(err)
	}
	return b.String() + "\r\n"
}

// date returns the time as requests are dated.
func (f *fixture) date() string { return time.Now().UTC().Format(http.TimeFormat) }

// reply is an answer, read to its end.
type reply struct {
	*http.Response
	t    testing.TB
	text string
	err  error // of reading the body
}

// ask sends a request on a connection of its own. The length of the body is added.
func (f *fixture) ask(k *signature.Key, method, target, body string, headers ...string) *reply {
	f.t.Helper()
	if body != "" {
		headers = append(headers, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	c, r := f.dial()
	if _, err := io.WriteString(c, f.head(k, method, target, headers...)+body); err != nil {
		f.t.Fatal(err)
	}
	a := receive(f.t, r, method)
	if err := c.Close(); err != nil {
		f.t.Fatal(err)
	}
	return a
}

// receive reads the answer to a request.
func receive(t testing.TB, r *bufio.Reader, method string) *reply {
	t.Helper()
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("read answer to %s: %v", method, err)
	}
	text, err := io.ReadAll(resp.Body)
	return &reply{resp, t, string(text), errors.Join(err, resp.Body.Close())}
}

// want demands a status, and what every answer has.
func (a *reply) want(status int) *reply {
	a.t.Helper()
	if a.StatusCode != status {
		a.t.Fatalf("got %s %s; want %d", a.Status, a.text, status)
	}
	if id := a.Header.Get("X-Qs-Request-Id"); len(id) != 16 || a.Header.Get("Server") != "QingStor" || a.Header.Get("Date") == "" {
		a.t.Errorf("answer %s lacks what all answers have: %v", a.Status, a.Header)
	}
	if kind := a.Header.Get("Content-Type"); kind == "" && status != http.StatusNotModified {
		a.t.Errorf("answer %s has no Content-Type", a.Status)
	}
	return a
}

// wantFault demands an error of that code.
func (a *reply) wantFault(status int, code string) *reply {
	a.t.Helper()
	a.want(status)
	var body map[string]string
	if err := json.Unmarshal([]byte(a.text), &body); err != nil {
		a.t.Fatalf("error %s is not JSON: %q", a.Status, a.text)
	}
	if body["code"] != code || body["message"] == "" || body["url"] == "" || body["request_id"] != a.Header.Get("X-Qs-Request-Id") {
		a.t.Errorf("got %v; want code %s", body, code)
	}
	if kind := a.Header.Get("Content-Type"); kind != "application/json" {
		a.t.Errorf("Content-Type of an error is %q", kind)
	}
	return a
}

// bucket makes bucket1.
func (f *fixture) bucket() {
	f.t.Helper()
	f.ask(f.key, "PUT", "/bucket1", "").want(http.StatusCreated)
}

func (f *fixture) object(target, body string) {
	f.t.Helper()
	f.ask(f.key, "PUT", target, body).want(http.StatusCreated)
}

// keyOf returns the signing key of a key pair.
func (f *fixture) keyOf(id, secret string) *signature.Key { return signature.NewKey(id, secret) }
