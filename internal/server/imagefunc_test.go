package server

import (
	"context"
	"encoding/json"
	"image/png"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/notify"
)

// An inbox keeps what is posted.
type inbox struct {
	mu   sync.Mutex
	list []string // guarded by mu
}

func (in *inbox) Post(_ context.Context, url, _ string, body []byte, _ time.Duration) (int, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.list = append(in.list, url+" "+string(body))
	return http.StatusOK, nil
}

func (in *inbox) take() []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	list := in.list
	in.list = nil
	return list
}

// notified starts a server with a notifier, and two buckets.
func notified(t *testing.T) (*fixture, *notify.Notifier, *inbox) {
	t.Helper()
	f, in := start(t, func(c *Config) { c.Domain = "ois.test" }), &inbox{}
	n := notify.New(notify.Config{Store: f.store, Poster: in, Image: f.NotifiedImage})
	f.run(n.Run)
	f.bucket()
	f.ask(f.key, "PUT", "/bucket2", "").want(http.StatusCreated)
	return f, n, in
}

func (f *fixture) quiet() {
	f.t.Helper()
	eventually(f.t, "all is told", func() bool {
		left, err := f.store.Queues(f.t.Context())
		if err != nil {
			f.t.Fatal(err)
		}
		return len(left) == 0
	})
}

func imageRules(save string) string {
	return `{"notifications":[
		{"id":"thumbs","event_types":["create_object","complete_multipart"],"object_filters":["*.png"],"cloudfunc":"image",
		 "cloudfunc_args":{"action":"resize:w_10,h_5,m_1","save_bucket":"` + save + `"},"notify_url":"http://hooks.example.com/image"},
		{"id":"all","event_types":["create_object"],"cloudfunc":"notifier","notify_url":"http://hooks.example.com/all"}]}`
}

func TestImageFunction(t *testing.T) {
	f, n, in := notified(t)
	for _, save := range []string{"", "bucket2"} {
		f.ask(f.key, "PUT", "/bucket1?notification", imageRules(save)).want(http.StatusOK)
		f.ask(f.key, "PUT", "/bucket1/cats/a.png", picture(t, 40, 20)).want(http.StatusCreated)
		f.quiet()
		to := "bucket1"
		if save != "" {
			to = save
		}
		made := f.ask(f.key, "GET", "/"+to+"/gen_cats/a.png", "").want(http.StatusOK)
		c, err := png.DecodeConfig(strings.NewReader(made.text))
		if err != nil || c.Width != 10 || c.Height != 5 || made.Header.Get("Content-Type") != "image/png" {
			t.Errorf("the result is %d×%d, %v, of type %q; want 10×5", c.Width, c.Height, err, made.Header.Get("Content-Type"))
		}
		list := in.take()
		if len(list) != 2 {
			t.Fatalf("%d messages: %q; want one of each rule, and none of the result", len(list), list)
		}
		i := 0
		if strings.HasPrefix(list[1], "http://hooks.example.com/image ") {
			i = 1
		}
		text, _ := strings.CutPrefix(list[i], "http://hooks.example.com/image ")
		var got imageReport
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatal(err)
		}
		want := imageReport{Bucket: "bucket1", Object: "cats/a.png", Result: imageResult{
			Bucket: to, Object: "gen_cats/a.png", ETag: strings.Trim(made.Header.Get("ETag"), `"`), Size: int64(len(made.text)),
			ContentType: "image/png", Width: 10, Height: 5,
		}}
		if got != want {
			t.Errorf("told %+v\nwant %+v", got, want)
		}
	}

	// Nothing comes of what is no image, or cannot be read, and that is not tried again.
	f.ask(f.key, "PUT", "/bucket1/text.png", "not an image").want(http.StatusCreated)
	f.quiet()
	f.ask(f.key, "PUT", "/bucket1/sealed.png", picture(t, 40, 20), sealedWith...).want(http.StatusCreated)
	f.quiet()
	if got := n.Figures(); got.Dropped != 2 || got.Failed != 2 {
		t.Errorf("%+v; want 2 events dropped after one attempt each", got)
	}
	f.ask(f.key, "GET", "/bucket2/gen_text.png", "").want(http.StatusNotFound)
	f.ask(f.key, "GET", "/bucket2/gen_sealed.png", "").want(http.StatusNotFound)
}

func TestImageFunctionStaysWithItsOwner(t *testing.T) {
	f, n, _ := notified(t)
	other, key := f.user("other")
	f.ask(key, "PUT", "/other1", "").want(http.StatusCreated)
	f.ask(f.key, "PUT", "/bucket9", "", "Host: jn2.ois.test").want(http.StatusCreated)
	for _, save := range []string{"other1", "bucket9", "none1"} {
		f.ask(f.key, "PUT", "/bucket1?notification", imageRules(save)).wantFault(http.StatusBadRequest, "invalid_request")
	}
	// The bucket may become that of another user later.
	f.ask(f.key, "PUT", "/bucket1?notification", imageRules("bucket2")).want(http.StatusOK)
	f.ask(f.key, "DELETE", "/bucket2", "").want(http.StatusNoContent)
	f.ask(key, "PUT", "/bucket2", "").want(http.StatusCreated)
	f.ask(f.key, "PUT", "/bucket1/a.png", picture(t, 40, 20)).want(http.StatusCreated)
	f.quiet()
	f.ask(key, "GET", "/bucket2/gen_a.png", "").want(http.StatusNotFound)
	if got := n.Figures(); got.Dropped != 1 {
		t.Errorf("%+v; want one event dropped, since bucket2 belongs to %s", got, other)
	}
}

func TestNotifyURLThatIsRefused(t *testing.T) {
	f := start(t)
	f.bucket()
	for _, url := range []string{"http://127.0.0.1/", "https://[::1]:9000/", "http://169.254.169.254/latest", "ftp://hooks.example.com/", "http://"} {
		rule := `{"notifications":[{"id":"n","event_types":["create_object"],"cloudfunc":"notifier","notify_url":"` + url + `"}]}`
		f.ask(f.key, "PUT", "/bucket1?notification", rule).wantFault(http.StatusBadRequest, "invalid_request")
	}
}
