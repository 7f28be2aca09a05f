package replicate

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/store"
	"github.com/oisproject/ois/sdk/go/signature"
)

// What peers say to each other beside the API. The headers are covered by the signature, as all that start with x-qs- are.
const (
	// AccessKeyID is the access key id of every peer. Its secret is the key that the peers share.
	AccessKeyID = "ois-peer"

	// HeaderOwner names the user on whose behalf a peer asks, escaped as in a query.
	HeaderOwner = "X-Qs-Replica-Owner"
	// HeaderETag has the ETag that a replica is to have, without quotes.
	HeaderETag = "X-Qs-Replica-Etag"
	// HeaderModified has the time that a replica is to show, in Unix milliseconds.
	HeaderModified = "X-Qs-Replica-Modified"
)

// A Peer is another server, which has a zone of its own.
type Peer struct {
	Zone string
	URL  *url.URL // http or https, with a host and without a path
}

// An agent asks one peer on behalf of users.
type agent struct {
	Peer
	client *http.Client
	key    *signature.Key
	now    func() time.Time
	piece  int64 // bytes up to which an object is sent by one request, and of each part of a larger one
}

// A refusal is an answer that is not what was wanted.
type refusal struct {
	zone    string
	status  int
	code    string
	message string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("zone %s answers %d %s: %s", r.zone, r.status, r.code, r.message)
}

// A call is one request to a peer.
type call struct {
	method, bucket, key, query string
	owner                      string
	header                     http.Header
	body                       io.Reader
	size                       int64
}

// do sends a request and reads the answer's body into out, if that is not nil. The status must be want.
func (a *agent) do(ctx context.Context, c *call, want int, out any) error {
	u := &url.URL{Scheme: a.URL.Scheme, Host: a.URL.Host, Path: "/" + c.bucket, RawPath: "/" + c.bucket, RawQuery: c.query}
	if c.key != "" {
		u.Path += "/" + c.key
		u.RawPath += "/" + escapePath(c.key)
	}
	r := (&http.Request{Method: c.method, URL: u, Host: a.URL.Host, Header: c.header, ContentLength: c.size}).WithContext(ctx)
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	if c.size > 0 {
		r.Body = io.NopCloser(c.body)
	} else {
		r.Body = http.NoBody
	}
	r.Header.Set(HeaderOwner, url.QueryEscape(c.owner))
	r.Header.Set("Date", a.now().UTC().Format(http.TimeFormat))
	m := signature.Message{Method: c.method, Path: u.RawPath, Query: c.query, Header: r.Header}
	r.Header.Set("Authorization", a.key.Authorization(&m))
	answer, err := a.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }() // it was read, or is of no use
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	switch {
	case answer.StatusCode != want:
		no := &refusal{zone: a.Zone, status: answer.StatusCode, code: http.StatusText(answer.StatusCode)}
		var body struct{ Code, Message string }
		if json.Unmarshal(text, &body) == nil && body.Code != "" {
			no.code, no.message = body.Code, body.Message
		}
		return no
	case err != nil:
		return fmt.Errorf("read the answer of zone %s: %w", a.Zone, err)
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("the answer of zone %s is not JSON: %w", a.Zone, err)
	}
	return nil
}

// escapePath escapes a key so that nobody on the way takes a part of it for something else.
func escapePath(key string) string {
	return strings.ReplaceAll(url.PathEscape(key), "%2F", "/")
}

// has reports whether the peer has a bucket that belongs to the owner.
func (a *agent) has(ctx context.Context, owner, bucket string) (bool, error) {
	err := a.do(ctx, &call{method: http.MethodHead, bucket: bucket, owner: owner}, http.StatusOK, nil)
	if no, ok := err.(*refusal); ok && (no.status == http.StatusNotFound || no.status == http.StatusForbidden) { //nolint:errorlint // do returns it bare
		return false, nil
	}
	return err == nil, err
}

