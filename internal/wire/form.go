package wire

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strings"

	"github.com/oisproject/ois/internal/fault"
)

// What the fields of a form may be at most, the file aside.
const (
	maxFormFields = 100
	maxFormBytes  = 64 << 10 // names and values together
)

// A form is a form of a browser, read up to its file.
type form struct {
	fields   map[string]string // by name in lower case
	file     io.Reader         // nil if there is none
	fileName string
	fileType string
}

// readForm reads the fields before the file and leaves the file to be read.
func readForm(r *Request) (*form, error) {
	kind, args, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || args["boundary"] == "" {
		return nil, fault.Newf(fault.InvalidArgument, "header Content-Type: got %q; want multipart/form-data with a boundary",
			r.Header.Get("Content-Type"))
	}
	f := &form{fields: make(map[string]string)}
	parts, left := multipart.NewReader(r.Body, args["boundary"]), int64(maxFormBytes)
	for range maxFormFields {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		if err != nil {
			return nil, fault.Newf(fault.IncompleteBody, "the form cannot be read: %w", err)
		}
		if strings.EqualFold(part.FormName(), "file") {
			f.file, f.fileName, f.fileType = part, rawFileName(part), part.Header.Get("Content-Type")
			return f, nil
		}
		if left, err = f.add(part, left); err != nil {
			return nil, err
		}
	}
	return nil, fault.Newf(fault.InvalidRequest, "the form has more than %d fields", maxFormFields)
}

// rawFileName returns the file name as the form has it, with the folders that some browsers send.
func rawFileName(part *multipart.Part) string {
	_, args, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	if err != nil {
		return part.FileName()
	}
	return args["filename"]
}

// add reads a field; left is how many bytes it may have.
func (f *form) add(part *multipart.Part, left int64) (int64, error) {
	name := strings.ToLower(part.FormName())
	value, err := io.ReadAll(io.LimitReader(part, left+1))
	if err != nil {
		return 0, fault.Newf(fault.IncompleteBody, "the form field %q cannot be read: %w", name, err)
	}
	if left -= int64(len(name) + len(value)); left < 0 {
		return 0, fault.Newf(fault.InvalidRequest, "the fields of the form have more than %d bytes", maxFormBytes)
	}
	if _, twice := f.fields[name]; twice {
		return 0, fault.Newf(fault.InvalidArgument, "the form field %q stands there twice", name)
	}
	f.fields[name] = string(value)
	return left, nil
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
		p.fail("the form field %s is missing or empty", name)
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
