package transfer

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"

	ois "github.com/oisproject/ois/sdk/go"
)

// service is the part of the service that transfers need, in memory. It answers what before
// leaves to it.
type service struct {
	before func(w http.ResponseWriter, r *http.Request, call string) bool // reports that it has answered

	mu      sync.Mutex
	objects map[string]*object         // by bucket/key; guarded by mu
	uploads map[string]map[int]*object // by id; guarded by mu
	started map[string]http.Header     // of uploads; guarded by mu
	calls   []string                   // such as "PutObject k" and "UploadMultipart k 3"; guarded by mu
	serial  int                        // guarded by mu
}

type object struct {
	data   []byte
	etag   string
	header http.Header
}

func newService() *service {
	return &service{objects: map[string]*object{}, uploads: map[string]map[int]*object{}, started: map[string]http.Header{}}
}

// bucket returns a bucket of a service that runs until the test ends.
func (s *service) bucket(t testing.TB) *ois.Bucket {
	t.Helper()
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return bucketAt(t, srv.URL, nil)
}

func bucketAt(t testing.TB, endpoint string, transport http.RoundTripper) *ois.Bucket {
	t.Helper()
	c, err := ois.New(ois.Config{
		Endpoint: endpoint, Transport: transport, AccessKeyID: "OISDIGESTEXAMPLEKEY1", SecretAccessKey: "secret",
		Retry: ois.RetryPolicy{BaseDelay: 1, MaxDelay: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c.Bucket("photos", "")
}

// direct is the service without a network.
func (s *service) direct(t testing.TB) *ois.Bucket {
	return bucketAt(t, "http://127.0.0.1:1", roundTrip(func(r *http.Request) (*http.Response, error) {
		pr, pw := io.Pipe()
		answer := &response{header: http.Header{}, pipe: pw, started: make(chan struct{})}
		if r.Body == nil {
			r.Body = http.NoBody
		}
		r.RequestURI = r.URL.RequestURI()
		go func() {
			s.ServeHTTP(answer, r)
			answer.WriteHeader(http.StatusOK)
			r.Body.Close()
			pw.Close()
		}()
		select {
		case <-answer.started:
		case <-r.Context().Done():
			pr.CloseWithError(r.Context().Err())
			return nil, r.Context().Err()
		}
		length := int64(-1)
		if n, err := strconv.ParseInt(answer.header.Get("Content-Length"), 10, 64); err == nil {
			length = n
		}
		return &http.Response{StatusCode: answer.status, Header: answer.header, ContentLength: length, Body: pr, Request: r}, nil
	}))
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

type response struct {
	header  http.Header
	pipe    *io.PipeWriter
	once    sync.Once
	status  int
	started chan struct{}
}

func (r *response) Header() http.Header { return r.header }

func (r *response) WriteHeader(status int) {
	r.once.Do(func() { r.status = status; close(r.started) })
}

func (r *response) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.pipe.Write(p)
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Qs-Request-Id", "3f2cf9ac3168744d")
	w.Header().Set("X-Ois-Extensions", "conditional-write")
	path, _ := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), "/"))
	bucket, key, _ := strings.Cut(path, "/")
	call := s.name(r, key)
	s.mu.Lock()
	s.calls = append(s.calls, call)
	s.mu.Unlock()
	if s.before != nil && s.before(w, r, call) {
		return
	}
	s.answer(w, r, bucket, path)
}

// name is what is asked for.
func (s *service) name(r *http.Request, key string) string {
	q := r.URL.Query()
	switch {
	case key == "":
		return r.Method + " bucket"
	case r.Method == http.MethodPost && q.Has("uploads"):
		return "InitiateMultipartUpload " + key
	case r.Method == http.MethodPost:
		return "CompleteMultipartUpload " + key
	case r.Method == http.MethodDelete:
		return "AbortMultipartUpload " + key
	case r.Method == http.MethodGet && q.Has("upload_id"):
		return "ListMultipart " + key
	case q.Has("part_number") && r.Header.Get("X-Qs-Copy-Source") != "":
		return "CopyPart " + key + " " + q.Get("part_number")
	case q.Has("part_number"):
		return "UploadMultipart " + key + " " + q.Get("part_number")
	case r.Header.Get("X-Qs-Copy-Source") != "":
		return "CopyObject " + key
	case r.Method == http.MethodPut:
		return "PutObject " + key
	case r.Method == http.MethodHead:
		return "HeadObject " + key
	}
	return strings.TrimSpace("GetObject " + key + " " + strings.TrimPrefix(r.Header.Get("Range"), "bytes="))
}

