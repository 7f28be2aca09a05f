package transfer

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	ois "github.com/oisproject/ois/sdk/go"
)

// streamOf hides everything but Read.
func streamOf(data []byte) io.Reader { return struct{ io.Reader }{bytes.NewReader(data)} }

// uploads are the ways to send bytes.
func uploads(t *testing.T, data []byte) map[string]func(context.Context, *Manager) error {
	path := writeFile(t, data)
	return map[string]func(context.Context, *Manager) error{
		"file": func(ctx context.Context, m *Manager) error {
			_, err := m.UploadFile(ctx, "k", path, nil)
			return err
		},
		"reader": func(ctx context.Context, m *Manager) error {
			_, err := m.Upload(ctx, "k", bytes.NewReader(data), nil)
			return err
		},
		"stream": func(ctx context.Context, m *Manager) error {
			_, err := m.Upload(ctx, "k", streamOf(data), nil)
			return err
		},
	}
}

func TestAPartThatFailsEndsTheUpload(t *testing.T) {
	for name, up := range uploads(t, pattern(41*mb)) {
		s := newService()
		m := New(s.bucket(t), small)
		s.intercept(func(w http.ResponseWriter, _ *http.Request, call string) bool {
			if call == "UploadMultipart k 3" {
				refuse(w, http.StatusInternalServerError, "internal_error")
				return true
			}
			return false
		})
		err := up(t.Context(), m)
		var e *ois.Error
		if !errors.As(err, &e) || e.Code != "internal_error" || !strings.Contains(err.Error(), "part 3") || errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v; want the error of part 3", name, err)
		}
		calls := s.log()
		if s.count("AbortMultipartUpload") != 1 || s.unfinished() != 0 || calls[len(calls)-1] != "AbortMultipartUpload k" {
			t.Errorf("%s: calls %q", name, calls)
		}
		if m.memory.free != m.o.Memory || len(m.slots) != 0 {
			t.Errorf("%s: %d of %d bytes are free, %d workers are busy", name, m.memory.free, m.o.Memory, len(m.slots))
		}
	}
}

func TestCancelledTransfersLeaveNothing(t *testing.T) {
	data := pattern(41 * mb)
	ways := uploads(t, data)
	dir := t.TempDir()
	ways["download file"] = func(ctx context.Context, m *Manager) error {
		_, err := m.DownloadFile(ctx, "d", filepath.Join(dir, "f"), nil)
		return err
	}
	ways["download"] = func(ctx context.Context, m *Manager) error {
		_, err := m.Download(ctx, "d", io.Discard, nil)
		return err
	}
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
		s.intercept(func(_ http.ResponseWriter, _ *http.Request, call string) bool {
			if strings.HasSuffix(call, "k 3") || strings.HasPrefix(call, "GetObject d 12582912-") {
				cancel()
			}
			return false
		})
		if err := way(ctx, m); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v; want that it was cancelled", name, err)
		}
		cancel()
		if s.unfinished() != 0 || s.object("k") != nil {
			t.Errorf("%s: %d uploads are left, calls %q", name, s.unfinished(), s.log())
		}
		if m.memory.free != m.o.Memory || len(m.slots) != 0 {
			t.Errorf("%s: %d of %d bytes are free, %d workers are busy", name, m.memory.free, m.o.Memory, len(m.slots))
		}
	}
	empty(t, "folder", dir)
}

