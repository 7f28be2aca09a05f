package access

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/sdk/go/signature"
)

const (
	keyID  = "OISDIGESTEXAMPLEKEY1"
	secret = "oisDigestExampleSecretKey00000000000001"
	user   = "usr-abc12345"
	date   = "Tue, 05 Mar 2024 08:15:30 GMT"
)

var (
	now = time.Date(2024, 3, 5, 8, 15, 30, 0, time.UTC)
	key = signature.NewKey(keyID, secret)
)

// keys is a KeySource of secrets by access key id, which all belong to user.
type keys map[string]string

func (k keys) Key(_ context.Context, id string) (string, string, bool, error) {
	secret, ok := k[id]
	return secret, user, ok, nil
}

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

// authenticate lets a server with one key and the clock at now judge m.
func authenticate(t *testing.T, m signature.Message) (Caller, error) {
	t.Helper()
	a := NewAuthenticator(keys{keyID: secret}, func() time.Time { return now })
	return a.Authenticate(t.Context(), m)
}

// signed returns a GET of a signed object with the headers.
func signed(pairs ...string) signature.Message {
	m := signature.Message{Method: "GET", Path: "/demo-bucket/a.txt", Header: header(pairs...)}
	m.Header.Set("Authorization", key.Authorization(&m))
	return m
}

// presigned returns a GET of an object with query, to which the signature is added.
func presigned(query, expires string) signature.Message {
	m := signature.Message{Method: "GET", Path: "/demo-bucket/a.txt", Query: query, Header: http.Header{}, Expires: expires}
	m.Query += "&access_key_id=" + keyID + "&expires=" + expires + "&signature=" + url.QueryEscape(key.Sign(&m))
	m.Expires = ""
	return m
}

func TestAuthenticateAccepts(t *testing.T) {
	both := signed("Date", date)
	both.Query = "access_key_id=unknown&expires=1&signature=x"
	plus := presigned("x", "1709627730")
	plus.Query = strings.ReplaceAll(plus.Query, "%2B", "+")
	vhost := signature.Message{Method: "GET", Bucket: "demo-bucket", Path: "/", Header: header("Date", date)}
	vhost.Header.Set("Authorization", "QS "+keyID+":"+key.Sign(&signature.Message{Method: "GET", Path: "/demo-bucket", Header: vhost.Header}))
	kept := signature.Message{Method: "GET", Path: "/demo-bucket", Header: header("Date", date, "X-QS-Date", date), KeepDate: true}
	kept.Header.Set("Authorization", key.Authorization(&kept))
	kept.KeepDate = false
	tests := []struct {
		name string
		m    signature.Message
	}{
		{"a date", signed("Date", date)},
		{"x-qs-date", signed("X-QS-Date", date)},
		{"x-qs-date before Date", signed("X-QS-Date", date, "Date", "Tue, 05 Mar 2019 08:15:30 GMT")},
		{"x-qs-date before a Date that is none", signed("X-QS-Date", date, "Date", "yesterday")},
		{"the Date line kept beside x-qs-date", kept},
		{"an empty x-qs-date", signed("X-QS-Date", "", "Date", date)},
		{"15 minutes late", signed("Date", "Tue, 05 Mar 2024 08:00:30 GMT")},
		{"15 minutes early", signed("Date", "Tue, 05 Mar 2024 08:30:30 GMT")},
		{"a numeric zone", signed("Date", "Tue, 05 Mar 2024 16:15:30 +0800")},
		{"a repeated header", signed("Date", date, "X-QS-Meta-A", "1", "X-QS-Meta-A", "2")},
		{"bucket level without its slash", vhost},
		{"query", presigned("response-content-type=text%2Fplain", "1709627730")},
		{"query, this very second", presigned("x", "1709626530")},
		{"query with a bare plus", plus},
		{"header wins over query", both},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := authenticate(t, test.m)
			if want := (Caller{UserID: user, AccessKeyID: keyID}); err != nil || got != want {
				t.Errorf("Authenticate = %+v, %v; want %+v", got, err, want)
			}
		})
	}
}

// A vector is an entry of contract/vectors/signatures.json, whose README tells what the fields mean.
type vector struct {
	Name        string      `json:"name"`
	AccessKeyID string      `json:"access_key_id"`
	Secret      string      `json:"secret"`
	Method      string      `json:"method"`
	URL         string      `json:"url"`
	Style       string      `json:"style"`
	Bucket      string      `json:"bucket"`
	Headers     [][2]string `json:"headers"`
	Form        string      `json:"form"`
	Expires     int64       `json:"expires"`
	SignedURL   string      `json:"signed_url"`
	Signature   string      `json:"signature"`
}

