package conformance

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"sort"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/oisproject/ois/contract"
)

// An operation is what the contract says of one, as far as calling it takes.
type operation struct {
	id, method, path string
	selector         string // the header that makes a variant of an operation
}

// operations reads the contract.
func operations(t *testing.T) []operation {
	t.Helper()
	var root struct {
		Paths map[string]struct {
			Ref string `yaml:"$ref"`
		}
	}
	load(t, "ois.yaml", &root)
	var list []operation
	for path, item := range root.Paths {
		file, name, _ := strings.Cut(item.Ref, "#/")
		var items map[string]map[string]yaml.Node
		load(t, file, &items)
		for method, node := range items[name] {
			list = append(list, readOperation(t, strings.ToUpper(method), path, &node)...)
		}
	}
	slices.SortFunc(list, func(a, b operation) int { return strings.Compare(a.id, b.id) })
	return list
}

// readOperation returns an operation and its variants.
func readOperation(t *testing.T, method, path string, node *yaml.Node) []operation {
	t.Helper()
	type described struct {
		ID       string `yaml:"operationId"`
		Selector string `yaml:"x-ois-selector"`
	}
	var o struct {
		described `yaml:",inline"`
		Variants  []described `yaml:"x-ois-variants"`
	}
	if method == "PARAMETERS" || method == "SUMMARY" || method == "DESCRIPTION" {
		return nil
	}
	if err := node.Decode(&o); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	var list []operation
	for _, d := range append([]described{o.described}, o.Variants...) {
		list = append(list, operation{id: d.ID, method: method, path: path, selector: d.Selector})
	}
	return list
}

func load(t *testing.T, file string, v any) {
	t.Helper()
	data, err := contract.FS.ReadFile(path.Clean(file))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, v); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// values are what a request for an operation puts into its path.
var values = strings.NewReplacer(
	"{key}", "a.txt", "action", "action=info", "position", "position=0", "upload_id", "upload_id=none", "part_number", "part_number=0",
)

// bodies are what operations with a body get. Others get none.
var bodies = map[string]string{
	"PutBucketACL":            `{"acl":[]}`,
	"PutBucketCORS":           `{"cors_rules":[{"allowed_origin":"*","allowed_methods":["GET"]}]}`,
	"PutBucketPolicy":         `{"statement":[]}`,
	"PutBucketExternalMirror": `{"source_site":"http://127.0.0.1:1"}`,
	"PutBucketLogging":        `{"target_bucket":"BUCKET","target_prefix":""}`,
	"PutBucketCNAME":          `{"domain":"BUCKET.example.com"}`,
	"DeleteBucketCNAME":       `{"domain":"BUCKET.example.com"}`,
	"PutBucketLifecycle":      `{"rule":[{"id":"r","status":"enabled","filter":{"prefix":"x"},"expiration":{"days":1}}]}`,
	"PutBucketNotification":   `{"notifications":[]}`,
	"PutBucketReplication":    `{"rules":[]}`,
	"PutBucketVersioning":     `{"status":"ENABLED"}`,
	"DeleteMultipleObjects":   `{"objects":[{"key":"b.txt"}]}`,
	"CompleteMultipartUpload": `{"object_parts":[{"part_number":0}]}`,
	"PostObject":              "--x\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nf\r\n--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--x--\r\n",
}

// request returns a request for o in b.
func (o operation) request(b *bucket) request {
	target := o.path
	if suffix, ok := strings.CutPrefix(o.path, "/{bucket}"); ok {
		target = "/" + b.name + values.Replace(suffix)
	}
	body := strings.ReplaceAll(bodies[o.id], "BUCKET", b.name)
	header := []string{"Content-MD5: " + md5Of(body)}
	switch {
	case o.id == "FetchObject":
		header = append(header, o.selector+": http://127.0.0.1:1/")
	case o.selector != "":
		header = append(header, o.selector+": "+b.path("a.txt"))
	case o.id == "PostObject":
		header = append(header, "Content-Type: multipart/form-data; boundary=x")
	}
	return request{method: o.method, target: target, header: header, body: body, by: b.by}
}

// TestEveryOperationWorksOrSaysThatItIsMissing asks for each operation of the contract, and
// prints those that the service does not have yet.
func TestEveryOperationWorksOrSaysThatItIsMissing(t *testing.T) {
	t.Parallel()
	ops := operations(t)
	if len(ops) < 50 {
		t.Fatalf("the contract has %d operations; want all", len(ops))
	}
	missing := make([]string, len(ops))
	t.Run("operations", func(t *testing.T) {
		for i, o := range ops {
			t.Run(o.id, func(t *testing.T) {
				if !start(t).works(o) {
					missing[i] = o.id
				}
			})
		}
	})
	missing = slices.DeleteFunc(missing, func(id string) bool { return id == "" })
	sort.Strings(missing)
	t.Logf("%d of %d operations are answered, %d are not implemented:\n\t%s",
		len(ops)-len(missing), len(ops), len(missing), strings.Join(missing, "\n\t"))
}

// works reports whether the service has o. If not, it must say so, and have done nothing.
func (s *session) works(o operation) bool {
	s.t.Helper()
	b := s.newBucket()
	b.fill("a.txt")
	a := s.do(o.request(b))
	if a.status != http.StatusNotImplemented {
		refused := a.status >= 400 && a.method != http.MethodHead && slices.Contains([]string{"method_not_allowed", "invalid_json"}, a.failure().Code)
		if a.status >= 500 && a.status != http.StatusServiceUnavailable || refused {
			s.t.Errorf("%s: %s: %d %s; want an answer of the operation, or 501", o.id, a.to, a.status, a.text)
		}
		return true
	}
	a.wantFault(http.StatusNotImplemented, "not_implemented")
	if f := a.failure(); !strings.Contains(f.Message, o.id) {
		s.t.Errorf("%s: the message is %q; want it to name the operation", o.id, f.Message)
	}
	b.get("a.txt").want(http.StatusOK).wantBody("a.txt")
	if st := b.statistics(); st.Count != 1 || st.Size != 5 {
		s.t.Errorf("%s: 501, yet there are %d objects of %d bytes; want 1 of 5", o.id, st.Count, st.Size)
	}
	return false
}

func TestMissingOperationsStillAskWhoIsThere(t *testing.T) {
	s := start(t)
	b := s.newBucket()
	for _, suffix := range []string{"?policy", "?cors", "?versioning", "?lifecycle"} {
		for _, by := range []*account{nil, newAccount("NOSUCHACCESSKEYID001", "secret"), newAccount(s.owner.id, "not the secret")} {
			a := b.as(by).send("GET", suffix, "")
			if a.status != http.StatusForbidden && a.status != http.StatusUnauthorized {
				t.Errorf("GET %s: %d %s; want 401 or 403", suffix, a.status, a.text)
			}
		}
	}
	missing := &bucket{session: s, name: freshName(), by: s.owner}
	missing.send("PUT", "?versioning", fmt.Sprintf(`{"status":%q}`, "ENABLED")).want(http.StatusNotFound, http.StatusNotImplemented)
	missing.send("HEAD", "", "").want(http.StatusNotFound)
}
