package gen

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// docType returns a type in words. Links to named types go to page.
func docType(page string, t *Type) string {
	switch t.Kind {
	case List:
		if t.OneOrMany {
			return docType(page, t.Elem) + ", or a list of them"
		}
		return "list of " + docType(page, t.Elem)
	case Map:
		return "map of " + docType(page, t.Elem)
	case Object:
		return fmt.Sprintf("[%s](%s#%s)", t.Name, page, strings.ToLower(t.Name))
	case Time:
		if t.Format == "http-date" {
			return "HTTP date"
		}
		return "time, RFC 3339"
	case Stream:
		return "bytes"
	case Any:
		return "any value"
	case Integer:
		if t.Format == "unix-time" {
			return "time, Unix seconds"
		}
	}
	return t.Kind
}

// allowed returns sentences about the values that a field may have, without what its
// description says already.
func allowed(f *Field) string {
	var list []string
	if len(f.Enum) > 0 {
		s := "One of `" + strings.Join(f.Enum, "`, `") + "`"
		if f.FoldCase && !says(f, "letter", "case") {
			s += " in any letter case"
		}
		list = append(list, s)
	}
	if s := span(f); s != "" {
		list = append(list, s)
	}
	if f.MaxLength != nil && !says(f, strconv.FormatInt(*f.MaxLength, 10)) {
		list = append(list, fmt.Sprintf("At most %d characters", *f.MaxLength))
	}
	if f.MaxBytes != nil && !says(f, strconv.FormatInt(*f.MaxBytes, 10), "bytes") {
		list = append(list, fmt.Sprintf("At most %d bytes", *f.MaxBytes))
	}
	if f.Pattern != "" {
		list = append(list, "Matches `"+f.Pattern+"`")
	}
	if f.Default != "" {
		list = append(list, "Default `"+f.Default+"`")
	}
	if len(f.Aliases) > 0 {
		list = append(list, "Also spelled `"+strings.Join(f.Aliases, "`, `")+"`")
	}
	if f.ReadOnly {
		list = append(list, "Ignored in requests")
	}
	if len(list) == 0 {
		return ""
	}
	return strings.Join(list, ". ") + "."
}

// says reports whether these words stand in a row in the description of a field.
func says(f *Field, phrase ...string) bool {
	words := strings.FieldsFunc(f.Description, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for len(words) >= len(phrase) {
		if slices.Equal(words[:len(phrase)], phrase) {
			return true
		}
		words = words[1:]
	}
	return false
}

// span returns the interval of an integer in words.
func span(f *Field) string {
	low, high := "", ""
	if f.Minimum != nil {
		low = strconv.FormatInt(*f.Minimum, 10)
	}
	if f.Maximum != nil {
		high = strconv.FormatInt(*f.Maximum, 10)
	}
	switch {
	case f.Minimum != nil && f.Maximum != nil && says(f, low, "to", high):
		return ""
	case f.Minimum != nil && f.Maximum != nil && !f.Clamp:
		return "From " + low + " to " + high
	case f.Minimum != nil && f.Maximum != nil:
		return "From " + low + "; the maximum is " + high
	case f.Minimum != nil:
		return "At least " + low
	case f.Maximum != nil:
		return "At most " + high
	}
	return ""
}

// cell makes text fit into a cell of a Markdown table.
func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "<", "&lt;").Replace(oneLine(text))
}

// operationsOf returns the operations that need a policy action, on their object or their source.
func operationsOf(spec *Spec, action string) []*Operation {
	return filter(spec, func(o *Operation) bool {
		return o.Action == action || slices.Contains(o.SourceActions, action)
	})
}

// operationsWith returns the operations that name an error code.
func operationsWith(spec *Spec, code string) []*Operation {
	return filter(spec, func(o *Operation) bool {
		return slices.ContainsFunc(o.Errors, func(e *ErrorCode) bool { return e.Code == code })
	})
}

// A Selection says which operations are meant: every one of a group but those of Except,
// and those of Also. Without a group it is Also alone.
type Selection struct {
	Group        string // "every operation on an object", or ""
	Except, Also []*Operation
}

// selection finds the shortest way to say which operations are meant.
func selection(spec *Spec, list []*Operation) Selection {
	best := Selection{Also: list}
	for _, g := range []struct{ name, levels string }{
		{"every operation", "service bucket object"},
		{"every operation on a bucket or an object", "bucket object"},
		{"every operation on a bucket", "bucket"},
		{"every operation on an object", "object"},
	} {
		s := Selection{Group: g.name}
		for _, o := range spec.Operations {
			in, meant := strings.Contains(g.levels, o.Level), slices.Contains(list, o)
			if in && !meant {
				s.Except = append(s.Except, o)
			} else if !in && meant {
				s.Also = append(s.Also, o)
			}
		}
		if 2*len(s.Except)+len(s.Also)+1 < 2*len(best.Except)+len(best.Also) {
			best = s
		}
	}
	return best
}

// filter returns the operations for which ok holds.
func filter(spec *Spec, ok func(*Operation) bool) []*Operation {
	var list []*Operation
	for _, o := range spec.Operations {
		if ok(o) {
			list = append(list, o)
		}
	}
	return list
}

// thirdPerson turns a summary, "List or count objects", into what a doc comment
// says after a name: "lists or counts objects".
func thirdPerson(summary string) string {
	list := strings.Fields(summary)
	if len(list) == 0 {
		return ""
	}
	list[0] = conjugate(strings.ToLower(list[0][:1]) + list[0][1:])
	if len(list) > 2 && (list[1] == "or" || list[1] == "and") {
		list[2] = conjugate(list[2])
	}
	return strings.Join(list, " ")
}

// conjugate returns the third person of an English verb.
func conjugate(verb string) string {
	switch n := len(verb); {
	case verb == "have":
		return "has"
	case n > 1 && verb[n-1] == 'y' && !strings.ContainsRune("aeiou", rune(verb[n-2])):
		return verb[:n-1] + "ies"
	case strings.HasSuffix(verb, "s"), strings.HasSuffix(verb, "x"), strings.HasSuffix(verb, "z"),
		strings.HasSuffix(verb, "ch"), strings.HasSuffix(verb, "sh"), strings.HasSuffix(verb, "o"):
		return verb + "es"
	}
	return verb + "s"
}

// typeDoc returns the sentences of a doc comment about a named type: its description
// with a verb that fits before it.
func typeDoc(t *Type) string {
	text := sentence(t.Description)
	if text == "" {
		return t.Name + " is part of inputs and outputs."
	}
	first, _, _ := strings.Cut(text, " ")
	verb := "holds"
	switch first {
	case "A", "An", "The", "Something":
		verb = "is"
	case "How", "What", "When", "Where", "Whether", "Which", "Who":
		verb = "says"
	}
	return t.Name + " " + verb + " " + strings.ToLower(text[:1]) + text[1:]
}
