package transfer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ois "github.com/oisproject/ois/sdk/go"
)

// TestAgainstServer needs a real server, which OIS_TEST_ENDPOINT names as for the examples.
func TestAgainstServer(t *testing.T) {
	endpoint := os.Getenv("OIS_TEST_ENDPOINT")
	if endpoint == "" {
		t.Skip("OIS_TEST_ENDPOINT names no server")
	}
	cfg, err := ois.DefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cfg.Endpoint = endpoint
	faults := &faults{next: ois.NewTransport()}
	cfg.Transport = faults
	client, err := ois.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b := client.Bucket(fmt.Sprintf("transfer-%x", time.Now().UnixNano()), "")
	if err := b.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := New(b, with(small, t.TempDir()))
	m.copyLimit = 4 * mb
	t.Run("objects", func(t *testing.T) { realObjects(t, m) })
	t.Run("resume", func(t *testing.T) { realResume(t, m, faults) })
	t.Run("keys", func(t *testing.T) { realKeys(t, m) })
	for o, err := range b.Objects(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Remove(t.Context(), o.Key, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Delete(t.Context()); err != nil { // fails if an upload is left
		t.Error(err)
	}
}

// faults is a transport that breaks requests whose address and range have some text in them.
type faults struct {
	next http.RoundTripper
	text string
}

func (f *faults) RoundTrip(r *http.Request) (*http.Response, error) {
	if f.text != "" && strings.Contains(r.Method+" "+r.URL.String()+" "+r.Header.Get("Range"), f.text) {
		return nil, errors.New("the cable is cut")
	}
	return f.next.RoundTrip(r)
}

func realObjects(t *testing.T, m *Manager) {
	for _, size := range []int{0, 10, 4 * mb, 13*mb + 7} {
		data := pattern(size)
		path := writeFile(t, data)
		o := &UploadOptions{PutOptions: ois.PutOptions{ContentType: "image/jpeg", Metadata: map[string]string{"author": "team a"}, StorageClass: "STANDARD_IA"}}
		up, err := m.UploadFile(t.Context(), "d/a+b c", path, o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Upload(t.Context(), "stream", streamOf(data), o); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Copy(t.Context(), "copy", "d/a+b c", nil); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"d/a+b c", "stream", "copy"} {
			var got bytes.Buffer
			down, err := m.Download(t.Context(), key, &got, nil)
			if err != nil {
				t.Fatal(err)
			}
			same(t, key, got.Bytes(), data)
			file := filepath.Join(t.TempDir(), "f")
			if down, err = m.DownloadFile(t.Context(), key, file, nil); err != nil {
				t.Fatal(err)
			}
			text, _ := os.ReadFile(file)
			same(t, key, text, data)
			if i := down.Info; !up.Verified || i.ContentType != "image/jpeg" || i.Metadata["author"] != "team a" || key != "stream" && down.ETag != up.ETag {
				t.Errorf("%s of %d bytes: %+v of %+v", key, size, down, i)
			}
		}
		var got bytes.Buffer
		if _, err := m.Download(t.Context(), "copy", &got, &DownloadOptions{GetOptions: ois.GetOptions{Offset: -5}}); size > 0 && err != nil {
			t.Error(err)
		}
		same(t, "end", got.Bytes(), data[max(0, size-5):])
	}
	if err := realEncrypted(t, m); err != nil {
		t.Error(err)
	}
}

func realEncrypted(t *testing.T, m *Manager) error {
	key, data := bytes.Repeat([]byte("k"), 32), pattern(9*mb)
	if _, err := m.Upload(t.Context(), "secret", bytes.NewReader(data), &UploadOptions{PutOptions: ois.PutOptions{EncryptionKey: key}}); err != nil {
		return err
	}
	if _, err := m.Copy(t.Context(), "secret", "secret", &CopyOptions{CopyOptions: ois.CopyOptions{EncryptionKey: key, SourceEncryptionKey: key}}); err != nil {
		return err
	}
	var got bytes.Buffer
	_, err := m.Download(t.Context(), "secret", &got, &DownloadOptions{GetOptions: ois.GetOptions{EncryptionKey: key}})
	same(t, "secret", got.Bytes(), data)
	if _, err := m.Download(t.Context(), "secret", io.Discard, nil); err == nil {
		t.Error("an encrypted object is read without its key")
	}
	return err
}

func realResume(t *testing.T, m *Manager, f *faults) {
	data := pattern(21 * mb)
	path := writeFile(t, data)
	for _, text := range []string{"part_number=3", "part_number=5", "POST"} {
		f.text = text
		var e *UnfinishedError
		_, err := m.UploadFile(t.Context(), "k", path, nil)
		if text != "POST" && !errors.As(err, &e) {
			t.Errorf("%s: %v; want an upload that can be continued", text, err)
		}
		f.text = ""
		res, err := m.UploadFile(t.Context(), "k", path, nil)
		if err != nil || text != "POST" && res.Resumed == 0 {
			t.Errorf("%s: %+v, %v; want that it goes on", text, res, err)
		}
	}
	file := filepath.Join(t.TempDir(), "f")
	f.text = "bytes=16777216-"
	if _, err := m.DownloadFile(t.Context(), "k", file, nil); err == nil {
		t.Error("no error")
	}
	f.text = ""
	res, err := m.DownloadFile(t.Context(), "k", file, nil)
	if err != nil || res.Resumed < 8*mb {
		t.Errorf("%+v, %v; want that it goes on", res, err)
	}
	got, _ := os.ReadFile(file)
	same(t, "file", got, data)
}

func realKeys(t *testing.T, m *Manager) {
	dir := t.TempDir()
	for _, key := range []string{"p/a", "p/b/c", "p/../../evil", "p//x", "p/"} {
		if _, err := m.b.Put(t.Context(), key, strings.NewReader(key), nil); err != nil {
			t.Fatal(err)
		}
	}
	res, err := m.DownloadPrefix(t.Context(), "p/", filepath.Join(dir, "x"), nil)
	if files := tree(t, dir); err == nil || res.Objects != 2 || len(files) != 2 || files["x/b/c"] != "p/b/c" {
		t.Errorf("%+v, %v, files %q", res, err, files)
	}
	if res, err = m.UploadPrefix(t.Context(), "up/", dir, nil); err != nil || res.Objects != 2 {
		t.Errorf("%+v, %v", res, err)
	}
}
