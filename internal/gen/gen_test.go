package gen

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite what golden files want")

// below returns the files of an archive below a folder.
func below(a *txtar.Archive, folder string) fstest.MapFS {
	m := make(fstest.MapFS)
	for _, f := range a.Files {
		if name, ok := strings.CutPrefix(f.Name, folder+"/"); ok {
			m[name] = &fstest.MapFile{Data: f.Data}
		}
	}
	return m
}

// folders reads the template folders of an archive, or those of this repository if it has none.
func folders(t *testing.T, a *txtar.Archive) []*Folder {
	t.Helper()
	var fsys fs.FS = below(a, "templates")
	if len(below(a, "templates")) == 0 {
		fsys = os.DirFS("../../templates")
	}
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		t.Fatal(err)
	}
	var list []*Folder
	for _, e := range entries {
		sub, err := fs.Sub(fsys, e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fs.Stat(sub, manifestName); err != nil {
			continue
		}
		f, err := ReadFolder(sub, e.Name())
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, f)
	}
	return list
}

// render returns all files that the archive's contract and templates make.
func render(t *testing.T, a *txtar.Archive) []txtar.File {
	t.Helper()
	spec, err := Load(below(a, "contract"), "ois.yaml", "contract/ois.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var list []txtar.File
	for _, f := range folders(t, a) {
		if strings.HasPrefix(f.Name, "py") {
			continue // has tests of its own
		}
		files, err := f.Render(spec)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			list = append(list, txtar.File{Name: "want/" + f.Name, Data: f.Data})
		}
	}
	doc, err := Strict(below(a, "contract"), "ois.yaml", spec)
	if err != nil {
		t.Fatal(err)
	}
	data, err := encode(doc, false, spec.Source)
	if err != nil {
		t.Fatal(err)
	}
	return append(list, txtar.File{Name: "want/strict.yaml", Data: data})
}

// TestGolden compares what small contracts become with what the archives want.
func TestGolden(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal(err, names)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := render(t, a)
			want := below(a, "want")
			for _, f := range got {
				file := strings.TrimPrefix(f.Name, "want/")
				if want[file] == nil {
					want[file] = &fstest.MapFile{}
				}
				if diff := cmp.Diff(string(want[file].Data), string(f.Data)); diff != "" && !*update {
					t.Errorf("%s: %s", file, diff)
				}
				delete(want, file)
			}
			for file := range want {
				if !*update {
					t.Errorf("%s is not generated any more", file)
				}
			}
			if *update {
				rewrite(t, name, a, got)
			}
		})
	}
}

