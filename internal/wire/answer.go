package wire

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/oisproject/ois/internal/fault"
)

// The types of answers. A JSON body is of exactly JSONType, without parameters,
// and an empty body is of PlainType: clients of others rely on both.
const (
	JSONType  = "application/json"
	PlainType = "text/plain"
)

// helpURL explains an error code, whose name follows.
const helpURL = "https://github.com/oisproject/ois/blob/main/docs/api/errors.md#"

// kept are the headers that are right for an error, too. The last ones tell of the version in question.
var kept = []string{"Server", "X-Ois-Extensions", "Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Vary", "Retry-After", "X-Qs-Delete-Marker", "X-Qs-Version-Id"}

// WriteError answers a request with err: its code and message if it is a [fault.Error],
// else internal_error, which tells nothing of the inside. The answer to a HEAD is
// empty. Headers that were set for another answer are dropped.
func WriteError(w http.ResponseWriter, method, requestID string, err error) {
	h := w.Header()
	StartOver(h, requestID)
	var body []byte
	if method != http.MethodHead {
		body = appendError(requestID, err)
	}
	h.Set("Content-Type", JSONType)
	if len(body) == 0 {
		h.Set("Content-Type", PlainType)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	status := fault.CodeOf(err).Status()
	AskLater(h, status)
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that is gone needs no answer
}

// Explain returns what a client is told of an error.
func Explain(err error) (code fault.Code, message string) {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Code, f.Message
	}
	return fault.InternalError, "an error inside the server; its log has more under the request id"
}

// StartOver drops the headers that were set for another answer.
func StartOver(h http.Header, requestID string) {
	maps.DeleteFunc(h, func(name string, _ []string) bool { return !slices.Contains(kept, name) })
	h.Set("X-Qs-Request-Id", requestID)
}

func appendError(requestID string, err error) []byte {
	code, message := Explain(err)
	b := append(make([]byte, 0, 256), '{')
	b = append(appendString(appendName(b, "code"), string(code)), ',')
	b = append(appendString(appendName(b, "message"), message), ',')
	b = append(appendString(appendName(b, "request_id"), requestID), ',')
	b = append(appendString(appendName(b, "url"), helpURL+string(code)), ',')
	return appendEnd(b, '}')
}

// ErrGone is returned by Stream when the client does not take the answer.
var ErrGone = errors.New("the client is gone")

// chunk is how many bytes of a streamed body are under way at a time, if the body does not send itself.
const chunk = 64 << 10

var chunks = sync.Pool{New: func() any { return new([chunk]byte) }}

// Stream answers with status and the bytes of body; the headers are set already. A body that is an io.WriterTo
// sends itself.
//
// The status is written with the first bytes. If the body fails before, nothing has been written, and
// the error can still become an answer of its own. After the status there is no way to
// tell the client but to cut the connection, which is up to the caller.
func Stream(w http.ResponseWriter, status int, body io.Reader) error {
	out := &stream{w: w, status: status}
	if _, ok := body.(io.WriterTo); ok {
		_, err := io.Copy(out, body)
		return out.end(err)
	}
	buf := chunks.Get().(*[chunk]byte)
	defer chunks.Put(buf)
	_, err := io.CopyBuffer(out, body, buf[:])
	return out.end(err)
}

// A stream writes the body of an answer, and the status before its first bytes.
type stream struct {
	w      http.ResponseWriter
	status int
	began  bool
}

func (s *stream) begin() {
	if !s.began {
		s.began = true
		s.w.WriteHeader(s.status)
	}
}

// end completes the answer, unless sending it has failed with err.
func (s *stream) end(err error) error {
	if err == nil {
		s.begin() // the body was empty
		return nil
	}
	if errors.Is(err, ErrGone) {
		return err
	}
	return fmt.Errorf("read body of answer: %w", err)
}

// Write implements io.Writer.
func (s *stream) Write(p []byte) (int, error) {
	s.begin()
	n, err := s.w.Write(p)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrGone, err)
	}
	return n, err
}
