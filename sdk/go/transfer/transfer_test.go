package transfer

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

const mb = 1 << 20

// small are options whose parts are as small as the service allows.
var small = Options{PartSize: 4 * mb, Threshold: 4 * mb, Concurrency: 3}

func TestUploadsArriveWhateverTheyAreMadeOf(t *testing.T) {
	for _, size := range []int{0, 1, 10 << 10, 32 << 10, 4*mb - 1, 4 * mb, 4*mb + 1, 12 * mb, 13*mb + 7} {
		data := pattern(size)
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		inputs := map[string]io.Reader{
			"bytes": bytes.NewReader(data), "string": strings.NewReader(string(data)), "file": f, "path": nil,
			"section": io.NewSectionReader(bytes.NewReader(data), 0, int64(size)),
			"stream":  struct{ io.Reader }{bytes.NewReader(data)}, "half": iotest.HalfReader(bytes.NewReader(data)),
			"data and EOF": iotest.DataErrReader(bytes.NewReader(data)),
		}
		for name, r := range inputs {
			s := newService()
			m := New(s.bucket(t), small)
			var res *Result
			if name == "path" {
				res, err = m.UploadFile(t.Context(), "k", path, nil)
			} else {
				res, err = m.Upload(t.Context(), "k", r, nil)
			}
			if err != nil {
				t.Errorf("%s of %d bytes: %v", name, size, err)
				continue
			}
			same(t, name, s.object("k"), data)
			if res.Size != int64(size) || !res.Verified || res.Key != "k" || res.Bucket != "photos" {
				t.Errorf("%s of %d bytes: result %+v", name, size, res)
			}
			if size < 4*mb && s.count("") != 1 {
				t.Errorf("%s of %d bytes takes %q; want one request", name, size, s.log())
			}
			if size == 12*mb && res.Parts != 3 {
				t.Errorf("%s of %d bytes has %d parts; want 3", name, size, res.Parts)
			}
			if seeker, ok := r.(io.Seeker); ok {
				if at, err := seeker.Seek(0, io.SeekCurrent); err != nil || at != int64(size) {
					t.Errorf("%s stands at %d, %v; want %d", name, at, err, size)
				}
			}
		}
	}
}

func TestDownloadsArriveWhereverTheyGo(t *testing.T) {
	for _, size := range []int{0, 1, 10 << 10, 4*mb - 1, 4 * mb, 4*mb + 1, 12 * mb, 13*mb + 7} {
		s := newService()
		data := pattern(size)
		s.put("k", data)
		m := New(s.bucket(t), small)
		var buf bytes.Buffer
		res, err := m.Download(t.Context(), "k", &buf, nil)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "Download", buf.Bytes(), data)
		if res.Size != int64(size) || !res.Verified {
			t.Errorf("Download of %d bytes: result %+v", size, res)
		}
		path := filepath.Join(t.TempDir(), "file")
		for range 2 { // the second replaces the first
			if res, err = m.DownloadFile(t.Context(), "k", path, nil); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "DownloadFile", got, data)
			if !res.Verified || res.Info.Size != int64(size) {
				t.Errorf("DownloadFile of %d bytes: result %+v", size, res)
			}
		}
		if list, _ := os.ReadDir(filepath.Dir(path)); len(list) != 1 {
			t.Errorf("the folder has %v; want one file", list)
		}
	}
}
