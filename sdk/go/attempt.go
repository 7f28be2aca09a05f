package ois

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/oisproject/ois/sdk/go/api"
	"github.com/oisproject/ois/sdk/go/signature"
)

const (
	requestIDHeader  = "X-Qs-Request-Id"
	extensionsHeader = "X-Ois-Extensions"

	maxHops = 5 // redirects to the origin of a mirror
)

// try makes one attempt. The header is the answer's; it is nil if there is none.
func (k *call) try(ctx context.Context) (*api.Response, http.Header, *Error) {
	start := time.Now()
	actx, cancel := context.WithCancelCause(ctx)
	answer, err := k.send(ctx, actx, cancel) //nolint:bodyclose // newAnswerBody closes it
	if err != nil {
		e := k.fail(cause(ctx, actx, err))
		cancel(nil)
		k.log(ctx, nil, e, start)
		return nil, nil, e
	}
	body := newAnswerBody(ctx, actx, cancel, k.req.Op.Method, answer, k.c.cfg.StallTimeout)
	res, e := k.read(answer, body)
	if e != nil || !k.req.Op.Stream {
		_ = body.Close() // what matters of it was read
	}
	k.log(ctx, answer, e, start)
	return res, answer.Header, e
}

// identity keeps a transport that is not ours from asking for gzip and decompressing objects that
// are stored with it, on the quiet.
var identity = []string{"identity"}

// send signs and sends the request. It returns the answer's head.
func (k *call) send(ctx, actx context.Context, cancel context.CancelCauseFunc) (*http.Response, error) {
	header := k.req.Header
	if k.attempts > 1 {
		header = maps.Clone(header) // the transport may still look at the last one
	}
	header["User-Agent"] = k.c.agent
	if k.req.Op.Stream && k.c.cfg.Transport != nil {
		header["Accept-Encoding"] = identity
	}
	method := k.req.Op.Method
	m := signature.Message{Method: method, Path: k.path, Query: k.url.RawQuery, Header: header, Bucket: k.bucket}
	if !k.unsigned {
		if err := k.c.sign(ctx, &m); err != nil {
			return nil, err
		}
	}
	r := k.c.base.WithContext(actx)
	r.Method, r.URL, r.Header = method, &k.url, header
	var sending *watch
	if k.body.guarded() {
		sending = newWatch(cancel, k.c.cfg.StallTimeout, k.c.cfg.HeaderTimeout)
		defer sending.end()
	}
	if err := k.body.attach(r, sending); err != nil {
		return nil, err
	}
	answer, err := k.c.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	k.site.learn(answer.Header)
	return k.followMirror(r, answer)
}

// followMirror goes where the object is if that is the origin of the bucket's mirror.
func (k *call) followMirror(r *http.Request, answer *http.Response) (*http.Response, error) {
	k.mirrored = false
	for range maxHops {
		if k.req.Op != api.OpGetObject || answer.StatusCode != http.StatusFound {
			break
		}
		next := originRequest(r, answer.Header.Get("Location"))
		if next == nil {
			break
		}
		drain(answer.Body)
		var err error
		if answer, err = k.c.transport.RoundTrip(next); err != nil {
			return nil, fmt.Errorf("origin of the mirror: %w", err)
		}
		k.mirrored, r = true, next
	}
	return answer, nil
}

// originRequest is r for another place. It carries nothing that is meant for the
// service alone, such as signature and encryption key, and does not leave TLS. It is
// nil if there is nowhere to go.
func originRequest(r *http.Request, location string) *http.Request {
	to, err := r.URL.Parse(location)
	if err != nil || location == "" || to.Scheme != "https" && (to.Scheme != "http" || r.URL.Scheme == "https") {
		return nil
	}
	next := r.WithContext(r.Context())
	next.URL, next.Host, next.Header = to, "", make(http.Header)
	for _, name := range []string{
		"User-Agent", "Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
	} {
		if v := r.Header[name]; v != nil {
			next.Header[name] = v
		}
	}
	return next
}

