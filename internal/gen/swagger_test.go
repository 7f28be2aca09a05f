package gen

import (
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// shelf returns the specification in Swagger 2.0 as files.
func shelf(t testing.TB) fstest.MapFS {
	t.Helper()
	m := make(fstest.MapFS)
	dir := os.DirFS("testdata/swagger")
	err := fs.WalkDir(dir, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := fs.ReadFile(dir, name)
		m[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestSwagger compares what the specification is understood as with what testdata says.
func TestSwagger(t *testing.T) {
	spec, err := Load(shelf(t), "api.yaml", "api.yaml")
	if err != nil {
		t.Fatal(err)
	}
	f, err := ReadFolder(os.DirFS("testdata/model"), "model")
	if err != nil {
		t.Fatal(err)
	}
	files, err := f.Render(spec)
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/swagger.golden"
	if *update {
		if err := os.WriteFile(golden, files[0].Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if diff := cmp.Diff(string(want), string(files[0].Data)); err != nil || diff != "" {
		t.Error(diff, err)
	}
}

// TestTemplatesWorkOnBoth renders what does not belong to Go code of ours with Swagger 2.0, too.
func TestTemplatesWorkOnBoth(t *testing.T) {
	swagger, err := Load(shelf(t), "api.yaml", "api.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"../../templates/docs", "../../examples/rust/templates"} {
		f, err := ReadFolder(os.DirFS(dir), dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range []*Spec{ours(t), swagger} {
			files, err := f.Render(spec)
			if err != nil || len(files) == 0 {
				t.Errorf("%s with %s: %v", dir, spec.Source, err)
			}
		}
	}
}

// TestSwaggerThatIsWrong breaks the specification in one place at a time.
func TestSwaggerThatIsWrong(t *testing.T) {
	tests := []struct{ name, file, old, new, want string }{
		{"another version", "api.yaml", `swagger: "2.0"`, `swagger: "1.2"`, `contract/api.yaml:3: swagger: got "1.2"; want 2.0`},
		{"a key of OpenAPI 3", "paths/object.yaml", "    operationId: GetObject\n", "    operationId: GetObject\n    requestBody: {}\n", `contract/paths/object.yaml:19: operation: unknown key "requestBody"`},
		{"an unknown key", "paths/object.yaml", "{name: Range, in: header,", "{name: Range, inn: header,", `contract/paths/object.yaml:21: parameter: unknown key "inn"`},
		{"a query with a value", "api.yaml", "?uploads:", "?uploads=1:", `contract/api.yaml:30: path "/{bucket-name}/{object-key}?uploads=1": want text and {parameters}`},
		{"no operationId", "paths/object.yaml", "    operationId: DeleteObject\n", "", `contract/paths/object.yaml:34: operationId "": want a name such as PutObject`},
		{"an operation twice", "paths/object.yaml", "operationId: DeleteObject", "operationId: GetObject", "contract/paths/object.yaml:34: operation GetObject and operation GetObject are both called GetObject"},
		{"a path parameter that is not declared", "paths/object.yaml", "uploads:\n  post:", "uploads:\n  post: {operationId: Odd, responses: {\"200\": {description: OK}}}\n  put:", "contract/paths/object.yaml:38: Odd: path parameter bucket-name is not declared"},
		{"a reference to nothing", "paths/bucket.json", "#/definitions/key", "#/definitions/kee", `$ref "#/definitions/kee": api.yaml has no /definitions/kee`},
		{"a pointer that cannot be read", "api.yaml", "~1%7B", "~1%zB", `contract/api.yaml:23: $ref "paths/bucket.json#/~1%zBbucket-name%7D": invalid URL escape`},
		{"references in a circle", "parameters.yaml", "limit: {name: limit,", `limit: {$ref: "#/parameters/limit"}` + "\nlimits: {name: limit,", "references go round in a circle"},
		{"a circle through itself", "api.yaml", "  acl:\n    $ref: definitions/acl.yaml", `  acl: {$ref: "#/definitions/acl/items"}`, "contract/api.yaml:69: $ref \"#/definitions/acl/items\": references go round in a circle"},
		{"a circle of files", "definitions/upload.yaml", "  type: object", `  $ref: "../api.yaml#/definitions/object_part"`, "references go round in a circle"},
		{"a type in itself", "definitions/upload.yaml", "etag: {type: string}", `parts: {$ref: "#/definitions/object_part"}`, "contract/definitions/upload.yaml:5: object_part contains itself"},
		{"a list in itself", "definitions/upload.yaml", "etag: {type: string}", `parts: {$ref: "#/parts"}` + "\nparts: {type: array, items: {$ref: \"#/parts\"}}", "contract/definitions/upload.yaml:6: parts contains itself"},
		{"two bodies", "paths/object.yaml", "- {name: Content-Length, in: header, type: integer, required: true}", "- {name: more, in: body, schema: {type: string}}", "contract/paths/object.yaml:10: PutObject: more than one body"},
		{"a body and a form", "paths/object.yaml", "- {name: Content-Length, in: header, type: integer, required: true}", "- {name: more, in: formData, type: string}", "PutObject: more than one body, or a body and a form"},
		{"a body without schema", "paths/object.yaml", "schema: {type: string, format: binary}", "type: string", "PutObject: the body has no schema"},
		{"a parameter without type", "paths/object.yaml", "{name: Range, in: header, type: string}", "{name: Range, in: header}", "GetObject: Range has no type"},
		{"a parameter twice", "paths/object.yaml", "name: x-qs-meta-*, in: header, type: object, additionalProperties: {type: string}", "name: content-length, in: header, type: string", "PutObject: parameter content-length stands here twice"},
		{"a strange collection format", "paths/service.yaml", "collectionFormat: pipes", "collectionFormat: lines", `collectionFormat: got "lines"; want csv, ssv, tsv, pipes, multi`},
		{"a file that is missing", "api.yaml", "./paths/service.yaml", "./paths/servant.yaml", `contract/api.yaml:21: $ref "./paths/servant.yaml#/root": paths/servant.yaml: file does not exist`},
		{"JSON that is broken", "paths/bucket.json", "{", "", "contract/paths/bucket.json:"},
	}
	place := regexp.MustCompile(`^contract/[a-z/]+\.(yaml|json):[0-9]+: `)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fsys := shelf(t)
			data := string(fsys[tt.file].Data)
			if !strings.Contains(data, tt.old) {
				t.Fatalf("%s has no %q", tt.file, tt.old)
			}
			fsys[tt.file] = &fstest.MapFile{Data: []byte(strings.Replace(data, tt.old, tt.new, 1))}
			_, err := Load(fsys, "api.yaml", "contract/api.yaml")
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v; want %q", err, tt.want)
			}
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if !place.MatchString(line) {
					t.Errorf("got %q; want file and line first", line)
				}
			}
		})
	}
}

// TestReferencesCannotGrowWithoutEnd follows a reference behind which each other needs the one before it twice.
func TestReferencesCannotGrowWithoutEnd(t *testing.T) {
	var b strings.Builder
	b.WriteString("swagger: \"2.0\"\npaths: {$ref: \"#/x-40\"}\nx-0:\n")
	for i := range 40 {
		fmt.Fprintf(&b, "  k%d: {$ref: \"#/x-%d/j%d\"}\n  j%d: {$ref: \"#/x-0\"}\n", i+1, i, i+1, i+1)
	}
	for i := range 40 {
		fmt.Fprintf(&b, "x-%d: {$ref: \"#/x-%d/k%d\"}\n", i+1, i, i+1)
	}
	_, err := Load(fstest.MapFS{"api.yaml": {Data: []byte(b.String())}}, "api.yaml", "api.yaml")
	if err == nil || !strings.Contains(err.Error(), "references are followed more than") {
		t.Fatalf("got %v; want the references counted", err)
	}
}

// FuzzSwagger checks that no root document and no file it refers to is too odd.
func FuzzSwagger(f *testing.F) {
	base := shelf(f)
	for _, file := range base {
		f.Add(file.Data, file.Data)
	}
	f.Add(base["api.yaml"].Data, []byte(`{"/a?b": {"get": {"operationId": "a", "responses": {"200": {"schema": {"items": {"$ref": "#"}}}}}}}`))
	f.Add([]byte("swagger: \"2.0\"\npaths: {$ref: \"#/a/b\"}\na: {$ref: \"#/a/b\"}\n"), []byte("{}"))
	f.Fuzz(func(t *testing.T, root, bucket []byte) {
		if len(root)+len(bucket) > 64<<10 {
			return // it teaches nothing new
		}
		fsys := fstest.MapFS{"api.yaml": {Data: root}, "paths/bucket.json": {Data: bucket}}
		for name, file := range base {
			if fsys[name] == nil {
				fsys[name] = file
			}
		}
		spec, err := Load(fsys, "api.yaml", "api.yaml")
		if err != nil {
			return
		}
		for _, o := range spec.Operations {
			if o.Name == "" || o.Tag == "" && strings.Contains(string(root), "swagger") {
				t.Fatalf("loads with an operation %+v", o)
			}
		}
	})
}

// TestCollection reads how lists are written in both forms.
func TestCollection(t *testing.T) {
	tests := []struct{ document, want string }{
		{"swagger|in: query, type: array, items: {type: string}", "csv"},
		{"swagger|in: query, type: array, items: {type: string}, collectionFormat: multi", "multi"},
		{"swagger|in: header, type: array, items: {type: string}, collectionFormat: tsv", "tsv"},
		{"swagger|in: query, type: string", ""},
		{"openapi|in: query, schema: {type: array, items: {type: string}}", "multi"},
		{"openapi|in: query, explode: false, schema: {type: array, items: {type: string}}", "csv"},
		{"openapi|in: query, style: pipeDelimited, schema: {type: array, items: {type: string}}", "pipes"},
		{"openapi|in: query, style: spaceDelimited, schema: {type: array, items: {type: string}}", "ssv"},
		{"openapi|in: header, schema: {type: array, items: {type: string}}", "csv"},
		{"openapi|in: query, schema: {type: string}", ""},
	}
	for _, tt := range tests {
		form, parameter, _ := strings.Cut(tt.document, "|")
		data := map[string]string{"swagger": `swagger: "2.0"`, "openapi": "openapi: 3.1.0"}[form] + `
paths:
  /:
    get:
      operationId: Get
      summary: Get
      description: Gets.
      x-ois-auth: user
      x-ois-idempotent: true
      parameters: [{name: list, description: List., ` + parameter + `}]
      responses: {"204": {description: Done.}}
`
		spec, err := Load(fstest.MapFS{"api.yaml": {Data: []byte(data)}}, "api.yaml", "api.yaml")
		if err != nil {
			t.Errorf("%s: %v", tt.document, err)
			continue
		}
		if got := spec.Operations[0].Input[0].Collection; got != tt.want {
			t.Errorf("%s: got %q; want %q", tt.document, got, tt.want)
		}
	}
}

// TestServers puts together where a service is.
func TestServers(t *testing.T) {
	tests := []struct{ document, want string }{
		{"host: a.example\nbasePath: /v1\nschemes: [https, http]", "https://a.example/v1 http://a.example/v1"},
		{"host: a.example\nbasePath: /", "https://a.example"},
		{"basePath: /v1/", "/v1"},
		{"", ""},
	}
	for _, tt := range tests {
		data := "swagger: \"2.0\"\npaths: {}\n" + tt.document
		spec, err := Load(fstest.MapFS{"api.yaml": {Data: []byte(data)}}, "api.yaml", "api.yaml")
		if err != nil || strings.Join(spec.Servers, " ") != tt.want {
			t.Errorf("%s: got %+v, %v; want %s", tt.document, spec, err, tt.want)
		}
	}
}

// TestFilesAreBounded refuses a file that is too large before it is parsed.
func TestFilesAreBounded(t *testing.T) {
	data := make([]byte, maxFile+1)
	_, err := Load(fstest.MapFS{"api.yaml": {Data: data}}, "api.yaml", "api.yaml")
	if err == nil || !strings.Contains(err.Error(), "api.yaml: larger than 16 MiB") {
		t.Errorf("got %v; want it too large", err)
	}
}