// rewrite replaces what an archive wants.
func rewrite(t *testing.T, name string, a *txtar.Archive, got []txtar.File) {
	t.Helper()
	out := &txtar.Archive{Comment: a.Comment}
	for _, f := range a.Files {
		if !strings.HasPrefix(f.Name, "want/") {
			out.Files = append(out.Files, f)
		}
	}
	out.Files = append(out.Files, got...)
	if err := os.WriteFile(name, txtar.Format(out), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestOutputIsAlwaysTheSame generates twice: nothing may depend on the order of a map.
func TestOutputIsAlwaysTheSame(t *testing.T) {
	a, err := txtar.ParseFile("testdata/small.txtar")
	if err != nil {
		t.Fatal(err)
	}
	first := render(t, a)
	for range 5 {
		if diff := cmp.Diff(first, render(t, a)); diff != "" {
			t.Fatal(diff)
		}
	}
}

// small returns the small contract as files.
func small(t testing.TB) fstest.MapFS {
	t.Helper()
	a, err := txtar.ParseFile("testdata/small.txtar")
	if err != nil {
		t.Fatal(err)
	}
	return below(a, "contract")
}

// TestLint breaks the small contract in one place at a time.
func TestLint(t *testing.T) {
	tests := []struct{ name, file, old, new, want string }{
		{"unknown key", "ois.yaml", "x-ois-anonymous: deny", "x-ois-anonymus: deny", `ois.yaml:24: operation: unknown key "x-ois-anonymus"; known are`},
		{"a comma in a flow mapping", "ois.yaml", "description: Buckets.}", "description: Buckets, all of them.}", `ois.yaml:4: key "all of them." looks like text: quote`},
		{"no description", "schemas.yaml", "id: {type: string, description: Id of the user.}", "id: {type: string}", "schemas.yaml:10: Owner: id has no description"},
		{"HTML", "object.yaml", "Stores the body under the key.", "Stores the <b>body</b> under the key.", "object.yaml:6: description: <b> looks like HTML"},
		{"an entity", "object.yaml", "Copies an object.", "Copies an&nbsp;object.", "description: &nbsp; looks like HTML"},
		{"a long line", "object.yaml", "Stores the body under the key.", strings.Repeat("long ", 30), "object.yaml:6: description: a line of 150 columns; want at most 100"},
		{"no summary", "object.yaml", "    summary: Read an object\n", "", "GetObject has no summary"},
		{"no auth", "ois.yaml", "      x-ois-auth: read\n", "", "ListObjects: x-ois-auth is missing; want anonymous, user, read, write, owner"},
		{"a strange auth", "ois.yaml", "x-ois-auth: read\n", "x-ois-auth: friends\n", `ois.yaml:23: x-ois-auth: got "friends"; want anonymous, user`},
		{"no idempotency", "ois.yaml", "      x-ois-action: list_objects\n      x-ois-idempotent: true\n", "", "ListObjects: x-ois-idempotent is missing"},
		{"an unknown error", "ois.yaml", "[bucket_not_exists]", "[no_bucket]", `ois.yaml:28: ListObjects: unknown error code "no_bucket"`},
		{"an error twice", "errors.yaml", "invalid_json", "bucket_not_exists", "error code bucket_not_exists stands here twice"},
		{"a strange status", "errors.yaml", "404", "204", "error code bucket_not_exists: want a status from 300 to 599"},
		{"a name twice", "object.yaml", "operationId: CopyObject", "operationId: PutObject", "operation PutObject and operation PutObject are both called PutObject"},
		{"a key twice", "ois.yaml", "      tags: [bucket]\n", "      tags: [bucket]\n      tags: [bucket]\n", `key "tags" stands here twice`},
		{"a parameter twice", "ois.yaml", "name: limit", "name: marker", "ListObjects: parameter marker stands here twice"},
		{"a path without its parameter", "object.yaml", "      - {$ref: \"#/key\"}\n      - name: x-qs-meta-*", "      - name: x-qs-meta-*", "PutObject: path parameter key is not declared"},
		{"a strange path", "ois.yaml", `"/{bucket}?acl":`, `"/{bucket}/acl":`, `path "/{bucket}/acl": want /, /{bucket} or /{bucket}/{key}`},
		{"a reference to nothing", "ois.yaml", "schemas.yaml#/Object", "schemas.yaml#/Objekt", `$ref "schemas.yaml#/Objekt": schemas.yaml has no /Objekt`},
		{"a reference to no file", "ois.yaml", "limits.yaml", "limit.yaml", `$ref "limit.yaml": limit.yaml: file does not exist`},
		{"a reference outside", "ois.yaml", "limits.yaml", "../limits.yaml", "leaves the folder of the contract"},
		{"an absolute reference", "ois.yaml", "limits.yaml", "http://x/limits.yaml", "want a relative file and a pointer"},
		{"references in a circle", "object.yaml", "key: {name", "key: {$ref: \"#/key\", name", "references go round in a circle"},
		{"a type in itself", "schemas.yaml", "$ref: \"#/Owner\"", "$ref: \"#/Object\"", "Object contains itself"},
		{"a list in itself", "schemas.yaml", "$ref: \"#/Owner\"", "type: array, items: {$ref: \"#/Object\"}", "Object contains itself"},
		{"a strange type", "schemas.yaml", "key: {type: string", "key: {type: text", `type "text": want string, integer`},
		{"a strange format", "schemas.yaml", "format: date-time", "format: date", `unknown format "date"`},
		{"an array of nothing", "ois.yaml", "                    items: {$ref: \"schemas.yaml#/Object\"}\n", "", "an array without items"},
		{"a required property that is not there", "ois.yaml", "required: [owner]", "required: [ownr]", `ListObjectsOutput: required property "ownr" does not exist`},
		{"a page of nothing", "ois.yaml", "items: keys", "items: things", `x-ois-page: items: no field "things"`},
		{"a variant without selector", "object.yaml", "        x-ois-selector: x-qs-copy-source\n", "", "CopyObject: x-ois-selector belongs to variants"},
		{"a selector that is no header", "object.yaml", "x-ois-selector: x-qs-copy-source", "x-ois-selector: x-qs-source", "selector x-qs-source is not a header parameter"},
		{"no success", "ois.yaml", `"200": {description: The list`, `"404": {description: The list`, "PutBucketACL has no response with a status from 200 to 299"},
		{"a taken name", "ois.yaml", "next_marker: {type", "next_marker: {x-ois-go: Status, type", "every output has a field Status of its own"},
		{"a stream without bytes", "ois.yaml", "x-ois-md5: required", "x-ois-stream: response", "PutBucketACL: x-ois-stream: response has no body of bytes"},
		{"a limit that is no number", "limits.yaml", "value: 1023", "value: many", "limit key_max_bytes: want an integer"},
		{"an argument that is no input", "object.yaml", "    x-ois-stream: request\n", "    x-ois-py: [body, bdy]\n", `PutObject: x-ois-py: no input is called "bdy"`},
		{"an argument twice", "object.yaml", "    x-ois-stream: request\n", "    x-ois-py: [body, body]\n", "PutObject: x-ois-py: body stands here twice"},
		{"another version", "ois.yaml", "openapi: 3.1.0", "openapi: 2.0", `openapi: got "2.0"; want 3.1.0`},
		{"a broken file", "schemas.yaml", "Owner:\n", "Owner: [\n", "contract/schemas.yaml:"},
		{"a merge key", "object.yaml", "headers: *headers", "<<: *headers", "merge keys are not allowed"},
		{"one or many of what is no string", "ois.yaml", "items: {type: string}\n                        x-ois-one", "items: {type: integer}\n                        x-ois-one", "x-ois-one-or-many is for lists of strings"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fsys := small(t)
			data := string(fsys[tt.file].Data)
			if !strings.Contains(data, tt.old) {
				t.Fatalf("%s has no %q", tt.file, tt.old)
			}
			fsys[tt.file] = &fstest.MapFile{Data: []byte(strings.Replace(data, tt.old, tt.new, 1))}
			_, err := Load(fsys, "ois.yaml", "contract/ois.yaml")
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v; want %q", err, tt.want)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "contract/") {
				t.Errorf("got %v; want the file first", err)
			}
		})
	}
}

