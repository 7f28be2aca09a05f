package cli

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/oisproject/ois/oistest"
	ois "github.com/oisproject/ois/sdk/go"
)

// contents are the keys of a bucket with what is in them.
func contents(t *testing.T, b *ois.Bucket) string {
	t.Helper()
	var list []string
	for o, err := range b.Objects(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		r, err := b.Get(t.Context(), o.Key, nil)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if cerr := r.Close(); err != nil || cerr != nil {
			t.Fatal(err, cerr)
		}
		list = append(list, fmt.Sprintf("%s=%s", o.Key, data))
	}
	return strings.Join(list, " ")
}

func write(t *testing.T, b *ois.Bucket, key, text string) {
	t.Helper()
	if _, err := b.Put(t.Context(), key, strings.NewReader(text), nil); err != nil {
		t.Error(err)
	}
}

// atRequest calls f before the first request that is like that is sent.
func atRequest(a *app, like func(*http.Request) bool, f func()) {
	var once sync.Once
	a.wrap = func(next http.RoundTripper) http.RoundTripper {
		return around(next, func(r *http.Request) (*http.Response, error) {
			if like(r) {
				once.Do(f)
			}
			return next.RoundTrip(r)
		})
	}
}

// TestMovesOntoThemselvesAreRefused also where they would change something: what is moved is deleted.
func TestMovesOntoThemselvesAreRefused(t *testing.T) {
	srv := oistest.New(t)
	b := newBucket(t, srv, "a")
	for _, args := range []string{
		"mv ois://my-bucket/a ois://my-bucket/a",
		"mv --storage-class STANDARD_IA ois://my-bucket/a ois://my-bucket/a",
		"mv --metadata x=1 ois://my-bucket/a ois://my-bucket/",
		"mv --content-type text/plain ois://my-bucket/a ois://my-bucket",
	} {
		a, _, stderr := clientApp(t, srv, strings.Fields(args)...)
		if status := a.run(t.Context()); status != exitUsage || count(t, b) != 1 {
			t.Fatalf("%s: status %d, %d objects left; want %d, 1\n%s", args, status, count(t, b), exitUsage, stderr)
		}
	}
	a, _, stderr := clientApp(t, srv, "cp", "--metadata", "x=1", "ois://my-bucket/a", "ois://my-bucket/a")
	if status := a.run(t.Context()); status != exitOK {
		t.Errorf("new metadata: status %d\n%s", status, stderr)
	}
}

// TestFoldersAreNotMovedOverThemselves moves x/x/a to where x/a is, which may not have been read yet.
func TestFoldersAreNotMovedOverThemselves(t *testing.T) {
	for _, verb := range []string{"mv", "cp"} {
		srv := oistest.New(t)
		b := newBucket(t, srv)
		write(t, b, "x/a", "outer")
		write(t, b, "x/x/a", "inner")
		a, _, stderr := clientApp(t, srv, verb, "-r", "ois://my-bucket/x", "ois://my-bucket")
		status := a.run(t.Context())
		want := map[string]string{"mv": "a=outer x/x/a=inner", "cp": "a=outer x/a=outer x/x/a=inner"}[verb]
		if got := contents(t, b); status != exitFailed || got != want || !strings.Contains(stderr.String(), "x/a is in the source itself") {
			t.Errorf("%s: status %d, %s; want %d, %s\n%s", verb, status, got, exitFailed, want, stderr)
		}
	}
}

// TestMovesKeepWhatWasReplaced writes an object anew after it was read, and before it is deleted.
func TestMovesKeepWhatWasReplaced(t *testing.T) {
	srv := oistest.New(t)
	b := newBucket(t, srv)
	for _, to := range []string{t.TempDir(), "ois://my-bucket/y"} {
		write(t, b, "x/a", "text")
		write(t, b, "x/b", "text")
		a, _, stderr := clientApp(t, srv, "mv", "-r", "--storage-class", "STANDARD_IA", "ois://my-bucket/x", to)
		atRequest(a, func(r *http.Request) bool { return r.Method == http.MethodHead }, func() { write(t, b, "x/a", "other") })
		status := a.run(t.Context())
		if got := contents(t, b); status != exitFailed || !strings.HasPrefix(got, "x/a=other") || strings.Contains(got, "x/b") {
			t.Errorf("to %s: status %d, %s; want %d, x/a\n%s", to, status, got, exitFailed, stderr)
		}
	}
}

// TestMovesOfWhatIsGone deletes an object in between: that is what the command wants.
func TestMovesOfWhatIsGone(t *testing.T) {
	srv := oistest.New(t)
	b := newBucket(t, srv, "x/a", "x/b")
	a, _, stderr := clientApp(t, srv, "mv", "-r", "ois://my-bucket/x", t.TempDir())
	atRequest(a, func(r *http.Request) bool { return r.Method == http.MethodHead }, func() {
		if err := b.Remove(t.Context(), "x/a", nil); err != nil {
			t.Error(err)
		}
	})
	if status := a.run(t.Context()); status != exitOK || count(t, b) != 0 {
		t.Errorf("status %d, %d left\n%s", status, count(t, b), stderr)
	}
}

