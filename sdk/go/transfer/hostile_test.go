package transfer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	ois "github.com/oisproject/ois/sdk/go"
)

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// A section is a source whose ReadAt is read.
type section struct {
	*bytes.Reader
	read func(p []byte, off int64) (int, error)
}

func (s section) ReadAt(p []byte, off int64) (int, error) { return s.read(p, off) }

// TestSourcesThatBreakTheRules: they end the upload with an error, not the program, and nothing is left of it.
func TestSourcesThatBreakTheRules(t *testing.T) {
	whole := bytes.NewReader(pattern(9 * mb))
	for what, c := range map[string]struct {
		r    io.Reader
		want string
	}{
		"stream of nothing":    {readerFunc(func([]byte) (int, error) { return 0, nil }), io.ErrNoProgress.Error()},
		"stream of too much":   {readerFunc(func(p []byte) (int, error) { return len(p) + 1, nil }), "says that it has read"},
		"section of nothing":   {section{whole, func([]byte, int64) (int, error) { return 0, nil }}, io.ErrNoProgress.Error()},
		"section of too much":  {section{whole, func(p []byte, _ int64) (int, error) { return len(p) + 1, nil }}, "says that it has read"},
		"section that is less": {section{whole, func(p []byte, off int64) (int, error) { return bytes.NewReader(pattern(5*mb)).ReadAt(p, off) }}, "the source has become shorter"},
	} {
		s := newService()
		_, err := New(s.bucket(t), small).Upload(t.Context(), "k", c.r, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || s.object("k") != nil || s.unfinished() != 0 {
			t.Errorf("%s: %v, %d unfinished uploads; want %q and nothing left", what, err, s.unfinished(), c.want)
		}
	}
}

func TestNoReaderIsNoBytes(t *testing.T) {
	s := newService()
	res, err := New(s.bucket(t), small).Upload(t.Context(), "k", nil, nil)
	if err != nil || res.Size != 0 || s.count("PutObject k") != 1 {
		t.Errorf("%+v, %v, calls %q; want an empty object", res, err, s.log())
	}
}

// TestRangesThatAreTooLarge: they are errors, as those of Get are, and do not end where numbers end.
func TestRangesThatAreTooLarge(t *testing.T) {
	s := newService()
	s.put("k", pattern(9*mb))
	m := New(s.bucket(t), small)
	var buf bytes.Buffer
	res, err := m.Download(t.Context(), "k", &buf, &DownloadOptions{GetOptions: ois.GetOptions{Offset: 1, Length: math.MaxInt64}})
	if err == nil || !strings.Contains(err.Error(), "offset 1 and length 9223372036854775807 are too large") || buf.Len() != 0 {
		t.Errorf("%+v, %v after %d bytes; want an error", res, err, buf.Len())
	}
	_, err = m.Download(t.Context(), "k", &buf, &DownloadOptions{GetOptions: ois.GetOptions{Length: math.MaxInt64}})
	if err != nil || buf.Len() != 9*mb {
		t.Errorf("%v after %d bytes; want all of them", err, buf.Len())
	}
}

// short loses the last byte of everything, and does not say so.
type short struct{ bytes.Buffer }

func (s *short) Write(p []byte) (int, error)                  { return s.Buffer.Write(p[1:]) }
func (s *short) WriteAt(p []byte, _ int64) (n int, err error) { return len(p) - 1, nil }

func TestShortWritesAreNoticed(t *testing.T) {
	s := newService()
	o := small
	o.NoVerify = true // the checksum would tell, too
	m := New(s.bucket(t), o)
	for _, size := range []int{100, 9 * mb} {
		s.put("k", pattern(size))
		if _, err := m.Download(t.Context(), "k", new(short), nil); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("Download of %d bytes: %v", size, err)
		}
		if _, err := m.DownloadAt(t.Context(), "k", new(short), nil); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("DownloadAt of %d bytes: %v", size, err)
		}
	}
}

