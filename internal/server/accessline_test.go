package server

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/accesslog"
	"github.com/oisproject/ois/internal/job"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/vfs"
	"github.com/oisproject/ois/sdk/go/signature"
)

// startLogged starts a server that keeps access logs.
func startLogged(t testing.TB) (*fixture, *accesslog.Log) {
	t.Helper()
	l := accesslog.Open(accesslog.Options{FS: vfs.NewMem(), Dir: "logs"})
	t.Cleanup(l.Close)
	return start(t, func(c *Config) { c.AccessLog = l }), l
}

// logging has the requests on bucket1 logged.
func (f *fixture) logging(target, prefix string) {
	f.t.Helper()
	f.ask(f.key, "PUT", "/bucket1?logging", fmt.Sprintf(`{"target_bucket":%q,"target_prefix":%q}`, target, prefix)).want(http.StatusOK)
}

// deliver delivers all logs as if it were the next hour.
func (f *fixture) deliver(l *accesslog.Log) *job.Result {
	f.t.Helper()
	var r job.Result
	if err := l.Deliver(f.t.Context(), f.store, job.Task{AsOf: time.Now().Add(time.Hour)}, &r); err != nil {
		f.t.Errorf("deliver: %v", err)
	}
	return &r
}

// content returns an object.
func (f *fixture) content(bucket, key string) (string, store.ObjectInfo) {
	f.t.Helper()
	b, err := f.store.Bucket(f.t.Context(), bucket)
	if err != nil {
		f.t.Fatal(err)
	}
	o, err := b.Object(f.t.Context(), key)
	if err != nil {
		f.t.Fatal(err)
	}
	defer o.Close()
	r, err := o.Open(f.t.Context(), 0, o.Info().Size)
	if err != nil {
		f.t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		f.t.Fatal(err)
	}
	return string(text), o.Info()
}

// delivered returns the key of the one log that was delivered to a bucket.
func delivered(t *testing.T, r *job.Result, bucket string) (key string) {
	t.Helper()
	n := 0
	for _, note := range r.Notes {
		if _, quoted, ok := strings.Cut(note, ", "+bucket+"/"); ok {
			var err error
			if key, err = strconv.Unquote(quoted); err != nil {
				t.Fatal(err)
			}
			n++
		}
	}
	if n != 1 {
		t.Fatalf("delivered were %q; want one log for %s, unless an hour has ended just now", r.Notes, bucket)
	}
	return key
}

var lineForm = regexp.MustCompile(`^(\S+) - \[(\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d \+0000)\] "([A-Z]+) ([!-~]+)" (\d{3}) (\d+\.\d{3}) (\d+) (\d+) "([ -~]*)" "([ -~]*)" (\S+) (\S+) (\S+) ([0-9a-f]{16})$`)

