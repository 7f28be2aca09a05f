package contract_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/oisproject/ois/contract"
)

// operations are all operations: name, method, path and the statuses in which they end well.
const operations = `
ListBuckets GET / 200
ListLocations GET /?location 200
PutBucket PUT /{bucket} 201
HeadBucket HEAD /{bucket} 200
DeleteBucket DELETE /{bucket} 204
ListObjects GET /{bucket} 200
GetBucketStatistics GET /{bucket}?stats 200
DeleteMultipleObjects POST /{bucket}?delete 200
ListMultipartUploads GET /{bucket}?uploads 200
PutBucketACL PUT /{bucket}?acl 200
GetBucketACL GET /{bucket}?acl 200
PutBucketCORS PUT /{bucket}?cors 200
GetBucketCORS GET /{bucket}?cors 200
DeleteBucketCORS DELETE /{bucket}?cors 204
PutBucketPolicy PUT /{bucket}?policy 200
GetBucketPolicy GET /{bucket}?policy 200
DeleteBucketPolicy DELETE /{bucket}?policy 204
PutBucketExternalMirror PUT /{bucket}?mirror 200
GetBucketExternalMirror GET /{bucket}?mirror 200
DeleteBucketExternalMirror DELETE /{bucket}?mirror 204
PutBucketLogging PUT /{bucket}?logging 200
GetBucketLogging GET /{bucket}?logging 200
DeleteBucketLogging DELETE /{bucket}?logging 204
PutBucketCNAME PUT /{bucket}?cname 200
GetBucketCNAME GET /{bucket}?cname 200
DeleteBucketCNAME DELETE /{bucket}?cname 204
PutBucketLifecycle PUT /{bucket}?lifecycle 200
GetBucketLifecycle GET /{bucket}?lifecycle 200
DeleteBucketLifecycle DELETE /{bucket}?lifecycle 204
PutBucketNotification PUT /{bucket}?notification 200
GetBucketNotification GET /{bucket}?notification 200
DeleteBucketNotification DELETE /{bucket}?notification 204
PutBucketReplication PUT /{bucket}?replication 200
GetBucketReplication GET /{bucket}?replication 200
DeleteBucketReplication DELETE /{bucket}?replication 204
PutBucketVersioning PUT /{bucket}?versioning 200
GetBucketVersioning GET /{bucket}?versioning 200
ListObjectVersions GET /{bucket}?versions 200
PutObject PUT /{bucket}/{key} 201
CopyObject PUT /{bucket}/{key} 201
MoveObject PUT /{bucket}/{key} 201
FetchObject PUT /{bucket}/{key} 201
GetObject GET /{bucket}/{key} 200,206,302,304
HeadObject HEAD /{bucket}/{key} 200,304
DeleteObject DELETE /{bucket}/{key} 204
OptionsObject OPTIONS /{bucket}/{key} 200
AppendObject POST /{bucket}/{key}?append&position 200
PostObject POST /{bucket} 201,302
ImageProcess GET /{bucket}/{key}?image&action 200,304
InitiateMultipartUpload POST /{bucket}/{key}?uploads 200
UploadMultipart PUT /{bucket}/{key}?upload_id&part_number 201
CopyPart PUT /{bucket}/{key}?upload_id&part_number 201
ListMultipart GET /{bucket}/{key}?upload_id 200
CompleteMultipartUpload POST /{bucket}/{key}?upload_id 201
AbortMultipartUpload DELETE /{bucket}/{key}?upload_id 204
`

// A document is what the files say, by name of the file.
type document map[string]any

