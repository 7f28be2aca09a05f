package server

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
)

// A bucket with a mirror takes an object that it does not have from there when somebody reads it. However many
// ask for it meanwhile, it is taken once, by a pull, which belongs to the server: it ends when the object is stored, also if nobody
// waits any more. Who asks waits for that and is then answered as always. Only the first one gets a large object while it
// is being stored, if it wants all of it; it may hold the pull up for a while, and gets from the store what
// the pull did not wait with.

const (
	maxSite = 2 << 10 // bytes of the address of a mirror

	// streamFrom is the number of bytes above which an object is sent while it is being stored. Below it there is little to wait
	// for, and the answer has an ETag.
	streamFrom = 1 << 20

	// tailPatience is how long all together a pull waits for the one who gets the bytes at the same time, and a second
	// more for every tailRate bytes.
	tailPatience = 10 * time.Second
	tailRate     = 1 << 20
)

func (x *exchange) putBucketExternalMirror(in *op.PutBucketExternalMirrorInput) (*op.PutBucketExternalMirrorOutput, error) {
	if len(in.SourceSite) > maxSite {
		return nil, fault.Newf(fault.InvalidRequest, "source_site has %d bytes; allowed: %d", len(in.SourceSite), maxSite)
	}
	if _, err := x.egress.Parse(in.SourceSite); err != nil {
		return nil, fault.Newf(fault.InvalidRequest, "source_site: %w", err)
	}
	if strings.ContainsAny(in.SourceSite, "?#") {
		return nil, fault.Newf(fault.InvalidRequest, "source_site has a ? or # in it; allowed: <protocol>://<host>[:port]/[path]")
	}
	return x.bucket.PutBucketExternalMirror(x.context(), in)
}