// TestPartsAreNotLongerThanTheyAre: what a server sends behind a part does not get into the next one.
func TestPartsAreNotLongerThanTheyAre(t *testing.T) {
	s := newService()
	data := pattern(9*mb + 1000)
	s.put("k", data)
	s.intercept(func(w http.ResponseWriter, r *http.Request, call string) bool {
		if !strings.HasPrefix(call, "GetObject") || !strings.HasPrefix(r.Header.Get("Range"), "bytes=8388608-") {
			return false
		}
		w.Header().Set("Etag", s.objects["photos/k"].etag)
		w.Header().Set("Content-Range", "bytes 8388608-9438183/9438184")
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(data[8*mb:]) // a failure shows in the client
		_, _ = w.Write(make([]byte, 40<<10))
		return true
	})
	o := small
	o.NoVerify = true
	path := filepath.Join(t.TempDir(), "file")
	_, err := New(s.bucket(t), o).DownloadFile(t.Context(), "k", path, nil)
	if err == nil {
		got, rerr := os.ReadFile(path)
		if rerr != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes, %v; want %d, or an error", len(got), rerr, len(data))
		}
	}
}

// TestSourcesOfCopiesAreEscaped: no server can take a byte of the name for something else.
func TestSourcesOfCopiesAreEscaped(t *testing.T) {
	s := newService()
	const odd = "a+b c&d=e?f#g%2Fh/i;j@k"
	s.put(odd, pattern(9*mb))
	m := New(s.bucket(t), small)
	m.copyLimit = 4 * mb
	var sources []string
	s.intercept(func(_ http.ResponseWriter, r *http.Request, call string) bool {
		if strings.HasPrefix(call, "CopyPart k 0") {
			sources = append(sources, r.Header.Get("X-Qs-Copy-Source"))
		}
		return false
	})
	const want = "/photos/a%2Bb%20c%26d%3De%3Ff%23g%252Fh/i%3Bj%40k"
	if _, err := m.Copy(t.Context(), "k", odd, nil); err != nil || len(sources) != 1 || sources[0] != want {
		t.Errorf("%v, source %q; want %s", err, sources, want)
	}
}

// TestFilesAreReplacedAsAWhole: as long as a download is under way, and when it has failed, the file is what it was,
// and there is nothing else of it unless it can be continued.
func TestFilesAreReplacedAsAWhole(t *testing.T) {
	for _, size := range []int{100, 9 * mb} {
		for what, broken := range map[string]bool{"fails": true, "goes well": false} {
			s := newService()
			s.put("k", pattern(size))
			if broken {
				s.objects["photos/k"].etag = `"00000000000000000000000000000000"` // which the bytes do not have
			}
			path := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(path, []byte("before"), 0o600); err != nil {
				t.Fatal(err)
			}
			content := func() string {
				data, err := os.ReadFile(path)
				if err != nil {
					t.Error(err)
				}
				return string(data)
			}
			o := small
			o.Progress = func(e Event) {
				if got := content(); e.Kind != Done && got != "before" {
					t.Errorf("%d bytes, %v: the file has %d bytes of something else", size, e.Kind, len(got))
				}
			}
			_, err := New(s.bucket(t), o).DownloadFile(t.Context(), "k", path, nil)
			want := string(pattern(size))
			if broken {
				want = "before"
			}
			if got := content(); errors.Is(err, ErrChecksum) != broken || got != want {
				t.Errorf("a download of %d bytes that %s: %v, and the file has %d bytes", size, what, err, len(got))
			}
			if list, err := os.ReadDir(filepath.Dir(path)); err != nil || len(list) != 1 {
				t.Errorf("the folder has %v, %v; want one file", list, err)
			}
		}
	}
}

// TestUploadsThatBeginWhenTheContextEnds: what the service begins is removed, although nobody waits for it any longer.
func TestUploadsThatBeginWhenTheContextEnds(t *testing.T) {
	data := pattern(13 * mb)
	ways := uploads(t, data)
	ways["copy"] = func(ctx context.Context, m *Manager) error {
		_, err := m.Copy(ctx, "k", "d", nil)
		return err
	}
	for name, way := range ways {
		s := newService()
		s.put("d", data)
		m := New(s.bucket(t), small)
		m.copyLimit = 4 * mb
		ctx, cancel := context.WithCancel(t.Context())
		begun := make(chan struct{})
		s.intercept(func(w http.ResponseWriter, r *http.Request, call string) bool {
			if !strings.HasPrefix(call, "InitiateMultipartUpload") {
				return false
			}
			defer close(begun)
			cancel()
			s.answer(w, r, "photos", "photos/k")
			return true
		})
		err := way(ctx, m)
		<-begun
		if !errors.Is(err, context.Canceled) || s.unfinished() != 0 || s.count("AbortMultipartUpload k") != 1 {
			t.Errorf("%s: %v, %d uploads are left, calls %q; want that it was cancelled and nothing", name, err, s.unfinished(), s.log())
		}
	}
}
