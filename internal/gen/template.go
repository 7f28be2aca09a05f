package gen

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"go.yaml.in/yaml/v4"
)

// manifestName is the file that makes a folder a template folder.
const manifestName = "oisgen.yaml"

// A Folder is a set of templates that generates one kind of output.
type Folder struct {
	Name    string // for messages
	Comment [2]string
	Outputs []Output
	Vars    map[string]string

	templates *template.Template
}

// An Output is a template and the files it makes.
type Output struct {
	Template string // name of the file in the folder
	File     string // path below the output folder; a template itself
	Each     string // spec, tag, operation or type: for what one file is made
}

// Data is what a template is executed with. Those of Tag, Operation and Type
// that the output does not iterate over are nil.
type Data struct {
	Spec      *Spec
	Tag       *Tag
	Operation *Operation
	Type      *Type
	Vars      map[string]string
}

// ReadFolder reads the template folder at the root of fsys.
func ReadFolder(fsys fs.FS, name string) (*Folder, error) {
	data, err := fs.ReadFile(fsys, manifestName)
	if err != nil {
		return nil, fmt.Errorf("templates %s: %w", name, err)
	}
	file := path.Join(name, manifestName)
	root, err := parse(file, data)
	if err != nil {
		return nil, err
	}
	f := &Folder{Name: name, Comment: [2]string{"//", ""}, Vars: make(map[string]string)}
	if err := f.manifest(root); err != nil {
		return nil, err
	}
	return f, f.read(fsys)
}

// manifest reads oisgen.yaml.
func (f *Folder) manifest(root node) error {
	for _, p := range root.pairs() {
		switch p.key {
		case "comment":
			for i, item := range append(p.value.items(), p.value)[:min(2, max(1, len(p.value.items())))] {
				f.Comment[i] = item.yaml.Value
			}
		case "vars":
			for _, v := range p.value.pairs() {
				f.Vars[v.key] = v.value.yaml.Value
			}
		case "outputs":
			for _, item := range p.value.items() {
				if err := f.output(item); err != nil {
					return err
				}
			}
		default:
			return p.name.problem("unknown key %q; known are comment, outputs, vars", p.key)
		}
	}
	if len(f.Outputs) == 0 {
		return root.problem("no outputs")
	}
	return nil
}

// output reads one entry of outputs.
func (f *Folder) output(n node) error {
	o := Output{Each: "spec"}
	for _, p := range n.pairs() {
		if !p.value.is(yaml.ScalarNode) {
			return p.value.problem("%s: want a plain value", p.key)
		}
		switch p.key {
		case "template":
			o.Template = p.value.yaml.Value
		case "file":
			o.File = p.value.yaml.Value
		case "each":
			o.Each = p.value.yaml.Value
		default:
			return p.name.problem("unknown key %q; known are each, file, template", p.key)
		}
	}
	if o.Template == "" || o.File == "" {
		return n.problem("an output needs template and file")
	}
	if !slices.Contains([]string{"spec", "tag", "operation", "type"}, o.Each) {
		return n.problem("each: got %q; want spec, tag, operation or type", o.Each)
	}
	f.Outputs = append(f.Outputs, o)
	return nil
}

// read parses all templates of the folder, so that they can use each other.
func (f *Folder) read(fsys fs.FS) error {
	f.templates = template.New("").Funcs(funcs).Option("missingkey=error")
	names, err := fs.Glob(fsys, "*.tmpl")
	if err != nil {
		return err
	}
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return fmt.Errorf("templates %s: %w", f.Name, err)
		}
		if _, err := f.templates.New(name).Parse(string(data)); err != nil {
			return fmt.Errorf("templates %s: %w", f.Name, err)
		}
	}
	for _, o := range f.Outputs {
		if f.templates.Lookup(o.Template) == nil {
			return fmt.Errorf("templates %s: no template %s", f.Name, o.Template)
		}
	}
	return nil
}

// funcs are the helper functions of templates, documented in docs/generator.md.
var funcs = template.FuncMap{
	"goName": goName, "goType": goType, "jsonTag": jsonTag, "canonical": http.CanonicalHeaderKey,
	"lowerCamel": lowerCamel, "snake": snake, "kebab": kebab, "pyName": pyName,
	"lower": strings.ToLower, "upper": strings.ToUpper, "trim": strings.TrimSpace,
	"hasPrefix": strings.HasPrefix, "hasSuffix": strings.HasSuffix, "contains": strings.Contains,
	"replace": func(old, repl, s string) string { return strings.ReplaceAll(s, old, repl) },
	"quote":   strconv.Quote, "json": toJSON, "join": join, "list": func(v ...any) []any { return v },
	"comment": comment, "wrap": wrap, "indent": indent, "sentence": sentence, "oneLine": oneLine,
	"thirdPerson": thirdPerson, "docType": docType, "typeDoc": typeDoc, "allowed": allowed, "cell": cell,
	"operationsOf": operationsOf, "operationsWith": operationsWith, "selection": selection,
	"secretHeaders": secretHeaders, "statusText": http.StatusText,
	"add":  func(a, b int) int { return a + b },
	"fail": func(format string, args ...any) (string, error) { return "", fmt.Errorf(format, args...) },
}

