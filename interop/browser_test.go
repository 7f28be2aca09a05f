package interop

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

//go:embed browser_page.js
var pageScript string

const webBucket = "interop-browser"

// A web is what a browser sees: sites at any name that have the page of the test, and the server's bucket behind a proxy that
// writes down what the browser asks. All names lead to 127.0.0.1.
type web struct {
	t       *testing.T
	browser string           // command
	site    *httptest.Server // the page, by any name
	bucket  *httptest.Server // the proxy
	seen    chan map[string]string
	arrived chan url.Values // at the address of a redirect

	mu    sync.Mutex
	task  map[string]any // what the next page does; guarded by mu
	asked []string       // guarded by mu
}

// TestBrowser lets the pages of a browser use a bucket of another origin: by fetch, by XMLHttpRequest and by forms.
func TestBrowser(t *testing.T) {
	w := newWeb(t)
	w.call("PUT", "", "", http.StatusCreated)
	rules := fmt.Sprintf(`{"cors_rules":[{"allowed_origin":%q,"allowed_methods":["GET","PUT","POST"],"allowed_headers":["content-type","x-qs-meta-*"],`+
		`"expose_headers":["ETag"],"max_age_seconds":600},{"allowed_origin":%q,"allowed_methods":["GET","PUT","HEAD","DELETE"],"allowed_headers":["*"]}],`+
		`"resp_vary":"enabled"}`, w.origin("app.test"), w.origin("sdk.test"))
	w.call("PUT", "?cors", rules, http.StatusOK)
	t.Run("fetch from an allowed origin", w.fetchAllowed)
	t.Run("fetch from another origin", w.fetchRefused)
	t.Run("the SDK for JavaScript", w.sdkInPage)
	t.Run("form by XMLHttpRequest", w.formByScript)
	t.Run("form", func(t *testing.T) { w.formInHTML(t, "UTF-8") })
	t.Run("form in GBK", func(t *testing.T) { w.formInHTML(t, "GBK") })
	t.Run("form that fails", w.formFails)
}

func newWeb(t *testing.T) *web {
	t.Helper()
	install := exec.CommandContext(t.Context(), "sh", "browser.sh")
	var talk bytes.Buffer
	install.Stderr = &talk
	out, err := install.Output()
	if err != nil {
		t.Skipf("a browser cannot be installed here: %v\n%s", err, talk.String())
	}
	w := &web{t: t, browser: strings.TrimSpace(string(out)), seen: make(chan map[string]string, 1), arrived: make(chan url.Values, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", w.page)
	mux.HandleFunc("POST /report", w.report)
	mux.HandleFunc("GET /sdk.js", func(rw http.ResponseWriter, r *http.Request) { http.ServeFile(rw, r, javaScriptSDK) })
	mux.HandleFunc("GET /done", func(_ http.ResponseWriter, r *http.Request) { w.arrived <- r.URL.Query() })
	w.site = httptest.NewServer(mux)
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "127.0.0.1:" + port})
	w.bucket = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.asked = append(w.asked, r.Method+" "+r.URL.Path)
		w.mu.Unlock()
		proxy.ServeHTTP(rw, r) // with the Host that the browser has sent
	}))
	t.Cleanup(w.site.Close)
	t.Cleanup(w.bucket.Close)
	return w
}

// origin returns the origin of a site.
func (w *web) origin(name string) string {
	u, err := url.Parse(w.site.URL)
	if err != nil {
		w.t.Fatal(err)
	}
	return "http://" + name + ":" + u.Port()
}

// address returns the address of the bucket as the browser sees it.
func (w *web) address() string {
	u, err := url.Parse(w.bucket.URL)
	if err != nil {
		w.t.Fatal(err)
	}
	return "http://" + webBucket + "." + zone + "." + domain + ":" + u.Port() + "/"
}

var pageHTML = template.Must(template.New("page").Parse(`<!DOCTYPE html><meta charset="utf-8"><title>page</title><body><script>const c = {{.Task}};
{{.Script}}</script>`))

func (w *web) page(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.mu.Lock()
	defer w.mu.Unlock()
	data := struct {
		Task   any
		Script template.JS
	}{w.task, template.JS(pageScript)}
	if err := pageHTML.Execute(rw, data); err != nil {
		w.t.Error(err)
	}
}

func (w *web) report(_ http.ResponseWriter, r *http.Request) {
	var seen map[string]string
	if err := json.NewDecoder(r.Body).Decode(&seen); err != nil {
		w.t.Errorf("report of the page: %v", err)
	}
	w.seen <- seen
}

