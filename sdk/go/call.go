package ois

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/oisproject/ois/sdk/go/api"
)

// A call is one request of a caller, through all its attempts:
//
//	for {
//		sign; send; read the answer
//		a good answer → return it
//		our clock is wrong, for the first time → set it, again
//		must not, need not or cannot be repeated → return the error
//		wait
//	}
//
// Nothing of a call runs after it has returned, except for the transport's last
// look at a header; that is why every attempt has a header of its own.
type call struct {
	c    *Client
	req  *api.Request
	site *site
	url  url.URL
	path string // of url, as it is sent
	// bucket is set if the host names it.
	bucket string
	body   *payload
	safe   bool // the operation may be carried out twice

	unsigned bool // asks the global endpoint for the zone of a bucket

	attempts int
	skewed   bool // the clock was set in this call
	mirrored bool // the last answer came from the origin of a mirror
}

// Call sends a request and returns the answer if it is a good one. It is the
// [api.Caller] behind [Client.API]. Call takes req over: it adds to its header.
func (c *Client) Call(ctx context.Context, req *api.Request) (*api.Response, error) {
	return (&call{c: c, req: req}).do(ctx)
}

// do carries the call out, under the eyes of a tracer.
func (k *call) do(ctx context.Context) (*api.Response, error) {
	if err := k.prepare(); err != nil {
		return nil, k.fail(err)
	}
	if k.c.cfg.Tracer == nil {
		return k.perform(ctx)
	}
	ctx, done := k.c.cfg.Tracer.Trace(ctx, k.trace())
	res, err := k.perform(ctx)
	if done != nil {
		done(k.outcome(res, err))
	}
	return res, err
}

func (k *call) perform(ctx context.Context) (*api.Response, error) {
	if err := k.checkExtensions(ctx); err != nil {
		return nil, err
	}
	res, err := k.run(ctx)
	k.body.finish(err == nil)
	return res, err
}

// prepare works out what all attempts share.
func (k *call) prepare() error {
	req := k.req
	if req.Op.Level >= api.LevelBucket && req.Bucket == "" {
		return errors.New("the bucket has no name")
	}
	if req.Op.Level >= api.LevelObject && req.Key == "" {
		return errors.New("the key is empty") // the request would be about the bucket
	}
	zone := req.Zone
	if zone == "" && req.Op.Level >= api.LevelBucket && !k.unsigned {
		zone = k.c.cfg.Zone
	}
	var err error
	if k.site, err = k.c.site(strings.ToLower(zone)); err != nil {
		return err
	}
	if err := k.address(k.site.host, k.c.cfg.VirtualHost && !k.c.end.fixed && !k.unsigned); err != nil {
		return err
	}
	if req.Header == nil {
		req.Header = make(http.Header)
	}
	k.safe = req.Op.Idempotent == api.Idempotent && !k.extended()
	k.body, err = newPayload(req.Body, req.ContentLength)
	return err
}

// address fills in url, path and bucket.
func (k *call) address(host string, virtualHost bool) error {
	k.url.Scheme, k.url.Host = k.c.end.scheme, host
	bucket := k.req.Bucket
	if err := checkBucket(bucket); err != nil {
		return err
	}
	if virtualHost && bucket != "" {
		if !isLabel(bucket) {
			return fmt.Errorf("bucket %q: letters, digits and hyphens are wanted in a host name", bucket)
		}
		k.bucket, bucket = bucket, ""
		k.url.Host = k.bucket + "." + host
	}
	plain := isPlain(bucket) && isPlain(k.req.Key)
	switch {
	case k.req.Key != "" && bucket != "":
		k.url.Path = "/" + bucket + "/" + k.req.Key
	case k.req.Key != "":
		k.url.Path = "/" + k.req.Key
	default:
		k.url.Path = "/" + bucket
	}
	k.path = k.url.Path
	if !plain {
		k.path = escapePath(bucket, k.req.Key)
		k.url.RawPath = k.path
	}
	if len(k.req.Query) > 0 {
		k.url.RawQuery = k.req.Query.Encode()
	}
	return nil
}

// escapePath is the path of a bucket and key that have something to escape.
func escapePath(bucket, key string) string {
	buf := make([]byte, 0, 64+3*len(key)/2)
	buf = append(buf, '/')
	buf = appendEscaped(buf, bucket, false)
	if key != "" {
		if bucket != "" {
			buf = append(buf, '/')
		}
		buf = appendEscaped(buf, key, true)
	}
	return string(buf)
}

// run makes the attempts.
func (k *call) run(ctx context.Context) (*api.Response, error) {
	for {
		k.attempts++
		res, header, err := k.try(ctx)
		if err == nil {
			k.c.budget.earn()
			return res, nil
		}
		err.Attempts = k.attempts
		if k.setClock(ctx, err, header) {
			continue
		}
		wait, again := k.again(ctx, err, header)
		if !again {
			return nil, err
		}
		if cause := sleep(ctx, wait); cause != nil {
			if err.Err != nil {
				cause = fmt.Errorf("%w, after %w", cause, err.Err)
			}
			err.Err = cause
			return nil, err
		}
	}
}

// again reports whether to try again after err, and when.
func (k *call) again(ctx context.Context, err *Error, header http.Header) (wait time.Duration, again bool) {
	policy := k.c.cfg.Retry
	if ctx.Err() != nil || k.body.failure() != nil || !retryable(err, k.safe) {
		return 0, false
	}
	if k.attempts >= policy.MaxAttempts || ctx.Value(withoutRetry{}) != nil {
		return 0, false
	}
	if cause := k.body.rewind(); cause != nil { // before the budget is asked, and while err can be told
		err.note = cause.Error()
		return 0, false
	}
	wait = policy.delay(k.attempts)
	if asked := retryAfter(header, k.c.now()); asked > maxRetryAfter {
		err.note = fmt.Sprintf("the server asks for a wait of %v", asked)
		return 0, false
	} else if asked > wait {
		wait = asked
	}
	if end, ok := ctx.Deadline(); ok && time.Until(end) < wait {
		err.note = "the context ends before that"
		return 0, false
	}
	if !k.c.budget.take() {
		err.note = "the retry budget is used up"
		return 0, false
	}
	return wait, true
}

// setClock sets the client's clock if the server refused its date, once a call. It reports whether
// to try again; if that must not or cannot be, the next call has the right date at least.
func (k *call) setClock(ctx context.Context, err *Error, header http.Header) bool {
	if k.skewed || err.Status != http.StatusForbidden {
		return false
	}
	theirs, perr := http.ParseTime(header.Get("Date"))
	if perr != nil {
		return false
	}
	off := theirs.Sub(k.c.now())
	if err.Code != "request_expired" && (err.Code != "" || off.Abs() < 14*time.Minute) { // HEAD has no code
		return false
	}
	if off.Abs() < 5*time.Second {
		return false // not the clock
	}
	k.skewed = true
	k.c.skew.Store(int64(time.Until(theirs)))
	if ctx.Value(withoutRetry{}) != nil {
		return false
	}
	if cause := k.body.rewind(); cause != nil {
		err.note = cause.Error()
		return false
	}
	return true
}

// fail is the error of a call that err ended.
func (k *call) fail(err error) *Error {
	return &Error{Op: k.req.Op.Name, Bucket: k.req.Bucket, Key: k.req.Key, Attempts: k.attempts, Err: err}
}
