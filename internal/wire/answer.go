package wire

import (
	"errors"
	"fmt"
	"io"
	"net/http"
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

// WriteError answers a request with err: its code and message if it is a [fault.Error],
// else internal_error, which tells nothing of the inside. The answer to a HEAD is
// empty. Headers that were set for another answer are dropped, but for Server.
func WriteError(w http.ResponseWriter, method, requestID string, err error) {
	h := w.Header()
	product := h["Server"]
	clear(h)
	if product != nil {
		h["Server"] = product
	}
	h.Set("X-Qs-Request-Id", requestID)
	var body []byte
	if method != http.MethodHead {
		body = appendError(requestID, err)
	}
	h.Set("Content-Type", JSONType)
	if len(body) == 0 {
		h.Set("Content-Type", PlainType)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(fault.CodeOf(err).Status())
	_, _ = w.Write(body) // a client that is gone needs no answer
}

func appendError(requestID string, err error) []byte {
	code, message := fault.CodeOf(err), "an error inside the server; its log has more under the request id"
	if f, ok := errors.AsType[*fault.Error](err); ok {
		message = f.Message
	}
	b := append(make([]byte, 0, 256), '{')
	b = append(appendString(appendName(b, "code"), string(code)), ',')
	b = append(appendString(appendName(b, "message"), message), ',')
	b = append(appendString(appendName(b, "request_id"), requestID), ',')
	b = append(appendString(appendName(b, "url"), helpURL+string(code)), ',')
	return appendEnd(b, '}')
}

// ErrGone is returned by Stream when the client does not take the answer.
var ErrGone = errors.New("the client is gone")

// chunk is how many bytes of a streamed body are under way at a time.
const chunk = 64 << 10

var chunks = sync.Pool{New: func() any { return new([chunk]byte) }}

// Stream answers with status and the bytes of body; the headers are set already.
//
// The first bytes are read before the status is written. If that fails nothing has been written, and
// the error can still become an answer of its own. After the status there is no way to
// tell the client but to cut the connection, which is up to the caller.
func Stream(w http.ResponseWriter, status int, body io.Reader) error {
	buf := chunks.Get().(*[chunk]byte)
	defer chunks.Put(buf)
	n, err := io.ReadAtLeast(body, buf[:], 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read body of answer: %w", err)
	}
	w.WriteHeader(status)
	for {
		if _, err := w.Write(buf[:n]); err != nil {
			return fmt.Errorf("%w: %w", ErrGone, err)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read body of answer: %w", err)
		}
		n, err = body.Read(buf[:])
	}
}
