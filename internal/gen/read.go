package gen

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// known are the keys that each kind of object may have. Keys that start with x- but
// not with x-ois- belong to somebody else and are ignored.
var known = map[string][]string{
	"document": {
		"openapi", "info", "servers", "paths", "components", "tags", "security", "externalDocs",
		"webhooks", "x-ois-signed-parameters", "x-ois-limits", "x-ois-errors", "x-ois-error-body",
		"x-ois-common-headers", "x-ois-policy-actions", "x-ois-image-actions",
	},
	"info": {"title", "version", "summary", "description", "license", "contact", "termsOfService"},
	"path": {"$ref", "summary", "description", "parameters", "get", "put", "post", "delete", "head", "options", "patch"},
	"operation": {
		"operationId", "summary", "description", "tags", "parameters", "requestBody", "responses",
		"externalDocs", "deprecated", "security",
		"x-ois-auth", "x-ois-anonymous", "x-ois-action", "x-ois-source-auth", "x-ois-source-action",
		"x-ois-idempotent", "x-ois-page", "x-ois-stream", "x-ois-md5", "x-ois-errors",
		"x-ois-variants", "x-ois-selector", "x-ois-extension", "x-ois-py",
	},
	"parameter": {
		"$ref", "name", "in", "description", "required", "schema", "example", "examples", "deprecated",
		"allowEmptyValue", "style", "explode", "allowReserved",
		"x-ois-greedy", "x-ois-zero", "x-ois-go", "x-ois-py", "x-ois-extension", "x-ois-clamp",
		"x-ois-aliases", "x-ois-secret", "x-ois-max-bytes", "x-ois-case-insensitive",
	},
	"header": {
		"$ref", "description", "required", "schema", "example", "examples", "deprecated",
		"x-ois-zero", "x-ois-go", "x-ois-py", "x-ois-extension", "x-ois-omitempty", "x-ois-secret",
	},
	"request body": {"$ref", "description", "required", "content", "x-ois-extension", "x-ois-max-bytes"},
	"media type":   {"schema", "example", "examples", "encoding"},
	"response":     {"$ref", "description", "headers", "content", "x-ois-extension"},
	"schema": {
		"$ref", "type", "format", "title", "description", "properties", "required", "items",
		"additionalProperties", "enum", "default", "minimum", "maximum", "minLength", "maxLength",
		"minItems", "maxItems", "uniqueItems", "maxProperties", "pattern", "example", "examples", "deprecated", "readOnly", "writeOnly", "const",
		"contentEncoding", "contentMediaType",
		"x-ois-zero", "x-ois-go", "x-ois-py", "x-ois-one-or-many", "x-ois-omitempty", "x-ois-format",
		"x-ois-extension", "x-ois-clamp", "x-ois-secret", "x-ois-max-bytes", "x-ois-case-insensitive",
	},
	"page":       {"token", "next", "more", "items", "limit", "offset", "total", "last"},
	"limit":      {"value", "unit", "description"},
	"error code": {"code", "status", "description", "retry", "extension", "common"},
	"tag":        {"name", "description", "externalDocs"},
}

// checkKeys notes keys that an object of that kind does not have.
func (l *loader) checkKeys(n node, what string) bool {
	if !n.is(yaml.MappingNode) {
		l.fail(n, "%s: want a mapping", what)
		return false
	}
	if l.checked[n.yaml] {
		return true // a parameter of Swagger 2.0, which is its own schema
	}
	l.checked[n.yaml] = l.swagger
	for _, p := range n.pairs() {
		foreign := strings.HasPrefix(p.key, "x-") && !strings.HasPrefix(p.key, "x-ois-")
		if strings.Contains(p.key, " ") {
			l.fail(p.name, "key %q looks like text: quote a description that contains a comma", p.key)
		} else if !foreign && !slices.Contains(l.knownKeys(what), p.key) {
			l.fail(p.name, "%s: unknown key %q; known are %s", what, p.key, strings.Join(l.knownKeys(what), ", "))
		}
	}
	return true
}

// text returns the string at key, "" if it is absent.
func (l *loader) text(n node, key string) string {
	v, ok := n.get(key)
	if !ok {
		return ""
	}
	if !v.is(yaml.ScalarNode) {
		l.fail(v, "%s: want a plain value", key)
		return ""
	}
	if v.yaml.Tag == "!!null" {
		return ""
	}
	return v.yaml.Value
}

// flag returns the boolean at key, false if it is absent.
func (l *loader) flag(n node, key string) bool {
	switch v, _ := n.get(key); l.text(n, key) {
	case "true":
		return true
	case "false", "":
		return false
	default:
		l.fail(v, "%s: got %q; want true or false", key, v.yaml.Value)
		return false
	}
}

// number returns the integer at key, nil if it is absent.
func (l *loader) number(n node, key string) *int64 {
	v, ok := n.get(key)
	if !ok {
		return nil
	}
	i, err := strconv.ParseInt(v.yaml.Value, 10, 64)
	if _, err := strconv.ParseFloat(v.yaml.Value, 64); err == nil && l.foreign && v.is(yaml.ScalarNode) && i == 0 && v.yaml.Value != "0" {
		return nil // a bound of a number with a fraction, which templates do not see
	}
	if err != nil || !v.is(yaml.ScalarNode) {
		l.fail(v, "%s: want an integer", key)
		return nil
	}
	return &i
}

// list returns the strings at key: a sequence, or one plain value.
func (l *loader) list(n node, key string) []string {
	v, ok := n.get(key)
	if !ok {
		return nil
	}
	if v.is(yaml.ScalarNode) {
		return []string{v.yaml.Value}
	}
	if !v.is(yaml.SequenceNode) {
		l.fail(v, "%s: want a list", key)
		return nil
	}
	var list []string
	for _, item := range v.items() {
		if !item.is(yaml.ScalarNode) {
			l.fail(item, "%s: want a list of plain values", key)
			continue
		}
		list = append(list, item.yaml.Value)
	}
	return list
}

// choice returns the string at key, which must be one of some.
func (l *loader) choice(n node, key string, some ...string) string {
	v, ok := n.get(key)
	if !ok {
		return ""
	}
	s := l.text(n, key)
	if !slices.Contains(some, s) {
		l.fail(v, "%s: got %q; want %s", key, s, strings.Join(some, ", "))
	}
	return s
}