// visit opens the page of a site in a browser of its own and returns what comes of it.
func visit[T any](t *testing.T, w *web, site string, task map[string]any, outcome <-chan T) T {
	t.Helper()
	w.mu.Lock()
	w.task, w.asked = task, nil
	w.mu.Unlock()
	profile := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	cmd := exec.CommandContext(ctx, w.browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server",
		"--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0", "--user-data-dir="+profile,
		"--host-resolver-rules=MAP * 127.0.0.1", w.origin(site)+"/")
	var talk bytes.Buffer
	cmd.Stderr = &talk
	cmd.Env = append(os.Environ(), "HOME="+profile)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // with its helpers
	stop := sync.OnceFunc(func() {
		cancel()
		_ = cmd.Wait() // it was killed
	})
	defer stop()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case v := <-outcome:
		return v
	case <-ctx.Done():
		stop() // so that it says no more
		t.Fatalf("the page at %s did not come to its end; it asked the bucket for %q, and the browser says:\n%s", site, w.asks(), talk.String())
	}
	panic("not reached")
}

// asks returns what the browser has asked the bucket for.
func (w *web) asks() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.asked)
}

func wantSeen(t *testing.T, got, want map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !strings.HasPrefix(got[name], want[name]) || want[name] == "" && got[name] != "" {
			t.Errorf("%s: the page sees %q; want %q", name, got[name], want[name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("the page reports %v", got)
	}
}

func (w *web) wantAsked(t *testing.T, want ...string) {
	t.Helper()
	if got := w.asks(); !slices.Equal(got, want) {
		t.Errorf("the browser asked for %q; want %q", got, want)
	}
}

func (w *web) fetchTask() map[string]any {
	return map[string]any{
		"do": "fetches", "put": w.signed("PUT", "k", "text/plain", "x-qs-meta-colour:red\n"), "get": w.signed("GET", "k", "", ""),
		"missing": w.signed("GET", "missing", "", ""), "delete": w.signed("DELETE", "k", "", ""),
	}
}

func (w *web) fetchAllowed(t *testing.T) {
	wantSeen(t, visit(t, w, "app.test", w.fetchTask(), w.seen), map[string]string{
		"put": "201 true false ", "put again": "201 true false ", "get": "200 true false hello", "get what is missing": `404 false false {"code":"object_not_exists"`,
		"put with another header": "TypeError", "delete": "TypeError",
	})
	// It remembers for the second PUT that the first one was allowed, and asks anew for what is not.
	w.wantAsked(t, "OPTIONS /k", "PUT /k", "PUT /k", "GET /k", "GET /missing", "OPTIONS /k", "OPTIONS /k")
}

func (w *web) fetchRefused(t *testing.T) {
	wantSeen(t, visit(t, w, "other.test", w.fetchTask(), w.seen), map[string]string{
		"put": "TypeError", "put again": "TypeError", "get": "TypeError", "get what is missing": "TypeError", "put with another header": "TypeError", "delete": "TypeError",
	})
	w.wantAsked(t, "OPTIONS /k", "OPTIONS /k", "GET /k", "GET /missing", "OPTIONS /k", "OPTIONS /k")
}

// sdkInPage uses the official SDK where it is at home. On Node it does not get to the buckets of virtual hosts.
func (w *web) sdkInPage(t *testing.T) {
	installJavaScript(t)
	u, err := url.Parse(w.bucket.URL)
	if err != nil {
		t.Fatal(err)
	}
	config := map[string]string{"access_key_id": keyID, "secret_access_key": secret, "endpoint": "http://" + domain + ":" + u.Port()}
	want := make(map[string]string)
	for _, style := range []string{"path ", "virtual "} {
		want[style+"put"], want[style+"copy"], want[style+"get"], want[style+"head"] = "201 ", "201 ", "200 hello", "200 "
		want[style+"list"], want[style+"delete"], want[style+"missing"] = "200 a b+中文.txt", "204 ", "404 object_not_exists"
	}
	task := map[string]any{"do": "sdk", "config": config, "name": webBucket, "zone": zone}
	wantSeen(t, visit(t, w, "sdk.test", task, w.seen), want)
	paths := 0
	for _, asked := range w.asks() {
		if strings.Contains(asked, " /"+webBucket) {
			paths++
		}
	}
	if all := len(w.asks()); paths != all/2 {
		t.Errorf("%d of %d requests name the bucket in the path; want half of them", paths, all)
	}
}

// A webForm is a form with a file of zeros, as the page takes it.
type webForm struct {
	Fields   [][2]string `json:"fields"`
	FileName string      `json:"fileName"`
	Type     string      `json:"type"`
	Size     int         `json:"size"`
}

// signedForm returns a form whose fields are signed.
func signedForm(t *testing.T, f webForm) webForm {
	t.Helper()
	policy := make(map[string]string)
	for _, field := range f.Fields {
		policy[field[0]] = field[1]
	}
	data, err := json.Marshal(policy)
	if err != nil {
		t.Fatal(err)
	}
	text := base64.StdEncoding.EncodeToString(data)
	f.Fields = append(slices.Clone(f.Fields), [][2]string{{"access_key_id", keyID}, {"policy", text}, {"signature", sign(text)}}...)
	return f
}

func (w *web) formByScript(t *testing.T) {
	form := signedForm(t, webForm{
		Fields:   [][2]string{{"key", "xhr/${filename}"}, {"content-type", "image/png"}, {"x-qs-meta-from", "xhr"}},
		FileName: "a.png", Type: "image/png", Size: 5 << 20,
	})
	bad := form
	bad.Fields = slices.Clone(form.Fields)
	bad.Fields[0][1], bad.Size = "xhr/other", 10
	task := map[string]any{"do": "xhrs", "bucket": w.address(), "form": form, "bad": bad}
	wantSeen(t, visit(t, w, "app.test", task, w.seen), map[string]string{
		"form": fmt.Sprintf("201 \"%x\"  true", md5.Sum(make([]byte, form.Size))), "form that was changed": "400  form_policy_violated true",
	})
	w.wantAsked(t, "OPTIONS /", "POST /", "POST /")
	w.wantStored(t, "xhr/a.png", form)
}

func (w *web) formInHTML(t *testing.T, charset string) {
	form := signedForm(t, webForm{
		Fields: [][2]string{{"key", charset + "/图/${filename}"}, {"charset", charset}, {"redirect", w.origin("app.test") + "/done?from=" + charset}, {"Cache-Control", "no-cache"}},
		// The last byte of the second character is, in GBK, that of a backslash.
		FileName: "中誠 (1).txt", Type: "text/plain", Size: 100_000,
	})
	task := map[string]any{"do": "submit", "bucket": w.address(), "form": form, "charset": charset}
	q := visit(t, w, "app.test", task, w.arrived)
	if q.Get("from") != charset || q.Get("status") != "201" || q.Get("code") != "created" || q.Get("message") != "Object created" || q.Get("request_id") == "" {
		t.Errorf("the browser arrives with %v", q)
	}
	w.wantAsked(t, "POST /")
	w.wantStored(t, charset+"/图/中誠 (1).txt", form)
}

// formFails sends a form that is allowed and cannot be stored: a form that is not allowed leads nowhere.
func (w *web) formFails(t *testing.T) {
	form := signedForm(t, webForm{
		Fields:   [][2]string{{"key", "failed"}, {"content-type", "image/png"}, {"redirect", w.origin("app.test") + "/done"}},
		FileName: "f", Type: "text/plain", Size: 10,
	})
	q := visit(t, w, "app.test", map[string]any{"do": "submit", "bucket": w.address(), "form": form, "charset": "UTF-8"}, w.arrived)
	if q.Get("status") != "400" || q.Get("code") != "invalid_argument" || !strings.Contains(q.Get("message"), "image/png") {
		t.Errorf("the browser arrives with %v", q)
	}
}

// wantStored checks that an object is the file of a form.
func (w *web) wantStored(t *testing.T, key string, form webForm) {
	t.Helper()
	resp, err := get(t.Context(), "http://127.0.0.1:"+port+"/"+webBucket+"/"+url.PathEscape(key)+"?"+query("GET", webBucket+"/"+url.PathEscape(key), "", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != form.Type || !bytes.Equal(data, make([]byte, form.Size)) {
		t.Errorf("%s is answered with %s, %d bytes of type %q, %v; want %d zeros of type %q", key, resp.Status, len(data), resp.Header.Get("Content-Type"), err, form.Size, form.Type)
	}
}

func get(ctx context.Context, address string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(r)
}

// call asks the server about the bucket.
func (w *web) call(method, suffix, body string, want int) {
	w.t.Helper()
	resource := webBucket + suffix
	separator := "?"
	if strings.Contains(suffix, "?") {
		separator = "&"
	}
	address := "http://127.0.0.1:" + port + "/" + resource + separator + query(method, resource, "", "")
	r, err := http.NewRequestWithContext(w.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); resp.StatusCode != want || err != nil {
		w.t.Errorf("%s %s: %s %s, %v; want %d", method, resource, resp.Status, text, err, want)
	}
}

// signed returns the address of an object that anybody may use for a while.
func (w *web) signed(method, key, contentType, headers string) string {
	return w.address() + key + "?" + query(method, webBucket+"/"+key, contentType, headers)
}

// query returns the query of a signed request; headers are lines as they are signed.
func query(method, resource, contentType, headers string) string {
	expires := fmt.Sprint(time.Now().Add(time.Hour).Unix())
	text := strings.Join([]string{method, "", contentType, expires, headers + "/" + resource}, "\n")
	return url.Values{"access_key_id": {keyID}, "expires": {expires}, "signature": {sign(text)}}.Encode()
}

func sign(text string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = io.WriteString(mac, text) // a hash does not fail
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