func TestEachRequestLeavesALineInTheLogOfItsBucket(t *testing.T) {
	f, l := startLogged(t)
	f.bucket()
	f.ask(f.key, "PUT", "/bucket2", "").want(http.StatusCreated)
	f.ask(f.key, "GET", "/bucket1/before", "").want(http.StatusNotFound)
	f.logging("bucket2", "a/b-")
	f.ask(f.key, "PUT", "/bucket1/a%20b", "hello", "User-Agent: curl/8.0", "Referer: http://ref.example.com/").want(http.StatusCreated)
	f.ask(f.key, "GET", "/bucket1?limit=10", "", "User-Agent:").want(http.StatusOK)
	f.ask(f.key, "GET", "/bucket2?limit=10", "").want(http.StatusOK)
	f.ask(f.key, "GET", "/bucket1?lifecycle", "").want(http.StatusOK)
	denied := f.ask(nil, "GET", "/bucket1/a%20b", "").wantFault(http.StatusForbidden, "permission_denied")
	f.ask(nil, "GET", "/bucket1/a%20b", "", "Authorization: QS nobody:c2lnbmF0dXJl").want(http.StatusUnauthorized)
	f.ask(f.key, "PATCH", "/bucket1", "").want(http.StatusMethodNotAllowed)
	f.ask(f.key, "DELETE", "/bucket1?logging", "").want(http.StatusNoContent)
	f.ask(f.key, "GET", "/bucket1?limit=10", "").want(http.StatusOK)
	f.stop()
	r := f.deliver(l)
	key := delivered(t, r, "bucket2")
	if !regexp.MustCompile(`^a/b-bucket1-\d{4}-\d\d-\d\d-\d\d-1\.log$`).MatchString(key) {
		t.Errorf("the key of the log is %q", key)
	}
	text, info := f.content("bucket2", key)
	if info.ContentType != "text/plain" || info.StorageClass != "STANDARD" {
		t.Errorf("the log is %+v; want plain text", info)
	}
	want := []struct{ method, url, status, agent, referer, operation, user string }{
		{"PUT", "/bucket1/a%20b", "201", "curl/8.0", "http://ref.example.com/", "create_object", "usr-root"},
		{"GET", "/bucket1?limit=10", "200", "-", "-", "list_objects", "usr-root"},
		{"GET", "/bucket1?lifecycle", "200", "-", "-", "get_bucket_lifecycle", "usr-root"},
		{"GET", "/bucket1/a%20b", "403", "-", "-", "get_object", "-"},
		{"GET", "/bucket1/a%20b", "401", "-", "-", "get_object", "-"},
		{"PATCH", "/bucket1", "405", "-", "-", "-", "-"},
		{"DELETE", "/bucket1?logging", "204", "-", "-", "delete_bucket_logging", "usr-root"},
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) != len(want) {
		t.Fatalf("the log has %d lines; want %d:\n%s", len(lines), len(want), text)
	}
	for i, w := range want {
		m := lineForm.FindStringSubmatch(lines[i])
		if m == nil {
			t.Errorf("line %q is not of the form", lines[i])
			continue
		}
		got := []string{m[1], m[3], m[4], m[5], m[9], m[10], m[11], m[12], m[13]}
		if all := []string{"127.0.0.1", w.method, "http://" + f.addr + w.url, w.status, w.agent, w.referer, "bucket1", w.operation, w.user}; strings.Join(got, " ") != strings.Join(all, " ") {
			t.Errorf("got  %q\nwant %q", got, all)
		}
		at, err := time.Parse("02/Jan/2006:15:04:05 -0700", m[2])
		if err != nil || time.Since(at) > time.Minute || time.Since(at) < 0 {
			t.Errorf("the time is %s, %v; want now", m[2], err)
		}
	}
	if m := lineForm.FindStringSubmatch(lines[0]); m[7] < "150" || m[7] > "400" || m[8] < "100" || m[8] > "400" {
		t.Errorf("the request has %s bytes and the answer %s; want a few hundred each", m[7], m[8])
	}
	if id := denied.Header.Get("X-Qs-Request-Id"); !strings.HasSuffix(lines[3], " "+id) {
		t.Errorf("line %q does not end with the id %s", lines[3], id)
	}
}

