package ois

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/iotest"
	"time"
)

// shelf is a service with the objects of one bucket, by key.
type shelf map[string]string

const shelved = "Tue, 05 Mar 2024 08:15:30 GMT"

func (s shelf) serve(_ int, w http.ResponseWriter, r *http.Request) {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	key, _ := url.PathUnescape(strings.TrimPrefix(path, "/photos-1")) // a test's own
	if key = strings.TrimPrefix(key, "/"); key == "" {
		values, _ := url.ParseQuery(query) // the same
		s.list(w, values)
		return
	}
	text, ok := s[key]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		if r.Method != http.MethodHead {
			_, _ = io.WriteString(w, `{"code":"object_not_exists"}`)
		}
		return
	}
	w.Header().Set("Last-Modified", shelved)
	serveObject(w, r, text, fmt.Sprintf(`"%x"`, text), 0)
}

// list answers with a page, as the service does: limit counts keys and prefixes.
func (s shelf) list(w http.ResponseWriter, q url.Values) {
	prefix, delimiter, marker := q.Get("prefix"), q.Get("delimiter"), q.Get("marker")
	limit, _ := strconv.Atoi(q.Get("limit")) // 0 is the default
	limit = min(cmp.Or(limit, 3), 3)         // so that there are pages
	modified, _ := http.ParseTime(shelved)
	var keys, prefixes []string
	last, more := "", false
	for _, key := range slices.Sorted(mapKeys(s)) {
		entry, folded := key, false
		if rest, ok := strings.CutPrefix(key, prefix); !ok {
			continue
		} else if i := strings.Index(rest, delimiter); delimiter != "" && i >= 0 {
			entry, folded = key[:len(prefix)+i+1], true
		}
		if entry <= marker || entry == last {
			continue
		}
		if len(keys)+len(prefixes) == limit {
			more = true
			break
		}
		if last = entry; folded {
			prefixes = append(prefixes, strconv.Quote(entry))
		} else {
			keys = append(keys, fmt.Sprintf(`{"key":%q,"size":%d,"etag":"\"%x\"","modified":%d}`, key, len(s[key]), s[key], modified.Unix()))
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"keys":[%s],"common_prefixes":[%s],"has_more":%v,"next_marker":%q}`,
		strings.Join(keys, ","), strings.Join(prefixes, ","), more, last)
}

func mapKeys(s shelf) func(func(string) bool) {
	return func(yield func(string) bool) {
		for key := range s {
			if !yield(key) {
				return
			}
		}
	}
}

func TestFileReadsLikeAFile(t *testing.T) {
	for _, text := range []string{"", "x", "the quick brown fox"} {
		_, srv := serve(t, shelf{"docs/fox": text}.serve)
		f, err := client(t, srv, nil).Bucket("photos-1", "").File(t.Context(), "docs/fox", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(f, []byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		info, err := f.Stat()
		if err != nil || info.Name() != "fox" || info.Size() != int64(len(text)) || info.Mode() != 0o444 || info.ModTime().Format(http.TimeFormat) != shelved {
			t.Errorf("Stat: %v, %v", info, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		_, errRead := f.Read(make([]byte, 1))
		_, errReadAt := f.ReadAt(make([]byte, 1), 0)
		_, errSeek := f.Seek(0, io.SeekStart)
		_, errStat := f.Stat()
		for what, err := range map[string]error{"Read": errRead, "ReadAt": errReadAt, "Seek": errSeek, "Stat": errStat, "Close": f.Close()} {
			if !errors.Is(err, fs.ErrClosed) {
				t.Errorf("%s after Close: %v; want fs.ErrClosed", what, err)
			}
		}
	}
}

// TestFileAsksForWhatIsRead: each ReadAt is one request for its bytes, reading on is one in all, and
// all have the condition.
func TestFileAsksForWhatIsRead(t *testing.T) {
	rec, srv := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) { serveObject(w, r, alphabet, `"e"`, 0) })
	f, err := client(t, srv, nil).Bucket("photos-1", "").File(t.Context(), "k", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var wg sync.WaitGroup
	for i := range 8 { // at once
		wg.Add(1)
		go func() {
			defer wg.Done()
			p, off := make([]byte, 1000), int64(i*1001)
			if n, err := f.ReadAt(p, off); err != nil || string(p) != alphabet[off:off+1000] {
				t.Errorf("ReadAt %d: %d bytes, %v", off, n, err)
			}
		}()
	}
	wg.Wait()
	if n, err := f.ReadAt(make([]byte, 100), int64(len(alphabet)-10)); n != 10 || !isEOF(err) {
		t.Errorf("ReadAt over the end: %d, %v; want 10 and io.EOF", n, err)
	}
	if _, err := f.Seek(-52, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(iotest.OneByteReader(f)); err != nil || string(data) != alphabet[:52] {
		t.Errorf("the end: %q, %v", data, err)
	}
	list := rec.requests()
	if len(list) != 1+8+1+1 || list[0].Method != http.MethodHead {
		t.Errorf("%d requests, the first a %s; want HEAD and one for each read", len(list), list[0].Method)
	}
	for _, s := range list[1:] {
		if s.Header.Get("If-Match") != `"e"` || s.Header.Get("Range") == "" {
			t.Errorf("%s has Range %q and If-Match %q", s.Method, s.Header.Get("Range"), s.Header.Get("If-Match"))
		}
	}
}

// TestFileIsOfOneObject: bytes of another object are never yielded, whether the server heeds the
// condition or not.
func TestFileIsOfOneObject(t *testing.T) {
	for _, heeds := range []bool{true, false} {
		_, srv := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
			if !heeds {
				r.Header.Del("If-Match")
			}
			serveObject(w, r, alphabet, map[bool]string{true: `"old"`, false: `"new"`}[n <= 2], 0)
		})
		f, err := client(t, srv, quickly).Bucket("photos-1", "").File(t.Context(), "k", nil)
		if err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 10)
		if _, err := f.ReadAt(p, 5); err != nil {
			t.Fatal(err)
		}
		_, errAt := f.ReadAt(p, 0)
		n, err := f.Read(p)
		for _, err := range []error{errAt, err} {
			var e *Error
			if !errors.As(err, &e) || !errors.Is(err, ErrPrecondition) || !strings.Contains(err.Error(), "replaced while it was read") || n != 0 {
				t.Errorf("server that heeds conditions %v: %d bytes, %v; want ErrPrecondition", heeds, n, err)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestFileRefuses(t *testing.T) {
	tests := []struct {
		name   string
		status int
		header []string
		want   string
	}{
		{"no ETag", 200, []string{"Content-Length", "3"}, "without an ETag"},
		{"weak ETag", 200, []string{"Content-Length", "3", "ETag", `W/"e"`}, "without an ETag"},
		{"no size", 200, []string{"ETag", `"e"`}, "does not tell the size"},
		{"nothing there", 404, nil, "404"},
	}
	for _, test := range tests {
		b := answering(t, test.status, "", test.header...)
		_, err := b.File(t.Context(), "k", nil)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %q", test.name, err, test.want)
		}
	}
	b := answering(t, 200, "", "Content-Length", "3", "ETag", `"e"`)
	f, err := b.File(t.Context(), "k", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, errWhence := f.Seek(0, 3)
	_, errBefore := f.Seek(-1, io.SeekStart)
	_, errAt := f.ReadAt(nil, -1)
	for want, err := range map[string]error{"seek from 3": errWhence, "before the first byte": errBefore, "offset -1 is negative": errAt} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want %q", err, want)
		}
	}
}

// answering is a bucket whose requests all get the same answer.
func answering(t *testing.T, status int, body string, header ...string) *Bucket {
	t.Helper()
	return client(t, nil, func(c *Config) {
		c.Retry = quick
		c.Transport = roundTrip(func(*http.Request) (*http.Response, error) { return reply(status, body, header...), nil })
	}).Bucket("photos-1", "")
}

// TestRangesThatWereNotAskedFor: a server that answers with other bytes is not believed.
func TestRangesThatWereNotAskedFor(t *testing.T) {
	tests := []struct {
		opts GetOptions
		got  string
		ok   bool
	}{
		{GetOptions{Offset: 2, Length: 3}, "bytes 2-4/10", true},
		{GetOptions{Offset: 2, Length: 3}, "bytes 2-3/4", true},
		{GetOptions{Offset: 2, Length: 3}, "bytes 1-3/10", false},
		{GetOptions{Offset: 2, Length: 3}, "bytes 2-5/10", false},
		{GetOptions{Offset: 2}, "bytes 3-9/10", false},
		{GetOptions{Length: 3}, "bytes 1-3/10", false},
		{GetOptions{Offset: -3}, "bytes 7-9/10", true},
		{GetOptions{Offset: -30}, "bytes 0-9/10", true},
		{GetOptions{Offset: -3}, "bytes 6-9/10", false},
	}
	for _, test := range tests {
		first, last, _, err := parseContentRange(test.got)
		if err != nil {
			t.Fatal(err)
		}
		b := answering(t, 206, strings.Repeat("x", int(last-first+1)), "ETag", `"e"`, "Content-Range", test.got)
		r, err := b.Get(t.Context(), "k", &test.opts)
		if (err == nil) != test.ok {
			t.Errorf("%+v answered by %q: %v; want success %v", test.opts, test.got, err, test.ok)
		}
		if err == nil {
			r.Close()
		}
	}
}

func TestFSIsAFileSystem(t *testing.T) {
	s := shelf{
		"index.html": "<html>", "a/b/c.txt": "c", "a/b-c": "1", "a/b.d/e": "2", "a/z": "", "empty/": "", "日本語/🎉": "party",
		// What is no file name, or hidden by a file of the same name.
		`back\slash`: "3", "a//b": "x", "/lead": "x", "a/../b": "x", "..": "x", ".": "x", "a/./z": "x", "file": "f", "file-1": "x", "file-2": "x", "file-3": "x", "file.4": "x", "file/below": "g",
	}
	_, srv := serve(t, s.serve)
	fsys := client(t, srv, nil).Bucket("photos-1", "").FS(t.Context())
	if err := fstest.TestFS(fsys, "index.html", "a/b/c.txt", "a/b-c", "a/b.d/e", "a/z", "empty", "日本語/🎉", "file"); err != nil {
		t.Error(err)
	}
	var names []string
	err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, path)
		}
		return err
	})
	want := []string{"a/b/c.txt", "a/b-c", "a/b.d/e", "a/z", "file", "file-1", "file-2", "file-3", "file.4", "index.html", "日本語/🎉"}
	if err != nil || !slices.Equal(names, want) {
		t.Errorf("WalkDir: %q, %v; want %q", names, err, want)
	}
	if data, err := fs.ReadFile(fsys, "file/below"); err != nil || string(data) != "g" {
		t.Errorf("file below a file: %q, %v; want it by name", data, err)
	}
}

func TestFSRefuses(t *testing.T) {
	rec, srv := serve(t, shelf{"a//b": "x", "/lead": "x", "..": "x", "d/x": "y", "f": "z"}.serve)
	fsys := client(t, srv, nil).Bucket("photos-1", "").FS(t.Context())
	for _, name := range []string{"", "/lead", "a//b", "..", "../a", "d/", "./d", "d/../f", "\xff", `d\x`} {
		_, errOpen := fsys.Open(name)
		_, errStat := fsys.Stat(name)
		_, errRead := fsys.ReadFile(name)
		_, errDir := fsys.ReadDir(name)
		_, errSub := fsys.Sub(name)
		for op, err := range map[string]error{"open": errOpen, "stat": errStat, "read": errRead, "readdir": errDir, "sub": errSub} {
			var e *fs.PathError
			if !errors.As(err, &e) || !errors.Is(err, fs.ErrInvalid) || e.Path != name || e.Op != op {
				t.Errorf("%s of %q: %v; want fs.ErrInvalid", op, name, err)
			}
		}
	}
	if n := len(rec.requests()); n > 0 {
		t.Errorf("%d requests were sent", n)
	}
	_, errMissing := fsys.Stat("missing")
	_, errMissingDir := fsys.ReadDir("missing")
	_, errReadDir := fsys.ReadFile("d")
	_, errDirOfFile := fsys.ReadDir("f")
	_, errRoot := fsys.ReadFile(".")
	for want, list := range map[error][]error{fs.ErrNotExist: {errMissing, errMissingDir}, errIsDir: {errReadDir, errRoot}, errNotDir: {errDirOfFile}} {
		for _, err := range list {
			var e *fs.PathError
			if !errors.As(err, &e) || !errors.Is(err, want) {
				t.Errorf("got %v; want %v", err, want)
			}
		}
	}
}

// TestFSWithoutTheRightToList: who may only read objects learns what is missing.
func TestFSWithoutTheRightToList(t *testing.T) {
	s := shelf{"f": "z"}
	_, srv := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.RequestURI, "?") {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"code":"permission_denied"}`)
			return
		}
		s.serve(n, w, r)
	})
	fsys := client(t, srv, nil).Bucket("photos-1", "").FS(t.Context())
	if _, err := fsys.Open("missing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v; want fs.ErrNotExist", err)
	}
	if data, err := fsys.ReadFile("f"); err != nil || string(data) != "z" {
		t.Errorf("f: %q, %v", data, err)
	}
	if _, err := fsys.ReadDir("."); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("list: %v; want fs.ErrPermission", err)
	}
}

