package gen

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// field reads a parameter, header or property. What the place that refers to it says
// (outer) goes before what it says itself (n). It returns nil after a problem.
func (l *loader) field(name string, n, outer node, in, owner string) *Field {
	if !validName(name) {
		l.fail(n, "%s: bad name %q", owner, name)
		return nil
	}
	f := &Field{Name: name, In: in, GoName: goName(name), PyName: pyName(name)}
	l.names(f, n, outer)
	if f.Description = cmp.Or(l.prose(outer, "description"), l.prose(n, "description")); f.Description == "" && !l.foreign {
		l.fail(outer, "%s: %s has no description", owner, name)
	}
	f.Aliases = l.list(n, "x-ois-aliases")
	for _, from := range []node{n, outer} {
		f.Extension = f.Extension || l.flag(from, "x-ois-extension")
		f.OmitEmpty = f.OmitEmpty || l.flag(from, "x-ois-omitempty")
		f.Secret = f.Secret || l.flag(from, "x-ois-secret")
		l.bounds(f, from)
	}
	schema := outer // of a property; a shared type has its name from the reference
	if in != "" {
		f.Required = l.flag(n, "required")
		var ok bool
		if schema, ok = l.fieldSchema(n); !ok {
			l.fail(n, "%s: %s has no %s", owner, name, l.either("schema", "type"))
			return nil
		}
	}
	f.Type = l.schema(schema, owner+f.GoName)
	if f.Type == nil {
		return nil
	}
	f.Collection = l.collection(f, n)
	if t, ok := l.follow(schema); ok && t.yaml != n.yaml {
		l.bounds(f, t.node)
	}
	return l.metadata(f, outer)
}

// names applies x-ois-go and x-ois-py.
func (l *loader) names(f *Field, n, outer node) {
	places := []node{n, outer}
	if _, named := n.get("properties"); named && n.yaml != outer.yaml {
		places = places[1:] // there it names the type
	}
	for _, from := range places {
		if s := l.text(from, "x-ois-go"); s != "" {
			f.GoName = s
		}
		if s := l.text(from, "x-ois-py"); s != "" {
			f.PyName = s
		}
	}
	if !operationID.MatchString(f.GoName) {
		l.fail(n, "%s: Go name %q: want a name such as PartNumber", f.Name, f.GoName)
	}
}

// metadata turns a header called x-qs-meta-* into the field Metadata.
func (l *loader) metadata(f *Field, n node) *Field {
	prefix, ok := strings.CutSuffix(f.Name, "*")
	if !ok {
		return f
	}
	if l.foreign && f.Type.Kind == String { // it cannot say that a header is a map
		f.Type = &Type{Kind: Map, Elem: f.Type}
	}
	if f.In != "header" && f.In != "" || f.Type.Kind != Map || f.Type.Elem.Kind != String {
		l.fail(n, "%s: want a header or form field that is a map of strings", f.Name)
		return nil
	}
	f.Name, f.Metadata = prefix, true
	if f.GoName == goName(prefix+"*") {
		f.GoName, f.PyName = "Metadata", "metadata"
	}
	return f
}

// bounds reads what limits the value of a field, as far as n says it.
func (l *loader) bounds(f *Field, n node) {
	if list := l.list(n, "enum"); list != nil {
		f.Enum = list
	}
	if v, ok := n.get("default"); ok && (v.is(yaml.ScalarNode) || !l.foreign) {
		f.Default = cmp.Or(l.text(n, "default"), f.Default)
	}
	f.Pattern = cmp.Or(l.text(n, "pattern"), f.Pattern)
	f.Minimum = cmp.Or(l.number(n, "minimum"), f.Minimum)
	f.Maximum = cmp.Or(l.number(n, "maximum"), f.Maximum)
	f.MaxLength = cmp.Or(l.number(n, "maxLength"), f.MaxLength)
	f.MaxBytes = cmp.Or(l.number(n, "x-ois-max-bytes"), f.MaxBytes)
	f.Zero = f.Zero || l.choice(n, "x-ois-zero", "meaningful") != ""
	f.Clamp = f.Clamp || l.flag(n, "x-ois-clamp")
	f.FoldCase = f.FoldCase || l.flag(n, "x-ois-case-insensitive")
	f.ReadOnly = f.ReadOnly || l.flag(n, "readOnly")
}

