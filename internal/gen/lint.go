package gen

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// maxColumns bounds a line of prose, so that it can become a comment.
const maxColumns = 100

var (
	html     = regexp.MustCompile(`</?[A-Za-z][A-Za-z0-9]*(\s[^<>]*)?/?>|&[a-z]+;`)
	wireName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]*(-\*)?$`)
)

// validName reports whether a name can stand on the wire and become a Go name.
func validName(name string) bool { return wireName.MatchString(name) && goName(name) != "" }

// htmlTags are the tags that betray HTML; a placeholder such as <key> is prose.
var htmlTags = map[string]bool{
	"a": true, "b": true, "br": true, "code": true, "div": true, "em": true, "h1": true, "h2": true,
	"h3": true, "i": true, "img": true, "li": true, "ol": true, "p": true, "pre": true, "span": true,
	"strong": true, "table": true, "td": true, "th": true, "tr": true, "tt": true, "ul": true,
}

// prose returns the text at key and notes what makes it unfit as a comment.
func (l *loader) prose(n node, key string) string {
	v, ok := n.get(key)
	if !ok {
		return ""
	}
	if l.foreign {
		return plainText(l.text(n, key))
	}
	s := strings.TrimSpace(l.text(n, key))
	if s == "" {
		l.fail(v, "%s is empty", key)
	}
	first, literal := v.yaml.Line, v.yaml.Style&yaml.LiteralStyle != 0
	if literal {
		first++ // the text begins below its key
	}
	for i, line := range strings.Split(s, "\n") {
		at := node{v.file, &yaml.Node{Line: first + i}}
		if n := utf8.RuneCountInString(line); n > maxColumns && literal {
			l.fail(at, "%s: a line of %d columns; want at most %d", key, n, maxColumns)
		}
		if tag := htmlIn(line); tag != "" {
			l.fail(at, "%s: %s looks like HTML; want plain text", key, tag)
		}
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == utf8.RuneError }) {
			l.fail(at, "%s: control characters", key)
		}
	}
	return s
}

// htmlIn returns the first piece of HTML in a line, or "".
func htmlIn(line string) string {
	for _, m := range html.FindAllString(line, -1) {
		name := strings.FieldsFunc(m, func(r rune) bool { return strings.ContainsRune("</> \t", r) })
		if m[0] == '&' || len(name) > 0 && htmlTags[strings.ToLower(name[0])] {
			return m
		}
	}
	return ""
}

// described is prose that must not be missing.
func (l *loader) described(n node, what string) string {
	s := l.prose(n, "description")
	if s == "" && !l.foreign {
		l.fail(n, "%s has no description", what)
	}
	return s
}