// TestAccessLogHasNoSecrets, and nothing that a client sends makes a line of its own.
func TestAccessLogHasNoSecrets(t *testing.T) {
	f, l := startLogged(t)
	f.bucket()
	f.object("/bucket1/k", "hello")
	f.logging("bucket1", "")
	m := signature.Message{Method: "GET", Path: "/bucket1/k", Header: http.Header{}, Expires: fmt.Sprint(time.Now().Add(time.Hour).Unix())}
	sig := f.key.Sign(&m)
	for _, names := range [][2]string{{"access_key_id", "signature"}, {"access%5fkey_id", "%73ignature"}} {
		query := "?" + names[0] + "=" + f.key.ID() + "&expires=" + m.Expires + "&" + names[1] + "=" + url.QueryEscape(sig)
		f.ask(nil, "GET", "/bucket1/k"+query, "", "Referer: http://"+f.addr+"/bucket1/k"+query+"#top")
		f.ask(nil, "GET", "/bucket1/other"+query, "")
		f.ask(nil, "GET", "/bucket1/k"+query+"&x=%zz", "").want(http.StatusBadRequest)
	}
	f.ask(f.key, "GET", "/bucket1/k", "", `User-Agent: x" 200 0.001 1 1 "\ é`+"\xff\t", "Referer: a\"b").want(http.StatusOK)
	f.ask(nil, "GET", `/bucket1/"%0a`, "").want(http.StatusForbidden)
	f.stop()
	text, _ := f.content("bucket1", delivered(t, f.deliver(l), "bucket1"))
	for _, secret := range []string{sig, url.QueryEscape(sig), strings.Trim(sig, "="), f.key.ID()} {
		if strings.Contains(text, secret) {
			t.Errorf("the log has %q:\n%s", secret, text)
		}
	}
	if n := strings.Count(text, "=***&expires="); n != 8 {
		t.Errorf("%d links are redacted; want 8, that of the referers among them:\n%s", n, text)
	}
	if !strings.Contains(text, `"x\x22 200 0.001 1 1 \x22\x5C \xC3\xA9\xFF" "a\x22b" bucket1 get_object`) {
		t.Errorf("a user agent with quotes is not escaped:\n%s", text)
	}
	for line := range strings.Lines(text) {
		if !lineForm.MatchString(strings.TrimSuffix(line, "\n")) {
			t.Errorf("line %q is not of the form", line)
		}
	}
}

// TestLogsGoWhereTheyWereToGo: what was set when a request was made counts, as long as the target is the same owner's.
func TestLogsGoWhereTheyWereToGo(t *testing.T) {
	f, l := startLogged(t)
	f.bucket()
	for _, name := range []string{"target1", "target2", "target3"} {
		f.ask(f.key, "PUT", "/"+name, "").want(http.StatusCreated)
	}
	for _, target := range []string{"target1", "target2", "target3"} {
		f.logging(target, "")
		f.ask(f.key, "GET", "/bucket1", "").want(http.StatusOK)
	}
	f.ask(f.key, "DELETE", "/bucket1", "").want(http.StatusNoContent)
	f.ask(f.key, "DELETE", "/target2", "").want(http.StatusNoContent)
	f.ask(f.key, "DELETE", "/target3", "").want(http.StatusNoContent)
	u, err := f.store.CreateUser(t.Context(), "other")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.store.PutBucket(t.Context(), u.ID, "jn1a", &op.PutBucketInput{Bucket: "target3"}); err != nil {
		t.Fatal(err)
	}
	f.stop()
	r := f.deliver(l)
	if r.Counts[0].N != 1 || r.Counts[2].N != 2 {
		t.Errorf("the result is %+v; want one log, and two that are dropped", r.Counts)
	}
	if text, _ := f.content("target1", delivered(t, r, "target1")); strings.Count(text, "\n") != 2 || !strings.Contains(text, "list_objects") {
		t.Errorf("the first log is %s; want the request, and that which set another target", text)
	}
}

// TestLogIsPutOnce also if a crash comes before its file is removed; a piece of the same hour comes beside it.
func TestLogIsPutOnce(t *testing.T) {
	f := start(t)
	f.bucket()
	at := time.Date(2026, 3, 5, 8, 59, 0, 0, time.UTC)
	to := accesslog.Destination{Source: "bucket9", Owner: store.RootUser, Zone: "jn1a", Target: "bucket1", Prefix: "p-"}
	for _, c := range []struct{ name, body, key string }{
		{"one", "a\n", "p-bucket9-2026-03-05-08-1.log"},
		{"two", "b\n", "p-bucket9-2026-03-05-08-2.log"},
		{"one", "again\n", "p-bucket9-2026-03-05-08-1.log"},
	} {
		key, err := f.store.PutLog(t.Context(), &accesslog.Piece{Destination: to, Name: c.name, Hour: at}, strings.NewReader(c.body))
		if err != nil || key != c.key {
			t.Errorf("PutLog = %s, %v; want %s", key, err, c.key)
		}
	}
	if text, _ := f.content("bucket1", "p-bucket9-2026-03-05-08-1.log"); text != "a\n" {
		t.Errorf("the first log is %q; want it as it was put first", text)
	}
}

