package transfer

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	ois "github.com/oisproject/ois/sdk/go"
)

// victim runs a transfer in a process of its own, which its parent kills.
func victim(endpoint, what, path, folder string) error {
	c, err := ois.New(ois.Config{Endpoint: endpoint, AccessKeyID: "OISDIGESTEXAMPLEKEY1", SecretAccessKey: "secret"})
	if err != nil {
		return err
	}
	o := small
	o.Checkpoint = folder
	m := New(c.Bucket("photos", ""), o)
	if what == "upload" {
		_, err = m.UploadFile(context.Background(), "k", path, nil)
	} else {
		_, err = m.DownloadFile(context.Background(), "k", path, nil)
	}
	return err
}

// TestMain is the victim of tests that kill it. Else it skips the examples unless OIS_TEST_ENDPOINT
// names a server to run them against, with keys in OIS_ACCESS_KEY_ID and OIS_SECRET_ACCESS_KEY.
func TestMain(m *testing.M) {
	if args := strings.Split(os.Getenv("OIS_TRANSFER_VICTIM"), "\n"); len(args) == 4 {
		if err := victim(args[0], args[1], args[2], args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	flag.Parse()
	if skip := flag.Lookup("test.skip").Value; os.Getenv("OIS_TEST_ENDPOINT") == "" {
		if err := skip.Set(strings.TrimSuffix("^Example|"+skip.String(), "|")); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// A kill runs a victim and kills it when the service gets a call for the n-th time, before
// it answers or when it has answered.
type kill struct {
	s        *service
	endpoint string
	call     string
	n        int
	after    bool

	mu   sync.Mutex
	seen int
	cmd  *exec.Cmd
}

// newKill starts the service.
func newKill(t *testing.T, s *service) *kill {
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return &kill{s: s, endpoint: srv.URL}
}

// run runs the victim.
func (k *kill) run(t *testing.T, what, path, folder string) {
	t.Helper()
	k.s.forget()
	k.cmd = exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	k.cmd.Env = append(os.Environ(), "OIS_TRANSFER_VICTIM="+strings.Join([]string{k.endpoint, what, path, folder}, "\n"))
	var out bytes.Buffer
	k.cmd.Stderr = &out
	k.s.before = func(w http.ResponseWriter, r *http.Request, call string) bool {
		if !strings.HasPrefix(call, k.call) {
			return false
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.seen++; k.seen != k.n {
			return k.seen > k.n // the dead get no answer
		}
		if k.after {
			bucketAndKey := strings.TrimPrefix(r.URL.Path, "/")
			k.s.answer(httptest.NewRecorder(), r, "photos", bucketAndKey)
		}
		_ = k.cmd.Process.Kill() // it may have ended
		return true
	}
	err := k.cmd.Run()
	k.s.before = nil
	if err != nil && k.cmd.ProcessState.Exited() {
		t.Fatalf("%v: %s", err, out.String())
	}
}

func writeFile(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// empty makes sure that nothing is left in a folder.
func empty(t *testing.T, what, folder string) {
	t.Helper()
	if list, err := os.ReadDir(folder); err != nil || len(list) > 0 {
		t.Errorf("%s: left behind: %v, %v", what, list, err)
	}
}

func with(o Options, folder string) Options {
	o.Checkpoint = folder
	return o
}

func TestKilledUploadsGoOn(t *testing.T) {
	data := pattern(21 * mb) // 6 parts
	path := writeFile(t, data)
	type moment struct {
		call  string
		n     int
		after bool
	}
	calls := []moment{{"Initiate", 1, false}, {"Initiate", 1, true}, {"Complete", 1, false}, {"Complete", 1, true}}
	for n := range 6 {
		calls = append(calls, moment{"UploadMultipart", n + 1, n%2 == 0})
	}
	for _, c := range calls {
		name := fmt.Sprintf("%s %d, after %v", c.call, c.n, c.after)
		folder := t.TempDir()
		s := newService()
		k := newKill(t, s)
		k.call, k.n, k.after = c.call, c.n, c.after
		k.run(t, "upload", path, folder)
		there := s.stored()
		s.forget()
		res, err := New(bucketAt(t, k.endpoint, nil), with(small, folder)).UploadFile(t.Context(), "k", path, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		same(t, name, s.object("k"), data)
		for _, call := range s.log() {
			if slices.Contains(there, call) {
				t.Errorf("%s: %s again; the service had %v", name, call, there)
			}
		}
		if want := int64(len(there))*4*mb - 3*mb; res.Resumed < want || res.Size != 21*mb || !res.Verified {
			t.Errorf("%s: %+v; want at least %d bytes resumed", name, res, want)
		}
		if c.call == "Complete" && s.count("UploadMultipart") != 0 {
			t.Errorf("%s: %q", name, s.log())
		}
		empty(t, name, folder)
		if left := s.unfinished(); left > 1 || left == 1 && c.call != "Initiate" {
			t.Errorf("%s: %d uploads are left", name, left)
		}
	}
}

func TestKilledDownloadsGoOn(t *testing.T) {
	data := pattern(21 * mb) // 6 parts
	for n := range 6 {
		folder, dir := t.TempDir(), t.TempDir()
		path := filepath.Join(dir, "file")
		s := newService()
		s.put("k", data)
		k := newKill(t, s)
		k.call, k.n = "GetObject", n+1
		k.run(t, "download", path, folder)
		if _, err := os.Stat(path); err == nil {
			t.Errorf("killed at %d: there is a file", n)
		}
		var done []string
		m := New(bucketAt(t, k.endpoint, nil), with(small, folder))
		about, _ := m.about(Down, "k", path)
		if m.hasNote(about) {
			c, err := openCheckpoint(folder, about)
			if err != nil {
				t.Fatal(err)
			}
			old, err := c.read()
			c.close()
			if err != nil {
				t.Fatal(err)
			}
			for _, span := range old.Done {
				for part := span[0]; part <= span[1]; part++ {
					done = append(done, fmt.Sprintf("GetObject k %d-%d", part*4*mb, min(part*4*mb+4*mb, 21*mb)-1))
				}
			}
		}
		s.forget()
		res, err := m.DownloadFile(t.Context(), "k", path, nil)
		if err != nil {
			t.Errorf("killed at %d: %v", n, err)
			continue
		}
		got, _ := os.ReadFile(path)
		same(t, "file", got, data)
		for _, call := range s.log() {
			if slices.Contains(done, call) {
				t.Errorf("killed at %d: %s again; done were %v", n, call, done)
			}
		}
		if !res.Verified || res.Resumed < int64(len(done))*4*mb-3*mb {
			t.Errorf("killed at %d: %+v, %d were done", n, res, len(done))
		}
		empty(t, "checkpoints", folder)
		if list, _ := os.ReadDir(dir); len(list) != 1 {
			t.Errorf("killed at %d: the folder has %v", n, list)
		}
	}
}

// stored lists the calls whose parts the service has.
func (s *service) stored() (calls []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, parts := range s.uploads {
		for n := range parts {
			calls = append(calls, fmt.Sprintf("UploadMultipart k %d", n))
		}
	}
	return calls
}

// refusing makes a service refuse a call until it is told otherwise.
func refusing(s *service, call string) {
	s.before = func(w http.ResponseWriter, r *http.Request, c string) bool {
		if !strings.HasPrefix(c, call) {
			return false
		}
		refuse(w, http.StatusForbidden, "permission_denied")
		return true
	}
}

// reasons collects why transfers began anew.
func reasons(o *Options) *[]string {
	var list []string
	var mu sync.Mutex
	o.Progress = func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		if e.Kind == Restarted {
			list = append(list, e.Reason)
		}
	}
	return &list
}

func TestUnfinishedTransfersSaySo(t *testing.T) {
	data := pattern(13 * mb)
	path, folder := writeFile(t, data), t.TempDir()
	s := newService()
	m := New(s.bucket(t), with(small, folder))
	refusing(s, "UploadMultipart k 2")
	_, err := m.UploadFile(t.Context(), "k", path, nil)
	var e *UnfinishedError
	if !errors.As(err, &e) || e.UploadID == "" || !strings.Contains(err.Error(), e.UploadID) || !strings.Contains(err.Error(), "can be continued") ||
		!errors.Is(err, ois.ErrPermission) || s.count("Abort") != 0 {
		t.Errorf("upload: %v, calls %q", err, s.log())
	}
	s.put("d", data)
	refusing(s, "GetObject d 8388608-")
	_, err = m.DownloadFile(t.Context(), "d", filepath.Join(t.TempDir(), "f"), nil)
	if e = nil; !errors.As(err, &e) || e.UploadID != "" || !errors.Is(err, ois.ErrPermission) {
		t.Errorf("download: %v", err)
	}
}

func TestTransfersBeginAnewWhenTheSourceChanged(t *testing.T) {
	folder := t.TempDir()
	o := with(small, folder)
	why := reasons(&o)
	path := writeFile(t, pattern(13*mb))
	s := newService()
	m := New(s.bucket(t), o)
	refusing(s, "Complete")
	if _, err := m.UploadFile(t.Context(), "k", path, nil); err == nil {
		t.Fatal("no error")
	}
	s.before = nil
	data := pattern(13*mb + 1)[:13*mb]
	if err := errors.Join(os.WriteFile(path, data, 0o600), os.Chtimes(path, time.Time{}, time.Unix(1e9, 0))); err != nil {
		t.Fatal(err)
	}
	if res, err := m.UploadFile(t.Context(), "k", path, nil); err != nil || res.Resumed != 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	same(t, "upload", s.object("k"), data)
	if s.unfinished() != 0 || len(*why) != 1 || (*why)[0] != "the source has changed" {
		t.Errorf("%d uploads are left, reasons %q", s.unfinished(), *why)
	}

	*why = nil
	file := filepath.Join(t.TempDir(), "f")
	refusing(s, "GetObject k 8388608-")
	if _, err := m.DownloadFile(t.Context(), "k", file, nil); err == nil {
		t.Fatal("no error")
	}
	s.before = nil
	s.put("k", pattern(14*mb))
	if res, err := m.DownloadFile(t.Context(), "k", file, nil); err != nil || res.Resumed != 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	got, _ := os.ReadFile(file)
	same(t, "download", got, pattern(14*mb))
	if len(*why) != 1 || (*why)[0] != "the source has changed" {
		t.Errorf("reasons %q", *why)
	}
	empty(t, "checkpoints", folder)
}

// A file may change and have the time and the size that it had; what is in it decides.
func TestPartsAreComparedBeforeTheyAreLeftOut(t *testing.T) {
	folder := t.TempDir()
	data := pattern(13 * mb)
	path := writeFile(t, data)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	s := newService()
	m := New(s.bucket(t), with(small, folder))
	refusing(s, "Complete")
	if _, err := m.UploadFile(t.Context(), "k", path, nil); err == nil {
		t.Fatal("no error")
	}
	s.before = nil
	s.forget()
	data[5*mb]++
	if err := errors.Join(os.WriteFile(path, data, 0o600), os.Chtimes(path, time.Time{}, info.ModTime())); err != nil {
		t.Fatal(err)
	}
	if res, err := m.UploadFile(t.Context(), "k", path, nil); err != nil || res.Resumed != 9*mb || s.count("UploadMultipart") != 1 {
		t.Errorf("%+v, %v, calls %q", res, err, s.log())
	}
	same(t, "upload", s.object("k"), data)
}

func TestDamagedCheckpointsAreLeftAside(t *testing.T) {
	for _, text := range []string{"", "{}", "null", "[]", "\x00", `{"version":1}`, `{"version":2}`, strings.Repeat("x", maxCheckpoint+1)} {
		folder, dir := t.TempDir(), t.TempDir()
		o := with(small, folder)
		why := reasons(&o)
		data := pattern(9 * mb)
		path := writeFile(t, data)
		s := newService()
		s.put("d", data)
		m := New(s.bucket(t), o)
		up, _ := m.about(Up, "k", path)
		down, _ := m.about(Down, "d", filepath.Join(dir, "f"))
		for _, n := range []*note{up, down} {
			if err := os.WriteFile(filepath.Join(folder, n.id()+".json"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := m.UploadFile(t.Context(), "k", path, nil)
		_, err2 := m.DownloadFile(t.Context(), "d", filepath.Join(dir, "f"), nil)
		if err != nil || err2 != nil || len(*why) != 2 || !strings.Contains((*why)[0], "makes no sense") {
			t.Errorf("%.20q: %v, %v, reasons %q", text, err, err2, *why)
		}
		same(t, "upload", s.object("k"), data)
		empty(t, "checkpoints", folder)
	}
}

func TestOneTransferAtATimeHasACheckpoint(t *testing.T) {
	folder := t.TempDir()
	path := writeFile(t, pattern(9*mb))
	s := newService()
	m := New(s.bucket(t), with(small, folder))
	n, _ := m.about(Up, "k", path)
	c, err := openCheckpoint(folder, n)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.UploadFile(t.Context(), "k", path, nil); !errors.Is(err, errLocked) || s.count("") != 0 {
		t.Errorf("%v, calls %q; want that it is locked", err, s.log())
	}
	c.close()
	if _, err := m.UploadFile(t.Context(), "k", path, nil); err != nil {
		t.Error(err)
	}
}

func TestSmallFilesForgetWhatLargeOnesLeft(t *testing.T) {
	folder := t.TempDir()
	path := writeFile(t, pattern(9*mb))
	s := newService()
	m := New(s.bucket(t), with(small, folder))
	refusing(s, "Complete")
	if _, err := m.UploadFile(t.Context(), "k", path, nil); err == nil || s.unfinished() != 1 {
		t.Fatal(err)
	}
	s.before = nil
	if err := os.WriteFile(path, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := m.UploadFile(t.Context(), "k", path, nil); err != nil || s.unfinished() != 0 {
		t.Errorf("%v, %d uploads are left", err, s.unfinished())
	}
	empty(t, "checkpoints", folder)
}

func TestSpans(t *testing.T) {
	for text, want := range map[string]string{"": "[]", "....": "[]", "x": "[[0 0]]", "xx.x.xxx": "[[0 1] [3 3] [5 7]]", ".x": "[[1 1]]"} {
		var done []bool
		for _, c := range text {
			done = append(done, c == 'x')
		}
		if got := fmt.Sprint(spans(done)); got != want {
			t.Errorf("%q: %s; want %s", text, got, want)
		}
	}
}

func FuzzNote(f *testing.F) {
	f.Add([]byte(`{"version":1,"direction":"upload","endpoint":"e","bucket":"b","key":"k","path":"/p","size":9,"part_size":4194304,"upload_id":"u"}`))
	f.Add([]byte(`{"version":1,"direction":"download","endpoint":"e","bucket":"b","key":"k","path":"/p","size":9,"part_size":2,"etag":"\"e\"","done":[[0,1],[4,4]]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := parseNote(data)
		if err != nil {
			return
		}
		if n.Direction == "upload" && (n.count() < 1 || n.count() > maxParts) {
			t.Errorf("%s: %d parts", data, n.count())
		}
		for _, span := range n.Done {
			if span[0] < 0 || span[0] > span[1] || span[1]*n.PartSize >= max(n.Size, 1) {
				t.Errorf("%s: parts %d to %d", data, span[0], span[1])
			}
		}
		c := &checkpoint{path: filepath.Join(t.TempDir(), "note")}
		if err := c.write(n); err != nil {
			t.Fatal(err)
		}
		back, err := c.read()
		if err != nil || fmt.Sprintf("%+v", back) != fmt.Sprintf("%+v", n) {
			t.Errorf("%+v comes back as %+v, %v", n, back, err)
		}
	})
}
