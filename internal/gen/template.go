package gen

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"reflect"
	"regexp"
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
	Name    string // its path, for messages
	Comment [2]string
	Outputs []Output
	Vars    map[string]string

	naming    wording
	templates *template.Template
}

// An Output is a template and the files it makes.
type Output struct {
	Template string // name of the file in the folder
	File     string // path below the output folder; a template itself
	Each     string // spec, tag, operation or type: for what one file is made

	at node // for messages
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
	data, err := readBounded(fsys, manifestName)
	if err != nil {
		return nil, fmt.Errorf("templates %s: %w", name, err)
	}
	file := path.Join(name, manifestName)
	root, err := parse(file, data)
	if err != nil {
		return nil, err
	}
	f := &Folder{
		Name: name, Comment: [2]string{"//", ""}, Vars: make(map[string]string),
		naming: wording{abbreviations: make(map[string]string), escape: "*_"},
	}
	if err := f.manifest(root); err != nil {
		return nil, err
	}
	return f, f.read(fsys)
}

// manifest reads oisgen.yaml.
func (f *Folder) manifest(root node) error {
	for _, p := range root.pairs() {
		if err := f.setting(p); err != nil {
			return err
		}
	}
	if len(f.Outputs) == 0 {
		return root.problem("no outputs")
	}
	return nil
}

// setting reads one key of oisgen.yaml.
func (f *Folder) setting(p pair) error {
	switch p.key {
	case "comment":
		parts, err := p.value.texts()
		if err == nil && len(parts) > 2 {
			err = p.value.problem("comment: want how it begins and, in a list of two, how it ends")
		} else if err == nil && strings.Contains(strings.Join(parts, ""), "\n") {
			err = p.value.problem("comment: want it on one line")
		}
		copy(f.Comment[:], parts)
		return err
	case "vars":
		return p.value.textMap(f.Vars)
	case "abbreviations":
		return p.value.textMap(f.naming.abbreviations)
	case "reserved":
		var err error
		f.naming.reserved, err = p.value.texts()
		return err
	case "escape":
		if f.naming.escape = p.value.yaml.Value; strings.Count(f.naming.escape, "*") != 1 {
			return p.value.problem("escape: got %q; want a * where the name stands, such as *_", f.naming.escape)
		}
		return nil
	case "outputs":
		if !p.value.is(yaml.SequenceNode) {
			return p.value.problem("outputs: want a list")
		}
		for _, item := range p.value.items() {
			if err := f.output(item); err != nil {
				return err
			}
		}
		return nil
	}
	return p.name.problem("unknown key %q; known are abbreviations, comment, escape, outputs, reserved, vars", p.key)
}

// texts returns a plain value, or a list of them.
func (n node) texts() ([]string, error) {
	items := []node{n}
	if n.is(yaml.SequenceNode) {
		items = n.items()
	}
	var texts []string
	for _, item := range items {
		if !item.is(yaml.ScalarNode) {
			return nil, item.problem("want a plain value, or a list of plain values")
		}
		texts = append(texts, item.yaml.Value)
	}
	return texts, nil
}

// textMap adds a mapping of plain values to m.
func (n node) textMap(m map[string]string) error {
	if !n.is(yaml.MappingNode) {
		return n.problem("want names with a plain value each")
	}
	for _, p := range n.pairs() {
		if !p.value.is(yaml.ScalarNode) {
			return p.value.problem("%s: want a plain value", p.key)
		}
		m[p.key] = p.value.yaml.Value
	}
	return nil
}

// output reads one entry of outputs.
func (f *Folder) output(n node) error {
	o := Output{Each: "spec", at: n}
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
	f.templates = template.New("").Funcs(funcs).Funcs(f.naming.funcs()).Option("missingkey=error")
	names, err := fs.Glob(fsys, "*.tmpl")
	if err != nil {
		return err
	}
	for _, name := range names {
		data, err := readBounded(fsys, name)
		if err != nil {
			return fmt.Errorf("templates %s: %w", f.Name, err)
		}
		if _, err := f.templates.New(name).Parse(string(data)); err != nil {
			return f.located(err)
		}
	}
	for i, o := range f.Outputs {
		if !slices.Contains(names, o.Template) {
			return o.at.problem("there is no template %q; the folder has %s", o.Template, cmp.Or(strings.Join(names, ", "), "no *.tmpl"))
		}
		if _, err := template.Must(f.templates.Clone()).New("file").Parse(f.Outputs[i].File); err != nil {
			return o.at.problem("file: %s", unplaced(err))
		}
	}
	return nil
}

// templatePlace is how package text/template begins an error: name, line, and column if it has one.
var templatePlace = regexp.MustCompile(`^template: ([^:]*):([0-9]+):(?:[0-9]+:)? `)

// located returns an error of package text/template with file and line in the form of all others.
func (f *Folder) located(err error) error {
	m := templatePlace.FindStringSubmatch(err.Error())
	if m == nil {
		return fmt.Errorf("templates %s: %w", f.Name, err)
	}
	line, _ := strconv.Atoi(m[2]) // digits only
	return &Problem{path.Join(f.Name, m[1]), line, unplaced(err)}
}

// unplaced returns the message of an error of package text/template without its place.
func unplaced(err error) string {
	s := err.Error()
	return s[len(templatePlace.FindString(s)):]
}

// funcs are the helper functions of templates, documented in docs/generator.md.
var funcs = template.FuncMap{
	"goName": goName, "goType": goType, "jsonTag": jsonTag, "canonical": http.CanonicalHeaderKey,
	"lowerCamel": lowerCamel, "snake": snake, "kebab": kebab, "screaming": screaming, "pyName": pyName,
	"lower": strings.ToLower, "upper": strings.ToUpper, "trim": strings.TrimSpace,
	"hasPrefix": strings.HasPrefix, "hasSuffix": strings.HasSuffix, "contains": strings.Contains,
	"replace": func(old, repl, s string) string { return strings.ReplaceAll(s, old, repl) },
	"quote":   strconv.Quote, "json": toJSON, "join": join, "list": func(v ...any) []any { return v },
	"comment": comment, "wrap": wrap, "indent": indent, "sentence": sentence, "oneLine": oneLine,
	"thirdPerson": thirdPerson, "docType": docType, "typeDoc": typeDoc, "allowed": allowed, "cell": cell,
	"operationsOf": operationsOf, "operationsWith": operationsWith, "selection": selection,
	"secretHeaders": secretHeaders, "statusText": http.StatusText,
	"before": func(sep, s string) string { before, _, _ := strings.Cut(s, sep); return before },
	"after":  func(sep, s string) string { _, after, _ := strings.Cut(s, sep); return after },
	"add":    func(a, b int) int { return a + b },
	"fail":   func(format string, args ...any) (string, error) { return "", fmt.Errorf(format, args...) },
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

// toJSON returns v as JSON, for string literals of most languages. A list without elements is one, not null.
func toJSON(v any) (string, error) {
	if list := reflect.ValueOf(v); list.Kind() == reflect.Slice && list.Len() == 0 {
		return "[]", nil
	}
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
