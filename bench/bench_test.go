package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oisproject/ois/sdk/go/signature"
)

// TestV4SignsTheExample signs the GET of an object that the documentation of Amazon S3 signs.
func TestV4SignsTheExample(t *testing.T) {
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	k := &v4Key{id: "AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
	headers := [][2]string{
		{"host", "examplebucket.s3.amazonaws.com"},
		{"range", "bytes=0-9"},
		{"x-amz-content-sha256", empty},
		{"x-amz-date", "20130524T000000Z"},
	}
	got := k.authorization(&request{method: http.MethodGet, path: "/test.txt"}, headers, empty, time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC))
	want := "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request," +
		"SignedHeaders=host;range;x-amz-content-sha256;x-amz-date," +
		"Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestQingStorSignatureIsAccepted checks a request as a server would.
func TestQingStorSignatureIsAccepted(t *testing.T) {
	k := signature.NewKey(keyID, secret)
	var got *http.Request
	s := testServer(t, qingstor{k}, func(_ http.ResponseWriter, r *http.Request) { got = r })
	call(t, s, func(c *conn) error { return c.copyTo("b", "a", true) })
	id, sig, ok := signature.ParseAuthorization(got.Header.Get("Authorization"))
	if !ok || id != keyID || !k.Verify(&signature.Message{Method: got.Method, Path: got.URL.Path, Header: got.Header}, sig) {
		t.Errorf("the signature of %s %s with %v does not verify", got.Method, got.URL, got.Header)
	}
}

func TestBareServerDoesWhatItIsAsked(t *testing.T) {
	s := testServer(t, plain{}, answerBare)
	call(t, s, func(c *conn) error {
		for _, err := range []error{
			c.put("k", 3*mib, 1), c.get("k", 3*mib+5), c.get("k", 0), c.head4K("k"), c.delete("k"), c.multipart("k", 2, mib, 1),
		} {
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func TestBodiesHaveTheirSizeAndDiffer(t *testing.T) {
	s := testServer(t, plain{}, answerBare)
	for _, n := range []int64{0, 1, 8, 9, 4096, pieceSize + 8, pieceSize + 9, 3 * mib} {
		a, b := slices.Concat(s.body(n, 1)...), slices.Concat(s.body(n, 2)...)
		if int64(len(a)) != n || n > 1 && string(a) == string(b) {
			t.Errorf("bodies 1 and 2 of %d bytes have %d and %d, equal: %v", n, len(a), len(b), string(a) == string(b))
		}
	}
}

func TestRefusalIsAnError(t *testing.T) {
	s := testServer(t, plain{}, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no room", http.StatusServiceUnavailable) })
	c := dialed(t, s)
	if err := c.put("k", 10, 1); err == nil || !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), "no room") {
		t.Errorf("PUT answered with 503: %v, want an error with status and text", err)
	}
}

func TestShortAnswerIsAnError(t *testing.T) {
	s := testServer(t, plain{}, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "four") })
	c := dialed(t, s)
	if err := c.get("k", 5); err == nil || !strings.Contains(err.Error(), "4 bytes, want 5") {
		t.Errorf("GET of 5 bytes answered with 4: %v, want an error that says so", err)
	}
}

func TestLoadCallsEveryNumberOnce(t *testing.T) {
	s := testServer(t, plain{}, answerBare)
	var mu sync.Mutex
	var got []int64
	r := result{}
	err := r.drive(t.Context(), s, limit{streams: 3, calls: 50, wall: time.Minute}, 100, func(_ *conn, i int64) error {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, i)
		return nil
	})
	slices.Sort(got)
	if err != nil || r.calls != 50 || len(r.latencies) != 50 || len(slices.Compact(got)) != 50 || got[0] != 100 || got[49] != 149 {
		t.Errorf("drive = %v; %d calls, %d latencies, numbers %v; want 100 to 149, each once", err, r.calls, len(r.latencies), got)
	}
}

func TestLoadEndsInTime(t *testing.T) {
	s := testServer(t, plain{}, answerBare)
	var n atomic.Int64
	r := result{}
	err := r.drive(t.Context(), s, limit{streams: 2, calls: 1 << 40, wall: 20 * time.Millisecond}, 0, func(c *conn, i int64) error {
		n.Add(1)
		return c.put("k", 10, i)
	})
	if err != nil || r.calls == 0 || r.calls != n.Load() {
		t.Errorf("drive = %v, %d calls; want no error and the %d that were made", err, r.calls, n.Load())
	}
}

func TestListingsAreCounted(t *testing.T) {
	for name, c := range map[string]struct {
		dialect dialect
		body    string
		want    page
	}{
		"QingStor":         {qingstor{}, `{"name":"b","next_marker":"a/2","keys":[{"key":"a"},{"key":"a/1"}],"common_prefixes":["x/","y/","z/"]}`, page{2, 3, "a/2"}},
		"QingStor, at end": {qingstor{}, `{"next_marker":"","keys":[],"common_prefixes":[]}`, page{}},
		"S3": {s3{}, `<R><NextContinuationToken>t</NextContinuationToken><Contents><Key>a</Key></Contents>` +
			`<CommonPrefixes><Prefix>x/</Prefix></CommonPrefixes></R>`, page{1, 1, "t"}},
		"S3, at end": {s3{}, `<R><IsTruncated>false</IsTruncated></R>`, page{}},
	} {
		if got := c.dialect.page([]byte(c.body)); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestTableIsMarkdown(t *testing.T) {
	var out strings.Builder
	tab := &table{title: "T", head: []string{"a", "long head"}}
	tab.add("wide cell", "1")
	tab.print(&out)
	want := "T\n\n|         a | long head |\n|----------:|----------:|\n| wide cell |         1 |\n\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestSpreadSaysMedianLeastAndMost(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want string
	}{{nil, "-"}, {[]float64{0.05}, "0.0500"}, {[]float64{30, 1, 200}, "30.0 (1.00-200)"}} {
		if got := spread(c.in); got != c.want {
			t.Errorf("spread(%v) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestMemoryIsNoDisk(t *testing.T) {
	if kind, err := fileSystem("/dev/shm"); err != nil || kind != "tmpfs" {
		t.Skipf("/dev/shm is no tmpfs here: %q, %v", kind, err)
	}
	if _, err := parse([]string{"-dir", "/dev/shm", "-minio", ""}); err == nil || !strings.Contains(err.Error(), "tmpfs") {
		t.Errorf("-dir /dev/shm: %v, want a refusal that names the tmpfs", err)
	}
}

func TestCPUOfAProcessGrows(t *testing.T) {
	before, err := cpuSeconds(os.Getpid())
	if err != nil {
		t.Skipf("CPU time is read from /proc: %v", err)
	}
	for after, end := before, time.Now().Add(time.Minute); after < before+2*tick; {
		if err := hashOften(mib, 1); err != nil {
			t.Fatal(err)
		}
		if after, err = cpuSeconds(os.Getpid()); err != nil || time.Now().After(end) {
			t.Fatalf("CPU seconds after a minute of work: %v, %v; before: %v", after, err, before)
		}
	}
}

// testServer returns a server in this process, which nobody started and nobody measures.
func testServer(t *testing.T, d dialect, h http.HandlerFunc) *server {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return &server{name: "test", addr: srv.Listener.Addr().String(), dialect: d, noise: noise(2 * pieceSize)}
}

func dialed(t *testing.T, s *server) *conn {
	t.Helper()
	c, err := dial(context.WithoutCancel(t.Context()), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

func call(t *testing.T, s *server, f func(*conn) error) {
	t.Helper()
	if err := f(dialed(t, s)); err != nil {
		t.Fatal(err)
	}
}
