package server

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/egress"
	"github.com/oisproject/ois/internal/notify"
	"github.com/oisproject/ois/internal/store"
)

// within fails if do takes longer than it may. The bounds are wide, since machines are slow at times; what they are to find
// takes hours.
func (f *fixture) within(most time.Duration, what string, do func()) {
	f.t.Helper()
	begin := time.Now()
	do()
	if took := time.Since(begin); took > most {
		f.t.Errorf("%s took %v; want at most %v", what, took, most)
	}
}

// allocates returns how many bytes of memory are asked for while do runs, by the test too.
func allocates(do func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// mean returns a pattern for which a matcher that goes back tries every way to part a text of many a.
func mean(n int) string { return strings.Repeat("*a", n/2-1) + "*b" }

// TestMeanPatterns: patterns come from users, and texts from anybody. What both together cost is bounded.
func TestMeanPatterns(t *testing.T) {
	f := start(t)
	f.bucket()
	key := "/bucket1/" + strings.Repeat("a", 1000)
	f.object(key, "x")

	f.ask(f.key, "PUT", "/bucket1?policy", `{"statement":[{"id":"s","user":"*","effect":"allow","action":"get_object","resource":"bucket1/`+mean(1900)+`"}]}`).
		want(http.StatusOK)
	f.within(15*time.Second, "100 keys that a policy looks at", func() {
		for range 100 {
			f.ask(nil, "GET", key, "").wantFault(http.StatusForbidden, "permission_denied")
		}
	})
	f.ask(f.key, "PUT", "/bucket1?policy", `{"statement":[{"id":"s","user":"*","effect":"allow","action":"get_object","resource":"bucket1/*",
		"condition":{"string_like":{"Referer":"`+mean(1800)+`"}}}]}`).want(http.StatusOK)
	f.within(15*time.Second, "100 referers that a policy looks at", func() {
		for range 100 {
			f.ask(nil, "GET", key, "", "Referer: "+strings.Repeat("a", 12_000)).wantFault(http.StatusForbidden, "permission_denied")
		}
	})
	f.ask(f.key, "DELETE", "/bucket1?policy", "").want(http.StatusNoContent)

	rule := func(origin, header string) string {
		return `{"allowed_origin":"` + origin + `","allowed_methods":["*"],"allowed_headers":["` + header + `"]}`
	}
	f.ask(f.key, "PUT", "/bucket1?cors", `{"cors_rules":[`+rule(mean(8000), "*")+`,`+rule("*", mean(8000))+`]}`).want(http.StatusOK)
	f.within(15*time.Second, "100 preflights", func() {
		for range 100 {
			a := f.ask(nil, "OPTIONS", key, "", "Origin: "+strings.Repeat("a", 5000), "Access-Control-Request-Method: PUT",
				"Access-Control-Request-Headers: "+strings.Repeat(strings.Repeat("a", 99)+",", 80)+"a").want(http.StatusOK)
			if got := a.Header.Get("Access-Control-Allow-Origin"); got != "" {
				t.Fatalf("an origin of a is allowed as %q", got)
			}
		}
	})
}

// TestMeanFilters: each change of an object is compared with all filters of its bucket, so all together are short.
func TestMeanFilters(t *testing.T) {
	f := start(t)
	f.bucket()
	rule := func(id string, n int) string {
		filters := strings.TrimSuffix(strings.Repeat(`"*`+strings.Repeat("a", 510)+`b",`, n), ",")
		return `{"id":"` + id + `","event_types":["create_object"],"object_filters":[` + filters + `],"cloudfunc":"notifier","notify_url":"http://hooks.example.com/"}`
	}
	most := rule("n1", maxObjectFilters) + "," + rule("n2", maxFilterText/512-maxObjectFilters)
	f.ask(f.key, "PUT", "/bucket1?notification", `{"notifications":[`+most+`,`+rule("n3", 1)+`]}`).wantFault(http.StatusBadRequest, "invalid_request")
	f.ask(f.key, "PUT", "/bucket1?notification", `{"notifications":[`+most+`]}`).want(http.StatusOK)
	f.within(15*time.Second, "20 writes with as many filters as there may be", func() {
		for range 20 {
			f.ask(f.key, "PUT", "/bucket1/"+strings.Repeat("a", 1000), "x").want(http.StatusCreated)
		}
	})
}

// withJSON returns the operations that have JSON in their body, as method and target, and the list in that body.
func (f *fixture) withJSON() map[string]string {
	f.t.Helper()
	list := map[string]string{"POST /bucket1?delete": "objects", "POST /bucket1/k?upload_id=" + f.initiate("/bucket1/k"): "object_parts"}
	for sub, name := range map[string]string{
		"acl": "acl", "cors": "cors_rules", "policy": "statement", "mirror": "", "logging": "", "cname": "", "lifecycle": "rule",
		"notification": "notifications", "replication": "rules", "versioning": "",
	} {
		list["PUT /bucket1?"+sub] = name
	}
	return list
}

// TestEndlessJSON: of a body that does not end, each operation with one reads a little and answers.
func TestEndlessJSON(t *testing.T) {
	f := start(t)
	f.bucket()
	for target := range f.withJSON() {
		method, target, _ := strings.Cut(target, " ")
		took := allocates(func() {
			c, r := f.dial()
			go func() {
				_, err := io.WriteString(c, f.head(f.key, method, target, "Transfer-Encoding: chunked"))
				for i := 0; err == nil && i < 1024; i++ {
					_, err = io.WriteString(c, chunkOfBlanks) // until the server has heard enough
				}
			}()
			receive(t, r, method).wantFault(http.StatusBadRequest, "invalid_request")
		})
		if took > 24<<20 {
			t.Errorf("%s %s took %d bytes of memory", method, target, took)
		}
	}
}

var chunkOfBlanks = "10000\r\n" + strings.Repeat(" ", 0x10000) + "\r\n"

// TestSmallJSONOfMuch: what is written in a few bytes each takes no more memory for it.
func TestSmallJSONOfMuch(t *testing.T) {
	f := start(t)
	f.bucket()
	for target, list := range f.withJSON() {
		method, target, _ := strings.Cut(target, " ")
		switch {
		case strings.HasSuffix(target, "?versioning"):
			list = "unknown"
		case list == "":
			continue
		}
		for _, each := range []string{"{}", "0"} {
			body := `{"` + list + `":[` + strings.Repeat(each+",", 2<<20/(len(each)+1)-20) + each + `]}`
			sum := md5.Sum([]byte(body))
			head := f.head(f.key, method, target, fmt.Sprint("Content-Length: ", len(body)), "Content-MD5: "+base64.StdEncoding.EncodeToString(sum[:]))
			took := allocates(func() {
				c, r := f.dial()
				go func() { _, _ = io.WriteString(c, head+body) }() // the server may have heard enough
				receive(t, r, method).wantFault(http.StatusBadRequest, "invalid_request")
			})
			if took > 32<<20 {
				t.Errorf("%s %s with many %s took %d bytes of memory", method, target, each, took)
			}
		}
	}
}

// TestLoopsOfRedirects: who leads in a circle is left after some steps, and nothing is stored.
func TestLoopsOfRedirects(t *testing.T) {
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
	})
	steps := slices.Repeat([]string{"/k"}, 6) // five redirects
	f := start(t, private)
	f.mirror(o, "")
	f.object("/bucket1/p.png", picture(t, 4, 4))
	mark := imageTarget("watermark_image:u_" + base64.RawStdEncoding.EncodeToString([]byte(o.url+"/k")))
	for _, ask := range []func(){
		func() {
			f.ask(f.key, "GET", "/bucket1/k", "").wantFault(http.StatusServiceUnavailable, "upstream_failed")
		},
		func() { f.fetch(o.url+"/k").wantFault(http.StatusServiceUnavailable, "upstream_failed") },
		func() { f.ask(f.key, "GET", mark, "").wantFault(http.StatusServiceUnavailable, "upstream_failed") },
	} {
		f.within(15*time.Second, "a loop", ask)
		o.wantAsked(t, steps...)
	}
	f.ask(f.key, "DELETE", "/bucket1?mirror", "").want(http.StatusNoContent)
	f.ask(f.key, "GET", "/bucket1/k", "").wantFault(http.StatusNotFound, "object_not_exists")
}