// load parses every file.
func load(t *testing.T) document {
	t.Helper()
	names, err := fs.Glob(contract.FS, "*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("got %d files and error %v; want some files", len(names), err)
	}
	doc := make(document)
	for _, name := range names {
		data, err := fs.ReadFile(contract.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := yaml.Unmarshal(data, &v); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		doc[name] = v
	}
	return doc
}

// resolve follows a reference that stands in file.
func (d document) resolve(file, ref string) (any, error) {
	name, pointer, ok := strings.Cut(ref, "#/")
	if !ok {
		return nil, fmt.Errorf("no #/ in it")
	}
	if name == "" {
		name = file
	}
	v, ok := d[name]
	if !ok {
		return nil, fmt.Errorf("no file %s", name)
	}
	for key := range strings.SplitSeq(pointer, "/") {
		if v, ok = object(v)[key]; !ok {
			return nil, fmt.Errorf("no %q there", key)
		}
	}
	return v, nil
}

// follow returns what v refers to, or v itself. Its own description goes before.
func (d document) follow(t *testing.T, file string, v any) map[string]any {
	t.Helper()
	m := object(v)
	ref, ok := m["$ref"].(string)
	if !ok {
		return m
	}
	target, err := d.resolve(file, ref)
	if err != nil {
		t.Fatalf("%s: reference %s: %v", file, ref, err)
	}
	merged := maps.Clone(object(target))
	maps.Copy(merged, m)
	return merged
}

// object returns v as a mapping, an empty one if it is something else.
func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// walk calls visit for v and everything in it.
func walk(path string, v any, visit func(path string, v any)) {
	visit(path, v)
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			walk(path+"/"+key, v[key], visit)
		}
	case []any:
		for i, item := range v {
			walk(fmt.Sprintf("%s/%d", path, i), item, visit)
		}
	}
}

// eachOperation calls visit for every operation, variants included, with the file it stands in.
func (d document) eachOperation(t *testing.T, visit func(file, method, path string, op map[string]any)) {
	t.Helper()
	paths := object(object(d["ois.yaml"])["paths"])
	if len(paths) == 0 {
		t.Fatal("ois.yaml has no paths")
	}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		ref, _ := object(paths[path])["$ref"].(string)
		item, err := d.resolve("ois.yaml", ref)
		if err != nil {
			t.Fatalf("%s: reference %s: %v", path, ref, err)
		}
		file, _, _ := strings.Cut(ref, "#")
		for method, op := range object(item) {
			method = strings.ToUpper(method)
			visit(file, method, path, object(op))
			variants, _ := object(op)["x-ois-variants"].([]any)
			for _, variant := range variants {
				visit(file, method, path, object(variant))
			}
		}
	}
}

func TestReferencesResolve(t *testing.T) {
	doc := load(t)
	for file, root := range doc {
		walk(file, root, func(path string, v any) {
			ref, ok := object(v)["$ref"].(string)
			if !ok {
				return
			}
			if _, err := doc.resolve(file, ref); err != nil {
				t.Errorf("%s: reference %s: %v", path, ref, err)
			}
		})
	}
}

// A comma in a flow mapping cuts a sentence in two: the rest becomes a key without a value.
func TestKeysHaveNoSpaces(t *testing.T) {
	for file, root := range load(t) {
		walk(file, root, func(path string, v any) {
			for key, value := range object(v) {
				if strings.Contains(key, " ") || value == nil {
					t.Errorf("%s: got key %q with value %v; want no spaces in keys and no empty values", path, key, value)
				}
			}
		})
	}
}

func TestOperationsAreComplete(t *testing.T) {
	want := strings.Split(strings.TrimSpace(operations), "\n")
	if len(want) != 55 {
		t.Fatalf("the list in this test has %d operations; want 55", len(want))
	}
	var got []string
	load(t).eachOperation(t, func(_, method, path string, op map[string]any) {
		statuses := slices.Sorted(maps.Keys(object(op["responses"])))
		got = append(got, fmt.Sprintf("%v %s %s %s", op["operationId"], method, path, strings.Join(statuses, ",")))
	})
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("got operation %q, which is not in the list", line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("operation %q is missing", line)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %d operations; want %d", len(got), len(want))
	}
}

// errorCodes returns all codes of errors.yaml and whether every operation may answer them.
func errorCodes(t *testing.T, doc document) map[string]bool {
	t.Helper()
	codes := make(map[string]bool)
	list, _ := object(doc["errors.yaml"])["errors"].([]any)
	for _, item := range list {
		e := object(item)
		code, _ := e["code"].(string)
		status, _ := e["status"].(int)
		if _, twice := codes[code]; code == "" || twice || status < 400 || status > 599 {
			t.Errorf("got error code %q with status %d; want each once, with a status from 400 to 599", code, status)
		}
		if e["description"] == nil {
			t.Errorf("error code %s has no description", code)
		}
		codes[code], _ = e["common"].(bool)
	}
	return codes
}

