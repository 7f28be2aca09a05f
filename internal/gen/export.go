package gen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// runExport is "oisgen export".
func runExport(s *settings, stdout io.Writer) error {
	root, file, err := s.open()
	if err != nil {
		return err
	}
	defer root.Close()
	fsys := root.FS()
	spec, err := Load(fsys, file, s.source())
	if err != nil {
		return err
	}
	doc, err := Strict(fsys, file, spec)
	if err != nil {
		return err
	}
	data, err := encode(doc, filepath.Ext(s.out) == ".json", s.source())
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "write %s\n", s.out)
	return writeFile(s.out, data)
}

// encode writes a document as YAML or JSON.
func encode(doc *yaml.Node, asJSON bool, source string) ([]byte, error) {
	var b bytes.Buffer
	if !asJSON {
		fmt.Fprintf(&b, "# %s%s; DO NOT EDIT.\n", headerMark, source)
		e := yaml.NewEncoder(&b)
		e.SetIndent(2)
		if err := e.Encode(doc); err != nil {
			return nil, err
		}
		return b.Bytes(), e.Close()
	}
	if err := writeJSON(&b, doc); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, b.Bytes(), "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// writeJSON writes a node as JSON, with keys in their order.
func writeJSON(b *bytes.Buffer, n *yaml.Node) error {
	open, shut, step := byte('['), byte(']'), 1
	switch n.Kind {
	case yaml.MappingNode:
		open, shut, step = '{', '}', 2
	case yaml.SequenceNode:
	default:
		var v any
		if err := n.Load(&v); err != nil {
			return err
		}
		data, err := json.Marshal(v)
		b.Write(data)
		return err
	}
	b.WriteByte(open)
	for i := 0; i+step-1 < len(n.Content); i += step {
		if i > 0 {
			b.WriteByte(',')
		}
		if step == 2 {
			key, err := json.Marshal(n.Content[i].Value)
			if err != nil {
				return err
			}
			b.Write(append(key, ':'))
		}
		if err := writeJSON(b, n.Content[i+step-1]); err != nil {
			return err
		}
	}
	b.WriteByte(shut)
	return nil
}

// Strict returns the contract as one document that keeps to the rules of OpenAPI 3.1. Its path
// keys have no queries: what stands after the ? moves behind a #, and becomes query parameters
// of the operations. Variants get keys of their own, such as /{bucket}/{key}#CopyObject. Shared types are
// components, and every other reference is replaced by what it refers to.
func Strict(fsys fs.FS, file string, spec *Spec) (*yaml.Node, error) {
	x := &exporter{
		docs: documents{fsys: fsys, read: make(map[string]node), broken: make(map[string]error)},
		spec: spec, schemas: make(map[string]*yaml.Node),
	}
	root, err := x.docs.open(path.Clean(file))
	if err != nil {
		return nil, err
	}
	if n, ok := root.get("swagger"); ok {
		return nil, n.problem("only OpenAPI 3.1 can be exported, this is Swagger %s", n.yaml.Value)
	}
	if n, ok := root.get("x-ois-error-body"); ok { // operations refer to it
		if _, err := x.expand(n); err != nil {
			return nil, err
		}
	}
	doc := &yaml.Node{Kind: yaml.MappingNode}
	for _, p := range root.pairs() {
		value := x.paths
		if p.key != "paths" {
			value = x.expand
		}
		if err := x.put(doc, p, value); err != nil {
			return nil, err
		}
	}
	if len(x.schemas) > 0 {
		set(doc, "components", mapping("schemas", x.components()))
	}
	return doc, nil
}

// An exporter builds a strict document.
type exporter struct {
	docs    documents
	spec    *Spec
	schemas map[string]*yaml.Node // by name; nil while it is being built
	depth   int                   // nodes around the one that is being copied
	nodes   int                   // copied up to now
}

// put adds a key with what value makes of its value.
func (x *exporter) put(to *yaml.Node, p pair, value func(node) (*yaml.Node, error)) error {
	v, err := value(p.value)
	if err == nil {
		set(to, p.key, v)
	}
	return err
}

// set sets a key of a mapping.
func set(m *yaml.Node, key string, value *yaml.Node) {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			m.Content[i+1] = value
			return
		}
	}
	m.Content = append(m.Content, scalar(key), value)
}

// scalar returns a string.
func scalar(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}

// truth returns the boolean true.
func truth() *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"} }

// mapping returns a mapping with one key.
func mapping(key string, value *yaml.Node) *yaml.Node {
	m := &yaml.Node{Kind: yaml.MappingNode}
	set(m, key, value)
	return m
}

// components returns the shared types by name.
func (x *exporter) components() *yaml.Node {
	m := &yaml.Node{Kind: yaml.MappingNode}
	names := make([]string, 0, len(x.schemas))
	for name := range x.schemas {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		set(m, name, x.schemas[name])
	}
	return m
}

