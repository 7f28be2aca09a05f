package gen

import (
	"strings"
	"testing"
	"testing/fstest"
)

// older returns a specification in the older style with the given operation and definitions.
func older(operation, definitions string) fstest.MapFS {
	return fstest.MapFS{
		"api.json": {Data: []byte(`{"swagger": "2.0", "info": {"title": "箱子\u0007\nof things", "version": "2015"},
 "x-qs-service": {"anything": [1, null]},
 "paths": {"/{boxName}/{itemKey}?part&upload_id": {"$ref": "./items/get.json#/part"}},
 "parameters": {"boxName": {"$ref": "./parameters.json#/boxName"}, "itemKey": {"$ref": "./parameters.json#/itemKey"}},
 "definitions": {"item": {"$ref": "./definitions.json#/item"}}}`)},
		"parameters.json": {Data: []byte("\ufeff" + `{"boxName": {"name": "boxName", "in": "path", "type": "string", "required": true},` + "\r\n" +
			`"itemKey": {"name": "itemKey", "in": "path", "type": "string", "required": true}}`)},
		"items/get.json": {Data: []byte(`{"part": {"parameters": [{"$ref": "#/parameters/boxName"}, {"$ref": "#/parameters/itemKey"}],` +
			"\r\n" + operation + "}}")},
		"definitions.json": {Data: []byte(definitions)},
	}
}

// TestOlderStyle reads what older specifications have in them and the standard does not expect.
func TestOlderStyle(t *testing.T) {
	const ok = `"responses": {"204": {"description": "没有"}}`
	tests := []struct {
		name, operation string
		good            func(*Spec, *Operation) bool
	}{
		{"names with spaces", `"get": {"operationId": "GET Item ACL", ` + ok + `}`, func(s *Spec, o *Operation) bool {
			return o.Name == "GetItemACL" && o.Level == "object" && s.Title == "箱子 of things"
		}},
		{"a form that is answered by a redirect", `"post": {"operationId": "POST Item", "responses": {"302": {"description": "Go."}}}`, func(_ *Spec, o *Operation) bool {
			return len(o.Success) == 0 && o.FirstStatus() == 200 && o.Responses[0].Status == 302
		}},
		{"default alone is the answer", `"get": {"operationId": "List", "responses": {"default": {"description": "All.", "schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}}}`, func(s *Spec, o *Operation) bool {
			return o.FirstStatus() == 200 && len(o.Success) == 1 && o.Output[0].Name == "n" && s.ErrorBody == nil
		}},
		{"default beside another is the error", `"get": {"operationId": "List", ` + strings.Replace(ok, "}}", `}, "default": {"description": "E", "schema": {"type": "object", "properties": {"code": {"type": "string"}}}}}`, 1) + `}`, func(s *Spec, o *Operation) bool {
			return len(o.Output) == 0 && len(o.Responses) == 1 && s.ErrorBody != nil && s.ErrorBody.Fields[0].Name == "code"
		}},
		{"times of headers", `"get": {"operationId": "Get", "parameters": [{"name": "If-Modified-Since", "in": "header", "type": "string", "format": "date-time-rfc822"}], ` + ok + `}`, func(_ *Spec, o *Operation) bool {
			f := o.In("header")[0].Type
			return f.Kind == Time && f.Format == "http-date"
		}},
		{"metadata that is said to be text", `"put": {"operationId": "Put", "parameters": [{"name": "x-qs-meta-*", "in": "header", "type": "string"}], ` + ok + `}`, func(_ *Spec, o *Operation) bool {
			f := o.In("header")[0]
			return f.Metadata && f.Name == "x-qs-meta-" && f.Type.Kind == Map && f.Type.Elem.Kind == String
		}},
		{"descriptions that are null", `"get": {"operationId": "GetItem", "summary": null, "description": null, ` + ok + `}`, func(_ *Spec, o *Operation) bool {
			return o.Summary == "Get item" && o.Description == "Get item."
		}},
		{"lists in lists", `"get": {"operationId": "Get", "responses": {"200": {"description": "D", "schema": {"type": "object", "properties": {"grid": {"type": "array", "items": {"type": "array", "items": {"$ref": "#/definitions/item"}}}}}}}}`, func(_ *Spec, o *Operation) bool {
			return o.Output[0].Type.Elem.Elem.Name == "Item"
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			spec, err := Load(older(tt.operation, `{"item": {"type": "object", "properties": {"name": {"type": "string"}}}}`), "api.json", "api.json")
			if err != nil {
				t.Fatal(err)
			}
			if o := spec.Operations[0]; !tt.good(spec, o) {
				t.Errorf("got %+v of %+v", o, spec)
			}
		})
	}
}