// request returns the request of v, and the time at which it is fresh.
func (v *vector) request(t *testing.T) (signature.Message, time.Time) {
	t.Helper()
	m := signature.Message{Method: v.Method, Header: http.Header{}}
	for _, h := range v.Headers {
		m.Header.Add(h[0], h[1])
	}
	if v.Style == "vhost" {
		m.Bucket = v.Bucket
	}
	if v.Form == "query" {
		m.Path, m.Query = signature.SplitTarget(v.SignedURL)
		return m, time.Unix(v.Expires, 0)
	}
	m.Path, m.Query = signature.SplitTarget(v.URL)
	m.Header.Set("Authorization", "QS "+v.AccessKeyID+":"+v.Signature)
	sent, err := http.ParseTime(cmp.Or(m.Header.Get("X-Qs-Date"), m.Header.Get("Date")))
	if err != nil {
		t.Fatal(err)
	}
	return m, sent
}

// TestAuthenticateVectors lets every request of the golden vectors in, and none of them
// with another signature.
func TestAuthenticateVectors(t *testing.T) {
	data, err := os.ReadFile("../../contract/vectors/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		if v.Form == "policy" { // not the signature of a request
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			m, at := v.request(t)
			for secret, want := range map[string]fault.Code{v.Secret: "", v.Secret + "x": fault.SignatureNotMatched} {
				a := NewAuthenticator(keys{v.AccessKeyID: secret}, func() time.Time { return at })
				got, err := a.Authenticate(t.Context(), m)
				if want == "" && (err != nil || got.UserID != user) || want != "" && fault.CodeOf(err) != want {
					t.Errorf("with the secret %q: %+v, %v; want %q", secret, got, err, want)
				}
			}
		})
	}
}

func TestAuthenticateAnonymous(t *testing.T) {
	for _, m := range []signature.Message{
		{Method: "GET", Path: "/demo-bucket/a.txt"},
		{Method: "GET", Path: "/demo-bucket/a.txt", Query: "expires=1&response-expires=x", Header: header("Date", date)},
	} {
		if got, err := authenticate(t, m); err != nil || !got.Anonymous() {
			t.Errorf("Authenticate(%+v) = %+v, %v; want an anonymous caller", m, got, err)
		}
	}
}

func TestAuthenticateRefuses(t *testing.T) {
	with := func(m signature.Message, change func(*signature.Message)) signature.Message {
		m.Header = m.Header.Clone()
		change(&m)
		return m
	}
	authorization := func(values ...string) signature.Message {
		return signature.Message{Method: "GET", Path: "/", Header: http.Header{"Authorization": values, "Date": {date}}}
	}
	other := signature.NewKey(keyID, "another secret")
	tests := []struct {
		name string
		m    signature.Message
		want fault.Code
	}{
		{"empty authorization", authorization(""), fault.InvalidArgument},
		{"another scheme", authorization("Basic dXNlcjpwYXNz"), fault.InvalidArgument},
		{"no colon", authorization("QS " + keyID), fault.InvalidArgument},
		{"no id", authorization("QS :c2ln"), fault.InvalidArgument},
		{"no signature", authorization("QS " + keyID + ":"), fault.InvalidArgument},
		{"two authorizations", authorization("QS a:b", "QS a:b"), fault.InvalidArgument},
		{"unknown key", authorization("QS nobody:c2ln"), fault.InvalidAccessKeyID},
		{"unknown key before a bad date", with(authorization("QS nobody:c2ln"), func(m *signature.Message) { m.Header.Del("Date") }), fault.InvalidAccessKeyID},
		{"no date", signed(), fault.RequestExpired},
		{"a date that is none", signed("Date", "yesterday"), fault.RequestExpired},
		{"x-qs-date that is none", signed("X-QS-Date", "yesterday", "Date", date), fault.RequestExpired},
		{"16 minutes late", signed("Date", "Tue, 05 Mar 2024 07:59:30 GMT"), fault.RequestExpired},
		{"16 minutes early", signed("Date", "Tue, 05 Mar 2024 08:31:30 GMT"), fault.RequestExpired},
		{"a second too late", signed("Date", "Tue, 05 Mar 2024 08:00:29 GMT"), fault.RequestExpired},
		{"a bad date before a bad signature", with(signed("Date", "Tue, 05 Mar 2024 07:59:30 GMT"), func(m *signature.Message) { m.Method = "PUT" }), fault.RequestExpired},
		{"wrong secret", with(signed("Date", date), func(m *signature.Message) { m.Header.Set("Authorization", other.Authorization(m)) }), fault.SignatureNotMatched},
		{"signature cut short", with(signed("Date", date), func(m *signature.Message) { a := m.Header["Authorization"]; a[0] = a[0][:len(a[0])-1] }), fault.SignatureNotMatched},
		{"another method", with(signed("Date", date), func(m *signature.Message) { m.Method = "PUT" }), fault.SignatureNotMatched},
		{"another path", with(signed("Date", date), func(m *signature.Message) { m.Path += "x" }), fault.SignatureNotMatched},
		{"the same path escaped otherwise", with(signed("Date", date), func(m *signature.Message) { m.Path = "/demo-bucket/%61.txt" }), fault.SignatureNotMatched},
		{"another bucket in the host", with(signed("Date", date), func(m *signature.Message) { m.Bucket = "other-bucket" }), fault.SignatureNotMatched},
		{"another date", with(signed("Date", date), func(m *signature.Message) { m.Header.Set("Date", "Tue, 05 Mar 2024 08:15:31 GMT") }), fault.SignatureNotMatched},
		{"a header added", with(signed("Date", date), func(m *signature.Message) { m.Header.Set("X-Qs-Copy-Source", "/b/k") }), fault.SignatureNotMatched},
		{"a sub-resource added", with(signed("Date", date), func(m *signature.Message) { m.Query = "acl" }), fault.SignatureNotMatched},
		{"no id in the query", with(presigned("x", "1709627730"), func(m *signature.Message) { m.Query = strings.ReplaceAll(m.Query, "access_key_id=", "y=") }), fault.InvalidArgument},
		{"no signature in the query", with(presigned("x", "1709627730"), func(m *signature.Message) { m.Query = strings.ReplaceAll(m.Query, "signature=", "y=") }), fault.InvalidArgument},
		{"no end in the query", with(presigned("x", "1709627730"), func(m *signature.Message) { m.Query = strings.ReplaceAll(m.Query, "expires=", "y=") }), fault.InvalidArgument},
		{"an end that is none", presigned("x", "soon"), fault.InvalidArgument},
		{"a second after the end", presigned("x", "1709626529"), fault.RequestExpired},
		{"a negative end", presigned("x", "-1"), fault.RequestExpired},
		{"unknown key in the query", with(presigned("x", "1"), func(m *signature.Message) { m.Query = strings.ReplaceAll(m.Query, keyID, "nobody") }), fault.InvalidAccessKeyID},
		{"a later end than signed", with(presigned("x", "1709627730"), func(m *signature.Message) {
			m.Query = strings.ReplaceAll(m.Query, "expires=1709627730", "expires=1709627731")
		}), fault.SignatureNotMatched},
		{"an override added", with(presigned("x", "1709627730"), func(m *signature.Message) { m.Query += "&response-expires=1" }), fault.SignatureNotMatched},
		{"a bad header is not saved by the query", with(presigned("x", "1709627730"), func(m *signature.Message) { m.Header.Set("Authorization", "QS nobody:c2ln") }), fault.InvalidAccessKeyID},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := authenticate(t, test.m)
			if fault.CodeOf(err) != test.want || got != (Caller{}) {
				t.Errorf("Authenticate = %+v, %v; want %s", got, err, test.want)
			}
		})
	}
}