// a postman tells what became of the first thing that was posted.
type postman struct {
	*egress.Client
	first chan error
}

func (p *postman) Post(ctx context.Context, url, contentType string, body []byte, timeout time.Duration) (int, error) {
	status, err := p.Client.Post(ctx, url, contentType, body, timeout)
	told := err
	if told == nil {
		told = fmt.Errorf("status %d", status)
	}
	select {
	case p.first <- told:
	default:
	}
	return status, err
}

// TestNotificationsLeadNowhere: what is posted goes to no address of this machine, though a name leads there, and follows no redirect.
func TestNotificationsLeadNowhere(t *testing.T) {
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/loop", http.StatusTemporaryRedirect)
	})
	for _, tt := range []struct {
		name, want string
		options    egress.Options
		asked      []string
	}{
		{"private", "does not connect to", egress.Options{}, nil},
		{"redirect", "status 307", egress.Options{AllowPrivate: true}, []string{"/hook"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := start(t)
			f.bucket()
			hook := strings.Replace(o.url, "127.0.0.1", "localhost", 1) + "/hook"
			f.ask(f.key, "PUT", "/bucket1?notification", `{"notifications":[{"id":"n","event_types":["create_object"],"cloudfunc":"notifier","notify_url":"`+hook+`"}]}`).
				want(http.StatusOK)
			p := &postman{egress.New(tt.options), make(chan error, 1)}
			stop := f.run(notify.New(notify.Config{Store: f.store, Poster: p}).Run)
			f.object("/bucket1/k", "x")
			err := <-p.first
			stop() // before it tries again
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("what is posted ends with %v; want %s", err, tt.want)
			}
			o.wantAsked(t, tt.asked...)
		})
	}
}

