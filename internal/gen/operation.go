package gen

import (
	"regexp"
	"slices"
	"strings"
)

var (
	operationID = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)
	pathKey     = regexp.MustCompile(`^(/|/\{bucket\}|/\{bucket\}/\{key\})(\?[a-z_]+(&[a-z_]+)*)?$`)
	methods     = []string{"get", "put", "post", "delete", "head", "options", "patch"}
	auths       = []string{"anonymous", "user", "read", "write", "owner"}
)

// path reads the operations of one path.
func (l *loader) path(p pair) {
	if l.foreign && !foreignPath.MatchString(p.key) {
		l.fail(p.name, "path %q: want text and {parameters} after slashes, and ?names of sub-resources", p.key)
		return
	}
	if !l.foreign && !pathKey.MatchString(p.key) {
		l.fail(p.name, "path %q: want /, /{bucket} or /{bucket}/{key}, and ?names of sub-resources", p.key)
		return
	}
	item, ok := l.follow(p.value)
	if !ok || !l.checkKeys(item.node, "path") {
		return
	}
	found := false
	for _, m := range item.pairs() {
		if !slices.Contains(methods, m.key) {
			continue
		}
		found = true
		o := &Operation{Method: strings.ToUpper(m.key), Path: p.key}
		l.operation(o, m.value, item.node)
		variants, _ := m.value.get("x-ois-variants")
		for _, v := range variants.items() {
			variant := &Operation{Method: o.Method, Path: p.key, VariantOf: o}
			o.Variants = append(o.Variants, variant)
			l.operation(variant, v, item.node)
			l.arguments(variant, v)
		}
		l.arguments(o, m.value)
	}
	if !found {
		l.fail(p.name, "path %s has no operation", p.key)
	}
}

// operation reads one operation of the path item.
func (l *loader) operation(o *Operation, n, item node) {
	if t, ok := l.follow(n); ok {
		n = t.node
	}
	if !l.checkKeys(n, "operation") {
		return
	}
	o.at = n
	o.id = l.text(n, "operationId")
	o.Name = l.typeName(o.id)
	if !operationID.MatchString(o.Name) {
		l.fail(n, "operationId %q: want a name such as PutObject", o.id)
	}
	o.PyName = snake(o.Name)
	o.Summary = strings.TrimSuffix(l.prose(n, "summary"), ".")
	if o.Summary == "" && !l.foreign {
		l.fail(n, "%s has no summary", o.Name)
	}
	if strings.Contains(o.Summary, "\n") && !l.foreign {
		l.fail(n, "%s: summary: want one line", o.Name)
	}
	o.Description = l.described(n, o.Name)
	l.address(o)
	l.semantics(o, n)
	l.parameters(o, item, n)
	l.requestBody(o, n)
	l.responses(o, n)
	l.page(o, n)
	l.checkOperation(o, n)
	l.spec.Operations = append(l.spec.Operations, o)
	tags := l.list(n, "tags")
	if l.foreign && len(tags) == 0 {
		tags = []string{"service"}
	}
	for _, name := range tags {
		tag := l.tag(name)
		tag.Operations = append(tag.Operations, o)
		if o.Tag == "" {
			o.Tag = name
		}
	}
}

// address derives level and query names from the path.
func (l *loader) address(o *Operation) {
	base, query, _ := strings.Cut(o.Path, "?")
	if query != "" {
		o.Query = strings.Split(query, "&")
	}
	o.Level = []string{"service", "bucket", "object"}[min(2, strings.Count(base, "{"))]
}

// semantics reads the x-ois keys that are plain values.
func (l *loader) semantics(o *Operation, n node) {
	o.Auth = l.choice(n, "x-ois-auth", auths...)
	if o.Auth == "" && !l.foreign {
		l.fail(n, "%s: x-ois-auth is missing; want %s", o.Name, strings.Join(auths, ", "))
	}
	o.DenyAnonymous = l.choice(n, "x-ois-anonymous", "deny", "allow") == "deny"
	o.Action = l.text(n, "x-ois-action")
	o.SourceAuth = l.list(n, "x-ois-source-auth")
	o.SourceActions = l.list(n, "x-ois-source-action")
	o.Idempotent = l.choice(n, "x-ois-idempotent", "true", "false", "etag", "position")
	if o.Idempotent == "" && !l.foreign {
		l.fail(n, "%s: x-ois-idempotent is missing; want true, false, etag or position", o.Name)
	}
	l.derive(o)
	o.MD5 = l.choice(n, "x-ois-md5", "required", "optional")
	o.Selector = l.text(n, "x-ois-selector")
	o.Extension = l.flag(n, "x-ois-extension")
	codes, _ := n.get("x-ois-errors")
	for _, item := range codes.items() {
		code := item.yaml.Value
		if l.codes[code] == nil {
			l.fail(item, "%s: unknown error code %q", o.Name, code)
			continue
		}
		if slices.Contains(o.Errors, l.codes[code]) {
			l.fail(item, "%s: error code %q stands here twice", o.Name, code)
			continue
		}
		o.Errors = append(o.Errors, l.codes[code])
	}
}

// parameters reads those of the path item, then those of the operation.
func (l *loader) parameters(o *Operation, places ...node) {
	var body []node // comes last
	for _, n := range places {
		inherited := len(o.Input)
		params := l.child(n, "parameters")
		for _, p := range params.items() {
			l.parameter(o, p, inherited, &body)
		}
	}
	for _, n := range body {
		l.swaggerBody(o, n)
	}
}