// TestAFolderThatHasBytes copies an object whose key is that of the folder. It is not left out in silence.
func TestAFolderThatHasBytes(t *testing.T) {
	srv := oistest.New(t)
	b := newBucket(t, srv, "x/", "x/a")
	for _, test := range []struct {
		args   string
		status int
	}{
		{"cp -r ois://my-bucket/x ois://my-bucket/y", exitOK},
		{"sync ois://my-bucket/x ois://my-bucket/z", exitOK},
		{"cp -r ois://my-bucket/x " + t.TempDir(), exitFailed},
		{"sync ois://my-bucket/x " + t.TempDir(), exitFailed},
	} {
		a, _, stderr := clientApp(t, srv, strings.Fields(test.args)...)
		if status := a.run(t.Context()); status != test.status {
			t.Errorf("%s: status %d; want %d\n%s", test.args, status, test.status, stderr)
		}
	}
	if got, want := contents(t, b), "x/=text x/a=text y/=text y/a=text z/=text z/a=text"; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
}

// TestErrorsOfDeletionsCount answers with errors that name no version, or nothing that was asked for.
func TestErrorsOfDeletionsCount(t *testing.T) {
	srv := oistest.New(t)
	newBucket(t, srv, "a")
	for _, key := range []string{"a", "b"} {
		a, _, stderr := clientApp(t, srv, "rm", "--version-id", "v1", "ois://my-bucket/a")
		a.wrap = func(next http.RoundTripper) http.RoundTripper {
			return around(next, func(r *http.Request) (*http.Response, error) {
				if r.Method != http.MethodPost {
					return next.RoundTrip(r)
				}
				text := fmt.Sprintf(`{"deleted":[],"errors":[{"key":%q,"code":"permission_denied","message":"no"}]}`, key)
				return &http.Response{
					StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, ContentLength: int64(len(text)),
					Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(text)),
				}, nil
			})
		}
		if status := a.run(t.Context()); status == exitOK {
			t.Errorf("an error about %q: status %d\n%s", key, status, stderr)
		}
	}
}

// TestAcrossByChecksum lets the source get other bytes whose time is older than that of the copy.
func TestAcrossByChecksum(t *testing.T) {
	srv := oistest.New(t)
	b := newBucket(t, srv)
	write(t, b, "s/a", "new2")
	write(t, b, "t/a", "old1")
	a, _, stderr := clientApp(t, srv, "sync", "ois://my-bucket/s", "ois://my-bucket/t")
	if status, got := a.run(t.Context()), contents(t, b); status != exitOK || got != "s/a=new2 t/a=new2" {
		t.Errorf("status %d, %s\n%s", status, got, stderr)
	}
}

// TestFilesThatChangeWhileTheyAreUploaded changes a file when it was read and its object is not there yet: the object would look younger than the change.
func TestFilesThatChangeWhileTheyAreUploaded(t *testing.T) {
	srv := oistest.New(t)
	b := newBucket(t, srv)
	dir := t.TempDir()
	name := filepath.Join(dir, "a")
	put := func(text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
	for _, always := range []bool{false, true} {
		put("old")
		a, _, stderr := clientApp(t, srv, "mv", name, "ois://my-bucket")
		n := 0
		a.wrap = func(next http.RoundTripper) http.RoundTripper {
			return around(next, func(r *http.Request) (*http.Response, error) {
				res, err := next.RoundTrip(r)
				if n++; r.Method == http.MethodPut && (always || n == 1) {
					put(fmt.Sprintf("new%d", n))
				}
				return res, err
			})
		}
		status := a.run(t.Context())
		_, err := os.Stat(name)
		if got := contents(t, b); !always && (status != exitOK || got != "a=new1" || err == nil) {
			t.Errorf("status %d, %s, the file: %v\n%s", status, got, err, stderr)
		}
		if always && (status != exitFailed || err != nil) {
			t.Errorf("of a file that goes on changing: status %d, the file: %v\n%s", status, err, stderr)
		}
	}
}

// TestPathsAreTakenAsTheyAre has a link before "..": without both, that is another folder.
func TestPathsAreTakenAsTheyAre(t *testing.T) {
	srv := oistest.New(t)
	b := newBucket(t, srv)
	dir := t.TempDir()
	for name, text := range map[string]string{"far/deep/f": "", "far/d/f": "right", "d/f": "wrong"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join("far", "deep"), filepath.Join(dir, "link")); err != nil {
		t.Skip(err)
	}
	there := dir + "/link/../d"
	for _, args := range [][]string{
		{"cp", there + "/f", "ois://my-bucket/one"},
		{"sync", there, "ois://my-bucket/all"},
		{"cp", "ois://my-bucket/one", there + "/down"},
		{"cp", "--continue", "ois://my-bucket/one", there + "/on"},
		{"mv", there + "/f", "ois://my-bucket/two"},
	} {
		a, _, stderr := clientApp(t, srv, args...)
		if status := a.run(t.Context()); status != exitOK {
			t.Errorf("%v: status %d\n%s", args, status, stderr)
		}
	}
	if got, want := contents(t, b), "all/f=right one=right two=right"; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
	for _, name := range []string{"far/d/down", "far/d/on", "d/f"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}
