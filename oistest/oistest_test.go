package oistest_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/oisproject/ois/oistest"
	ois "github.com/oisproject/ois/sdk/go"
)

func put(t *testing.T, b *ois.Bucket, key, text string) {
	t.Helper()
	if _, err := b.Put(t.Context(), key, strings.NewReader(text), nil); err != nil {
		t.Fatalf("Put(%q) = %v; want nil", key, err)
	}
}

func get(t *testing.T, b *ois.Bucket, key string) string {
	t.Helper()
	r, err := b.Get(t.Context(), key, nil)
	if err != nil {
		t.Fatalf("Get(%q) = %v; want nil", key, err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("Get(%q): read = %v; want nil", key, err)
	}
	return string(text)
}

func create(t *testing.T, c *ois.Client, name string) *ois.Bucket {
	t.Helper()
	b := c.Bucket(name, "")
	if err := b.Create(t.Context()); err != nil {
		t.Fatalf("Create(%q) = %v; want nil", name, err)
	}
	return b
}

func TestObjectsComeBack(t *testing.T) {
	t.Parallel()
	b := create(t, oistest.New(t).Client(), "test-bucket")
	put(t, b, "a.txt", "hello")
	if got := get(t, b, "a.txt"); got != "hello" {
		t.Errorf("got %q; want hello", got)
	}
}

func TestServersShareNothing(t *testing.T) {
	t.Parallel()
	one, two := oistest.New(t), oistest.New(t)
	create(t, one.Client(), "test-bucket")
	if list, err := two.Client().ListBuckets(t.Context(), nil); err != nil || len(list) > 0 {
		t.Errorf("the second server has buckets %v, %v; want none", list, err)
	}
	stranger, err := ois.New(ois.Config{Endpoint: two.Endpoint, AccessKeyID: one.AccessKeyID, SecretAccessKey: one.SecretAccessKey})
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.CloseIdleConnections()
	if _, err := stranger.ListBuckets(t.Context(), nil); !errors.Is(err, ois.ErrPermission) {
		t.Errorf("the second server answers the keys of the first with %v; want ErrPermission", err)
	}
}

func TestUsersHaveBucketsOfTheirOwn(t *testing.T) {
	t.Parallel()
	srv := oistest.New(t)
	alice := srv.NewUser("alice")
	mine := create(t, alice.Client(), "alices-bucket")
	put(t, mine, "a.txt", "hello")

	if list, err := srv.Client().ListBuckets(t.Context(), nil); err != nil || len(list) > 0 {
		t.Errorf("root has buckets %v, %v; want none", list, err)
	}
	bobs := srv.NewUser("bob").Client().Bucket("alices-bucket", "")
	if _, err := bobs.Head(t.Context(), "a.txt", nil); !errors.Is(err, ois.ErrPermission) {
		t.Errorf("bob's Head = %v; want ErrPermission", err)
	}
	anybodys := srv.AnonymousClient().Bucket("alices-bucket", "")
	if _, err := anybodys.Head(t.Context(), "a.txt", nil); !errors.Is(err, ois.ErrPermission) {
		t.Errorf("anonymous Head = %v; want ErrPermission", err)
	}
	if err := mine.SetACL(t.Context(), ois.GrantAll(ois.Read)); err != nil {
		t.Fatal(err)
	}
	if got := get(t, anybodys, "a.txt"); got != "hello" {
		t.Errorf("anonymous Get = %q; want hello", got)
	}
}

func TestZonesAreThoseOfTheOptions(t *testing.T) {
	t.Parallel()
	srv := oistest.NewWith(t, &oistest.Options{Zones: []string{"aa1", "bb1"}, Domain: "is.example.com"})
	create(t, srv.Client(), "test-bucket")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodHead, srv.Endpoint+"/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "test-bucket.is.example.com"
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := resp.Header.Get("Location"); !strings.Contains(got, "aa1.is.example.com") {
		t.Errorf("HEAD of the bucket is %s to %q; want a redirect to zone aa1", resp.Status, got)
	}
}

// A refused test remembers why it was ended.
type refused struct {
	testing.TB
	why string
}

func (r *refused) Fatalf(format string, args ...any) {
	r.why = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestZonesAreChecked(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	for _, c := range []struct {
		zones []string
		want  string
	}{
		{[]string{"jn1a", "JN1A"}, `zone "JN1A" is not allowed: want 1 to 63 of a-z, 0-9 and -`},
		{[]string{""}, `zone "" is not allowed`},
		{[]string{"-a"}, `zone "-a" is not allowed`},
		{[]string{"a-"}, `zone "a-" is not allowed`},
		{[]string{"a.b"}, `zone "a.b" is not allowed`},
		{[]string{"a\n"}, `zone "a\n" is not allowed`},
		{[]string{strings.Repeat("a", 64)}, `is not allowed`},
		{[]string{"a", "b", "a"}, `zone "a" is there twice`},
	} {
		r, done := &refused{TB: t}, make(chan struct{})
		go func() {
			defer close(done)
			oistest.NewWith(r, &oistest.Options{Zones: c.zones, Dir: dir})
		}()
		if <-done; !strings.Contains(r.why, c.want) {
			t.Errorf("NewWith with zones %q ends the test with %q; want %s", c.zones, r.why, c.want)
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat of the data directory = %v; want that it was not made", err)
	}
}

func TestDataInADirectoryIsKept(t *testing.T) {
	t.Setenv("OIS_ROOT_ACCESS_KEY_ID", "of-another-service")
	t.Setenv("OIS_ROOT_SECRET_ACCESS_KEY", "secret")
	o := &oistest.Options{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)}
	var key string
	t.Run("first", func(t *testing.T) {
		srv := oistest.NewWith(t, o)
		key = srv.AccessKeyID
		put(t, create(t, srv.Client(), "test-bucket"), "a.txt", "hello")
	})
	t.Run("second", func(t *testing.T) {
		srv := oistest.NewWith(t, o)
		if srv.AccessKeyID != key || key == "of-another-service" {
			t.Errorf("the access key is %s; want %s, made for the directory", srv.AccessKeyID, key)
		}
		if got := get(t, srv.Client().Bucket("test-bucket", ""), "a.txt"); got != "hello" {
			t.Errorf("got %q; want hello", got)
		}
	})
}

// TestStartIsFast bounds the best of a few starts. It takes less than a millisecond; a loaded machine and the
// race detector are no reason to fail.
func TestStartIsFast(t *testing.T) {
	best := time.Hour
	for range 10 {
		t.Run("", func(t *testing.T) {
			start := time.Now()
			oistest.New(t)
			best = min(best, time.Since(start))
		})
	}
	t.Logf("the best of 10 starts took %v", best)
	if best > 50*time.Millisecond {
		t.Errorf("the best of 10 starts took %v; want a few milliseconds", best)
	}
}
