package gen

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Older specifications of object stores are Swagger 2.0, in a dialect: path keys have queries, and
// "#/definitions/x" in any file means the root document unless that file has one. They say
// less than our contract does, so what is missing is derived here instead of being a mistake.

// swaggerKnown are the keys of Swagger 2.0 where it differs from OpenAPI 3.1. The x-ois
// keys of known are allowed besides.
var swaggerKnown = map[string][]string{
	"document": {
		"swagger", "info", "host", "basePath", "schemes", "consumes", "produces", "paths", "definitions", "parameters",
		"responses", "securityDefinitions", "security", "tags", "externalDocs",
	},
	"operation": {
		"operationId", "summary", "description", "tags", "parameters", "responses", "consumes", "produces",
		"schemes", "externalDocs", "deprecated", "security",
	},
	"parameter": {"schema", "allowEmptyValue", "example", "examples"},
	"header":    {},
	"response":  {"$ref", "description", "headers", "schema", "examples"},
	"schema":    {"title", "discriminator", "xml", "externalDocs", "example", "readOnly", "definitions"},
}

// swaggerType are the keys that a parameter, a header and a schema share.
var swaggerType = []string{
	"$ref", "name", "in", "description", "required", "type", "format", "items", "collectionFormat", "default", "enum",
	"maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "multipleOf", "maxLength", "minLength", "pattern",
	"maxItems", "minItems", "uniqueItems", "properties", "additionalProperties", "maxProperties", "minProperties",
}

// knownKeys returns the keys that an object of that kind may have.
func (l *loader) knownKeys(what string) []string {
	keys, ok := swaggerKnown[what]
	if !l.swagger || !ok {
		return known[what]
	}
	keys = slices.Clone(keys)
	if what == "parameter" || what == "header" || what == "schema" {
		keys = append(keys, swaggerType...)
	}
	for _, key := range known[what] {
		if strings.HasPrefix(key, "x-ois-") {
			keys = append(keys, key)
		}
	}
	return keys
}

// servers reads where the service is: servers of OpenAPI 3.1, or schemes, host and base path of Swagger 2.0.
func (l *loader) servers(root node) {
	if !l.swagger {
		servers, _ := root.get("servers")
		for _, s := range servers.items() {
			l.spec.Servers = append(l.spec.Servers, l.text(s, "url"))
		}
		return
	}
	host, base := l.text(root, "host"), strings.TrimRight(l.text(root, "basePath"), "/")
	switch schemes := l.list(root, "schemes"); {
	case host == "" && base != "":
		l.spec.Servers = []string{base}
	case host != "" && schemes == nil:
		l.spec.Servers = []string{"https://" + host + base}
	case host != "":
		for _, scheme := range schemes {
			l.spec.Servers = append(l.spec.Servers, scheme+"://"+host+base)
		}
	}
}

// foreignPath is what a path key may be that is not ours: pieces of text and {parameters}, and names behind a ?.
var foreignPath = regexp.MustCompile(`^(/([A-Za-z0-9._~-]|\{[A-Za-z][A-Za-z0-9_.-]*\})*)+(\?[A-Za-z0-9_-]+(&[A-Za-z0-9_-]+)*)?$`)

// pathParameter finds the {parameters} of a path key.
var pathParameter = regexp.MustCompile(`\{([^{}]*)\}`)

// typeName makes a name of a type or an operation from what a specification calls it.
func (l *loader) typeName(s string) string {
	if !l.foreign || operationID.MatchString(s) {
		return s
	}
	return goName(s)
}

// derive fills in what our contract must say about an operation and Swagger 2.0 has no word for.
func (l *loader) derive(o *Operation) {
	if !l.foreign {
		return
	}
	o.Idempotent = cmp.Or(o.Idempotent, "true")
	if o.Method == http.MethodPost || o.Method == http.MethodPatch {
		o.Idempotent = "false"
	}
	list := words(o.Name)
	if o.Summary == "" && len(list) > 0 {
		list[0] = title(list[0])
		o.Summary = strings.Join(list, " ")
	}
	o.Summary = oneLine(o.Summary)
	o.Description = cmp.Or(o.Description, sentence(o.Summary))
}

