package ois

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/oisproject/ois/sdk/go/api"
)

func TestSentinels(t *testing.T) {
	all := []error{
		ErrNotFound, fs.ErrNotExist, ErrPermission, fs.ErrPermission, ErrExist, fs.ErrExist, ErrNotEmpty,
		ErrPrecondition, ErrNotModified, ErrRange, ErrBusy, ErrUnsupported, errors.ErrUnsupported,
	}
	tests := []struct {
		e    Error
		want []error
	}{
		{Error{Status: 404, Code: "object_not_exists"}, []error{ErrNotFound, fs.ErrNotExist}},
		{Error{Status: 404, Code: "bucket_not_exists"}, []error{ErrNotFound, fs.ErrNotExist}},
		{Error{Status: 400, Code: "upload_not_exists"}, []error{ErrNotFound, fs.ErrNotExist}},
		{Error{Status: 404}, []error{ErrNotFound, fs.ErrNotExist}},
		{Error{Status: 403}, []error{ErrPermission, fs.ErrPermission}},
		{Error{Status: 401}, []error{ErrPermission, fs.ErrPermission}},
		{Error{Status: 403, Code: "permission_denied"}, []error{ErrPermission, fs.ErrPermission}},
		{Error{Status: 400, Code: "access_denied"}, []error{ErrPermission, fs.ErrPermission}},
		{Error{Status: 401, Code: "signature_not_matched"}, []error{ErrPermission, fs.ErrPermission}},
		{Error{Status: 403, Code: "too_many_buckets"}, nil},
		{Error{Status: 403, Code: "lease_not_ready"}, nil},
		{Error{Status: 403, Code: "bucket_not_active"}, nil},
		{Error{Status: 409, Code: "bucket_already_exists"}, []error{ErrExist, fs.ErrExist}},
		{Error{Status: 409, Code: "bucket_not_empty"}, []error{ErrNotEmpty}},
		{Error{Status: 409}, nil},
		{Error{Status: 412}, []error{ErrPrecondition}},
		{Error{Status: 304}, []error{ErrNotModified}},
		{Error{Status: 416, Code: "invalid_range"}, []error{ErrRange}},
		{Error{Status: 429}, []error{ErrBusy}},
		{Error{Status: 503}, []error{ErrBusy}},
		{Error{Status: 501, Code: "not_implemented"}, []error{ErrUnsupported, errors.ErrUnsupported}},
		{Error{Err: fmt.Errorf("%w: x", ErrUnsupported)}, []error{ErrUnsupported, errors.ErrUnsupported}},
		{Error{Status: 500, Code: "internal_error"}, nil},
	}
	for _, test := range tests {
		for _, target := range all {
			want := slices.Contains(test.want, target)
			if got := errors.Is(fmt.Errorf("upload: %w", &test.e), target); got != want {
				t.Errorf("errors.Is(%v, %v) = %v; want %v", &test.e, target, got, want)
			}
		}
	}
	if !errors.Is(ErrNotFound, fs.ErrNotExist) || errors.Is(ErrNotEmpty, nil) || errors.Is(ErrNotFound, fs.ErrExist) {
		t.Error("the sentinels are not those of the standard library")
	}
}

