package gen

import (
	"slices"
	"strings"
)

// arguments fills in Arguments: what a caller in a language with positional and
// named arguments may give to the operation, each name once. Those of x-ois-py come
// first, for they are what programs rely on already; then the other inputs and
// those of the variants, in the order of the contract.
func (l *loader) arguments(o *Operation, n node) {
	if t, ok := l.follow(n); ok {
		n = t.node
	}
	all := slices.Clone(o.Input)
	for _, v := range o.Variants {
		all = append(all, v.Input...)
	}
	rest := distinct(all)
	order, _ := n.get("x-ois-py")
	for _, item := range order.items() {
		name := item.yaml.Value
		f := findPy(rest, name)
		if f == nil {
			f = findPy(l.spec.RequestHeaders, name)
		}
		switch {
		case f == nil:
			l.fail(item, "%s: x-ois-py: no input is called %q", o.Name, name)
		case slices.Contains(o.Arguments, f):
			l.fail(item, "%s: x-ois-py: %s stands here twice", o.Name, name)
		default:
			o.Arguments = append(o.Arguments, f)
		}
	}
	for _, f := range rest {
		if findPy(o.Arguments, f.PyName) == nil {
			o.Arguments = append(o.Arguments, f)
		}
	}
}

// distinct returns the fields outside of the path, the first of each name.
func distinct(fields []*Field) []*Field {
	var some []*Field
	for _, f := range fields {
		if f.In != "path" && findPy(some, f.PyName) == nil {
			some = append(some, f)
		}
	}
	return some
}

// findPy returns the field of that name in Python.
func findPy(fields []*Field, name string) *Field {
	i := slices.IndexFunc(fields, func(f *Field) bool { return f.PyName == name })
	if i < 0 {
		return nil
	}
	return fields[i]
}

// Demands reports whether the operation needs the argument, whatever variant is meant.
func (o *Operation) Demands(f *Field) bool {
	return f.Required && slices.ContainsFunc(o.Input, func(own *Field) bool {
		return own.In == f.In && strings.EqualFold(own.Name, f.Name)
	})
}
