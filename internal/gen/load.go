package gen

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Load reads the contract whose root document is file, and checks it. The
// source is how headers of generated files name the contract. The
// error joins every *Problem found, in the order of files and lines.
func Load(fsys fs.FS, file, source string) (*Spec, error) {
	l := &loader{
		docs:  documents{fsys: fsys, read: make(map[string]node), broken: make(map[string]error)},
		types: make(map[string]*Type),
		busy:  make(map[string]bool),
		codes: make(map[string]*ErrorCode), checked: make(map[*yaml.Node]bool),
		spec: &Spec{Source: source},
	}
	root, err := l.docs.open(path.Clean(file))
	if err == nil {
		l.root(root)
		l.checkNames()
	} else if _, broken := l.docs.broken[path.Clean(file)]; !broken {
		return nil, fmt.Errorf("%s: %w", source, reason(err))
	}
	for _, err := range l.docs.broken { // everything else that is wrong may follow from it
		p, _ := errors.AsType[*Problem](err)
		l.problems = append(slices.DeleteFunc(l.problems, l.notBroken), p)
	}
	if len(l.problems) > 0 {
		return nil, l.err(path.Dir(source))
	}
	return l.spec, err
}

// reason is why a file could not be read, without its name.
func reason(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// notBroken reports whether a problem is not that of a file that cannot be read at all.
func (l *loader) notBroken(p *Problem) bool {
	broken, _ := errors.AsType[*Problem](l.docs.broken[p.File])
	return p != broken
}

// A loader builds a Spec and collects what is wrong on the way.
type loader struct {
	docs     documents
	spec     *Spec
	types    map[string]*Type // by file#pointer
	busy     map[string]bool  // types that are being built
	codes    map[string]*ErrorCode
	problems []*Problem
	checked  map[*yaml.Node]bool // whose keys were checked, in Swagger 2.0
	swagger  bool                // the root document is Swagger 2.0
	foreign  bool                // it is not written for us: what it does not say is derived, and how it says things is not judged
}

// fail notes a problem at n.
func (l *loader) fail(n node, format string, args ...any) {
	l.problems = append(l.problems, n.problem(format, args...))
}

// err joins the problems, each once, in the order of files and lines. The files are in dir.
func (l *loader) err(dir string) error {
	slices.SortStableFunc(l.problems, func(a, b *Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Message, b.Message))
	})
	var errs []error
	for i, p := range l.problems {
		if i == 0 || *p != *l.problems[i-1] {
			errs = append(errs, &Problem{path.Join(dir, p.File), p.Line, p.Message})
		}
	}
	return errors.Join(errs...)
}

// follow resolves a reference; ok is false after a problem was noted.
func (l *loader) follow(n node) (target, bool) {
	t, err := l.docs.follow(n)
	if err != nil {
		if p, ok := errors.AsType[*Problem](err); ok {
			l.problems = append(l.problems, p)
		} else {
			l.fail(n, "%v", err)
		}
		return target{}, false
	}
	return t, true
}

// child returns what a key holds or refers to; nothing if it is absent.
func (l *loader) child(n node, key string) node {
	v, ok := n.get(key)
	if !ok {
		return node{}
	}
	t, _ := l.follow(v)
	return t.node
}

// root reads the document that names all others.
func (l *loader) root(n node) {
	if l.swagger = l.isSwagger(n); l.swagger {
		l.docs.home = n.file
	}
	l.foreign = l.swagger || !slices.ContainsFunc(n.pairs(), func(p pair) bool { return strings.HasPrefix(p.key, "x-ois-") })
	if !l.checkKeys(n, "document") {
		return
	}
	if v := l.text(n, "openapi"); !l.swagger && !strings.HasPrefix(v, "3.1") {
		l.fail(n, "openapi: got %q; want 3.1.0, or swagger: \"2.0\"", v)
	}
	if info, ok := n.get("info"); ok && l.checkKeys(info, "info") {
		l.spec.Title = oneLine(plainText(l.text(info, "title")))
		l.spec.Version = oneLine(plainText(l.text(info, "version")))
		l.spec.Description = l.prose(info, "description")
	}
	l.spec.SignedParameters = l.list(n, "x-ois-signed-parameters")
	l.servers(n)
	l.limits(n)
	l.errors(n)
	l.tags(n)
	l.common(n)
	l.extra(n)
	paths, ok := n.get("paths")
	if !ok || !paths.is(yaml.MappingNode) {
		l.fail(n, "paths: want a mapping of paths to their operations")
		return
	}
	if t, ok := l.follow(paths); ok {
		paths = t.node
	}
	for _, p := range paths.pairs() {
		l.path(p)
	}
	for _, o := range l.spec.Operations {
		for _, f := range o.Input {
			mark(f.Type, true)
		}
		for _, f := range o.Output {
			mark(f.Type, false)
		}
	}
	slices.SortFunc(l.spec.Types, func(a, b *Type) int { return cmp.Compare(a.Name, b.Name) })
}

// tags reads the descriptions of the tags, in their order.
func (l *loader) tags(root node) {
	n, _ := root.get("tags")
	for _, item := range n.items() {
		if l.checkKeys(item, "tag") {
			t := l.tag(l.text(item, "name"))
			t.Description = l.prose(item, "description")
		}
	}
}

// tag returns the tag of that name.
func (l *loader) tag(name string) *Tag {
	for _, t := range l.spec.Tags {
		if t.Name == name {
			return t
		}
	}
	t := &Tag{Name: name, GoName: goName(name), PyName: pyName(name)}
	l.spec.Tags = append(l.spec.Tags, t)
	return t
}

// checkNames notes operations and types that share a name.
func (l *loader) checkNames() {
	taken := make(map[string]string)
	claim := func(at node, name, what string) {
		if other, ok := taken[name]; ok {
			l.fail(at, "%s and %s are both called %s", other, what, name)
		}
		taken[name] = what
	}
	for _, o := range l.spec.Operations {
		claim(o.at, o.Name, "operation "+o.Name)
		claim(o.at, o.Name+"Input", "input of operation "+o.Name)
		claim(o.at, o.Name+"Output", "output of operation "+o.Name)
	}
	for _, t := range l.spec.Types {
		claim(t.at, t.Name, "type "+t.Name)
	}
}