// expand copies a node. References to shared types lead to components; of others, the
// target takes the place, with what stands beside the reference.
func (x *exporter) expand(n node) (*yaml.Node, error) {
	if x.depth++; x.depth > 4*maxDepth {
		return nil, n.problem("references go round in a circle")
	}
	defer func() { x.depth-- }()
	if x.nodes++; x.nodes > maxNodes {
		return nil, n.problem("more than %d nodes without references", maxNodes)
	}
	t, err := x.docs.follow(n)
	if err != nil {
		return nil, err
	}
	_, typed := t.get("type")
	_, wrapped := t.get("schema")
	if t.id != "" && typed && !wrapped {
		return x.component(n, t)
	}
	switch t.yaml.Kind {
	case yaml.MappingNode:
		m := &yaml.Node{Kind: yaml.MappingNode}
		if err := x.putAll(m, t.node); err != nil || t.id == "" {
			return m, err
		}
		return m, x.putAll(m, n)
	case yaml.SequenceNode:
		list := &yaml.Node{Kind: yaml.SequenceNode, Style: t.yaml.Style}
		for _, item := range t.items() {
			v, err := x.expand(item)
			if err != nil {
				return nil, err
			}
			list.Content = append(list.Content, v)
		}
		return list, nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: t.yaml.Tag, Value: t.yaml.Value, Style: t.yaml.Style}, nil
}

// putAll copies the keys of a mapping, but for $ref.
func (x *exporter) putAll(to *yaml.Node, from node) error {
	for _, p := range from.pairs() {
		if p.key == "$ref" {
			continue
		}
		if err := x.put(to, p, x.expand); err != nil {
			return err
		}
	}
	return nil
}

// component makes a shared type a component and returns a reference to it.
func (x *exporter) component(n node, t target) (*yaml.Node, error) {
	if _, ok := x.schemas[t.name]; !ok {
		x.schemas[t.name] = nil
		m := &yaml.Node{Kind: yaml.MappingNode}
		if err := x.putAll(m, t.node); err != nil {
			return nil, err
		}
		x.schemas[t.name] = m
	}
	m := mapping("$ref", scalar("#/components/schemas/"+t.name))
	return m, x.putAll(m, n)
}

// paths builds the strict paths.
func (x *exporter) paths(paths node) (*yaml.Node, error) {
	out := &yaml.Node{Kind: yaml.MappingNode}
	for _, p := range paths.pairs() {
		item, err := x.expand(p.value)
		if err != nil {
			return nil, err
		}
		key := strings.ReplaceAll(p.key, "?", "#")
		set(out, key, item)
		for i := 0; i+1 < len(item.Content); i += 2 {
			if method := item.Content[i].Value; slices.Contains(methods, method) {
				x.operation(out, key, method, item.Content[i+1])
			}
		}
	}
	return out, nil
}

// operation adds to an operation what the key no longer says, and gives its
// variants keys of their own.
func (x *exporter) operation(paths *yaml.Node, key, method string, n *yaml.Node) {
	o := x.find(n)
	var variants []*yaml.Node
	n.Content = pairsWithout(n, "x-ois-variants", &variants)
	base, _, _ := strings.Cut(key, "#")
	for _, v := range variants {
		if o := x.find(v); o != nil {
			x.complete(o, v)
			set(paths, base+"#"+o.Name, mapping(method, v))
		}
	}
	if o != nil {
		x.complete(o, n)
	}
}

// pairsWithout returns the content of a mapping without a key, whose elements it stores in items.
func pairsWithout(m *yaml.Node, key string, items *[]*yaml.Node) []*yaml.Node {
	var content []*yaml.Node
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			*items = m.Content[i+1].Content
			continue
		}
		content = append(content, m.Content[i], m.Content[i+1])
	}
	return content
}

// find returns the operation that a node is.
func (x *exporter) find(n *yaml.Node) *Operation {
	id, _ := node{yaml: n}.get("operationId")
	for _, o := range x.spec.Operations {
		if id.yaml != nil && o.id == id.yaml.Value {
			return o
		}
	}
	return nil
}

// complete declares the query names of the path as parameters and adds the error answer.
func (x *exporter) complete(o *Operation, n *yaml.Node) {
	params := &yaml.Node{Kind: yaml.SequenceNode}
	if list, ok := (node{yaml: n}).get("parameters"); ok {
		params = list.yaml
	}
	for _, name := range o.Flags() {
		p := mapping("name", scalar(name))
		set(p, "in", scalar("query"))
		set(p, "required", truth())
		set(p, "allowEmptyValue", truth())
		set(p, "description", scalar("Selects the operation; it has no value."))
		set(p, "schema", mapping("type", scalar("string")))
		params.Content = append(params.Content, p)
	}
	if len(params.Content) > 0 {
		set(n, "parameters", params)
	}
	responses, ok := node{yaml: n}.get("responses")
	if _, has := responses.get("default"); has { // a contract of somebody else
		return
	}
	if !ok || x.spec.ErrorBody == nil || x.schemas[x.spec.ErrorBody.Name] == nil {
		return
	}
	answer := mapping("description", scalar("An error."))
	if o.Method != http.MethodHead {
		ref := mapping("$ref", scalar("#/components/schemas/"+x.spec.ErrorBody.Name))
		set(answer, "content", mapping("application/json", mapping("schema", ref)))
	}
	set(responses.yaml, "default", answer)
}
