package gen

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// maxDepth bounds the nesting of a document, and of references in references.
const maxDepth = 64

// maxNodes bounds a document with all its aliases.
const maxNodes = 1 << 18

// A Problem is something wrong in the contract or in a template.
type Problem struct {
	File    string
	Line    int
	Message string
}

// Error returns file, line and message, in the form that editors jump to.
func (p *Problem) Error() string { return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Message) }

// A node is a YAML node and the file it stands in.
type node struct {
	file string
	yaml *yaml.Node
}

// at returns the node for y in a file. An alias is what it stands for.
func at(file string, y *yaml.Node) node {
	if y.Kind == yaml.AliasNode && y.Alias != nil {
		y = y.Alias
	}
	return node{file, y}
}

// problem returns a Problem at the node.
func (n node) problem(format string, args ...any) *Problem {
	return &Problem{File: n.file, Line: n.yaml.Line, Message: fmt.Sprintf(format, args...)}
}

// is reports whether the node is of that kind.
func (n node) is(kind yaml.Kind) bool { return n.yaml != nil && n.yaml.Kind == kind }

// get returns the value of a key of a mapping.
func (n node) get(key string) (node, bool) {
	if !n.is(yaml.MappingNode) {
		return node{}, false
	}
	for i := 0; i+1 < len(n.yaml.Content); i += 2 {
		if n.yaml.Content[i].Value == key {
			return at(n.file, n.yaml.Content[i+1]), true
		}
	}
	return node{}, false
}

// A pair is a key of a mapping and its value.
type pair struct {
	key   string
	name  node // the key itself, for its line
	value node
}

// pairs returns what a mapping holds, in order.
func (n node) pairs() []pair {
	if !n.is(yaml.MappingNode) {
		return nil
	}
	pairs := make([]pair, 0, len(n.yaml.Content)/2)
	for i := 0; i+1 < len(n.yaml.Content); i += 2 {
		k, v := n.yaml.Content[i], n.yaml.Content[i+1]
		pairs = append(pairs, pair{k.Value, node{n.file, k}, at(n.file, v)})
	}
	return pairs
}

// items returns the elements of a sequence.
func (n node) items() []node {
	if !n.is(yaml.SequenceNode) {
		return nil
	}
	items := make([]node, len(n.yaml.Content))
	for i, c := range n.yaml.Content {
		items[i] = at(n.file, c)
	}
	return items
}

// find follows a JSON pointer, such as /components/schemas/Object.
func (n node) find(pointer string) (node, bool) {
	if pointer == "" {
		return n, true
	}
	rest, ok := strings.CutPrefix(pointer, "/")
	if !ok {
		return node{}, false
	}
	for token := range strings.SplitSeq(rest, "/") {
		token = unescape(token)
		if items := n.items(); items != nil {
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(items) {
				return node{}, false
			}
			n = items[i]
			continue
		}
		if n, ok = n.get(token); !ok {
			return node{}, false
		}
	}
	return n, true
}

// unescape returns what a part of a JSON pointer stands for.
func unescape(token string) string {
	return strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
}

// documents reads the files of a contract, each once.
type documents struct {
	fsys   fs.FS
	read   map[string]node
	broken map[string]error // files that are not YAML as we want it
	home   string           // file that pointers mean which their own file does not have; "" for none
	steps  int              // references followed up to now
	depth  int              // references that are being followed in order to follow others
}

// open returns the root node of a file.
func (d *documents) open(file string) (node, error) {
	if n, ok := d.read[file]; ok {
		return n, nil
	}
	if err := d.broken[file]; err != nil {
		return node{}, err
	}
	data, err := readBounded(d.fsys, file)
	if err != nil {
		return node{}, err
	}
	if path.Ext(file) == ".json" {
		data = yamlOf(data)
	}
	n, err := parse(file, data)
	if err != nil {
		d.broken[file] = err
		return node{}, err
	}
	d.read[file] = n
	return n, nil
}