// read makes a response or an error of an answer.
func (k *call) read(answer *http.Response, body *answerBody) (*api.Response, *Error) {
	switch {
	case !k.req.Op.Succeeds(answer.StatusCode):
		return nil, k.refused(answer, body)
	case !k.mirrored && isForeign(answer.Header):
		e := k.answered(answer)
		start, _ := io.ReadAll(io.LimitReader(body, maxErrorBody)) // as far as it comes
		e.Message = excerpt(start)
		e.Err = errForeign
		return nil, e
	}
	res := &api.Response{Status: answer.StatusCode, Header: answer.Header, Body: http.NoBody}
	if k.req.Op.Stream {
		res.Body = body
		return res, nil
	}
	data, err := readAll(body, body.left) // of the body: what HEAD announces does not come
	if err != nil {
		e := k.answered(answer)
		e.Err, e.broken = fmt.Errorf("answer: %w", err), true
		return nil, e
	}
	if len(data) > 0 {
		res.Body = io.NopCloser(bytes.NewReader(data))
	}
	return res, nil
}

var errForeign = errors.New("a web page that is not the service's; is there a proxy or a login page in between?")

// isForeign reports whether a page of somebody else came instead of an answer. The
// service names every answer by a request id.
func isForeign(h http.Header) bool {
	return h.Get(requestIDHeader) == "" && strings.HasPrefix(h.Get("Content-Type"), "text/html")
}

// refused is the error for an answer whose status is none of success.
func (k *call) refused(answer *http.Response, body *answerBody) *Error {
	e := k.answered(answer)
	if k.req.Op.Method != http.MethodHead {
		data, _ := io.ReadAll(io.LimitReader(body, maxErrorBody)) // the status counts, whatever comes
		e.readAnswer(data)
	}
	switch answer.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		if location := answer.Header.Get("Location"); location != "" {
			e.Err = &RedirectError{Location: location, Zone: k.c.zoneOf(location, k.req.Bucket)}
		}
	}
	return e
}

// answered is an error with what the head of an answer says.
func (k *call) answered(answer *http.Response) *Error {
	e := k.fail(nil)
	e.Status = answer.StatusCode
	e.RequestID = answer.Header.Get(requestIDHeader)
	return e
}

// learn notes what an answer of the service tells about the site. An answer without
// a request id is somebody else's and says nothing.
func (s *site) learn(h http.Header) {
	if h.Get(requestIDHeader) == "" {
		return
	}
	now := notAnnounced
	for _, line := range h[extensionsHeader] {
		if slices.ContainsFunc(strings.Split(line, ","), func(token string) bool {
			return strings.EqualFold(trimBlanks(token), "conditional-write")
		}) {
			now = announced
		}
	}
	if s.conditional.Load() != now {
		s.conditional.Store(now)
	}
}

// extended reports whether the request has a header that only servers with the
// extension obey.
func (k *call) extended() bool {
	for _, name := range k.req.Op.Extensions {
		if k.req.Header.Get(name) != "" {
			return true
		}
	}
	return false
}

// checkExtensions makes sure that the site obeys the headers of extensions. A service
// that ignores If-None-Match would overwrite what the caller wants to keep.
func (k *call) checkExtensions(ctx context.Context) error {
	if !k.extended() {
		return nil
	}
	if k.site.conditional.Load() == notAsked {
		_, err := k.c.Call(ctx, &api.Request{Op: api.OpHeadBucket, Zone: k.req.Zone, Bucket: k.req.Bucket})
		var e *Error
		if errors.As(err, &e) && (e.Status == 0 || e.Err != nil) {
			return k.fail(fmt.Errorf("asking for conditional writes: %w", err))
		}
	}
	if k.site.conditional.Load() != announced {
		return k.fail(fmt.Errorf("%w: %s does not announce conditional-write", ErrUnsupported, k.site.host))
	}
	return nil
}