// TestAliasesCannotGrowWithoutEnd loads a document whose aliases stand for millions of nodes.
func TestAliasesCannotGrowWithoutEnd(t *testing.T) {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := range 20 {
		line := strings.NewReplacer("N", string(rune('a'+i+1)), "P", string(rune('a'+i)))
		if i == 0 {
			b.WriteString("b: &b [*a0, *a0]\n")
			continue
		}
		b.WriteString(line.Replace("N: &N [*P, *P, *P, *P, *P, *P, *P, *P, *P, *P]\n"))
	}
	_, err := Load(fstest.MapFS{"ois.yaml": {Data: []byte(b.String())}}, "ois.yaml", "ois.yaml")
	if err == nil {
		t.Fatal("got no error")
	}
}

// TestExportComesToAnEnd exports what the loader has no reason to look at.
func TestExportComesToAnEnd(t *testing.T) {
	tests := []struct{ name, components, want string }{
		{"a circle", "{a: {b: {$ref: \"#/components\"}}}", "ois.yaml:3: references go round in a circle"},
		{"doubling", doubling(30), "more than 262144 nodes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fsys := fstest.MapFS{"ois.yaml": {Data: []byte("openapi: 3.1.0\npaths: {}\ncomponents: " + tt.components + "\n")}}
			spec, err := Load(fsys, "ois.yaml", "ois.yaml")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Strict(fsys, "ois.yaml", spec); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v; want %q", err, tt.want)
			}
		})
	}
}

