package server

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oisproject/ois/sdk/go/signature"
)

func TestEachRequestLeavesOneLine(t *testing.T) {
	f := start(t)
	f.bucket()
	f.log.reset()
	a := f.ask(f.key, "PUT", "/bucket1/a%20b", "hello").want(http.StatusCreated)
	line := f.log.last(t)
	want := map[string]any{
		"level": "INFO", "msg": "request", "id": a.Header.Get("X-Qs-Request-Id"), "client": "127.0.0.1", "method": "PUT",
		"operation": "PutObject", "bucket": "bucket1", "key": "a b", "status": 201.0, "in": 5.0, "out": 0.0, "user": "usr-root",
	}
	for name, value := range want {
		if line[name] != value {
			t.Errorf("%s is %v; want %v", name, line[name], value)
		}
	}
	if d, ok := line["duration"].(float64); !ok || d <= 0 {
		t.Errorf("duration is %v", line["duration"])
	}
	if line["code"] != nil || line["error"] != nil {
		t.Errorf("log line of a success is %v", line)
	}
	f.ask(nil, "GET", "/bucket1/a%20b", "").wantFault(http.StatusForbidden, "permission_denied")
	if line := f.log.last(t); line["code"] != "permission_denied" || line["level"] != "INFO" || line["user"] != nil || line["out"] == 0.0 {
		t.Errorf("log line of a refusal is %v", line)
	}
	f.ask(nil, "GET", "//", "").wantFault(http.StatusBadRequest, "invalid_bucket_name")
	if line := f.log.last(t); line["operation"] != nil || line["status"] != 400.0 {
		t.Errorf("log line of no operation is %v", line)
	}
	if n := strings.Count(f.log.String(), "\n"); n != 3 {
		t.Errorf("3 requests left %d lines", n)
	}
}

// TestLogHasNoSecrets sends secrets wherever they can stand.
func TestLogHasNoSecrets(t *testing.T) {
	f := start(t)
	f.bucket()
	m := signature.Message{Method: "GET", Path: "/bucket1/k", Header: http.Header{}, Expires: fmt.Sprint(time.Now().Add(time.Hour).Unix())}
	sig := f.key.Sign(&m)
	query := "?access_key_id=" + f.key.ID() + "&expires=" + m.Expires + "&signature=" + url.QueryEscape(sig)
	f.object("/bucket1/k", "hello")
	f.ask(nil, "GET", "/bucket1/k"+query, "").want(http.StatusOK)
	f.ask(nil, "GET", "/bucket1/k"+query+"&acl", "").wantFault(http.StatusMethodNotAllowed, "method_not_allowed")
	f.ask(nil, "GET", "/bucket1/other"+query, "").wantFault(http.StatusUnauthorized, "signature_not_matched")
	f.ask(nil, "GET", "/bucket1/k", "", "Authorization: QS nobody:"+sig).wantFault(http.StatusUnauthorized, "invalid_access_key_id")
	f.ask(nil, "GET", "/bucket1/k", "", "Authorization: Bearer "+sig).wantFault(http.StatusBadRequest, "invalid_argument")
	f.ask(f.key, "PUT", "/bucket1/k", "x", "X-QS-Encryption-Customer-Key: c2VjcmV0IGtleQ==").wantFault(http.StatusBadRequest, "invalid_argument")
	f.ask(f.key, "PUT", "/bucket1/k", "x", "X-QS-Encryption-Customer-Algorithm: AES256", "X-QS-Encryption-Customer-Key: c2VjcmV0IGtleQ==",
		"X-QS-Encryption-Customer-Key-MD5: c2VjcmV0IGtleQ==").wantFault(http.StatusBadRequest, "invalid_argument")
	f.ask(f.key, "PUT", "/bucket1/sealed", "content", sealedWith...).want(http.StatusCreated)
	f.ask(f.key, "GET", "/bucket1/sealed", "", sealedWith...).want(http.StatusOK)
	f.ask(f.key, "GET", "/bucket1/sealed", "", otherSeal...).wantFault(http.StatusBadRequest, "invalid_argument")
	f.ask(f.key, "GET", "/bucket1/k", "", sealedWith...).wantFault(http.StatusBadRequest, "invalid_argument")
	for _, secret := range []string{sig, url.QueryEscape(sig), strings.Trim(sig, "="), "c2VjcmV0IGtleQ", "MDEyMzQ1Njc4", "0123456789abcdef0123456789abcdef", "QUFBQUFB", "AAAAAAAA"} {
		if strings.Contains(f.log.String(), secret) {
			t.Errorf("the log has %q:\n%s", secret, f.log)
		}
	}
}

func TestClientAndScheme(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	tests := []struct {
		name, peer, forwarded, proto string
		client, scheme               string
	}{
		{"peer", "192.0.2.1:1234", "", "", "192.0.2.1", "http"},
		{"peer that claims to be another", "192.0.2.1:1234", "198.51.100.7", "https", "192.0.2.1", "http"},
		{"trusted proxy", "10.0.0.1:1234", "198.51.100.7", "https", "198.51.100.7", "https"},
		{"trusted proxy, IPv6", "[fd00::1]:1234", "2001:db8::7", "https", "2001:db8::7", "https"},
		{"mapped address", "[::ffff:10.0.0.1]:1234", "198.51.100.7", "", "198.51.100.7", "http"},
		{"two proxies", "10.0.0.1:1234", "198.51.100.7, 10.0.0.2", "", "198.51.100.7", "http"},
		{"claims before the last untrusted address", "10.0.0.1:1234", "203.0.113.9, 198.51.100.7, 10.0.0.2", "", "198.51.100.7", "http"},
		{"proxy that says nothing", "10.0.0.1:1234", "", "", "10.0.0.1", "http"},
		{"proxy that says nonsense", "10.0.0.1:1234", "unknown", "gopher", "10.0.0.1", "http"},
		{"only proxies", "10.0.0.1:1234", "10.0.0.3, 10.0.0.2", "", "10.0.0.3", "http"},
		{"no address", "pipe", "198.51.100.7", "", "pipe", "http"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: test.peer, Header: http.Header{}}
			if test.forwarded != "" {
				r.Header.Set("X-Forwarded-For", test.forwarded)
			}
			if test.proto != "" {
				r.Header.Set("X-Forwarded-Proto", test.proto)
			}
			x := &exchange{Server: &Server{proxies: proxies}, r: r}
			if got := x.client(); got != test.client {
				t.Errorf("client() = %s; want %s", got, test.client)
			}
			if got := x.scheme(); got != test.scheme {
				t.Errorf("scheme() = %s; want %s", got, test.scheme)
			}
		})
	}
}