// parameter reads a path, query or header parameter. The first inputs are inherited from the path
// item. What Swagger 2.0 has among the parameters, but is the body, goes to body.
func (l *loader) parameter(o *Operation, n node, inherited int, body *[]node) {
	t, ok := l.follow(n)
	if !ok || !l.checkKeys(t.node, "parameter") {
		return
	}
	name := l.text(t.node, "name")
	places := []string{"path", "query", "header"}
	if l.swagger {
		places = append(places, "formData", "body")
	}
	in := l.choice(t.node, "in", places...)
	switch in {
	case "body":
		*body = append(*body, t.node)
		return
	case "formData":
		in, o.RequestBody = "form", "form"
	}
	f := l.field(name, t.node, n, in, o.Name)
	if f == nil {
		return
	}
	for i, other := range o.Input {
		if other.In == in && strings.EqualFold(other.Name, f.Name) {
			if i < inherited && l.foreign {
				o.Input[i] = f // the operation's own word counts
			} else if o.Input[i].In != "path" {
				l.fail(n, "%s: parameter %s stands here twice", o.Name, name)
			}
			return
		}
	}
	o.Input = append(o.Input, f)
}

// requestBody reads what the request carries.
func (l *loader) requestBody(o *Operation, n node) {
	body, ok := n.get("requestBody")
	if !ok {
		return
	}
	t, ok := l.follow(body)
	if !ok || !l.checkKeys(t.node, "request body") {
		return
	}
	o.NeedsBody = l.flag(t.node, "required")
	o.MaxBody = l.number(t.node, "x-ois-max-bytes")
	kind, schema, ok := l.content(t.node, o.Name+": requestBody")
	if !ok {
		return
	}
	o.RequestBody = kind
	o.Input = append(o.Input, l.bodyFields(kind, schema, o.Name, "Input")...)
}

// content returns the kind and the schema of the first media type.
func (l *loader) content(n node, what string) (kind string, schema node, ok bool) {
	content, ok := n.get("content")
	if !ok {
		return "", node{}, false
	}
	for _, p := range content.pairs() {
		if !l.checkKeys(p.value, "media type") {
			return "", node{}, false
		}
		schema, _ = p.value.get("schema")
		switch p.key {
		case "application/json":
			kind = "json"
		case "multipart/form-data", "application/x-www-form-urlencoded":
			kind = "form"
		default:
			kind = "stream"
		}
		if kind != "stream" && schema.yaml == nil {
			l.fail(p.name, "%s: %s has no schema", what, p.key)
			return "", node{}, false
		}
		if kind == "stream" || len(content.pairs()) == 1 {
			return kind, schema, true
		}
	}
	return kind, schema, kind != ""
}

// bodyFields turns a body into fields: the properties of an object, or one stream.
func (l *loader) bodyFields(kind string, schema node, owner, suffix string) []*Field {
	if kind == "stream" {
		return []*Field{{
			Name: "body", GoName: "Body", PyName: "body", In: "stream",
			Description: "The bytes.", Type: &Type{Kind: Stream},
		}}
	}
	t, ok := l.follow(schema)
	if !ok {
		return nil
	}
	fields := l.properties(t.node, owner+suffix)
	for _, f := range fields {
		f.In = "body"
		if kind == "form" {
			f.In = "form"
		}
	}
	if fields == nil {
		l.fail(schema, "%s: want a body that is an object with properties", owner)
	}
	return fields
}

// checkOperation notes what does not fit together.
func (l *loader) checkOperation(o *Operation, n node) {
	for _, m := range pathParameter.FindAllStringSubmatch(o.Path, -1) {
		if !o.Has("path", m[1]) {
			l.fail(n, "%s: path parameter %s is not declared", o.Name, m[1])
		}
	}
	for _, f := range o.In("path") {
		if f.Required = true; !strings.Contains(o.Path, "{"+f.Name+"}") {
			l.fail(n, "%s: path parameter %s is not in %s", o.Name, f.Name, o.Path)
		}
	}
	for _, f := range o.In("query") {
		f.Required = f.Required || o.inPath(f.Name)
	}
	if (o.VariantOf != nil) != (o.Selector != "") {
		l.fail(n, "%s: x-ois-selector belongs to variants, and every variant has one", o.Name)
	}
	if o.Selector != "" && !o.Has("header", o.Selector) {
		l.fail(n, "%s: selector %s is not a header parameter", o.Name, o.Selector)
	}
	if l.foreign {
		rename(o.Input, "Zone", "ContentLength", "Body")
		rename(o.Output, "Status", "RequestID", "Body")
	}
	seen := make(map[string]bool)
	for _, f := range o.Input {
		if seen[f.GoName] || f.GoName == "Zone" || f.GoName == "ContentLength" {
			l.fail(n, "%s: input %s: there is another %s; rename one by x-ois-go", o.Name, f.Name, f.GoName)
		}
		seen[f.GoName] = true
	}
	for _, f := range o.Output {
		if slices.Contains([]string{"Status", "RequestID"}, f.GoName) || f.GoName == "Body" && f.In != "stream" {
			l.fail(n, "%s: output %s: every output has a field %s of its own; rename this one by x-ois-go", o.Name, f.Name, f.GoName)
		}
	}
	for _, direction := range l.list(n, "x-ois-stream") {
		if !o.Streams(direction) {
			l.fail(n, "%s: x-ois-stream: %s has no body of bytes", o.Name, direction)
		}
	}
}