// doubling is a mapping in which each key refers to the one before it twice.
func doubling(n int) string {
	var b strings.Builder
	b.WriteString("{k0: [x" + strings.Repeat(", x", 200) + "]")
	for i := range n {
		fmt.Fprintf(&b, ", k%d: [{$ref: \"#/components/k%d\"}, {$ref: \"#/components/k%d\"}]", i+1, i, i)
	}
	return b.String() + "}"
}

// FuzzLoad checks that no document is too odd, and that what loads can be exported.
func FuzzLoad(f *testing.F) {
	base := small(f)
	for _, name := range slices.Sorted(maps.Keys(base)) {
		f.Add(base[name].Data)
	}
	f.Add([]byte("openapi: 3.1.0\npaths: {\"/\": {$ref: \"#/paths/~1\"}}\n"))
	f.Add([]byte("openapi: 3.1.0\npaths: {\"/\": {get: {responses: {\"200\": {content: {a: {schema: {properties: {a: {$ref: \"#\"}}}}}}}}}}\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 64<<10 {
			return // it teaches nothing new
		}
		fsys := fstest.MapFS{"ois.yaml": {Data: data}}
		for _, name := range []string{"schemas.yaml", "errors.yaml", "object.yaml", "limits.yaml"} {
			fsys[name] = base[name]
		}
		spec, err := Load(fsys, "ois.yaml", "ois.yaml")
		if err != nil || bytes.Contains(data, []byte("swagger")) {
			return // Swagger is not exported
		}
		doc, err := Strict(fsys, "ois.yaml", spec)
		if p, ok := errors.AsType[*Problem](err); ok && (strings.Contains(p.Message, "circle") || strings.Contains(p.Message, "nodes")) {
			return // in what the loader did not look at
		}
		if err != nil {
			t.Fatalf("loads, but cannot be exported: %v", err)
		}
		if _, err := encode(doc, true, "ois.yaml"); err != nil {
			t.Fatalf("loads, but is not JSON: %v", err)
		}
	})
}

func TestNames(t *testing.T) {
	tests := []struct{ wire, goWant, py, kebabWant string }{
		{"Content-MD5", "ContentMD5", "content_md5", "content-md5"},
		{"x-qs-storage-class", "StorageClass", "x_qs_storage_class", "x-qs-storage-class"},
		{"x-qs-encryption-customer-key-md5", "EncryptionCustomerKeyMD5", "x_qs_encryption_customer_key_md5", "x-qs-encryption-customer-key-md5"},
		{"x-qs-copy-source-if-match", "CopySourceIfMatch", "x_qs_copy_source_if_match", "x-qs-copy-source-if-match"},
		{"upload_id", "UploadID", "upload_id", "upload-id"},
		{"etag", "ETag", "etag", "etag"},
		{"ETag", "ETag", "etag", "etag"},
		{"mime_type", "MimeType", "mime_type", "mime-type"},
		{"response-content-type", "ResponseContentType", "response_content_type", "response-content-type"},
		{"If-Modified-Since", "IfModifiedSince", "if_modified_since", "if-modified-since"},
		{"source_ip", "SourceIP", "source_ip", "source-ip"},
		{"PutBucketCNAME", "PutBucketCNAME", "put_bucket_cname", "put-bucket-cname"},
		{"GetBucketACL", "GetBucketACL", "get_bucket_acl", "get-bucket-acl"},
		{"cname_error", "CNAMEError", "cname_error", "cname-error"},
		{"from", "From", "from_", "from"},
	}
	for _, tt := range tests {
		if got := goName(tt.wire); got != tt.goWant {
			t.Errorf("goName(%s): got %s; want %s", tt.wire, got, tt.goWant)
		}
		if got := pyName(tt.wire); got != tt.py {
			t.Errorf("pyName(%s): got %s; want %s", tt.wire, got, tt.py)
		}
		if got := kebab(tt.wire); got != tt.kebabWant {
			t.Errorf("kebab(%s): got %s; want %s", tt.wire, got, tt.kebabWant)
		}
	}
}

