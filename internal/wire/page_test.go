package wire

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/oisproject/ois/internal/fault"
)

func TestWritePage(t *testing.T) {
	for _, method := range []string{"GET", "HEAD"} {
		w := httptest.NewRecorder()
		w.Header().Set("ETag", `"x"`)
		w.Header().Set("Access-Control-Allow-Origin", "*")
		WritePage(w, method, "id1", fault.Newf(fault.ObjectNotExists, "no <script>"))
		h := w.Header()
		if w.Code != http.StatusNotFound || h.Get("Content-Type") != HTMLType || h.Get("X-Qs-Request-Id") != "id1" ||
			h.Get("ETag") != "" || h.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d with %v", method, w.Code, h)
		}
		text := w.Body.String()
		if whole := strings.Contains(text, "404 Not Found") && strings.Contains(text, "no &lt;script&gt;") && strings.Contains(text, "id1"); whole != (method == "GET") {
			t.Errorf("%s: the page is %q", method, text)
		}
		if method == "HEAD" && text != "" {
			t.Errorf("HEAD has the body %q", text)
		}
	}
	w := httptest.NewRecorder()
	WritePage(w, "GET", "id1", errors.New("the password is 1234"))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "1234") {
		t.Errorf("of an error inside the server it tells %d %q", w.Code, w.Body)
	}
}