// mirrorURL returns the URL of a key at a mirror; ok is false if there is none that leads nowhere else.
func mirrorURL(site, key string) (_ string, ok bool) {
	segments := strings.Split(key, "/")
	for i, s := range segments {
		for part := range strings.SplitSeq(s, `\`) { // which some servers take for a slash
			if part == "." || part == ".." {
				return "", false // it would be resolved, and could lead out of the mirror's path
			}
		}
		segments[i] = url.PathEscape(s)
	}
	if !strings.HasSuffix(site, "/") {
		site += "/"
	}
	return site + strings.Join(segments, "/"), true
}

// A pull takes one object from the mirror of its bucket.
type pull struct {
	started chan struct{} // closed when the first who asked begins to get the bytes
	from    *store.Origin // what the mirror says of the object, once started
	done    chan struct{} // closed at the end
	etag    string        // of what was stored, once done; empty if there was something already
	err     error         // once done
}

// wait waits for the end.
func (p *pull) wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

type pullKey struct{ bucket, key string }

// pulls are those that are under way.
type pulls struct {
	ctx    context.Context // ends when the server has no time for them any more
	cancel context.CancelFunc
	all    sync.WaitGroup

	mu     sync.Mutex
	ended  bool              // guarded by mu
	active map[pullKey]*pull // guarded by mu
	joined func()            // for tests, called with mu held by each who joins; nil otherwise. guarded by mu
}

func newPulls() *pulls {
	p := &pulls{active: make(map[pullKey]*pull)}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// end waits for all pulls, and cuts them off when ctx ends.
func (ps *pulls) end(ctx context.Context) {
	ps.mu.Lock()
	ps.ended = true
	ps.mu.Unlock()
	stop := context.AfterFunc(ctx, ps.cancel)
	defer stop()
	ps.all.Wait()
	ps.cancel()
}

// join returns the pull of a missing object, which begins if there is none. If tail is not nil and the pull begins, tail may get its
// bytes; else tail is closed.
func (ps *pulls) join(x *exchange, key string, tail net.Conn) *pull {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.joined != nil {
		ps.joined()
	}
	k := pullKey{x.bucket.Info().Name, key}
	p := ps.active[k]
	if p != nil {
		closeTail(tail)
		return p
	}
	p = &pull{started: make(chan struct{}), done: make(chan struct{})}
	if ps.ended {
		closeTail(tail)
		p.err = fault.Newf(fault.ServiceUnavailable, "the server is stopping")
		close(p.done)
		return p
	}
	ps.active[k] = p
	s, b := x.Server, x.bucket
	ps.all.Go(func() {
		began := time.Now()
		p.etag, p.err = s.take(ps.ctx, p, b, key, tail)
		ps.mu.Lock()
		delete(ps.active, k)
		ps.mu.Unlock()
		closeTail(tail)
		close(p.done)
		s.logPull(p, k, time.Since(began))
	})
	return p
}

func closeTail(c net.Conn) {
	if c != nil {
		_ = c.Close() // of a pipe
	}
}

func (s *Server) logPull(p *pull, k pullKey, d time.Duration) {
	line := []slog.Attr{slog.String("bucket", k.bucket), slog.String("key", cut(k.key)), slog.Duration("duration", d)}
	if p.err != nil {
		line = append(line, slog.String("error", p.err.Error()), slog.String("code", string(fault.CodeOf(p.err))))
	}
	s.log.LogAttrs(context.Background(), slog.LevelInfo, "mirror", line...)
}

// take stores the object at a key if the mirror has it and the bucket has not, which is looked at again: the object may have come
// since it was missed.
func (s *Server) take(ctx context.Context, p *pull, b *store.Bucket, key string, to net.Conn) (etag string, err error) {
	const who = "the mirror of the bucket"
	site, err := b.MirrorOf(ctx, key)
	if site == "" || err != nil {
		return "", err
	}
	address, ok := mirrorURL(site, key)
	if !ok {
		return "", nil
	}
	u, err := s.egress.Parse(address)
	if err != nil {
		return "", upstream(who, err)
	}
	leave, err := s.origins.enter(u.String(), b.Info().Owner, false)
	if err != nil {
		return "", err
	}
	defer leave()
	from, body, err := s.ask(ctx, u.String(), who)
	if err != nil {
		return "", err
	}
	defer body.Close()
	if from.Length > store.MaxBody {
		return "", fault.Newf(fault.UpstreamFailed, "%s announces %d bytes; allowed: %d", who, from.Length, int64(store.MaxBody))
	}
	if to != nil && from.Length > streamFrom {
		p.from = from
		from.Body = &tee{r: from.Body, to: to}
		close(p.started)
	}
	return b.Adopt(ctx, key, from)
}

// A tee reads, and sends what it has read, as long as the other end takes it in time.
type tee struct {
	r      io.Reader
	to     net.Conn // nil once it does not any more
	sent   int64
	waited time.Duration
}

// Read implements io.Reader.
func (t *tee) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if n > 0 && t.to != nil {
		t.send(p[:n])
	}
	return n, err
}

func (t *tee) send(p []byte) {
	began := time.Now()
	patience := tailPatience + time.Duration(t.sent/tailRate)*time.Second - t.waited
	err := t.to.SetWriteDeadline(began.Add(patience))
	if err == nil {
		var n int
		n, err = t.to.Write(p)
		t.sent += int64(n)
	}
	t.waited += time.Since(began)
	if err != nil {
		closeTail(t.to)
		t.to = nil
	}
}

// mayPull reports whether err is that of an object which a mirror may have. One that was deleted here, which a delete marker shows, is
// not asked for again.
func (x *exchange) mayPull(err error, version string) bool {
	if _, deleted := errors.AsType[*store.MarkerError](err); deleted {
		return false
	}
	return err != nil && version == "" && x.bucket.HasMirror() && fault.CodeOf(err) == fault.ObjectNotExists
}

// pullObject has a missing object taken from the mirror. It returns an answer if that begins before the object is stored. If it
// returns nothing at all the object is there now, or it is missing for good.
func (x *exchange) pullObject(in *op.GetObjectInput) (*op.GetObjectOutput, error) {
	if !whole(in) {
		return nil, x.pulls.join(x, in.Key, nil).wait(x.context())
	}
	ours, theirs := net.Pipe()
	p := x.pulls.join(x, in.Key, theirs)
	select {
	case <-p.started:
		return &op.GetObjectOutput{
			StorageClass: "STANDARD", AcceptRanges: "bytes", ContentLength: p.from.Length,
			ContentType:        cmp.Or(in.ResponseContentType, p.from.ContentType),
			CacheControl:       in.ResponseCacheControl,
			ContentDisposition: in.ResponseContentDisposition,
			ContentEncoding:    cmp.Or(in.ResponseContentEncoding, p.from.ContentEncoding),
			ContentLanguage:    in.ResponseContentLanguage,
			Expires:            in.ResponseExpires,
			Body:               &tail{x: x, pull: p, key: in.Key, pipe: ours},
		}, nil
	case <-p.done:
		closeTail(ours)
		return nil, p.err
	case <-x.context().Done():
		closeTail(ours)
		return nil, x.context().Err()
	}
}

// whole reports whether a request wants all of an object, whatever it is.
func whole(in *op.GetObjectInput) bool {
	return in.Range == "" && in.IfMatch == "" && in.IfNoneMatch == "" && in.IfModifiedSince.IsZero() && in.IfUnmodifiedSince.IsZero() &&
		in.EncryptionCustomerAlgorithm == "" && in.EncryptionCustomerKey == "" && in.EncryptionCustomerKeyMD5 == ""
}

// A tail is the body of an object that is being stored: what comes through the pipe and, if that ends too early, the rest from the store.
type tail struct {
	x    *exchange
	pull *pull
	key  string
	pipe net.Conn
	got  int64
	rest io.ReadCloser
}

// Read implements io.Reader.
func (t *tail) Read(p []byte) (int, error) {
	if t.rest != nil {
		return t.rest.Read(p)
	}
	n, err := t.pipe.Read(p)
	if t.got += int64(n); err == nil || n > 0 {
		return n, nil
	}
	if t.got == t.pull.from.Length {
		return 0, io.EOF
	}
	if err := t.catchUp(); err != nil {
		return 0, err
	}
	return t.rest.Read(p)
}

var errReplaced = errors.New("the object was replaced while it was taken from the mirror")

// catchUp waits until the object is stored and opens it where the pipe has ended.
func (t *tail) catchUp() error {
	ctx := t.x.context()
	if err := t.pull.wait(ctx); err != nil {
		return err
	}
	o, err := t.x.bucket.Object(ctx, t.key)
	if err != nil {
		return err
	}
	if info := o.Info(); info.ETag != t.pull.etag || info.Size != t.pull.from.Length {
		o.Close()
		return errReplaced
	}
	r, err := o.Open(ctx, t.got, t.pull.from.Length-t.got)
	if err != nil {
		o.Close()
		return err
	}
	t.rest = &objectBody{ReadCloser: r, object: o}
	return nil
}

// Close implements io.Closer. The pull goes on.
func (t *tail) Close() error {
	closeTail(t.pipe)
	if t.rest != nil {
		return t.rest.Close()
	}
	return nil
}
