package server

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"testing/iotest"
)

// TestBodyThatStallsNamesNoAddress: the error is told to the client, which need not know where the server stands behind its proxy.
func TestBodyThatStallsNamesNoAddress(t *testing.T) {
	here := &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 9000}
	stalled := &net.OpError{Op: "read", Net: "tcp", Source: here, Addr: here, Err: os.ErrDeadlineExceeded}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/bucket1?acl", iotest.ErrReader(stalled))
	var u upload
	u.begin(httptest.NewRecorder(), r)
	_, err := io.ReadAll(&u)
	if err == nil || err.Error() != os.ErrDeadlineExceeded.Error() || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the body fails with %v; want no more than %v", err, os.ErrDeadlineExceeded)
	}
}