func TestErrorCodesExist(t *testing.T) {
	doc := load(t)
	codes := errorCodes(t, doc)
	const want = 40 + 3 + 1 // of the API, details of cname_error, not_implemented
	if len(codes) != want {
		t.Errorf("got %d error codes; want %d", len(codes), want)
	}
	used := make(map[string]bool)
	doc.eachOperation(t, func(_, _, _ string, op map[string]any) {
		list, _ := op["x-ois-errors"].([]any)
		for _, item := range list {
			code, _ := item.(string)
			used[code] = true
			if _, ok := codes[code]; !ok {
				t.Errorf("%v: error code %q does not exist", op["operationId"], code)
			}
		}
	})
	for code, common := range codes {
		if !common && !used[code] {
			t.Errorf("no operation answers %s", code)
		}
	}
}

func TestEverythingIsDescribed(t *testing.T) {
	doc := load(t)
	described := func(what string, v map[string]any) {
		if s, _ := v["description"].(string); strings.TrimSpace(s) == "" {
			t.Errorf("%s has no description", what)
		}
	}
	doc.eachOperation(t, func(file, _, _ string, op map[string]any) {
		name := fmt.Sprint(op["operationId"])
		described(name, op)
		if s, _ := op["summary"].(string); s == "" || strings.HasSuffix(s, ".") {
			t.Errorf("%s: got summary %q; want a line without a full stop", name, s)
		}
		params, _ := op["parameters"].([]any)
		for _, p := range params {
			param := doc.follow(t, file, p)
			described(fmt.Sprintf("%s: parameter %v", name, param["name"]), param)
		}
		for status, r := range object(op["responses"]) {
			described(name+": response "+status, object(r))
			for header, h := range object(object(r)["headers"]) {
				described(name+": header "+header, doc.follow(t, file, h))
			}
		}
	})
	for file, root := range doc {
		walk(file, root, func(path string, v any) {
			for property, p := range object(object(v)["properties"]) {
				described(path+": property "+property, doc.follow(t, file, p))
			}
		})
	}
	for _, table := range []string{"schemas.yaml", "limits.yaml", "policy.yaml", "images.yaml", "common.yaml"} {
		for name, v := range object(doc[table]) {
			describeTable(name, v, described)
		}
	}
}

// describeTable asks for a description of each entry of a table, or of the entries of its entries.
func describeTable(name string, v any, described func(string, map[string]any)) {
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			described(fmt.Sprintf("%s/%d", name, i), object(item))
		}
	case map[string]any:
		if v["description"] != nil {
			return
		}
		if len(v) == 0 {
			described(name, v)
		}
		for key, item := range v {
			describeTable(name+"/"+key, item, described)
		}
	default:
		described(name, nil)
	}
}

func TestDescriptionsFitComments(t *testing.T) {
	for file, root := range load(t) {
		walk(file, root, func(path string, v any) {
			s, _ := object(v)["description"].(string)
			for line := range strings.SplitSeq(s, "\n") {
				if n := len([]rune(line)); n > 100 || strings.TrimRight(line, " \t") != line {
					t.Errorf("%s: got a line of %d columns, %q; want at most 100 and no blanks at its end", path, n, line)
				}
			}
		})
	}
}

func TestSignaturesProveThemselves(t *testing.T) {
	data, err := fs.ReadFile(contract.FS, "vectors/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name         string
		Secret       string
		StringToSign string `json:"string_to_sign"`
		Signature    string
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) != 21 {
		t.Errorf("got %d vectors; want 21", len(vectors))
	}
	for _, v := range vectors {
		mac := hmac.New(sha256.New, []byte(v.Secret))
		mac.Write([]byte(v.StringToSign))
		if got := base64.StdEncoding.EncodeToString(mac.Sum(nil)); got != v.Signature {
			t.Errorf("%s: got %s; want %s", v.Name, got, v.Signature)
		}
	}
}