func (s *service) answer(w http.ResponseWriter, r *http.Request, bucket, path string) {
	q := r.URL.Query()
	id := q.Get("upload_id")
	source := r.Header.Get("X-Qs-Copy-Source")
	switch {
	case !strings.Contains(path, "/"):
		s.list(w, bucket, q.Get("prefix"))
	case r.Method == http.MethodPost && q.Has("uploads"):
		s.mu.Lock()
		s.serial++
		id = fmt.Sprintf("upload-%d", s.serial)
		s.uploads[id], s.started[id] = map[int]*object{}, r.Header.Clone()
		s.mu.Unlock()
		writeJSON(w, http.StatusOK, map[string]string{"upload_id": id})
	case r.Method == http.MethodPost:
		s.complete(w, r, path, id)
	case r.Method == http.MethodDelete:
		s.mu.Lock()
		delete(s.uploads, id)
		s.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodGet && id != "":
		s.parts(w, id, q)
	case source != "":
		s.copy(w, r, path, id, source)
	case r.Method == http.MethodPut:
		data, err := io.ReadAll(r.Body)
		if err != nil || r.ContentLength >= 0 && int64(len(data)) != r.ContentLength {
			refuse(w, http.StatusBadRequest, "incomplete_body")
			return
		}
		s.store(w, r, path, id, data)
	default:
		s.get(w, r, path)
	}
}

func (s *service) list(w http.ResponseWriter, bucket, prefix string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []map[string]any
	for path, o := range s.objects {
		if key, ok := strings.CutPrefix(path, bucket+"/"); ok && strings.HasPrefix(key, prefix) {
			keys = append(keys, map[string]any{"key": key, "size": len(o.data), "etag": o.etag})
		}
	}
	sort.Slice(keys, func(i, j int) bool { return keys[i]["key"].(string) < keys[j]["key"].(string) })
	writeJSON(w, http.StatusOK, map[string]any{"keys": keys})
}

// store keeps an object or, with an id, a part.
func (s *service) store(w http.ResponseWriter, r *http.Request, path, id string, data []byte) {
	sum := md5.Sum(data)
	o := &object{data: data, etag: `"` + hex.EncodeToString(sum[:]) + `"`, header: r.Header.Clone()}
	s.mu.Lock()
	defer s.mu.Unlock()
	if id == "" {
		if r.Header.Get("If-None-Match") == "*" && s.objects[path] != nil {
			refuse(w, http.StatusPreconditionFailed, "precondition_failed")
			return
		}
		s.objects[path] = o
	} else if parts := s.uploads[id]; parts == nil {
		refuse(w, http.StatusNotFound, "upload_not_exists")
		return
	} else {
		n, _ := strconv.Atoi(r.URL.Query().Get("part_number"))
		parts[n] = o
	}
	w.Header().Set("ETag", o.etag)
	w.WriteHeader(http.StatusCreated)
}

func (s *service) copy(w http.ResponseWriter, r *http.Request, path, id, source string) {
	source, _ = url.PathUnescape(strings.TrimPrefix(source, "/"))
	s.mu.Lock()
	from := s.objects[source]
	s.mu.Unlock()
	switch {
	case from == nil:
		refuse(w, http.StatusNotFound, "object_not_exists")
		return
	case r.Header.Get("X-Qs-Copy-Source-If-Match") != "" && r.Header.Get("X-Qs-Copy-Source-If-Match") != from.etag:
		refuse(w, http.StatusPreconditionFailed, "precondition_failed")
		return
	}
	data := from.data
	if span := r.Header.Get("X-Qs-Copy-Range"); span != "" {
		var first, last int
		if _, err := fmt.Sscanf(span, "bytes=%d-%d", &first, &last); err != nil || last >= len(data) {
			refuse(w, http.StatusBadRequest, "invalid_range")
			return
		}
		data = data[first : last+1]
	}
	s.store(w, r, path, id, slices.Clone(data))
}