// maxFile bounds a file of a contract or a template folder.
const maxFile = 16 << 20

// readBounded reads a file that is not too large.
func readBounded(fsys fs.FS, file string) ([]byte, error) {
	info, err := fs.Stat(fsys, file)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // to open a pipe could take forever
		return nil, &fs.PathError{Op: "open", Path: file, Err: errors.New("not a regular file")}
	}
	f, err := fsys.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = &fs.PathError{Op: "read", Path: file, Err: fmt.Errorf("larger than %d MiB", maxFile>>20)}
	}
	return data, err
}

// yamlLine finds the line in an error of the YAML package.
var yamlLine = regexp.MustCompile(`at L([0-9]+)`)

// notText returns where the first byte is that cannot stand in a text, or -1. The YAML package refuses it,
// too, but does not say where. What begins with a byte order mark of UTF-16 is for that package to judge.
func notText(data []byte) int {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return -1
	}
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 || r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f {
			return i
		}
		i += n
	}
	return -1
}

// parse reads one YAML document and refuses what a contract has no use for:
// tags of one's own, keys twice, and nesting without end.
func parse(file string, data []byte) (node, error) {
	if i := notText(data); i >= 0 {
		return node{}, &Problem{file, 1 + bytes.Count(data[:i], []byte("\n")), "not text in UTF-8, or a control character"}
	}
	var doc yaml.Node
	if err := yaml.Load(data, &doc); err != nil {
		line := 1
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
			line, _ = strconv.Atoi(m[1]) // digits only
		}
		return node{}, &Problem{file, line, err.Error()}
	}
	root := &doc
	if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
		root = doc.Content[0]
	}
	n := node{file, root}
	if !n.is(yaml.MappingNode) {
		return node{}, &Problem{file, 1, "the document is not a mapping"}
	}
	budget := maxNodes
	return n, vet(n, 0, &budget)
}

// vet checks a node and everything below it. The budget bounds what aliases
// of aliases can grow to.
func vet(n node, depth int, budget *int) error {
	switch *budget--; {
	case depth > maxDepth:
		return n.problem("nested deeper than %d levels", maxDepth)
	case *budget < 0:
		return n.problem("more than %d nodes", maxNodes)
	case strings.HasPrefix(n.yaml.Tag, "!") && !strings.HasPrefix(n.yaml.Tag, "!!"):
		return n.problem("tag %s is not allowed", n.yaml.Tag)
	}
	if err := vetKeys(n); err != nil {
		return err
	}
	for _, c := range n.yaml.Content {
		if err := vet(at(n.file, c), depth+1, budget); err != nil {
			return err
		}
	}
	return nil
}

// vetKeys checks the keys of a mapping.
func vetKeys(n node) error {
	seen := make(map[string]bool)
	for _, p := range n.pairs() {
		switch {
		case !p.name.is(yaml.ScalarNode):
			return p.name.problem("a key must be a plain value")
		case p.key == "<<":
			return p.name.problem("merge keys are not allowed; use $ref")
		case seen[p.key]:
			return p.name.problem("key %q stands here twice", p.key)
		}
		seen[p.key] = true
	}
	return nil
}

// A target is where a chain of references ends.
type target struct {
	node
	id   string // file#pointer of the end, "" if nothing was followed
	name string // last part of that pointer
}

// follow resolves n if it is a reference: a relative file, a JSON pointer, or both.
func (d *documents) follow(n node) (target, error) {
	t := target{node: n}
	for range maxDepth {
		ref, ok := t.get("$ref")
		if !ok {
			return t, nil
		}
		next, err := d.step(ref)
		if err != nil {
			return target{}, err
		}
		t = next
	}
	return target{}, n.problem(endless, maxDepth)
}

// endless says that following references came to no end.
const endless = "references go round in a circle, or more than %d stand one behind the other"

