package wire

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// An answer collects the headers of a response. All values share one array.
type answer struct {
	w      http.ResponseWriter
	h      http.Header
	values []string
}

// newAnswer returns an answer with room for n headers.
func newAnswer(w http.ResponseWriter, n int) answer {
	return answer{w, w.Header(), make([]string, 0, n)}
}

// set sets a header, by its canonical name, unless the value is empty.
func (a *answer) set(name, value string) {
	if value == "" {
		return
	}
	a.values = append(a.values, value)
	n := len(a.values)
	a.h[name] = a.values[n-1 : n : n]
}

// setTime sets a header to a date unless it is zero.
func (a *answer) setTime(name string, t time.Time) {
	if !t.IsZero() {
		a.set(name, t.UTC().Format(http.TimeFormat))
	}
}

// setInt sets a header to an integer, also to 0.
func (a *answer) setInt(name string, n int64) { a.set(name, strconv.FormatInt(n, 10)) }

// setIntPtr sets a header to an integer unless it is nil.
func (a *answer) setIntPtr(name string, n *int64) {
	if n != nil {
		a.setInt(name, *n)
	}
}

// setTrue sets a header to true if v holds.
func (a *answer) setTrue(name string, v bool) {
	if v {
		a.set(name, "true")
	}
}

// setLength sets Content-Length, unless it is unknown or the status allows none.
func (a *answer) setLength(status int, n int64) {
	if n >= 0 && status != http.StatusNotModified && status != http.StatusNoContent {
		a.setInt("Content-Length", n)
	}
}

// setMetadata sets a header for each entry.
func (a *answer) setMetadata(prefix string, m map[string]string) {
	for name, value := range m {
		a.h[http.CanonicalHeaderKey(prefix+name)] = []string{value}
	}
}

// empty sends an answer without a body. Clients rely on a Content-Type even then.
func (a *answer) empty(status int) error {
	if a.h["Content-Type"] == nil && status != http.StatusNotModified {
		a.set("Content-Type", PlainType)
	}
	a.w.WriteHeader(status)
	return nil
}

// head sends the answer to a HEAD.
func (a *answer) head(status int) error {
	if a.h["Content-Type"] == nil && status != http.StatusNotModified {
		a.set("Content-Type", "application/octet-stream")
	}
	a.w.WriteHeader(status)
	return nil
}

// stream sends a body and closes it.
func (a *answer) stream(status int, body io.ReadCloser) error {
	if body == nil {
		return a.empty(status)
	}
	if status == http.StatusNotModified {
		_ = body.Close() // nothing was read from it
		return a.empty(status)
	}
	if a.h["Content-Type"] == nil {
		a.set("Content-Type", "application/octet-stream")
	}
	err := Stream(a.w, status, body)
	if err2 := body.Close(); err == nil && err2 != nil {
		err = fmt.Errorf("close body of answer: %w", err2)
	}
	return err
}

// buffers holds buffers for JSON answers.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// maxPooled is the largest buffer that is kept, in bytes.
const maxPooled = 1 << 20

// json sends what appendTo appends.
func (a *answer) json(status int, appendTo func([]byte) []byte) error {
	p := buffers.Get().(*[]byte)
	b := appendTo((*p)[:0])
	a.set("Content-Type", JSONType)
	a.setInt("Content-Length", int64(len(b)))
	a.w.WriteHeader(status)
	_, err := a.w.Write(b)
	if cap(b) <= maxPooled {
		*p = b
		buffers.Put(p)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	return nil
}