func TestWhatIsMissingIsNotFound(t *testing.T) {
	s := newService()
	m := New(s.bucket(t), small)
	dir := t.TempDir()
	_, err := m.Download(t.Context(), "none", io.Discard, nil)
	_, err2 := m.DownloadFile(t.Context(), "none", filepath.Join(dir, "f"), nil)
	_, err3 := m.Copy(t.Context(), "k", "none", nil)
	for _, err := range []error{err, err2, err3} {
		if !errors.Is(err, ois.ErrNotFound) {
			t.Errorf("%v; want that there is no object", err)
		}
	}
	if _, err := m.UploadFile(t.Context(), "k", filepath.Join(dir, "none"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v; want that there is no file", err)
	}
	if len(m.slots) != 0 {
		t.Errorf("%d workers are busy", len(m.slots))
	}
	empty(t, "folder", dir)
}

func TestALostAnswerOfCompleteIsNoFailure(t *testing.T) {
	data := pattern(9 * mb)
	for name, test := range map[string]struct {
		done  bool // the service acts before its answer gets lost
		fails int  // how often
		works bool
	}{
		"done":        {true, 1, true},
		"not done":    {false, 1, true},
		"never":       {false, 100, false},
		"never again": {false, 3, true},
	} {
		s := newService()
		var n atomic.Int64
		s.intercept(func(w http.ResponseWriter, r *http.Request, call string) bool {
			if call != "CompleteMultipartUpload k" || n.Add(1) > int64(test.fails) {
				return false
			}
			if test.done {
				s.complete(discard{http.Header{}}, r, "photos/k", r.URL.Query().Get("upload_id"))
			}
			panic(http.ErrAbortHandler)
		})
		res, err := New(s.bucket(t), small).Upload(t.Context(), "k", bytes.NewReader(data), nil)
		if test.works != (err == nil) {
			t.Errorf("%s: %v, calls %q", name, err, s.log())
			continue
		}
		if test.works {
			same(t, name, s.object("k"), data)
			if res.ETag != s.objects["photos/k"].etag {
				t.Errorf("%s: %+v", name, res)
			}
		}
		if s.unfinished() != 0 {
			t.Errorf("%s: %d uploads are left", name, s.unfinished())
		}
	}
}

// discard is where an answer gets lost.
type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

func TestAnObjectOfSomebodyElseIsNoSuccess(t *testing.T) {
	s := newService()
	s.intercept(func(_ http.ResponseWriter, r *http.Request, call string) bool {
		if call != "CompleteMultipartUpload k" {
			return false
		}
		s.mu.Lock()
		delete(s.uploads, r.URL.Query().Get("upload_id")) // somebody aborts it
		s.mu.Unlock()
		s.put("k", pattern(9*mb + 1)[:9*mb])
		panic(http.ErrAbortHandler)
	})
	_, err := New(s.bucket(t), small).Upload(t.Context(), "k", bytes.NewReader(pattern(9*mb)), nil)
	if err == nil || !strings.Contains(err.Error(), "not the one of it") {
		t.Errorf("%v; want that the object is another", err)
	}
}

func TestDamageIsNoticed(t *testing.T) {
	for _, size := range []int{100, 13 * mb} {
		data := pattern(size)
		damage := func(etag string) func(w http.ResponseWriter, r *http.Request, call string) bool {
			return func(w http.ResponseWriter, r *http.Request, call string) bool {
				if r.Method != http.MethodPut {
					return false
				}
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("ETag", etag)
				w.WriteHeader(http.StatusCreated)
				return true
			}
		}
		for name, up := range uploads(t, data) {
			s := newService()
			s.intercept(damage(`"d41d8cd98f00b204e9800998ecf8427e"`))
			if err := up(t.Context(), New(s.bucket(t), small)); !errors.Is(err, ErrChecksum) || s.unfinished() != 0 {
				t.Errorf("%s of %d bytes: %v; want a wrong checksum", name, size, err)
			}
			o := small
			o.NoVerify = true
			if err := up(t.Context(), New(s.bucket(t), o)); errors.Is(err, ErrChecksum) {
				t.Errorf("%s of %d bytes: %v, although nobody verifies", name, size, err)
			}
		}
		s := newService()
		s.put("d", data)
		s.objects["photos/d"].etag = `"d41d8cd98f00b204e9800998ecf8427e"`
		m := New(s.bucket(t), small)
		dir := t.TempDir()
		_, err := m.Download(t.Context(), "d", io.Discard, nil)
		_, err2 := m.DownloadFile(t.Context(), "d", filepath.Join(dir, "f"), nil)
		_, err3 := New(m.b, with(small, t.TempDir())).DownloadFile(t.Context(), "d", filepath.Join(dir, "f"), nil)
		for _, err := range []error{err, err2, err3} {
			if !errors.Is(err, ErrChecksum) {
				t.Errorf("download of %d bytes: %v; want a wrong checksum", size, err)
			}
		}
		empty(t, "folder", dir)
		o := small
		o.NoVerify = true
		if res, err := New(m.b, o).Download(t.Context(), "d", io.Discard, nil); err != nil || res.Verified {
			t.Errorf("download of %d bytes: %+v, %v, although nobody verifies", size, res, err)
		}
	}
}

func TestObjectsThatAreReplacedMeanwhile(t *testing.T) {
	s := newService()
	m := New(s.bucket(t), small)
	dir := t.TempDir()
	for name, down := range map[string]func() error{
		"Download": func() error { _, err := m.Download(t.Context(), "d", io.Discard, nil); return err },
		"DownloadFile": func() error {
			_, err := m.DownloadFile(t.Context(), "d", filepath.Join(dir, "f"), nil)
			return err
		},
	} {
		s.put("d", pattern(41*mb))
		s.intercept(func(_ http.ResponseWriter, _ *http.Request, call string) bool {
			if strings.HasPrefix(call, "GetObject d 8388608-") {
				s.put("d", pattern(42*mb))
			}
			return false
		})
		if err := down(); !errors.Is(err, ois.ErrPrecondition) || !strings.Contains(err.Error(), "replaced") {
			t.Errorf("%s: %v; want that the object was replaced", name, err)
		}
	}
	empty(t, "folder", dir)
}

func TestBrokenReaders(t *testing.T) {
	boom := errors.New("boom")
	data := pattern(13 * mb)
	for _, n := range []int{0, 10, 5 * mb, 12 * mb} {
		for _, cause := range []error{boom, io.ErrUnexpectedEOF, fmt.Errorf("gone: %w", io.EOF)} {
			s := newService()
			_, err := New(s.bucket(t), small).Upload(t.Context(), "k", io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(cause)), nil)
			if !errors.Is(err, cause) || s.unfinished() != 0 || s.object("k") != nil {
				t.Errorf("%v after %d bytes: %v; %d uploads are left", cause, n, err, s.unfinished())
			}
		}
	}
}

