package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/oisproject/ois/internal/accesslog"
	"github.com/oisproject/ois/internal/op"
)

// logsTo is where a line about a request goes, if somebody has asked for one.
type logsTo struct {
	accesslog.Destination
	sought, found bool
}

// findLog finds out whether the owner of the bucket wants a line about the request. For a bucket that is known and has no log it
// costs nothing.
func (x *exchange) findLog() {
	if x.access == nil || x.logsTo.sought {
		return
	}
	x.logsTo.sought = true
	b := x.bucket
	if b != nil && !b.Logged() {
		return
	}
	ctx := context.WithoutCancel(x.context()) // a client that goes leaves its line
	if b == nil {                             // it was refused before, or is about no bucket
		if x.address.Bucket == "" || op.Table[x.operation].Auth == op.AuthUser {
			return
		}
		var err error
		if b, err = x.store.Bucket(ctx, x.address.Bucket); err != nil {
			return
		}
	}
	var err error
	if x.logsTo.Destination, x.logsTo.found, err = b.LogsTo(ctx); err != nil {
		x.log.WarnContext(ctx, "where the access log goes is not known", slog.String("bucket", x.address.Bucket), slog.Any("error", err))
	}
}

// logAccess hands the line about the request to the log of its bucket.
func (x *exchange) logAccess(took time.Duration) {
	x.findLog()
	if x.logsTo.found {
		x.access.Append(x.logsTo.Destination, x.accessLine(took))
	}
}

// Limits of a line, in bytes before escaping, so that no client can make one long.
const (
	maxLoggedURL    = 8 << 10
	maxLoggedHeader = 1 << 10
)

// accessLine returns the line about the request. Its form is that of the service that we speak like:
//
//	203.0.113.7 - [05/Mar/2024:08:15:30 +0000] "GET http://host/?limit=10" 200 0.012 289 406 "agent" "referer" bucket list_objects usr-abc 30458f69af1c85b4
//
// which is client, time, method and URL, status, seconds, bytes of the request and of the answer with their headers, user agent,
// referer, bucket, operation, user and request id; what is missing is a dash. Times are UTC.
func (x *exchange) accessLine(took time.Duration) []byte {
	b := make([]byte, 0, 512)
	b = appendBare(b, x.client())
	b = append(b, " - ["...)
	b = x.now().UTC().AppendFormat(b, "02/Jan/2006:15:04:05 -0700")
	b = append(b, `] "`...)
	b = appendEscaped(b, x.r.Method, maxLoggedHeader)
	b = append(b, ' ')
	b = appendEscaped(b, x.loggedURL(), maxLoggedURL)
	b = append(b, `" `...)
	b = appendNumber(b, int64(x.w.status))
	b = strconv.AppendFloat(b, took.Seconds(), 'f', 3, 64)
	b = append(b, ' ')
	b = appendNumber(b, x.requestBytes())
	b = appendNumber(b, x.answerBytes())
	b = appendQuoted(b, x.r.Header.Get("User-Agent"))
	b = appendQuoted(b, redactURL(x.r.Header.Get("Referer")))
	for _, word := range []string{x.address.Bucket, actionOf(x.operation), x.caller.UserID} {
		b = append(appendBare(b, word), ' ')
	}
	return append(appendBare(b, x.id[0]), '\n')
}

// loggedURL returns the URL that was asked for, without what would let a reader of the log use it.
func (x *exchange) loggedURL() string {
	u := x.scheme() + "://" + x.r.Host + x.path
	if x.rawQuery != "" {
		u += "?" + redactQuery(x.rawQuery)
	}
	return u
}

// redacted takes the place of a value that is for nobody else.
const redacted = "***"

// secretParameters are the query parameters that make a pre-signed link work.
var secretParameters = []string{"signature", "access_key_id"}

