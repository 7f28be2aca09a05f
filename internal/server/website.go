package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/oisproject/ois/internal/access"
	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/internal/wire"
)

// serveSite answers a request at a domain of the type website: with the object that the path names, with the index page of a path that
// ends in a slash, or with an error, which fail makes a page of. Who may read an object may see it so, and nothing else is shown. The
// query means nothing but a signature.
func (x *exchange) serveSite() error {
	if x.r.Method != http.MethodGet && x.r.Method != http.MethodHead {
		return fault.Newf(fault.MethodNotAllowed, "a website takes no %s, only GET, HEAD and OPTIONS", x.r.Method)
	}
	x.operation = op.GetObject
	if err := x.authenticate(); err != nil {
		return err
	}
	if err := x.store.CheckStanding(x.caller.UserID); err != nil {
		return err
	}
	site, err := x.openSite()
	if err != nil {
		return err
	}
	if err := x.shareAnswer(x.bucket); err != nil {
		return err
	}
	key := x.address.Key
	if key == "" || strings.HasSuffix(key, "/") {
		if site.Index == "" {
			return fault.Newf(fault.PermissionDenied, "nothing is shown here: the bucket has no website setting, and so no index page")
		}
		key += site.Index
	}
	h := x.r.Header
	if x.r.Method == http.MethodHead {
		h = h.Clone()
		h.Del("Range") // which is only for GET
	}
	out, err := x.page(key, h)
	if fault.CodeOf(err) == fault.ObjectNotExists && x.isFolder(site) {
		return x.redirectToFolder()
	}
	if err != nil {
		return err
	}
	return x.sendPage(out)
}

// openSite looks up the bucket and how it is shown.
func (x *exchange) openSite() (site store.Website, err error) {
	if x.bucket == nil {
		if x.bucket, err = x.store.Bucket(x.context(), x.address.Bucket); err != nil {
			return site, err
		}
	}
	site, _, err = x.bucket.Website(x.context())
	return site, err
}

// page opens an object to be shown, with the conditions and the range in the headers. The caller must be allowed to read it.
func (x *exchange) page(key string, h http.Header) (*op.GetObjectOutput, error) {
	if err := x.mayShow(key); err != nil {
		return nil, err
	}
	request := &wire.Request{Bucket: x.address.Bucket, Key: key, Header: h}
	in, err := wire.CodecOf(op.GetObject).Decode(request)
	if err != nil {
		return nil, err
	}
	return x.getObject(in.(*op.GetObjectInput))
}

// mayShow asks whether the caller may read an object.
func (x *exchange) mayShow(key string) (err error) {
	a := x.attempt()
	a.Operation, a.Key = op.GetObject, key
	if a.Bucket, err = x.facts(x.bucket); err != nil {
		return err
	}
	return access.Authorize(a)
}

// sendPage answers with an object; of a HEAD with all but its bytes.
func (x *exchange) sendPage(out *op.GetObjectOutput) error {
	if x.r.Method == http.MethodHead && out.Body != nil {
		if err := out.Body.Close(); err != nil {
			return err
		}
		out.Body = nil
	}
	return wire.CodecOf(op.GetObject).Encode(&x.w, out)
}

// isFolder reports whether the path, which names no object, would show an index page with a slash at its end.
func (x *exchange) isFolder(site store.Website) bool {
	key := x.address.Key
	if site.Index == "" || key == "" || strings.HasPrefix(key, "/") || strings.HasSuffix(key, "/") {
		return false
	}
	index := key + "/" + site.Index
	if x.mayShow(index) != nil {
		return false
	}
	_, err := x.bucket.Stat(x.context(), index)
	return err == nil
}

// redirectToFolder sends the client to its path with a slash at the end, so that links on the page there are relative to it. The
// key does not begin with a slash, so the location is a path and no other host.
func (x *exchange) redirectToFolder() error {
	to := url.URL{Path: "/" + x.address.Key + "/", RawQuery: x.rawQuery}
	h := x.w.Header()
	h.Set("Location", to.String())
	h.Set("Content-Type", wire.PlainType)
	h.Set("Content-Length", "0")
	x.w.WriteHeader(http.StatusFound)
	return nil
}

// failSite answers a request at a website with an error: by the error page of the bucket, or by one of ours.
func (x *exchange) failSite(err error) {
	bad := x.showError(err)
	if bad == nil {
		return
	}
	if !errors.Is(bad, errNoPage) {
		x.err = fmt.Errorf("%w; the error page: %s", err, bad.Error())
	}
	if x.w.status != 0 {
		panic(http.ErrAbortHandler)
	}
	wire.WritePage(&x.w, x.r.Method, x.id[0], err)
}

// errNoPage says that there is no error page that the caller may see.
var errNoPage = errors.New("there is none")

// showError answers with the error page of the bucket under the status of err.
func (x *exchange) showError(err error) error {
	if x.context().Err() != nil {
		return x.context().Err()
	}
	site, bad := x.openSite()
	if bad != nil {
		return bad
	}
	if site.Error == "" {
		return errNoPage
	}
	out, bad := x.page(site.Error, http.Header{}) // conditions and range are not about this page
	if bad != nil {
		return bad
	}
	status := fault.CodeOf(err).Status()
	wire.StartOver(x.w.Header(), x.id[0])
	wire.AskLater(x.w.Header(), status)
	// What clients keep, and compare later, is not the page at this path.
	return x.sendPage(&op.GetObjectOutput{
		Status: status, ContentType: out.ContentType, ContentEncoding: out.ContentEncoding,
		ContentLength: out.ContentLength, Body: out.Body,
	})
}