func TestErrorReadsAsOneLine(t *testing.T) {
	for want, e := range map[string]*Error{
		"ois: GetObject photos-1/a.txt: 404 object_not_exists: the object does not exist (request 3f2c)": {
			Status: 404, Code: "object_not_exists", Message: "the object does not exist", RequestID: "3f2c",
			Op: "GetObject", Bucket: "photos-1", Key: "a.txt", Attempts: 1,
		},
		"ois: ListBuckets: connection refused (4 attempts)":           {Op: "ListBuckets", Attempts: 4, Err: errors.New("connection refused")},
		"ois: HeadBucket photos-1: 404 Not Found":                     {Op: "HeadBucket", Bucket: "photos-1", Status: 404, Attempts: 1},
		"ois: PutObject b/k: 599 (2 attempts, not retried: a reason)": {Op: "PutObject", Bucket: "b", Key: "k", Status: 599, Attempts: 2, note: "a reason"},
	} {
		if got := e.Error(); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

func TestErrorsStayOneLineWhateverTheyAreAbout(t *testing.T) {
	for _, key := range append(oddKeys, "a\u2028b", "a\u0085b", "\x1b[31mred") {
		e := &Error{
			Op: "PutObject", Bucket: "photos-1", Key: key, Status: 400, Code: "invalid_object_name",
			Message: "two\nlines", RequestID: "3f\r2c", Err: errors.Join(errors.New("one"), errors.New("two")),
		}
		text := e.Error()
		if strings.ContainsFunc(text, func(r rune) bool { return unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) }) || !utf8.ValidString(text) {
			t.Errorf("key %q: %q", key, text)
		}
		if !strings.HasSuffix(text, ": 400 invalid_object_name: two lines: one two (request 3f 2c)") {
			t.Errorf("key %q: %q", key, text)
		}
	}
	e := &Error{Op: "GetObject", Bucket: "photos-1", Key: "a\nois: all is well", Status: 404}
	if got, want := e.Error(), `ois: GetObject "photos-1/a\nois: all is well": 404 Not Found`; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestErrorsSayNothingTwice(t *testing.T) {
	c := client(t, nil, func(c *Config) {
		c.Endpoint, c.Retry = "http://127.0.0.1:9", quick
		c.Transport = roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("no network") })
	})
	plain := client(t, nil, func(c *Config) {
		c.Endpoint = "http://127.0.0.1:9"
		c.Transport = roundTrip(func(*http.Request) (*http.Response, error) { return reply(200, ""), nil })
	})
	own := client(t, nil, func(c *Config) {
		c.Retry = quick
		c.Credentials = RefreshCredentials(func(context.Context) (Credentials, error) { return Credentials{}, ErrBusy })
	})
	_, unsupported := plain.Bucket("photos-1", "").Put(t.Context(), "k", nil, &PutOptions{IfNoneMatch: "*"})
	_, asking := c.Bucket("photos-1", "").Put(t.Context(), "k", nil, &PutOptions{IfNoneMatch: "*"})
	for want, err := range map[string]error{
		"ois: PutBucket: Bucket is missing": c.Bucket("", "").Create(t.Context()),
		"ois: PutObject photos-1/k: not supported by the server: 127.0.0.1:9 does not announce conditional-write": unsupported,
		"ois: PutObject photos-1/k: asking for conditional writes: HeadBucket photos-1: no network (4 attempts)":  asking,
		"ois: DeleteBucket photos-1: credentials: server is busy":                                                 own.Bucket("photos-1", "").Delete(t.Context()),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// TestAnswers looks at what comes of answers, the odd ones above all. They are
// written byte by byte: proxies do not care for net/http's manners.
func TestAnswers(t *testing.T) {
	const page = "<html><head><title>Please log in</title></head>\n\t<body>Welcome to the guest network</body></html>"
	list := func(ctx context.Context, b *Bucket) error {
		for _, err := range b.Objects(ctx, nil) {
			return err
		}
		return nil
	}
	head := func(ctx context.Context, b *Bucket) error {
		_, err := b.Head(ctx, "k", nil)
		return err
	}
	get := func(ctx context.Context, b *Bucket) error {
		r, err := b.Get(ctx, "k", nil)
		if err != nil {
			return err
		}
		_, err = io.ReadAll(r)
		return errors.Join(err, r.Close())
	}
	put := func(ctx context.Context, b *Bucket) error {
		_, err := b.Put(ctx, "k", strings.NewReader("x"), nil)
		return err
	}
	const ours, ofJSON, ofHTML = "X-Qs-Request-Id: 3f2c\r\n", "Content-Type: application/json\r\n", "Content-Type: text/html\r\n"
	answer := func(status, header, body string) string {
		return "HTTP/1.1 " + status + "\r\n" + header + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + body
	}
	tests := []struct {
		name   string
		call   func(context.Context, *Bucket) error
		answer string
		want   string // of the error; "" is success
	}{
		{"error", get, answer("403 Forbidden", ours+ofJSON, `{"code":"permission_denied","message":"no","request_id":"9","url":"u"}`), "403 permission_denied: no (request 9)"},
		{"error of another shape", get, answer("403 Forbidden", ours+ofJSON, `{"code":1}`), `403 Forbidden: {"code":1} (request 3f2c)`},
		{"error without a length", get, "HTTP/1.1 404 Not Found\r\n" + ours + "Connection: close\r\n\r\n" + `{"code":"object_not_exists","message":"no such key"}`, "404 object_not_exists: no such key (request 3f2c)"},
		{"error of HTTP/1.0", get, "HTTP/1.0 404 Not Found\r\n\r\n" + `{"code":"object_not_exists","message":"m","request_id":"77"}`, "404 object_not_exists: m (request 77)"},
		{"error in chunks", get, "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n19\r\n{\"code\":\"object_not_exist\r\n3\r\ns\"}\r\n0\r\n\r\n", "404 object_not_exists"},
		{"error without a body", get, answer("404 Not Found", "", ""), "404 Not Found"},
		{"error that is a page", get, answer("413 Too Large", ofHTML, page), "413 Request Entity Too Large: <html><head><title>Please log in</title></head> <body>Welcome to the guest network</body></html>"},
		{"error with half its body", get, "HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\nConnection: close\r\n\r\nsorry", "403 Forbidden: sorry"},
		{"HEAD error", head, "HTTP/1.1 404 Not Found\r\n" + ours + ofJSON + "Content-Length: 52\r\n\r\n", "404 Not Found (request 3f2c)"},
		{"page instead of a list", list, answer("200 OK", ofHTML, page), "200 OK: <html><head><title>Please log in"},
		{"page of the service instead of a list", list, answer("200 OK", ours+ofHTML, page), "want application/json"},
		{"page instead of an object", get, answer("200 OK", "Content-Type: text/html; charset=utf-8\r\n", page), "is there a proxy or a login page in between?"},
		{"page that is an object", get, answer("200 OK", ours+ofHTML, page), ""},
		{"page instead of a head", head, "HTTP/1.1 200 OK\r\n" + ofHTML + "Content-Length: 105\r\n\r\n", "login page"},
		{"page instead of a write", put, answer("200 OK", ofHTML, page), "PutObject photos-1/k: 200 OK: <html>"},
		{"wrong status of success", put, answer("200 OK", ours, ""), "PutObject photos-1/k: 200 OK"},
		{"list that is none", list, answer("200 OK", ours+ofJSON, "[]"), "cannot unmarshal array"},
		{"empty list", list, answer("200 OK", ours+"Content-Type: application/json; charset=utf-8\r\n", "{}"), ""},
		{"list with more but no marker", list, answer("200 OK", ours+ofJSON, `{"has_more":true,"next_marker":""}`), "says that there is more"},
		{"list cut off", list, "HTTP/1.1 200 OK\r\n" + ours + ofJSON + "Content-Length: 200\r\nConnection: close\r\n\r\n{\"keys\":[", "200 OK: answer: unexpected EOF (request 3f2c, 4 attempts)"},
		{"object cut off", get, "HTTP/1.1 200 OK\r\n" + ours + "Content-Length: 20\r\nConnection: close\r\n\r\n12345", "unexpected EOF (not retried: without an ETag"},
		{"object without a length", get, "HTTP/1.0 200 OK\r\n" + ours + "\r\n12345", ""},
		{"no HTTP at all", get, "SSH-2.0-OpenSSH\r\n", "malformed HTTP"},
		{"nothing", put, "", "the connection was closed: unexpected EOF (4 attempts)"},
		{"not implemented", put, answer("501 Not Implemented", ours+ofJSON, `{"code":"not_implemented","message":"PutObject"}`), "501 not_implemented: PutObject"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := raw(t, test.answer)
			err := test.call(t.Context(), b)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got  %v\nwant %q", err, test.want)
			}
			var e *Error
			if err != nil && !errors.As(err, &e) {
				t.Errorf("%T is no *Error", err)
			}
		})
	}
}

