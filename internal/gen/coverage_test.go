package gen

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/oisproject/ois/contract"
	"github.com/oisproject/ois/internal/fault"
	"github.com/oisproject/ois/internal/op"
	"github.com/oisproject/ois/internal/wire"
	"github.com/oisproject/ois/sdk/go/api"
)

// ours loads the contract of this repository.
func ours(t *testing.T) *Spec {
	t.Helper()
	spec, err := Load(contract.FS, "ois.yaml", "contract/ois.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// TestEveryOperationIsCovered holds what is generated and checked in to the contract.
func TestEveryOperationIsCovered(t *testing.T) {
	client := reflect.TypeFor[*api.Client]()
	spec := ours(t)
	python := pythonMethods(t)
	if len(spec.Operations) != op.Count {
		t.Errorf("op has %d operations; want %d", op.Count, len(spec.Operations))
	}
	for i, o := range spec.Operations {
		id := op.ID(i + 1)
		if id.String() != o.Name {
			t.Errorf("op has %v where the contract has %s", id, o.Name)
			continue
		}
		if c := wire.CodecOf(id); c.Params == nil || c.Encode == nil || c.HasBody() != (o.RequestBody == "json") {
			t.Errorf("%s: codec is not complete", o.Name)
		}
		if _, ok := client.MethodByName(o.Name); !ok {
			t.Errorf("%s: no method in the Go SDK", o.Name)
		}
		if name := o.PyName; !python[name] && !python[strings.Replace(name, "_bucket", "", 1)] {
			t.Errorf("%s: no method in the Python SDK", o.Name)
		}
		page, err := os.ReadFile(filepath.Join("../../docs/api", kebab(o.Name)+".md"))
		if err != nil || !strings.Contains(string(page), "\n# "+o.Name+"\n") {
			t.Errorf("%s: no page in docs/api: %v", o.Name, err)
		}
	}
}

// pythonMethods returns the names of the methods that the Python SDK has for operations.
func pythonMethods(t *testing.T) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	for _, file := range []string{"bucket.py", "service.py"} {
		text, err := os.ReadFile(filepath.Join("../../sdk/python/src/ois/_generated", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^    def (\w+)\(`).FindAllSubmatch(text, -1) {
			names[string(m[1])] = true
		}
	}
	return names
}

// TestEveryErrorIsCovered holds package fault and docs/api to the error codes.
func TestEveryErrorIsCovered(t *testing.T) {
	page, err := os.ReadFile("../../docs/api/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range ours(t).Errors {
		if got := fault.Code(e.Code).Status(); got != e.Status || fault.Code(e.Code).Description() == "" {
			t.Errorf("%s: fault has status %d; want %d", e.Code, got, e.Status)
		}
		if !strings.Contains(string(page), "\n### "+e.Code+"\n") {
			t.Errorf("%s: not in docs/api/errors.md", e.Code)
		}
	}
}

// TestStrictFollowsTheRules checks the exported contract for what OpenAPI 3.1 demands and ours does not.
func TestStrictFollowsTheRules(t *testing.T) {
	spec := ours(t)
	doc, err := Strict(contract.FS, "ois.yaml", spec)
	if err != nil {
		t.Fatal(err)
	}
	root := node{"strict", doc}
	checkRefs(t, root, root)
	ids := make(map[string]bool)
	paths, _ := root.get("paths")
	for _, p := range paths.pairs() {
		if strings.Contains(p.key, "?") {
			t.Errorf("%s: a path must not have a query", p.key)
		}
		for _, m := range p.value.pairs() {
			checkStrict(t, p.key, m.value, ids)
		}
	}
	if len(ids) != len(spec.Operations) {
		t.Errorf("%d operations; want %d", len(ids), len(spec.Operations))
	}
}

// checkRefs checks that every reference leads to a component.
func checkRefs(t *testing.T, root, n node) {
	t.Helper()
	if ref, ok := n.get("$ref"); ok && ref.is(yaml.ScalarNode) {
		pointer, local := strings.CutPrefix(ref.yaml.Value, "#")
		if _, ok := root.find(pointer); !ok || !local {
			t.Errorf("$ref %s leads nowhere", ref.yaml.Value)
		}
	}
	for _, p := range n.pairs() {
		checkRefs(t, root, p.value)
	}
	for _, item := range n.items() {
		checkRefs(t, root, item)
	}
}

// checkStrict checks one operation of the exported contract.
func checkStrict(t *testing.T, path string, o node, ids map[string]bool) {
	t.Helper()
	id, _ := o.get("operationId")
	if ids[id.yaml.Value] {
		t.Errorf("%s: operationId %s stands there twice", path, id.yaml.Value)
	}
	ids[id.yaml.Value] = true
	if _, ok := o.get("x-ois-variants"); ok {
		t.Errorf("%s: variants are still inside", path)
	}
	declared := make(map[string]bool)
	params, _ := o.get("parameters")
	for _, p := range params.items() {
		name, _ := p.get("name")
		in, _ := p.get("in")
		key := in.yaml.Value + " " + name.yaml.Value
		if declared[key] {
			t.Errorf("%s: parameter %s stands there twice", id.yaml.Value, key)
		}
		declared[key] = true
	}
	base, _, _ := strings.Cut(path, "#")
	for _, name := range []string{"bucket", "key"} {
		if strings.Contains(base, "{"+name+"}") != declared["path "+name] {
			t.Errorf("%s: path parameter %s: declared %v", id.yaml.Value, name, declared["path "+name])
		}
	}
}
