package wire

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/oisproject/ois/internal/fault"
)

func TestWriteError(t *testing.T) {
	const url = "https://github.com/oisproject/ois/blob/main/docs/api/errors.md#"
	tests := []struct {
		name   string
		method string
		err    error
		status int
		kind   string
		body   string
	}{
		{
			"fault", "GET", fault.Newf(fault.ObjectNotExists, "no object %q", "a<b>&\x01"), 404, JSONType,
			`{"code":"object_not_exists","message":"no object \"a<b>&\\x01\"","request_id":"id","url":"` + url + `object_not_exists"}`,
		},
		{
			"wrapped fault", "PUT", errors.Join(errors.New("x"), fault.Newf(fault.BadDigest, "bad")), 400, JSONType,
			`{"code":"bad_digest","message":"bad","request_id":"id","url":"` + url + `bad_digest"}`,
		},
		{
			"anything else keeps to itself", "GET", errors.New("open /secret: no such file"), 500, JSONType,
			`{"code":"internal_error","message":"an error inside the server; its log has more under the request id","request_id":"id","url":"` + url + `internal_error"}`,
		},
		{"head", "HEAD", fault.Newf(fault.ObjectNotExists, "no object"), 404, PlainType, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			w.Header().Set("Server", "QingStor")
			w.Header().Set("Etag", `"x"`)
			w.Header().Set("Content-Length", "5")
			WriteError(w, test.method, "id", test.err)
			if w.Code != test.status || w.Body.String() != test.body {
				t.Errorf("got %d %s; want %d %s", w.Code, w.Body, test.status, test.body)
			}
			h := w.Header()
			if h.Get("Content-Type") != test.kind || h.Get("X-Qs-Request-Id") != "id" || h.Get("Server") != "QingStor" || h.Get("Etag") != "" {
				t.Errorf("headers are %v", h)
			}
			if got, want := h.Get("Content-Length"), strconv.Itoa(len(test.body)); got != want {
				t.Errorf("Content-Length is %s; want %s", got, want)
			}
		})
	}
}

// brokenWriter is a response whose client is gone after the status.
type brokenWriter struct{ *httptest.ResponseRecorder }

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestStream(t *testing.T) {
	long := strings.Repeat("0123456789", 20_000)
	damaged := errors.New("checksum does not match")
	tests := []struct {
		name   string
		body   io.Reader
		gone   bool
		status int // 0: nothing was written
		want   string
		err    error
	}{
		{"empty", strings.NewReader(""), false, 206, "", nil},
		{"short", strings.NewReader("hello"), false, 206, "hello", nil},
		{"long", strings.NewReader(long), false, 206, long, nil},
		{"byte by byte", iotest.OneByteReader(strings.NewReader("hello")), false, 206, "hello", nil},
		{"end with the last bytes", iotest.DataErrReader(strings.NewReader("hello")), false, 206, "hello", nil},
		{"damaged at once", iotest.ErrReader(damaged), false, 0, "", damaged},
		{"damaged later", io.MultiReader(strings.NewReader("hello"), iotest.ErrReader(damaged)), false, 206, "hello", damaged},
		{"client gone", strings.NewReader("hello"), true, 206, "", ErrGone},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rec := &httptest.ResponseRecorder{Body: new(bytes.Buffer)}
			var w http.ResponseWriter = rec
			if test.gone {
				w = brokenWriter{rec}
			}
			err := Stream(w, 206, test.body)
			if !errors.Is(err, test.err) || rec.Code != test.status || rec.Body.String() != test.want {
				t.Errorf("Stream = %v, status %d, %d bytes; want %v, %d, %d bytes", err, rec.Code, rec.Body.Len(), test.err, test.status, len(test.want))
			}
			if errors.Is(err, ErrGone) != test.gone {
				t.Errorf("Stream = %v; want ErrGone: %v", err, test.gone)
			}
		})
	}
}
