package server

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/oisproject/ois/internal/access"
	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/wire"
)

// fileName stands in the key of a form for the name of its file.
const fileName = "${filename}"

// readForm reads the form of the request up to its file, and finds out who sends it and for which key. That stands in
// the body, so that here the body is read, within bounds, before anybody knows whether it is welcome.
func (x *exchange) readForm(a *access.Attempt) error {
	request := wire.NewRequest(x.r, &x.address, x.query)
	request.Body = &x.body
	in, err := wire.CodecOf(op.PostObject).Params(request)
	x.form = in.(*op.PostObjectInput)
	if err != nil {
		return err
	}
	if err := checkFields(x.form.Form); err != nil {
		return err
	}
	if x.caller, err = x.auth.AuthenticateForm(x.context(), x.form, x.caller); err != nil {
		return err
	}
	x.form.Key = strings.ReplaceAll(x.form.Key, fileName, baseName(x.form.FileName))
	a.Caller, a.Key = x.caller, x.form.Key
	return x.store.CheckStanding(x.caller.UserID)
}

// checkFields refuses what a form does not take. That comes before the policy of the form, whose errors tell values: a key to encrypt
// with must not be told.
func checkFields(fields map[string]string) error {
	for name := range fields {
		if strings.HasPrefix(name, "x-qs-") && !strings.HasPrefix(name, "x-qs-meta-") && name != "x-qs-storage-class" {
			return fault.Newf(fault.InvalidArgument, "a form does not take the field %.100q; of x-qs- it takes x-qs-storage-class and x-qs-meta-", name)
		}
	}
	return nil
}

// baseName returns the name of a file without the folders that some browsers send.
func baseName(name string) string {
	return name[strings.LastIndexAny(name, `/\`)+1:]
}

// postObject stores the file of a form.
func (x *exchange) postObject() error {
	if err := x.obeyRedirect(); err != nil {
		return err
	}
	in, err := x.formObject()
	if err != nil {
		return err
	}
	stored, err := x.bucket.PutObject(x.context(), in)
	if err != nil {
		return err
	}
	out := &op.PostObjectOutput{ETag: stored.ETag, VersionID: stored.VersionID}
	if x.backTo != nil {
		out.Status = http.StatusFound
		out.Location = x.backTo.Location(http.StatusCreated, "created", "Object created", x.id[0])
	}
	return wire.CodecOf(op.PostObject).Encode(&x.w, out)
}

// obeyRedirect finds out where the browser is sent afterwards, whatever comes of the form. That is obeyed only now that the upload is
// allowed: else anybody could make links of this server lead anywhere.
func (x *exchange) obeyRedirect() error {
	if x.form.Redirect == "" {
		return nil
	}
	to, err := wire.ParseRedirect(x.form.Redirect)
	if err == nil {
		x.backTo = &to
	}
	return err
}

// failForm sends the browser where the form wants it, with an error.
func (x *exchange) failForm(err error) {
	code, message := wire.Explain(err)
	out := &op.PostObjectOutput{Status: http.StatusFound, Location: x.backTo.Location(code.Status(), string(code), message, x.id[0])}
	_ = wire.CodecOf(op.PostObject).Encode(&x.w, out) // a client that is gone needs no answer
}

// formObject returns what the form is as an upload. Its fields come without the checks that headers have gone through.
func (x *exchange) formObject() (*op.PutObjectInput, error) {
	form := x.form
	if form.ContentType != "" && form.ContentType != form.FileType {
		return nil, fault.Newf(fault.InvalidArgument, "the form field content-type is %.300q, and the file in the form is of type %.300q; want them equal",
			form.ContentType, form.FileType)
	}
	in := &op.PutObjectInput{
		Bucket: form.Bucket, Key: form.Key, ContentType: cmp.Or(form.ContentType, form.FileType), StorageClass: form.StorageClass,
		CacheControl: form.CacheControl, ContentDisposition: form.ContentDisposition, ContentEncoding: form.ContentEncoding,
		Expires: form.Expires, Metadata: form.Metadata, Body: form.Body, ContentLength: form.ContentLength,
	}
	for _, h := range []struct{ name, value string }{
		{"cache-control", in.CacheControl},
		{"content-disposition", in.ContentDisposition},
		{"content-encoding", in.ContentEncoding},
		{"expires", in.Expires},
	} {
		if strings.ContainsFunc(h.value, notInHeader) {
			return nil, fault.Newf(fault.InvalidArgument, "the form field %s is %.300q; want one line without control characters", h.name, h.value)
		}
	}
	return in, nil
}

func notInHeader(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