func TestRevokedKeyIsRefusedAtOnce(t *testing.T) {
	source := keys{keyID: secret}
	a := NewAuthenticator(source, func() time.Time { return now })
	if _, err := a.Authenticate(t.Context(), signed("Date", date)); err != nil {
		t.Fatal(err)
	}
	delete(source, keyID)
	if _, err := a.Authenticate(t.Context(), signed("Date", date)); fault.CodeOf(err) != fault.InvalidAccessKeyID {
		t.Errorf("with the key deleted, Authenticate = %v; want %s", err, fault.InvalidAccessKeyID)
	}
	source[keyID] = "another secret"
	if _, err := a.Authenticate(t.Context(), signed("Date", date)); fault.CodeOf(err) != fault.SignatureNotMatched {
		t.Errorf("with another secret, Authenticate = %v; want %s", err, fault.SignatureNotMatched)
	}
}

// brokenKeys is a KeySource that cannot answer.
type brokenKeys struct{ error }

func (k brokenKeys) Key(context.Context, string) (string, string, bool, error) {
	return "", "", false, k.error
}

func TestBrokenKeySourceIsAnInternalError(t *testing.T) {
	cause := errors.New("disk on fire")
	a := NewAuthenticator(brokenKeys{cause}, func() time.Time { return now })
	_, err := a.Authenticate(t.Context(), signed("Date", date))
	if !errors.Is(err, cause) || fault.CodeOf(err) != fault.InternalError {
		t.Errorf("Authenticate = %v; want %v as an internal error", err, cause)
	}
}

// FuzzAuthenticate checks that nobody gets in without the secret, whatever stands
// in the Authorization header and the query.
func FuzzAuthenticate(f *testing.F) {
	f.Add("QS "+keyID+":c2ln", "acl")
	f.Add("", "access_key_id="+keyID+"&expires=99999999999&signature=%zz")
	f.Add("QS  a : b", "&=&signature")
	f.Fuzz(func(t *testing.T, authorization, query string) {
		m := signature.Message{Method: "GET", Path: "/demo-bucket", Query: query, Header: header("Date", date)}
		if authorization != "" {
			m.Header.Set("Authorization", authorization)
		}
		got, err := authenticate(t, m)
		if !got.Anonymous() {
			t.Fatalf("Authenticate let %+v in", got)
		}
		switch fault.CodeOf(err) {
		case fault.InvalidArgument, fault.InvalidAccessKeyID, fault.RequestExpired, fault.SignatureNotMatched:
		default:
			if err != nil || authorization != "" {
				t.Fatalf("Authenticate = %+v, %v", got, err)
			}
		}
	})
}
