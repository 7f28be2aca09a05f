package ois

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestVersionsArePaged(t *testing.T) {
	pages := []string{
		`{"has_more":true,"next_key_marker":"a","next_version_id_marker":"1","keys":[{"key":"a","version_id":"1","is_latest":true,"size":3,"etag":"e","modified":"2026-01-02T03:04:05Z"}]}`,
		`{"has_more":true,"next_key_marker":"a","next_version_id_marker":"0","keys":[{"key":"a","version_id":"0","delete_marker":true,"created":"2026-01-02T03:04:05Z"}]}`,
		`{"keys":[{"key":"b","version_id":"2"}]}`,
	}
	rec, srv := serve(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, pages[n-1])
	})
	b := client(t, srv, nil).Bucket("photos-1", "")
	var list []ObjectVersion
	for v, err := range b.Versions(t.Context(), "p/") {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, v)
	}
	if len(list) != 3 || !list[0].Latest || list[0].ETag != `"e"` || list[0].Size != 3 || !list[1].DeleteMarker || list[1].Modified.IsZero() || list[2].VersionID != "2" {
		t.Errorf("got %+v", list)
	}
	targets := []string{
		"/photos-1?versions&prefix=p%2F&limit=1000", "/photos-1?versions&prefix=p%2F&key_marker=a&version_id_marker=1&limit=1000", "/photos-1?versions&prefix=p%2F&key_marker=a&version_id_marker=0&limit=1000",
	}
	for i, s := range rec.requests() {
		if s.Target != targets[i] {
			t.Errorf("request %d is for %q; want %q", i, s.Target, targets[i])
		}
	}
	same := answering(t, 200, `{"has_more":true}`, "Content-Type", "application/json")
	for _, err := range same.Versions(t.Context(), "") {
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), "says that there is more") {
			t.Errorf("a listing that never ends: %v", err)
		}
	}
}