// goType returns the Go type of a *Field or *Type; pkg, such as "op.", goes before named types.
func goType(pkg string, v any) (string, error) {
	switch v := v.(type) {
	case *Field:
		s, err := goType(pkg, v.Type)
		if v.Pointer() {
			s = "*" + s
		}
		return s, err
	case *Type:
		return goTypeOf(pkg, v), nil
	}
	return "", fmt.Errorf("goType: got %T; want a field or a type", v)
}

// goTypeOf is goType without pointers.
func goTypeOf(pkg string, t *Type) string {
	switch t.Kind {
	case String:
		return "string"
	case Integer:
		return "int64"
	case Number:
		return "float64"
	case Boolean:
		return "bool"
	case Time:
		return "time.Time"
	case List:
		if t.OneOrMany {
			return pkg + "StringList"
		}
		return "[]" + goTypeOf(pkg, t.Elem)
	case Map:
		return "map[string]" + goTypeOf(pkg, t.Elem)
	case Object:
		return pkg + t.Name
	case Stream:
		return "io.Reader"
	}
	return "json.RawMessage"
}

// jsonTag returns the struct tag of a field: "-" unless it is in a JSON body,
// and without the zero value unless it is required.
func jsonTag(f *Field) string {
	switch {
	case f.In != "" && f.In != "body":
		return "`json:\"-\"`"
	case f.Required:
		return fmt.Sprintf("`json:%q`", f.Name)
	case f.Type.Kind == Time:
		return fmt.Sprintf("`json:%q`", f.Name+",omitzero")
	}
	return fmt.Sprintf("`json:%q`", f.Name+",omitempty")
}

// toJSON returns v as JSON, for string literals of most languages.
func toJSON(v any) (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return strings.TrimSpace(b.String()), err
}

// join writes the elements of a slice with sep between them.
func join(sep string, list any) (string, error) {
	switch list := list.(type) {
	case []string:
		return strings.Join(list, sep), nil
	case []int:
		parts := make([]string, len(list))
		for i, n := range list {
			parts[i] = strconv.Itoa(n)
		}
		return strings.Join(parts, sep), nil
	}
	return "", fmt.Errorf("join: got %T; want strings or integers", list)
}

// comment wraps text to 90 columns and puts prefix before every line.
func comment(prefix, text string) string {
	return indent(prefix+" ", wrap(90-len(prefix), text))
}

// wrap breaks paragraphs into lines of at most width columns where words allow it.
// Blank lines separate paragraphs; indented lines stay as they are.
func wrap(width int, text string) string {
	var out, para []string
	flush := func() {
		if len(para) > 0 {
			out = append(out, fill(width, strings.Fields(strings.Join(para, " ")))...)
			para = nil
		}
	}
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		switch {
		case strings.TrimSpace(line) == "":
			flush()
			out = append(out, "")
		case line[0] == ' ' || line[0] == '\t':
			flush()
			out = append(out, line)
		default:
			para = append(para, line)
		}
	}
	flush()
	return strings.Join(out, "\n")
}

// fill sets words into lines.
func fill(width int, list []string) []string {
	var lines []string
	line := ""
	for _, w := range list {
		if line != "" && len(line)+1+len(w) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += w
	}
	return append(lines, line)
}

// indent puts prefix before every line of text, without trailing space.
func indent(prefix, text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(prefix+line, " ")
	}
	return strings.Join(lines, "\n")
}

// sentence ends text with a period.
func sentence(text string) string {
	text = strings.TrimSpace(text)
	if text == "" || strings.HasSuffix(text, ".") {
		return text
	}
	return text + "."
}

// oneLine joins the lines of text, as a cell of a table wants it.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// secretHeaders returns the canonical names of request headers that must not stand in
// a log, sorted.
func secretHeaders(spec *Spec) []string {
	var names []string
	add := func(fields []*Field) {
		for _, f := range fields {
			name := http.CanonicalHeaderKey(f.Name)
			if f.Secret && f.In == "header" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	add(spec.RequestHeaders)
	for _, o := range spec.Operations {
		add(o.Input)
	}
	slices.Sort(names)
	return names
}
