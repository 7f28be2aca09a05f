package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/client/entry"
	"github.com/oisproject/ois/oistest"
	ois "github.com/oisproject/ois/sdk/go"
	"github.com/oisproject/ois/sdk/go/api"
)

// clientApp returns an app that runs args at a server with a bucket.
func clientApp(t *testing.T, srv *oistest.Server, args ...string) (a *app, stdout, stderr *screen) {
	t.Helper()
	a, stdout, stderr = newApp(args...)
	env := map[string]string{
		"OIS_ENDPOINT": srv.Endpoint, "OIS_ACCESS_KEY_ID": srv.AccessKeyID, "OIS_SECRET_ACCESS_KEY": srv.SecretAccessKey,
		"XDG_CACHE_HOME": t.TempDir(),
	}
	a.Getenv = func(name string) string { return env[name] }
	t.Cleanup(func() { // a process would end here
		for _, s := range a.house().services {
			s.CloseIdleConnections()
		}
	})
	return a, stdout, stderr
}

func newBucket(t *testing.T, srv *oistest.Server, keys ...string) *ois.Bucket {
	t.Helper()
	b := srv.Client().Bucket("my-bucket", "")
	if err := b.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if _, err := b.Put(t.Context(), key, strings.NewReader("text"), nil); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func count(t *testing.T, b *ois.Bucket) (n int) {
	t.Helper()
	for _, err := range b.Objects(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// TestWholeBucketsAreConfirmed wants a person to be asked before all of a bucket is deleted, and a program to say --yes; --force is as good.
func TestWholeBucketsAreConfirmed(t *testing.T) {
	srv := oistest.New(t)
	b := newBucket(t, srv, "a", "b")
	if err := srv.Client().Bucket("my-other", "").Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		answer string
		person bool
		args   string
		left   int // objects
		status int
	}{
		{"n\n", true, "rm -r ois://my-bucket", 2, exitFailed},
		{"", true, "rm -r ois://my-bucket", 2, exitFailed},
		{"no\n", true, "rb --force ois://my-bucket", 2, exitFailed},
		{"", true, "rm -r ois://my-bucket --dry-run", 2, exitOK},
		{"", true, "rm -r ois://my-bucket/a", 2, exitOK},
		{"Y\n", true, "rm -r ois://my-bucket", 0, exitOK},
		{"", true, "rm -r --yes ois://my-bucket", 0, exitOK},
		{"", false, "rm -r ois://my-bucket", 2, exitUsage},
		{"y\n", false, "rm -r ois://my-bucket/", 2, exitUsage},
		{"", false, "rm -r --versions ois://my-bucket", 2, exitUsage},
		{"", false, "rm -r --include * ois://my-bucket", 2, exitUsage},
		{"", false, "rm -r ois://my-bucket/a/ ois://my-bucket", 2, exitUsage},
		{"", false, "rm -r --dry-run ois://my-bucket", 2, exitOK},
		{"", false, "rm -r --yes ois://my-bucket", 0, exitOK},
		{"", false, "rb --force ois://my-other", 2, exitOK},
	} {
		for _, key := range []string{"a", "b"} {
			if _, err := b.Put(t.Context(), key, strings.NewReader("text"), nil); err != nil {
				t.Fatal(err)
			}
		}
		a, _, stderr := clientApp(t, srv, strings.Fields(test.args)...)
		a.Terminal, a.Stdin = test.person, strings.NewReader(test.answer)
		if got := a.run(t.Context()); got != test.status || count(t, b) != test.left {
			t.Errorf("%s, answer %q: status %d, %d left; want %d, %d\n%s", test.args, test.answer, got, count(t, b), test.status, test.left, stderr)
		}
	}
}

// TestALineShowsHowFarItIs runs a download that waits in its middle, as a person would see it.
func TestALineShowsHowFarItIs(t *testing.T) {
	srv := oistest.New(t)
	newBucket(t, srv, "a")
	a, _, stderr := clientApp(t, srv, "cp", "ois://my-bucket/a", filepath.Join(t.TempDir(), "a"))
	a.Terminal = true
	seen := stderr.appears("0/1")
	holdReads(a, seen)
	if status := a.run(t.Context()); status != exitOK {
		t.Fatalf("status %d: %s", status, stderr)
	}
	if !strings.Contains(stderr.String(), "\r\x1b[K1 done, ") {
		t.Errorf("the line is not cleared before the sum: %q", stderr)
	}
}

// TestCatShowsHowFarItIs only where what it prints goes to a file.
func TestCatShowsHowFarItIs(t *testing.T) {
	srv := oistest.New(t)
	newBucket(t, srv, "a")
	file, err := os.Create(filepath.Join(t.TempDir(), "a"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	a, _, stderr := clientApp(t, srv, "cat", "ois://my-bucket/a")
	a.Terminal, a.Stdout = true, file
	holdReads(a, stderr.appears("0/1"))
	if status := a.run(t.Context()); status != exitOK || !strings.HasSuffix(stderr.String(), "\r\x1b[K") {
		t.Errorf("status %d, %q", status, stderr)
	}
	a, _, stderr = clientApp(t, srv, "cat", "ois://my-bucket/a")
	a.Terminal = true
	if status := a.run(t.Context()); status != exitOK || stderr.String() != "" {
		t.Errorf("status %d, %q", status, stderr)
	}
}

// roundTrip is a function that sends requests.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// around puts f before a transport.
func around(next http.RoundTripper, f roundTrip) http.RoundTripper {
	return struct {
		roundTrip
		idle
	}{f, next.(idle)}
}

// idle is what a transport has besides.
type idle interface{ CloseIdleConnections() }

// holdReads holds the reads of objects until a channel is closed. The result is closed when there is one.
func holdReads(a *app, until <-chan struct{}) <-chan struct{} {
	held := make(chan struct{})
	var once sync.Once
	a.wrap = func(next http.RoundTripper) http.RoundTripper {
		return around(next, func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodGet && r.URL.RawQuery == "" {
				once.Do(func() { close(held) })
				select {
				case <-until:
				case <-r.Context().Done():
					return nil, r.Context().Err()
				}
			}
			return next.RoundTrip(r)
		})
	}
	return held
}

// TestInterruptedCommandsLeaveNothing ends a download in its middle.
func TestInterruptedCommandsLeaveNothing(t *testing.T) {
	srv := oistest.New(t)
	newBucket(t, srv, "x/a", "x/b", "x/c")
	dir := t.TempDir()
	a, _, stderr := clientApp(t, srv, "cp", "-r", "ois://my-bucket/x", dir)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	held := holdReads(a, nil)
	go func() {
		<-held
		cancel()
	}()
	if status := a.run(ctx); status != exitInterrupted || !strings.HasSuffix(stderr.String(), "interrupted\n") {
		t.Errorf("status %d; want %d\n%s", status, exitInterrupted, stderr)
	}
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("%d files are there", len(files))
	}
}

// TestInterruptedCommandsSayHowToGoOn where there is something to go on with.
func TestInterruptedCommandsSayHowToGoOn(t *testing.T) {
	srv := oistest.New(t)
	newBucket(t, srv, "a")
	a, _, stderr := clientApp(t, srv, "cp", "--continue", "ois://my-bucket/a", filepath.Join(t.TempDir(), "a"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	held := holdReads(a, nil)
	go func() {
		<-held
		cancel()
	}()
	if status := a.run(ctx); status != exitInterrupted || !strings.HasSuffix(stderr.String(), "interrupted\nRun the same command again to go on from here.\n") {
		t.Errorf("status %d; want %d\n%s", status, exitInterrupted, stderr)
	}
}

// TestInterruptedMovesDeleteWhatHasArrived lets one of two objects arrive.
func TestInterruptedMovesDeleteWhatHasArrived(t *testing.T) {
	srv := oistest.New(t)
	b := newBucket(t, srv, "x/a", "x/b")
	a, stdout, stderr := clientApp(t, srv, "mv", "-r", "-v", "ois://my-bucket/x", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	a.wrap = func(next http.RoundTripper) http.RoundTripper {
		return around(next, func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/x/b") {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return next.RoundTrip(r)
		})
	}
	arrived := stdout.appears("move ois://my-bucket/x/a")
	go func() {
		<-arrived
		cancel()
	}()
	if status := a.run(ctx); status != exitInterrupted || count(t, b) != 1 {
		t.Errorf("status %d, %d objects are left; want %d, 1\n%s", status, count(t, b), exitInterrupted, stderr)
	}
}

// TestManyObjectsAreDeletedInFewRequests wants batches of a thousand, for rm and for what mv leaves.
func TestManyObjectsAreDeletedInFewRequests(t *testing.T) {
	if testing.Short() {
		t.Skip("it makes many objects")
	}
	srv := oistest.New(t)
	b := newBucket(t, srv)
	dir := t.TempDir()
	const many = 1001
	for i := range many {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%04d", i)), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"cp", "-r", "-q", dir, "ois://my-bucket/x"},
		{"mv", "-r", "-q", "ois://my-bucket/x", filepath.Join(dir, "back")},
		{"cp", "-r", "-q", filepath.Join(dir, "back"), "ois://my-bucket/x"},
		{"rm", "-r", "-q", "ois://my-bucket/x"},
	} {
		a, _, stderr := clientApp(t, srv, args...)
		posts := countRequests(a, func(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.RawQuery == "delete" })
		if status := a.run(t.Context()); status != exitOK {
			t.Fatalf("%v: status %d: %s", args, status, stderr)
		}
		if deletes := args[0] == "mv" || args[0] == "rm"; deletes && (posts() != 2 || count(t, b) != 0) {
			t.Errorf("%v: %d requests, %d objects left; want 2, 0", args, posts(), count(t, b))
		}
	}
}

// countRequests counts the requests that are like that.
func countRequests(a *app, like func(*http.Request) bool) func() int64 {
	var n atomic.Int64
	a.wrap = func(next http.RoundTripper) http.RoundTripper {
		return around(next, func(r *http.Request) (*http.Response, error) {
			if like(r) {
				n.Add(1)
			}
			return next.RoundTrip(r)
		})
	}
	return n.Load
}

// TestEachSettingIsKnown compares the table of settings with the operations on buckets that there are.
func TestEachSettingIsKnown(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../sdk/go/api/api_gen.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	known := make(map[string]bool)
	for _, s := range settings {
		for _, op := range []*api.Operation{s.get, s.put, s.remove} {
			if op != nil {
				known[op.Name] = true
			}
		}
	}
	about := regexp.MustCompile(`^(Get|Put|Delete)Bucket[A-Z]`)
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		if f, ok := n.(*ast.FuncDecl); ok && about.MatchString(f.Name.Name) && f.Name.Name != "GetBucketStatistics" {
			if found++; !known[f.Name.Name] {
				t.Errorf("no setting has the operation %s", f.Name.Name)
			}
		}
		return true
	})
	if found != len(known) || found < 25 {
		t.Errorf("%d operations were found, %d are known", found, len(known))
	}
}

func TestTimesAsMetadata(t *testing.T) {
	for _, at := range []time.Time{time.Unix(0, 0), time.Unix(1577934245, 678), time.Unix(4102444800, 999999999)} {
		if got, ok := parseMtime(formatMtime(at)); !ok || !got.Equal(at) {
			t.Errorf("%v comes back as %v, %t", at, got, ok)
		}
	}
	for text, want := range map[string]int64{"1577934245": 1577934245e9, "1577934245.5": 1577934245_500000000} {
		if got, ok := parseMtime(text); !ok || got.UnixNano() != want {
			t.Errorf("%q is %v, %t", text, got, ok)
		}
	}
	for _, text := range []string{"", "x", "-1", "1.x", "1.0123456789", "99999999999999999999", "2020-01-02"} {
		if got, ok := parseMtime(text); ok {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestGlance(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	local, bucket := &side{}, &side{}
	bucket.t.Remote = true
	md5a, md5b, multipart := `"0123456789abcdef0123456789abcdef"`, `"ffffffffffffffffffffffffffffffff"`, `"x-2"`
	for _, test := range []struct {
		name     string
		c        comparer
		from, to *side
		s, t     entry.Entry
		want     verdict
	}{
		{"sizes", comparer{}, local, bucket, entry.Entry{Size: 1}, entry.Entry{Size: 2}, differ},
		{"sizes only", comparer{sizeOnly: true}, local, bucket, entry.Entry{Modified: now}, entry.Entry{}, alike},
		{"not touched since", comparer{}, local, bucket, entry.Entry{Modified: now}, entry.Entry{Modified: now}, alike},
		{"touched since", comparer{}, local, bucket, entry.Entry{Modified: now.Add(1)}, entry.Entry{Modified: now}, unsure},
		{"the file is older than the object", comparer{}, bucket, local, entry.Entry{Modified: now}, entry.Entry{Modified: now.Add(-1)}, unsure},
		{"the time of the object", comparer{}, bucket, local, entry.Entry{Modified: now}, entry.Entry{Modified: now}, alike},
		{"checksum of a file", comparer{checksum: true}, bucket, local, entry.Entry{Modified: now}, entry.Entry{Modified: now}, unsure},
		{"same tag", comparer{}, bucket, bucket, entry.Entry{ETag: md5a, Modified: now.Add(1)}, entry.Entry{ETag: md5a, Modified: now}, alike},
		{"other tag, copied since", comparer{}, bucket, bucket, entry.Entry{ETag: md5a, Modified: now}, entry.Entry{ETag: multipart, Modified: now}, alike},
		{"other tag, written since", comparer{}, bucket, bucket, entry.Entry{ETag: md5a, Modified: now.Add(1)}, entry.Entry{ETag: md5b, Modified: now}, differ},
		{"other checksum", comparer{checksum: true}, bucket, bucket, entry.Entry{ETag: md5a, Modified: now}, entry.Entry{ETag: md5b, Modified: now}, differ},
		{"no checksum", comparer{checksum: true}, bucket, bucket, entry.Entry{ETag: md5a, Modified: now}, entry.Entry{ETag: multipart, Modified: now}, alike},
	} {
		if got := test.c.glance(test.from, test.to, &test.s, &test.t); got != test.want {
			t.Errorf("%s: got %d; want %d", test.name, got, test.want)
		}
	}
}

func TestRanges(t *testing.T) {
	for text, want := range map[string][2]int64{"": {0, 0}, "0-0": {0, 1}, "5-9": {5, 5}, "7-": {7, 0}, "-3": {-3, 0}} {
		if off, n, err := parseRange(text); err != nil || off != want[0] || n != want[1] {
			t.Errorf("%q: got %d, %d, %v", text, off, n, err)
		}
	}
	for _, text := range []string{"-", "3", "x-y", "9-5", "-0", "1-2-3", "--1", "+1-2"} {
		if off, n, err := parseRange(text); err == nil {
			t.Errorf("%q is %d, %d", text, off, n)
		}
	}
}

// TestNetworkErrors wants the status of the network only where no answer came.
func TestNetworkErrors(t *testing.T) {
	a, _, _ := newApp()
	for _, test := range []struct {
		err  error
		want int
	}{
		{&ois.Error{Attempts: 3, Err: errors.New("stalled")}, exitNetwork},
		{&ois.Error{Err: errors.New("bad input")}, exitFailed},
		{&ois.Error{Attempts: 1, Status: 500}, exitFailed},
		{&itemsError{failed: 1, status: exitDenied}, exitDenied},
		{fmt.Errorf("transfer: %w", &ois.Error{Attempts: 1, Status: 404}), exitNotFound},
	} {
		a.parsed = true
		if got := a.status(t.Context(), test.err); got != test.want {
			t.Errorf("%v: status %d; want %d", test.err, got, test.want)
		}
	}
}

// TestLinesAreNotTorn writes from two commands at once, byte by byte.
func TestLinesAreNotTorn(t *testing.T) {
	var out bytes.Buffer
	to := &lines{w: &out}
	var wg sync.WaitGroup
	for _, text := range []string{"aaaa\n", "bbbb\n"} {
		wg.Go(func() {
			p := &part{to: to}
			defer p.flush()
			for range 1000 {
				for i := range text {
					if _, err := p.Write([]byte(text[i : i+1])); err != nil {
						t.Error(err)
					}
				}
			}
			_, _ = p.Write([]byte("end")) // flush brings it
		})
	}
	wg.Wait()
	left := strings.NewReplacer("aaaa\n", "", "bbbb\n", "", "end", "").Replace(out.String())
	if out.Len() != 2*(5000+3) || left != "" {
		t.Errorf("%d bytes, torn: %q", out.Len(), left)
	}
}

// TestTheZoneIsFoundOut names no zone, and wants requests to go to that of the bucket, after one question.
func TestTheZoneIsFoundOut(t *testing.T) {
	srv := oistest.NewWith(t, &oistest.Options{Zones: []string{"aa1", "bb1"}, Domain: "ois.test"})
	address := strings.TrimPrefix(srv.Endpoint, "http://")
	a, stdout, stderr := clientApp(t, srv, "stat", "ois://my-bucket/a", "ois://my-bucket/b", "--json")
	var hosts []string
	wrap := func(next http.RoundTripper) http.RoundTripper {
		return around(next, func(r *http.Request) (*http.Response, error) {
			hosts = append(hosts, r.Method+" "+r.URL.Host)
			r = r.Clone(r.Context())
			r.Host, r.URL.Host = r.URL.Host, address
			return next.RoundTrip(r)
		})
	}
	c, err := ois.New(ois.Config{
		Endpoint: "http://ois.test", AccessKeyID: srv.AccessKeyID, SecretAccessKey: srv.SecretAccessKey, Transport: wrap(http.DefaultTransport),
	})
	if err != nil {
		t.Fatal(err)
	}
	b := c.Bucket("my-bucket", "bb1")
	if err := b.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "b"} {
		if _, err := b.Put(t.Context(), key, strings.NewReader("text"), nil); err != nil {
			t.Fatal(err)
		}
	}
	before := a.Getenv
	a.wrap, hosts = wrap, nil
	a.Getenv = func(name string) string {
		if name == "OIS_ENDPOINT" {
			return "http://ois.test"
		}
		return before(name)
	}
	if status := a.run(t.Context()); status != exitOK || strings.Count(stdout.String(), "\n") != 2 {
		t.Fatalf("status %d: %s%s", status, stdout, stderr)
	}
	if got, want := strings.Join(hosts, ", "), "HEAD ois.test, HEAD bb1.ois.test, HEAD bb1.ois.test"; got != want {
		t.Errorf("requests went to %s; want %s", got, want)
	}
}

// TestABrokenListingDeletesNothing breaks the listing of the source of a sync after its first object.
func TestABrokenListingDeletesNothing(t *testing.T) {
	srv := oistest.New(t)
	b := newBucket(t, srv, "a", "b", "c")
	source := srv.Client().Bucket("source-bucket", "")
	if err := source.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	answer := func(r *http.Request, status int, text string) *http.Response {
		return &http.Response{
			StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, ContentLength: int64(len(text)),
			Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(text)),
		}
	}
	a, _, stderr := clientApp(t, srv, "sync", "ois://source-bucket", "ois://my-bucket", "--delete", "--size-only")
	a.wrap = func(next http.RoundTripper) http.RoundTripper {
		return around(next, func(r *http.Request) (*http.Response, error) {
			switch {
			case !strings.HasPrefix(r.URL.Path, "/source-bucket"):
				return next.RoundTrip(r)
			case r.URL.Query().Get("marker") == "":
				return answer(r, http.StatusOK, `{"name":"source-bucket","has_more":true,"next_marker":"a","keys":[{"key":"a","size":4}],"common_prefixes":[]}`), nil
			}
			return answer(r, http.StatusForbidden, `{"code":"permission_denied","message":"no more"}`), nil
		})
	}
	if status := a.run(t.Context()); status != exitDenied || count(t, b) != 3 {
		t.Errorf("status %d, %d objects are left; want %d, 3\n%s", status, count(t, b), exitDenied, stderr)
	}
}

// TestContinue breaks an upload at its fourth part, and wants the next run to send only what is missing.
func TestContinue(t *testing.T) {
	srv := oistest.New(t)
	newBucket(t, srv)
	cache, name := t.TempDir(), filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(name, bytes.Repeat([]byte("0123456789abcdef"), 20<<20/16), 0o600); err != nil {
		t.Fatal(err)
	}
	upload := func(breaks bool) (status, parts int) {
		a, _, _ := clientApp(t, srv, "cp", "--continue", "--concurrency", "1", "--part-size", "4MiB", name, "ois://my-bucket/big")
		before := a.Getenv
		a.Getenv = func(key string) string {
			if key == "XDG_CACHE_HOME" {
				return cache
			}
			return before(key)
		}
		a.wrap = func(next http.RoundTripper) http.RoundTripper {
			return around(next, func(r *http.Request) (*http.Response, error) {
				n := r.URL.Query().Get("part_number")
				if r.Method != http.MethodPut || n == "" {
					return next.RoundTrip(r)
				}
				if parts++; breaks && n == "3" {
					r.Body.Close()
					return nil, context.Canceled // which is not tried again
				}
				return next.RoundTrip(r)
			})
		}
		return a.run(t.Context()), parts
	}
	if status, parts := upload(true); status == exitOK || parts < 4 {
		t.Fatalf("status %d, %d parts", status, parts)
	}
	if status, parts := upload(false); status != exitOK || parts != 2 {
		t.Errorf("status %d, %d parts; want %d, 2", status, parts, exitOK)
	}
	if notes, _ := filepath.Glob(filepath.Join(cache, "ois", "transfers", "*")); len(notes) != 0 {
		t.Errorf("notes are left: %q", notes)
	}
}
