package wire

import (
	"errors"
	"io"
	"math"
	"mime"
	"mime/multipart"
	"net/textproto"
	"strings"

	"github.com/oisproject/ois/internal/fault"
)

// What a form may be at most, the content of its file aside.
const (
	maxFormFields   = 100
	maxFormBytes    = 64 << 10  // names and values of fields together
	maxFormFront    = 128 << 10 // all that comes before the file, as sent
	maxPartHeader   = 16 << 10  // the lines before each part that comes after the file
	maxFormBoundary = 70        // as RFC 2046 has it
)

// A form is a form of a browser, read up to its file.
type form struct {
	fields   map[string]string // by name in lower case
	file     io.Reader         // nil if there is none
	fileName string
	fileType string

	left int64 // bytes that fields may still have
}

// readForm reads the fields before the file and leaves the file to be read.
func readForm(r *Request) (*form, error) {
	kind, args, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || args["boundary"] == "" {
		return nil, fault.Newf(fault.InvalidArgument, "header Content-Type: got %q; want multipart/form-data with a boundary",
			r.Header.Get("Content-Type"))
	}
	if n := len(args["boundary"]); n > maxFormBoundary {
		return nil, fault.Newf(fault.InvalidArgument, "header Content-Type: the boundary has %d characters; want at most %d", n, maxFormBoundary)
	}
	f := &form{fields: make(map[string]string), left: maxFormBytes}
	parts := newFormParts(r.Body, args["boundary"])
	for {
		part, err := parts.next()
		if errors.Is(err, io.EOF) {
			return f, f.convert()
		}
		if err != nil {
			return nil, err
		}
		done, err := f.take(part)
		if err != nil {
			return nil, parts.fault(err)
		}
		if done {
			parts.source.left = math.MaxInt64
			f.file = &formFile{parts: parts, part: part}
			return f, f.convert()
		}
	}
}

// take takes a part; done says that it is the file, whose content is left to be read.
func (f *form) take(part *multipart.Part) (done bool, err error) {
	if e := part.Header.Get("Content-Transfer-Encoding"); e != "" && !plainTransfer(e) {
		return false, fault.Newf(fault.InvalidArgument, "a part of the form has the Content-Transfer-Encoding %q; want binary, or none", e)
	}
	name, fileName, err := disposition(part.Header, f.fields["charset"])
	if err != nil {
		return false, err
	}
	if name != "file" {
		return false, f.add(name, part)
	}
	f.fileName, f.fileType = fileName, part.Header.Get("Content-Type")
	if kind, _, _ := mime.ParseMediaType(f.fileType); kind == "multipart/mixed" {
		return false, fault.Newf(fault.InvalidArgument, "the form field file is a %s; want one file, not a form in a form", kind)
	}
	return true, nil
}

func plainTransfer(encoding string) bool {
	switch strings.ToLower(encoding) {
	case "binary", "8bit", "7bit":
		return true
	}
	return false
}

// disposition returns the name of a part, in lower case, and that of its file, with the folders that some browsers send.
// In some encodings a byte of a character looks like a backslash, which quotes; so they are decoded first.
func disposition(h textproto.MIMEHeader, charset string) (name, fileName string, err error) {
	line := h.Get("Content-Disposition")
	if strings.Contains(line, "filename") {
		if line, err = toUTF8(charset, line); err != nil {
			return "", "", err
		}
	}
	kind, args, err := mime.ParseMediaType(line)
	if err != nil || kind != "form-data" || args["name"] == "" {
		return "", "", fault.Newf(fault.InvalidArgument, "a part of the form has the Content-Disposition %.300q; want form-data with a name", line)
	}
	return strings.ToLower(args["name"]), args["filename"], nil
}

// add reads a field.
func (f *form) add(name string, part *multipart.Part) error {
	if _, twice := f.fields[name]; twice {
		return fault.Newf(fault.InvalidArgument, "the form field %.100q stands there twice", name)
	}
	if len(f.fields) == maxFormFields {
		return fault.Newf(fault.InvalidRequest, "the form has more than %d fields before its file", maxFormFields)
	}
	value, err := io.ReadAll(io.LimitReader(part, f.left+1))
	if err != nil {
		return err
	}
	if f.left -= int64(len(name) + len(value)); f.left < 0 {
		return fault.Newf(fault.InvalidRequest, "the fields of the form have more than %d bytes, names and values together", maxFormBytes)
	}
	f.fields[name] = string(value)
	return nil
}

// convert brings what was typed into UTF-8.
func (f *form) convert() (err error) {
	charset := f.fields["charset"]
	for name, value := range f.fields {
		if f.fields[name], err = toUTF8(charset, value); err != nil {
			return err
		}
	}
	return nil
}

