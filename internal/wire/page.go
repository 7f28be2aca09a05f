package wire

import (
	"fmt"
	"html"
	"net/http"
	"strconv"

	"github.com/oisproject/ois/internal/fault"
)

// HTMLType is the type of an error page of ours.
const HTMLType = "text/html; charset=utf-8"

// WritePage is WriteError for whom looks at a website: the answer is a page for a person.
func WritePage(w http.ResponseWriter, method, requestID string, err error) {
	h := w.Header()
	StartOver(h, requestID)
	body := errorPage(requestID, err)
	h.Set("Content-Type", HTMLType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	status := fault.CodeOf(err).Status()
	AskLater(h, status)
	w.WriteHeader(status)
	if method != http.MethodHead {
		_, _ = w.Write(body) // a client that is gone needs no answer
	}
}

func errorPage(requestID string, err error) []byte {
	code, message := Explain(err)
	title := strconv.Itoa(code.Status()) + " " + http.StatusText(code.Status())
	return fmt.Appendf(nil, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>%s</title>\n<h1>%s</h1>\n<p>%s</p>\n<p>Request %s</p>\n",
		title, title, html.EscapeString(message), requestID)
}
