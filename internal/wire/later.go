package wire

import "net/http"

// RetryAfter is how many seconds a client is asked to wait when the server cannot take its request at the moment. What
// it waits for may take longer: clients wait longer each time.
const RetryAfter = "1"

// AskLater tells when to come again, where a status says that it helps.
func AskLater(h http.Header, status int) {
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		if h.Get("Retry-After") == "" {
			h.Set("Retry-After", RetryAfter)
		}
	}
}

// ErrorBody returns the body of the answer that WriteError gives.
func ErrorBody(requestID string, err error) []byte { return appendError(requestID, err) }
