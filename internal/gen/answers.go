package gen

import (
	"net/http"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v4"
)

// responses reads what the statuses mean and unites their fields.
func (l *loader) responses(o *Operation, n node) {
	responses, ok := n.get("responses")
	if !ok || !responses.is(yaml.MappingNode) {
		l.fail(n, "%s has no responses", o.Name)
		return
	}
	list := responses.pairs()
	only := l.foreign && len(list) == 1 // then "default" is no error answer, but the answer
	for _, p := range list {
		t, ok := l.follow(p.value)
		if !ok || !l.checkKeys(t.node, "response") {
			continue
		}
		status, err := strconv.Atoi(p.key)
		if p.key == "default" && only {
			status, err = http.StatusOK, nil
		} else if p.key == "default" {
			l.errorBodyFrom(t.node, o)
			continue // the error answer, the same everywhere
		}
		if err != nil || status < 200 || status > 599 {
			l.fail(p.name, "%s: status %q: want 200 to 599", o.Name, p.key)
			continue
		}
		r := &Response{Status: status, Success: status < 300, Extension: l.flag(t.node, "x-ois-extension")}
		r.Description = l.described(t.node, o.Name+": response "+p.key)
		l.response(o, r, t.node)
		o.Responses = append(o.Responses, r)
		if r.Success {
			o.Success = append(o.Success, status)
		}
	}
	slices.Sort(o.Success)
	if len(o.Success) == 0 && !l.foreign { // where a form may be answered by a redirect only
		l.fail(responses, "%s has no response with a status from 200 to 299", o.Name)
	}
	// Headers first, then the body, each in the order of the contract.
	slices.SortStableFunc(o.Output, func(a, b *Field) int {
		return boolInt(a.In != "header") - boolInt(b.In != "header")
	})
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// response reads headers and body of one answer. An error answer has the same body everywhere,
// which is not part of any output.
func (l *loader) response(o *Operation, r *Response, n node) {
	headers := l.child(n, "headers")
	for _, p := range headers.pairs() {
		t, ok := l.follow(p.value)
		if !ok || !l.checkKeys(t.node, "header") {
			continue
		}
		if f := l.field(p.key, t.node, p.value, "header", o.Name); f != nil {
			r.Headers = append(r.Headers, f)
			l.output(o, f)
		}
	}
	if r.Status >= 400 {
		l.errorBodyFrom(n, o)
		return
	}
	kind, schema, ok := l.body(n, o.Name+": response")
	if !ok {
		return
	}
	r.Body = kind
	if o.AnswerBody != "" && o.AnswerBody != kind {
		l.fail(n, "%s: answers have different bodies", o.Name)
	}
	o.AnswerBody = kind
	for _, f := range l.bodyFields(kind, schema, o.Name, "Output") {
		l.output(o, f)
	}
}

// output adds f to the outputs unless another status brought it already.
func (l *loader) output(o *Operation, f *Field) {
	for _, other := range o.Output {
		if other.GoName == f.GoName {
			return
		}
	}
	o.Output = append(o.Output, f)
}

// page reads x-ois-page and finds the fields it names.
func (l *loader) page(o *Operation, n node) {
	page, ok := n.get("x-ois-page")
	if !ok || !l.checkKeys(page, "page") {
		return
	}
	find := func(fields []*Field, key string) []*Field {
		var found []*Field
		for _, name := range l.list(page, key) {
			i := slices.IndexFunc(fields, func(f *Field) bool { return f.Name == name })
			if i < 0 {
				l.fail(page, "%s: x-ois-page: %s: no field %q", o.Name, key, name)
				continue
			}
			found = append(found, fields[i])
		}
		return found
	}
	first := func(fields []*Field) *Field {
		if len(fields) == 0 {
			return nil
		}
		return fields[0]
	}
	o.Page = &Page{
		Token:  find(o.Input, "token"),
		Next:   find(o.Output, "next"),
		Last:   first(itemFields(o.Output, l.list(page, "last"))),
		Items:  find(o.Output, "items"),
		More:   first(find(o.Output, "more")),
		Limit:  first(find(o.Input, "limit")),
		Offset: first(find(o.Input, "offset")),
		Total:  first(find(o.Output, "total")),
	}
}

// itemFields returns the fields of those names in the objects that lists hold.
func itemFields(fields []*Field, names []string) []*Field {
	var found []*Field
	for _, f := range fields {
		if f.Type.Kind != List {
			continue
		}
		for _, inner := range f.Type.Elem.Fields {
			if slices.Contains(names, inner.Name) {
				found = append(found, inner)
			}
		}
	}
	return found
}