// TestNamesOfAFolder spells names as a manifest wants them.
func TestNamesOfAFolder(t *testing.T) {
	const manifest = `
outputs: [{template: a.tmpl, file: a.txt}]
abbreviations: {id: ID, md5: MD5}
reserved: [type, self]
escape: r#*
`
	tests := []struct{ template, want string }{
		{`{{pascal "upload_id"}} {{camel "Content-MD5"}} {{camel "id"}} {{pascal "PutBucketACL"}}`, "UploadID contentMD5 id PutBucketAcl"},
		{`{{screaming "x-qs-copy-source"}} {{snake "ListObjects"}} {{kebab "ListObjects"}}`, "X_QS_COPY_SOURCE list_objects list-objects"},
		{`{{escape "type"}} {{escape "types"}}`, "r#type types"},
	}
	for _, tt := range tests {
		f, err := ReadFolder(fstest.MapFS{manifestName: {Data: []byte(manifest)}, "a.tmpl": {Data: []byte(tt.template)}}, "x")
		if err != nil {
			t.Fatal(err)
		}
		files, err := f.Render(&Spec{Source: "s"})
		if err != nil || !strings.HasSuffix(string(files[0].Data), "\n\n"+tt.want+"\n") {
			t.Errorf("%s: got %q, %v; want %q", tt.template, files, err, tt.want)
		}
	}
}

func TestThirdPerson(t *testing.T) {
	for summary, want := range map[string]string{
		"Copy an object":               "copies an object",
		"Enable or suspend versioning": "enables or suspends versioning",
		"Have logs written":            "has logs written",
		"Fetch a file":                 "fetches a file",
		"Delay":                        "delays",
	} {
		if got := thirdPerson(summary); got != want {
			t.Errorf("%s: got %s; want %s", summary, got, want)
		}
	}
}

// run runs the command line.
func run(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = Main(args, &out, &errs)
	return status, out.String(), errs.String()
}

