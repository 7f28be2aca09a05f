// Package access answers two questions about a request: who is calling, and may they.
//
// [Authenticator] checks the signature; [Authorize] is the one place where
// permissions are decided, driven by the table of operations that is generated from the
// contract. The package knows nothing of HTTP handlers or of how keys and buckets
// are stored.
package access

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/sdk/go/signature"
)

// Window is how far the date of a signed request may be from our clock, either way.
const Window = 15 * time.Minute

// KeySource is what Authenticator needs of whoever keeps the access keys.
type KeySource interface {
	// Key returns the secret and the owner of an access key; ok is false if
	// there is no such key.
	Key(ctx context.Context, accessKeyID string) (secret, userID string, ok bool, err error)
}

// A Caller is who sends a request. The zero value is an anonymous one.
type Caller struct {
	UserID      string
	AccessKeyID string
}

// Anonymous reports whether the request carried no credentials.
func (c Caller) Anonymous() bool { return c.UserID == "" }

// An Authenticator tells callers by their signatures. It is safe for concurrent use.
type Authenticator struct {
	keys KeySource
	now  func() time.Time

	// ready holds a signing key for each access key seen, so that its HMAC state is
	// made once. The source is asked on every request all the same: a revoked
	// key is refused at once, and forgotten here.
	ready sync.Map // access key id → readyKey
}

type readyKey struct {
	secret string
	key    *signature.Key
}

// NewAuthenticator returns an Authenticator that looks keys up in keys and reads
// the time from now.
func NewAuthenticator(keys KeySource, now func() time.Time) *Authenticator {
	return &Authenticator{keys: keys, now: now}
}

// Authenticate returns the caller of the request that m describes as it arrived, with method, raw
// path, raw query, headers, and the bucket if the host names it. A request without any
// credentials is anonymous; wrong credentials are an error, never anonymous.
//
// The errors, in the order of the checks: invalid_argument for credentials that cannot be
// read, invalid_access_key_id, request_expired, signature_not_matched.
func (a *Authenticator) Authenticate(ctx context.Context, m signature.Message) (Caller, error) {
	creds, err := read(&m)
	if err != nil || creds == nil {
		return Caller{}, err
	}
	if err := checkSingle(m.Header); err != nil {
		return Caller{}, err
	}
	key, userID, err := a.key(ctx, creds.accessKeyID)
	if err != nil {
		return Caller{}, err
	}
	if err := creds.checkTime(&m, a.now()); err != nil {
		return Caller{}, err
	}
	m.Expires = creds.expires
	if !key.Verify(&m, creds.signature) {
		return Caller{}, fault.Newf(fault.SignatureNotMatched, "the signature does not match; check the secret access key, "+
			"and that method, Content-MD5, Content-Type, date, x-qs- headers, path and query are signed as they are sent")
	}
	return Caller{UserID: userID, AccessKeyID: creds.accessKeyID}, nil
}

// key returns the signing key of that id and its owner.
func (a *Authenticator) key(ctx context.Context, id string) (*signature.Key, string, error) {
	secret, userID, ok, err := a.keys.Key(ctx, id)
	if err != nil {
		return nil, "", fmt.Errorf("look up access key: %w", err)
	}
	if !ok {
		a.ready.Delete(id)
		return nil, "", fault.Newf(fault.InvalidAccessKeyID, "the access key id %q is not known here", id)
	}
	if v, hit := a.ready.Load(id); hit && v.(readyKey).secret == secret {
		return v.(readyKey).key, userID, nil
	}
	key := signature.NewKey(id, secret)
	a.ready.Store(id, readyKey{secret, key})
	return key, userID, nil
}

// credentials are what a request says about who sent it.
type credentials struct {
	accessKeyID string
	signature   string
	expires     string // empty in the header form
}

// read returns the credentials of m, nil if there are none. A header wins over the query.
func read(m *signature.Message) (*credentials, error) {
	if values, ok := m.Header["Authorization"]; ok {
		return readHeader(values)
	}
	return readQuery(m.Query)
}