// formParts splits a form into its parts, of which it holds little at a time.
type formParts struct {
	*multipart.Reader
	source *formSource
}

func newFormParts(body io.Reader, boundary string) *formParts {
	s := &formSource{r: body, left: maxFormFront}
	return &formParts{multipart.NewReader(s, boundary), s}
}

// next returns the next part, or io.EOF after the closing boundary.
func (p *formParts) next() (*multipart.Part, error) {
	part, err := p.NextRawPart()
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	return part, p.fault(err)
}

// A formFile is the content of the file of a form. It ends well only if the form does: what comes after the
// file is not looked at, but it must be there.
type formFile struct {
	parts *formParts
	part  *multipart.Part
}

// Read implements io.Reader.
func (f *formFile) Read(p []byte) (int, error) {
	n, err := f.part.Read(p)
	if errors.Is(err, io.EOF) {
		err = f.skipRest()
	}
	if errors.Is(err, io.EOF) {
		return n, io.EOF
	}
	return n, f.parts.fault(err)
}

// skipRest reads on to the closing boundary.
func (f *formFile) skipRest() error {
	for {
		f.parts.source.left = maxPartHeader
		part, err := f.parts.next()
		if err != nil {
			return err
		}
		f.parts.source.left = math.MaxInt64
		if _, err := io.Copy(io.Discard, part); err != nil {
			return err
		}
	}
}

// fault returns what to tell the client of an error while the form was read, nil for nil.
func (p *formParts) fault(err error) error {
	var known *fault.Error
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.Is(err, errTooMuch):
		return fault.Newf(fault.InvalidRequest, "the form has too much beside its file; want at most %d bytes before it, and %d before each part after it",
			maxFormFront, maxPartHeader)
	case errors.As(p.source.end, &known):
		return known
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fault.Newf(fault.IncompleteBody, "the form ends before its closing boundary")
	case p.source.end != nil: // half a line looks like a bad one
		return fault.Newf(fault.IncompleteBody, "the form ends before its closing boundary, or is malformed: %w", err)
	}
	return fault.Newf(fault.InvalidArgument, "the form is malformed: %w", err)
}

// A formSource is the body of a form, of which it lets only so many bytes through. Its end is never a good one: multipart
// takes some ends of the body for that of the form, which comes with the closing boundary alone. The line end
// that it adds is for a closing boundary without one.
type formSource struct {
	r    io.Reader
	left int64
	last byte   // that was read
	end  error  // of r, once it has come
	tail string // that is added at the end
}

var errTooMuch = errors.New("too many bytes")

// Read implements io.Reader.
func (s *formSource) Read(p []byte) (int, error) {
	if s.left <= 0 {
		return 0, errTooMuch
	}
	if s.end == nil {
		n, err := s.r.Read(p[:min(int64(len(p)), s.left)])
		s.left -= int64(n)
		if n > 0 {
			s.last = p[n-1]
		}
		if err != nil {
			s.finish(err, err == io.EOF)
		}
		if n > 0 || err == nil {
			return n, nil
		}
	}
	if s.tail != "" {
		n := copy(p, s.tail)
		s.tail = s.tail[n:]
		return n, nil
	}
	return 0, s.end
}

// finish notes the end of the body; good says that it is complete.
func (s *formSource) finish(err error, good bool) {
	s.end = io.ErrUnexpectedEOF
	switch {
	case good && s.last != '\n':
		s.tail = "\r\n"
	case !good && !errors.Is(err, io.ErrUnexpectedEOF):
		s.end = fault.Newf(fault.IncompleteBody, "the form cannot be read: %v", err)
	}
}

// formField returns a field by its name in lower case.
func (p *params) formField(f *form, name string) string {
	if f == nil {
		return ""
	}
	return f.fields[name]
}

// needFormField returns a field that must not be empty.
func (p *params) needFormField(f *form, name string) string {
	s := p.formField(f, name)
	if s == "" {
		p.fail("the form field %s is missing or empty; it must stand before the file", name)
	}
	return s
}

// formMetadata returns the fields with that prefix, by the rest of their names.
func (p *params) formMetadata(f *form, prefix string) map[string]string {
	if f == nil {
		return nil
	}
	var m map[string]string
	for name, value := range f.fields {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			if m == nil {
				m = make(map[string]string)
			}
			m[rest] = value
		}
	}
	return m
}

// form reads the form of the request.
func (p *params) form() *form {
	f, err := readForm(p.r)
	if err != nil && p.err == nil {
		p.err = err
	}
	return f
}
