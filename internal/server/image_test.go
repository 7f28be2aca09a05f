package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/egress"
	"github.com/oisproject/ois/internal/imaging"
	"github.com/oisproject/ois/internal/store"
)

// picture returns a PNG.
func picture(t *testing.T, w, h int) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, w, h))); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func imageTarget(action string) string {
	return "/bucket1/p.png?image&action=" + url.QueryEscape(action)
}

func TestImageAnswer(t *testing.T) {
	f := start(t)
	f.bucket()
	src := picture(t, 40, 20)
	f.ask(f.key, "PUT", "/bucket1/p.png", src, "Cache-Control: max-age=60", "Content-Encoding: identity", "Content-Type: text/plain").want(http.StatusCreated)
	target := imageTarget("resize:w_20|format:t_jpeg")
	a := f.ask(f.key, "GET", target, "").want(http.StatusOK)
	if a.Header.Get("Content-Type") != "image/jpeg" || a.Header.Get("Cache-Control") != "max-age=60" || a.Header.Get("Content-Encoding") != "" {
		t.Errorf("headers are %v", a.Header)
	}
	if c, kind, err := image.DecodeConfig(strings.NewReader(a.text)); err != nil || c.Width != 20 || c.Height != 10 || kind != "jpeg" {
		t.Errorf("the answer is a %s of %dx%d, %v", kind, c.Width, c.Height, err)
	}
	etag := a.Header.Get("Etag")
	if again := f.ask(f.key, "GET", target, "").Header.Get("Etag"); again != etag || etag == f.ask(f.key, "HEAD", "/bucket1/p.png", "").Header.Get("Etag") {
		t.Errorf("entity tags are %s and %s; want the same twice, and not that of the object", etag, again)
	}
	a = f.ask(f.key, "GET", target, "", "If-None-Match: "+etag).want(http.StatusNotModified)
	if a.text != "" || a.Header.Get("Etag") != etag {
		t.Errorf("304 with %d bytes and %v", len(a.text), a.Header)
	}
	f.ask(f.key, "GET", target, "", "If-Match: "+etag).want(http.StatusOK)
	f.ask(f.key, "GET", target, "", `If-Match: "x"`).wantFault(http.StatusPreconditionFailed, "precondition_failed")
	f.ask(f.key, "GET", target, "", "If-Unmodified-Since: Mon, 02 Jan 2006 15:04:05 GMT").wantFault(http.StatusPreconditionFailed, "precondition_failed")
	f.ask(f.key, "GET", target, "", "If-Modified-Since: "+a.Header.Get("Last-Modified")).want(http.StatusNotModified)
}

func TestImageIsSavedWhereTheCallerMayWrite(t *testing.T) {
	f := start(t)
	f.bucket()
	f.object("/bucket1/p.png", picture(t, 40, 20))
	f.ask(f.key, "PUT", "/bucket2", "").want(http.StatusCreated)
	id, reader := f.user("reader")
	f.ask(f.key, "PUT", "/bucket1?acl", `{"acl":[{"grantee":{"type":"user","id":"`+id+`"},"permission":"READ"}]}`).want(http.StatusOK)
	target := imageTarget("resize:w_20|save:b_bucket2,k_small.png|info")
	f.ask(reader, "GET", target, "").wantFault(http.StatusForbidden, "permission_denied")
	f.ask(f.key, "GET", "/bucket2/small.png", "").want(http.StatusNotFound)
	f.ask(reader, "GET", imageTarget("save:b_bucket1,k_q.png"), "").wantFault(http.StatusForbidden, "permission_denied")
	f.ask(f.key, "PUT", "/bucket2?acl", `{"acl":[{"grantee":{"type":"user","id":"`+id+`"},"permission":"WRITE"}]}`).want(http.StatusOK)
	f.ask(reader, "GET", target, "").want(http.StatusOK)
	a := f.ask(f.key, "GET", "/bucket2/small.png", "").want(http.StatusOK)
	if c, _, err := image.DecodeConfig(strings.NewReader(a.text)); err != nil || c.Width != 20 || a.Header.Get("Content-Type") != "image/png" {
		t.Errorf("saved was %v of %s, %v", c, a.Header.Get("Content-Type"), err)
	}
	policy := `{"statement":[{"id":"a","user":"*","effect":"deny","action":"create_object","resource":"bucket2/no*"}]}`
	f.ask(f.key, "PUT", "/bucket2?policy", policy).want(http.StatusOK)
	f.ask(reader, "GET", imageTarget("save:b_bucket2,k_no.png"), "").wantFault(http.StatusForbidden, "permission_denied")
	f.ask(reader, "GET", imageTarget("save:b_bucket2,k_yes.png"), "").want(http.StatusOK)
}

