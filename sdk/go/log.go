package ois

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/oisproject/ois/sdk/go/api"
	"github.com/oisproject/ois/sdk/go/signature"
)

// log tells the logger of one attempt.
func (k *call) log(ctx context.Context, answer *http.Response, e *Error, start time.Time) {
	l := k.c.cfg.Logger
	if l == nil || !l.Enabled(ctx, slog.LevelDebug) {
		return
	}
	attrs := []slog.Attr{
		slog.String("op", k.req.Op.Name),
		slog.String("method", k.req.Op.Method),
		slog.String("host", k.url.Host),
		slog.String("path", k.path),
		slog.String("query", redactQuery(k.req.Query)),
		slog.Int("attempt", k.attempts),
		slog.Duration("took", time.Since(start)),
		slog.Any("header", redacted(k.req.Header)),
	}
	if answer != nil {
		attrs = append(attrs, slog.Int("status", answer.StatusCode),
			slog.String("request_id", answer.Header.Get(requestIDHeader)))
	}
	if e != nil {
		attrs = append(attrs, slog.String("error", e.Error()))
	}
	l.LogAttrs(ctx, slog.LevelDebug, "ois request", attrs...)
}

// hidden stands for what must not be seen.
const hidden = "hidden"

// redacted is a header without its secrets.
type redacted http.Header

// LogValue implements slog.LogValuer.
func (h redacted) LogValue() slog.Value {
	attrs := make([]slog.Attr, 0, len(h))
	for _, name := range slices.Sorted(maps.Keys(h)) {
		text := strings.Join(h[name], ", ")
		if isSecret(name) {
			text = hidden
		}
		attrs = append(attrs, slog.String(name, text))
	}
	return slog.GroupValue(attrs...)
}

// isSecret reports whether the value of a header must not be seen.
func isSecret(name string) bool {
	for _, secret := range api.SecretHeaders {
		if strings.EqualFold(name, secret) {
			return true
		}
	}
	// A header that this package does not know yet may be one, too.
	lower := strings.ToLower(name)
	return strings.HasPrefix(lower, "x-qs-") && !strings.HasPrefix(lower, "x-qs-meta-") && strings.HasSuffix(lower, "-key")
}

// redactQuery is a query without its signature.
func redactQuery(q api.Query) string {
	if _, ok := q.Get(signature.ParamSignature); !ok {
		return q.Encode()
	}
	q = slices.Clone(q)
	for i := range q {
		if q[i].Name == signature.ParamSignature {
			q[i].Value = hidden
		}
	}
	return q.Encode()
}