// TestVisitsOfWebsitesAreLogged with the host that was asked, and so is what comes by a domain that shows no website.
func TestVisitsOfWebsitesAreLogged(t *testing.T) {
	f, l := startLogged(t)
	f.bucket()
	f.ask(f.key, "PUT", "/bucket2", "").want(http.StatusCreated)
	f.ask(f.key, "PUT", "/bucket1/index.html", "home").want(http.StatusCreated)
	f.ask(f.key, "PUT", "/bucket1?acl", readable).want(http.StatusOK)
	f.bind(site, "website")
	f.bind("img.example.com", "normal")
	f.setWebsite(&store.Website{Index: "index.html"})
	f.logging("bucket2", "")
	f.visit("GET", "/").want(http.StatusOK)
	f.visit("HEAD", "/index.html?x=1").want(http.StatusOK)
	f.visit("GET", "/gone").want(http.StatusNotFound)
	f.visit("POST", "/").want(http.StatusMethodNotAllowed)
	f.visit("OPTIONS", "/", "Origin: http://a.example", "Access-Control-Request-Method: GET").want(http.StatusOK)
	f.at(nil, "img.example.com", "GET", "/index.html", "").want(http.StatusOK)
	f.visit("CONNECT", "/").want(http.StatusBadRequest) // which is about no bucket
	f.stop()
	text, _ := f.content("bucket2", delivered(t, f.deliver(l), "bucket2"))
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	want := []string{
		"GET http://www.example.com/ 200 get_object", "HEAD http://www.example.com/index.html?x=1 200 get_object",
		"GET http://www.example.com/gone 404 get_object", "POST http://www.example.com/ 405 -", "OPTIONS http://www.example.com/ 200 options_object",
		"GET http://img.example.com/index.html 200 get_object",
	}
	if len(lines) != len(want) {
		t.Fatalf("the log has %d lines; want %d:\n%s", len(lines), len(want), text)
	}
	for i, line := range lines {
		m := lineForm.FindStringSubmatch(line)
		if m == nil || strings.Join([]string{m[3], m[4], m[5], m[12]}, " ") != want[i] || m[11] != "bucket1" || m[13] != "-" {
			t.Errorf("line %q; want %s of bucket1, by nobody", line, want[i])
		}
	}
}

func TestNamesOfOperations(t *testing.T) {
	for id, want := range map[op.ID]string{
		0: "", op.GetObject: "get_object", op.PutBucketACL: "put_bucket_acl", op.DeleteBucketCNAME: "delete_bucket_cname",
		op.CopyObject: "create_object", op.OptionsObject: "options_object", op.PutBucket: "put_bucket", op.ListObjectVersions: "list_objects",
	} {
		if got := actionOf(id); got != want {
			t.Errorf("operation %s is called %q; want %q", id, got, want)
		}
	}
}

// FuzzAccessLine checks that no request makes a line of another form.
func FuzzAccessLine(f *testing.F) {
	f.Add("GET", "/bucket1/k?signature=secret", "agent", "http://ref/?access_key_id=secret", "host")
	f.Add("GET", "//\"\\x", "a\"b", "\n\r\x00", "h h")
	f.Fuzz(func(t *testing.T, method, target, agent, referer, host string) {
		r := &http.Request{Method: method, RequestURI: target, Host: host, RemoteAddr: "192.0.2.1:1", Header: http.Header{"User-Agent": {agent}, "Referer": {referer}}}
		x := &exchange{Server: &Server{now: time.Now}, r: r, id: [1]string{requestID()}, start: time.Now()}
		x.path, x.rawQuery = signature.SplitTarget(target)
		x.address.Bucket = "bucket1"
		line := string(x.accessLine(time.Second))
		if len(line) > accesslog.MaxLine || strings.Count(line, "\n") != 1 || strings.Count(line, `"`) != 6 {
			t.Errorf("line %q", line)
		}
		if strings.ContainsFunc(line[:len(line)-1], func(c rune) bool { return c < ' ' || c > '~' }) {
			t.Errorf("line %q has what is not printable", line)
		}
	})
}