// remove deletes an object.
func (a *agent) remove(ctx context.Context, owner, bucket, key string) error {
	return a.do(ctx, &call{method: http.MethodDelete, bucket: bucket, key: key, owner: owner}, http.StatusNoContent, nil)
}

// objectHeader returns what a replica has beside its bytes.
func objectHeader(info *store.ObjectInfo, class string) http.Header {
	h := make(http.Header)
	set := func(name, value string) {
		if value != "" {
			h.Set(name, value)
		}
	}
	set("Content-Type", info.ContentType)
	set("Cache-Control", info.CacheControl)
	set("Content-Disposition", info.ContentDisposition)
	set("Content-Encoding", info.ContentEncoding)
	set("Expires", info.Expires)
	set("X-Qs-Storage-Class", class)
	for name, value := range info.Metadata {
		h.Set("X-Qs-Meta-"+name, value)
	}
	return h
}

func replicaHeader(h http.Header, info *store.ObjectInfo) http.Header {
	h.Set(HeaderETag, strings.Trim(info.ETag, `"`))
	h.Set(HeaderModified, strconv.FormatInt(info.LastModified.UnixMilli(), 10))
	return h
}

// piece is how many bytes one request sends, unless there would be too many parts.
const piece = 64 << 20

// send makes the object there what it is here. The object is open.
func (a *agent) send(ctx context.Context, owner, bucket, class string, o *store.Object) error {
	info := o.Info()
	h := objectHeader(&info, class)
	if info.Size <= a.piece {
		return a.sendRange(ctx, o, 0, info.Size, &call{
			method: http.MethodPut, bucket: bucket, key: info.Key, owner: owner, header: replicaHeader(h, &info),
		}, http.StatusCreated)
	}
	var upload struct {
		ID string `json:"upload_id"`
	}
	if err := a.do(ctx, &call{method: http.MethodPost, bucket: bucket, key: info.Key, query: "uploads", owner: owner, header: h}, http.StatusOK, &upload); err != nil {
		return err
	}
	err := a.sendParts(ctx, owner, bucket, upload.ID, o)
	if err != nil {
		end := &call{method: http.MethodDelete, bucket: bucket, key: info.Key, query: "upload_id=" + url.QueryEscape(upload.ID), owner: owner}
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		_ = a.do(limited, end, http.StatusNoContent, nil) // err says more
	}
	return err
}

// sendParts sends an object part by part, and completes it.
func (a *agent) sendParts(ctx context.Context, owner, bucket, upload string, o *store.Object) error {
	info := o.Info()
	part := max(a.piece, info.Size/op.LimitPartsPerUpload+1)
	query := "upload_id=" + url.QueryEscape(upload)
	var done struct {
		Parts []op.CompletedPart `json:"object_parts"`
	}
	for off, n := int64(0), int64(0); off < info.Size; off, n = off+part, n+1 {
		c := &call{
			method: http.MethodPut, bucket: bucket, key: info.Key, owner: owner,
			query: "part_number=" + strconv.FormatInt(n, 10) + "&" + query,
		}
		if err := a.sendRange(ctx, o, off, min(part, info.Size-off), c, http.StatusCreated); err != nil {
			return err
		}
		done.Parts = append(done.Parts, op.CompletedPart{PartNumber: n})
	}
	text, err := json.Marshal(&done)
	if err != nil {
		return err
	}
	h := make(http.Header)
	h.Set("Content-Type", "application/json")
	return a.do(ctx, &call{
		method: http.MethodPost, bucket: bucket, key: info.Key, query: query, owner: owner,
		header: replicaHeader(h, &info), body: strings.NewReader(string(text)), size: int64(len(text)),
	}, http.StatusCreated, nil)
}

// sendRange sends a part of an object as the body of a request.
func (a *agent) sendRange(ctx context.Context, o *store.Object, off, n int64, c *call, want int) error {
	body, err := o.Open(ctx, off, n)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }() // it was only read
	c.body, c.size = body, n
	return a.do(ctx, c, want, nil)
}
