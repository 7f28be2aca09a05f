package transfer

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Two downloads to one file that do not know of each other, since their checkpoints lie in different folders.
func TestDownloadsWithCheckpointsOfTheirOwnDoNotMix(t *testing.T) {
	s := newService()
	b := s.direct(t)
	data := pattern(13 * mb)
	if _, err := New(b, small).Upload(t.Context(), "k", bytes.NewReader(data), nil); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "file")
	hold, held := make(chan struct{}), make(chan struct{})
	n := 0
	s.intercept(func(_ http.ResponseWriter, _ *http.Request, call string) bool {
		if strings.HasPrefix(call, "GetObject k 4194304-") {
			if n++; n == 1 {
				close(held)
				<-hold
			}
		}
		return false
	})
	first := make(chan error, 1)
	go func() {
		_, err := New(b, Options{PartSize: 4 * mb, Concurrency: 1, Checkpoint: t.TempDir()}).DownloadFile(t.Context(), "k", path, nil)
		first <- err
	}()
	<-held
	_, err := New(b, Options{PartSize: 4 * mb, Concurrency: 1, Checkpoint: t.TempDir()}).DownloadFile(t.Context(), "k", path, nil)
	close(hold)
	if ferr := <-first; err != nil || ferr != nil {
		t.Errorf("second: %v; first: %v", err, ferr)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, data) {
		t.Errorf("the file has other bytes: %v", err)
	}
}
