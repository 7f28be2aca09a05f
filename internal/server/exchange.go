package server

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/oisproject/ois/internal/access"
	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/replicate"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/wire"
	"github.com/oisproject/ois/sdk/go/signature"
)

// An exchange is one request on its way to its answer, with what is found out
// about it on the way.
type exchange struct {
	*Server
	w     answer
	r     *http.Request
	body  upload
	id    [1]string // as the value of a header
	start time.Time
	err   error // why the request failed, for the log

	path, rawQuery string // as sent
	query          wire.Query
	address        wire.Address
	domain         bool // the host is a domain that is bound to the bucket
	site           bool // and shows it as a website
	operation      op.ID
	caller         access.Caller
	logsTo         logsTo
	bucket         *store.Bucket  // nil where there is none
	shared         bool           // the answer says which pages of other origins may see it
	source         *source        // of a copy or move
	replica        *store.Replica // of a request of another zone

	form   *op.PostObjectInput // nil but for PostObject
	backTo *wire.Redirect      // where the form sends the browser, nil if nowhere
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{Server: s, r: r, id: [1]string{requestID()}, start: time.Now()}
	s.figures.underWay.Add(1)
	x.w.begin(w)
	x.body.begin(w, r)
	defer x.end()
	h := w.Header()
	h["Server"] = s.product
	h["X-Ois-Extensions"] = extensions
	h["X-Qs-Request-Id"] = x.id[:]
	if err := x.serve(); err != nil {
		x.fail(err)
	}
}

// requestID returns 16 hexadecimal digits that are unlikely to come again.
func requestID() string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], rand.Uint64())
	var digits [2 * len(b)]byte
	hex.Encode(digits[:], b[:])
	return string(digits[:])
}

// serve is the road of a request. Nothing of its body is read before the caller is
// known and allowed to send it: who sends "Expect: 100-continue" gets the error instead.
// Only of a form the fields are read, which say who sends it.
func (x *exchange) serve() error {
	if err := x.locate(); err != nil {
		return err
	}
	if x.site && x.r.Method != http.MethodOptions {
		return x.serveSite()
	}
	if x.asksHealth() {
		return x.health()
	}
	if x.asksZone() {
		return x.redirect()
	}
	if err := x.route(); err != nil {
		return err
	}
	if err := x.authenticate(); err != nil {
		return err
	}
	if err := x.authorize(); err != nil {
		return err
	}
	if err := x.checkFeatures(); err != nil {
		return err
	}
	x.findLog() // before the request changes where that is
	return table[x.operation](x)
}

// locate finds out what the request line and the host select.
func (x *exchange) locate() (err error) {
	if x.r.Method == http.MethodConnect {
		return fault.Newf(fault.AccessDenied, "CONNECT asks for a proxy, which this server is not")
	}
	x.path, x.rawQuery = signature.SplitTarget(x.r.RequestURI)
	if x.address, err = x.resolve(); err != nil || x.site {
		return err
	}
	x.query, err = wire.ParseQuery(x.rawQuery)
	return err
}

func (x *exchange) route() (err error) {
	x.operation, err = wire.Route(x.r.Method, x.address.Level(), x.query, x.r.Header)
	return err
}

func (x *exchange) authenticate() (err error) {
	if x.operation == op.OptionsObject && x.r.Header["Authorization"] == nil {
		return nil // its query is that of the request which is to come, signature and all
	}
	m := signature.Message{Method: x.r.Method, Path: x.path, Query: x.rawQuery, Header: x.r.Header}
	if x.address.Virtual {
		m.Bucket = x.address.Bucket
	}
	x.caller, err = x.auth.Authenticate(x.r.Context(), m)
	if err == nil && x.caller.AccessKeyID == replicate.AccessKeyID {
		return x.actForOwner()
	}
	if x.address.Level() == op.LevelService && fault.CodeOf(err) == fault.SignatureNotMatched {
		return x.authenticateLabel(m, err)
	}
	return err
}

// authenticateLabel tries the signature of old Go SDKs in virtual-host style: they take the first label of
// every host for a bucket, that of the service's own host, too. Otherwise err stands.
func (x *exchange) authenticateLabel(m signature.Message, err error) error {
	host := wire.Hostname(x.r.Host)
	label, _, ok := strings.Cut(host, ".")
	if !ok || host != x.hosts.Domain {
		return err
	}
	// Of a bucket of that name it is the signature that lists its objects, and must not list the buckets.
	if _, missing := x.store.Bucket(x.r.Context(), label); fault.CodeOf(missing) != fault.BucketNotExists {
		return err
	}
	m.Bucket = label
	caller, again := x.auth.Authenticate(x.r.Context(), m)
	if again != nil {
		return err
	}
	x.caller = caller
	return nil
}

// context returns the context of the request, with what a bucket that tells of its changes is to tell.
func (x *exchange) context() context.Context {
	ctx := x.r.Context()
	if x.replica != nil || x.bucket != nil && x.bucket.Tells() || x.source != nil && x.source.bucket.Tells() {
		o := &store.Cause{User: x.caller.UserID, Request: x.id[0], Replica: x.replica}
		ctx = store.WithCause(ctx, o)
	}
	return ctx
}

// unsaid returns an error of which the client is told f alone. The log has the reason, too, which names
// what is the operator's business: addresses in his network.
func unsaid(f *fault.Error, reason error) error { return fmt.Errorf("%w: %w", f, reason) }

// fail answers with an error. If an answer has begun it cannot be taken back: the
// connection is cut, so that the client does not take a part for the whole.
func (x *exchange) fail(err error) {
	if errors.Is(err, context.Canceled) && x.context().Err() != nil {
		err = fmt.Errorf("%w: %w", wire.ErrGone, err)
	}
	x.err = err
	if x.w.status != 0 {
		panic(http.ErrAbortHandler)
	}
	x.shareRefusal()
	x.body.giveUp()
	if x.backTo != nil {
		x.failForm(err)
		return
	}
	if x.site {
		x.failSite(err)
		return
	}
	wire.WriteError(&x.w, x.r.Method, x.id[0], err)
}

// end logs the request. A panic that is not meant to cut the connection is a
// bug: it costs this request an internal error, and nothing else.
func (x *exchange) end() {
	p := recover()
	if err, _ := p.(error); p != nil && !errors.Is(err, http.ErrAbortHandler) {
		x.err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		if x.w.status == 0 {
			x.body.giveUp()
			wire.WriteError(&x.w, x.r.Method, x.id[0], errBug)
			p = nil
		}
	}
	took := time.Since(x.start)
	x.count(took)
	x.logLine(took, p != nil)
	x.logAccess(took)
	if p != nil {
		panic(http.ErrAbortHandler)
	}
	x.w.end()
}

var errBug = errors.New("panic")
