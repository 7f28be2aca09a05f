package ois

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

func answerJSON(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func TestBucketVerbs(t *testing.T) {
	rec, srv := serve(t, nil)
	rec.answer = func(n int, w http.ResponseWriter, r *http.Request) {
		_, _ = rec.body(n, r) // looked at below
		switch r.Method + " " + r.RequestURI {
		case "PUT /photos-1":
			w.WriteHeader(http.StatusCreated)
		case "DELETE /photos-1":
			answerJSON(w, 409, `{"code":"bucket_not_empty"}`)
		case "GET /photos-1?stats":
			answerJSON(w, 200, `{"name":"photos-1","location":"jn1","created":"2024-03-05T08:15:30.000Z","status":"active","count":3,"size":1500,
				"storage_classes":{"STANDARD":{"count":3,"size":1500,"billing_size":1600}}}`)
		case "GET /photos-1?acl":
			answerJSON(w, 200, `{"owner":{"id":"usr-1","name":"o"},"acl":[{"grantee":{"type":"group","name":"QS_ALL_USERS"},"permission":"READ"}]}`)
		case "PUT /photos-1?acl", "HEAD /photos-1":
		case "DELETE /photos-1/k?version_id=v":
			w.WriteHeader(http.StatusNoContent)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}
	b := client(t, srv, nil).Bucket("photos-1", "JN1")
	ctx := t.Context()
	if b.Name() != "photos-1" || b.Zone() != "jn1" {
		t.Errorf("the handle is of %s in %s", b.Name(), b.Zone())
	}
	if err := b.Create(ctx); err != nil {
		t.Error(err)
	}
	if ok, err := b.Exists(ctx); !ok || err != nil {
		t.Errorf("Exists = %v, %v", ok, err)
	}
	if ok, err := b.c.Bucket("missing", "").Exists(ctx); ok || err != nil {
		t.Errorf("Exists of a missing bucket = %v, %v", ok, err)
	}
	if err := b.Delete(ctx); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("Delete: %v; want ErrNotEmpty", err)
	}
	s, err := b.Statistics(ctx)
	if err != nil || s.Count != 3 || s.Size != 1500 || s.Zone != "jn1" || s.Status != "active" || s.Created.Year() != 2024 || s.Classes["STANDARD"].BillingSize != 1600 {
		t.Errorf("Statistics = %+v, %v", s, err)
	}
	acl, err := b.ACL(ctx)
	if err != nil || acl.Owner != "usr-1" || !slices.Equal(acl.Grants, []Grant{GrantAll(Read)}) {
		t.Errorf("ACL = %+v, %v", acl, err)
	}
	if err := errors.Join(b.SetACL(ctx, GrantAll(FullControl), GrantUser("usr-2", Write)), b.SetACL(ctx), b.Remove(ctx, "k", &RemoveOptions{VersionID: "v"})); err != nil {
		t.Error(err)
	}
	list := rec.requests()
	if got, want := list[6].Body, `{"acl":[{"grantee":{"type":"group","name":"QS_ALL_USERS"},"permission":"FULL_CONTROL"},{"grantee":{"type":"user","id":"usr-2"},"permission":"WRITE"}]}`; got != want {
		t.Errorf("SetACL sends %s; want %s", got, want)
	}
	if got := list[7].Body; got != "{}" {
		t.Errorf("SetACL without grants sends %s; want {}", got)
	}
}

// TestRedirectsAreNotFollowed: a body and a signature go nowhere unasked.
// TestClientIsSharedSafely lets the race detector look at everything that calls share.
func TestClientIsSharedSafely(t *testing.T) {
	_, srv := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
		switch {
		case n%7 == 0:
			w.WriteHeader(http.StatusInternalServerError)
		case r.Method == http.MethodPut:
			_, _ = io.Copy(io.Discard, r.Body) // not looked at
			w.WriteHeader(http.StatusCreated)
		default:
			serveObject(w, r, alphabet, `"e"`, 0)
		}
	})
	c := client(t, srv, quickly)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			b := c.Bucket("photos-1", fmt.Sprint("jn", i))
			for range 20 {
				_, _ = b.Put(t.Context(), "k", strings.NewReader(alphabet), nil) // may fail when the budget is used up
				if r, err := b.Get(t.Context(), "k", nil); err == nil {
					_, _ = io.Copy(io.Discard, r)
					_ = r.Close()
				}
			}
		}()
	}
	wg.Wait()
}
