package ois

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oisproject/ois/sdk/go/api"
	"github.com/oisproject/ois/sdk/go/signature"
)

// PresignOptions tune a pre-signed address. The zero value is the default.
type PresignOptions struct {
	Expires time.Duration // 0 means 15 minutes

	// Host is where the address points instead of the endpoint: "cdn.example.com",
	// also with a scheme and a port. What answers there must pass the path on as it
	// is. Zone and bucket are not put in front of it.
	Host string
	// VirtualHost leaves the bucket to the host: without Host it is put in front of
	// the endpoint's; with it, Host must be bound to the bucket. It has no effect
	// on an endpoint that is an IP address or localhost.
	VirtualHost bool

	// Header is what the request has to send besides: Content-Type, Content-MD5 and
	// x-qs- headers are part of the signature.
	Header http.Header
	// Query is added to the address. Parameters such as upload_id are part of the
	// signature.
	Query url.Values

	VersionID string

	// Headers that the answer is to have, whatever is stored.
	ResponseContentType        string
	ResponseContentDisposition string
	ResponseContentEncoding    string
	ResponseContentLanguage    string
	ResponseCacheControl       string
	ResponseExpires            string
}

// PresignGet returns an address from which everybody can get the object for a while.
func (b *Bucket) PresignGet(ctx context.Context, key string, opts *PresignOptions) (string, error) {
	return b.Presign(ctx, http.MethodGet, key, opts)
}

// PresignPut returns an address to which everybody can put the object for a while.
// The request must have the headers of opts, and no others that are signed: if
// opts have no Content-Type, it must send none.
func (b *Bucket) PresignPut(ctx context.Context, key string, opts *PresignOptions) (string, error) {
	return b.Presign(ctx, http.MethodPut, key, opts)
}

// Presign returns an address for a request of any method. An empty key is the
// bucket itself. Nothing is sent; whether the keys are good shows when the address
// is used.
func (b *Bucket) Presign(ctx context.Context, method, key string, opts *PresignOptions) (string, error) {
	var o PresignOptions
	if opts != nil {
		o = *opts
	}
	address, err := b.presign(ctx, method, key, &o)
	if err != nil {
		return "", &Error{Op: "Presign", Bucket: b.name, Key: key, Err: err}
	}
	return address, nil
}

func (b *Bucket) presign(ctx context.Context, method, key string, o *PresignOptions) (string, error) {
	signer, err := b.c.signer(ctx)
	switch {
	case err != nil:
		return "", err
	case signer == nil:
		return "", errors.New("there are no credentials to sign with")
	case o.Expires < 0:
		return "", fmt.Errorf("expiry of %v is in the past", o.Expires)
	case b.name == "":
		return "", errors.New("the bucket has no name")
	case key == "" && (method == http.MethodPut || method == http.MethodDelete) && len(o.Query) == 0:
		return "", errors.New("the key is empty") // the address would be that of the bucket
	case strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || method == "":
		return "", fmt.Errorf("method %q; want one in capitals, such as GET", method)
	case o.Expires == 0:
		o.Expires = 15 * time.Minute
	}
	k := &call{c: b.c, req: &api.Request{Bucket: b.name, Key: key, Query: o.query()}}
	if err := k.presignAddress(b.zone, o); err != nil {
		return "", err
	}
	expires := strconv.FormatInt(b.c.now().Add(o.Expires).Unix(), 10)
	m := signature.Message{
		Method: method, Path: k.path, Query: k.url.RawQuery, Header: canonical(o.Header), Bucket: k.bucket, Expires: expires,
	}
	auth := api.Query{
		{Name: signature.ParamAccessKeyID, Value: signer.ID()},
		{Name: signature.ParamExpires, Value: expires},
		{Name: signature.ParamSignature, Value: signer.Sign(&m)},
	}
	if k.url.RawQuery != "" {
		k.url.RawQuery += "&"
	}
	k.url.RawQuery += auth.Encode()
	return k.url.Scheme + "://" + k.url.Host + k.path + "?" + k.url.RawQuery, nil
}

// presignAddress fills in where the address points.
func (k *call) presignAddress(zone string, o *PresignOptions) error {
	virtualHost := o.VirtualHost || k.c.cfg.VirtualHost && o.Host == ""
	if o.Host == "" {
		site, err := k.c.site(zone)
		if err != nil {
			return err
		}
		return k.address(site.host, virtualHost && !k.c.end.fixed)
	}
	other, err := parseEndpoint(o.Host)
	if err != nil {
		return err
	}
	if err := k.address("", virtualHost); err != nil {
		return err
	}
	k.url.Scheme, k.url.Host = other.scheme, other.host("")
	return nil
}

// query is what stands in the address before the signature.
func (o *PresignOptions) query() api.Query {
	var q api.Query
	for _, name := range slices.Sorted(maps.Keys(o.Query)) {
		for _, value := range o.Query[name] {
			q.Add(name, value)
		}
	}
	for _, p := range []api.Param{
		{Name: "version_id", Value: o.VersionID},
		{Name: "response-content-type", Value: o.ResponseContentType},
		{Name: "response-content-disposition", Value: o.ResponseContentDisposition},
		{Name: "response-content-encoding", Value: o.ResponseContentEncoding},
		{Name: "response-content-language", Value: o.ResponseContentLanguage},
		{Name: "response-cache-control", Value: o.ResponseCacheControl},
		{Name: "response-expires", Value: o.ResponseExpires},
	} {
		if p.Value != "" {
			q.Add(p.Name, p.Value)
		}
	}
	return q
}

// canonical is h with the names that http.Header.Get looks for.
func canonical(h http.Header) http.Header {
	c := make(http.Header, len(h))
	for name, values := range h {
		name = http.CanonicalHeaderKey(name)
		c[name] = append(c[name], values...)
	}
	return c
}