// schema reads a type. The name is for objects that are written in place.
func (l *loader) schema(n node, name string) *Type {
	t, ok := l.follow(n)
	if !ok || !l.checkKeys(t.node, "schema") {
		return nil
	}
	if t.id != "" {
		if l.busy[t.id] {
			l.fail(n, "%s contains itself", t.name)
			return nil
		}
		l.busy[t.id] = true
		defer delete(l.busy, t.id)
	}
	switch kind := l.kind(t.node); kind {
	case "object":
		return l.object(t, name)
	case "array":
		items, ok := t.get("items")
		if !ok {
			l.fail(t.node, "%s: an array without items", name)
			return nil
		}
		elem := l.schema(items, name)
		if elem == nil {
			return nil
		}
		list := &Type{Kind: List, Elem: elem, OneOrMany: l.flag(t.node, "x-ois-one-or-many")}
		if list.OneOrMany && elem.Kind != String {
			l.fail(t.node, "%s: x-ois-one-or-many is for lists of strings", name)
		}
		return list
	case "file":
		if l.swagger {
			return &Type{Kind: Stream}
		}
	case "string", "integer", "number", "boolean", "any":
		return l.scalar(t.node, kind)
	}
	l.fail(t.node, "%s: type %q: want string, integer, number, boolean, array or object", name, l.kind(t.node))
	return nil
}

// kind returns the type of a schema without "null", any if it names none.
func (l *loader) kind(n node) string {
	kinds := slices.DeleteFunc(l.list(n, "type"), func(s string) bool { return s == "null" })
	if len(kinds) > 1 {
		l.fail(n, "several types: want one, and null if need be")
	}
	if len(kinds) == 0 {
		return "any"
	}
	return kinds[0]
}

// scalar reads a type without parts.
func (l *loader) scalar(n node, kind string) *Type {
	t := &Type{Kind: kind, Format: l.text(n, "format")}
	switch t.Format {
	case "date-time", "http-date":
		if kind != "string" {
			l.fail(n, "format %s is for strings", t.Format)
		}
		t.Kind = Time
		if l.choice(n, "x-ois-format", "seconds") != "" {
			t.Format = "seconds"
		}
	case "binary":
		t.Kind = Stream
	case "", "int32", "int64", "unix-time", "double", "float", "uri", "url", "byte", "base64", "email", "hostname", "md5", "etag", "cidr", "ipv4":
	case "RFC 822", "date-time-rfc822":
		t.Kind, t.Format = Time, "http-date"
	case "ISO 8601":
		t.Kind, t.Format = Time, "date-time"
	default:
		if !l.foreign { // where a format may be anything
			l.fail(n, "unknown format %q", t.Format)
		}
	}
	return t
}

// object reads a map, or an object with properties, which gets a name.
func (l *loader) object(t target, name string) *Type {
	props, ok := t.get("properties")
	if !ok || len(props.pairs()) == 0 {
		extra, ok := t.get("additionalProperties")
		if !ok || !extra.is(yaml.MappingNode) {
			return &Type{Kind: Any}
		}
		elem := l.schema(extra, name)
		if elem == nil {
			return nil
		}
		return &Type{Kind: Map, Elem: elem}
	}
	id := t.id
	if id == "" { // the same name may be made of other words elsewhere, which is a mistake to be named
		id = fmt.Sprintf("%s at %s:%d:%d", name, t.file, t.yaml.Line, t.yaml.Column)
	} else {
		name = l.typeName(t.name)
	}
	if s := l.text(t.node, "x-ois-go"); s != "" {
		name = s
	}
	if typ := l.types[id]; typ != nil {
		return typ
	}
	if !operationID.MatchString(name) {
		l.fail(t.node, "type %q: want a name such as ObjectPart", cmp.Or(t.name, name))
	}
	typ := &Type{Kind: Object, Name: name, PyName: name, Description: l.prose(t.node, "description"), at: t.node}
	typ.Fields = l.properties(t.node, name)
	l.types[id] = typ
	l.spec.Types = append(l.spec.Types, typ)
	return typ
}

// properties reads the fields of an object.
func (l *loader) properties(n node, owner string) []*Field {
	if !l.checkKeys(n, "schema") {
		return nil
	}
	required := l.list(n, "required")
	props, _ := n.get("properties")
	var fields []*Field
	for _, p := range props.pairs() {
		t, ok := l.follow(p.value)
		if !ok {
			continue
		}
		if _, isRef := p.value.get("$ref"); isRef {
			l.checkKeys(p.value, "schema")
		}
		f := l.field(p.key, t.node, p.value, "", owner)
		if f == nil {
			continue
		}
		if i := slices.Index(required, f.Name); i >= 0 {
			f.Required = true
			required = slices.Delete(slices.Clone(required), i, i+1)
		}
		fields = append(fields, f)
	}
	for _, name := range required {
		l.fail(n, "%s: required property %q does not exist", owner, name)
	}
	return fields
}

// mark notes which objects travel in which direction. It looks into each once: objects that have the next one
// twice would else take it forever.
func mark(t *Type, input bool) {
	switch t.Kind {
	case List, Map:
		mark(t.Elem, input)
	case Object:
		seen := &t.InOutput
		if input {
			seen = &t.InInput
		}
		if *seen {
			return
		}
		*seen = true
		for _, f := range t.Fields {
			mark(f.Type, input)
		}
	}
}