// A file that changes under the transfer.
func TestFilesThatChangeMeanwhile(t *testing.T) {
	for _, size := range []int{100, 13 * mb} {
		for _, folder := range []string{"", t.TempDir()} {
			path := writeFile(t, pattern(size))
			s := newService()
			s.intercept(func(_ http.ResponseWriter, r *http.Request, call string) bool {
				if r.Method == http.MethodPut && (size == 100 || call == "UploadMultipart k 2") {
					f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
					if err == nil {
						_, err = f.WriteString("more")
						f.Close()
					}
					if err != nil {
						t.Error(err)
					}
				}
				return false
			})
			_, err := New(s.bucket(t), with(small, folder)).UploadFile(t.Context(), "k", path, nil)
			if !errors.Is(err, errChanged) || s.unfinished() != 0 {
				t.Errorf("%d bytes: %v; %d uploads are left", size, err, s.unfinished())
			}
		}
	}
}

// A small file that changes while it is read does not take the place of the object that is there.
func TestNothingIsMadeOfASmallFileThatChanges(t *testing.T) {
	path := writeFile(t, pattern(100))
	s := newService()
	b := s.direct(t)
	if _, err := New(b, small).UploadFile(t.Context(), "k", path, nil); err != nil {
		t.Fatal(err)
	}
	before := s.objects["photos/k"]
	s.intercept(func(http.ResponseWriter, *http.Request, string) bool {
		if err := os.WriteFile(path, make([]byte, 100), 0); err != nil { // before the body is read
			t.Error(err)
		}
		return false
	})
	if _, err := New(b, small).UploadFile(t.Context(), "k", path, nil); !errors.Is(err, errChanged) || s.objects["photos/k"] != before {
		t.Errorf("%v; the object was replaced: %t", err, s.objects["photos/k"] != before)
	}
}

// A file that becomes shorter cannot be sent, which is no error of the network.
func TestFilesThatBecomeShorterMeanwhile(t *testing.T) {
	for _, folder := range []string{"", t.TempDir()} {
		path := writeFile(t, pattern(32*mb))
		s := newService()
		s.intercept(func(_ http.ResponseWriter, _ *http.Request, call string) bool {
			if call == "UploadMultipart k 0" {
				if err := os.Truncate(path, 100); err != nil {
					t.Error(err)
				}
			}
			return false
		})
		_, err := New(s.bucket(t), with(small, folder)).UploadFile(t.Context(), "k", path, nil)
		if network := (*net.OpError)(nil); !errors.Is(err, errChanged) || errors.As(err, &network) || s.unfinished() != 0 {
			t.Errorf("%v; %d uploads are left", err, s.unfinished())
		}
	}
}

func TestLengthsAndSumsOfTheCallerAreChecked(t *testing.T) {
	for _, size := range []int{100, 32 << 10, 40 << 10, 4 * mb, 12 * mb, 13 * mb} {
		data := pattern(size)
		sum := md5.Sum(data)
		right, wrong := base64.StdEncoding.EncodeToString(sum[:]), base64.StdEncoding.EncodeToString(make([]byte, 16))
		for name, test := range map[string]struct {
			o  ois.PutOptions
			ok bool
		}{
			"right":     {ois.PutOptions{ContentLength: int64(size), ContentMD5: right}, true},
			"too short": {ois.PutOptions{ContentLength: int64(size) - 1}, false},
			"too long":  {ois.PutOptions{ContentLength: int64(size) + 1}, false},
			"no sum":    {ois.PutOptions{ContentMD5: "x"}, false},
			"other sum": {ois.PutOptions{ContentMD5: wrong}, false},
		} {
			for _, r := range []io.Reader{streamOf(data), bytes.NewReader(data)} {
				s := newService()
				s.intercept(func(w http.ResponseWriter, r *http.Request, call string) bool {
					bad := strings.HasPrefix(call, "PutObject") && r.Header.Get("Content-Md5") == wrong
					if bad {
						refuse(w, http.StatusBadRequest, "invalid_digest")
					}
					return bad
				})
				res, err := New(s.bucket(t), small).Upload(t.Context(), "k", r, &UploadOptions{PutOptions: test.o})
				if test.ok != (err == nil) || s.unfinished() != 0 || !test.ok && s.object("k") != nil {
					t.Errorf("%s, %d bytes as %T: %v", name, size, r, err)
				}
				if size <= 4*mb && test.ok && s.count("") != 1 {
					t.Errorf("%d bytes as %T: calls %q; want one", size, r, s.log())
				}
				if test.ok && md5Of(res.ETag) != fmt.Sprintf("%x", sum) {
					t.Errorf("%d bytes as %T: %+v; want the ETag %x", size, r, res, sum)
				}
			}
		}
	}
}