// TestOlderStyleThatIsWrong wants the file and the line of what cannot be read.
func TestOlderStyleThatIsWrong(t *testing.T) {
	const get, ok = `"get": {"operationId": "Get", `, `"responses": {"200": {"description": "D", "schema": {"type": "object", "properties": {"a": {"$ref": "#/definitions/item"}}}}}}`
	const item = `{"item": {"type": "string"}}`
	circle := "references go round in a circle, or more than 64 stand one behind the other"
	tests := []struct{ name, operation, definitions, want string }{
		{"a name without Latin letters", `"get": {"operationId": "获取 A", ` + ok, item, `old/items/get.json:2: operationId "获取 A": want a name such as PutObject`},
		{"a type without Latin letters", get + strings.Replace(ok, `"$ref": "#/definitions/item"`, `"$ref": "../definitions.json#/箱子 a"`, 1), `{"箱子 a": {"type": "object", "properties": {"a": {"type": "string"}}}}`, `old/definitions.json:1: type "箱子 a": want a name such as ObjectPart`},
		{"a reference to nothing at all", get + strings.Replace(ok, "#/definitions/item", "", 1), item, "old/items/get.json:2: $ref: want a relative file and a pointer"},
		{"a reference that is no text", get + strings.Replace(ok, `"#/definitions/item"`, `{"a": 1}`, 1), item, "old/items/get.json:2: $ref: want a relative file and a pointer"},
		{"a reference with a control character", get + strings.Replace(ok, "#/definitions/item", `a\u0000b`, 1), item, "old/items/get.json:2: $ref: want a relative file and a pointer"},
		{"a reference out of the folder", get + strings.Replace(ok, "#/definitions/item", "../../etc/passwd", 1), item, `old/items/get.json:2: $ref "../../etc/passwd" leaves the folder of the contract`},
		{"a file that is not there", get + strings.Replace(ok, "#/definitions/item", "./put.json#/a", 1), item, `old/items/get.json:2: $ref "./put.json#/a": items/put.json: file does not exist`},
		{"a NUL", get + ok, "{\n\"item\": {\"type\": \"string\x00\"}}", "old/definitions.json:2: not text in UTF-8, or a control character"},
		{"a byte of Latin-1", get + ok, "{\n\"item\": {\"type\": \"string\",\n \"title\": \"caf\xe9\"}}", "old/definitions.json:3: not text in UTF-8, or a control character"},
		{"a reference to itself", get + ok, `{"item": {"$ref": "#/item"}}`, circle},
		{"types with one name", get + ok, `{"item": {"type": "object", "properties": {` + "\n" +
			`"a_b": {"type": "object", "properties": {"x": {"type": "string"}}}, "t": {"$ref": "#/item_a"}}},` + "\n" +
			`"item_a": {"type": "object", "properties": {"b": {"type": "object", "properties": {"y": {"type": "string"}}}}}}`, "old/definitions.json:3: type ItemAB and type ItemAB are both called ItemAB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(older(tt.operation, tt.definitions), "api.json", "old/api.json")
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v; want %q", err, tt.want)
			}
		})
	}
}