// redactQuery replaces the values of secret parameters. Names are compared as the server reads them.
func redactQuery(query string) string {
	parts := strings.Split(query, "&")
	for i, part := range parts {
		name, _, has := strings.Cut(part, "=")
		if has && secret(name) {
			parts[i] = name + "=" + redacted
		}
	}
	return strings.Join(parts, "&")
}

func secret(name string) bool {
	if plain, err := url.QueryUnescape(name); err == nil {
		name = plain
	}
	return slices.Contains(secretParameters, strings.ToLower(name))
}

// redactURL is redactQuery for a whole URL: a page may have come from a pre-signed link, too.
func redactURL(u string) string {
	base, query, has := strings.Cut(u, "?")
	if !has {
		return u
	}
	query, fragment, has := strings.Cut(query, "#")
	u = base + "?" + redactQuery(query)
	if has {
		u += "#" + fragment
	}
	return u
}

// appendEscaped appends at most limit bytes of s so that they can end neither a quoted text nor a line: quotes, backslashes and what
// is not printable ASCII are written as \xHH.
func appendEscaped(b []byte, s string, limit int) []byte {
	const digits = "0123456789ABCDEF"
	for i := range min(len(s), limit) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			b = append(b, '\\', 'x', digits[c>>4], digits[c&15])
		} else {
			b = append(b, c)
		}
	}
	return b
}

// appendQuoted appends a text in quotes and a space; a dash if it is empty.
func appendQuoted(b []byte, s string) []byte {
	if s == "" {
		s = "-"
	}
	b = appendEscaped(append(b, '"'), s, maxLoggedHeader)
	return append(b, '"', ' ')
}

// appendBare appends a word, a dash if it is empty. Words have no spaces; whoever sends one has it escaped.
func appendBare(b []byte, s string) []byte {
	if s == "" {
		return append(b, '-')
	}
	return appendEscaped(b, strings.ReplaceAll(s, " ", "_"), maxLoggedHeader)
}

// appendNumber appends a number and a space; a dash if it is 0.
func appendNumber(b []byte, n int64) []byte {
	if n == 0 {
		return append(b, '-', ' ')
	}
	return append(strconv.AppendInt(b, n, 10), ' ')
}

// requestBytes returns how many bytes the client has sent: request line, headers and as much of the body as was read.
func (x *exchange) requestBytes() int64 {
	r := x.r
	n := len(r.Method) + len(r.RequestURI) + len(r.Proto) + len("  \r\n") + len("Host: \r\n") + len(r.Host) + len("\r\n")
	return int64(n) + headerBytes(r.Header) + x.body.n
}

// answerBytes returns how many bytes were sent: status line, headers and body. What net/http adds is not known here, but for the
// date.
func (x *exchange) answerBytes() int64 {
	if x.w.status == 0 {
		return 0
	}
	h := x.w.Header()
	n := len("HTTP/1.1 200 \r\n\r\n") + len(http.StatusText(x.w.status))
	if h.Get("Date") == "" {
		n += len("Date: \r\n") + len(http.TimeFormat)
	}
	return int64(n) + headerBytes(h) + x.w.n
}

func headerBytes(h http.Header) (n int64) {
	for name, values := range h {
		for _, v := range values {
			n += int64(len(name) + len(": \r\n") + len(v))
		}
	}
	return n
}

// actions are the names of operations in access logs: the action that policies know, else the operation's own name in that form.
var actions = func() (names [op.Count + 1]string) {
	for id := op.ID(1); id <= op.Count; id++ {
		if names[id] = op.Table[id].Action; names[id] == "" {
			names[id] = snake(op.Table[id].Name)
		}
	}
	return names
}()

func actionOf(id op.ID) string { return actions[id] }

// snake writes a name such as PutBucketACL as put_bucket_acl.
func snake(name string) string {
	var b strings.Builder
	last := 'A'
	for _, c := range name {
		if unicode.IsUpper(c) && !unicode.IsUpper(last) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
		last = c
	}
	return b.String()
}
