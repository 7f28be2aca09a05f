package ois

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/oisproject/ois/sdk/go/api"
)

// FormOptions are the other fields of a form. The zero value is none.
type FormOptions struct {
	// ContentType must be the type that the browser finds for the file. If it is empty, the
	// object has that type, whatever it is.
	ContentType string

	// Redirect is an http or https URL that the browser is sent to afterwards, with the outcome
	// in its query: status, code, message and request_id.
	Redirect string

	CacheControl       string
	ContentDisposition string
	ContentEncoding    string
	Expires            string // an HTTP date, of the object
	StorageClass       string // "" means STANDARD
	Metadata           map[string]string

	Host        string // as in PresignOptions
	VirtualHost bool   // as in PresignOptions
}

// A Form is what a web page needs so that its visitors can store one object without a key of
// their own: an HTML form with the method POST, the enctype multipart/form-data, these hidden fields, and
// after them an input of type file with the name "file".
type Form struct {
	URL    string            // the action of the form
	Fields map[string]string // names and values; none may be left out, added or changed
}

// PostForm signs a form for an object. "${filename}" in the key stands for the name of the file, so
// "up/${filename}" lets visitors choose what comes after "up/". Nothing is sent.
//
// The signature covers every field and its exact value. The service knows neither an expiry nor
// limits to the size for forms: who has a form can use it as long as the access key exists. For an
// address that expires see [Bucket.PresignPut].
func (b *Bucket) PostForm(ctx context.Context, key string, opts *FormOptions) (*Form, error) {
	var o FormOptions
	if opts != nil {
		o = *opts
	}
	form, err := b.postForm(ctx, key, &o)
	if err != nil {
		return nil, &Error{Op: "PostForm", Bucket: b.name, Key: key, Err: err}
	}
	return form, nil
}

func (b *Bucket) postForm(ctx context.Context, key string, o *FormOptions) (*Form, error) {
	signer, err := b.c.signer(ctx)
	switch {
	case err != nil:
		return nil, err
	case signer == nil:
		return nil, errors.New("there are no credentials to sign with")
	case b.name == "":
		return nil, errors.New("the bucket has no name")
	case strings.HasPrefix(key, "/"):
		return nil, errors.New("the key starts with a slash")
	}
	if err := checkKey(key); err != nil {
		return nil, err
	}
	fields, err := o.fields(key)
	if err != nil {
		return nil, err
	}
	k := &call{c: b.c, req: &api.Request{Bucket: b.name}}
	if err := k.presignAddress(b.zone, &PresignOptions{Host: o.Host, VirtualHost: o.VirtualHost}); err != nil {
		return nil, err
	}
	policy, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	text := base64.StdEncoding.EncodeToString(policy)
	fields["access_key_id"], fields["policy"], fields["signature"] = signer.ID(), text, signer.SignText(text)
	return &Form{URL: k.url.Scheme + "://" + k.url.Host + k.path, Fields: fields}, nil
}

// fields are those that the policy covers.
func (o *FormOptions) fields(key string) (map[string]string, error) {
	if err := checkMetadata(o.Metadata); err != nil {
		return nil, err
	}
	fields := map[string]string{"key": key}
	for name, value := range map[string]string{
		"content-type": o.ContentType, "redirect": o.Redirect, "x-qs-storage-class": o.StorageClass, "cache-control": o.CacheControl,
		"content-disposition": o.ContentDisposition, "content-encoding": o.ContentEncoding, "expires": o.Expires,
	} {
		if value != "" {
			fields[name] = value
		}
	}
	for name, value := range o.Metadata {
		lower := "x-qs-meta-" + strings.ToLower(name)
		if _, twice := fields[lower]; twice {
			return nil, fmt.Errorf("metadata %q is there twice, in two spellings", name)
		}
		fields[lower] = value
	}
	return fields, nil
}