// TestDirectoriesComePieceByPiece: a page of a large directory is asked for when it is needed.
func TestDirectoriesComePieceByPiece(t *testing.T) {
	s := shelf{}
	for i := range 9 {
		s[fmt.Sprintf("d/%d", i)] = "x"
	}
	rec, srv := serve(t, s.serve)
	f, err := client(t, srv, nil).Bucket("photos-1", "").FS(t.Context()).Open("d")
	if err != nil {
		t.Fatal(err)
	}
	before := len(rec.requests())
	list, err := f.(fs.ReadDirFile).ReadDir(2)
	if err != nil || len(list) != 2 || len(rec.requests())-before != 1 {
		t.Errorf("%d entries, %v after %d requests; want 2 after 1", len(list), err, len(rec.requests())-before)
	}
	list, err = f.(fs.ReadDirFile).ReadDir(0)
	if err != nil || len(list) != 7 {
		t.Errorf("the rest: %d entries, %v; want 7", len(list), err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := f.(fs.ReadDirFile).ReadDir(0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("ReadDir after Close: %v", err)
	}
}

func TestFileInfo(t *testing.T) {
	want := fileInfo{name: "d", dir: true}
	if info := fs.FileInfoToDirEntry(&want); info.Type() != fs.ModeDir || !strings.HasPrefix((&want).String(), "dr-xr-xr-x 0 ") {
		t.Errorf("directory: %v", &want)
	}
	if !want.ModTime().Equal(time.Time{}) {
		t.Errorf("directory of %v; nobody knows when it was made", want.ModTime())
	}
}
