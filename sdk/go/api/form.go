package api

import (
	"bytes"
	"cmp"
	"io"
	"mime/multipart"
	"net/textproto"
	"slices"
	"strings"
)

// A form is the body of a request that a browser would send.
type form struct {
	head bytes.Buffer
	w    *multipart.Writer
	kind string // media type of the object, which the file must have
	err  error
}

// newForm begins a form.
func newForm() *form {
	f := &form{}
	f.w = multipart.NewWriter(&f.head)
	return f
}

// field adds a field unless it is empty.
func (f *form) field(name, value string) {
	if name == "content-type" {
		f.kind = value
	}
	if value != "" && f.err == nil {
		f.err = f.w.WriteField(name, value)
	}
}

// metadata adds a field for each entry, by name.
func (f *form) metadata(prefix string, m map[string]string) {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f.field(prefix+name, m[name])
	}
}

// file ends the form with a file. The length is that of body, 0 or less if it is unknown.
func (f *form) file(b *builder, name, kind string, body io.Reader, length int64) {
	h := make(textproto.MIMEHeader)
	h.Set("Content-Disposition", `form-data; name="file"; filename="`+escapeQuotes(name)+`"`)
	h.Set("Content-Type", cmp.Or(kind, f.kind, "application/octet-stream"))
	if _, err := f.w.CreatePart(h); err != nil && f.err == nil {
		f.err = err
	}
	tail := []byte("\r\n--" + f.w.Boundary() + "--\r\n")
	if body == nil {
		body, length = strings.NewReader(""), 0
	}
	if f.err != nil {
		b.fail("form", "cannot be written: "+f.err.Error())
	}
	b.req.Header["Content-Type"] = []string{f.w.FormDataContentType()}
	b.req.Body = io.MultiReader(bytes.NewReader(f.head.Bytes()), body, bytes.NewReader(tail))
	b.req.ContentLength = -1
	known := length > 0
	if n, ok := remaining(body); !known && ok {
		length, known = n, true
	}
	if known {
		b.req.ContentLength = int64(f.head.Len()) + length + int64(len(tail))
	}
}

// remaining returns how much is left of a reader that knows.
func remaining(r io.Reader) (n int64, ok bool) {
	l, ok := r.(interface{ Len() int })
	if !ok {
		return 0, false
	}
	return int64(l.Len()), true
}

// escapeQuotes makes a file name fit between double quotes.
func escapeQuotes(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "%0D", "\n", "%0A").Replace(s)
}