// swaggerBody reads the body that a parameter with "in: body" describes.
func (l *loader) swaggerBody(o *Operation, n node) {
	if o.RequestBody != "" {
		l.fail(n, "%s: more than one body, or a body and a form", o.Name)
		return
	}
	schema, ok := n.get("schema")
	if !ok {
		l.fail(n, "%s: the body has no schema", o.Name)
		return
	}
	o.NeedsBody = l.flag(n, "required")
	o.RequestBody = l.swaggerKind(schema)
	o.Input = append(o.Input, l.bodyFields(o.RequestBody, schema, o.Name, "Input")...)
}

// swaggerKind returns the kind of a body: stream for files and strings, else json.
func (l *loader) swaggerKind(schema node) string {
	t, ok := l.follow(schema)
	if ok && slices.Contains([]string{"file", "string"}, l.kind(t.node)) {
		return "stream"
	}
	return "json"
}

// body returns the kind and the schema of the body of an answer.
func (l *loader) body(n node, what string) (kind string, schema node, ok bool) {
	if !l.swagger {
		return l.content(n, what)
	}
	if schema, ok = n.get("schema"); !ok {
		return "", node{}, false
	}
	return l.swaggerKind(schema), schema, true
}

// fieldSchema returns where the type of a parameter or header stands: in its schema,
// in Swagger 2.0 at itself.
func (l *loader) fieldSchema(n node) (node, bool) {
	if !l.swagger {
		return n.get("schema")
	}
	_, ok := n.get("type")
	return n, ok
}

// separators are the collection formats of Swagger 2.0, and styles of OpenAPI 3.1 that mean the same.
var separators = map[string]string{"spaceDelimited": "ssv", "pipeDelimited": "pipes", "form": "csv", "simple": "csv"}

// collection returns how a list in a parameter or header is written.
func (l *loader) collection(f *Field, n node) string {
	if f.Type.Kind != List || f.In == "" {
		return ""
	}
	if l.swagger {
		return cmp.Or(l.choice(n, "collectionFormat", "csv", "ssv", "tsv", "pipes", "multi"), "csv")
	}
	explode := l.text(n, "explode")
	if f.In == "query" && explode != "false" && cmp.Or(l.text(n, "style"), "form") == "form" {
		return "multi"
	}
	return cmp.Or(separators[l.text(n, "style")], "csv")
}

// rename gives fields whose names are taken, or reserved by what all inputs or outputs have,
// the place where they are as a suffix: ContentLengthHeader. Our contract says x-ois-go instead.
func rename(fields []*Field, reserved ...string) {
	taken := make(map[string]bool)
	for _, name := range reserved {
		taken[name] = true
	}
	for _, f := range fields {
		if f.In == "stream" {
			continue
		}
		if taken[f.GoName] {
			f.GoName += title(f.In)
			f.PyName += "_" + f.In
		}
		taken[f.GoName] = true
	}
}

// plainText is prose that nobody checked: line ends become \n, other control characters spaces.
func plainText(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' || r == 0x7f {
			return ' '
		}
		return r
	}, s))
}

// errorBodyFrom takes the body of the first error answer for that of all, if no other is named.
func (l *loader) errorBodyFrom(n node, o *Operation) {
	if !l.foreign || l.spec.ErrorBody != nil {
		return
	}
	if kind, schema, ok := l.body(n, o.Name+": error answer"); ok && kind == "json" {
		if t := l.schema(schema, o.Name+"Error"); t != nil && t.Kind == Object {
			l.spec.ErrorBody = t
		}
	}
}

// isSwagger reports whether the document is Swagger, and checks its version.
func (l *loader) isSwagger(root node) bool {
	v, ok := root.get("swagger")
	if ok && (!v.is(yaml.ScalarNode) || v.yaml.Value != "2.0") {
		l.fail(v, "swagger: got %q; want 2.0", v.yaml.Value)
	}
	return ok
}

// either returns what a thing is called in OpenAPI 3.1, or in Swagger 2.0.
func (l *loader) either(openAPI, swagger string) string {
	if l.swagger {
		return swagger
	}
	return openAPI
}
