package cli

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oisproject/ois/oistest"
	"github.com/oisproject/ois/sdk/go/api"
)

// TestResumedUploads refuses sizes of parts that make no sense, and a file that changes meanwhile.
func TestResumedUploads(t *testing.T) {
	srv := oistest.New(t)
	b := newBucket(t, srv)
	if _, err := srv.Client().API().InitiateMultipartUpload(t.Context(), &api.InitiateMultipartUploadInput{Bucket: b.Name(), Key: "big"}); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(name, bytes.Repeat([]byte("x"), 9<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, size := range []string{"0", "1", "6GiB"} {
		a, _, stderr := clientApp(t, srv, "uploads", "resume", "--part-size", size, name, "ois://my-bucket/big")
		if status := a.run(t.Context()); status != exitUsage {
			t.Errorf("parts of %s: status %d\n%s", size, status, stderr)
		}
	}
	a, _, stderr := clientApp(t, srv, "uploads", "resume", name, "ois://my-bucket/big")
	atRequest(a, func(r *http.Request) bool { return r.Method == http.MethodPut }, func() {
		if err := os.Chtimes(name, time.Time{}, time.Unix(1, 0)); err != nil {
			t.Error(err)
		}
	})
	if status := a.run(t.Context()); status != exitFailed || count(t, b) != 0 || !strings.Contains(stderr.String(), "has changed") {
		t.Errorf("status %d, %d objects; want %d, 0\n%s", status, count(t, b), exitFailed, stderr)
	}
	a, _, stderr = clientApp(t, srv, "uploads", "resume", name, "ois://my-bucket/big")
	if status := a.run(t.Context()); status != exitOK || count(t, b) != 1 {
		t.Errorf("again: status %d, %d objects; want %d, 1\n%s", status, count(t, b), exitOK, stderr)
	}
}