func readHeader(values []string) (*credentials, error) {
	if len(values) != 1 {
		return nil, fault.Newf(fault.InvalidArgument, "there are %d Authorization headers and should be one", len(values))
	}
	id, sig, ok := signature.ParseAuthorization(values[0])
	if !ok {
		return nil, fault.Newf(fault.InvalidArgument, "the Authorization header is not of the form: QS ACCESS_KEY_ID:SIGNATURE")
	}
	return &credentials{accessKeyID: id, signature: sig}, nil
}

// readQuery reads the credentials of a pre-signed request. Of a repeated
// parameter the first counts.
func readQuery(query string) (*credentials, error) {
	id, hasID := parameter(query, signature.ParamAccessKeyID)
	sig, hasSig := parameter(query, signature.ParamSignature)
	if !hasID && !hasSig {
		return nil, nil
	}
	expires, _ := parameter(query, signature.ParamExpires)
	for _, p := range []struct{ name, value string }{
		{signature.ParamAccessKeyID, id}, {signature.ParamSignature, sig}, {signature.ParamExpires, expires},
	} {
		if p.value == "" {
			return nil, fault.Newf(fault.InvalidArgument, "a pre-signed request needs the query parameters "+
				"access_key_id, expires and signature; %s is missing or empty", p.name)
		}
	}
	// A plus sign that was not escaped has become a space.
	return &credentials{accessKeyID: id, signature: strings.ReplaceAll(sig, " ", "+"), expires: expires}, nil
}

// parameter returns the decoded value of the first query parameter of that name.
func parameter(query, name string) (value string, ok bool) {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		key, raw, _ := strings.Cut(pair, "=")
		if key != name {
			continue
		}
		if v, err := url.QueryUnescape(raw); err == nil {
			return v, true
		}
		return raw, true
	}
	return "", false
}

// checkSingle refuses a second line of a header whose first is all that the signature covers.
func checkSingle(h http.Header) error {
	for _, name := range []string{"Content-Md5", "Content-Type", "Date", "X-Qs-Date"} {
		if n := len(h[name]); n > 1 {
			return fault.Newf(fault.InvalidArgument, "there are %d headers %s and should be one", n, name)
		}
	}
	return nil
}

// checkTime refuses a request that was signed too long ago, or too far ahead.
func (c *credentials) checkTime(m *signature.Message, now time.Time) error {
	if c.expires == "" {
		return checkDate(m.Header, now)
	}
	end, err := strconv.ParseInt(c.expires, 10, 64)
	if err != nil {
		return fault.Newf(fault.InvalidArgument, "the query parameter expires is %q and should be a Unix time in seconds", c.expires)
	}
	if now.Unix() > end {
		return fault.Newf(fault.RequestExpired, "the signed request has expired at Unix time %d; it is now %d", end, now.Unix())
	}
	return nil
}

// checkDate holds the signing date, x-qs-date or else Date, against the clock.
func checkDate(h http.Header, now time.Time) error {
	name := "X-Qs-Date"
	if h.Get(name) == "" {
		name = "Date"
	}
	value := h.Get(name)
	if value == "" {
		return fault.Newf(fault.RequestExpired, "a signed request needs the header Date or x-qs-date")
	}
	date, err := parseDate(value)
	if err != nil {
		return fault.Newf(fault.RequestExpired, "the header %s is %q and should look like %q", name, value, http.TimeFormat)
	}
	if d := now.Sub(date); d > Window || d < -Window {
		return fault.Newf(fault.RequestExpired, "the header %s is %q, more than 15 minutes off; our clock says %q",
			name, value, now.UTC().Format(http.TimeFormat))
	}
	return nil
}

// parseDate reads the dates of HTTP, and one with a numeric zone.
func parseDate(value string) (time.Time, error) {
	if t, err := http.ParseTime(value); err == nil {
		return t, nil
	}
	return time.Parse(time.RFC1123Z, value)
}