// TestNothingIsSavedOfARefusal checks that all is known to be right before anything is stored.
func TestNothingIsSavedOfARefusal(t *testing.T) {
	f := start(t)
	f.bucket()
	f.object("/bucket1/p.png", picture(t, 40, 20))
	f.ask(f.key, "PUT", "/bucket2", "", "Host: jn2.localhost").want(http.StatusCreated)
	for action, want := range map[string]struct {
		status int
		code   string
	}{
		"save:b_bucket1,k_x|save:b_bucket2,k_y":                         {400, "invalid_argument"}, // of another zone
		"save:b_bucket1,k_x|save:b_bucket9,k_y":                         {404, "bucket_not_exists"},
		"save:b_bucket1,k_x|save:b_bucket1,k_/y":                        {400, "invalid_object_name"},
		"save:b_bucket1,k_x|crop:l_1000":                                {400, "invalid_argument"},
		"save:b_bucket1,k_x|watermark_image:u_ZnRwOi8vZXhhbXBsZS5jb20v": {400, "invalid_argument"}, // by FTP
	} {
		f.ask(f.key, "GET", imageTarget(action), "").wantFault(want.status, want.code)
	}
	f.ask(f.key, "GET", imageTarget("save:b_bucket1,k_x"), "", `If-Match: "x"`).want(http.StatusPreconditionFailed)
	f.ask(f.key, "GET", "/bucket1/x", "").want(http.StatusNotFound)
}

func TestTooManyImages(t *testing.T) {
	p, err := imaging.New(imaging.Options{Parallel: 1})
	if err != nil {
		t.Fatal(err)
	}
	f := start(t, func(c *Config) { c.Images = p })
	f.bucket()
	f.object("/bucket1/p.png", picture(t, 40, 20))
	pipeline, err := imaging.Parse("info")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	blocked := imaging.Source{Open: func(ctx context.Context) (io.ReadCloser, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	var all sync.WaitGroup
	for range 100 { // more than there are places
		all.Go(func() {
			if out, err := p.Process(ctx, blocked, pipeline); err == nil {
				out.Close()
			}
		})
	}
	defer all.Wait()
	defer cancel()
	for deadline := time.Now().Add(20 * time.Second); ; {
		if a := f.ask(f.key, "GET", imageTarget("info"), ""); a.StatusCode == http.StatusServiceUnavailable {
			if a.wantFault(http.StatusServiceUnavailable, "service_unavailable"); a.Header.Get("Retry-After") != "2" {
				t.Errorf("Retry-After is %q; want 2", a.Header.Get("Retry-After"))
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("images are still processed")
		}
	}
	f.ask(f.key, "GET", "/bucket1/p.png", "").want(http.StatusOK) // the rest goes on
}

func TestWatermarkIsFetched(t *testing.T) {
	asked := ""
	p, err := imaging.New(imaging.Options{Fetch: func(_ context.Context, url string, _ int64) ([]byte, error) {
		asked = url
		return []byte(picture(t, 4, 4)), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	f := start(t, func(c *Config) { c.Images = p })
	f.bucket()
	f.object("/bucket1/p.png", picture(t, 40, 20))
	u := base64.RawStdEncoding.EncodeToString([]byte("http://example.com/logo.png"))
	f.ask(f.key, "GET", imageTarget("watermark_image:p_2,u_"+u), "").want(http.StatusOK)
	if asked != "http://example.com/logo.png" {
		t.Errorf("asked for %q", asked)
	}
}

func TestDamageOfAnImageIsNotTheClientsFault(t *testing.T) {
	f := start(t)
	f.bucket()
	big := picture(t, 40, 20) + strings.Repeat("x", store.MaxKey*100) // too large to lie beside its row
	f.object("/bucket1/p.png", big)
	f.disk.damage(10)
	f.ask(f.key, "GET", imageTarget("info"), "").wantFault(http.StatusInternalServerError, "internal_error")
}

// TestWatermarkOfAnotherServer fetches it through the guard against what users must not reach.
func TestWatermarkOfAnotherServer(t *testing.T) {
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/logo.png" {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, picture(t, 4, 4)) // the client says what is wrong
	}))
	t.Cleanup(origin.Close)
	mark := func(url string) string {
		return imageTarget("watermark_image:u_" + base64.RawStdEncoding.EncodeToString([]byte(url)))
	}
	f := start(t, func(c *Config) { c.Egress = egress.New(egress.Options{AllowPrivate: true}) })
	f.bucket()
	f.object("/bucket1/p.png", picture(t, 40, 20))
	f.ask(f.key, "GET", mark(origin.URL+"/logo.png"), "").want(http.StatusOK)
	f.ask(f.key, "GET", mark(origin.URL+"/nosuch.png"), "").wantFault(http.StatusBadRequest, "invalid_argument")
	f.ask(f.key, "GET", mark("ftp://example.com/logo.png"), "").wantFault(http.StatusBadRequest, "invalid_argument")

	guarded := start(t)
	guarded.bucket()
	guarded.object("/bucket1/p.png", picture(t, 40, 20))
	a := guarded.ask(guarded.key, "GET", mark(origin.URL+"/logo.png"), "")
	if a.StatusCode != http.StatusBadRequest && a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a watermark of this machine: %d %s; want a refusal", a.StatusCode, a.text)
	}
}
