package server

import (
	"net/http"
	"strings"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
)

// checkFeatures refuses a write with headers that nothing here obeys yet. To ignore them would
// store in the clear what was to be encrypted, or overwrite what was to stay.
func (x *exchange) checkFeatures() error {
	if x.r.Method != http.MethodPut && x.r.Method != http.MethodPost && x.r.Method != http.MethodDelete {
		return nil
	}
	for name := range x.r.Header {
		switch {
		case encryption(name) && x.operation != op.CompleteMultipartUpload: // which only repeats them
			return fault.Newf(fault.NotImplemented, "%s with a customer's encryption key (header %s) is not implemented yet", x.operation, name)
		case name == "If-Match" || name == "If-None-Match" || name == "If-Unmodified-Since":
			return fault.Newf(fault.NotImplemented, "%s with the condition %s is not implemented yet", x.operation, name)
		}
	}
	return nil
}

func encryption(header string) bool {
	return strings.HasPrefix(header, "X-Qs-Encryption-Customer-") ||
		strings.HasPrefix(header, "X-Qs-Copy-Source-Encryption-Customer-")
}