// maxSteps bounds the references that are followed, those behind other references counted each time.
const maxSteps = 1 << 16

// step resolves one reference.
func (d *documents) step(ref node) (target, error) {
	if d.steps++; d.steps > maxSteps {
		return target{}, ref.problem("$ref %q: references are followed more than %d times", ref.yaml.Value, maxSteps)
	}
	if d.depth++; d.depth > maxDepth {
		return target{}, ref.problem("$ref %q: "+endless, ref.yaml.Value, maxDepth)
	}
	defer func() { d.depth-- }()
	file, pointer, _ := strings.Cut(ref.yaml.Value, "#")
	if ref.yaml.Value == "" || strings.ContainsFunc(ref.yaml.Value, unicode.IsControl) {
		return target{}, ref.problem("$ref: want a relative file and a pointer, such as schemas.yaml#/Object")
	}
	if strings.Contains(file, ":") || path.IsAbs(file) {
		return target{}, ref.problem("$ref %q: want a relative file and a pointer, such as schemas.yaml#/Object", ref.yaml.Value)
	}
	if file == "" {
		file = ref.file
	} else {
		file = path.Join(path.Dir(ref.file), file)
	}
	if !fs.ValidPath(file) {
		return target{}, ref.problem("$ref %q leaves the folder of the contract", ref.yaml.Value)
	}
	doc, err := d.open(file)
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return target{}, ref.problem("$ref %q: %s: %v", ref.yaml.Value, file, p.Err)
	} else if err != nil {
		return target{}, ref.problem("$ref %q: %v", ref.yaml.Value, err)
	}
	if pointer, err = url.PathUnescape(pointer); err != nil {
		return target{}, ref.problem("$ref %q: %v", ref.yaml.Value, err)
	}
	t, err := d.walk(doc, pointer)
	if home, open := d.read[d.home]; errors.Is(err, errNothing) && open && strings.HasPrefix(ref.yaml.Value, "#") {
		file = d.home
		t, err = d.walk(home, pointer)
	}
	if errors.Is(err, errNothing) {
		return target{}, ref.problem("$ref %q: %s has no %s", ref.yaml.Value, file, pointer)
	}
	return t, err
}

// errNothing says that a pointer leads to nothing.
var errNothing = errors.New("there is nothing")

// walk follows a JSON pointer from the root of a file. Where a part is a reference without
// what the pointer names next, it goes on in what is referred to.
func (d *documents) walk(root node, pointer string) (target, error) {
	t := target{node: root, id: root.file + "#", name: fileStem(root.file)}
	if pointer == "" {
		return t, nil
	}
	rest, ok := strings.CutPrefix(pointer, "/")
	if !ok {
		return target{}, errNothing
	}
	for token := range strings.SplitSeq(rest, "/") {
		next, ok := t.find("/" + token)
		if _, ref := t.get("$ref"); !ok && ref {
			behind, err := d.follow(t.node)
			if err != nil {
				return target{}, err
			}
			t = behind
			next, ok = t.find("/" + token)
		}
		if !ok {
			return target{}, errNothing
		}
		t = target{next, t.id + "/" + token, unescape(token)}
	}
	return t, nil
}

// fileStem returns the name of a file without folder and ending: what it is called if all of it is one type.
func fileStem(file string) string { return strings.TrimSuffix(path.Base(file), path.Ext(file)) }

// jsonPair finds characters that JSON writes as two escapes, which YAML does not know. Escaped
// backslashes match first, so that what follows them is not taken for an escape.
var jsonPair = regexp.MustCompile(`\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}`)

// yamlOf returns JSON as YAML, of which it is nearly a part.
func yamlOf(data []byte) []byte {
	return jsonPair.ReplaceAllFunc(data, func(m []byte) []byte {
		var s string
		if err := json.Unmarshal(fmt.Appendf(nil, `"%s"`, m), &s); err != nil || len(m) == 2 {
			return m
		}
		return []byte(s)
	})
}