// deletes asks for all those entries to be deleted at once.
func (f *fixture) deletes(entries ...string) *reply {
	f.t.Helper()
	body := `{"objects":[` + strings.Join(entries, ",") + `]}`
	sum := md5.Sum([]byte(body))
	return f.ask(f.key, "POST", "/bucket1?delete", body, "Content-MD5: "+base64.StdEncoding.EncodeToString(sum[:]))
}

// TestThousandDeletesOfOneKey: what is named again is deleted once, and counts as often as it is named.
func TestThousandDeletesOfOneKey(t *testing.T) {
	f := start(t)
	f.bucket()
	f.ask(f.key, "PUT", "/bucket1?versioning", `{"status":"ENABLED"}`).want(http.StatusOK)
	id := f.ask(f.key, "PUT", "/bucket1/k", "1").want(http.StatusCreated).Header.Get("X-Qs-Version-Id")
	f.object("/bucket1/k", "2")
	versions := func() int {
		return strings.Count(f.ask(f.key, "GET", "/bucket1?versions", "").want(http.StatusOK).text, `"version_id":`)
	}
	key, version := `{"key":"k"}`, `{"key":"k","version_id":"`+id+`"}`
	f.deletes(slices.Repeat([]string{key}, store.MaxDeletes+1)...).wantFault(http.StatusBadRequest, "too_many_objects")
	if n := versions(); n != 2 {
		t.Errorf("a refused request leaves %d versions; want 2", n)
	}
	for _, c := range []struct {
		entry string
		left  int
	}{{key, 3}, {version, 2}} {
		f.within(15*time.Second, "1000 deletes", func() {
			a := f.deletes(slices.Repeat([]string{c.entry}, store.MaxDeletes)...).want(http.StatusOK)
			if n := strings.Count(a.text, c.entry); n != store.MaxDeletes {
				t.Errorf("%d entries are deleted; want %d", n, store.MaxDeletes)
			}
		})
		if n := versions(); n != c.left {
			t.Errorf("after 1000 times %s there are %d versions; want %d", c.entry, n, c.left)
		}
	}
}
