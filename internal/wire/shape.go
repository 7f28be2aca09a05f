package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/oisproject/ois/internal/fault"
)

// A shape is what a JSON value must look like. Null may stand for whatever is not required,
// and names that are not known are ignored.
type shape struct {
	kind   shapeKind
	elem   *shape           // of a list or a map
	fields map[string]field // of an object
}

// A field is what a shape says about a name.
type field struct {
	shape    *shape
	required bool
}

// shapeKind is the kind of a JSON value.
type shapeKind uint8

// The kinds.
const (
	anyShape shapeKind = iota
	stringShape
	integerShape
	numberShape
	boolShape
	listShape
	oneOrManyShape // a list of strings, or one
	mapShape
	objectShape
)

// String returns the kind in words.
func (k shapeKind) String() string {
	return [...]string{
		"a value", "a string", "an integer", "a number", "true or false", "a list",
		"a string or a list of strings", "an object", "an object",
	}[k]
}

// check compares the JSON value in data, which is valid, with the shape.
func (s *shape) check(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	w := walker{d: d}
	return w.value(s, "the body", true)
}

// A walker goes through a JSON value.
type walker struct{ d *json.Decoder }

// mismatch says that something else stands where a kind is wanted.
func mismatch(path string, t json.Token, want shapeKind) error {
	got := "null"
	switch t := t.(type) {
	case json.Delim:
		got = map[json.Delim]string{'{': "an object", '[': "a list"}[t]
	case string:
		got = "a string"
	case json.Number:
		got = t.String()
	case bool:
		got = strconv.FormatBool(t)
	}
	return fault.Newf(fault.InvalidRequest, "%s: got %s; want %v", path, got, want)
}

// value checks the next value.
func (w *walker) value(s *shape, path string, required bool) error {
	if s.kind == anyShape {
		return w.skip()
	}
	t, err := w.d.Token()
	if err != nil {
		return fault.Newf(fault.InvalidJSON, "the body is not JSON: %w", err)
	}
	if t == nil && !required {
		return nil
	}
	switch t := t.(type) {
	case json.Delim:
		switch {
		case t == '[' && (s.kind == listShape || s.kind == oneOrManyShape):
			return w.list(s, path)
		case t == '{' && s.kind == mapShape:
			return w.entries(s, path)
		case t == '{' && s.kind == objectShape:
			return w.object(s, path)
		}
	case json.Number:
		if _, err := t.Int64(); s.kind == integerShape && err == nil || s.kind == numberShape {
			return nil
		}
	case string:
		if s.kind == stringShape || s.kind == oneOrManyShape {
			return nil
		}
	case bool:
		if s.kind == boolShape {
			return nil
		}
	}
	return mismatch(path, t, s.kind)
}

// skip passes a value as a whole, since token by token it would take memory for each.
func (w *walker) skip() error {
	if err := w.d.Decode(new(json.RawMessage)); err != nil {
		return fault.Newf(fault.InvalidJSON, "the body is not JSON: %w", err)
	}
	return nil
}

// list checks the elements of a list up to its end.
func (w *walker) list(s *shape, path string) error {
	for i := 0; w.d.More(); i++ {
		if err := w.value(s.elem, fmt.Sprintf("%s[%d]", path, i), true); err != nil {
			return err
		}
	}
	_, err := w.d.Token()
	return err
}

// entries checks the values of a map up to its end.
func (w *walker) entries(s *shape, path string) error {
	for w.d.More() {
		name, err := w.d.Token()
		if err != nil {
			return err
		}
		if err := w.value(s.elem, fmt.Sprintf("%s.%v", path, name), true); err != nil {
			return err
		}
	}
	_, err := w.d.Token()
	return err
}

// near returns the field that encoding/json takes an unknown name for: it does not mind upper and lower case.
func (s *shape) near(name string) string {
	for field := range s.fields {
		if strings.EqualFold(field, name) {
			return field
		}
	}
	return ""
}

// object checks the fields of an object up to its end, and that none is missing.
func (w *walker) object(s *shape, path string) error {
	seen := make(map[string]bool, len(s.fields))
	for w.d.More() {
		t, err := w.d.Token()
		if err != nil {
			return err
		}
		name, _ := t.(string)
		f, known := s.fields[name]
		if seen[name] {
			return fault.Newf(fault.InvalidRequest, "%s.%s stands there twice", path, name)
		}
		if known {
			seen[name] = true
		} else {
			if near := s.near(name); near != "" {
				return fault.Newf(fault.InvalidRequest, "%s.%s: the name is spelled %s", path, name, near)
			}
			f.shape = &shape{}
		}
		if err := w.value(f.shape, path+"."+name, f.required); err != nil {
			return err
		}
	}
	if _, err := w.d.Token(); err != nil {
		return err
	}
	missing := ""
	for name, f := range s.fields {
		if f.required && !seen[name] && (missing == "" || name < missing) {
			missing = name // the first by name, so that equal bodies have equal answers
		}
	}
	if missing != "" {
		return fault.Newf(fault.InvalidRequest, "%s.%s is missing", path, missing)
	}
	return nil
}
