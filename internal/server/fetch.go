package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/oisproject/ois/internal/egress"
	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
)

// How many objects are taken from other servers at a time. Each may take long, if the other server wants it so.
const (
	maxOrigins      = 128 // all together
	maxOriginsOwner = 64  // into buckets of one owner
)

// origins are the URLs from which objects are being taken.
type origins struct {
	mu     sync.Mutex
	n      int            // guarded by mu
	urls   map[string]int // by URL; guarded by mu
	owners map[string]int // by owner of the bucket; guarded by mu
}

// enter begins to take an object from a URL, unless there is too much of it. Who wants to be alone gets an error where somebody else
// takes the same. leave must be called at the end.
func (o *origins) enter(url, owner string, alone bool) (leave func(), err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case alone && o.urls[url] > 0:
		return nil, fault.Newf(fault.FetchInProcess, "this URL is being fetched right now")
	case o.n >= maxOrigins:
		return nil, fault.Newf(fault.FetchThrottled, "%d objects are being fetched, which is as many as may be; try again", o.n)
	case o.owners[owner] >= maxOriginsOwner:
		return nil, fault.Newf(fault.FetchThrottled, "%d objects are being fetched into buckets of this owner, which is as many as may be; try again", maxOriginsOwner)
	}
	if o.urls == nil {
		o.urls, o.owners = make(map[string]int), make(map[string]int)
	}
	o.add(url, owner, 1)
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.add(url, owner, -1)
	}, nil
}

// add counts, with mu held. What is 0 is not kept.
func (o *origins) add(url, owner string, n int) {
	o.n += n
	if o.urls[url] += n; o.urls[url] == 0 {
		delete(o.urls, url)
	}
	if o.owners[owner] += n; o.owners[owner] == 0 {
		delete(o.owners, owner)
	}
}

// fetchObject stores what another server has.
func (x *exchange) fetchObject(in *op.FetchObjectInput) (*op.FetchObjectOutput, error) {
	u, err := x.egress.Parse(in.FetchSource)
	if err != nil {
		return nil, fault.Newf(fault.InvalidArgument, "x-qs-fetch-source: %w", err)
	}
	if err := x.bucket.CheckFetch(x.context(), in); err != nil {
		return nil, err
	}
	leave, err := x.origins.enter(u.String(), x.bucket.Info().Owner, true)
	if err != nil {
		return nil, err
	}
	defer leave()
	from, body, err := x.ask(x.context(), u.String(), "the origin "+u.Host)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return x.bucket.FetchObject(x.context(), in, from)
}

// ask asks another server for an object. who names the server in errors. The caller closes the body.
func (s *Server) ask(ctx context.Context, url, who string) (*store.Origin, io.Closer, error) {
	resp, err := s.egress.Get(ctx, url)
	if err != nil {
		return nil, nil, upstream(who, err)
	}
	from, err := originOf(resp, who)
	if err != nil {
		resp.Body.Close()
		return nil, nil, err
	}
	return from, resp.Body, nil
}

// originOf returns what a server sends, if that is an object of a known length.
func originOf(resp *egress.Response, who string) (*store.Origin, error) {
	from := &store.Origin{
		Body: &originBody{resp.Body, who}, Length: resp.Length,
		ContentType: resp.Header.Get("Content-Type"), ContentEncoding: strings.Join(resp.Header["Content-Encoding"], ", "),
	}
	switch {
	case resp.Status == http.StatusNotFound:
		return nil, fault.Newf(fault.ObjectNotExists, "%s has no such object", who)
	case resp.Status != http.StatusOK:
		return nil, fault.Newf(fault.UpstreamFailed, "%s answered with status %d; want 200", who, resp.Status)
	case resp.Length < 0:
		return nil, fault.Newf(fault.UpstreamFailed, "%s did not announce the length by Content-Length", who)
	case len(from.ContentType) > store.MaxContentType || len(from.ContentEncoding) > store.MaxContentType:
		return nil, fault.Newf(fault.UpstreamFailed, "%s sent a Content-Type or Content-Encoding of more than %d bytes", who, store.MaxContentType)
	}
	return from, nil
}

// An originBody turns errors of another server into those of the API.
type originBody struct {
	io.Reader
	who string
}

// Read implements io.Reader.
func (b *originBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = upstream(b.who, err)
	}
	return n, err
}

// upstream returns the error of the API for one of another server. What happened in detail is for the log.
func upstream(who string, err error) error {
	if e, ok := errors.AsType[*egress.Error](err); ok {
		return unsaid(fault.Newf(fault.UpstreamFailed, "%s %s", who, e.Reason), e.Unwrap())
	}
	if errors.Is(err, egress.ErrURL) {
		return fault.Newf(fault.UpstreamFailed, "%s cannot be asked: %w", who, err)
	}
	return err
}
