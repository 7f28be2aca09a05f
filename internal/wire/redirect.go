package wire

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/oisproject/ois/internal/fault"
)

// Limits of the address that a browser is sent to, so that it fits into the headers that browsers and proxies take.
const (
	maxRedirect        = 2048 // bytes
	maxRedirectMessage = 256  // bytes, before they are escaped
)

// A Redirect is where a browser is sent after a form.
type Redirect struct {
	address  string // up to the fragment, in printable ASCII
	fragment string // with its #
}

// ParseRedirect reads the field redirect of a form: an absolute http or https address. Characters that may not
// stand in a header are escaped.
func ParseRedirect(s string) (Redirect, error) {
	u, err := url.Parse(s) // refuses control characters
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || len(s) > maxRedirect {
		return Redirect{}, fault.Newf(fault.InvalidArgument,
			"the form field redirect: got %.200q; want an absolute http or https URL of at most %d bytes", s, maxRedirect)
	}
	address, fragment, ok := strings.Cut(printable(s), "#")
	if ok {
		fragment = "#" + fragment
	}
	return Redirect{address, fragment}, nil
}

// printable escapes what is not printable ASCII.
func printable(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// Location returns the address with an outcome added to its query.
func (r Redirect) Location(status int, code, message, requestID string) string {
	if len(message) > maxRedirectMessage {
		message = strings.ToValidUTF8(message[:maxRedirectMessage], "") + "…"
	}
	separator := "?"
	if strings.Contains(r.address, "?") {
		separator = "&"
	}
	return r.address + separator + "status=" + strconv.Itoa(status) + "&code=" + url.QueryEscape(code) +
		"&message=" + url.QueryEscape(message) + "&request_id=" + url.QueryEscape(requestID) + r.fragment
}