// TestTypesAreVisitedOnce reads objects of which each has the next one twice.
func TestTypesAreVisitedOnce(t *testing.T) {
	var b strings.Builder
	b.WriteString("{")
	for i := range 60 {
		next := strings.Repeat("i", i+2) + "tem"
		b.WriteString(`"` + next[1:] + `": {"type": "object", "properties": {"a": {"$ref": "#/` + next + `"}, "b": {"$ref": "#/` + next + `"}}},`)
	}
	b.WriteString(`"` + strings.Repeat("i", 61) + `tem": {"type": "string"}}`)
	const get = `"get": {"operationId": "Get", "responses": {"200": {"description": "D", "schema": {"type": "object", "properties": {"a": {"$ref": "#/definitions/item"}}}}}}`
	spec, err := Load(older(get, b.String()), "api.json", "api.json")
	if err != nil || len(spec.Types) != 60 || !spec.Types[59].InOutput || spec.Types[59].InInput {
		t.Errorf("got %+v, %v; want 60 types in outputs", spec, err)
	}
}

// pets is OpenAPI 3.1 that was not written for us.
const pets = `openapi: 3.1.0
info: {title: Pets, version: "1"}
servers: [{url: "https://pets.example/v1"}]
paths:
  /pets/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string, format: uuid}}]
    get:
      operationId: getPet
      parameters: [{name: id, in: path, required: true, description: Which., schema: {type: string}}]
      responses:
        "200": {description: <b>A pet</b>, content: {application/json: {schema: {$ref: "#/components/schemas/pet"}}}}
        default: {description: No, content: {application/json: {schema: {$ref: "#/components/schemas/Trouble"}}}}
    post:
      operationId: pet-signal
      requestBody: {content: {application/x-www-form-urlencoded: {schema: {type: object, properties: {tone: {type: string}}}}}}
      responses: {default: {description: Done}}
  /pets/{id}?mood:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get: {operationId: petMood, responses: {"204": {description: None}}}
components:
  schemas:
    pet: {type: object, properties: {name: {type: string}, friends: {type: array, items: {$ref: "#/components/schemas/friend"}}}}
    friend: {type: object, properties: {name: {type: string}}}
    Trouble: {type: object, properties: {code: {type: string}}}
`

// TestOpenAPIOfOthers reads a document without any key of ours, and the same with one.
func TestOpenAPIOfOthers(t *testing.T) {
	fsys := fstest.MapFS{"api.yaml": {Data: []byte(pets)}, "errors.yaml": {Data: []byte("not: ours\n")}}
	spec, err := Load(fsys, "api.yaml", "api.yaml")
	if err != nil {
		t.Fatal(err)
	}
	get, post := spec.Operations[0], spec.Operations[1]
	if get.Name != "GetPet" || get.Summary != "Get pet" || get.Tag != "service" || get.Auth != "" || get.Idempotent != "true" {
		t.Errorf("got %+v", get)
	}
	if len(get.Input) != 1 || get.Input[0].Description != "Which." || get.Output[1].Type.Elem.Name != "Friend" {
		t.Errorf("got inputs %+v and outputs %+v", get.Input, get.Output)
	}
	if post.Name != "PetSignal" || post.RequestBody != "form" || post.FirstStatus() != 200 || post.Idempotent != "false" {
		t.Errorf("got %+v", post)
	}
	if spec.ErrorBody == nil || spec.ErrorBody.Name != "Trouble" {
		t.Errorf("got error body %+v", spec.ErrorBody)
	}
	doc, err := Strict(fsys, "api.yaml", spec)
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := (node{"", doc}).find("/paths/~1pets~1{id}/post/responses/default/description"); n.yaml == nil || n.yaml.Value != "Done" {
		t.Errorf("got %+v; want the answer as it was", n)
	}
	if n, ok := (node{"", doc}).find("/paths/~1pets~1{id}#mood/get/parameters/0/name"); !ok || n.yaml.Value != "mood" {
		t.Errorf("got %+v; want the name in the path as a parameter", n)
	}
	fsys["api.yaml"].Data = []byte(pets + "x-ois-signed-parameters: []\n")
	delete(fsys, "errors.yaml")
	_, err = Load(fsys, "api.yaml", "api.yaml")
	if err == nil || !strings.Contains(err.Error(), `api.yaml:5: path "/pets/{id}": want /, /{bucket} or /{bucket}/{key}`) {
		t.Errorf("got %v; want our rules", err)
	}
}