// raw returns a bucket of a server that answers each request with the same bytes.
func raw(t *testing.T, answer string) *Bucket {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // ends the loop below
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)  // what fails here
				_, _ = io.WriteString(conn, answer) // shows in
				_ = conn.Close()                    // the client
			}
		}
	}()
	c := client(t, nil, func(c *Config) { c.Endpoint, c.Retry = "http://"+l.Addr().String(), quick })
	return c.Bucket("photos-1", "")
}

func TestConnectionRefused(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c := client(t, nil, func(c *Config) { c.Endpoint, c.Retry = "http://"+l.Addr().String(), quick })
	_, err = c.Bucket("photos-1", "").Move(t.Context(), "k", "l", nil)
	var op *net.OpError
	var e *Error
	if !errors.As(err, &op) || !errors.As(err, &e) || e.Attempts != 4 || e.Status != 0 {
		t.Errorf("%v; want a refused connection after 4 attempts, even of a move", err)
	}
}

func TestAPIErrors(t *testing.T) {
	b := raw(t, "HTTP/1.1 200 OK\r\nX-Qs-Request-Id: 3f2c\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi")
	_, err := b.c.API().GetBucketCORS(t.Context(), &api.GetBucketCORSInput{Bucket: "photos-1"})
	var odd *api.UnexpectedAnswerError
	if !errors.As(err, &odd) || odd.RequestID != "3f2c" {
		t.Errorf("API: %v; want an UnexpectedAnswerError", err)
	}
	_, err = b.ACL(t.Context())
	var e *Error
	if !errors.As(err, &e) || e.Status != 200 || e.RequestID != "3f2c" || e.Message != "hi" || e.Op != "GetBucketACL" {
		t.Errorf("ACL: %v; want an *Error", err)
	}
	_, err = b.c.API().GetBucketCORS(t.Context(), nil)
	var in *api.InputError
	if !errors.As(err, &in) || in.Field != "Bucket" {
		t.Errorf("API without input: %v; want an InputError", err)
	}
}

func TestExcerpt(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "",
		"\r\n\ta \x00b\x7f":       "a b",
		"\xff":                    ".",
		strings.Repeat("x", 120):  strings.Repeat("x", 120),
		strings.Repeat("ä", 100):  strings.Repeat("ä", 60) + "…",
		strings.Repeat("x", 9999): strings.Repeat("x", 120) + "…",
	} {
		if got := excerpt([]byte(text)); got != want {
			t.Errorf("excerpt(%.20q) = %q; want %q", text, got, want)
		}
	}
	if len(excerpt([]byte(strings.Repeat("日", 300)))) > 130 {
		t.Error("too long")
	}
}