// workspace writes an archive into a new folder.
func workspace(t *testing.T, archive string) string {
	t.Helper()
	a, err := txtar.ParseFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range a.Files {
		if strings.HasPrefix(f.Name, "want/") {
			continue
		}
		if err := writeFile(filepath.Join(dir, filepath.FromSlash(f.Name)), f.Data); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestGenerate(t *testing.T) {
	dir := workspace(t, "testdata/rust.txtar")
	out := filepath.Join(dir, "out")
	args := []string{"generate", "--spec", filepath.Join(dir, "contract/ois.yaml"), "--templates", filepath.Join(dir, "templates"), "--out", out}
	lib, stale, hand := filepath.Join(out, "src/lib.rs"), filepath.Join(out, "old/gone.rs"), filepath.Join(out, "src/hand.rs")

	const all = "create src/lib.rs\ncreate src/service/list_buckets.rs\ncreate src/service/mod.rs\ncreate src/types/bucket.rs\n"
	if status, stdout, stderr := run(append(args, "--dry-run")...); status != 0 || stdout != all {
		t.Errorf("dry run: got %d, %q, %q; want %q", status, stdout, stderr, all)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("dry run wrote something")
	}
	if status, stdout, stderr := run(append(args, "--check")...); status != 1 || stdout != all || !strings.Contains(stderr, "not up to date") {
		t.Errorf("check of nothing: got %d, %q, %q; want %q", status, stdout, stderr, all)
	}
	if status, _, stderr := run(args...); status != 0 {
		t.Fatalf("got %d, %s", status, stderr)
	}
	data, err := os.ReadFile(lib)
	if err != nil || !strings.HasPrefix(string(data), "//! Code generated by oisgen from ois.yaml; DO NOT EDIT.\n\n// Crate tiny.\n") {
		t.Errorf("got %q, %v", data, err)
	}
	if status, stdout, _ := run(append(args, "--check")...); status != 0 || stdout != "" {
		t.Errorf("check: got %d, %q; want nothing to do", status, stdout)
	}

	for file, text := range map[string]string{
		lib: string(data) + "// changed\n", stale: "// Code generated by oisgen from ois.yaml; DO NOT EDIT.\n", hand: "// By hand.\n",
	} {
		if err := writeFile(file, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if status, stdout, _ := run(append(args, "--check")...); status != 1 || stdout != "change src/lib.rs\nstale old/gone.rs\n" {
		t.Errorf("check: got %d, %q; want a change and a stale file", status, stdout)
	}
	if status, stdout, stderr := run(args...); status != 0 || stdout != "change src/lib.rs\nstale old/gone.rs\n" {
		t.Fatalf("got %d, %q, %s", status, stdout, stderr)
	}
	if _, err := os.Stat(stale); err != nil {
		t.Error("the stale file is gone, which nobody asked for")
	}
	if status, stdout, _ := run(append(args, "--check")...); status != 1 || stdout != "stale old/gone.rs\n" {
		t.Errorf("check: got %d, %q; want a stale file", status, stdout)
	}
	if status, stdout, stderr := run(append(args, "--prune")...); status != 0 || stdout != "remove old/gone.rs\n" {
		t.Fatalf("prune: got %d, %q, %s", status, stdout, stderr)
	}
	if _, err := os.Stat(stale); err == nil {
		t.Error("the stale file is still there")
	}
	if _, err := os.Stat(hand); err != nil {
		t.Error("the hand-written file is gone")
	}
}

func TestGenerateKeepsWhatIsWrittenByHand(t *testing.T) {
	dir := workspace(t, "testdata/rust.txtar")
	lib := filepath.Join(dir, "src/lib.rs")
	if err := writeFile(lib, []byte("// By hand.\n")); err != nil {
		t.Fatal(err)
	}
	status, _, stderr := run("generate", "--spec", filepath.Join(dir, "contract/ois.yaml"),
		"--templates", filepath.Join(dir, "templates/rust"), "--out", dir)
	data, err := os.ReadFile(lib)
	if status != 1 || !strings.Contains(stderr, "refusing to replace it") || string(data) != "// By hand.\n" || err != nil {
		t.Errorf("got %d, %q, file %q, %v", status, stderr, data, err)
	}
}

func TestCommandLine(t *testing.T) {
	dir := workspace(t, "testdata/rust.txtar")
	spec, templates := filepath.Join(dir, "contract/ois.yaml"), filepath.Join(dir, "templates")
	tests := []struct {
		args   string
		status int
		want   string
	}{
		{"", 0, "Usage:"},
		{"help", 0, "Usage:"},
		{"generate --help", 0, "Usage:"},
		{"generate --spec x -h", 0, "Usage:"},
		{"export --help", 0, "Usage:"},
		{"paint", 2, `unknown command "paint"`},
		{"generate", 2, "--spec is missing"},
		{"generate --spec x", 2, "--out is missing"},
		{"generate --spec x --out y", 2, "--templates is missing"},
		{"generate --spec x --out y --templates z --check --dry-run", 2, "exclude each other"},
		{"generate --spec x --out y --templates z more", 2, `unexpected argument "more"`},
		{"generate --colour", 2, "-colour"},
		{"export --spec x --out y", 2, "--strict is missing"},
		{"generate --spec " + dir + "/none.yaml --out " + dir + " --templates " + templates, 1, "none.yaml"},
		{"generate --spec " + spec + " --out " + dir + " --templates " + dir + "/contract", 1, "no oisgen.yaml"},
		{"generate --spec " + spec + " --out " + dir + " --templates " + dir + "/none", 1, "none"},
	}
	for _, tt := range tests {
		status, stdout, stderr := run(strings.Fields(tt.args)...)
		if status != tt.status || !strings.Contains(stdout+stderr, tt.want) {
			t.Errorf("%s: got %d, %q, %q; want %d, %q", tt.args, status, stdout, stderr, tt.status, tt.want)
		}
	}
}

func TestTemplatesThatAreWrong(t *testing.T) {
	const ok = "outputs: [{template: a.tmpl, file: a.txt}]\n"
	tests := []struct{ name, manifest, template, want string }{
		{"no outputs", "outputs: []\n", "", "no outputs"},
		{"an unknown key", ok + "colour: red\n", "", `x/oisgen.yaml:2: unknown key "colour"`},
		{"an unknown key of an output", "outputs: [{template: a.tmpl, files: a}]\n", "", `unknown key "files"`},
		{"no file", "outputs: [{template: a.tmpl}]\n", "", "an output needs template and file"},
		{"an unknown each", "outputs: [{template: a.tmpl, file: a, each: day}]\n", "", `each: got "day"; want spec, tag`},
		{"a missing template", "outputs: [{template: b.tmpl, file: b}]\n", "", `x/oisgen.yaml:1: there is no template "b.tmpl"; the folder has a.tmpl`},
		{"a bad comment", ok + "comment: {a: b}\n", "", "x/oisgen.yaml:2: want a plain value"},
		{"a comment of three", ok + "comment: [a, b, c]\n", "", "x/oisgen.yaml:2: comment: want how it begins"},
		{"a comment of two lines", ok + "comment: \"a\\nb\"\n", "", "x/oisgen.yaml:2: comment: want it on one line"},
		{"vars that are a list", ok + "vars: [a]\n", "", "x/oisgen.yaml:2: want names with a plain value each"},
		{"a var that is a list", ok + "vars:\n  a: [b]\n", "", "x/oisgen.yaml:3: a: want a plain value"},
		{"outputs that are no list", "outputs: {template: a.tmpl, file: a}\n", "", "x/oisgen.yaml:1: outputs: want a list"},
		{"reserved words that are not words", ok + "reserved: {a: b}\n", "", "x/oisgen.yaml:2: want a plain value, or a list"},
		{"an escape without a name", ok + "escape: _\n", "", `x/oisgen.yaml:2: escape: got "_"; want a *`},
		{"a file name that does not parse", "outputs: [{template: a.tmpl, file: \"{{a\"}]\n", "", "x/oisgen.yaml:1: file: function \"a\" not defined"},
		{"a file name of what is not there", "outputs: [{template: a.tmpl, file: \"{{.Tag.Name}}\"}]\n", "", "x/oisgen.yaml:1: file: executing"},
		{"an unknown function", ok, "\n{{paint .}}", "x/a.tmpl:2: function \"paint\" not defined"},
		{"a template that does not parse", ok, "{{range}}", "x/a.tmpl:1: "},
		{"an unknown field", ok, "{{.Spec.Colour}}", `x/a.tmpl:1: executing "a.tmpl" at <.Spec.Colour>: can't evaluate field Colour in type *gen.Spec, for a.txt`},
		{"a failure of its own", ok, `{{fail "no %s" "way"}}`, "no way"},
		{"a file outside", "outputs: [{template: a.tmpl, file: ../a.txt}]\n", "", "x/oisgen.yaml:1: file \"../a.txt\": want a path below the output folder"},
		{"a file twice", "outputs: [{template: a.tmpl, file: a.txt, each: type}]\n", "", "x/oisgen.yaml:1: a.txt is generated twice"},
		{"Go that does not parse", "outputs: [{template: a.tmpl, file: a.go}]\n", "package a\nfunc {", "x/oisgen.yaml:1: a.go is not Go: "},
	}
	spec, err := Load(small(t), "ois.yaml", "ois.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fsys := fstest.MapFS{manifestName: {Data: []byte(tt.manifest)}, "a.tmpl": {Data: []byte(tt.template)}}
			f, err := ReadFolder(fsys, "x")
			if err == nil {
				_, err = f.Render(spec)
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v; want %q", err, tt.want)
			}
		})
	}
}
