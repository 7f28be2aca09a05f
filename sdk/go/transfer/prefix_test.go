package transfer

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	ois "github.com/oisproject/ois/sdk/go"
)

// tree lists the files in dir and below, with what is in them.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(name)
		rel, _ := filepath.Rel(dir, name)
		files[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestPrefixesGoUpAndDown(t *testing.T) {
	s := newService()
	m := New(s.bucket(t), small)
	dir := t.TempDir()
	want := map[string]string{"a": "1", "d/b": "2", "d/e/c d?": "3", "empty": "", "large": string(pattern(9 * mb))}
	for name, text := range want {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	res, err := m.UploadPrefix(t.Context(), "p/", dir, nil)
	if err != nil || res.Objects != len(want) || res.Skipped != 1 || res.Bytes != 3+9*mb {
		t.Fatalf("UploadPrefix: %+v, %v", res, err)
	}
	for name, text := range want {
		same(t, name, s.object("p/"+name), []byte(text))
	}
	s.put("p/", nil)
	s.put("p/folder/", nil)
	s.put("q", nil)
	back := t.TempDir()
	res, err = m.DownloadPrefix(t.Context(), "p/", filepath.Join(back, "x", "y"), nil)
	if err != nil || res.Objects != len(want) || res.Skipped != 2 || res.Bytes != 3+9*mb {
		t.Fatalf("DownloadPrefix: %+v, %v", res, err)
	}
	got := tree(t, back)
	for name, text := range want {
		same(t, name, []byte(got["x/y/"+name]), []byte(text))
	}
	if len(got) != len(want) {
		t.Errorf("%d files; want %d", len(got), len(want))
	}
}

func TestKeysDoNotLeaveTheFolder(t *testing.T) {
	s := newService()
	m := New(s.bucket(t), small)
	base := t.TempDir()
	dir, outside := filepath.Join(base, "dir"), filepath.Join(base, "outside")
	if err := errors.Join(os.Mkdir(dir, 0o777), os.Mkdir(outside, 0o777), os.WriteFile(filepath.Join(outside, "file"), nil, 0o600),
		os.Symlink(outside, filepath.Join(dir, "link")), os.Symlink(filepath.Join(outside, "file"), filepath.Join(dir, "flink")),
		os.Symlink("/dev/null", filepath.Join(dir, "device")), os.Mkdir(filepath.Join(dir, "taken"), 0o777)); err != nil {
		t.Fatal(err)
	}
	bad := []string{"../x", "a/../../x", "..", ".", "/abs", "a//b", "a/./b", "a/../b", "link/x", "link/y/z", "flink", "device", "taken", "full/", "nul\x00", "ok/"}
	for _, key := range bad {
		s.put("p/"+key, []byte("evil"))
	}
	s.put("p/good", []byte("good"))
	s.put("p/.../dots", []byte("good"))
	res, err := m.DownloadPrefix(t.Context(), "p/", dir, nil)
	var e *PrefixError
	if !errors.As(err, &e) || e.Count != len(bad) || res.Failed != len(bad) || res.Objects != 2 {
		t.Errorf("%+v, %v; want %d errors", res, err, len(bad))
		for _, f := range e.Failed {
			t.Log(f)
		}
	}
	got := tree(t, base)
	if len(got) != 3 || got["dir/good"] != "good" || got["dir/.../dots"] != "good" || got["outside/file"] != "" {
		t.Errorf("the folders have %q", got)
	}
}

func TestOneFailureDoesNotKeepTheOthers(t *testing.T) {
	s := newService()
	s.before = func(w http.ResponseWriter, _ *http.Request, call string) bool {
		if strings.HasSuffix(call, "object b") || strings.HasPrefix(call, "PutObject b") || strings.HasPrefix(call, "GetObject b") {
			refuse(w, http.StatusForbidden, "permission_denied")
			return true
		}
		return false
	}
	m := New(s.bucket(t), small)
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		s.put(name, []byte(name))
	}
	back := t.TempDir()
	up, err := m.UploadPrefix(t.Context(), "", dir, nil)
	down, err2 := m.DownloadPrefix(t.Context(), "", back, nil)
	for _, err := range []error{err, err2} {
		var e *PrefixError
		if !errors.Is(err, ois.ErrPermission) || !errors.As(err, &e) || e.Count != 1 || !strings.Contains(err.Error(), "photos/b") {
			t.Errorf("%v; want that b was refused", err)
		}
	}
	if up.Objects != 2 || down.Objects != 2 || len(tree(t, back)) != 2 {
		t.Errorf("%+v, %+v, %q; want the two others", up, down, tree(t, back))
	}
}
