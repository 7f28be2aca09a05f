package gen

import (
	"cmp"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v4"
)

// common reads the headers that every operation may have, and the body of error answers.
func (l *loader) common(root node) {
	if n, ok := root.get("x-ois-common-headers"); ok {
		if t, ok := l.follow(n); ok {
			l.spec.RequestHeaders = l.commonHeaders(t.node, "request")
			l.spec.ResponseHeaders = l.commonHeaders(t.node, "response")
		}
	}
	if n, ok := root.get("x-ois-error-body"); ok {
		l.spec.ErrorBody = l.schema(n, "ErrorBody")
	}
	hooks, _ := root.get("webhooks")
	for _, hook := range hooks.pairs() {
		for _, method := range hook.value.pairs() {
			if body, ok := method.value.get("requestBody"); ok {
				if _, schema, ok := l.content(body, "webhook "+hook.key); ok {
					l.schema(schema, goName(hook.key)) // its types are types of the contract
				}
			}
		}
	}
}

// commonHeaders reads one direction of x-ois-common-headers.
func (l *loader) commonHeaders(n node, direction string) []*Field {
	headers, _ := n.get(direction)
	var fields []*Field
	for _, p := range headers.pairs() {
		t, ok := l.follow(p.value)
		if !ok || !l.checkKeys(t.node, "header") {
			continue
		}
		if f := l.field(p.key, t.node, p.value, "header", direction); f != nil {
			fields = append(fields, f)
		}
	}
	return fields
}

// extra keeps tables of the contract that only some templates know about.
func (l *loader) extra(root node) {
	l.spec.Extra = make(map[string]any)
	for _, key := range []string{"policy-actions", "image-actions"} {
		n, ok := root.get("x-ois-" + key)
		if !ok {
			continue
		}
		t, ok := l.follow(n)
		if !ok {
			continue
		}
		var v any
		if err := t.yaml.Load(&v); err != nil {
			l.fail(t.node, "x-ois-%s: %v", key, err)
			continue
		}
		l.spec.Extra[key] = v
	}
}

// limits reads x-ois-limits: names with an integer, or with {value, description}.
func (l *loader) limits(n node) {
	limits, ok := n.get("x-ois-limits")
	if !ok {
		return
	}
	t, ok := l.follow(limits)
	if !ok {
		return
	}
	for _, p := range t.pairs() {
		limit := &Limit{Name: p.key, GoName: goName(p.key), PyName: pyName(p.key)}
		value := p.value
		if p.value.is(yaml.MappingNode) {
			l.checkKeys(p.value, "limit")
			limit.Description = l.described(p.value, "limit "+p.key)
			limit.Unit = l.text(p.value, "unit")
			if value, ok = p.value.get("value"); !ok {
				l.fail(p.name, "limit %s: no value", p.key)
				continue
			}
		}
		i, err := strconv.ParseInt(value.yaml.Value, 10, 64)
		if err != nil {
			l.fail(value, "limit %s: want an integer", p.key)
			continue
		}
		limit.Value = i
		l.spec.Limits = append(l.spec.Limits, limit)
	}
}

// errors reads the error codes: x-ois-errors of the root, else errors.yaml beside it.
func (l *loader) errors(root node) {
	n, ok := root.get("x-ois-errors")
	if !ok && l.foreign {
		return
	}
	if !ok {
		doc, err := l.docs.open(path.Join(path.Dir(root.file), "errors.yaml"))
		if errors.Is(err, fs.ErrNotExist) {
			return
		} else if err != nil {
			l.fail(root, "errors.yaml: %v", err)
			return
		}
		n = doc
	}
	t, ok := l.follow(n)
	if !ok {
		return
	}
	list := t.node
	if inner, ok := list.get("errors"); ok {
		list = inner
	}
	if !list.is(yaml.SequenceNode) {
		l.fail(list, "errors: want a list of codes")
	}
	for _, item := range list.items() {
		l.errorCode(item)
	}
	slices.SortFunc(l.spec.Errors, func(a, b *ErrorCode) int { return cmp.Compare(a.Code, b.Code) })
}

// errorCode reads one code.
func (l *loader) errorCode(n node) {
	if !l.checkKeys(n, "error code") {
		return
	}
	e := &ErrorCode{
		Code:        l.text(n, "code"),
		Description: l.prose(n, "description"),
		Retry:       l.flag(n, "retry"),
		Extension:   l.flag(n, "extension"),
		Common:      l.flag(n, "common"),
	}
	e.GoName, e.PyName = goName(e.Code), pyName(e.Code)
	if status := l.number(n, "status"); status != nil && *status >= 300 && *status <= 599 {
		e.Status = int(*status)
	} else {
		l.fail(n, "error code %s: want a status from 300 to 599", e.Code)
	}
	if e.Description == "" {
		l.fail(n, "error code %s: no description", e.Code)
	}
	if l.codes[e.Code] != nil {
		l.fail(n, "error code %s stands here twice", e.Code)
		return
	}
	if !validName(e.Code) {
		l.fail(n, "error code %q: want lower-case words with underscores", e.Code)
	}
	l.codes[e.Code] = e
	l.spec.Errors = append(l.spec.Errors, e)
}