func (s *service) parts(w http.ResponseWriter, id string, q url.Values) {
	s.mu.Lock()
	defer s.mu.Unlock()
	parts := s.uploads[id]
	if parts == nil {
		refuse(w, http.StatusNotFound, "upload_not_exists")
		return
	}
	marker, limit := -1, 2 // pages are short
	if text := q.Get("part_number_marker"); text != "" {
		marker, _ = strconv.Atoi(text)
	}
	if q.Get("limit") == "0" {
		limit = 0
	}
	var list []map[string]any
	for n := range 10001 {
		if o := parts[n]; o != nil && n > marker && len(list) < limit {
			list = append(list, map[string]any{"part_number": n, "size": len(o.data), "etag": strings.Trim(o.etag, `"`)})
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"count": len(parts), "object_parts": list})
}

func (s *service) complete(w http.ResponseWriter, r *http.Request, path, id string) {
	var in struct {
		Parts []struct {
			Number int    `json:"part_number"`
			ETag   string `json:"etag"`
		} `json:"object_parts"`
	}
	err := json.NewDecoder(r.Body).Decode(&in)
	s.mu.Lock()
	defer s.mu.Unlock()
	parts := s.uploads[id]
	if parts == nil {
		refuse(w, http.StatusNotFound, "upload_not_exists")
		return
	}
	if r.Header.Get("If-None-Match") == "*" && s.objects[path] != nil {
		refuse(w, http.StatusPreconditionFailed, "precondition_failed")
		return
	}
	o := &object{etag: r.Header.Get("ETag"), header: s.started[id]}
	for _, p := range in.Parts {
		part := parts[p.Number]
		if err != nil || part == nil || p.ETag != part.etag {
			refuse(w, http.StatusBadRequest, "invalid_request")
			return
		}
		o.data = append(o.data, part.data...)
	}
	if o.etag == "" {
		o.etag = `"made-up"`
	}
	s.objects[path] = o
	delete(s.uploads, id)
	w.Header().Set("ETag", o.etag)
	w.WriteHeader(http.StatusCreated)
}

func (s *service) get(w http.ResponseWriter, r *http.Request, path string) {
	s.mu.Lock()
	o := s.objects[path]
	s.mu.Unlock()
	if o == nil {
		refuse(w, http.StatusNotFound, "object_not_exists")
		return
	}
	for name, v := range o.header {
		if strings.HasPrefix(name, "X-Qs-Meta-") || name == "Content-Type" {
			w.Header()[name] = v
		}
	}
	w.Header().Set("ETag", o.etag)
	if match := r.Header.Get("If-Match"); match != "" && match != o.etag {
		refuse(w, http.StatusPreconditionFailed, "precondition_failed")
		return
	}
	data := o.data
	var first, last int
	if n, _ := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &first, &last); n > 0 {
		if first >= len(data) {
			refuse(w, http.StatusRequestedRangeNotSatisfiable, "invalid_range")
			return
		}
		if n == 1 || last >= len(data) {
			last = len(data) - 1
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, len(data)))
		data = data[first : last+1]
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	if w.Header().Get("Content-Range") != "" {
		w.WriteHeader(http.StatusPartialContent)
	}
	if r.Method != http.MethodHead {
		_, _ = w.Write(data) // the client may have gone
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may have gone
}

func refuse(w http.ResponseWriter, status int, code string) {
	writeJSON(w, status, map[string]string{"code": code, "message": code})
}

// put puts an object there without a transfer.
func (s *service) put(key string, data []byte) {
	s.store(httptest.NewRecorder(), httptest.NewRequestWithContext(context.Background(), "PUT", "/", nil), "photos/"+key, "", data)
}

// object returns the bytes under key, or nil.
func (s *service) object(key string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.objects["photos/"+key]; o != nil {
		return o.data
	}
	return nil
}

// count counts the calls that start with a name, and forget forgets all.
func (s *service) count(name string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		if strings.HasPrefix(c, name) {
			n++
		}
	}
	return n
}

func (s *service) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

func (s *service) log() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

func (s *service) unfinished() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.uploads)
}

// pattern makes n bytes in which no two parts are alike.
func pattern(n int) []byte {
	b := make([]byte, n)
	x := uint64(n) | 1
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	return b
}

// same compares without printing megabytes.
func same(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got %d bytes that differ from the %d wanted", what, len(got), len(want))
	}
}