func TestConditionsHoldForLargeObjectsToo(t *testing.T) {
	for _, size := range []int{100, 13 * mb} {
		for name, r := range map[string]io.Reader{"stream": streamOf(pattern(size)), "reader": bytes.NewReader(pattern(size))} {
			s := newService()
			s.put("k", []byte("old"))
			_, err := New(s.bucket(t), small).Upload(t.Context(), "k", r, &UploadOptions{PutOptions: ois.PutOptions{IfNoneMatch: "*"}})
			if !errors.Is(err, ois.ErrPrecondition) || s.unfinished() != 0 || string(s.object("k")) != "old" {
				t.Errorf("%s of %d bytes: %v; %d uploads are left", name, size, err, s.unfinished())
			}
		}
	}
}

type noClose struct {
	io.Reader
	t *testing.T
}

func (c noClose) Close() error {
	c.t.Error("the caller's reader was closed")
	return nil
}

func TestCallersReadersAreNotClosed(t *testing.T) {
	s := newService()
	m := New(s.bucket(t), small)
	for _, size := range []int{10, 9 * mb} {
		if _, err := m.Upload(t.Context(), "k", noClose{bytes.NewReader(pattern(size)), t}, nil); err != nil {
			t.Error(err)
		}
		f, err := os.Open(writeFile(t, pattern(size)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Upload(t.Context(), "k", f, nil); err != nil {
			t.Error(err)
		}
		if err := f.Close(); err != nil {
			t.Errorf("the caller's file: %v", err)
		}
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	b := newService().bucket(t)
	for _, o := range []Options{
		{PartSize: 1}, {PartSize: 6 << 30}, {Concurrency: -1}, {Memory: 1}, {Memory: 5 * mb}, {Threshold: 6 << 30}, {UploadLimit: -1},
	} {
		m := New(b, o)
		_, err := m.Upload(t.Context(), "k", strings.NewReader("x"), nil)
		_, err2 := m.Download(t.Context(), "k", io.Discard, nil)
		_, err3 := m.Copy(t.Context(), "k", "l", nil)
		_, err4 := m.UploadPrefix(t.Context(), "", t.TempDir(), nil)
		_, err5 := m.DownloadPrefix(t.Context(), "", t.TempDir(), nil)
		for i, err := range []error{err, err2, err3, err4, err5} {
			if err == nil || !strings.HasPrefix(err.Error(), "transfer: ") {
				t.Errorf("%+v, call %d: %v; want an error", o, i, err)
			}
		}
	}
	if _, err := New(b, small).Upload(t.Context(), "k", strings.NewReader("x"), &UploadOptions{PartSize: 1}); err == nil {
		t.Error("a part size of 1: no error")
	}
}

// An upload that somebody aborts is no success because there is an older object of that size. The ETags of encrypted parts tell nothing here.
func TestAbortedUploadsAreNotTakenForTheObjectThatIsThere(t *testing.T) {
	s := newService()
	b := s.direct(t)
	path := writeFile(t, pattern(13*mb))
	if _, err := New(b, Options{PartSize: 4 * mb, Threshold: 20 * mb}).UploadFile(t.Context(), "k", path, nil); err != nil {
		t.Fatal(err)
	}
	s.intercept(func(w http.ResponseWriter, r *http.Request, call string) bool {
		switch {
		case strings.HasPrefix(call, "UploadMultipart"):
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("ETag", `"opaque"`)
			w.WriteHeader(http.StatusCreated)
			return true
		case strings.HasPrefix(call, "CompleteMultipartUpload"), strings.HasPrefix(call, "ListMultipart"):
			refuse(w, http.StatusNotFound, "upload_not_exists")
			return true
		}
		return false
	})
	o := &UploadOptions{PutOptions: ois.PutOptions{EncryptionKey: make([]byte, 32)}}
	if _, err := New(b, small).UploadFile(t.Context(), "k", path, o); !errors.Is(err, ois.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}
